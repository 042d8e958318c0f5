"""Green Button: Atom feeds of NAESB REQ.21, the Energy Services Provider Interface (ESPI), as readings of intervals.

A file is read twice: what is metered (usage points, meter readings, reading types) may come after the readings. Times are epoch
seconds in UTC, so that no clock of a zone is asked. A value is multiplied by ten to the power that its reading type has, and is
told in the base unit. `LocalTimeParameters` are told by the report; local days are those of the zone that the caller names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from airflow_provider_integrations.connectors.historian.espi_feed import (
    Element,
    Entry,
    Reading,
    check_apart,
    entries_of,
)
from airflow_provider_integrations.connectors.historian.intervals import FIRST, LAST, Kind, Readings, Refusal, Trait
from airflow_provider_integrations.connectors.historian.intervals_spool import Intake
from airflow_provider_integrations.connectors.historian.samples import Origin, Quality
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["UNITS", "dst_rule", "green_button_readings"]

_BLOCK = 100_000
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_RUNNING = ("1", "2", "3", "9")
"""Kinds of accumulation that are registers: bulk quantity, continuously cumulative, cumulative, summation."""

UNITS = {
    "5": "A", "29": "V", "31": "J", "33": "Hz", "38": "W", "42": "m3", "61": "VA", "63": "VAr", "65": "cos(phi)", "71": "VAh",
    "72": "Wh", "73": "VArh", "106": "Ah", "119": "ft3", "128": "US gal", "129": "US gal/h", "132": "Btu", "134": "L",
    "169": "therm",
}  # fmt: skip
"""Codes of `uom` (UnitSymbolKind); of others the code itself is told."""

_VALID = (Quality.GOOD, Origin.ACTUAL)
_QUALITIES = {
    "0": _VALID, "17": _VALID, "18": _VALID, "19": _VALID,  # valid, validated, verified, revenue quality
    "14": (Quality.UNCERTAIN, Origin.ACTUAL),  # raw
    "10": (Quality.UNCERTAIN, Origin.ACTUAL),  # questionable
    "13": (Quality.UNCERTAIN, Origin.ESTIMATED),  # mixed: some of it may be estimated
    "16": (Quality.UNCERTAIN, Origin.ESTIMATED),  # other
    "7": (Quality.UNCERTAIN, Origin.SUBSTITUTED),  # manually edited
    "8": (Quality.UNCERTAIN, Origin.ESTIMATED),  # by a reference day
    "9": (Quality.UNCERTAIN, Origin.ESTIMATED),  # by linear interpolation
    "11": (Quality.UNCERTAIN, Origin.SUBSTITUTED),  # derived
    "12": (Quality.UNCERTAIN, Origin.ESTIMATED),  # projected
    "15": (Quality.UNCERTAIN, Origin.SUBSTITUTED),  # normalised for weather
}  # fmt: skip
"""QualityOfReading; without any, a reading counts as valid."""


@dataclass(frozen=True, slots=True)
class _Type:
    """A reading type."""

    length: int | None
    unit: str
    power: int
    quality: str
    running: bool
    direction: str


@dataclass(slots=True)
class _Meters:
    """What a feed says of meters, by the addresses of their entries."""

    points: dict[str, None] = field(default_factory=dict)
    readings: dict[str, Entry] = field(default_factory=dict)
    types: dict[str, _Type] = field(default_factory=dict)
    clocks: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Series:
    """Where readings of a block belong."""

    point: str
    channel: str
    kind: _Type


def green_button_readings(file: Any, minutes: int, intake: Intake) -> Iterator[Readings]:
    """Readings of a feed, in blocks.

    Args:
        file: Bytes, at their beginning; read twice.
        minutes: Length of an interval; others are refused.
        intake: Numbers series and traits, and takes refusals by line.

    Raises:
        RejectedError: UNREADABLE or TRUNCATED, as for `entries_of`; UNREADABLE too where links do not tell what a block measures.
    """
    meters = _Meters()
    for entry in entries_of(file, readings=False):
        if isinstance(entry, Entry):
            _learn(entry, meters)
    intake.facts["local_time_parameters"] = meters.clocks
    file.seek(0)
    known: dict[int, tuple[Entry, _Series]] = {}
    rows: list[_Row] = []
    for one in entries_of(file, readings=True):
        if isinstance(one, Entry):
            known.pop(id(one), None)
            continue
        if id(one.entry) not in known:
            known[id(one.entry)] = one.entry, _series_of(one.entry, meters, one.block.line)
        intake.rows += 1
        row = _row(one, known[id(one.entry)][1], minutes * 60, intake)
        if row is not None:
            rows.append(row)
        if len(rows) >= _BLOCK:
            yield _block(rows)
            rows.clear()
    if rows:
        yield _block(rows)


def _learn(entry: Entry, meters: _Meters) -> None:
    address = entry.link("self")
    for element in entry.content:
        if element.name == "UsagePoint":
            check_apart(address, address if address in meters.points else None, address, element)
            meters.points[address] = None
        elif element.name == "MeterReading":
            if (before := meters.readings.setdefault(address, entry)) is not entry:
                check_apart(address, before.links, entry.links, element)
        elif element.name == "ReadingType":
            length = element.value("intervalLength")
            told = _Type(
                length=int(length) if length and _WHOLE.fullmatch(length) else None,
                unit=UNITS.get(code := element.value("uom") or "0", f"uom {code}"),
                power=_power(element),
                quality=element.value("defaultQuality") or "0",
                running=element.value("accumulationBehaviour") in _RUNNING,
                direction=element.value("flowDirection") or "0",
            )
            check_apart(address, meters.types.get(address), told, element)
            meters.types[address] = told
        elif element.name == "LocalTimeParameters":
            meters.clocks.append(_clock(element))


def _power(element: Element) -> int:
    text = element.value("powerOfTenMultiplier") or "0"
    if _WHOLE.fullmatch(text) is None or not -24 <= int(text) <= 24:
        raise RejectedError(Reason.UNREADABLE, "no power of ten", line=element.line, text=text[:20])
    return int(text)


def _series_of(entry: Entry, meters: _Meters, line: int) -> _Series:
    """By links: the block's collection belongs to a meter reading, that to a usage point, and to a reading type beside it."""
    collection = entry.link("up")
    reading = next(
        (
            address
            for address, one in meters.readings.items()
            if collection and (collection.rpartition("/")[0] == address or collection in one.links.get("related", ()))
        ),
        # Where there is but one there is no doubt.
        next(iter(meters.readings)) if len(meters.readings) == 1 else None,
    )
    if reading is None:
        raise RejectedError(Reason.UNREADABLE, "no link says which meter reading a block belongs to", line=line)
    holder = meters.readings[reading]
    related = [link for link in holder.links.get("related", ()) if link in meters.types]
    if not related and len(meters.types) == 1:
        related = list(meters.types)
    if len(related) != 1:
        raise RejectedError(
            Reason.UNREADABLE, "no link says of which type a meter reading is", line=line, found=len(related)
        )
    above = holder.link("up").rpartition("/")[0]
    point = above if above in meters.points else next(iter(meters.points)) if len(meters.points) == 1 else None
    if point is None:
        raise RejectedError(Reason.UNREADABLE, "no link says which usage point a meter reading belongs to", line=line)
    beside = [address for address, one in meters.readings.items() if one.link("up") == holder.link("up")]
    return _Series(_named(point, meters.points), _named(reading, beside), meters.types[related[0]])


def _named(address: str, among: Iterable[str]) -> str:
    """The last part of an address, or all of it where another one has the same last part, as of another customer."""
    last = address.rstrip("/").rpartition("/")[2]
    same = [one for one in among if one.rstrip("/").rpartition("/")[2] == last]
    return (last if len(same) == 1 else address) or "1"


class _RefusedError(Exception):
    """A reading that is refused."""

    def __init__(self, reason: Refusal, detail: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


_Row = tuple[int, int, float, int, int]


def _row(one: Reading, series: _Series, length: int, intake: Intake) -> _Row | None:
    begin = _begin(one, series.kind)
    try:
        instant, value, trait = _read(one.element, series.kind, begin, length)
    except _RefusedError as error:
        intake.rejects.add(
            error.reason, one.element.line, point=series.point, channel=series.channel, stamp=begin,
            value=one.element.value("value"), detail=error.detail,
        )  # fmt: skip
        return None
    number = intake.series_number(series.point, series.channel)
    return number, instant, value, intake.trait_number(trait), one.element.line


def _begin(one: Reading, kind: _Type) -> str | None:
    """When it begins; without a period of their own readings follow each other from the block's beginning."""
    begin, first = one.element.value("timePeriod", "start"), one.block.value("interval", "start")
    if begin is not None or kind.length is None or first is None or _WHOLE.fullmatch(first) is None:
        return begin
    return str(int(first) + one.place * kind.length)


def _read(element: Element, kind: _Type, begin: str | None, length: int) -> tuple[int, float, Trait]:
    """Instant, value and trait."""
    if kind.running:
        raise _RefusedError(Refusal.NOT_INTERVALS)
    if begin is None or _WHOLE.fullmatch(begin) is None or not FIRST <= int(begin) < LAST:
        raise _RefusedError(Refusal.STAMP)
    lasts = element.value("timePeriod", "duration") or str(kind.length)
    if lasts != str(length):
        raise _RefusedError(Refusal.LENGTH, f"{lasts} seconds")
    text = element.value("value")
    if text is not None and _WHOLE.fullmatch(text) is None:
        raise _RefusedError(Refusal.VALUE)
    told = [one.value("quality") or "" for one in element.children if one.name == "ReadingQuality"] or [kind.quality]
    if any(code not in _QUALITIES for code in told):
        raise _RefusedError(Refusal.QUALITY, ", ".join(told))
    # Of several the one that says least for the value counts.
    code = max(told, key=lambda one: _DOUBT[_QUALITIES[one]])
    quality, origin = _QUALITIES[code]
    value = float("nan") if text is None else _scaled(int(text), kind.power)
    return int(begin), value, Trait(kind.unit, quality, origin, ",".join(told))


_DOUBT = {
    (Quality.GOOD, Origin.ACTUAL): 0,
    (Quality.UNCERTAIN, Origin.ACTUAL): 1,
    (Quality.UNCERTAIN, Origin.SUBSTITUTED): 2,
    (Quality.UNCERTAIN, Origin.ESTIMATED): 3,
}


def _scaled(value: int, power: int) -> float:
    """The nearest double: a division by a power of ten rounds once, a product with a tenth twice."""
    return float(value * 10**power) if power >= 0 else value / 10**-power


def _block(rows: list[_Row]) -> Readings:
    series, begins, values, traits, lines = zip(*rows, strict=True)
    return Readings(
        np.array(series, np.int32), np.array(begins, np.int64), np.full(len(rows), Kind.INSTANT, np.int8), np.array(values),
        np.array(traits, np.int32), np.array(lines, np.int64), np.zeros(len(rows), np.int64),
    )  # fmt: skip


def _clock(element: Element) -> dict[str, Any]:
    """What the feed says of local time, for people to compare with the zone."""
    told: dict[str, Any] = {name: element.value(name) for name in ("tzOffset", "dstOffset")}
    for name in ("dstStartRule", "dstEndRule"):
        told[name] = dst_rule(element.value(name) or "")
    return told


def dst_rule(code: str) -> str | None:
    """A rule of ESPI's `DstRuleType` in words; None for none.

    The bits, from the lowest: 12 for seconds, 5 for the hour, 3 for the day of the week (1 is Monday), 5 for the day of the
    month, 3 for how they go together, 4 for the month.

    >>> dst_rule("360E2000"), dst_rule("B40E2000")
    ('month 3, second Sunday, 02:00', 'month 11, first Sunday, 02:00')
    """
    if re.fullmatch(r"[0-9A-Fa-f]{8}", code) is None or code.upper() == "FFFFFFFF":
        return None
    bits = int(code, 16)
    seconds, hour, week_day = bits & 0xFFF, bits >> 12 & 0x1F, bits >> 17 & 7
    day, operator, month = bits >> 20 & 0x1F, bits >> 25 & 7, bits >> 28
    name = ("any day", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[week_day]
    when = (
        f"day {day}", f"first {name} from day {day}", f"first {name}", f"second {name}", f"third {name}", f"fourth {name}",
        f"fifth {name}", f"last {name}",
    )[operator]  # fmt: skip
    return f"month {month}, {when}, {hour:02d}:{seconds // 60:02d}"
