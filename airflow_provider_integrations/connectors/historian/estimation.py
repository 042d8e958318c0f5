"""Estimates for what is missing: rows of their own that say by which method, in which version, they were made.

A method goes by readings alone, never by another estimate, and gives nothing where it has nothing to go by: what is left is
still a gap. Raw samples are never touched; which row counts is for `precedence.resolve` to say.

| method | what it gives |
| --- | --- |
| `last_good_value` | the last reading before, of any kind |
| `linear_interpolation` | what lies on the line between the readings on both sides; numbers alone |
| `same_day_last_week` | the reading at the same time of the local clock a week before |

>>> estimate("last_good_value", entry, samples, gaps).column("origin")[0].as_py()  # doctest: +SKIP
'estimated'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.gap_points import READING, points_of
from airflow_provider_integrations.connectors.historian.local_days import local_day, zone_named
from airflow_provider_integrations.connectors.historian.samples import SAMPLES, Origin, quality_of
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.gap import Gap

__all__ = ["METHODS", "Method", "estimate", "instants_of"]

CALCULATED, INTERPOLATED = 0x401, 0x402
"""Info bits of a status: a data value (0x400), and how the historian made it (OPC 10000-11, 6.2; OPC 10000-4, 7.39)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WEEK = timedelta(days=7)
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Readings:
    """Readings of one tag, ascending; of one instant the last one.

    Args:
        ts: Nanoseconds since 1970.
        rows: Their values, in the same order.
        severity: 0 for good ones, 1 for uncertain ones.
    """

    ts: _Ints
    rows: pa.RecordBatch
    severity: npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class _Made:
    """What a method gives: places in what was asked for, and the reading that each goes by, or a number of its own."""

    asked: _Ints
    source: _Ints
    numbers: npt.NDArray[np.float64] | None = None
    severity: npt.NDArray[np.uint32] | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """A way to estimate.

    Args:
        name, version: What rows carry; the version changes when the same input would give something else.
        info: Bits that its status carries.
        word: Of `quality_detail`.
        make: Gives what it has for instants, from readings that are at most so many nanoseconds away.
    """

    name: str
    version: str
    info: int
    word: str
    make: Callable[[TagEntry, _Readings, _Ints, int], _Made]


def estimate(
    method: str, entry: TagEntry, samples: pa.Table, gaps: Iterable[Gap], *, reach: timedelta | None = None
) -> pa.Table:
    """Rows in the schema `SAMPLES` for the samples that gaps lack, as far as the method has something to go by.

    Args:
        method: Name of one of `METHODS`.
        entry: The tag.
        samples: What is known of it, in the schema `SAMPLES` and ascending, with as much around the gaps as the method needs.
        gaps: What is to be filled; one that does not say how many samples are expected is left alone.
        reach: How far away a reading may be to go by; the two of a line may be that far apart, and a week counts as none.

    Raises:
        ConfigError: there is no such method, or it does not fit the kind of the tag.
    """
    if method not in METHODS:
        raise ConfigError("no such method", method=method, next_step=f"Use one of: {', '.join(sorted(METHODS))}.")
    way = METHODS[method]
    if way.name == "linear_interpolation" and entry.kind != "number":
        step = "Use last_good_value, or same_day_last_week."
        raise ConfigError("between two states there is no line", tag=entry.name, kind=entry.kind, next_step=step)
    instants = [instant for gap in gaps for instant in instants_of(entry, gap)]
    at = np.array(sorted({*instants}), dtype=np.int64)
    far = reach // _MICROSECOND * 1_000 if reach is not None else 1 << 62
    readings = _readings(entry, samples)
    if not len(at) or not len(readings.ts):
        return SAMPLES.empty_table()
    return _rows(entry, way, readings, at, way.make(entry, readings, at, far))


def instants_of(entry: TagEntry, gap: Gap) -> Iterator[int]:
    """The instants of the samples that a gap lacks: in step with its begin, or the begins of local days."""
    if entry.period is not None:
        yield from range(gap.begin, gap.begin + (gap.expected or 0) * entry.period, entry.period)
    elif entry.daily:
        zone = zone_named(entry.zone)
        day = _local(entry.zone, gap.begin).date()
        while (begin := _instant(local_day(zone, day).start)) < gap.end:
            if gap.begin <= begin < _instant(local_day(zone, day).end):
                yield begin
            day += timedelta(days=1)


def _last_good_value(entry: TagEntry, readings: _Readings, at: _Ints, far: int) -> _Made:
    before = np.searchsorted(readings.ts, at, side="right") - 1
    asked = np.flatnonzero((before >= 0) & (at - readings.ts[before] <= far))
    return _Made(asked, before[asked])


def _linear_interpolation(entry: TagEntry, readings: _Readings, at: _Ints, far: int) -> _Made:
    after = np.searchsorted(readings.ts, at, side="left")
    inside = np.flatnonzero((after > 0) & (after < len(readings.ts)))
    left, right = after[inside] - 1, after[inside]
    near = readings.ts[right] - readings.ts[left] <= far
    asked, left, right = inside[near], left[near], right[near]
    value = readings.rows.column("value_number").to_numpy(zero_copy_only=False)
    # Differences first: a double does not hold nanoseconds since 1970.
    share = (at[asked] - readings.ts[left]) / (readings.ts[right] - readings.ts[left])
    numbers = value[left] * (1 - share) + value[right] * share  # No difference of values, which might not be finite.
    numbers = np.clip(numbers, np.minimum(value[left], value[right]), np.maximum(value[left], value[right]))
    return _Made(asked, left, numbers, np.maximum(readings.severity[left], readings.severity[right]))


def _same_day_last_week(entry: TagEntry, readings: _Readings, at: _Ints, far: int) -> _Made:
    bounds = [_week_before(entry, int(instant)) for instant in at]
    low = np.array([bound[0] for bound in bounds], dtype=np.int64)
    high = np.array([bound[1] for bound in bounds], dtype=np.int64)
    wanted = np.array([bound[2] for bound in bounds], dtype=np.int64)
    first = np.searchsorted(readings.ts, low, side="left")
    last = np.searchsorted(readings.ts, high, side="right") - 1
    asked = np.flatnonzero((first <= last) & (low <= high))
    # Of those near it the nearest one: it lies right before the wanted instant, or right after.
    after = np.clip(np.searchsorted(readings.ts, wanted[asked]), first[asked], last[asked])
    before = np.clip(after - 1, first[asked], last[asked])
    nearer = np.abs(readings.ts[before] - wanted[asked]) < np.abs(readings.ts[after] - wanted[asked])
    return _Made(asked, np.where(nearer, before, after))


METHODS = {
    method.name: method
    for method in (
        Method("last_good_value", "1", CALCULATED, "calculated", _last_good_value),
        Method("linear_interpolation", "1", INTERPOLATED, "interpolated", _linear_interpolation),
        Method("same_day_last_week", "1", CALCULATED, "calculated", _same_day_last_week),
    )
}
"""By name."""


def _week_before(entry: TagEntry, instant: int) -> tuple[int, int, int]:
    """Where the reading of a week before may lie, both ends included, and where it should; nothing lies where no clock showed it.

    The hour that comes twice in autumn takes both times what its clock showed a week before. Where a clock showed the time
    twice then, the first one counts, or the second one for the second one.
    """
    local = _local(entry.zone, instant)
    wall = local.replace(tzinfo=None) - _WEEK
    then = wall.replace(tzinfo=zone_named(entry.zone), fold=local.fold).astimezone(UTC)
    if then.astimezone(zone_named(entry.zone)).replace(tzinfo=None) != wall:
        return 0, -1, 0
    wanted = _instant(then) + instant % 1_000
    if entry.daily:
        day = local_day(zone_named(entry.zone), wall.date())
        return _instant(day.start), _instant(day.end) - 1, wanted
    slack = int((entry.period or 0) * entry.tolerance)
    return wanted - slack, wanted + slack, wanted


def _readings(entry: TagEntry, samples: pa.Table) -> _Readings:
    batches = samples.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], samples.schema)]
    points = points_of(entry, batches[0])
    # Of one instant the last reading: one that is followed by a bad value is a reading all the same.
    ts, rows = points.ts[points.worth == READING], points.samples.filter(pa.array(points.worth == READING))
    last = np.append(ts[1:] != ts[:-1], np.ones(min(1, len(ts)), dtype=bool))
    rows = rows.filter(pa.array(last))
    status = rows.column("status").to_numpy(zero_copy_only=False)
    return _Readings(ts[last], rows, np.right_shift(status, 30))


def _rows(entry: TagEntry, way: Method, readings: _Readings, at: _Ints, made: _Made) -> pa.Table:
    count, source = len(made.asked), pa.array(made.source, pa.int64())
    severity = readings.severity[made.source] if made.severity is None else made.severity
    # As good as what it goes by.
    status = pa.array(np.left_shift(severity, 30) | way.info, pa.uint32())
    nothing = pa.nulls(count, pa.string())
    values: dict[str, Any] = {
        name: readings.rows.column(name).take(source) for name in ("value_number", "value_text", "value_state")
    }
    if made.numbers is not None:
        values = {"value_number": pa.array(made.numbers), "value_text": nothing, "value_state": nothing}
    columns: dict[str, Any] = {
        **values,
        "tag": pa.repeat(pa.scalar(entry.name), count),
        "ts": pa.array(at[made.asked]).view(pa.timestamp("ns", tz="UTC")),
        "ordinal": pa.array(np.zeros(count, dtype=np.int32)),
        "status": status,
        "quality": quality_of(status),
        "origin": pa.repeat(pa.scalar(Origin.ESTIMATED.value), count),
        "quality_detail": pa.repeat(pa.scalar(way.word), count),
        "method": pa.repeat(pa.scalar(way.name), count),
        "method_version": pa.repeat(pa.scalar(way.version), count),
    }
    return pa.table([columns[name] for name in SAMPLES.names], schema=SAMPLES)


def _local(zone: str, instant: int) -> datetime:
    return (_EPOCH + timedelta(microseconds=instant // 1_000)).astimezone(zone_named(zone))


def _instant(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1_000
