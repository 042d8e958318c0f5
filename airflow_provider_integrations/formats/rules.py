"""The contract's rules over a converted column, vectorised, each giving the rows that break it.

Patterns are RE2 and are searched for; anchor them with ^ and $. Lengths count characters. A null breaks `nullable`
alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.formats.arrow import Array, Scalar, pa, pc
from airflow_provider_integrations.formats.schema import arrow_type
from airflow_provider_integrations.formats.values import Converted, convert

__all__ = ["ColumnRules", "broken", "compile_rules"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """One column with its bounds and allowed values in its own type."""

    column: Column
    low: Scalar | None
    high: Scalar | None
    allowed: Array | None


def compile_rules(contract: Contract) -> tuple[ColumnRules, ...]:
    """Type the bounds and enums of a contract, once for a file.

    Raises:
        ConfigError: a bound or an enum value is not of its column's type, or RE2 does not know a pattern.
    """
    return tuple(_compile(contract.contract, column) for column in contract.columns)


def broken(rules: ColumnRules, texts: Array, converted: Converted) -> Iterator[tuple[str, Flags]]:
    """The broken rules of one column, in the order in which they are reported; masks may overlap."""
    column, values = rules.column, converted.values
    if not column.nullable and values.null_count:
        missing = pc.is_null(values).to_numpy(zero_copy_only=False)
        for _, mask in converted.refused:
            missing = missing & ~mask
        if missing.any():
            yield "nullable", missing
    yield from converted.refused
    if rules.allowed is not None:
        yield from _failing("enum", values, pc.is_in(values, value_set=rules.allowed))
    if column.pattern is not None:
        yield from _failing("pattern", values, _matches(texts, column.pattern))
    if rules.low is not None:
        yield from _failing("range", values, pc.greater_equal(values, rules.low))
    if rules.high is not None:
        yield from _failing("range", values, pc.less_equal(values, rules.high))
    if column.max_length is not None and _longest(texts) > column.max_length:
        # Bytes bound characters from above, so that this counts only where it may matter.
        yield from _failing("max_length", values, pc.less_equal(pc.utf8_length(texts), column.max_length))


def _failing(rule: str, values: Array, holds: Array) -> Iterator[tuple[str, Flags]]:
    if holds.null_count == 0 and values.null_count == 0 and holds.true_count == len(holds):
        return
    fails = pc.and_(pc.is_valid(values), pc.invert(pc.fill_null(holds, True)))
    if fails.true_count:
        yield rule, fails.to_numpy(zero_copy_only=False)


def _matches(texts: Array, pattern: str) -> Array:
    """Search a pattern; columns of few distinct values, which a sample shows, are searched by distinct value."""
    sample = texts.slice(0, 1024)
    if len(texts) > 4096 and pc.count_distinct(sample).as_py() < 128:
        encoded = texts.dictionary_encode()
        return pc.match_substring_regex(encoded.dictionary, pattern).take(encoded.indices)
    return pc.match_substring_regex(texts, pattern)


def _longest(texts: Array) -> int:
    offsets = texts.buffers()[1]
    if offsets is None or not len(texts):
        return 0
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return int((bounds[1:] - bounds[:-1]).max())


def _compile(contract: str, column: Column) -> ColumnRules:
    if column.pattern is not None:
        try:
            pc.match_substring_regex(pa.array([""]), column.pattern)
        except pa.ArrowInvalid as error:
            raise ConfigError(
                "RE2 does not know the pattern",
                contract=contract,
                column=column.name,
                error=str(error)[:200],
                next_step="Correct the pattern; RE2 has no look-around and no back references.",
            ) from None
    low = high = None
    if column.range is not None:
        low = _typed(contract, column, _whole(column, column.range.min, ROUND_CEILING))
        high = _typed(contract, column, _whole(column, column.range.max, ROUND_FLOOR))
    allowed = None
    if column.enum is not None:
        allowed = pa.array([_typed(contract, column, text) for text in column.enum], arrow_type(column))
    return ColumnRules(column, low, high, allowed)


def _whole(column: Column, bound: object, rounding: str) -> object:
    """The integer that is as good as a bound between two; a float would not compare with integers beyond 2**53."""
    if column.type != "integer" or bound is None or isinstance(bound, int):
        return bound
    try:
        return Decimal(str(bound)).to_integral_value(rounding)
    except InvalidOperation:
        return bound


def _typed(contract: str, column: Column, bound: object) -> Scalar | None:
    if bound is None:
        return None
    # Bounds are ISO even where the file's dates are not: they are written by the contract's author.
    iso = column.model_copy(update={"format": None})
    converted = convert(iso, pa.array([str(bound)]), ())
    if converted.values[0].is_valid:
        return converted.values[0]
    raise ConfigError(
        "a bound or an enum value is not of its column's type",
        contract=contract, column=column.name, type=column.type, bound=str(bound),
        next_step="Correct the contract; dates and times are written in ISO 8601 there.",
    )  # fmt: skip
