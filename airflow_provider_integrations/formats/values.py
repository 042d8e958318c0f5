"""Text to typed values, vectorised: which cells a type refuses, and by which rule.

Each converter first tries the whole column at once, and only when Arrow refuses it looks for the cells that are wrong;
both ways accept exactly the same texts, so that a bad neighbour never changes a good value. What is accepted:

- `integer`: optional sign, digits, 64 bits. `decimal(p,s)` and `float`: optional sign, digits, point, exponent; a
  decimal is exact, and one that would have to be rounded is refused; a float must be finite.
- `boolean`: true/false, t/f, yes/no, y/n, 1/0 in any case. `uuid`: 8-4-4-4-12 hexadecimal digits, stored in lower case.
- `date`: `YYYY-MM-DD`. `time`: `hh:mm[:ss[.ffffff]]`. `timestamp`: ISO 8601; an offset makes it UTC, without one it is
  local time of the column's zone, and a local time that did not exist or that was there twice is refused.
- with `format`: what Python's `strptime` accepts.

Blanks and tabs around a value are dropped for every type but `string`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from airflow_provider_integrations.core.contract import Column
from airflow_provider_integrations.formats.arrow import Array, DataType, pa, pc
from airflow_provider_integrations.formats.decimals import bytes_of, decimals, decimals_at_once
from airflow_provider_integrations.formats.schema import arrow_type
from airflow_provider_integrations.formats.stamps import (
    FIRST_DAY,
    LAST_DAY,
    from_format,
    numbers_of,
    per_day,
    representable,
    to_utc,
)

__all__ = ["Converted", "convert"]

Flags = NDArray[np.bool_]
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_OFFSET = r"^[^T ]+[T ].*(Z|[+-]\d\d(:?\d\d)?)$"
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


@dataclass(frozen=True, slots=True)
class Converted:
    """Typed values, null where refused, and for each rule that refused some a mask of those."""

    values: Array
    refused: tuple[tuple[str, Flags], ...] = ()


class _NotAtOnceError(Exception):
    """The quick way cannot vouch for this column."""


def convert(column: Column, texts: Array, null_values: tuple[str, ...]) -> Converted:
    """Type the texts of one column; a null stays null."""
    if column.type == "string":
        return Converted(texts)
    if (column.format is None and column.type in _QUICK) or column.decimal:
        try:
            return Converted(_quick(column, texts))
        except (pa.ArrowInvalid, _NotAtOnceError):
            pass
    trimmed = pc.utf8_trim(texts, " \t")
    nulls = pc.is_in(trimmed, value_set=pa.array(null_values, pa.string()))
    trimmed = pc.if_else(nulls, pa.scalar(None, pa.string()), trimmed)
    return _careful(column, trimmed)


def _quick(column: Column, texts: Array) -> Array:
    kind = column.type
    target = arrow_type(column)
    if kind == "integer":
        # Arrow reads 0x1F as 31: only digits and the minus sign may go this way, seen in one pass over the bytes.
        data, _ = bytes_of(texts)
        if len(data) and int(data.max()) > 0x39:
            raise _NotAtOnceError
        return texts.cast(target)
    if kind == "timestamp":
        ends = texts.drop_null()
        if len(ends) and not bool(pc.match_substring_regex(ends.slice(0, 1), _OFFSET)[0].as_py()):
            local = _in_years(texts.cast(pa.timestamp("us")))
            values, refused = to_utc(local, column.zone)
            if refused:
                raise _NotAtOnceError
            return values
        return _in_years(texts.cast(target))
    if column.decimal:
        values = decimals_at_once(texts, target)
        if values is None:
            raise _NotAtOnceError
        return values
    values = texts.cast(target)
    if kind == "float" and not bool(pc.all(pc.is_finite(values), min_count=0).as_py()):
        raise _NotAtOnceError
    return _in_years(values) if kind == "date" else values


_QUICK = frozenset({"integer", "float", "date", "timestamp"})


def _careful(column: Column, texts: Array) -> Converted:
    kind = column.type
    target = arrow_type(column)
    if column.format is not None and kind in ("date", "time", "timestamp"):
        values, refused = from_format(column, texts, target)
        return Converted(values, refused)
    if kind == "boolean":
        at = pc.index_in(pc.ascii_lower(texts), value_set=pa.array((*_TRUE, *_FALSE)))
        return _converted(texts, pc.less(at, len(_TRUE)))
    if kind == "uuid":
        lower = pc.ascii_lower(texts)
        return _converted(texts, _only(lower, _UUID))
    if kind == "integer":
        digits = _only(texts, r"^[+-]?[0-9]+$")
        return _converted(texts, _cast(pc.replace_substring_regex(digits, r"^\+", ""), target))
    if kind == "date":
        return _converted(texts, _in_days(_cast(_only(texts, r"^\d{4}-\d\d-\d\d$"), target)))
    if kind == "time":
        stamped = pc.binary_join_element_wise("1970-01-01T", _only(texts, r"^\d\d:\d\d(:\d\d(\.\d{1,6})?)?$"), "")
        return _converted(texts, _cast(stamped, pa.timestamp("us")).cast(target))
    if kind == "timestamp":
        return _stamps(column, texts)
    numbers = _only(texts, _NUMBER)
    if column.decimal:
        return _converted(texts, decimals(numbers, target))
    values = _cast(numbers, target)
    values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, target))
    return _converted(texts, values)


def _stamps(column: Column, texts: Array) -> Converted:
    offset = pc.match_substring_regex(texts, _OFFSET)
    none = pa.scalar(None, pa.string())
    absolute = _in_days(_cast(pc.if_else(offset, texts, none), arrow_type(column)))
    local = _in_days(_cast(pc.if_else(offset, none, texts), pa.timestamp("us")))
    values, refused = to_utc(local, column.zone)
    merged = pc.coalesce(absolute, values)
    unread = _mask(pc.and_(pc.and_(pc.is_null(absolute), pc.is_null(local)), pc.is_valid(texts)))
    return Converted(merged, (*((("type", unread),) if unread.any() else ()), *refused))


def _converted(texts: Array, values: Array) -> Converted:
    refused = _mask(pc.and_(pc.is_null(values), pc.is_valid(texts)))
    return Converted(values, (("type", refused),) if refused.any() else ())


def _only(texts: Array, pattern: str) -> Array:
    return pc.if_else(pc.match_substring_regex(texts, pattern), texts, pa.scalar(None, pa.string()))


def _cast(texts: Array, target: DataType) -> Array:
    """Cast; null where Arrow refuses. Halving finds the refused cells with few casts as long as they are few."""

    def parts(piece: Array) -> list[Array]:
        try:
            return [piece.cast(target)]
        except pa.ArrowInvalid:
            if len(piece) == 1:
                return [pa.nulls(1, target)]
        step = max(1, -(-len(piece) // 8))
        return [part for at in range(0, len(piece), step) for part in parts(piece.slice(at, step))]

    return pa.concat_arrays(parts(texts)) if len(texts) else pa.array([], target)


def _in_days(values: Array) -> Array:
    return pc.if_else(representable(values), values, pa.scalar(None, values.type))


def _in_years(values: Array) -> Array:
    bounds = pc.min_max(numbers_of(values))
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    day = per_day(values)
    if low is not None and (low < FIRST_DAY * day or high >= (LAST_DAY + 1) * day):
        raise _NotAtOnceError
    return values


def _mask(values: Array) -> Flags:
    filled = pc.fill_null(values, False)
    result: Flags = filled.to_numpy(zero_copy_only=False)
    return result
