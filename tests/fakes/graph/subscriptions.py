"""Change notifications: subscriptions are created after their receiver proved itself, renewed, listed, deleted; changes
are sent.

Sources: https://learn.microsoft.com/graph/change-notifications-delivery-webhooks (validation, payload, renewal, deletion),
https://learn.microsoft.com/graph/api/subscription-post-subscriptions,
https://learn.microsoft.com/graph/api/resources/subscription (lifetimes, `clientState` of 128 characters at most).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.fakes.graph.messages import Request, Response, graph_error
from tests.fakes.graph.world import World

__all__ = ["Subscriptions"]

_LONGEST = {"users": 41_760, "groups": 41_760, "drives": 42_300}  # minutes
_OTHERWISE = 10_080
_NEEDED = ("changeType", "notificationUrl", "resource", "expirationDateTime", "clientState")


@dataclass
class Subscriptions:
    """What is subscribed to, and what is to be told.

    Args:
        trust: What the certificates of receivers are checked with.
    """

    world: World
    now: Callable[[], datetime]
    opaque: Callable[[str], str]
    trust: ssl.SSLContext | bool = True
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    _made: int = 0

    def __post_init__(self) -> None:
        self.world.watchers.append(self._note)

    def _note(self, path: str, thing_id: str, what: str) -> None:
        if self.held:
            self.changes.append((path, thing_id, what))

    def answer(self, request: Request, subscription_id: str) -> Response:
        """POST, PATCH, GET and DELETE of `/subscriptions`."""
        now = self.now()
        self.held = {key: each for key, each in self.held.items() if _moment(each["expirationDateTime"]) > now}
        if not subscription_id:
            if request.method == "POST":
                return self._create(request.json())
            return Response(body={"value": [self._told(each) for each in self.held.values()]})
        found = self.held.get(subscription_id)
        if found is None:
            return graph_error(404, "ResourceNotFound", "The object was not found.")
        if request.method == "DELETE":
            del self.held[subscription_id]
            return Response(204)
        if request.method == "PATCH":
            refusal = self._too_long(found["resource"], request.json()["expirationDateTime"])
            if refusal is not None:
                return refusal
            found["expirationDateTime"] = request.json()["expirationDateTime"]
        return Response(body=self._told(found))

    def _told(self, subscription: dict[str, Any]) -> dict[str, Any]:
        return {name: None if name == "clientState" else value for name, value in subscription.items()}

    def _create(self, asked: dict[str, Any]) -> Response:
        missing = [name for name in _NEEDED if not asked.get(name)]
        if missing:
            return _invalid(f"Missing: {', '.join(missing)}.")
        if not asked["notificationUrl"].startswith("https://") or len(asked["clientState"]) > 128:
            return _invalid("notificationUrl is https, and clientState has 128 characters at most.")
        if set(asked["changeType"].split(",")) - {"created", "updated", "deleted"}:
            return _invalid(f"changeType is {asked['changeType']}.")
        refusal = self._too_long(asked["resource"], asked["expirationDateTime"])
        if refusal is not None:
            return refusal
        kind = _kind(asked)
        if taken := next((key for key, each in self.held.items() if _kind(each) == kind), None):
            # "Duplicate subscriptions aren't allowed", on the page of subscription-post-subscriptions.
            said = f"Subscription Id {taken} already exists for the requested combination"
            return graph_error(409, "ObjectIdentifierInUse", said)
        self._made += 1
        for name in ("notificationUrl", "lifecycleNotificationUrl"):
            if name in asked and not self._validated(asked[name]):
                return _invalid(f"Subscription validation request failed for {name}.")
        made = f"5ab5c21b-0000-4000-8000-{self._made:012x}"
        self.held[made] = {"id": made, **asked, "applicationId": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"}
        return Response(201, self.held[made])

    def _too_long(self, resource: str, until: str) -> Response | None:
        minutes = _LONGEST.get(resource.strip("/").split("/")[0], _OTHERWISE)
        if not self.now() < _moment(until) <= self.now() + timedelta(minutes=minutes):
            return _invalid(f"Subscription expiration can only be {minutes} minutes in the future.")
        return None

    def _validated(self, url: str) -> bool:
        """Whether the receiver answers 200 with the decoded token as plain text within 10 seconds."""
        token = f"Validation: {self.opaque(f'validation:{self._made}')} & more"
        try:
            with httpx.Client(verify=self.trust, timeout=10) as client:
                answer = client.post(url, params={"validationToken": token}, headers={"Content-Type": "text/plain"})
        except httpx.HTTPError:
            return False
        return (
            answer.status_code == 200
            and answer.text == token
            and answer.headers["content-type"].startswith("text/plain")
        )

    def deliver(self) -> list[int]:
        """Send what changed since the last delivery; gives the statuses. A receiver has three seconds."""
        changes, self.changes = self.changes, []
        statuses = []
        for each in self.held.values():
            told = [self._notification(each, *change) for change in changes if self._concerns(each, change)]
            if told:
                with httpx.Client(verify=self.trust, timeout=3) as client:
                    statuses.append(client.post(each["notificationUrl"], json={"value": told}).status_code)
        return statuses

    def _concerns(self, subscription: dict[str, Any], change: tuple[str, str, str]) -> bool:
        resource, (path, thing_id, what) = subscription["resource"].strip("/"), change
        return resource in (path, f"{path}/{thing_id}") and what in subscription["changeType"].split(",")

    def _notification(self, subscription: dict[str, Any], path: str, thing_id: str, what: str) -> dict[str, Any]:
        kind = self.world.collections[path].kind
        return {
            "subscriptionId": subscription["id"],
            "subscriptionExpirationDateTime": subscription["expirationDateTime"],
            "clientState": subscription["clientState"],
            "changeType": what,
            "resource": f"{path}/{thing_id}",
            "tenantId": "11111111-2222-4333-8444-555555555555",
            "resourceData": {"@odata.type": f"#Microsoft.Graph.{kind.title()}", "id": thing_id},
        }


def _kind(subscription: dict[str, Any]) -> tuple[str, str]:
    return subscription["resource"].strip("/"), ",".join(sorted(subscription["changeType"].split(",")))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text[:19] + "+00:00")


def _invalid(message: str) -> Response:
    return graph_error(400, "ValidationError", message)
