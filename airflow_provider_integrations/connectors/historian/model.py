"""What both protocols speak of: instants in nanoseconds, spans of time, tags, and pages of samples that end between two instants.

>>> Span(from_iso("2026-01-01T00:00:00Z"), from_iso("2026-01-02T00:00:00Z")).seconds
86400.0
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa

from airflow_provider_integrations.core.errors import ConfigError, IntegrationError, TransientError

__all__ = ["HistoryReader", "Page", "Span", "Tag", "WindowTooLargeError", "from_iso", "to_iso", "unread"]

_SECOND = 1_000_000_000
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `begin` to before `end`, both in nanoseconds since 1970-01-01 UTC."""

    begin: int
    end: int

    def __post_init__(self) -> None:
        if self.begin > self.end:
            raise ConfigError(
                "a window that ends before it begins",
                begin=to_iso(self.begin),
                end=to_iso(self.end),
                next_step="Give the earlier instant first; the end is not part of it.",
            )

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.begin) / _SECOND


@dataclass(frozen=True, slots=True)
class Tag:
    """One series of a historian.

    Args:
        name: What rows carry in `tag`.
        address: Where the server has it: a NodeId (`ns=2;i=3`), or a path (`\\\\PISRV\\SINUSOID`, or an AF
            attribute's) or WebId.
    """

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Page:
    """Samples of one tag as far as they are known to be whole.

    Args:
        tag: Its name.
        samples: In the schema `samples.PAGE`, ascending by (ts, ordinal): all from where the page before ended to before
            `read_to`.
        read_to: Every sample before this instant was given, in this page or an earlier one: no page splits a run of samples of
            one instant. The last page of a tag ends where the span does.
    """

    tag: str
    samples: pa.RecordBatch
    read_to: int


class HistoryReader(Protocol):
    """One connection to a historian, whatever its protocol; what a backfill reads by."""

    def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        """Pages of each tag in the order of time; those of several tags may come in any order between them.

        Raises:
            WindowTooLargeError: the server does not give so much at once; half of it may work.
            IntegrationError: some of it is unread; `unread_from` and `unread_to` of `error.values` say what, with `tag`.
        """
        ...


class WindowTooLargeError(TransientError):
    """The server refuses a window for its size, or does not end it in time: half of it may work."""


def unread(
    error: type[IntegrationError], what: str, tag: str, span: Span, *, next_step: str, **values: Any
) -> IntegrationError:
    """An error that says which window of which tag is still unread; what was given before it is good."""
    return error(
        what, tag=tag, unread_from=to_iso(span.begin), unread_to=to_iso(span.end), next_step=next_step, **values
    )


def from_iso(text: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 instant with up to 9 decimals; one without an offset is UTC.

    Raises:
        ConfigError: it is none.

    >>> from_iso("1970-01-01T00:00:01.1234567Z"), from_iso("1970-01-01T01:00+01:00"), from_iso("1970-01-02")
    (1123456700, 0, 86400000000000)
    """
    match = _ISO.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        day, clock, fraction, zone = match.groups()
        offset = "+00:00" if zone is None or zone in "Zz" else zone
        whole = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            "no instant", text=text, next_step="Write it like 2026-01-31T00:00:00Z, with an offset or in UTC."
        ) from None
    since = whole - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _SECOND + int((fraction or "0").ljust(9, "0"))


def to_iso(instant: int) -> str:
    """The instant in UTC with as many decimals as it needs, in groups of nothing, 3, 6, 7 or 9.

    >>> to_iso(1123456700), to_iso(0)
    ('1970-01-01T00:00:01.1234567Z', '1970-01-01T00:00:00Z')
    """
    seconds, rest = divmod(instant, _SECOND)
    whole = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    digits = f"{rest:09d}"
    kept = next(length for length in (0, 3, 6, 7, 9) if not digits[length:].strip("0"))
    return f"{whole.isoformat()}{'.' + digits[:kept] if kept else ''}Z"
