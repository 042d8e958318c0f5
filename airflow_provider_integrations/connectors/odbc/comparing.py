"""The first rows of a table as two drivers read them: a value that differs stops the run before anything is landed.

arrow-odbc gives some types wrongly without an error, differing by driver and version. pyodbc reads by other calls, so what both
agree on was not invented by either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_integrations.connectors.odbc.model import ReadColumn
from airflow_provider_integrations.core.errors import PermanentError
from airflow_provider_integrations.formats.arrow import Table, pa

__all__ = ["agree", "differing", "python_rows"]

_ATTEMPTS = 3


def python_rows(table: Table) -> list[tuple[Any, ...]]:
    """Rows as Python values; instants as naive ones in UTC, since a zoned one would import pandas."""
    columns = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_timestamp(kind):
            numbers = column.cast(pa.int64()).to_pylist()
            columns.append([None if n is None else _instant(n, kind.unit) for n in numbers])
        else:
            columns.append(column.to_pylist())
    return list(zip(*columns, strict=True))


def agree(
    ours: Sequence[Sequence[Any]],
    theirs: Callable[[], Sequence[Sequence[Any]]],
    again: Callable[[], Sequence[Sequence[Any]]],
    columns: Sequence[ReadColumn],
) -> None:
    """Compare two readings, and on a difference both anew, since rows may change between two readings.

    Raises:
        PermanentError: a difference stayed; it names the columns and no value.
    """
    wrong: set[str] = set()
    for attempt in range(_ATTEMPTS):
        mine = ours if attempt == 0 else again()
        found = differing(mine, list(theirs())[: len(mine)], columns)
        # A column that two drivers read differently differs each time; a row that changed does so but once.
        wrong = found if attempt == 0 else wrong & found
        if not wrong:
            return
    raise PermanentError(
        "two drivers read the same values differently",
        columns=sorted(wrong),
        next_step="Give the columns another type in the contract, or cast them to text in a template.",
    )


def differing(
    ours: Sequence[Sequence[Any]], theirs: Sequence[Sequence[Any]], columns: Sequence[ReadColumn]
) -> set[str]:
    """Names of the columns in which a row differs; all of them when the numbers of rows do."""
    if len(ours) != len(theirs):
        return {column.name for column in columns}
    return {
        column.name
        for left, right in zip(ours, theirs, strict=True)
        for column, a, b in zip(columns, left, right, strict=True)
        if not _same(a, str(b).lower() if column.lower and b is not None else b)
    }


def _same(ours: Any, theirs: Any) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    if isinstance(ours, str) and not isinstance(theirs, str):
        return _same_as_text(ours, theirs)
    if isinstance(theirs, str) and not isinstance(ours, str):
        return _same_as_text(theirs, ours)
    if isinstance(ours, float) and isinstance(theirs, float):
        return ours == theirs or (math.isnan(ours) and math.isnan(theirs))
    if isinstance(ours, time) and isinstance(theirs, time) and not theirs.microsecond:
        return ours.replace(microsecond=0) == theirs  # pyodbc's time has no fraction of a second.
    if isinstance(ours, datetime) != isinstance(theirs, datetime) and isinstance(theirs, date):
        return _midnight(ours) == _midnight(theirs)
    if isinstance(ours, str):
        return ours == theirs or ("\0" in ours and ours.partition("\0")[0] == theirs)  # where pyodbc ends a text
    if isinstance(theirs, int) and theirs < 0 < ours:
        return any(ours - theirs == 1 << bits for bits in (8, 16, 32))  # pyodbc takes unsigned integers for signed ones
    if isinstance(ours, (bytes, bytearray)):
        return isinstance(theirs, (bytes, bytearray)) and bytes(ours) == bytes(theirs)
    return bool(ours == theirs)


def _same_as_text(text: str, value: Any) -> bool:
    if isinstance(value, bool):
        return text.strip().lower() in (("1", "t", "true", "y") if value else ("0", "f", "false", "n"))
    if isinstance(value, (int, float, Decimal)):
        try:
            number = Decimal(text.strip())
        except InvalidOperation:
            return False
        return float(number) == value if isinstance(value, float) else number == value
    if isinstance(value, (bytes, bytearray)):
        return text.lower() == value.hex()
    if isinstance(value, datetime):
        return text[:19].replace("T", " ") == value.isoformat(sep=" ")[:19]
    if isinstance(value, time):
        return text[:8] == value.isoformat()[:8]
    return text == str(value)


def _midnight(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else None


_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def _instant(number: int, unit: str) -> Any:
    """A naive datetime to the microsecond; the number itself where Python has no such year."""
    micros = number * 1_000_000 // _PER_SECOND[unit]
    scalar = pa.scalar(micros, pa.timestamp("us"))
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        return number
