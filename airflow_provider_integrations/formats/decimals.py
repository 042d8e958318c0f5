"""Texts to exact decimals, or to none: never to another number.

Arrow's own cast (pyarrow 26) wraps around 128 bits without an error, where a text has more digits than they hold, where its
digits and the column's scale together have, and where an exponent makes them: `1` and forty zeros as decimal(38,5) becomes
-418357710163645036403456047866613.59616. In 256 bits 38 digits before the point and 38 behind it, which is all that a column
may have, are always exact; so the texts are looked at first, and what fits neither way is worked out by Python.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from airflow_provider_integrations.formats.arrow import Array, DataType, pa, pc

__all__ = ["bytes_of", "decimals", "decimals_at_once", "widened"]

_DIGITS = 38
_WIDE = 76
_PARTS = r"^[+-]?(?P<whole>[0-9]*)\.?(?P<fraction>[0-9]*)(?:[eE](?P<exponent>[+-]?[0-9]{1,4}))?$"


def decimals_at_once(texts: Array, target: DataType) -> Array | None:
    """All of a column in one cast, where that is exact whatever the texts are; None where each must be looked at.

    Args:
        texts: Any texts.
        target: A decimal128.

    Raises:
        pa.ArrowInvalid: a text is no decimal of that type.
    """
    data, longest = bytes_of(texts)
    if len(data) and int(data.max()) > 0x39:  # An exponent, if it is a number at all.
        return None
    if longest <= _DIGITS - target.scale:
        return texts.cast(target)
    return widened(texts, target) if longest <= _DIGITS else None


def decimals(texts: Array, target: DataType) -> Array:
    """Each text as a decimal; null where it is none of that type.

    Args:
        texts: Numbers alone: sign, digits, point, exponent; or null.
        target: A decimal128.
    """
    exponent = pc.match_substring_regex(texts, "[eE]")
    short = pc.and_(pc.less_equal(pc.binary_length(texts), _DIGITS), pc.invert(exponent))
    if bool(pc.all(pc.fill_null(short, True), min_count=0).as_py()):
        return _each(texts, target)
    # Without the zeros that say nothing, ahead and behind the point, but one: a number has a digit.
    bare = pc.replace_substring_regex(texts, r"^([+-]?)0*", r"\10")
    bare = pc.replace_substring_regex(bare, r"(\.[0-9]*?)0+([eE]|$)", r"\1\2")
    parts = pc.extract_regex(bare, _PARTS)
    whole = pc.subtract(pc.binary_length(pc.struct_field(parts, "whole")), 1)
    fraction = pc.binary_length(pc.struct_field(parts, "fraction"))
    told = pc.struct_field(parts, "exponent")
    shift = pc.if_else(pc.not_equal(told, ""), told, "0")
    shift = pc.replace_substring_regex(shift, r"^\+", "").cast(pa.int32())
    plain = pc.equal(shift, 0)
    fits = pc.and_(pc.less_equal(whole, _DIGITS), pc.less_equal(fraction, _DIGITS))
    moved = pc.and_(
        pc.less_equal(pc.add(whole, fraction), _DIGITS),
        pc.and_(pc.less_equal(pc.abs(shift), _DIGITS), pc.less_equal(pc.add(whole, shift), _DIGITS)),
    )
    exact = pc.fill_null(pc.or_(pc.and_(plain, fits), moved), False)
    values = _each(pc.if_else(exact, bare, pa.scalar(None, pa.string())), target)
    # Without an exponent there is nothing more to be worked out: it has too many digits.
    rest = pc.and_(pc.invert(exact), pc.fill_null(exponent, False))
    places = np.flatnonzero(rest.to_numpy(zero_copy_only=False))
    if not len(places):
        return values
    told_by_python = [_by_python(text, target) for text in texts.take(pa.array(places)).to_pylist()]
    return pc.replace_with_mask(values, rest, pa.array(told_by_python, target))


def widened(values: Array, target: DataType) -> Array:
    """A cast by way of 256 bits, in which scales of up to 38 digits cannot wrap around.

    Raises:
        pa.ArrowInvalid: a value does not fit the target.
    """
    return values.cast(pa.decimal256(_WIDE, target.scale)).cast(target)


def _each(texts: Array, target: DataType) -> Array:
    """Null where Arrow refuses. Halving finds the refused cells with few casts as long as they are few."""

    def parts(piece: Array) -> list[Array]:
        try:
            return [widened(piece, target)]
        except pa.ArrowInvalid:
            if len(piece) == 1:
                return [pa.nulls(1, target)]
        step = max(1, -(-len(piece) // 8))
        return [part for at in range(0, len(piece), step) for part in parts(piece.slice(at, step))]

    return pa.concat_arrays(parts(texts)) if len(texts) else pa.array([], target)


def _by_python(text: str, target: DataType) -> Decimal | None:
    context = Context(prec=target.precision, traps=[Inexact, InvalidOperation])
    try:
        return Decimal(text).quantize(Decimal(1).scaleb(-target.scale), context=context)
    except ArithmeticError:  # no room, or digits that would be lost
        return None


def bytes_of(texts: Array) -> tuple[NDArray[np.uint8], int]:
    """The texts' bytes, and how many the longest has."""
    _, offsets, data = texts.buffers()
    if data is None or offsets is None or not len(texts):
        return np.empty(0, np.uint8), 0
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8)[int(bounds[0]) : int(bounds[-1])], int(np.diff(bounds).max())
