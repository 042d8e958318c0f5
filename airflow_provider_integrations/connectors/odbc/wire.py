"""From what the driver gave to what was planned: names, and labels that arrow-odbc must never be asked for itself.

A zoned timestamp in arrow-odbc's schema aborts the process, so instants come naive from a session in UTC and are
relabelled here, without touching a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_integrations.connectors.odbc.model import ReadColumn
from airflow_provider_integrations.core.errors import PermanentError
from airflow_provider_integrations.formats.arrow import Array, DataType, pa, pc

__all__ = ["landed_batch"]


def landed_batch(batch: Any, columns: Sequence[ReadColumn]) -> Any:
    """The batch under the columns' names and types.

    Raises:
        PermanentError: a value does not fit the planned type exactly.
    """
    arrays = [_landed(values, column) for values, column in zip(batch.columns, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])


def _landed(values: Array, column: ReadColumn) -> Array:
    if column.hexed:
        return _from_hexadecimal(values, column)
    if column.lower:
        return pc.ascii_lower(values)
    if values.type == column.arrow:
        return values
    wanted: DataType = column.arrow
    if pa.types.is_timestamp(wanted) and pa.types.is_timestamp(values.type) and values.type.unit == wanted.unit:
        return values.view(wanted)
    try:
        return values.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise PermanentError(
            "a value does not fit the planned type",
            column=column.name,
            came_as=str(values.type),
            planned=str(wanted),
            next_step="Give the contract's column a type that holds it, or cast it in a template.",
        ) from None


def _from_hexadecimal(values: Array, column: ReadColumn) -> Array:
    """Texts that the driver would end at their first NUL; few tables have any, so they are read one by one."""
    try:
        texts = [None if value is None else bytes.fromhex(value).decode() for value in values.to_pylist()]
    except ValueError:
        raise PermanentError(
            "the source gave bytes that are no text",
            column=column.name,
            next_step="Correct them at the source, or read the column in hexadecimal in a template.",
        ) from None
    return pa.array(texts, pa.string())
