"""What a receiver of change notifications must check: the handshake of a new subscription, and who it is that notifies.

A notification proves its sender by the `clientState` alone, a secret of the subscription. It is derived from a Fernet key and the
source's name, so that it is stored nowhere:

    >>> client_state("key", "entra_users") == client_state("key", "entra_groups")
    False

Sources: learn.microsoft.com/graph/change-notifications-delivery-webhooks ("notificationUrl validation", "Processing the change
notification"), learn.microsoft.com/graph/change-notifications-lifecycle-events.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

from airflow_provider_integrations.core.errors import ConfigError, PermanentError

__all__ = ["Act", "Checked", "Notice", "check_notification", "client_state", "validate_token"]

_LONGEST_TOKEN = 4_096
_MOST = 10_000
_LARGEST = 4 * 1_048_576


class Act(StrEnum):
    """What a notice asks for."""

    SYNC = "sync"
    """Something changed, or was missed: begin a round."""
    RENEW = "renew"
    """`reauthorizationRequired`: renew the subscription, which authorizes it as well."""
    SUBSCRIBE = "subscribe"
    """`subscriptionRemoved`: create it anew, and begin a round for what nobody told meanwhile."""


_ACTS = {
    "reauthorizationRequired": Act.RENEW,
    "subscriptionRemoved": Act.SUBSCRIBE,
    "missed": Act.SYNC,
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification whose sender knew the secret; nothing of the object itself is read from it.

    Args:
        source: Whose secret it brought.
        event: `updated`, `created`, `deleted`, or the lifecycle event.
    """

    source: str
    subscription_id: str
    act: Act
    event: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What came in one delivery.

    Args:
        notices: Those to act on, in their order.
        refused: How many did not know the secret; a number over 0 is worth an alert.
    """

    notices: tuple[Notice, ...]
    refused: int


def client_state(key: str, source: str) -> str:
    """The secret of a source's subscriptions, 43 characters.

    Args:
        key: One of the Fernet keys; the first for a new subscription, each of them for one that may be older.
        source: Name of the source.
    """
    if not key:
        raise ConfigError("no key to derive the clientState from", next_step="Set a Fernet key.")
    made = hmac.new(key.encode(), b"msgraph clientState\0" + source.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made.digest()).decode().rstrip("=")


def validate_token(query: str) -> str | None:
    """What to send back, with status 200 and `text/plain`, where the service proves a receiver; None for a notification.

    The token is decoded once and sent back as it is. It is refused if it could be markup: the answer goes to whoever asked.

    Args:
        query: Of the URL that was called, as it came.

    Raises:
        PermanentError: there is a token and it cannot be one.
    """
    found = parse_qs(query.removeprefix("?"), keep_blank_values=True).get("validationToken")
    if found is None:
        return None
    token = found[0]
    if len(found) != 1 or not 0 < len(token) <= _LONGEST_TOKEN or not token.isprintable() or set("<>") & set(token):
        raise PermanentError("not a validation token", size=len(token), next_step="Answer with status 400.")
    return token


def check_notification(body: bytes, states: Mapping[str, Iterable[str]]) -> Checked:
    """Read one delivery; what does not bring a source's secret counts as refused and is not read any further.

    One delivery may hold notifications of several subscriptions, and of both kinds. Answer 202 when the notices are kept,
    and within three seconds; duplicates and another order are normal.

    Args:
        body: As it came, before anything else read it.
        states: For each source the secrets that its subscriptions may have.

    Raises:
        ConfigError: a secret is empty, or one text stands where several belong: a letter of it would let anybody in.
        PermanentError: it is no delivery of the service.
    """
    known = {source: [given, ""] if isinstance(given, str) else [*given] for source, given in states.items()}
    if wrong := sorted(source for source, given in known.items() if "" in given):
        raise ConfigError(
            "not the secrets of a source",
            sources=wrong,
            next_step="Give for each source a list of what client_state() gives.",
        )
    value = _value(body)
    secrets = [(source, state.encode()) for source, given in known.items() for state in given]
    notices: list[Notice] = []
    refused = 0
    for each in value:
        source = _source(each.get("clientState"), secrets)
        event = each.get("lifecycleEvent") or each.get("changeType")
        subscription = each.get("subscriptionId")
        if source is None or not isinstance(event, str) or not isinstance(subscription, str):
            refused += 1
            continue
        lifecycle = "lifecycleEvent" in each
        # An event that is not known yet is a reason to look, never a reason to do nothing.
        notices.append(
            Notice(source, subscription[:100], _ACTS.get(event, Act.SYNC) if lifecycle else Act.SYNC, event[:100])
        )
    return Checked(tuple(notices), refused)


def _source(given: Any, secrets: Iterable[tuple[str, bytes]]) -> str | None:
    """Whose secret it is; every one is compared, in the same time each."""
    found = None
    for source, state in secrets:
        if isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), state):
            found = source
    return found


def _value(body: bytes) -> list[dict[str, Any]]:
    try:
        read = json.loads(body) if len(body) <= _LARGEST else None
    except (ValueError, RecursionError):
        read = None
    value = read.get("value") if isinstance(read, dict) else None
    if not isinstance(value, list) or len(value) > _MOST or not all(isinstance(each, dict) for each in value):
        raise PermanentError(
            "not a delivery of change notifications", size=len(body), next_step="Answer with status 400."
        )
    return value
