"""What plant 1 measured over two weeks: 20 tags, with outages, timeouts and the night on which clocks are set back.

Every value follows from its tag and its instant, so the plant measures the same at each start. What is wrong in it is on purpose:

- boiler 2 told nothing for three hours on 28 October;
- the drum level of boiler 1 timed out for half an hour on 30 October, and measured again in between;
- the turbine's power is missing in the hour that comes twice, in the night of 2 November;
- the fuel level of 6 November is corrected later, see `points`;
- vibration is uncertain for an afternoon, and the burners' states come twice at one instant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.catalog_file import read_catalog
from airflow_provider_integrations.connectors.historian.local_days import local_day, zone_named

__all__ = ["BEGIN", "CORRECTED", "END", "STATES", "Point", "catalog", "points"]

BEGIN, END = datetime(2025, 10, 25, 5, tzinfo=UTC), datetime(2025, 11, 8, 6, tzinfo=UTC)
"""Fourteen local days of Chicago, one of which has 25 hours."""

CORRECTED, DELETED = datetime(2025, 11, 6, 12, tzinfo=UTC), datetime(2025, 11, 6, 12, 10, tzinfo=UTC)

STATES = ("OFF", "PURGE", "ON")
GOOD, UNCERTAIN, TIMED_OUT = 0, 0x40000000, 0x800A0000
"""Status codes of OPC UA: Good, Uncertain, BadTimeout."""

_BOILER_2_SILENT = (datetime(2025, 10, 28, 6, tzinfo=UTC), datetime(2025, 10, 28, 9, tzinfo=UTC))
_DRUM_TIMES_OUT = (datetime(2025, 10, 30, 12, tzinfo=UTC), datetime(2025, 10, 30, 12, 30, tzinfo=UTC))
_CLOCKS_SET_BACK = (datetime(2025, 11, 2, 6, tzinfo=UTC), datetime(2025, 11, 2, 8, tzinfo=UTC))
_VIBRATION_UNCERTAIN = (datetime(2025, 11, 4, 18, tzinfo=UTC), datetime(2025, 11, 4, 22, tzinfo=UTC))
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one tag; `value` is None where there is none."""

    at: datetime
    value: float | str | bool | int | None
    status: int = GOOD


def catalog(include: Path) -> tuple[TagEntry, ...]:
    """The tags, as the source's catalog has them."""
    return read_catalog(include / "tags" / "plant1.yaml").tags


def points(entry: TagEntry, *, corrected: bool = False) -> Iterator[Point]:
    """All that the historian keeps of a tag, in the order of time.

    Args:
        entry: The tag.
        corrected: Whether somebody has gone over it: one level of fuel is another then, and the next one was deleted.
    """
    for point in _told(entry):
        if corrected and entry.name.endswith("fuel_level") and point.at in (CORRECTED, DELETED):
            if point.at == CORRECTED:
                yield Point(point.at, 42.0)
            continue
        yield point


def _told(entry: TagEntry) -> Iterator[Point]:
    if entry.name.endswith("burner_state"):
        yield from _burner(entry)
    elif entry.kind == "text":
        for day in range(0, 14, 3):
            yield Point(BEGIN + timedelta(days=day, hours=13), f"Round of day {day}: nothing to report")
    elif entry.kind == "state":
        yield Point(BEGIN, len(STATES) - 1)
    elif entry.kind == "boolean":
        for hour in range(0, 24 * 14, 9 if entry.max_silence else 100):
            yield Point(BEGIN + hour * _HOUR, hour % 2 == 1)
    elif entry.daily:
        yield from _deliveries(entry)
    else:
        yield from filter(None, (_measured(entry, at) for at in _instants(entry)))


def _instants(entry: TagEntry) -> Iterator[datetime]:
    if entry.exception and entry.max_silence:
        # What changes is told at odd times, at least once in the longest silence.
        step = entry.max_silence * 0.4
        count = (END - BEGIN) // step
        for place in range(count + 1):
            yield BEGIN + place * step + (place * 7919 % 1000) * timedelta(milliseconds=500)
        return
    cadence = entry.cadence
    assert isinstance(cadence, timedelta), "the others have one"
    for place in range((END - BEGIN) // cadence):
        yield BEGIN + place * cadence


def _measured(entry: TagEntry, at: datetime) -> Point | None:
    name = entry.name
    if at >= END or (_in(at, _BOILER_2_SILENT) and ".boiler2." in name):
        return None
    if _in(at, _CLOCKS_SET_BACK) and name.endswith("turbine1.power"):
        return None
    if _in(at, _DRUM_TIMES_OUT) and name.endswith("drum_level") and at.minute % 10:
        return Point(at, None, TIMED_OUT)
    status = UNCERTAIN if _in(at, _VIBRATION_UNCERTAIN) and name.endswith("vibration") else GOOD
    return Point(at, _value(entry, at), status)


def _value(entry: TagEntry, at: datetime) -> float:
    """Between a third and two thirds of what the tag's limits allow, by the hour of the day and a little noise."""
    low, high = entry.limits.low or 0.0, 100.0 if entry.limits.high is None else entry.limits.high
    phase = crc32(entry.name.encode()) % 1000 / 1000
    minutes = (at - BEGIN).total_seconds() / 60
    noise = (minutes * 7919 + crc32(entry.name.encode())) % 997 / 997 - 0.5
    share = 0.5 + 0.14 * math.sin(2 * math.pi * (minutes / 1440 + phase)) + 0.02 * noise
    unscaled = (low + share * (high - low) - entry.scaling.offset) / entry.scaling.factor
    return round(unscaled, 3)


def _burner(entry: TagEntry) -> Iterator[Point]:
    """Off, purged and on again every eleven hours; OFF and PURGE at one instant."""
    yield Point(BEGIN, 2)
    start = BEGIN + timedelta(hours=5 if ".boiler1." in entry.name else 8)
    for turn in range(30):
        at = start + turn * 11 * _HOUR
        if at + _HOUR >= END:
            return
        yield from (Point(at, 0), Point(at, 1), Point(at + timedelta(minutes=12), 2))


def _deliveries(entry: TagEntry) -> Iterator[Point]:
    zone = zone_named(entry.zone)
    for number in range(14):
        day = local_day(zone, (BEGIN + timedelta(days=number, hours=12)).astimezone(zone).date())
        yield Point(day.start + timedelta(hours=17), float(20 + number * 3 % 17))


def _in(at: datetime, span: tuple[datetime, datetime]) -> bool:
    return span[0] <= at < span[1]
