"""The clocks of a zone as tables: which instants a local stamp may mean, and which slot of which local day an instant begins.

Turns of the clocks are looked for once, and every stamp is then found by its place in a table, so that millions of them cost
little. A stamp in the hour that clocks leave out means nothing; one in the hour that comes twice means two instants. Of stamps
that end an interval, both readings of a turn are legal: the quarter before clocks go forward ends at 02:00 or at 03:00, and that
before they go back at 02:00 or at 01:00; it is one instant. The rules of days are those of `local_days`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from airflow_provider_integrations.connectors.historian.local_days import local_day
from airflow_provider_integrations.formats.arrow import Array, pa

__all__ = ["BETWEEN", "DAY", "LEFT_OUT", "TWICE", "Clock", "Flags", "Ints", "LocalTable", "clock_of"]

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAY = 86_400
BETWEEN, LEFT_OUT, TWICE = -1, -2, -3
"""In place of a slot's number: no slot begins or ends there; clocks never showed it; they showed it twice."""

_LOOK = 6 * 3_600
"""No zone turns its clocks twice within these seconds."""
_FEW = 32_768
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LocalTable:
    """What local stamps mean, at the place `(stamp - base) // step`; all in seconds since 1970.

    Args:
        base: The first stamp, as if local time were UTC.
        step: Between two stamps; one between them begins or ends no slot.
        first: The number of the slot that it means, or why it means none: `LEFT_OUT`, `TWICE`, `BETWEEN`.
        earlier: Where it comes twice, the number of the earlier slot.
        later: And of the later one.
        turn: Which turn of the clocks makes it come twice.
        edge: -1 at the beginning of the time that comes twice, 1 at its end, else 0; for stamps that end an interval.
    """

    base: int
    step: int
    first: npt.NDArray[np.int32]
    earlier: npt.NDArray[np.int32]
    later: npt.NDArray[np.int32]
    turn: npt.NDArray[np.int32]
    edge: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Clock:
    """Slots of consecutive local days, numbered; `starts` has one more, which is the end of the last.

    Args:
        local: What local stamps mean.
        base: The first slot's beginning.
        step: Of `place`.
        place: The number of the slot that begins, or ends, at `base + step * at`, or `BETWEEN`.
        starts: When each slot begins, in seconds since 1970.
        slots: Its number in its local day, from 0.
        days: Its local date, in days since 1970.
        offsets: Local time less UTC in seconds, where it begins.
        expected: How many slots its local day has.
    """

    local: LocalTable
    base: int
    step: int
    place: npt.NDArray[np.int32]
    starts: Ints
    slots: npt.NDArray[np.int32]
    days: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int32]
    expected: npt.NDArray[np.int32]

    def number_at(self, instants: Ints) -> npt.NDArray[np.int32]:
        """The number of the slot that begins (or ends, see `clock_of`) at each instant, or `BETWEEN`."""
        return _looked_up(self.place, instants, self.base, self.step)

    def number_of(self, stamps: Ints) -> npt.NDArray[np.int32]:
        """The number of the slot that each local stamp means, or why it means none."""
        return _looked_up(self.local.first, stamps, self.local.base, self.local.step)

    def places_of(self, stamps: Ints) -> Ints:
        """The place in the table of each local stamp."""
        return np.clip((stamps - self.local.base) // self.local.step, 0, len(self.local.first) - 1)

    def local_texts(self, numbers: npt.NDArray[np.int32]) -> Array:
        """When slots begin by the clock on the wall, with its offset from UTC.

        >>> clock = clock_of(ZoneInfo("Asia/Kolkata"), 900, 1735671600, 1735671600, ending=False)
        >>> clock.local_texts(clock.number_at(np.array([1735671600]))).to_pylist()
        ['2025-01-01T00:30:00+05:30']
        """
        offsets = self.offsets[numbers].astype(np.int64)
        local = np.datetime_as_string((self.starts[numbers] + offsets).astype("datetime64[s]"))
        told, which = np.unique(offsets, return_inverse=True)
        suffixes = np.array([_suffix(int(offset)) for offset in told], dtype="U9")
        return pa.array(np.char.add(local, suffixes[which]))


def clock_of(zone: ZoneInfo, length: int, low: int, high: int, *, ending: bool) -> Clock:
    """Tables that hold all stamps from `low` to `high`, whether local or UTC, with days to spare.

    Args:
        length: Of a slot in seconds; a day is a multiple of it.
        ending: Stamps end intervals.
    """
    begins, offsets = _turns(zone, low - 4 * DAY, high + 4 * DAY)
    dates = range(low // DAY - 2, high // DAY + 3)
    midnights = np.array([_seconds(local_day(zone, _date(day)).start) for day in (*dates, dates.stop)], np.int64)
    counts = -(-np.diff(midnights) // length)
    slots = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.append(np.repeat(midnights[:-1], counts) + slots * length, midnights[-1])
    step = math.gcd(length, *(int(one) for one in np.unique(np.diff(midnights))))
    place = np.full((starts[-1] - starts[0]) // step + 1, BETWEEN, np.int32)
    told = starts[1:] if ending else starts[:-1]
    place[(told - starts[0]) // step] = np.arange(len(told), dtype=np.int32)
    days = np.repeat(np.array(dates, np.int32), counts)
    held = np.searchsorted(begins, starts, "right") - 1
    return Clock(
        local=_local_table(begins, offsets, starts, step, place, ending=ending),
        base=int(starts[0]),
        step=step,
        place=place,
        starts=starts,
        slots=slots.astype(np.int32),
        days=days,
        offsets=offsets[held].astype(np.int32),
        expected=np.repeat(counts, counts).astype(np.int32),
    )


def _local_table(
    begins: Ints, offsets: Ints, starts: Ints, length: int, place: npt.NDArray[np.int32], *, ending: bool
) -> LocalTable:
    base = int(starts[0] + offsets[0])
    step = math.gcd(length, *(int(one) for one in np.diff(offsets)))
    size = int(starts[-1] + offsets[-1] - base) // step + 1
    count, edge = np.zeros(size, np.int8), np.zeros(size, np.int8)
    first, second, turn = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int32)
    for number, (begin, offset) in enumerate(zip(begins.tolist(), offsets.tolist(), strict=True)):
        end = int(begins[number + 1]) if number + 1 < len(begins) else int(starts[-1]) + 1
        # Where it is the end that is told, the turn itself may be read by the clock before and by that after it.
        above = end + offset + 1 if ending else end + offset
        low = min(max(-(-(begin + offset - base) // step), 0), size)
        high = min(max(-(-(above - base) // step), low), size)
        span = slice(low, high)
        instants = base + np.arange(low, high) * step - offset
        again = count[span] > 0
        # At a turn that changes nothing the same instant is met twice.
        other = again & (first[span] != instants)
        second[span][other] = instants[other]
        turn[span][other] = number
        first[span][~again] = instants[~again]
        count[span] += (~again | other).astype(np.int8)
        if ending and other.any():
            edge[span][other & (instants == begin)] = -1
            edge[span][other & (first[span] == begin)] = 1
    earlier, later = (_looked_up(place, instants, int(starts[0]), length) for instants in (first, second))
    means = np.select([count == 0, count == 2], [np.int32(LEFT_OUT), np.int32(TWICE)], earlier).astype(np.int32)
    return LocalTable(base, step, means, earlier, later, turn, edge)


def _looked_up(table: npt.NDArray[np.int32], stamps: Ints, base: int, step: int) -> npt.NDArray[np.int32]:
    """What a table that begins at `base` has for each stamp, or `BETWEEN` where that is no place of it."""
    found = np.empty(len(stamps), np.int32)
    # A few at a time, so that the processor's caches hold them.
    for begin in range(0, len(stamps), _FEW):
        since = stamps[begin : begin + _FEW] - base
        at = since // step
        inside = at * step == since
        inside &= at.view(np.uint64) < len(table)
        if inside.all():
            np.take(table, at, out=found[begin : begin + _FEW], mode="clip")
        else:
            found[begin : begin + _FEW] = np.where(inside, table[np.clip(at, 0, len(table) - 1)], np.int32(BETWEEN))
    return found


def _turns(zone: ZoneInfo, low: int, high: int) -> tuple[Ints, Ints]:
    """From when on which offset holds; the first from before `low`."""
    begins, offsets = [low], [_offset(zone, low)]
    for at in range(low + _LOOK, high + _LOOK, _LOOK):
        offset = _offset(zone, at)
        if offset != offsets[-1]:
            before, after = at - _LOOK, at
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if _offset(zone, middle) == offsets[-1] else (before, middle)
            begins.append(after)
            offsets.append(offset)
    return np.array(begins, np.int64), np.array(offsets, np.int64)


def _offset(zone: ZoneInfo, instant: int) -> int:
    told = (_EPOCH + timedelta(seconds=instant)).astimezone(zone).utcoffset()
    return 0 if told is None else round(told.total_seconds())


def _seconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(seconds=1)


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)


def _suffix(offset: int) -> str:
    """An offset as ISO 8601 has it; seconds only where there are some, as before about 1972."""
    minutes, seconds = divmod(abs(offset), 60)
    sign = "-" if offset < 0 else "+"
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")
