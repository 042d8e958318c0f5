"""Arguments of expectations in the type of the column that they are compared with.

YAML and contracts write dates, instants and decimals as text; the engine compares values.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_integrations.core.contract import Column
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["typed"]

_OF_VALUES = ("values_to", "max_to", "min_to", "mean_to", "sum_to")


def typed(entry: Mapping[str, Any], argument: str, value: Any, columns: Mapping[str, Column]) -> Any:
    """One argument of an expectation, converted if it is a bound or a set of the column's values.

    Args:
        entry: The expectation.
        argument, value: The argument's name and its value as the suite has it.
        columns: The contract's columns by name.

    Raises:
        ConfigError: if it is not of the column's type.
    """
    column = columns.get(str(entry.get("column")))
    if argument not in {"min_value", "max_value", "value_set"} or column is None:
        return value
    if not any(part in entry["type"] for part in _OF_VALUES) or "unique_values_to" in entry["type"]:
        return value  # lengths, counts and shares are plain numbers
    try:
        if isinstance(value, list):
            return [_convert(item, column, bound=False) for item in value]
        return _convert(value, column, bound=True)
    except (ValueError, ArithmeticError):
        raise ConfigError(
            "a bound or a value is not of its column's type", type=entry["type"], column=column.name, of=column.type
        ) from None


def _convert(value: Any, column: Column, *, bound: bool) -> Any:
    if not isinstance(value, str):
        return value
    if column.type == "float" or (bound and (column.type == "integer" or column.decimal)):
        return float(value)  # Great Expectations takes no other numbers as bounds.
    if column.type == "integer":
        return int(value)
    if column.decimal:
        return Decimal(value)
    if column.type == "date":
        return date.fromisoformat(value)
    if column.type == "timestamp":
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(column.zone))).astimezone(UTC)
    return value
