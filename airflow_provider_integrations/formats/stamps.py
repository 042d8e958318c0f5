"""Local times to instants, and dates and times in a partner's own format.

A local time that a clock change skipped or repeated is never shifted or guessed: it is refused by name.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_integrations.core.contract import Column
from airflow_provider_integrations.formats.arrow import Array, DataType, pa, pc

__all__ = ["FIRST_DAY", "LAST_DAY", "from_format", "numbers_of", "per_day", "representable", "to_utc"]

Flags = NDArray[np.bool_]
_UTC = pa.timestamp("us", "UTC")


FIRST_DAY, LAST_DAY = -719162, 2932896
"""0001-01-01 and 9999-12-31 in days from 1970: what Python and Snowflake can hold."""


def representable(values: Array) -> Array:
    """Which dates or instants are in the years 1 to 9999."""
    numbers, day = numbers_of(values), per_day(values)
    return pc.and_(pc.greater_equal(numbers, FIRST_DAY * day), pc.less(numbers, (LAST_DAY + 1) * day))


def numbers_of(values: Array) -> Array:
    """Dates as days, instants as microseconds."""
    return values.view(pa.int32() if values.type == pa.date32() else pa.int64())


def per_day(values: Array) -> int:
    """How many of these numbers a day has."""
    return 1 if values.type == pa.date32() else 86_400_000_000


def to_utc(local: Array, zone: str) -> tuple[Array, tuple[tuple[str, Flags], ...]]:
    """Instants of local times; null and a mask for each rule: `nonexistent_time`, `ambiguous_time`, and `type` for an
    instant outside the years 1 to 9999, as that of the first midnight of all in a zone that is ahead of UTC.
    """
    if zone == "UTC":
        return local.cast(_UTC), ()
    try:
        values = pc.assume_timezone(local, zone).cast(_UTC)
        if bool(pc.all(representable(values), min_count=0).as_py()):
            return values, ()
    except pa.ArrowInvalid:
        pass
    early = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="earliest")
    skipped = pc.not_equal(
        early.cast(_UTC), pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="latest").cast(_UTC)
    )
    twice = pc.not_equal(
        early.cast(_UTC), pc.assume_timezone(local, zone, ambiguous="latest", nonexistent="earliest").cast(_UTC)
    )
    outside = pc.invert(representable(early.cast(_UTC)))
    found = (("nonexistent_time", _flags(skipped)), ("ambiguous_time", _flags(twice)), ("type", _flags(outside)))
    values = pc.if_else(pc.or_(pc.or_(skipped, twice), outside), pa.scalar(None, _UTC), early.cast(_UTC))
    return values, tuple((rule, mask) for rule, mask in found if mask.any())


def from_format(column: Column, texts: Array, target: DataType) -> tuple[Array, tuple[tuple[str, Flags], ...]]:
    """Values of texts in `column.format`; what does not fit is refused by the rule `format`.

    Arrow's own strptime is not used: it turns 31 February into 2 March.
    """
    assert column.format is not None
    quick = _by_pattern(column.format, texts)
    parsed = quick if quick is not None else _by_value(column.format, texts)
    if isinstance(target, pa.TimestampType) and parsed.type == pa.timestamp("us"):
        values, refused = to_utc(parsed, column.zone)
    elif isinstance(target, pa.TimestampType):
        values, refused = parsed, ()
    else:
        values, refused = parsed.cast(target, safe=False), ()
    wrong = _flags(pc.and_(pc.is_null(parsed), pc.is_valid(texts)))
    return values, (*((("format", wrong),) if wrong.any() else ()), *refused)


_PARTS = {
    "%Y": r"(?P<Y>\d{4})",
    "%m": r"(?P<m>\d{2})",
    "%d": r"(?P<d>\d{2})",
    "%H": r"(?P<H>\d{2})",
    "%M": r"(?P<M>\d{2})",
    "%S": r"(?P<S>\d{2})",
    "%f": r"(?P<f>\d{1,6})",
}


def _by_pattern(form: str, texts: Array) -> Array | None:
    """The vectorised way, for formats of plain numbers and where every text has its full width; else None."""
    pieces = re.findall(r"%.|[^%]", form)
    used = [piece for piece in pieces if piece.startswith("%")]
    if len(set(used)) != len(used) or not set(used) <= set(_PARTS) or form.count("%") != len(used):
        return None
    pattern = "^" + "".join(_PARTS.get(piece) or re.escape(piece) for piece in pieces) + "$"
    found = pc.extract_regex(texts, pattern)
    if found.null_count > texts.null_count:
        return None

    def part(name: str, default: str) -> Any:
        return pc.struct_field(found, name) if f"%{name}" in used else default

    if not len(texts):
        return pa.array([], pa.timestamp("us"))
    iso = pc.binary_join_element_wise(
        pc.binary_join_element_wise(part("Y", "1900"), part("m", "01"), part("d", "01"), "-"),
        pc.binary_join_element_wise(part("H", "00"), part("M", "00"), part("S", "00"), ":"),
        "T",
    )
    if "%f" in used:
        iso = pc.binary_join_element_wise(iso, part("f", "0"), ".")
    try:
        values = iso.cast(pa.timestamp("us")) if isinstance(iso, pa.Array) else None
    except pa.ArrowInvalid:
        return None
    if values is None or bool(pc.any(pc.equal(pc.year(values), 0)).as_py()):
        return None
    return values


def _by_value(form: str, texts: Array) -> Array:
    """Each distinct text through Python's strptime once."""
    encoded = texts.dictionary_encode()
    aware = "%z" in form
    target = _UTC if aware else pa.timestamp("us")
    values = pa.array([_one(form, text) for text in encoded.dictionary.to_pylist()], target)
    return values.take(encoded.indices)


def _one(form: str, text: str) -> datetime | None:
    try:
        value = datetime.strptime(text, form)
        if value.tzinfo is not None:
            # Beyond the years that Python knows this overflows, and is refused as well.
            value = value.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return value


def _flags(values: Array) -> Flags:
    result: Flags = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return result
