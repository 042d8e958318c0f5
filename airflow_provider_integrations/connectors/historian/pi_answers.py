"""What an answer that is no page means: whether to ask again, for less, by another WebId, or not at all.

Sources: PI Web API Reference, "Getting Started" (status codes), "Error Handling"; PI Web API User Guide, "Restrictions on
number of items per call", "Restrictions on request data rate", "Other security settings".
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

import msgspec

from airflow_provider_integrations.connectors.historian.model import Span, WindowTooLargeError, to_iso
from airflow_provider_integrations.connectors.historian.pi_model import Answer
from airflow_provider_integrations.core.errors import (
    ConfigError,
    IntegrationError,
    PermanentError,
    StalledError,
    SystemicError,
    TransientError,
)

__all__ = ["TRANSIENT", "Refusal", "message_of", "most_allowed", "refusal", "refused", "with_unread"]

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The same request may be answered later. 502 is what the reference gives an error of a server behind the service."""

_TOO_MANY = re.compile(r"greater than the maximum allowed(?:\D{0,40}?(\d+))?", re.IGNORECASE)
_TOO_WIDE = re.compile(r"-11091|event collection exceeded|exceeds? the maximum", re.IGNORECASE)
_LOST = re.compile(r"web ?id|not found|does not exist|unknown", re.IGNORECASE)
_SHOWN = 200


class Refusal(StrEnum):
    """What to do about a refusal."""

    LATER = "later"
    FEWER = "fewer"
    NARROWER = "narrower"
    LOST = "lost"
    NEVER = "never"


def refusal(answer: Answer) -> Refusal:
    """What to do about an answer that is not 200.

    - 400 "Parameter maxCount is greater than the maximum allowed (150000)": ask for fewer.
    - An archive that refuses to collect so many events at once (ArcMaxCollect, error -11091), or 413: a narrower window.
    - 404, 410, or a 400 that speaks of a WebId: it may have changed by a failover, the path is looked up again.
    """
    message = message_of(answer.content)
    if answer.status == 400 and _TOO_MANY.search(message):
        return Refusal.FEWER
    if answer.status == 413 or _TOO_WIDE.search(message):
        return Refusal.NARROWER
    if answer.status in (404, 410) or (answer.status == 400 and _LOST.search(message)):
        return Refusal.LOST
    return Refusal.LATER if answer.status in TRANSIENT else Refusal.NEVER


def most_allowed(answer: Answer, asked: int) -> int:
    """As many values as may be asked for after "greater than the maximum allowed": what the message says, or half."""
    match = _TOO_MANY.search(message_of(answer.content))
    named = int(match[1]) if match is not None and match[1] else 0
    return named if 0 < named < asked else asked // 2


def refused(answer: Answer) -> IntegrationError:
    """The error of an answer that nothing can be done about now."""
    said: dict[str, Any] = {"status": answer.status, "said": message_of(answer.content)}
    if answer.status in (401, 403):
        what = "the service refuses who we are" if answer.status == 401 else "the service denies access"
        return ConfigError(what, **said, next_step="Look at the user, its mappings and the method of authentication.")
    if answer.status in TRANSIENT:
        return TransientError("the service cannot answer now", **said, next_step="Try again later.")
    if answer.status in (404, 410):
        return ConfigError("there is no such thing", **said, next_step="Look at the path, and /piwebapi in the URL.")
    if answer.status == 409:
        return PermanentError("the stream has no such values", **said, next_step="Leave it out, or read a PI point.")
    if 300 <= answer.status < 400:
        return SystemicError("the service sends us elsewhere", **said, next_step="Give the URL that it is really at.")
    return PermanentError("the service refuses the request", **said, next_step="Look at what it said.")


def message_of(content: Any) -> str:
    """What a refusal says, in one line; nothing of a page that is no JSON, which may hold anything."""
    try:
        found = msgspec.json.decode(content) if isinstance(content, bytes | msgspec.Raw) else content
    except msgspec.DecodeError:
        return ""
    if isinstance(found, dict):
        found = found.get("Errors") or found.get("Message") or found.get("Error") or ""
    text = "; ".join(map(str, found)) if isinstance(found, list) else str(found or "")
    return " ".join(text.split())[:_SHOWN]


def with_unread(error: IntegrationError, tag: str, span: Span, **values: Any) -> IntegrationError:
    """The same error, which says what is unread; one of time says that half of the window may work."""
    kind: type[IntegrationError] = WindowTooLargeError if isinstance(error, StalledError) else type(error)
    window = {"tag": tag, "unread_from": to_iso(span.begin), "unread_to": to_iso(span.end)}
    return kind(error.what, next_step=error.next_step, **{**error.values, **values, **window})
