"""Subscriptions to change notifications as values: how long they may live, what asks for them, and which to renew.

    >>> longest("/users"), longest("me/mailFolders('inbox')/messages")
    (datetime.timedelta(days=29), datetime.timedelta(days=7))

Notifications are hints that a round is worth while; the delta link stays what knows the changes, so that nothing is lost where
one never comes. Sources: learn.microsoft.com/graph/api/resources/subscription,
learn.microsoft.com/graph/change-notifications-delivery-webhooks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_integrations.connectors.msgraph.hosts import Endpoint
from airflow_provider_integrations.connectors.msgraph.model import Request
from airflow_provider_integrations.core.errors import ConfigError, SystemicError

__all__ = [
    "Subscription",
    "Wanted",
    "change_types",
    "create_request",
    "delete_request",
    "list_request",
    "longest",
    "plan_renewals",
    "read_subscription",
    "renew_part",
    "until_text",
]

_MARGIN = timedelta(minutes=5)
"""Off the longest life, as the service's clock may be behind ours."""
_DAY = 1440
_MINUTES = {
    "messages": 7 * _DAY, "events": 7 * _DAY, "contacts": 7 * _DAY,  # Outlook: "10,080 minutes (under seven days)"
    "drive": 42_300, "drives": 42_300, "root": 42_300, "lists": 42_300, "list": 42_300,  # OneDrive and SharePoint
    "alerts": 43_200, "presence": 60, "presences": 60,
    "users": 41_760, "groups": 41_760, "devices": 41_760, "directoryobjects": 41_760, "applications": 41_760,
    "serviceprincipals": 41_760, "administrativeunits": 41_760, "orgcontacts": 41_760, "directoryroles": 41_760,
}  # fmt: skip
_OTHERWISE = 4_230
"""What every resource that is not named may have at the least: "under 3 days"; less long is never refused."""
_TYPES = frozenset({"created", "updated", "deleted"})
_LONGEST_STATE = 128


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subscription as it is asked for.

    Args:
        resource: Path below the service root, e.g. `users`.
        notification_url: Where the receiver listens; https.
        client_state: The secret that each notification must bring.
        lifecycle_url: Where it is told that a subscription is in danger; empty for the same place.
        change_types: Of `created`, `updated`, `deleted`; empty for what the resource supports.

    Raises:
        ConfigError: it would be refused.
    """

    resource: str
    notification_url: str
    client_state: str = field(repr=False)
    lifecycle_url: str = ""
    change_types: str = ""

    def __post_init__(self) -> None:
        urls = [self.notification_url, *([self.lifecycle_url] if self.lifecycle_url else [])]
        if not all(re.fullmatch(r"https://[!-~]+", url) for url in urls):
            raise ConfigError("notifications are sent by https alone", next_step="Give an https URL of the receiver.")
        if not 0 < len(self.client_state) <= _LONGEST_STATE:
            raise ConfigError(
                "a clientState of 1 to 128 characters is needed", next_step="Derive it by client_state()."
            )
        if wrong := sorted(set(self.types.split(",")) - _TYPES):
            raise ConfigError("unknown change types", types=wrong, next_step=f"Use {', '.join(sorted(_TYPES))}.")

    @property
    def types(self) -> str:
        """Change types as they are sent, sorted."""
        given = self.change_types or change_types(self.resource)
        return ",".join(sorted(part.strip() for part in given.split(",")))


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription that the service has; it never says the clientState again.

    Args:
        until: When it ends unless it is renewed.
    """

    id: str
    resource: str
    types: str
    notification_url: str = field(repr=False)
    until: datetime
    lifecycle_url: str = field(default="", repr=False)

    def is_of(self, wanted: Wanted) -> bool:
        """Whether it is what is wanted, but for the secret, which nobody can compare."""
        return (
            self.tells(wanted)
            and self.notification_url == wanted.notification_url
            and self.lifecycle_url == (wanted.lifecycle_url or wanted.notification_url)
        )

    def tells(self, wanted: Wanted) -> bool:
        """Whether it tells the same, to whomever; the service has one such for each app."""
        return _plain(self.resource) == _plain(wanted.resource) and self.types == wanted.types


def longest(resource: str) -> timedelta:
    """How long a subscription may live, by the table "Subscription lifetime" of the resource's page.

    The collection at the end of the path decides, with or without an id: messages of a user live as messages do.
    """
    ending = [part.partition("(")[0] for part in _plain(resource).split("/")][-2:]
    minutes = next((_MINUTES[part] for part in reversed(ending) if part in _MINUTES), _OTHERWISE)
    return timedelta(minutes=minutes)


def change_types(resource: str) -> str:
    """What a resource supports ("Properties", changeType): creation is `updated` of users and groups; drives have no other."""
    lives = longest(resource)
    if lives == timedelta(minutes=_MINUTES["drives"]):
        return "updated"
    return "deleted,updated" if lives == timedelta(minutes=_MINUTES["users"]) else "created,deleted,updated"


def until_text(resource: str, now: datetime) -> str:
    """The end to ask for, as late as the resource allows."""
    lives = longest(resource)
    end = now + lives - min(_MARGIN, lives / 10)
    return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


def plan_renewals(found: Iterable[Subscription], now: datetime, *, share: float = 0.5) -> list[Subscription]:
    """Those of which less than a share of the longest life is left, the first to end first.

    With a half, a renewal may fail for two weeks of a subscription to users before notifications stop.
    """
    due = [each for each in found if each.until - now < longest(each.resource) * share]
    return sorted(due, key=lambda each: (each.until, each.id))


def list_request(root: Endpoint) -> Request:
    """All subscriptions of the app."""
    return Request(f"{root.url}/subscriptions", {"Accept": "application/json"})


def create_request(root: Endpoint, wanted: Wanted, now: datetime) -> Request:
    """One that is not sent twice: a second subscription would tell everything twice."""
    body = {
        "changeType": wanted.types,
        "notificationUrl": wanted.notification_url,
        "lifecycleNotificationUrl": wanted.lifecycle_url or wanted.notification_url,
        "resource": wanted.resource,
        "expirationDateTime": until_text(wanted.resource, now),
        "clientState": wanted.client_state,
    }
    return Request(
        f"{root.url}/subscriptions", {"Accept": "application/json"}, "POST", json.dumps(body).encode(), once=True
    )


def delete_request(root: Endpoint, subscription_id: str) -> Request:
    """The end of a subscription."""
    return Request(f"{root.url}/subscriptions/{_checked(subscription_id)}", {"Accept": "application/json"}, "DELETE")


def renew_part(subscription: Subscription, number: int, now: datetime) -> dict[str, Any]:
    """One renewal within a `$batch`; it answers a `reauthorizationRequired` as well."""
    return {
        "id": str(number),
        "method": "PATCH",
        "url": f"/subscriptions/{_checked(subscription.id)}",
        "headers": {"Content-Type": "application/json"},
        "body": {"expirationDateTime": until_text(subscription.resource, now)},
    }


def read_subscription(body: Mapping[str, Any]) -> Subscription:
    """Read what the service says of a subscription.

    Raises:
        SystemicError: it lacks what every subscription has.
    """
    try:
        return Subscription(
            _checked(str(body["id"])),
            str(body["resource"]),
            ",".join(sorted(part.strip() for part in str(body["changeType"]).split(","))),
            str(body.get("notificationUrl") or ""),
            _moment(str(body["expirationDateTime"])),
            str(body.get("lifecycleNotificationUrl") or ""),
        )
    except (KeyError, ValueError, ConfigError):
        pass
    raise SystemicError("the service told of a subscription that is none", next_step="Look at what stands in between.")


def _moment(text: str) -> datetime:
    # Seven digits of a second, as .NET writes them.
    moment = datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _checked(subscription_id: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", subscription_id) is None:
        raise ConfigError("not the id of a subscription", next_step="Give an id as `list` shows it.")
    return subscription_id


def _plain(resource: str) -> str:
    return resource.strip("/").lower()
