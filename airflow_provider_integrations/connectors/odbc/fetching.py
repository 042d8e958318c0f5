"""Batches of one statement from arrow-odbc: buffers sized by what is known and seen, nothing cut, types as planned.

arrow-odbc takes one limit for all texts and binaries. A value beyond it raises, but not with every driver: MariaDB's
(3.1.15) cuts it to the buffer in a row set of more than one row and says nothing, so a value that fills its buffer
counts as cut. The statement is then run again with larger buffers and fewer rows in them, and the rows that were handed
over already are passed by. That needs a statement that gives the same rows in the same order again, as a keyset page
does in a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_integrations.connectors.odbc.failures import is_no_text, truncated_at
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, Statement
from airflow_provider_integrations.connectors.odbc.pyodbc_line import PyodbcLine, wire_type
from airflow_provider_integrations.core.errors import PermanentError
from airflow_provider_integrations.formats.arrow import pa

__all__ = ["FIRST_SIZE", "LARGEST_VALUE", "SMALL_SIZE", "BufferSizes", "batches"]

FIRST_SIZE = 1024
"""Bytes of a text or binary that buffers begin with: ten thousand rows of a few such columns fit the cache."""
SMALL_SIZE = 256
"""What they may shrink to, once a page has shown that its values are short."""
LARGEST_VALUE = 1 << 30
"""Bytes of the longest value that is read; beyond it an Arrow array of 32-bit offsets could not hold two."""
_BUDGET = 48 << 20
_STEP = 8
_TELLING = 10_000
_TELLING_TEXT = 64 << 20


class ValueTooLongError(Exception):
    """A value fills its buffer."""


@dataclass
class BufferSizes:
    """How large the buffers are, remembered from page to page: grown by a value that did not fit, shrunk by data seen."""

    size: int = FIRST_SIZE
    _longest: int = 0
    _rows: int = 0

    def grow(self, size: int) -> None:
        """Make room for a value of `size` bytes that did not fit; 0 when its size is not known."""
        if 0 < size < self.size:
            raise PermanentError(
                "a value is longer than the driver said its column can be",
                size=size,
                next_step="Cast the column to text at the source, in the contract's type or in a template.",
            )
        if self.size >= LARGEST_VALUE or size > LARGEST_VALUE:
            raise PermanentError(
                "a value is longer than can be read",
                size=size or None,
                limit=LARGEST_VALUE,
                next_step="Leave the column out of the contract, or split the value in a template.",
            )
        self.size = min(max(2 * size, _STEP * self.size), LARGEST_VALUE)
        self._longest = self._rows = 0

    def settle(self) -> None:
        """After a statement: as large as what was seen needs, twice over, so that one long value costs one page."""
        # Small buffers stay in the cache; few rows tell too little to go below what one begins with.
        size = SMALL_SIZE if self._rows >= _TELLING else FIRST_SIZE
        while size < 2 * self._longest:
            size *= 2
        self._longest = self._rows = 0
        self.size = min(size, LARGEST_VALUE)

    def rows(self, columns: Sequence[ReadColumn], at_most: int) -> int:
        """Rows of one batch, so that the buffers of all columns stay in the budget."""
        width = sum(self._width(column) for column in columns)
        return max(1, min(at_most, _BUDGET // max(width, 1)))

    def see(self, batch: Any) -> None:
        """Remember the longest value of the columns of variable length.

        Raises:
            ValueTooLongError: one fills its buffer, so that it may have been cut.
        """
        self._rows += batch.num_rows
        for at, kind in enumerate(batch.schema.types):
            if pa.types.is_string(kind) or pa.types.is_binary(kind):
                self._longest = max(self._longest, _longest_value(batch.column(at)))
        if self._longest >= self.size:
            raise ValueTooLongError

    def _width(self, column: ReadColumn) -> int:
        kind = column.wire if column.wire is not None else column.arrow
        if pa.types.is_string(kind) or pa.types.is_binary(kind):
            return min(self.size, 4 * column.text_size) if column.text_size else self.size
        return 32


def batches(
    connection: Any, statement: Statement, columns: Sequence[ReadColumn] | None, sizes: BufferSizes, batch_rows: int
) -> Iterator[Any]:
    """The statement's batches as the driver gives them, each column of the type that was planned for the wire.

    Args:
        connection: arrow-odbc's.
        statement: What is run.
        columns: What it selects, in order; None reads every column as text.
        sizes: How large the buffers are; learns.
        batch_rows: Most rows of a batch.
    """
    if isinstance(connection, PyodbcLine):
        yield from connection.batches(statement, columns, batch_rows)
        return
    wires = [wire_type(column) if column.wire is not None else None for column in columns] if columns else None
    given = 0
    while True:
        skip = given
        reader: Any = None
        try:
            reader = connection.read_arrow_batches(
                statement.sql,
                batch_size=sizes.rows(columns, batch_rows) if columns is not None else min(batch_rows, 1000),
                parameters=list(statement.parameters) or None,
                max_bytes_per_batch=None,
                max_text_size=sizes.size,
                max_binary_size=sizes.size,
                falliable_allocations=True,
                map_schema=_mapping(wires),
                fetch_concurrently=columns is not None,
            )
            for batch in reader:
                sizes.see(batch)
                if skip >= batch.num_rows:
                    skip -= batch.num_rows
                    continue
                fresh = batch.slice(skip) if skip else batch
                skip = 0
                given += fresh.num_rows
                yield fresh
        except Exception as error:
            size = 0 if isinstance(error, ValueTooLongError) else truncated_at(error)
            if size is None and sizes.size < _TELLING_TEXT and is_no_text(error):
                size = 0  # Perhaps cut in the middle of a character; text that is none stays that in any buffer.
            if size is None:
                raise
            sizes.grow(size)
            continue
        finally:
            reader = None  # Its cursor is closed now, and not when someone lets go of an error's traceback.
        if skip:
            raise PermanentError(
                "a statement gave fewer rows when it was run again",
                missing=skip,
                next_step="Read in a snapshot and order by a key: see the session's documentation.",
            )
        sizes.settle()
        return


def _longest_value(values: Any) -> int:
    """Bytes of the longest text or binary of a column."""
    offsets = values.buffers()[1]
    if offsets is None or not len(values):
        return 0
    bounds = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
    return int(np.diff(bounds).max())


def _mapping(wires: Sequence[Any] | None) -> Callable[[Any], Any]:
    def mapped(found: Any) -> Any:
        if wires is None:
            return pa.schema([pa.field(name, pa.string()) for name in found.names])
        if len(found) != len(wires):
            raise PermanentError("a statement gives other columns than planned", planned=len(wires), found=len(found))
        return pa.schema(
            [
                pa.field(str(at), wire if wire is not None else field.type)
                for at, (field, wire) in enumerate(zip(found, wires, strict=True))
            ]
        )

    return mapped
