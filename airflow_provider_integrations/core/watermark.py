"""How far a source has been read: a position in its order, and how to read on from it.

A position is a tuple of values, because one column seldom orders rows without ties. It moves forward only; going back
is a separate act with a reason (`ledger.watermarks.rewind`).

    >>> old = Watermark((date(2025, 11, 5), 17))
    >>> advance(old, Watermark((date(2025, 11, 5), 18))).cursor
    (datetime.date(2025, 11, 5), 18)
    >>> read_from(Watermark((100,), lag=10, floor=95))
    Start(cursor=(95,), bound=<Bound.CLOSED: 'closed'>)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

__all__ = ["Bound", "CursorValue", "Lag", "Start", "Watermark", "advance", "compare", "read_from"]

CursorValue = str | int | date | datetime
"""Text is ordered by code point, so a source must compare it in a binary collation. Floats do not come back exact from
every driver and NULL never compares: neither can be a cursor."""

Lag = int | timedelta
"""How far behind the position reading starts again, in the unit of the first cursor value."""


class Bound(StrEnum):
    """Whether the row at the cursor itself is still to be read (`closed`) or was read (`open`)."""

    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Watermark:
    """A position.

    Args:
        cursor: One value for each column of the order. Aware instants are kept in UTC; naive ones stay naive, since
            a column without a zone must be compared without one.
        bound: `open` when everything up to and with the cursor was read.
        lag: Rows may appear late (clock skew, open transactions): read again from this far behind. None: do not.
        floor: The lag never leads before this value of the first column, e.g. where the source began.
        engine: What made the order: product, version, collation. Positions of two engines do not compare.

    Raises:
        ConfigError: for a value that has no exact order, or a lag that does not fit the first value.
    """

    cursor: tuple[CursorValue, ...]
    bound: Bound = Bound.OPEN
    lag: Lag | None = None
    floor: CursorValue | None = None
    engine: str = ""

    def __post_init__(self) -> None:
        if not self.cursor:
            raise ConfigError("a watermark needs at least one value", next_step="Name the columns of the order.")
        object.__setattr__(self, "cursor", tuple(_settled(value) for value in self.cursor))
        object.__setattr__(self, "bound", Bound(self.bound))
        if self.floor is not None:
            object.__setattr__(self, "floor", _settled(self.floor))
            if _kind(_settled(self.floor)) != _kind(self.cursor[0]):
                raise ConfigError(
                    "the floor is not of the first value's kind",
                    floor=_kind(self.floor),
                    first=_kind(self.cursor[0]),
                    next_step="Give the floor in the unit of the first column.",
                )
        if self.lag is not None:
            _check_lag(self.lag, self.cursor[0])

    def to_json(self) -> str:
        """Canonical JSON in ASCII; `from_json` gives back exactly the same value."""
        data = {
            "bound": self.bound.value,
            "cursor": [_encode(value) for value in self.cursor],
            "engine": self.engine,
            "floor": None if self.floor is None else _encode(self.floor),
            "lag": _encode_lag(self.lag),
        }
        return json.dumps(data, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Watermark:
        """Read what `to_json` wrote.

        Raises:
            ConfigError: when the text is not a watermark.
        """
        try:
            data = json.loads(text)
            lag = data["lag"]
            return cls(
                cursor=tuple(_decode(value) for value in data["cursor"]),
                bound=Bound(data["bound"]),
                lag=timedelta(microseconds=lag["microseconds"]) if isinstance(lag, dict) else lag,
                floor=None if data["floor"] is None else _decode(data["floor"]),
                engine=data["engine"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError("not a watermark", problem=type(error).__name__, next_step="Rewind the source.") from None


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading starts: rows after `cursor` (`open`) or from it on (`closed`).

    A cursor shorter than the watermark's compares by its first columns only.
    """

    cursor: tuple[CursorValue, ...]
    bound: Bound


def compare(left: Watermark, right: Watermark) -> int:
    """-1, 0 or 1 as `left` is behind, at or ahead of `right`; lag and floor are no part of a position.

    Raises:
        StateConflictError: when the two are of different engines or kinds of columns.
    """
    if left.engine != right.engine:
        raise StateConflictError(
            "positions of two engines do not compare",
            left=left.engine,
            right=right.engine,
            next_step="Rewind the source to a position of the engine that is there now, with a reason.",
        )
    _must_match(tuple(map(_kind, left.cursor)), tuple(map(_kind, right.cursor)))
    # Open lies behind closed at the same cursor: one row more was read.
    ours: tuple[Any, ...] = (*left.cursor, left.bound is Bound.OPEN)
    theirs: tuple[Any, ...] = (*right.cursor, right.bound is Bound.OPEN)
    return (ours > theirs) - (ours < theirs)


def advance(old: Watermark, new: Watermark) -> Watermark:
    """`new`, if it is not behind `old`.

    Raises:
        StateConflictError: when it is behind, or does not compare.
    """
    if compare(new, old) < 0:
        raise StateConflictError(
            "a watermark never moves backwards",
            stands_at=old.to_json(),
            asked=new.to_json(),
            next_step="To read again from an earlier position, rewind the source with a reason.",
        )
    return new


def read_from(watermark: Watermark) -> Start:
    """Where the next read starts: at the position, or `lag` behind it but never before `floor`."""
    if not watermark.lag:
        return Start(watermark.cursor, watermark.bound)
    head: Any = watermark.cursor[0]
    floor: Any = watermark.floor
    try:
        behind = head - watermark.lag
    except OverflowError:
        behind = type(head).min if head.__class__ is date else datetime.min.replace(tzinfo=head.tzinfo)
    if floor is not None and behind < floor:
        behind = floor
    if behind >= head:  # The floor lies at the position or past it: the lag has no room.
        return Start(watermark.cursor, watermark.bound)
    return Start((behind,), Bound.CLOSED)


def _kind(value: CursorValue) -> str:
    if isinstance(value, datetime):
        return "instant" if value.tzinfo else "local time"
    return {str: "text", int: "integer", date: "date"}[type(value)]


def _settled(value: Any) -> CursorValue:
    """The one form of a value, so that equal positions are equal texts."""
    if isinstance(value, datetime):
        plain = value.astimezone(UTC) if value.tzinfo else value
        return datetime.combine(plain.date(), plain.time(), plain.tzinfo).replace(fold=0)
    if type(value) in (str, int, date):
        settled: CursorValue = value
        return settled
    raise ConfigError(
        "a value that cannot be a cursor",
        type=type(value).__name__,
        next_step="Order by text, integers, dates or timestamps that are never NULL.",
    )


def _must_match(left: tuple[str, ...], right: tuple[str, ...]) -> None:
    if left != right:
        raise StateConflictError(
            "positions of two orders do not compare",
            left=left,
            right=right,
            next_step="The columns of the order changed: rewind the source to a position of the new order.",
        )


def _check_lag(lag: Any, head: CursorValue) -> None:
    fits = (type(lag) is int and type(head) is int) or (isinstance(lag, timedelta) and isinstance(head, date))
    whole = not isinstance(lag, timedelta) or isinstance(head, datetime) or lag == timedelta(days=lag.days)
    if not fits or not whole or lag < type(lag)(0):
        raise ConfigError(
            "the lag does not fit the first value of the cursor",
            lag=str(lag),
            first=_kind(head),
            next_step="Give integers a lag in integers, dates in whole days, timestamps in time; none below zero.",
        )


def _encode(value: CursorValue) -> str | int | dict[str, str]:
    if isinstance(value, date):
        return {"instant" if isinstance(value, datetime) else "date": value.isoformat()}
    return value


def _encode_lag(lag: Lag | None) -> int | dict[str, int] | None:
    return {"microseconds": lag // timedelta(microseconds=1)} if isinstance(lag, timedelta) else lag


def _decode(value: Any) -> CursorValue:
    if isinstance(value, dict):
        (kind, text), *rest = value.items()
        if rest or kind not in ("instant", "date"):
            raise ValueError(kind)
        return datetime.fromisoformat(text) if kind == "instant" else date.fromisoformat(text)
    decoded: CursorValue = value
    return decoded
