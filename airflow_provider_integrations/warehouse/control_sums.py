"""Sums of control columns, exact whatever the number of their digits.

>>> add(Decimal("9" * 38), Decimal("0.1")) == Decimal("9" * 38 + ".1")
True
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["add", "exact_sum"]

_WIDE = Context(prec=100)


def add(left: Decimal, right: Decimal) -> Decimal:
    """The sum, without Python's rounding to 28 digits."""
    return _WIDE.add(left, right)


def exact_sum(column: pa.ChunkedArray[Any]) -> Decimal:
    """The sum of a column of whole or decimal numbers; nulls are none.

    Raises:
        ConfigError: for a column of another type: the sum of floats depends on their order.
    """
    if not (pa.types.is_integer(column.type) or pa.types.is_decimal(column.type)):
        raise ConfigError(
            "a control column must hold whole or decimal numbers",
            type=str(column.type),
            next_step="Take it out of `control_columns`, or make it a decimal in the contract.",
        )
    scale = column.type.scale if pa.types.is_decimal(column.type) else 0
    # Twice as wide, since a sum of 38 digits needs more.
    total = pc.sum(column.cast(pa.decimal256(76, scale))).as_py()
    return Decimal(0) if total is None else Decimal(total)
