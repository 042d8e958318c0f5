"""One column as a database gave it to the contract's type: exact, or refused by rule.

What came as text (a type that only the server's text gives whole) goes the way of a file's text, under the same rules. What came
typed is converted only where no digit is lost:

- an instant or time with digits beyond microseconds is refused by the rule `precision`;
- a local time of the column's zone that never was, or was twice, by `nonexistent_time` or `ambiguous_time`;
- a number that does not fit, a float that is not finite, a date outside the years 1 to 9999, by `type`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from airflow_provider_integrations.core.contract import Column
from airflow_provider_integrations.formats.arrow import Array, DataType, pa, pc
from airflow_provider_integrations.formats.decimals import widened
from airflow_provider_integrations.formats.schema import arrow_type
from airflow_provider_integrations.formats.stamps import representable, to_utc
from airflow_provider_integrations.formats.values import Converted, convert

__all__ = ["as_text", "typed"]

Flags = NDArray[np.bool_]
_PER_MICROSECOND = 1000
_ANY_DECIMAL = pa.decimal256(76, 38)


def typed(column: Column, values: Array) -> Converted:
    """The column's values in the contract's type, null where refused, with a mask for each rule that refused some."""
    kind = values.type
    target = arrow_type(column)
    if pa.types.is_null(kind):
        return Converted(values.cast(target))
    if pa.types.is_large_string(kind):
        values, kind = values.cast(pa.string()), pa.string()
    if pa.types.is_string(kind):
        # Blank is no null in a database: only NULL is.
        return convert(column, values, ())
    if column.type == "string":
        return Converted(as_text(values))
    if column.type == "timestamp":
        return _instants(column, values)
    if column.type == "time":
        return _times(values, target)
    if column.type == "date":
        return _dates(values, target)
    if column.type == "float":
        return _floats(values, target)
    if column.type == "boolean":
        return _booleans(values)
    if column.type == "integer" or column.decimal:
        return _numbers(column, values, target)
    return convert(column, as_text(values), ())


def as_text(values: Array) -> Array:
    """Values as text, for rules, keys and what a person sees; binary in hexadecimal."""
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([None if value is None else value.hex() for value in values.to_pylist()], pa.string())
    return values.cast(pa.string())


def _instants(column: Column, values: Array) -> Converted:
    kind = values.type
    if pa.types.is_date(kind):
        values = values.cast(pa.timestamp("us"))
        kind = values.type
    if not pa.types.is_timestamp(kind):
        return convert(column, as_text(values), ())
    refused: tuple[tuple[str, Flags], ...] = ()
    if kind.unit == "ns":
        values, refused = _whole_microseconds(values, kind.tz)
    elif kind.unit != "us":
        values, outside = _cast(values, pa.timestamp("us", kind.tz))
        refused = _rule("type", outside)
    later: tuple[tuple[str, Flags], ...] = ()
    if kind.tz is not None:
        instants = values.cast(pa.timestamp("us", "UTC"))
    else:
        instants, later = to_utc(values, column.zone)
    inside = pc.fill_null(representable(instants), True)
    if not bool(pc.all(inside, min_count=0).as_py()):
        refused = (*refused, *_rule("type", _flags(pc.invert(inside))))
        instants = pc.if_else(inside, instants, pa.scalar(None, instants.type))
    return Converted(instants, (*refused, *later))


def _whole_microseconds(values: Array, zone: str | None) -> tuple[Array, tuple[tuple[str, Flags], ...]]:
    numbers = values.view(pa.int64())
    whole = _floor(numbers, _PER_MICROSECOND)
    finer = pc.not_equal(pc.multiply(whole, _PER_MICROSECOND), numbers)
    if bool(pc.any(finer, min_count=0).as_py()):
        whole = pc.if_else(finer, pa.scalar(None, pa.int64()), whole)
    return whole.view(pa.timestamp("us", zone)), _rule("precision", _flags(finer))


def _floor(numbers: Array, by: int) -> Array:
    quotient = pc.divide(numbers, by)
    below = pc.less(pc.subtract(numbers, pc.multiply(quotient, by)), 0)
    return pc.subtract(quotient, below.cast(pa.int64()))


def _times(values: Array, target: DataType) -> Converted:
    kind = values.type
    if pa.types.is_time64(kind) and kind.unit == "ns":
        numbers = values.view(pa.int64())
        whole = pc.divide(numbers, _PER_MICROSECOND)
        finer = pc.not_equal(pc.multiply(whole, _PER_MICROSECOND), numbers)
        kept = pc.if_else(finer, pa.scalar(None, pa.int64()), whole)
        return Converted(kept.view(target), _rule("precision", _flags(finer)))
    return _plain(values, target)


def _dates(values: Array, target: DataType) -> Converted:
    days, lost = _cast(values, target)
    if pa.types.is_timestamp(values.type):
        # Arrow drops the time of day without a word: a date that had one is refused.
        timed = _flags(pc.not_equal(days.cast(values.type), values))
        if timed.any():
            days = pc.if_else(pa.array(timed), pa.scalar(None, target), days)
            lost = lost | timed
    inside = pc.fill_null(representable(days), True)
    outside = _flags(pc.invert(inside))
    if outside.any():
        days = pc.if_else(inside, days, pa.scalar(None, target))
        lost = lost | outside
    return Converted(days, _rule("type", lost))


def _floats(values: Array, target: DataType) -> Converted:
    if pa.types.is_decimal(values.type):
        values = as_text(values).cast(target)  # The nearest float of its digits.
    numbers, lost = _cast(values, target)
    finite = pc.fill_null(pc.is_finite(numbers), True)
    if not bool(pc.all(finite, min_count=0).as_py()):
        numbers = pc.if_else(finite, numbers, pa.scalar(None, target))
        lost = lost | _flags(pc.invert(finite))
    return Converted(numbers, _rule("type", lost))


def _booleans(values: Array) -> Converted:
    if pa.types.is_boolean(values.type):
        return Converted(values)
    if pa.types.is_decimal(values.type):
        # As flags come from where a template's whole numbers have no sizes.
        values = values.cast(_ANY_DECIMAL)
    if pa.types.is_integer(values.type) or pa.types.is_decimal(values.type):
        known = pc.is_in(values, value_set=pa.array([0, 1]).cast(values.type))
        wrong = pc.and_(pc.invert(known), pc.is_valid(values))
        truth = pc.if_else(known, pc.not_equal(values, pa.scalar(0).cast(values.type)), pa.scalar(None, pa.bool_()))
        return Converted(truth, _rule("type", _flags(wrong)))
    return Converted(pa.nulls(len(values), pa.bool_()), _rule("type", _flags(pc.is_valid(values))))


def _numbers(column: Column, values: Array, target: DataType) -> Converted:
    if values.type == target:
        return Converted(values)
    if pa.types.is_boolean(values.type):
        return _plain(values.cast(pa.int8()), target)
    if pa.types.is_floating(values.type):
        # By its shortest text: 0.1 is one tenth and not the binary number next to it.
        whole = column.type == "integer"
        return _plain(values, target) if whole else convert(column, as_text(values), ())
    if pa.types.is_integer(values.type) or pa.types.is_decimal(values.type):
        return _plain(values, target)
    return Converted(pa.nulls(len(values), target), _rule("type", _flags(pc.is_valid(values))))


def _plain(values: Array, target: DataType) -> Converted:
    done, lost = _cast(values, target)
    return Converted(done, _rule("type", lost))


def _cast(values: Array, target: DataType) -> tuple[Array, Flags]:
    """Cast what casts without loss, null and flagged what does not; halving finds few wrong cells with few casts."""

    def parts(piece: Array) -> list[Array]:
        try:
            return [_exact(piece, target)]
        except pa.ArrowInvalid:
            if len(piece) == 1:
                return [pa.nulls(1, target)]
        step = max(1, -(-len(piece) // 8))
        return [part for at in range(0, len(piece), step) for part in parts(piece.slice(at, step))]

    done = pa.concat_arrays(parts(values)) if len(values) else pa.array([], target)
    return done, _flags(pc.and_(pc.is_null(done), pc.is_valid(values)))


def _exact(values: Array, target: DataType) -> Array:
    if pa.types.is_decimal(target) and pa.types.is_integer(values.type):
        # Arrow wants room for every integer of the type, whatever the values are.
        room = pa.decimal256(20 + target.scale, 0)
        return values.cast(room).cast(target)
    if pa.types.is_integer(target) and pa.types.is_decimal(values.type):
        return values.cast(pa.decimal256(38, 0)).cast(target)
    return widened(values, target) if pa.types.is_decimal(target) else values.cast(target)


def _rule(name: str, flags: Flags) -> tuple[tuple[str, Flags], ...]:
    return ((name, flags),) if flags.any() else ()


def _flags(values: Array) -> Flags:
    result: Flags = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return result
