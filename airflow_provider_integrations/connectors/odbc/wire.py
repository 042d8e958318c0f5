"""From what the driver gave to what was planned: names, and labels that arrow-odbc must never be asked for itself.

A zoned timestamp in arrow-odbc's schema aborts the process, so instants come naive from a session in UTC and are
relabelled here, without touching a value.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_integrations.connectors.odbc.model import ReadColumn
from airflow_provider_integrations.core.errors import PermanentError
from airflow_provider_integrations.formats.arrow import Array, pa

__all__ = ["landed_batch"]


def landed_batch(batch: object, columns: Sequence[ReadColumn]) -> object:
    """The batch under the columns' names and types.

    Raises:
        PermanentError: a value does not fit the planned type exactly.
    """
    arrays = [_landed(values, column) for values, column in zip(batch.columns, columns, strict=True)]  # type: ignore[attr-defined]
    return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])


def _landed(values: Array, column: ReadColumn) -> Array:
    if values.type == column.arrow:
        return values
    if (
        pa.types.is_timestamp(column.arrow)
        and pa.types.is_timestamp(values.type)
        and values.type.unit == column.arrow.unit
    ):
        return values.view(column.arrow)
    try:
        return values.cast(column.arrow)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise PermanentError(
            "a value does not fit the planned type",
            column=column.name,
            came_as=str(values.type),
            planned=str(column.arrow),
            next_step="Give the contract's column a type that holds it, or cast it in a template.",
        ) from None
