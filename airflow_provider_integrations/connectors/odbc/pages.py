"""The fetching side of a shard: what the server counts, what is asked for in turn, and each page's bookmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.clock_bound import ceiling_of
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
from airflow_provider_integrations.connectors.odbc.neighbours import check_tuples, column_named
from airflow_provider_integrations.connectors.odbc.packing import UnpackableError, read_alone, values_apart
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.typed_values import as_text
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import IntegrationError, PermanentError, StateConflictError
from airflow_provider_integrations.core.watermark import Bound
from airflow_provider_integrations.formats.arrow import pa

__all__ = [
    "Behind",
    "Counted",
    "LateEnd",
    "PageEnd",
    "Restart",
    "ShardJob",
    "count_behind",
    "counting",
    "fetched",
    "guarded",
]


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
        ahead: Whether rows stamped ahead of the source's clock, which are of no range, are read too.
        many: Whether so many rows are expected that counting them is worth a connection of its own.
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
    ahead: bool = False
    many: bool = True


@dataclass(frozen=True, slots=True)
class Behind:
    """What the server counts of rows that are read apart: late ones, those without a cursor, and those ahead of its clock.

    `ceiling` is how far they are not ahead; None where there is no such thing.
    """

    late: int = 0
    nulls: int = 0
    suspects: int = 0
    ahead: int = 0
    ceiling: Edge | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """What the server counts in the range: rows, the control columns' sums, and rows that the driver cannot carry."""

    rows: int
    suspects: int
    sums: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Restart:
    """What came since the last page is thrown away and comes again, as text."""


@dataclass(frozen=True, slots=True)
class LateEnd:
    """The rows behind the mark are all there."""


@dataclass(frozen=True, slots=True)
class PageEnd:
    """A page is all there."""

    bookmark: Bookmark


def count_behind(session: OdbcSession, job: ShardJob, mark: PageMark) -> Behind:
    """Ask the server what there is behind the mark, in the snapshot that is read.

    Raises:
        StateConflictError: rows have no cursor, and there must be none.
    """
    dialect, query = session.dialect, job.query
    if mark.late:
        return Behind(nulls=mark.nulls, ahead=mark.ahead)
    suspects, late, nulls, ahead = 0, 0, 0, 0
    if job.late is not None:
        conditions = statements.late_conditions(dialect, query, job.late)
        counted = session.rows(statements.count(dialect, query, conditions))[0]
        late, suspects = _whole(counted[0]), _whole(counted[1])
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
    # Of now, and not of the plan: a shard may have waited, and what has come since is the next run's.
    ceiling = ceiling_of(session, query) if job.ahead else None
    if ceiling is not None:
        conditions = statements.ahead_conditions(dialect, query, ceiling)
        counted = session.rows(statements.count(dialect, query, conditions))[0]
        ahead, suspects = _whole(counted[0]), suspects + _whole(counted[1])
    return Behind(late, nulls, suspects, ahead, ceiling)


@contextmanager
def counting(session: OdbcSession, job: ShardJob, mark: PageMark) -> Iterator[Callable[[], Counted]]:
    """Ask the server what the range holds, in the snapshot that is read; gives a function that waits for the answer.

    A run of many rows is counted beside its reading, where the engine lets another session join the snapshot.
    """
    if not job.many or mark.bookmark is not None:
        counted = _count(session, job, mark)
        yield lambda: counted
        return
    with session.beside() as other, ThreadPoolExecutor(1, thread_name_prefix="counting") as pool:
        if other is None:
            counted = _count(session, job, mark)
            yield lambda: counted
            return
        answer = pool.submit(_count, other, job, mark)
        try:
            yield answer.result
        except BaseException:
            if not answer.done():
                with suppress(IntegrationError):
                    other.cancel()
            raise


def _count(session: OdbcSession, job: ShardJob, mark: PageMark) -> Counted:
    # Looking at each value costs the server more than counting; a packed one that cannot be carried is refused when read.
    looked_at = read_alone(job.query.columns)
    asked = statements.count(session.dialect, job.query, _rest(job, mark), job.control, looked_at=looked_at)
    rows, broken, *sums = session.rows(asked)[0]
    return Counted(_whole(rows), _whole(broken), dict(zip(job.control, sums, strict=True)))


def guarded(column: ReadColumn) -> ReadColumn:
    """The column as text, because there are values that the driver would change without a word."""
    if column.suspect is None or column.guarded is None:
        return column
    return replace(
        column, expression=column.guarded, wire=pa.string(), arrow=pa.string(),
        suspect=None, packed=None, hexed=column.in_hex,
    )  # fmt: skip


def _rest(job: ShardJob, mark: PageMark) -> KeyRange:
    """What is left of the range."""
    low = Edge(mark.bookmark, Bound.OPEN) if mark.bookmark is not None else job.key_range.low
    return KeyRange(low, job.key_range.high)


def fetched(
    session: OdbcSession, job: ShardJob, mark: PageMark, behind: Behind, counted: Callable[[], Counted]
) -> Iterator[Any]:
    """Record batches, and after them what ends them; on the fetching thread."""
    dialect, query = session.dialect, job.query
    careful = as_text_where_needed(query)
    if not mark.late:
        apart = careful if behind.suspects else query
        wanted: list[Statement | None] = []
        if job.late is not None and behind.late:
            wanted.append(statements.late(dialect, apart, job.late))
        if behind.nulls and job.nulls is NullPolicy.INCLUDE_EVERY_RUN:
            wanted.append(statements.nulls(dialect, apart))
        if behind.ahead and behind.ceiling is not None:
            # The last: `PageWriter.rejected` counts back.
            wanted.append(statements.ahead(dialect, apart, behind.ceiling))
        for statement in filter(None, wanted):
            yield from session.read(statement, apart.columns)
        yield LateEnd()
    rest, compared, settled = _rest(job, mark), not job.compare or mark.pages > 0, False
    if not job.many and not counted().rows:
        return  # Counted in this very snapshot: buffers for a page cost more than all else of such a run.
    while True:
        statement = statements.page(dialect, query, rest, job.page_rows)
        rows, first, last = 0, None, None
        refused: UnpackableError | None = None
        try:
            for batch in session.read(statement, query.columns):
                if batch.num_rows:
                    if query.unproved:
                        check_tuples(query, last, batch)
                    rows, first, last = rows + batch.num_rows, batch if first is None else first, batch
                    yield batch
        except UnpackableError as error:
            refused = error  # NaN, perhaps, or a day outside of the calendar.
        if last is None and refused is None:
            return
        unfit = refused is not None
        if not settled and not unfit:
            settled, unfit = True, counted().suspects > 0
        if unfit:
            if careful == query:
                raise refused or _uncarried(query)
            query, settled = careful, True
            yield Restart()
            continue
        if not compared:
            compared = True
            alone = values_apart(query)
            session.check_first_page(statements.page(dialect, alone, rest, job.page_rows), alone.columns, first)
        bookmark = _bookmark(session, query, last)
        yield PageEnd(bookmark)
        if rows < job.page_rows:
            return  # Too early, perhaps: the reconciliation knows how many there are.
        rest = KeyRange(Edge(bookmark, Bound.OPEN), rest.high)


def as_text_where_needed(query: TableQuery) -> TableQuery:
    """The query with text in the place of what the driver may be unable to carry."""
    return replace(query, columns=tuple(guarded(column) for column in query.columns))


def _uncarried(query: TableQuery) -> PermanentError:
    return PermanentError(
        "the table holds values that the driver cannot carry, and no other way to read them",
        columns=[column.name for column in query.columns if column.suspect is not None],
        next_step="Replace them in a template, or leave the column out of the contract.",
    )


def _bookmark(session: OdbcSession, query: TableQuery, last: Any) -> Bookmark:
    """The last row's tuple as the server writes it, proved to lead back to exactly that row."""
    key = []
    for column in query.keyset.key:
        text = as_text(column_named(last, column.name).slice(last.num_rows - 1))[0].as_py()
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
