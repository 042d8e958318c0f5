"""The slow way to read: pyodbc, for columns that arrow-odbc cannot type, into the same exact Arrow arrays.

It speaks as much of arrow-odbc's connection as the session needs, so that a session that has such a column reads
everything through it, within one snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from airflow_provider_integrations.connectors.odbc.model import ReadColumn, Statement
from airflow_provider_integrations.core.errors import PermanentError
from airflow_provider_integrations.formats.arrow import Array, DataType, pa

__all__ = ["PyodbcLine"]


class PyodbcLine:
    """A pyodbc connection, with `autocommit` off, in the place of arrow-odbc's."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str) -> None:
        """Run a statement that gives no rows."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql)

    def commit(self) -> None:
        """End the transaction."""
        self._connection.commit()

    def rollback(self) -> None:
        """End the transaction without its writes."""
        self._connection.rollback()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def first(self, statement: Statement, rows: int) -> list[tuple[Any, ...]]:
        """The first rows as pyodbc types them."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement.sql, *statement.parameters)
            return [tuple(row) for row in cursor.fetchmany(rows)]

    def batches(self, statement: Statement, columns: Sequence[ReadColumn] | None, batch_rows: int) -> Iterator[Any]:
        """The statement's batches, each column of the type planned for the wire; without columns all are text.

        Raises:
            PermanentError: a value does not fit its column's type exactly.
        """
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement.sql, *statement.parameters)
            width = len(cursor.description or ())
            if columns is not None and width != len(columns):
                raise PermanentError("a statement gives other columns than planned", planned=len(columns), found=width)
            while rows := cursor.fetchmany(batch_rows):
                by_column = list(zip(*rows, strict=True))
                if columns is None:
                    arrays = [pa.array([_text(value) for value in values], pa.string()) for values in by_column]
                else:
                    pairs = zip(by_column, columns, strict=True)
                    arrays = [_array(values, column) for values, column in pairs]
                yield pa.RecordBatch.from_arrays(arrays, names=[str(at) for at in range(width)])


def wire_type(column: ReadColumn) -> DataType:
    """The type that a value has before it is landed: an instant is naive, in a session that speaks UTC."""
    kind: DataType = column.wire if column.wire is not None else column.arrow
    return pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) and kind.tz is not None else kind


def _array(values: Sequence[Any], column: ReadColumn) -> Array:
    kind = wire_type(column)
    if pa.types.is_string(kind):
        return pa.array([_text(value) for value in values], kind)
    try:
        return pa.array([bytes(v) if isinstance(v, bytearray) else v for v in values], kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        raise PermanentError(
            "a value does not fit the planned type",
            column=column.name,
            planned=str(kind),
            next_step="Give the contract's column a type that holds it, or cast it in a template.",
        ) from None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)
