"""The fetching side of a shard: what the server counts, what is asked for in turn, and each page's bookmark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.model import (
    Bookmark,
    Edge,
    KeyRange,
    Late,
    NullPolicy,
    PageMark,
    ReadColumn,
    Statement,
    TableQuery,
)
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.typed_values import as_text
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import PermanentError, StateConflictError
from airflow_provider_integrations.core.watermark import Bound
from airflow_provider_integrations.formats.arrow import pa

__all__ = ["Expected", "LateEnd", "PageEnd", "ShardJob", "count_source", "fetched", "guarded"]


@dataclass(frozen=True, slots=True)
class ShardJob:
    """One range of one run.

    Args:
        query: What is read.
        contract: What the rows are typed by.
        key_range: Which rows.
        folder: Where the pages go; private, and the same when the shard is tried again.
        batch_id, version: Of every row.
        page_rows: Rows of a page.
        late: Rows behind the mark of the run before that are read too; None for none.
        nulls: What becomes of NULL cursors; None for a shard that leaves them to another.
        control: Columns whose sums are compared with the server's.
        compare: Whether the first page is compared with another driver's reading.
    """

    query: TableQuery
    contract: Contract
    key_range: KeyRange
    folder: Path
    batch_id: str
    version: str
    page_rows: int = 250_000
    late: Late | None = None
    nulls: NullPolicy | None = NullPolicy.INCLUDE_EVERY_RUN
    control: tuple[str, ...] = ()
    compare: bool = True


@dataclass(frozen=True, slots=True)
class Expected:
    """What the server counts before anything is read."""

    pages: int
    late: int
    nulls: int
    sums: dict[str, str | None]
    guarded: bool


@dataclass(frozen=True, slots=True)
class LateEnd:
    """The rows behind the mark are all there."""

    rows: int


@dataclass(frozen=True, slots=True)
class PageEnd:
    """A page is all there."""

    bookmark: Bookmark


def count_source(session: OdbcSession, job: ShardJob, mark: PageMark) -> Expected:
    """Ask the server what there is, in the snapshot that is read."""
    dialect, query = session.dialect, job.query
    rows, broken, *sums = session.rows(statements.count(dialect, query, _rest(job, mark), job.control))[0]
    suspects, late, nulls = _whole(broken), 0, 0
    if not mark.late:
        if job.late is not None:
            conditions = statements.late_conditions(dialect, query, job.late)
            counted = session.rows(statements.count(dialect, query, conditions))[0]
            late, suspects = _whole(counted[0]), suspects + _whole(counted[1])
        if job.nulls is not None and (conditions := statements.null_conditions(dialect, query)):
            counted = session.rows(statements.count(dialect, query, conditions))[0]
            nulls, suspects = _whole(counted[0]), suspects + _whole(counted[1])
            if nulls and job.nulls is NullPolicy.ERROR:
                raise StateConflictError(
                    "rows have no cursor",
                    rows=nulls,
                    columns=[column.name for column in query.keyset.columns if column.nullable],
                    next_step="Correct them at the source, or choose another policy for NULL cursors.",
                )
    return Expected(_whole(rows), late, nulls, dict(zip(job.control, sums, strict=True)), suspects > 0)


def guarded(column: ReadColumn) -> ReadColumn:
    """The column as text, because there are values that the driver would change without a word."""
    if column.suspect is None:
        return column
    if column.guarded is None:
        raise PermanentError(
            "a text holds NUL characters, at which the driver would end it",
            column=column.name,
            next_step="Replace them in a template, or leave the column out of the contract.",
        )
    return replace(column, expression=column.guarded, wire=pa.string(), arrow=pa.string(), suspect=None)


def _rest(job: ShardJob, mark: PageMark) -> KeyRange:
    """What is left of the range."""
    low = Edge(mark.bookmark, Bound.OPEN) if mark.bookmark is not None else job.key_range.low
    return KeyRange(low, job.key_range.high)


def fetched(session: OdbcSession, job: ShardJob, mark: PageMark, expected: Expected) -> Iterator[Any]:
    """Record batches, and after them what ends them; on the fetching thread."""
    dialect, query = session.dialect, job.query
    if not mark.late:
        rows = 0
        wanted: list[Statement | None] = []
        if job.late is not None and expected.late:
            wanted.append(statements.late(dialect, query, job.late))
        if expected.nulls and job.nulls is NullPolicy.INCLUDE_EVERY_RUN:
            wanted.append(statements.nulls(dialect, query))
        for statement in filter(None, wanted):
            for batch in session.read(statement, query.columns):
                rows += batch.num_rows
                yield batch
        yield LateEnd(rows)
    rest, compared, left = _rest(job, mark), not job.compare or mark.pages > 0, expected.pages
    while left > 0:
        statement = statements.page(dialect, query, rest, job.page_rows)
        rows, last = 0, None
        for batch in session.read(statement, query.columns):
            if not compared:
                session.check_first_page(statement, query.columns, batch)
                compared = True
            if batch.num_rows:
                rows, last = rows + batch.num_rows, batch
                yield batch
        if last is None:
            return  # Fewer than the server counted: the reconciliation says so.
        bookmark = _bookmark(session, query, last)
        yield PageEnd(bookmark)
        rest, left = KeyRange(Edge(bookmark, Bound.OPEN), rest.high), left - rows


def _bookmark(session: OdbcSession, query: TableQuery, last: Any) -> Bookmark:
    """The last row's tuple as the server writes it, proved to lead back to exactly that row."""
    key = []
    for column in query.keyset.key:
        text = as_text(last.column(last.schema.get_field_index(column.name)).slice(last.num_rows - 1))[0].as_py()
        key.append(str(text))
    found = session.rows(statements.bookmark_of(session.dialect, query, key))
    if len(found) != 1 or any(value is None for value in found[0]):
        raise StateConflictError(
            "the key does not name exactly one row",
            rows=len(found),
            key=[column.name for column in query.keyset.key],
            next_step="Name the table's primary key as the contract's keys.",
        )
    bookmark = tuple(str(value) for value in found[0])
    if session.rows(statements.hit(session.dialect, query, bookmark))[0][0] != "1":
        raise StateConflictError(
            "a bookmark does not find the row that it was made from",
            columns=query.keyset.names,
            types=[column.type for column in query.keyset.columns],
            next_step="The column's type does not come back exact from its text: choose another cursor.",
        )
    return bookmark


def _whole(text: str | None) -> int:
    return int(float(text)) if text is not None else 0
