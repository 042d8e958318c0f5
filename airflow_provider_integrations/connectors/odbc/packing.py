"""Numbers, instants and flags of a row as one text, because a driver spends more on fetching a value than on its bytes.

psqlodbc and arrow-odbc take some 0.2 microseconds for each value. Where a dialect can put the values of a row in one text
(`Dialect.packed`), with commas between them and a line feed at the end, the texts of a batch lie in memory as a CSV file
does, and Arrow's reader takes them apart for a third of that. A value is taken exactly or the whole batch is refused
(`UnpackableError`): such are the values that a column's `suspect` counts, and what is read as text instead is not packed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from airflow_provider_integrations.connectors.odbc.model import ReadColumn, TableQuery
from airflow_provider_integrations.core.errors import PermanentError
from airflow_provider_integrations.formats.arrow import Array, DataType, pa, pa_csv

__all__ = ["UnpackableError", "on_the_wire", "read_alone", "unpacked", "values_apart"]

LONGEST = 240
"""Characters of one packed text at the most: it fits a buffer that stays in the cache."""
MOST = 45
"""Values of one packed text; PostgreSQL's functions take a hundred arguments, and commas are some of them."""
FEWEST = 3
"""Fewer values are not worth a text of their own."""

_INTEGER, _FLOAT, _DATE, _INSTANT, _FLAG, _TEXT = 20, 24, 10, 26, 1, 36


class UnpackableError(PermanentError):
    """A packed text holds a value that its column's type does not take; the message does not show it."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Positions of the columns that share a text, and of those that are read alone, in the order of the wire."""

    groups: tuple[tuple[int, ...], ...]
    alone: tuple[int, ...]


def on_the_wire(
    columns: Sequence[ReadColumn], packed: Callable[[Sequence[str]], str] | None = None
) -> tuple[ReadColumn, ...]:
    """What is selected for the columns: packed texts first, then what is read alone.

    Args:
        columns: What is wanted.
        packed: Makes the expression of a packed text; without it the texts have none.
    """
    layout = _layout(columns)
    texts = [
        ReadColumn(
            f"packed_{at}",
            packed([str(columns[place].packed) for place in group]) if packed is not None else "",
            pa.string(),
            pa.string(),
        )
        for at, group in enumerate(layout.groups)
    ]
    return (*texts, *(columns[place] for place in layout.alone))


def read_alone(columns: Sequence[ReadColumn]) -> tuple[ReadColumn, ...]:
    """The columns that share no text: what a driver makes of a value of theirs is not checked by reading it."""
    return tuple(columns[place] for place in _layout(columns).alone)


def unpacked(batch: Any, columns: Sequence[ReadColumn]) -> Any:
    """The columns' values, of the types of their wire, from a batch of `on_the_wire`.

    Raises:
        UnpackableError: a text does not hold what was packed.
    """
    layout = _layout(columns)
    if not layout.groups:
        return batch
    values: list[Array] = [None] * len(columns)
    for text, group in zip(batch.columns, layout.groups, strict=False):
        members = [columns[place] for place in group]
        for place, array in zip(group, _split(text, members), strict=True):
            values[place] = array
    for array, place in zip(batch.columns[len(layout.groups) :], layout.alone, strict=True):
        values[place] = _own(array)
    return pa.RecordBatch.from_arrays(values, names=[str(at) for at in range(len(columns))])


def values_apart(query: TableQuery) -> TableQuery:
    """The query with each value read by itself."""
    return replace(query, columns=tuple(replace(column, packed=None) for column in query.columns))


def _layout(columns: Sequence[ReadColumn]) -> _Layout:
    groups: list[list[int]] = []
    width = 0
    for place, column in enumerate(columns):
        if column.packed is None:
            continue
        each = _width(column) + 1
        if not groups or width + each > LONGEST or len(groups[-1]) == MOST:
            groups.append([])
            width = 0
        groups[-1].append(place)
        width += each
    kept = tuple(tuple(group) for group in groups if len(group) >= FEWEST)
    taken = {place for group in kept for place in group}
    return _Layout(kept, tuple(place for place in range(len(columns)) if place not in taken))


def _width(column: ReadColumn) -> int:
    kind: DataType = column.wire if column.wire is not None else column.arrow
    if pa.types.is_decimal(kind):
        return int(kind.precision) + 3  # Sign, point, and a zero before it.
    if pa.types.is_string(kind):
        return column.text_size or _TEXT
    if pa.types.is_floating(kind):
        return _FLOAT
    if pa.types.is_date(kind):
        return _DATE
    if pa.types.is_timestamp(kind):
        return _INSTANT
    return _FLAG if pa.types.is_boolean(kind) else _INTEGER


def _own(values: Array) -> Array:
    """A copy: the driver's columns are one block of memory, which any of them keeps, the packed texts included."""
    return pa.concat_arrays([values, values.slice(0, 0)])


def _split(text: Array, members: Sequence[ReadColumn]) -> list[Array]:
    if not len(text):
        return [pa.array([], column.wire if column.wire is not None else column.arrow) for column in members]
    _, offsets, data = text.buffers()
    bounds = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    size = int(bounds[-1] - bounds[0])
    names = [str(at) for at in range(len(members))]
    kinds = [column.wire if column.wire is not None else column.arrow for column in members]
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(data.slice(int(bounds[0]), size)),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=size + 1),
            parse_options=pa_csv.ParseOptions(quote_char=False, escape_char=False, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict(zip(names, kinds, strict=True)),
                null_values=[""],
                strings_can_be_null=True,
                true_values=["t"],
                false_values=["f"],
            ),
        )
    except pa.ArrowInvalid:
        raise _refused(members) from None
    if table.num_rows != len(text) or text.null_count:
        raise _refused(members)
    return [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.columns]


def _refused(members: Sequence[ReadColumn]) -> UnpackableError:
    return UnpackableError(
        "a value does not fit the planned type",
        columns=[column.name for column in members],
        next_step="Give the contract's column a type that holds it, or cast it to text in a template.",
    )
