"""NEM12, the interval data of Australia's National Electricity Market, record by record.

Source: AEMO, Meter Data File Format Specification NEM12 & NEM13 (records 100, 200, 300, 400, 500 and 900). All of its times are
UTC+10 all year, whatever clocks do; the first value of a day is that of the interval from midnight. A day has 1440 divided by the
interval's length values. The flag of a day's quality is A (actual), E (forward estimate), S (substitute), F (final substitute) or
N (null); V says that 400 records tell it for each interval. A value flagged N is no value, though the file has a 0 in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from airflow_provider_integrations.connectors.historian.intervals import Kind, Readings, Refusal, Trait
from airflow_provider_integrations.connectors.historian.intervals_spool import Intake
from airflow_provider_integrations.connectors.historian.nem12_lines import Growing, lines_of
from airflow_provider_integrations.connectors.historian.samples import Origin, Quality
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["NEM_OFFSET", "nem12_readings"]

NEM_OFFSET = 10 * 3600
"""Of market time, in seconds; all year."""

_BLOCK = 100_000
_LENGTHS = (5, 15, 30)
_VALUE = re.compile(r"\d{1,15}(?:\.\d*)?|\.\d+", re.ASCII)
_FLAG = re.compile(r"([AN])|([EFS])(\d\d)|(V)", re.ASCII)
_UNITS = {
    unit.upper(): unit
    for unit in (
        "MWh", "kWh", "Wh", "MVArh", "kVArh", "VArh", "MVAr", "kVAr", "VAr", "MW", "kW", "W",
        "MVAh", "kVAh", "VAh", "MVA", "kVA", "VA", "kV", "V", "kA", "A", "pf",
    )
}  # fmt: skip
_MEANINGS = {
    "A": (Quality.GOOD, Origin.ACTUAL),
    "E": (Quality.UNCERTAIN, Origin.ESTIMATED),
    "F": (Quality.UNCERTAIN, Origin.SUBSTITUTED),
    "S": (Quality.UNCERTAIN, Origin.SUBSTITUTED),
    "N": (Quality.BAD, Origin.ACTUAL),
}


@dataclass(slots=True)
class _Stream:
    """The 200 record that holds."""

    point: str
    channel: str
    unit: str
    minutes: int


@dataclass(slots=True)
class _Day:
    """A 300 record with the 400 records after it; `flags` has a text for each value, or None where none was told yet."""

    row: int
    stream: _Stream
    begin: int
    values: list[str]
    flags: list[str | None]
    version: int
    events: set[int] = field(default_factory=set)


def nem12_readings(stream: Any, minutes: int, intake: Intake) -> Iterator[Readings]:
    """Readings of a NEM12 file, in blocks; a malformed record is refused with its line, and all else is read.

    Args:
        stream: Bytes of UTF-8.
        minutes: Length of an interval; days of another length are refused.
        intake: Numbers series and traits, and takes refusals; `rows` counts values.

    Raises:
        RejectedError: TRUNCATED where the 900 record is missing, WRONG_TYPE for NEM13, UNREADABLE for what is no such file.
    """
    reader, block = _Reader(minutes, intake), Growing()
    for number, line in lines_of(stream):
        day = reader.read(number, line)
        if day is not None:
            _expand(day, intake, block)
            if block.count >= _BLOCK:
                yield block.take()
    last = reader.flush()
    if last is not None:
        _expand(last, intake, block)
    if not reader.ended:
        raise RejectedError(Reason.TRUNCATED, "the file has no 900 record at its end", lines=reader.lines)
    if block.count:
        yield block.take()


class _MalformedError(Exception):
    """A record that is refused, with all of its readings."""

    def __init__(self, detail: str, reason: Refusal = Refusal.RECORD, readings: int = 1) -> None:
        super().__init__(detail)
        self.detail, self.reason, self.readings = detail, reason, readings


class _Reader:
    """Takes records one by one; a day is given when the record after it tells that it is whole."""

    def __init__(self, minutes: int, intake: Intake) -> None:
        self._minutes, self._intake = minutes, intake
        self._stream: _Stream | None = None
        self._day: _Day | None = None
        self._begun, self.ended, self.lines = False, False, 0

    def read(self, number: int, line: str) -> _Day | None:
        """The day before this record, if the record ends it."""
        self.lines = number
        fields = [one.strip() for one in line.rstrip("\r\n").split(",")]
        kind = fields[0]
        if not any(fields):
            return None
        if not self._begun:
            _check_header(fields)
            self._begun = True
            return None
        if self.ended:
            raise RejectedError(Reason.UNREADABLE, "there are records after the 900 record", line=number)
        done = None if kind == "400" else self.flush()
        try:
            self._take(number, kind, fields)
        except _MalformedError as error:
            stream = self._stream
            self._intake.rejects.add(
                error.reason, number, point=None if stream is None else stream.point,
                channel=None if stream is None else stream.channel, detail=error.detail, readings=error.readings,
            )  # fmt: skip
        return done

    def _take(self, number: int, kind: str, fields: list[str]) -> None:
        if kind == "200":
            # What is under a refused one belongs to nobody.
            self._stream = None
            self._stream = self._details(fields)
        elif kind == "300":
            self._day = self._values(number, fields)
        elif kind == "400":
            self._event(fields)
        elif kind == "900":
            self.ended = True
        elif kind != "500":
            raise _MalformedError(f"a record of kind {kind[:20]!r}")

    def flush(self) -> _Day | None:
        """The day that is held."""
        done, self._day = self._day, None
        return done

    def _details(self, fields: list[str]) -> _Stream:
        if len(fields) < 9:
            raise _MalformedError("a 200 record of fewer than 9 fields")
        point, suffix, unit, length = fields[1], fields[4], _UNITS.get(fields[7].upper()), fields[8]
        if not 1 <= len(point) <= 11 or not suffix:
            raise _MalformedError("a 200 record without an NMI or its suffix")
        if unit is None:
            raise _MalformedError(f"a unit that the specification does not have: {fields[7][:20]!r}")
        if not length.isascii() or not length.isdigit() or int(length) not in _LENGTHS:
            raise _MalformedError(f"an interval of {length[:20]!r} minutes")
        return _Stream(point, suffix, unit, int(length))

    def _values(self, number: int, fields: list[str]) -> _Day:
        stream = self._stream
        if stream is None:
            raise _MalformedError("a 300 record without a 200 record that can be read")
        count = 1440 // stream.minutes
        self._intake.rows += count
        if len(fields) < count + 3:
            raise _MalformedError(f"a 300 record with {max(len(fields) - 3, 0)} of {count} values", readings=count)
        begin, flag = _day_begin(fields[1]), _FLAG.fullmatch(fields[count + 2].upper())
        if begin is None:
            raise _MalformedError(f"no date: {fields[1][:20]!r}", readings=count)
        if flag is None:
            raise _MalformedError(f"no flag of quality: {fields[count + 2][:20]!r}", Refusal.QUALITY, count)
        if stream.minutes != self._minutes:
            raise _MalformedError(f"intervals of {stream.minutes} minutes", Refusal.LENGTH, count)
        told = _reason(flag.group(0), fields[count + 3] if len(fields) > count + 3 else "")
        updated = fields[count + 5] if len(fields) > count + 5 else ""
        version = int(updated) if len(updated) == 14 and updated.isascii() and updated.isdigit() else 0
        flags = [None if flag.group(0) == "V" else told] * count
        return _Day(number, stream, begin, fields[2 : count + 2], flags, version)

    def _event(self, fields: list[str]) -> None:
        day = self._day
        if day is None:
            raise _MalformedError("a 400 record that follows no 300 record", readings=0)
        first, last = (int(one) if one.isascii() and one.isdigit() else 0 for one in (*fields[1:3], "", "")[:2])
        flag = _FLAG.fullmatch(fields[3].upper()) if len(fields) > 3 else None
        if not 1 <= first <= last <= len(day.values) or flag is None or flag.group(0) == "V":
            raise _MalformedError("a 400 record that does not fit its 300 record", readings=0)
        told = _reason(flag.group(0), fields[4] if len(fields) > 4 else "")
        for place in range(first - 1, last):
            # Two events for one interval are against the specification: which one holds cannot be told.
            day.flags[place] = "" if place in day.events else told
            day.events.add(place)


def _expand(day: _Day, intake: Intake, block: Growing) -> None:
    """Values of a day to columns."""
    stream, count = day.stream, len(day.values)
    numbers = {flag: _trait(flag, stream.unit, intake) for flag in set(day.flags) if flag}
    good = np.ones(count, dtype=bool)
    values = np.full(count, np.nan)
    for place, (text, flag) in enumerate(zip(day.values, day.flags, strict=True)):
        if not flag:
            good[place] = False
            detail = "no 400 record tells its quality" if flag is None else "several 400 records tell its quality"
            _refuse_value(day, place, Refusal.QUALITY, detail, intake)
        elif flag[0] == "N":
            continue
        elif _VALUE.fullmatch(text) is None:
            good[place] = False
            _refuse_value(day, place, Refusal.VALUE, None, intake)
        else:
            values[place] = float(text)
    traits = np.array([numbers.get(flag or "", 0) for flag in day.flags])
    stamps = day.begin + np.arange(count) * stream.minutes * 60
    series = intake.series_number(stream.point, stream.channel)
    columns = (
        np.full(count, series), stamps, np.full(count, Kind.INSTANT), values, traits, np.full(count, day.row),
        np.full(count, day.version),
    )  # fmt: skip
    for column, array in zip(block.columns, columns, strict=True):
        column.append(array[good])
    block.count += int(good.sum())


def _refuse_value(day: _Day, place: int, reason: Refusal, detail: str | None, intake: Intake) -> None:
    stamp = np.datetime_as_string(np.datetime64(day.begin + place * day.stream.minutes * 60, "s"))
    intake.rejects.add(
        reason, day.row, point=day.stream.point, channel=day.stream.channel, stamp=f"{stamp}Z", value=day.values[place],
        detail=detail or f"interval {place + 1}",
    )  # fmt: skip


def _trait(flag: str, unit: str, intake: Intake) -> int:
    quality, origin = _MEANINGS[flag[0]]
    return intake.trait_number(Trait(unit, quality, origin, flag))


def _reason(flag: str, code: str) -> str:
    """The flag with its reason: `S14/79`."""
    return f"{flag}/{code}" if code.isascii() and code.isdigit() else flag


def _check_header(fields: list[str]) -> None:
    if fields[:2] == ["100", "NEM13"]:
        raise RejectedError(
            Reason.WRONG_TYPE, "NEM13 has registers and no intervals", next_step="Ask for interval data, NEM12."
        )
    if fields[:2] != ["100", "NEM12"] or len(fields) < 5:
        raise RejectedError(Reason.UNREADABLE, "the 100 record is malformed", record=",".join(fields)[:60])


def _day_begin(text: str) -> int | None:
    """When a day of market time begins, in seconds since 1970."""
    if len(text) != 8 or not text.isascii() or not text.isdigit():
        return None
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
    return None if not 1970 < day.year < 2100 else (day - date(1970, 1, 1)).days * 86_400 - NEM_OFFSET
