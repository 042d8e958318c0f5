"""Cuts a range of a table into shards of about equal numbers of rows, whatever the skew of its values.

The cuts are whole bookmarks of rows that exist, so that any number of rows may share a cursor value. They are found by

- quantiles of sampled blocks, where the engine samples (PostgreSQL and those of the golden tests);
- halving a span of numbers or instants by the optimiser's dives into the index (MariaDB);
- steps over the index, in small ranges, in SQLite and for other types (time in proportion to the range, on the index alone);
- quantiles of all rows, where no index serves the order: then every page sorts the table as well.

However they were found, the server itself is asked whether each lies above the one before: no value is compared here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.dialects.sampling import estimated_rows, exactly_at
from airflow_provider_integrations.connectors.odbc.model import Bookmark, Edge, KeyRange, Statement, TableQuery
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.shards_halving import halve, keys_alone, keys_as_text
from airflow_provider_integrations.core.errors import IntegrationError
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["join_cuts", "plan_ranges"]

LEAST_ROWS = 10_000
"""Rows that a shard is worth having its own connection for."""

_SMALL = 100_000  # Rows that are counted or stepped over in no time.
_SAMPLE = 8_000  # Rows of a sample, and more for each shard: quantiles then stand within a few parts in a hundred.
_SAMPLE_OF_SHARD = 1_500
_SAMPLING = ("postgresql", "sqlserver", "oracle", "snowflake")


def plan_ranges(
    session: OdbcSession, query: TableQuery, key_range: KeyRange, shards: int, estimate: int | None
) -> list[KeyRange]:
    """Ranges that cover `key_range` without gap or overlap; at most `shards` of them, fewer for a small table.

    Rows whose cursor is NULL lie in none of them, since no comparison finds them: they are read apart.

    Args:
        session: Whose server orders the rows.
        query: The table.
        key_range: What is to be cut.
        shards: How many are wanted.
        estimate: The catalogue's number of rows, None if it has none.
    """
    if shards <= 1:
        return [key_range]
    rows = _rows_within(session, query, key_range, estimate)
    if rows is not None:
        shards = min(shards, max(1, rows // LEAST_ROWS))
    if shards <= 1:
        return [key_range]
    cuts = _cuts(session, query, key_range, shards, rows)
    return join_cuts(key_range, list(_ascending(session, query, key_range, cuts)))


def join_cuts(key_range: KeyRange, cuts: list[Bookmark]) -> list[KeyRange]:
    """The ranges between cuts: a cut belongs to the range below it."""
    lows = [key_range.low, *(Edge(cut, Bound.OPEN) for cut in cuts)]
    highs = [*(Edge(cut, Bound.CLOSED) for cut in cuts), key_range.high]
    return [KeyRange(low, high) for low, high in zip(lows, highs, strict=True)]


def _rows_within(session: OdbcSession, query: TableQuery, key_range: KeyRange, estimate: int | None) -> int | None:
    """By the optimiser, which knows a table's size from its file; exactly where there are few; else by the catalogue."""
    dialect = session.dialect
    counting = statements.count(dialect, keys_alone(query), key_range)
    if dialect.name == "sqlite":
        return _count(session, counting)
    explain = dialect.explain(counting) if dialect.name in ("postgresql", "mariadb") else None
    found = estimated_rows(dialect, session.rows(explain)) if explain is not None else None
    if found is None:
        return estimate
    # What was not analysed yet is estimated badly, and few rows are counted at once.
    return _count(session, counting) if found <= _SMALL else found


def _cuts(
    session: OdbcSession, query: TableQuery, key_range: KeyRange, shards: int, rows: int | None
) -> list[Bookmark]:
    if rows is None or session.dialect.name in _SAMPLING or not _is_served(session, query, key_range):
        return _quantiles(session, query, key_range, shards, rows)
    if rows > _SMALL and session.dialect.name != "sqlite":
        halved = halve(session, query, key_range, shards, rows)
        if halved is not None:
            return halved
        rows = _count(session, statements.count(session.dialect, keys_alone(query), key_range))
    return list(_steps(session, query, key_range, shards, rows))


def _quantiles(
    session: OdbcSession, query: TableQuery, key_range: KeyRange, shards: int, rows: int | None
) -> list[Bookmark]:
    wanted = _SAMPLE + _SAMPLE_OF_SHARD * shards
    sampled = rows is not None and rows > max(_SMALL, wanted) and session.dialect.name in _SAMPLING
    share = wanted / rows if sampled and rows is not None else 1.0
    try:
        found = session.rows(statements.sample(session.dialect, query, key_range, shards, share))
    except IntegrationError:
        if share == 1:
            raise
        # A view has no blocks to be sampled; any other error comes again.
        found = session.rows(statements.sample(session.dialect, query, key_range, shards, 1))
    return [tuple(str(value) for value in row) for row in found if None not in row]


def _steps(session: OdbcSession, query: TableQuery, key_range: KeyRange, shards: int, rows: int) -> Iterator[Bookmark]:
    """Every n-th row: each step goes on over the index from where the one before ended."""
    low, size = key_range.low, rows // shards
    for _ in range(shards - 1):
        page = statements.page(session.dialect, keys_as_text(session.dialect, query), KeyRange(low, key_range.high))
        found = session.rows(Statement(f"{page.sql} LIMIT 1 OFFSET {max(size - 1, 0)}", page.parameters))
        if not found:
            return
        cut = tuple(str(value) for value in found[0])
        yield cut
        low = Edge(cut, Bound.OPEN)


def _ascending(
    session: OdbcSession, query: TableQuery, key_range: KeyRange, cuts: Iterable[Bookmark]
) -> Iterator[Bookmark]:
    """Those that are rows within the range and above the one before, as the server compares them."""
    dialect, keyset = session.dialect, query.keyset
    low = key_range.low
    for cut in cuts:
        conditions = [
            exactly_at(dialect, keyset, cut),
            *([statements.above(dialect, keyset, low)] if low is not None else []),
            *([statements.below(dialect, keyset, key_range.high)] if key_range.high is not None else []),
        ]
        if _count(session, statements.count(dialect, keys_alone(query), conditions)):
            yield cut
            low = Edge(cut, Bound.OPEN)


def _is_served(session: OdbcSession, query: TableQuery, key_range: KeyRange) -> bool:
    page = statements.page(session.dialect, keys_as_text(session.dialect, query), key_range, 1)
    explain = session.dialect.explain(page)
    return explain is not None and session.dialect.plan_serves_order(session.rows(explain)) is not False


def _count(session: OdbcSession, statement: Statement) -> int:
    return int(str(session.rows(statement)[0][0]))
