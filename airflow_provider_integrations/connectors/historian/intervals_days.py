"""What became of a portion of readings: rows for the file, slots that nobody reported, and days that are not full.

The slots that a series should have are those of its local days, from the first one that it has a slot of to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_integrations.connectors.historian.intervals import INTERVALS, Placed, Trait
from airflow_provider_integrations.connectors.historian.intervals_clock import Clock, Ints
from airflow_provider_integrations.formats.arrow import Array, Table, pa

__all__ = ["MISSING", "WRITTEN", "Day", "Days", "days_of", "interval_rows", "missing_slots"]

_INSTANT = pa.timestamp("us", "UTC")
MISSING: Any = pa.schema(
    [
        pa.field("service_point", pa.string(), nullable=False),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("ts_begin", _INSTANT, nullable=False),
        pa.field("ts_end", _INSTANT, nullable=False),
        pa.field("local_begin", pa.string(), nullable=False),
        pa.field("slots", pa.int64(), nullable=False),
        pa.field("edge", pa.bool_(), nullable=False),
    ]
)
"""Runs of slots that nobody reported; `edge` where they are before a series' first slot in its first local day, or after its last
in its last."""

WRITTEN: Any = pa.schema(
    [one.with_type(pa.dictionary(pa.int32(), pa.string())) if one.type == pa.string() else one for one in INTERVALS]
)
"""`INTERVALS` with strings as dictionaries; in the file they are strings."""


@dataclass(frozen=True, slots=True)
class Day:
    """A local day that has not as many slots as it should."""

    series: int
    day: date
    slots: int
    expected: int


@dataclass(frozen=True, slots=True)
class Days:
    """Of all series together: days with a slot, those without any between them, and the first ones that are not full."""

    seen: int
    empty: int
    unexpected: int
    examples: tuple[Day, ...]


def interval_rows(
    placed: Placed, clock: Clock, series: Sequence[tuple[str, str]], traits: Sequence[Trait], texts: Array | None = None
) -> Table:
    """Rows in the schema `WRITTEN`; `series` and `traits` by number, and local texts of all slots where they are known."""
    readings, numbers = placed.readings, placed.numbers
    first = int(readings.series.min()) if len(readings) else 0
    names = series[first : int(readings.series.max(initial=first)) + 1]
    of = readings.series - np.int32(first)
    empty, at = np.isnan(readings.value), pa.array(numbers)
    columns = {
        "service_point": _named([point for point, _ in names], of),
        "channel": _named([channel for _, channel in names], of),
        "ts_begin": _instants(clock.starts).take(at),
        "ts_end": _instants(clock.starts[1:]).take(at),
        "local_begin": _local(clock, numbers) if texts is None else pa.DictionaryArray.from_arrays(at, texts),
        "slot": pa.array(clock.slots).take(at),
        "local_date": pa.array(clock.days).view(pa.date32()).take(at),
        "value": pa.array(readings.value, mask=empty) if empty.any() else pa.array(readings.value),
        "unit": _named([trait.unit for trait in traits], readings.trait),
        "quality": _named([trait.quality.value for trait in traits], readings.trait),
        "origin": _named([trait.origin.value for trait in traits], readings.trait),
        "quality_detail": _named([trait.detail for trait in traits], readings.trait),
    }
    return pa.Table.from_arrays([columns[name] for name in INTERVALS.names], schema=WRITTEN)


def _local(clock: Clock, numbers: npt.NDArray[np.int32]) -> Array:
    """The wall's clock at the beginning of each slot; only the slots that are used get a text."""
    marks = np.zeros(len(clock.slots), dtype=bool)
    marks[numbers] = True
    used = np.flatnonzero(marks).astype(np.int32)
    if len(used) < len(marks):
        numbers = (np.cumsum(marks, dtype=np.int32) - np.int32(1))[numbers]
    return pa.DictionaryArray.from_arrays(pa.array(numbers), clock.local_texts(used))


def missing_slots(placed: Placed, clock: Clock, series: Sequence[tuple[str, str]]) -> Table:
    """Runs of slots that nobody reported, in the schema `MISSING`."""
    numbers, of = placed.numbers.astype(np.int64), placed.readings.series
    if not len(numbers):
        return MISSING.empty_table()
    last = np.append(of[1:] != of[:-1], True)
    first = np.append(True, last[:-1])
    gap = np.append((numbers[1:] - numbers[:-1] > 1) & ~last[:-1], False)
    inner = np.flatnonzero(gap)
    heads, tails = np.flatnonzero(first), np.flatnonzero(last)
    from_midnight, to_midnight = clock.slots[numbers[heads]], _left(clock, numbers[tails])
    heads, tails = heads[from_midnight > 0], tails[to_midnight > 0]
    whose = np.concatenate([of[inner], of[heads], of[tails]])
    begin = np.concatenate([numbers[inner] + 1, numbers[heads] - clock.slots[numbers[heads]], numbers[tails] + 1])
    end = np.concatenate([numbers[inner + 1], numbers[heads], numbers[tails] + 1 + _left(clock, numbers[tails])])
    edge = np.arange(len(whose)) >= len(inner)
    order = np.lexsort((begin, whose))
    whose, begin, end, edge = whose[order], begin[order], end[order], edge[order]
    columns = [
        pa.array([series[one][0] for one in whose.tolist()], pa.string()),
        pa.array([series[one][1] for one in whose.tolist()], pa.string()),
        _instants(clock.starts[begin]),
        _instants(clock.starts[end]),
        clock.local_texts(begin.astype(np.int32)).cast(pa.string()),
        pa.array(end - begin),
        pa.array(edge),
    ]
    return pa.Table.from_arrays(columns, schema=MISSING)


def days_of(placed: Placed, clock: Clock, most: int) -> Days:
    """Count the days; at most `most` examples of those that are not full."""
    numbers, of = placed.numbers, placed.readings.series
    if not len(numbers):
        return Days(0, 0, 0, ())
    day = clock.days[numbers]
    begins = np.flatnonzero(np.append(True, (day[1:] != day[:-1]) | (of[1:] != of[:-1])))
    counts = np.diff(np.append(begins, len(numbers)))
    expected = clock.expected[numbers[begins]]
    wrong = np.flatnonzero(counts != expected)
    last = np.append(of[1:] != of[:-1], True)
    sequence = np.cumsum(clock.slots == 0)
    spans = sequence[numbers[last]] - sequence[numbers[np.append(True, last[:-1])]] + 1
    examples = tuple(
        Day(
            int(of[begins[at]]),
            date(1970, 1, 1) + timedelta(days=int(day[begins[at]])),
            int(counts[at]),
            int(expected[at]),
        )
        for at in wrong[:most].tolist()
    )
    return Days(len(begins), int(spans.sum()) - len(begins), len(wrong), examples)


def _left(clock: Clock, numbers: Ints) -> npt.NDArray[np.int32]:
    """How many slots of the local day come after each."""
    return np.asarray(clock.expected[numbers] - clock.slots[numbers] - 1)


def _instants(seconds: Ints) -> Array:
    return pa.array(seconds * 1_000_000).view(_INSTANT)


def _named(names: Sequence[str | None], at: npt.NDArray[np.int32]) -> Array:
    """A column of few texts by number; no text is in its dictionary twice."""
    told: dict[str, int] = {}
    places = [-1 if name is None else told.setdefault(name, len(told)) for name in names]
    if len(set(places)) == 1:
        if not told:
            return pa.nulls(len(at), WRITTEN.field("unit").type)
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(at), np.int32)), list(told))
    indices = at if places == list(range(len(names))) else np.array(places, np.int32)[at]
    missing = indices < 0 if -1 in places else None
    return pa.DictionaryArray.from_arrays(pa.array(indices, mask=missing), pa.array(list(told), pa.string()))
