"""What the parts of the extraction tell each other: columns, keysets, ranges, statements, horizons, progress.

Values only; the SQL is made in `dialects` and `statements`, the bytes in `session`.

    >>> Keyset((KeyColumn("updated_at", "timestamptz"), KeyColumn("id", "int8")), cursors=1).names
    ('updated_at', 'id')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

from airflow_provider_integrations.core.watermark import Bound

__all__ = [
    "Bookmark",
    "Edge",
    "Guarantee",
    "KeyColumn",
    "KeyRange",
    "Keyset",
    "Late",
    "NullPolicy",
    "PageMark",
    "ReadColumn",
    "SourceColumn",
    "Statement",
    "TableFacts",
    "TableQuery",
]

Bookmark = tuple[str, ...]
"""One value for each keyset column, as the server's own lossless text (hexadecimal for binary). Only the server that
gave it can compare it: the order of text, and of uniqueidentifier, is the server's."""


class Guarantee(StrEnum):
    """What a run promises about rows that commit late, behind rows that were read already.

    `safe_upper_bound`: none is lost; the engine tells which transactions were open (see `Dialect.horizon`).
    `lag`: none is lost that commits within the window; the window before the bookmark is read again.
    `best_effort`: such rows are lost, and the report says so.
    """

    SAFE_UPPER_BOUND = "safe_upper_bound"
    LAG = "lag"
    BEST_EFFORT = "best_effort"


class NullPolicy(StrEnum):
    """What happens to rows whose cursor column is NULL, which no comparison ever finds."""

    INCLUDE_EVERY_RUN = "include_every_run"
    EXCLUDE_AND_COUNT = "exclude_and_count"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as the source's catalogue describes it.

    Args:
        name: As the server spells it.
        type: The server's full type name, lower case, as CAST takes it, e.g. `numeric(18,4)`, `datetime2(7)`.
        nullable: Whether NULL may be in it.
        size: Longest text in characters, or longest binary in bytes; None when there is no limit.
        precision, scale: Of exact numbers; fraction digits of seconds are `scale` for times.
        collation: Of text, if the catalogue says.
    """

    name: str
    type: str
    nullable: bool = True
    size: int | None = None
    precision: int | None = None
    scale: int | None = None
    collation: str | None = None


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """How one column is read so that its value arrives exactly.

    Args:
        name: Name in the result and in the landed file.
        expression: What is selected for it, e.g. `"id"` or `CAST("note" AS text)`; `AS name` is put behind it.
        wire: Arrow type that the driver is asked for (`map_schema`); None: as it comes.
        arrow: Arrow type that is landed.
        text_size: Longest text in characters or binary in bytes expected, to size the buffer; None if unknown.
        by: `arrow` (arrow-odbc) or `pyodbc`, for types that arrow-odbc cannot read rightly.
        lossless: Whether the landed value gives the keyset's text back by itself (integers, text, uuid, dates).
        suspect: SQL condition on rows whose value the driver cannot carry (NaN, infinity, 0000-00-00); None if it
            carries them all. Where there are such rows the column is read by `guarded` instead, as text.
        lower: Whether the driver gives capital letters where the server has small ones, as psqlodbc does with a uuid.
        guarded: That expression; what it gives is typed, or rejected with its reason, by us.
        packed: An expression whose text has neither comma nor quote nor line end, so that the value can be read among
            others of its row in one text (see `packing`); None if there is none.
        in_hex: Whether what `guarded` gives is a text's UTF-8 in hexadecimal, to be read back into the text.
        hexed: Whether `expression` gives such.
    """

    name: str
    expression: str
    wire: pa.DataType | None
    arrow: pa.DataType
    text_size: int | None = None
    by: str = "arrow"
    lossless: bool = False
    suspect: str | None = None
    guarded: str | None = None
    lower: bool = False
    packed: str | None = None
    in_hex: bool = False
    hexed: bool = False


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """One column of a keyset; `type` is the server's type that a bookmark's text is cast to."""

    name: str
    type: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Keyset:
    """The total order of a table: cursor columns, then the primary key, all ascending.

    `cursors` is how many of the columns are cursor columns; the others are the primary key. Zero: by key alone.
    """

    columns: tuple[KeyColumn, ...]
    cursors: int

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def key(self) -> tuple[KeyColumn, ...]:
        """The primary key."""
        return self.columns[self.cursors :]


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of a range: a bookmark or a prefix of one. `closed` includes the rows at it, `open` does not."""

    at: Bookmark
    bound: Bound


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Rows from `low` to `high` in the keyset's order; None is no end."""

    low: Edge | None = None
    high: Edge | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with `?` and its parameters; every parameter is text or None, and is cast in the SQL."""

    sql: str
    parameters: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table as its catalogue describes it.

    Args:
        table: Dotted name as it was asked for.
        columns: In the table's order.
        primary_key: Column names; empty if none is declared.
        indexes: Column names of each index in order, e.g. `(("updated_at", "id"), ("id",))`.
        rows: The catalogue's estimate, None if it has none.
        horizon: Whether rows carry what `safe_upper_bound` needs (PostgreSQL: an ordinary table).
    """

    table: str
    columns: tuple[SourceColumn, ...]
    primary_key: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    rows: int | None = None
    horizon: bool = False

    def column(self, name: str) -> SourceColumn:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def has_index(self, names: Sequence[str]) -> bool:
        """Whether an index begins with these columns in their order."""
        return any(index[: len(names)] == tuple(names) for index in self.indexes)


@dataclass(frozen=True, slots=True)
class TableQuery:
    """What is read of a table.

    Args:
        table: Dotted name; ignored with a template.
        columns: What is selected, in order.
        keyset: The order.
        filter: The source owner's SQL condition on rows, None for all rows.
        template: Extraction SQL of `include/sql/extract/`; it gives the columns, and stands as a derived table.
        unproved: Whether no primary key is declared, so that nothing proves the key unique.
    """

    table: str
    columns: tuple[ReadColumn, ...]
    keyset: Keyset
    filter: str | None = None
    template: str | None = None
    unproved: bool = False


@dataclass(frozen=True, slots=True)
class Late:
    """Rows at or below a mark that are read again, since they may have been committed after the mark was made.

    Args:
        mark: The run before came to here.
        horizon: Those written by transactions that were open then; None for all of them.
        since: Lowest value of the first column, which is included.
        floor: Where the source begins, included; None if at the beginning.
    """

    mark: Bookmark
    horizon: str | None = None
    since: str | None = None
    floor: str | None = None


@dataclass(frozen=True, slots=True)
class PageMark:
    """How far one shard has come, once a page of it is durable.

    Args:
        pages: Pages that are complete.
        rows, size: Rows and bytes in them.
        bookmark: The last row's tuple; None before the first row of the range.
        done: Whether the range is read to its end.
        late: Whether the rows behind the mark (late commits, NULL cursors, ahead of the clock) were read.
        nulls: How many rows had a NULL cursor.
        ahead, ahead_rejected: How many were stamped ahead of the source's clock, and how many of them were rejected.
    """

    pages: int = 0
    rows: int = 0
    size: int = 0
    bookmark: Bookmark | None = None
    done: bool = False
    late: bool = False
    nulls: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    ahead: int = 0
    ahead_rejected: int = 0
