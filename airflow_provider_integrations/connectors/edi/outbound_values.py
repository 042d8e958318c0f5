"""Values as a warehouse gives them to the kinds of a guide's columns, both without loss and without guessing.

    >>> from decimal import Decimal
    >>> to_kind(Decimal("4711"), "text"), to_kind(datetime(2026, 1, 2), "date")
    ('4711', datetime.date(2026, 1, 2))

An identity that a warehouse holds as a number is a text in EDI; a day may come as midnight; a float is refused, since what
it stands for is not what it shows.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from airflow_provider_integrations.connectors.edi.row_values import Value

__all__ = ["document_key", "to_kind", "to_number"]

_LONGEST_KEY = 255
_CONTROL = frozenset(map(chr, (*range(32), 127)))


def to_kind(value: Any, kind: str) -> Value:
    """The value as `write_value` takes it.

    Args:
        value: From the warehouse's driver.
        kind: Of the column, see `guide_rules.Column`.

    Raises:
        ValueError: when it is of another kind, or would lose something; the message holds no value.
    """
    if value is None or value == "":
        return None
    match kind, value:
        case _, bool():
            raise ValueError("is a truth value; give its code as text in the query")
        case _, float():
            raise ValueError("is a float, which is not exact; cast it to NUMBER in the query")
        case "text", str():
            return value
        case "text", int() | Decimal():
            return str(_whole(value))
        case "integer", int() | Decimal():
            return _whole(value)
        case "decimal", int() | Decimal():
            if not Decimal(value).is_finite():
                raise ValueError("is no finite number")
            return Decimal(value)
        case "date" | "edifact_date", datetime():
            if value.time() != time(0):
                raise ValueError("has a time of day; cast it to DATE in the query, in the zone that is meant")
            return value.date()
        case "date" | "edifact_date", date():
            return value
        case "time", time():
            return value
    raise ValueError(f"is a {type(value).__name__}, not a {kind.removeprefix('edifact_')}")


def to_number(value: Any) -> int | None:
    """`row` and `parent`.

    Raises:
        ValueError: when it is no whole number from 1 on.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"is a {type(value).__name__}, not a number")
    number = _whole(value)
    if number < 1:
        raise ValueError("is less than 1")
    return number


def document_key(value: Any) -> str:
    """What names a document, the same whichever query it comes from; nothing where it has no name that a ledger could hold."""
    # A day may be a key; bytes and the like have no text of their own but Python's.
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal | date | UUID):
        return ""
    if isinstance(value, int | Decimal):
        try:
            return str(_whole(value))
        except ValueError:
            return str(value)
    key = str(value).strip()
    # PostgreSQL takes no NUL, and no index of it a text of any length.
    return key if len(key) <= _LONGEST_KEY and _CONTROL.isdisjoint(key) else ""


def _whole(value: int | Decimal) -> int:
    if isinstance(value, Decimal) and (not value.is_finite() or value != value.to_integral_value()):
        raise ValueError("is a number with decimals, or none, where a whole one stands")
    return int(value)
