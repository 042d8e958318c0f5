"""What a delta conversation yields and is sent: requests and responses, pages, restarts, waits.

Links are secrets: a delta link names what may be read, and with an access token reads it. They are never part of a `repr`.

>>> Request("https://graph.microsoft.com/v1.0/users/delta?$deltatoken=secret", {})
Request(headers={})
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

__all__ = [
    "Answer",
    "AskPause",
    "Conversation",
    "Item",
    "LinkKind",
    "Page",
    "Pause",
    "Protocol",
    "Request",
    "Response",
    "Restart",
    "RoundEnd",
    "RoundStart",
    "SharePause",
    "Step",
    "Wait",
]

Item = Mapping[str, Any]
"""One object of a page, as it was sent; numbers with a point are `Decimal`."""


class Protocol(StrEnum):
    """How a service tracks changes."""

    GRAPH = "graph"
    DATAVERSE = "dataverse"


class LinkKind(StrEnum):
    """What a link is, which says what its refusal means."""

    INITIAL = "initial"
    """Our own first request: nothing is tracked yet."""
    FRESH = "fresh"
    """The Location of a 410: a full enumeration that the server begins for us."""
    DELTA = "delta"
    """The link that ended the round before."""
    NEXT = "next"
    """The next page of this round."""


@dataclass(frozen=True, slots=True)
class RoundStart:
    """Where a round begins, or goes on after a crash.

    Args:
        round: Number of the round, from 1.
        full: The round enumerates everything; False where it brings what changed.
        link, kind: The next request.
        origin: The delta link that the round began with; empty in a full round.
        latest: Only a link is wanted, and no objects ("sync from now").
        attempt: How often the round began anew.
        pages, items: What was landed of this attempt.
    """

    round: int
    full: bool
    link: str = field(repr=False)
    kind: LinkKind
    origin: str = field(default="", repr=False)
    latest: bool = False
    attempt: int = 0
    pages: int = 0
    items: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """A GET, or what `method` says; the driver adds what authenticates it, follows no redirect, and sends a `Response` back.

    Args:
        url: With a link's secret in it.
        headers: Without what authenticates.
        method: Of HTTP.
        body: What is sent with it, as JSON.
        once: Whether a second one would do something twice, so that it is not sent again when the line breaks.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str]
    method: str = field(default="GET", repr=False)
    body: bytes = field(default=b"", repr=False)
    once: bool = field(default=False, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back.

    Args:
        status: Of HTTP.
        headers: In any case of letters.
        body: As it came, decompressed.
        at: When it came, with a zone.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    at: datetime

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name (RFC 9110, section 5.1)."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Page:
    """Objects to land now; nothing is sent back. When the driver goes on, they must be landed and `next_link` be kept.

    Args:
        round, attempt, number: Which page; the number counts from 1 in each attempt.
        full: Whether of a full enumeration.
        first: Number of its first item in the attempt, from 1: the `_seq` of that item.
        items: The objects, in the server's order.
        next_link: Where the round goes on; empty on the last page.
        end_link: The link of the next round; empty but on the last page.
    """

    round: int
    attempt: int
    number: int
    full: bool
    first: int
    items: tuple[Item, ...] = field(repr=False)
    next_link: str = field(repr=False)
    end_link: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Restart:
    """The round begins anew: what was landed of it so far does not count and must never be applied.

    An object that was created and deleted since need not be named by the server again; its row would stay for ever.

    Args:
        attempt: The attempt that begins.
        full: Whether it enumerates everything.
        reason: What the server said, as a code.
        link, kind: The next request; to be kept before going on.
    """

    attempt: int
    full: bool
    reason: str
    link: str = field(repr=False)
    kind: LinkKind


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds; nothing is sent back."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AskPause:
    """Ask the ledger until when all of a scope must wait; a `Pause` is sent back."""

    scope: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Until when to wait, if at all, and what time it is."""

    until: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class SharePause:
    """Tell all of a scope to wait; an earlier end never replaces a later one. Nothing is sent back."""

    scope: str
    until: datetime


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """How a round ended.

    Args:
        round, attempt: Which.
        full: Whether it enumerated everything, so that what it lacks is gone.
        pages, items: Of the attempt that counts.
        restarts: Reasons for which it began anew, in order.
        link: Of the next round; to be kept when everything is loaded, and not before.
    """

    round: int
    attempt: int
    full: bool
    pages: int
    items: int
    restarts: tuple[str, ...]
    link: str = field(repr=False)


Step = Request | Page | Restart | Wait | AskPause | SharePause
Answer = Response | Pause | None
Conversation = Generator[Step, Answer, RoundEnd]
"""Yields steps, is sent answers, and returns how the round ended."""
