"""Intervals of smart meters: readings with the stamps that a source gives them become numbered slots of local days.

Pure, over columns of many readings at once. Nothing is shifted and nothing is guessed: a reading that has no slot, or that
another one contradicts, is refused with its reason, and of several for one slot an actual one stands above a substituted one,
that above an estimated one, and among equals the later version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_integrations.connectors.historian.intervals_clock import (
    BETWEEN,
    LEFT_OUT,
    TWICE,
    Clock,
    Flags,
    Ints,
)
from airflow_provider_integrations.connectors.historian.intervals_passes import passes_of, runs_backward
from airflow_provider_integrations.connectors.historian.samples import Origin, Quality
from airflow_provider_integrations.formats.arrow import pa

__all__ = ["FIRST", "INTERVALS", "LAST", "RANKS", "Kind", "Placed", "Readings", "Refusal", "Trait", "place"]

FIRST, LAST = 0, 4_102_444_800
"""Stamps are from 1970 to before 2100."""

INTERVALS: Any = pa.schema(
    [
        pa.field("service_point", pa.string(), nullable=False),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("ts_begin", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("ts_end", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("local_begin", pa.string(), nullable=False),
        pa.field("slot", pa.int32(), nullable=False),
        pa.field("local_date", pa.date32(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("unit", pa.string()),
        pa.field("quality", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("quality_detail", pa.string()),
    ]
)
"""What a file of normalised intervals has; `slot` counts from 0 in the local day, `quality_detail` is what the source says."""

RANKS = {Origin.ESTIMATED: 1, Origin.SUBSTITUTED: 2, Origin.ACTUAL: 3}
"""Of origins; the higher one is kept. Without a value there is nothing to keep: rank 0."""


class Kind(IntEnum):
    """What the stamp of a reading is, all in seconds since 1970."""

    INSTANT = 0
    """In UTC: the source says so, or gives the offset."""
    LOCAL = 1
    """By the clock of the zone."""
    LOCAL_SUMMER = 2
    """The same, and summer time by the source's flag."""
    LOCAL_STANDARD = 3
    """The same, and not summer time."""


class Refusal(StrEnum):
    """Why a reading is refused, or left out for a better one."""

    STAMP = "stamp"
    """It is no time, or none from 1970 to 2099."""
    MIDNIGHT_24 = "midnight_24"
    """24:00 ends a day, and stamps are said to begin intervals."""
    NONEXISTENT_TIME = "nonexistent_time"
    AMBIGUOUS_TIME = "ambiguous_time"
    """In the hour that comes twice, and neither order nor a flag tells which."""
    OFF_GRID = "off_grid"
    """Between two slots."""
    CONFLICT = "conflict"
    """Several values for one slot, none of which stands above the others."""
    SUPERSEDED = "superseded"
    """A reading of higher origin or later version is there: kept for the record, and no fault."""
    VALUE = "value"
    QUALITY = "quality"
    """A flag that is not known: it might be an estimate."""
    SERVICE_POINT = "service_point"
    LENGTH = "length"
    """An interval of another length."""
    RECORD = "record"
    """A line or record that is malformed."""
    NOT_INTERVALS = "not_intervals"
    """Registers that run on, and the like."""


@dataclass(frozen=True, slots=True)
class Trait:
    """What many readings have in common."""

    unit: str | None = None
    quality: Quality = Quality.GOOD
    origin: Origin = Origin.ACTUAL
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """Columns of one length: the number of the series, stamp, `Kind`, value (NaN for none), number of the trait, where in the
    source, and version."""

    series: npt.NDArray[np.int32]
    stamp: Ints
    kind: npt.NDArray[np.int8]
    value: npt.NDArray[np.float64]
    trait: npt.NDArray[np.int32]
    row: Ints
    version: Ints

    def at(self, which: Any) -> Readings:
        """Some of them, by mask, places or slice."""
        return Readings(
            self.series[which], self.stamp[which], self.kind[which], self.value[which], self.trait[which],
            self.row[which], self.version[which],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.stamp)


@dataclass(frozen=True, slots=True)
class Placed:
    """Readings in the order of series and slot.

    Args:
        readings: Those that have a slot of their own.
        numbers: The slot of each, as the clock numbers them.
        refused: The others, of one `Refusal` each.
        duplicates: How many were left out since they say the same as another one.
    """

    readings: Readings
    numbers: npt.NDArray[np.int32]
    refused: list[tuple[Refusal, Readings]]
    duplicates: int


def place(readings: Readings, clock: Clock, traits: Sequence[Trait]) -> Placed:
    """Give each reading its slot.

    Args:
        readings: All of some series, rows of one series in the order of the source, and series together.
        clock: Holds the stamps of all of them.
        traits: By the numbers that the readings have.
    """
    refused: list[tuple[Refusal, Readings]] = []
    numbers = _numbers(readings, clock)
    if len(numbers) and numbers.min() < 0:
        bad = numbers < 0
        for code, reason in _REASONS.items():
            if (of_it := numbers == code).any():
                refused.append((reason, readings.at(of_it)))
        good = np.flatnonzero(~bad)
        readings, numbers = readings.at(good), numbers[good]
    same = readings.series[1:] == readings.series[:-1]
    if ((numbers[1:] > numbers[:-1]) | ~same).all():
        return Placed(readings, numbers, refused, 0)
    keys = readings.series.astype(np.int64) * len(clock.starts) + numbers
    order = np.argsort(keys, kind="stable")
    readings, numbers, keys = readings.at(order), numbers[order], keys[order]
    if (keys[1:] > keys[:-1]).all():
        return Placed(readings, numbers, refused, 0)
    kept, lost, again = _settle(readings, keys, traits)
    return Placed(readings.at(kept), numbers[kept], refused + lost, again)


_REASONS = {BETWEEN: Refusal.OFF_GRID, LEFT_OUT: Refusal.NONEXISTENT_TIME, TWICE: Refusal.AMBIGUOUS_TIME}


def _numbers(readings: Readings, clock: Clock) -> npt.NDArray[np.int32]:
    """The slot of each reading, or why it has none."""
    local = readings.kind != Kind.INSTANT
    if not local.any():
        return clock.number_at(readings.stamp)
    numbers = clock.number_of(readings.stamp)
    twice = np.flatnonzero(numbers == TWICE)
    if len(twice := twice[local[twice]]):
        _resolve(readings, twice, clock, numbers)
    return numbers if local.all() else np.where(local, numbers, clock.number_at(readings.stamp))


def _resolve(readings: Readings, twice: Ints, clock: Clock, numbers: npt.NDArray[np.int32]) -> None:
    """Write in which of two passes a stamp is: by flag, else by order."""
    table = clock.local
    kind, at = readings.kind[twice], clock.places_of(readings.stamp[twice])
    for flag, told in ((Kind.LOCAL_SUMMER, table.earlier), (Kind.LOCAL_STANDARD, table.later)):
        flagged = kind == flag
        numbers[twice[flagged]] = told[at[flagged]]
    # Of hours at a turn of half an hour 01:30 comes twice and is told once, since it begins a slot once.
    once = (kind == Kind.LOCAL) & ((table.earlier[at] < 0) != (table.later[at] < 0))
    numbers[twice[once]] = np.maximum(table.earlier[at[once]], table.later[at[once]])
    open_still = (kind == Kind.LOCAL) & ~once
    which, at = twice[open_still], at[open_still]
    if not len(which):
        return
    series = readings.series[which]
    groups = series.astype(np.int64) * (int(table.turn.max()) + 1) + table.turn[at]
    backward = runs_backward(readings.series, readings.stamp, series)
    passes = passes_of(groups, readings.stamp[which], table.edge[at], backward)
    for number, told in enumerate((table.earlier, table.later)):
        known = passes == number
        numbers[which[known]] = told[at[known]]


def _settle(
    readings: Readings, keys: Ints, traits: Sequence[Trait]
) -> tuple[Flags, list[tuple[Refusal, Readings]], int]:
    """Of several readings for one slot: which are kept, what is refused, and how many say the same again."""
    repeated = np.append(False, keys[1:] == keys[:-1])
    several = repeated | np.append(repeated[1:], False)
    at = np.flatnonzero(several)
    among = readings.at(at)
    ranks = np.array([RANKS[trait.origin] for trait in traits], np.int8)
    told = sorted({trait.unit or "" for trait in traits})
    units = np.array([told.index(trait.unit or "") for trait in traits])
    rank = np.where(np.isnan(among.value), np.int8(0), ranks[among.trait])
    order = np.lexsort((among.row, -among.version, -rank, keys[at]))
    at, among, rank, key = at[order], among.at(order), rank[order], keys[at][order]
    new = np.append(True, key[1:] != key[:-1])
    best = np.flatnonzero(new)[np.cumsum(new) - 1]
    level = (rank == rank[best]) & (among.version == among.version[best])
    # Two without a value say the same.
    equal = (among.value == among.value[best]) | (np.isnan(among.value) & np.isnan(among.value[best]))
    equal &= units[among.trait] == units[among.trait[best]]
    member = np.cumsum(new) - 1
    torn = (np.bincount(member, level & ~equal) > 0)[member]
    kept = ~several
    kept[at[new & ~torn]] = True
    conflict, beaten = torn & level, ~level & ~equal
    lost = [
        (reason, among.at(which))
        for reason, which in ((Refusal.CONFLICT, conflict), (Refusal.SUPERSEDED, beaten))
        if which.any()
    ]
    return kept, lost, int((~new & ~conflict & ~beaten).sum())
