"""Paging by the statements themselves, on SQLite: each row of a range exactly once, whatever ties, bounds and prefixes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.dialects.sqlite import Sqlite
from airflow_provider_integrations.connectors.odbc.model import (
    Bookmark,
    Edge,
    KeyColumn,
    KeyRange,
    Keyset,
    ReadColumn,
    Statement,
    TableQuery,
)
from airflow_provider_integrations.core.watermark import Bound


class Nested(Sqlite):
    comparison: ClassVar[str] = "nested"


class Ranges(Sqlite):
    comparison: ClassVar[str] = "ranges"


# All forms of the comparison on the one engine that is always there.
FORMS = {"row_value": Sqlite(), "nested": Nested(), "ranges": Ranges()}
NAMES = ("a", "b", "c", "id")
KINDS = ("integer", "text", "numeric(18,4)", "integer")
VALUES = (
    st.integers(-2, 2) | st.sampled_from([2**63 - 1, -(2**63)]),
    st.sampled_from(["", "a", "A", "b", "ä", "😀", "a ", "10", "9", "'"]),
    st.sampled_from([-1, 0, 1, 0.5, 0.1, 1e15, 2**53]),
)
Row = tuple[int | str | float, ...]


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, list[Row]]:
    """Cursor columns, and rows of them with an id behind."""
    cursors = draw(st.integers(0, 3))
    heads = draw(st.lists(st.tuples(*VALUES[:cursors]), max_size=25))
    ids = draw(st.permutations(range(len(heads))))
    return cursors, [(*head, id) for head, id in zip(heads, ids, strict=True)]


def _query(cursors: int) -> TableQuery:
    columns = tuple(KeyColumn(NAMES[at], KINDS[at]) for at in (*range(cursors), 3))
    return TableQuery("t", (ReadColumn("id", '"id"', pa.int64(), pa.int64()),), Keyset(columns, cursors))


@contextmanager
def _table(query: TableQuery, rows: list[Row]) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        columns = ", ".join(f"{column.name} {column.type} NOT NULL" for column in query.keyset.columns)
        connection.execute(f"CREATE TABLE t ({columns}, PRIMARY KEY (id))")
        connection.execute(f"CREATE INDEX t_k ON t ({', '.join(query.keyset.names)})")
        connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(query.keyset.columns))})", rows)
        yield connection


def _rows(connection: sqlite3.Connection, statement: Statement) -> list[tuple[Any, ...]]:
    return connection.execute(statement.sql, statement.parameters).fetchall()


def _edge(dialect: Sqlite, connection: sqlite3.Connection, query: TableQuery, row: Row, width: int) -> Bookmark:
    found = _rows(connection, statements.bookmark_of(dialect, query, (str(row[-1]),)))
    assert _rows(connection, statements.hit(dialect, query, found[0])) == [("1",)]
    return found[0][:width]


def _order(row: Row) -> tuple[object, ...]:
    return tuple(value.encode() if isinstance(value, str) else value for value in row)


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_paging_gives_each_row_of_a_range_once_and_in_order(form: str, data: st.DataObject) -> None:
    dialect = FORMS[form]
    cursors, rows = data.draw(tables())
    query, size = _query(cursors), data.draw(st.integers(1, 5))
    ordered = sorted(rows, key=_order)
    edges: list[Edge | None] = []
    with _table(query, rows) as connection:
        for _ in range(2):
            if not rows or data.draw(st.booleans()):
                edges.append(None)
                continue
            width = data.draw(st.integers(1, cursors + 1))
            row, bound = data.draw(st.sampled_from(rows)), data.draw(st.sampled_from(list(Bound)))
            edges.append(Edge(_edge(dialect, connection, query, row, width), bound))
            closed, head = bound is Bound.CLOSED, _order(row)[:width]
            if len(edges) == 1:
                ordered = [r for r in ordered if _order(r)[:width] > head or (closed and _order(r)[:width] == head)]
            else:
                ordered = [r for r in ordered if _order(r)[:width] < head or (closed and _order(r)[:width] == head)]
        rest, seen = KeyRange(*edges), []
        whole = statements.count(dialect, query, rest)
        assert _rows(connection, whole) == [(str(len(ordered)), "0")]
        while page := _rows(connection, statements.page(dialect, query, rest, size)):
            assert len(page) <= size
            seen += [id for (id,) in page]
            bookmark = _rows(connection, statements.bookmark_of(dialect, query, (str(seen[-1]),)))[0]
            assert _rows(connection, statements.hit(dialect, query, bookmark)) == [("1",)]
            rest = KeyRange(Edge(bookmark, Bound.OPEN), rest.high)
            more = len(seen) < len(ordered)
            assert _rows(connection, statements.count(dialect, query, rest)) == [(str(len(ordered) - len(seen)), "0")]
            if rest.high is None:
                assert bool(_rows(connection, statements.any_above(dialect, query, rest.low))) == more
        assert seen == [row[-1] for row in ordered]


@given(tables(), st.integers(2, 6))
def test_sampled_cuts_part_a_table_without_gap_or_overlap(table: tuple[int, list[Row]], parts: int) -> None:
    cursors, rows = table
    query, dialect = _query(cursors), FORMS["row_value"]
    with _table(query, rows) as connection:
        cuts = _rows(connection, statements.sample(dialect, query, KeyRange(), parts, 1))
        edges = [None, *cuts, None]
        counts = [
            _rows(
                connection,
                statements.count(
                    dialect,
                    query,
                    KeyRange(Edge(low, Bound.OPEN) if low else None, Edge(high, Bound.CLOSED) if high else None),
                ),
            )[0][0]
            for low, high in pairwise(edges)
        ]
    assert sum(map(int, counts)) == len(rows)
    assert max(map(int, counts)) - len(rows) / parts < 1 or len(rows) < parts


def test_a_row_without_a_cursor_is_on_no_page_and_among_the_nulls() -> None:
    query = _query(2)
    columns = tuple(KeyColumn(c.name, c.type, nullable=c.name in "ab") for c in query.keyset.columns)
    query = TableQuery("t", query.columns, Keyset(columns, 2))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a integer, b text, id integer PRIMARY KEY)")
        rows = [(1, "x", 1), (None, "x", 2), (1, None, 3), (None, None, 4), (2, "", 5)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        for dialect in FORMS.values():
            found = statements.nulls(dialect, query)
            assert found is not None
            assert sorted(_rows(connection, found)) == [(2,), (3,), (4,)]
            counted = statements.count(dialect, query, statements.null_conditions(dialect, query))
            assert _rows(connection, counted) == [("3", "0")]
            assert _rows(connection, statements.page(dialect, query, KeyRange(), 9)) == [(1,), (5,)]
            low = KeyRange(Edge(("1",), Bound.CLOSED))
            assert _rows(connection, statements.page(dialect, query, low, 9)) == [(1,), (5,)]


def test_a_key_that_is_no_cursor_has_no_nulls() -> None:
    assert statements.nulls(FORMS["row_value"], _query(1)) is None
    assert statements.null_conditions(FORMS["row_value"], _query(1)) == []


def test_a_bookmark_of_a_row_that_moved_is_told_from_one_of_an_older_copy() -> None:
    query, dialect = _query(1), FORMS["row_value"]
    with _table(query, [(5, 1), (7, 2)]) as connection:

        def check(*bookmark: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
            return (
                _rows(connection, statements.hit(dialect, query, bookmark)),
                _rows(connection, statements.moved_up(dialect, query, bookmark)),
            )

        assert check("5", "1")[0] == [("1",)]
        assert check("4", "1") == ([("0",)], [("1", "1")])  # updated since
        assert check("6", "1") == ([("0",)], [("1", "0")])  # an older copy
        assert check("5", "9")[1][0][0] == "0"  # deleted since


@pytest.mark.parametrize(
    ("value", "lag", "since"),
    [
        ("2025-01-01 00:05:00", 600, "2024-12-31 23:55:00"),
        ("2025-01-01T00:05:00.999Z", 600, "2024-12-31 23:55:00"),
        # Texts are compared, and not what they mean: in UTC the window would begin after its end.
        ("2025-01-01T10:00:00-05:00", 600, "2025-01-01 09:50:00"),
        ("2025-01-02", 0.5, "2025-01-01 23:59:59"),
        ("1735689600", 600, None),
        ("yesterday", 600, None),
    ],
)
def test_a_lag_on_sqlite_is_taken_from_the_text_as_it_is_compared(value: str, lag: float, since: str | None) -> None:
    query = TableQuery("t", (), Keyset((KeyColumn("u", "timestamp"), KeyColumn("id", "integer")), 1))
    statement = statements.earlier(FORMS["row_value"], query, value, timedelta(seconds=lag))
    with closing(sqlite3.connect(":memory:")) as connection:
        assert _rows(connection, statement) == [(since,)]


@pytest.mark.parametrize("value", [5, -5, 0, 0.1, 2**63 - 1, "5", "-5", "i:5", "", "word", 1e300])
def test_a_value_of_a_column_without_a_type_is_found_again(value: object) -> None:
    dialect = FORMS["row_value"]
    keyset = Keyset((KeyColumn("v", "any"), KeyColumn("id", "any")), 1)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE s (v, id)")
        connection.execute("INSERT INTO s VALUES (?, 1)", (value,))
        query = TableQuery("", (), keyset, template="SELECT v, id + 0 AS id FROM s")
        bookmark = _rows(connection, statements.bookmark_of(dialect, query, ("1",)))[0]
        assert _rows(connection, statements.hit(dialect, query, bookmark)) == [("1",)]
        assert _rows(connection, statements.any_above(dialect, query, Edge(bookmark, Bound.OPEN))) == []
        assert _rows(connection, statements.any_above(dialect, query, Edge(bookmark, Bound.CLOSED))) == [(1,)]
