"""Tables of meter readings, from CSV or Parquet: columns are found by their names, and blocks of rows become `Readings`.

What cannot be read in a row is refused with its reason; what cannot be read at all (no header, another encoding) is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_integrations.connectors.historian.intervals import FIRST, LAST, Kind, Readings, Refusal, Trait
from airflow_provider_integrations.connectors.historian.intervals_clock import Flags, Ints
from airflow_provider_integrations.connectors.historian.intervals_spool import Intake
from airflow_provider_integrations.connectors.historian.intervals_stamps import offset_seconds, stamps_of
from airflow_provider_integrations.connectors.historian.samples import Origin, Quality
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.formats.arrow import Array, pa, pc

__all__ = ["BlockReader", "Columns", "columns_of"]

_NAMES = {
    "service_point": ("service_point", "service_point_id", "servicepoint", "sdp", "usage_point", "usagepoint", "meter",
                      "meter_id", "meterid", "meter_number", "nmi", "esiid", "mpan"),
    "timestamp": ("timestamp", "ts", "datetime", "date_time", "time", "read_time", "reading_time"),
    "begin": ("interval_start", "interval_begin", "interval_beginning", "start", "start_time", "begin", "ts_begin"),
    "end": ("interval_end", "interval_ending", "end", "end_time", "ts_end"),
    "value": ("value", "reading", "usage", "consumption", "energy", "kwh", "wh", "mwh", "kvarh", "usage_kwh", "value_kwh"),
    "channel": ("channel", "register", "register_id", "channel_id", "direction", "nmi_suffix"),
    "unit": ("unit", "uom", "units"),
    "quality": ("quality", "flag", "quality_flag", "status", "read_type"),
    "offset": ("offset", "utc_offset", "tz_offset"),
    "dst": ("dst", "is_dst", "dst_flag", "summer_time"),
    "version": ("version", "updated_at", "update_time", "update_date_time"),
}  # fmt: skip
_UNITS = {"kwh": "kWh", "wh": "Wh", "mwh": "MWh", "kvarh": "kvarh", "usage_kwh": "kWh", "value_kwh": "kWh"}
"""Names of columns that say the unit of the values."""

_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Of Arrow's timestamps, in a second."""

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_SUMMER = {"1": True, "true": True, "t": True, "y": True, "yes": True, "d": True, "dst": True,
           "0": False, "false": False, "f": False, "n": False, "no": False, "s": False, "std": False}  # fmt: skip

_ACTUAL = ("", "a", "act", "actual", "good", "valid", "validated", "verified", "measured", "r", "raw")
_FLAGS = dict.fromkeys(_ACTUAL, (Quality.GOOD, Origin.ACTUAL))
_FLAGS |= dict.fromkeys(("e", "est", "estimate", "estimated"), (Quality.UNCERTAIN, Origin.ESTIMATED))
_FLAGS |= dict.fromkeys(
    ("s", "f", "sub", "substitute", "substituted", "edited"), (Quality.UNCERTAIN, Origin.SUBSTITUTED)
)
_FLAGS |= dict.fromkeys(("u", "uncertain", "questionable", "suspect"), (Quality.UNCERTAIN, Origin.ACTUAL))
_FLAGS |= dict.fromkeys(("b", "bad", "invalid", "n", "null", "missing"), (Quality.BAD, Origin.ACTUAL))


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column is which, by place; -1 where there is none.

    Args:
        ending: What the name of the stamps says about them, if it does.
        unit: What the name of the values says about them, if it does.
    """

    places: dict[str, int]
    ending: bool | None
    unit: str | None

    def __getitem__(self, name: str) -> int:
        return self.places.get(name, -1)


def columns_of(header: list[str]) -> Columns:
    """Find the columns by the names that are usual, whatever their case and spaces.

    Raises:
        RejectedError: COLUMNS_MISSING, or UNREADABLE where one is there twice.
    """
    names = [re.sub(r"[\s\-]+", "_", name.strip().lower()) for name in header]
    places: dict[str, int] = {}
    for role, known in _NAMES.items():
        found = [at for at, name in enumerate(names) if name in known]
        if len(found) > 1:
            exact = [at for at in found if names[at] == role]
            if len(exact) != 1:
                told = [header[at][:40] for at in found]
                raise RejectedError(Reason.UNREADABLE, "several columns may be the same", role=role, columns=told)
            found = exact
        if found:
            places[role] = found[0]
    ending = None
    if "timestamp" not in places:
        # With both, the beginning is enough.
        stamps = next((role for role in ("begin", "end") if role in places), None)
        if stamps is not None:
            places["timestamp"], ending = places[stamps], stamps == "end"
    missing = [role for role in ("service_point", "timestamp", "value") if role not in places]
    if missing:
        raise RejectedError(
            Reason.COLUMNS_MISSING,
            columns=missing,
            header=[name[:40] for name in header[:20]],
            next_step="Name them service_point, timestamp and value in the first line.",
        )
    return Columns(places, ending, _UNITS.get(names[places["value"]]))


@dataclass(slots=True)
class BlockReader:
    """Turns blocks of a table into `Readings`.

    Args:
        columns: Which is which.
        form: Of stamps as text, or None for ISO 8601.
        ending: Stamps end intervals.
        intake: Numbers series and traits, and takes refusals.
    """

    columns: Columns
    form: str | None
    ending: bool
    intake: Intake
    _known: dict[str, tuple[int, int, bool] | None] = field(default_factory=dict)
    _series: dict[tuple[str, str], int] = field(default_factory=dict)

    def read(self, batch: Any) -> Readings:
        """One block; its rows are numbered from 1 after the header, on from the block before."""
        count = batch.num_rows
        row = np.arange(self.intake.rows + 1, self.intake.rows + 1 + count)
        self.intake.rows += count
        stamp, kind, reasons = self._stamps(batch)
        value, unread = _numbers(batch.column(self.columns["value"]))
        _note(reasons, unread, Refusal.VALUE)
        series = self._numbered(batch, reasons)
        trait = self._traits(batch, reasons)
        found = Readings(series, stamp, kind, value, trait, row, self._versions(batch, count))
        bad = reasons >= 0
        if not bad.any():
            return found
        self._refuse(batch, row, reasons, np.flatnonzero(bad))
        return found.at(~bad)

    def _stamps(self, batch: Any) -> tuple[Ints, npt.NDArray[np.int8], npt.NDArray[np.int8]]:
        column = batch.column(self.columns["timestamp"])
        reasons = np.full(len(column), -1, np.int8)
        if pa.types.is_timestamp(column.type):
            zoned = column.type.tz is not None
            ticks = column.view(pa.int64())
            whole = (pc.fill_null(ticks, -1) if ticks.null_count else ticks).to_numpy(zero_copy_only=False)
            seconds = whole
            if (unit := _TICKS[column.type.unit]) > 1:
                seconds = whole // unit
                _note(reasons, seconds * unit != whole, Refusal.STAMP)
            kinds = np.full(len(column), Kind.INSTANT if zoned else Kind.LOCAL, np.int8)
        else:
            found = stamps_of(_texts(column), self.form, self._known)
            seconds, kinds = found.seconds, found.kinds
            _note(reasons, ~found.valid, Refusal.STAMP)
            if not self.ending:
                _note(reasons, found.midnight, Refusal.MIDNIGHT_24)
        if len(seconds) and (seconds.min() < FIRST or seconds.max() >= LAST):
            _note(reasons, (seconds < FIRST) | (seconds >= LAST), Refusal.STAMP)
        if (place := self.columns["offset"]) >= 0:
            told, at = _few(batch.column(place))
            ahead = [None if text == "" else offset_seconds(text) for text in told]
            wrong = np.array([text != "" and one is None for text, one in zip(told, ahead, strict=True)], dtype=bool)
            given = np.array([one is not None for one in ahead], dtype=bool)[at] & (kinds == Kind.LOCAL)
            seconds = np.where(given, seconds - np.array([one or 0 for one in ahead], np.int64)[at], seconds)
            kinds = np.where(given, np.int8(Kind.INSTANT), kinds)
            _note(reasons, wrong[at], Refusal.STAMP)
        if (place := self.columns["dst"]) >= 0:
            told, at = _few(batch.column(place))
            flags = [Kind.LOCAL if text == "" else _summer(text) for text in told]
            _note(reasons, np.array([flag is None for flag in flags], dtype=bool)[at], Refusal.STAMP)
            kinds = np.where(kinds == Kind.LOCAL, np.array([flag or 0 for flag in flags], np.int8)[at], kinds)
        return seconds, kinds, reasons

    def _numbered(self, batch: Any, reasons: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
        points, at = _few(batch.column(self.columns["service_point"]))
        if "" in points:
            _note(reasons, np.array([point == "" for point in points], dtype=bool)[at], Refusal.SERVICE_POINT)
        place = self.columns["channel"]
        channels, of = _few(batch.column(place)) if place >= 0 else ([""], np.zeros(len(at), np.int32))
        pairs = at if len(channels) == 1 else at.astype(np.int64) * len(channels) + of
        numbers = np.zeros(len(points) * len(channels), np.int32)
        for pair in _used(pairs, len(numbers)):
            point, channel = points[pair // len(channels)], channels[pair % len(channels)]
            if point:
                numbers[pair] = self.intake.series_number(point, channel)
        return np.asarray(numbers[pairs])

    def _traits(self, batch: Any, reasons: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
        count = batch.num_rows
        nothing = np.zeros(count, np.int32)
        unit, flag = self.columns["unit"], self.columns["quality"]
        if unit < 0 and flag < 0:
            return nothing + np.int32(self.intake.trait_number(Trait(self.columns.unit)))
        units, at = _few(batch.column(unit)) if unit >= 0 else ([self.columns.unit or ""], nothing)
        flags, of = _few(batch.column(flag)) if flag >= 0 else ([""], nothing)
        _note(reasons, np.array([text.lower() not in _FLAGS for text in flags], dtype=bool)[of], Refusal.QUALITY)
        pairs = at.astype(np.int64) * len(flags) + of
        numbers = np.zeros(len(units) * len(flags), np.int32)
        for pair in _used(pairs, len(numbers)):
            told = flags[pair % len(flags)]
            quality, origin = _FLAGS.get(told.lower(), (Quality.BAD, Origin.ESTIMATED))
            trait = Trait(units[pair // len(flags)] or None, quality, origin, told or None)
            numbers[pair] = self.intake.trait_number(trait)
        return np.asarray(numbers[pairs])

    def _versions(self, batch: Any, count: int) -> Ints:
        """Whole numbers, or stamps; what is neither counts as the first version."""
        if (place := self.columns["version"]) < 0:
            return np.zeros(count, np.int64)
        column = _texts(batch.column(place))
        stamps = stamps_of(column, None, {})
        whole = pc.match_substring_regex(column, r"^[0-9]{1,18}$").to_numpy(zero_copy_only=False)
        numbers = pc.if_else(pa.array(whole), column, "0").cast(pa.int64()).to_numpy(zero_copy_only=False)
        return np.where(whole, numbers, np.where(stamps.valid, stamps.seconds, 0)).astype(np.int64)

    def _refuse(self, batch: Any, row: Ints, reasons: npt.NDArray[np.int8], which: Ints) -> None:
        wanted = batch.take(pa.array(which))
        told = {
            name: _texts(wanted.column(self.columns[name])).to_pylist()
            if self.columns[name] >= 0
            else [None] * len(which)
            for name in ("service_point", "channel", "timestamp", "value", "quality")
        }
        for at, place in enumerate(which.tolist()):
            reason = _ORDER[reasons[place]]
            self.intake.rejects.add(
                reason, int(row[place]), point=told["service_point"][at], channel=told["channel"][at],
                stamp=told["timestamp"][at], value=told["value"][at],
                detail=told["quality"][at] if reason is Refusal.QUALITY else None,
            )  # fmt: skip


_ORDER = list(Refusal)


def _note(reasons: npt.NDArray[np.int8], where: Flags, reason: Refusal) -> None:
    """The first reason counts."""
    if where.any():
        reasons[where & (reasons < 0)] = _ORDER.index(reason)


def _texts(column: Any) -> Array:
    """Without nulls, and as plain strings."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return pc.fill_null(column.cast(pa.string()), "")


def _few(column: Any) -> tuple[list[str], npt.NDArray[np.int32]]:
    """The texts that a column has, without spaces around them, and which each row has."""
    encoded = column if pa.types.is_dictionary(column.type) else _texts(column).dictionary_encode()
    told = [("" if text is None else str(text).strip()) for text in encoded.dictionary.to_pylist()]
    at = encoded.indices
    if at.null_count:
        told.append("")
        at = pc.fill_null(at, len(told) - 1)
    return told, at.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)


def _used(pairs: npt.NDArray[Any], most: int) -> list[int]:
    """Which numbers below `most` there are."""
    if most == 1 and len(pairs):
        return [0]
    if most <= len(pairs) + 4096:
        return list(np.flatnonzero(np.bincount(pairs, minlength=most)).tolist())
    unique: list[int] = pc.unique(pa.array(pairs)).to_pylist()
    return unique


def _numbers(column: Any) -> tuple[npt.NDArray[np.float64], Flags]:
    """Values, NaN where there is none, and which are no finite numbers."""
    if not (pa.types.is_string(column.type) or pa.types.is_dictionary(column.type)):
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return values, np.isinf(values)
    column = _texts(column)
    try:
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        if np.isfinite(values).all():
            return values, np.zeros(len(values), dtype=bool)
    except pa.ArrowInvalid:
        pass
    texts = [text.strip() for text in column.to_pylist()]
    good = [_NUMBER.fullmatch(text) is not None for text in texts]
    found = np.array([float(text) if fine else np.nan for text, fine in zip(texts, good, strict=True)])
    found[np.isinf(found)] = np.nan
    empty = np.array([text == "" for text in texts], dtype=bool)
    return found, np.isnan(found) & ~empty


def _summer(text: str) -> Kind | None:
    told = _SUMMER.get(text.lower())
    return None if told is None else Kind.LOCAL_SUMMER if told else Kind.LOCAL_STANDARD
