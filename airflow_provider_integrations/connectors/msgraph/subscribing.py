"""The conversations about subscriptions, as generators over the same drivers and the same patience as a round.

    found = drive(paced(list_subscriptions(root), scope, random=random), client, landing, token=token)

Renewals go by `$batch` of 20 (learn.microsoft.com/graph/json-batching): a part that is throttled alone is sent again alone.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from airflow_provider_integrations.connectors.msgraph.answers import THROTTLED, UNAVAILABLE, error_codes, fail
from airflow_provider_integrations.connectors.msgraph.hosts import Endpoint
from airflow_provider_integrations.connectors.msgraph.model import Answer, Request, Response, SharePause, Step
from airflow_provider_integrations.connectors.msgraph.subscriptions import (
    Subscription,
    Wanted,
    create_request,
    delete_request,
    list_request,
    plan_renewals,
    read_subscription,
    renew_part,
)
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope
from airflow_provider_integrations.core.backoff import Backoff, retry_after
from airflow_provider_integrations.core.errors import ConfigError, SystemicError, TransientError

__all__ = ["Renewal", "Subscribed", "delete_subscriptions", "list_subscriptions", "renew_subscriptions", "subscribe"]

_AT_ONCE = 20
_TRIES = 8
_MOST_PAGES = 1_000
_PACE = Backoff(first=2.0, factor=2.0, longest=300.0, jitter=0.0)
End = TypeVar("End")
Talk = Generator[Step, Answer, End]


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of renewals: what lives on, and the ids of what the service no longer has."""

    renewed: tuple[Subscription, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The subscription there is now, and what was done for it: `created`, `renewed`, or `kept` as it lives long enough."""

    subscription: Subscription
    done: str


def list_subscriptions(root: Endpoint) -> Talk[list[Subscription]]:
    """All subscriptions of the app, over all pages.

    Raises:
        SystemicError: a page comes again, or leads elsewhere.
    """
    found: list[Subscription] = []
    request, seen = list_request(root), set[str]()
    while True:
        body = _object((yield from _asked(request, {200})))
        value = body.get("value")
        if not isinstance(value, list):
            raise SystemicError("an answer without a list", next_step="Look at what stands in between.")
        found += [read_subscription(each) for each in value if isinstance(each, dict)]
        following = body.get("@odata.nextLink")
        if not following:
            return found
        link = root.check(str(following), base=request.url)
        if link in seen or len(seen) >= _MOST_PAGES:
            what = "a page of subscriptions comes again" if link in seen else "pages of subscriptions without end"
            raise SystemicError(what, pages=len(seen) + 1, next_step="Look at what stands in between.")
        seen.add(link)
        request = Request(link, request.headers)


def subscribe(
    root: Endpoint, wanted: Wanted, scope: AppScope, now: datetime, *, anew: bool = False
) -> Talk[Subscribed]:
    """Have one subscription of this kind: the one there is, renewed if it is due, or a new one.

    Args:
        root: The service.
        wanted: What is to be told, and where.
        scope: Whose limits are used.
        now: The time.
        anew: Create it though there is one, as its secret is an old one, or as it tells another receiver. The old one is
            deleted, after it where the service lets both be: most resources have one for each app ("Duplicate subscriptions
            aren't allowed", learn.microsoft.com/graph/api/subscription-post-subscriptions).

    Raises:
        ConfigError: the service refuses it, as when the receiver did not prove itself, or has one that tells another.
    """
    there = [each for each in (yield from list_subscriptions(root)) if each.is_of(wanted) and each.until > now]
    there.sort(key=lambda each: each.until)
    if there and not anew:
        kept = there.pop()
        due = plan_renewals([kept], now)
        renewal = (yield from renew_subscriptions(root, due, scope, now)) if due else Renewal((kept,), ())
        # One of the same kind besides would tell everything twice.
        yield from delete_subscriptions(root, [each.id for each in there])
        if renewal.renewed:
            return Subscribed(renewal.renewed[0], "renewed" if due else "kept")
        there = []
    response = yield from _asked(create_request(root, wanted, now), {201, 400, 409})
    if response.status == 409:
        taken = [each for each in (yield from list_subscriptions(root)) if each.tells(wanted)]
        ours = [each for each in taken if each.is_of(wanted)]
        if ours and not anew:  # Made by another run meanwhile.
            return Subscribed(ours[0], "kept")
        if taken and not anew:
            raise ConfigError(
                "the app has a subscription of this kind, to another receiver",
                resource=wanted.resource,
                change_types=wanted.types,
                ids=tuple(each.id for each in taken),
                next_step="Subscribe anew to have this one in its place, or delete that one first.",
            )
        yield from delete_subscriptions(root, [each.id for each in taken])
        there = []
        response = yield from _asked(create_request(root, wanted, now), {201, 400, 409})
    if response.status != 201:
        raise ConfigError(
            "the service refuses the subscription",
            resource=wanted.resource,
            change_types=wanted.types,
            codes=error_codes(response),
            next_step="The receiver must answer the validation within 10 s, and the resource must support these changes.",
        )
    made = read_subscription(_object(response))
    yield from delete_subscriptions(root, [each.id for each in there])
    return Subscribed(made, "created")


def renew_subscriptions(root: Endpoint, due: Sequence[Subscription], scope: AppScope, now: datetime) -> Talk[Renewal]:
    """Renew by `$batch`; what is throttled is asked for again when its pause is over, and the others are not held up by it.

    Raises:
        ConfigError, SystemicError: access is denied, or a renewal is refused; told when the others are done, as one that is
            refused every time would keep them from being renewed for ever.
        TransientError: a part stays throttled or unanswered after eight tries.
    """
    renewed: list[Subscription] = []
    gone: list[str] = []
    refused: list[tuple[Subscription, Response]] = []
    waiting, tries = list(due), 0
    while waiting:
        tries += 1
        again: list[Subscription] = []
        pause = 0.0
        for begin in range(0, len(waiting), _AT_ONCE):
            part = waiting[begin : begin + _AT_ONCE]
            answers = yield from _batch(root, [renew_part(each, number, now) for number, each in enumerate(part)])
            for number, each in enumerate(part):
                answer = answers[str(number)]
                if answer.status in (200, 202):
                    renewed.append(read_subscription(_object(answer)))
                elif answer.status == 404:
                    gone.append(each.id)
                elif answer.status in THROTTLED | UNAVAILABLE:
                    again.append(each)
                    asked = retry_after(answer.header("retry-after"), now=answer.at).seconds or 0.0
                    pause = max(pause, asked, _PACE.delay(tries, lambda: 1.0))
                else:
                    refused.append((each, answer))
        if again and tries == _TRIES:
            raise TransientError(
                "some subscriptions could not be renewed",
                renewed=len(renewed),
                waiting=len(again),
                next_step="Try again later; those that were renewed stay so.",
            )
        waiting = again
        if waiting:
            # The pause is the app's: the next request waits for it, within the budget of the run.
            yield SharePause(scope.key, answer.at + timedelta(seconds=pause))
    for each, answer in refused:
        fail(answer, f"subscriptions/{each.id}")
    return Renewal(tuple(renewed), tuple(gone))


def delete_subscriptions(root: Endpoint, ids: Iterable[str]) -> Talk[list[str]]:
    """Delete them; one that is gone already is as good as deleted. Gives the ids."""
    done = []
    for each in ids:
        yield from _asked(delete_request(root, each), {204, 404})
        done.append(each)
    return done


def _batch(root: Endpoint, parts: list[dict[str, Any]]) -> Talk[dict[str, Response]]:
    """Send several requests in one; the answers by id, in whatever order they come."""
    body = json.dumps({"requests": parts}).encode()
    response = yield from _asked(Request(f"{root.url}/$batch", {"Accept": "application/json"}, "POST", body), {200})
    told = _object(response).get("responses")
    answers = {}
    for each in told if isinstance(told, list) else []:
        if isinstance(each, dict) and isinstance(each.get("status"), int):
            headers = each.get("headers")
            content = json.dumps(each.get("body")).encode()
            named = {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
            answers[str(each.get("id"))] = Response(each["status"], named, content, response.at)
    if set(answers) != {part["id"] for part in parts}:
        raise SystemicError(
            "a batch was answered in part", asked=len(parts), answered=len(answers), next_step="Try again later."
        )
    return answers


def _asked(request: Request, good: set[int]) -> Talk[Response]:
    response = yield request
    assert isinstance(response, Response), "a request is answered by a response"
    if response.status not in good:
        fail(response, "subscriptions")
    return response


def _object(response: Response) -> dict[str, Any]:
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise SystemicError("an answer that is no object", next_step="Look at what stands between here and the server.")
    return body
