"""Shards on SQLite: whatever the rows are, the ranges cover each of them once and in order."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.odbc import shards, statements
from airflow_provider_integrations.connectors.odbc.dialects import dialect_named
from airflow_provider_integrations.connectors.odbc.dialects.sampling import (
    estimated_rows,
    number_of,
    text_of_number,
)
from airflow_provider_integrations.connectors.odbc.model import (
    Edge,
    KeyColumn,
    KeyRange,
    Keyset,
    ReadColumn,
    Statement,
    TableQuery,
)
from airflow_provider_integrations.core.watermark import Bound


class SqliteSession:
    """What planning uses of a session, over the database of the standard library."""

    dialect = dialect_named("sqlite")

    def __init__(self, rows: list[tuple[Any, ...]], kind: str) -> None:
        self._connection = sqlite3.connect(":memory:")
        self._connection.execute(f"CREATE TABLE t (u {kind}, id bigint NOT NULL PRIMARY KEY)")
        self._connection.execute("CREATE INDEX i ON t (u, id)")
        self._connection.executemany("INSERT INTO t VALUES (?, ?)", rows)

    def rows(self, statement: Statement) -> list[tuple[str | None, ...]]:
        found = self._connection.execute(statement.sql, statement.parameters).fetchall()
        return [tuple(None if value is None else str(value) for value in row) for row in found]


def _query(kind: str) -> TableQuery:
    keyset = Keyset((KeyColumn("u", kind, nullable=True), KeyColumn("id", "bigint")), cursors=1)
    return TableQuery("t", (ReadColumn("id", '"id"', None, None),), keyset)  # type: ignore[arg-type]


def _ids(session: Any, query: TableQuery, key_range: KeyRange) -> list[int]:
    return [int(str(row[0])) for row in session.rows(statements.page(session.dialect, query, key_range))]


INTEGERS = st.one_of(st.none(), st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))
TEXTS = st.one_of(st.none(), st.sampled_from(["a", "A", "b", "B", "ä", ""]))


@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.parametrize(("kind", "values"), [("bigint", INTEGERS), ("text COLLATE NOCASE", TEXTS)])
def test_ranges_cover_each_row_once_whatever_the_skew(kind: str, values: Any, data: st.DataObject) -> None:
    column = data.draw(st.lists(values, max_size=60))
    wanted = data.draw(st.integers(1, 9))
    session: Any = SqliteSession([(value, at) for at, value in enumerate(column)], kind)
    query = _query(kind.split()[0])
    whole = KeyRange()
    bookmarks = [(value, at) for at, value in enumerate(column) if value is not None]
    if bookmarks and data.draw(st.booleans()):
        low, high = (data.draw(st.sampled_from(bookmarks)) for _ in range(2))
        whole = KeyRange(
            Edge((str(low[0]), str(low[1])), data.draw(st.sampled_from(Bound))),
            Edge((str(high[0]),), data.draw(st.sampled_from(Bound))),
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "LEAST_ROWS", 1)
        ranges = shards.plan_ranges(session, query, whole, wanted, None)
    inside = _ids(session, query, whole)
    parts = [_ids(session, query, each) for each in ranges]
    assert [number for part in parts for number in part] == inside
    assert (ranges[0].low, ranges[-1].high) == (whole.low, whole.high)
    assert 1 <= len(ranges) <= max(1, min(wanted, len(inside)))
    if wanted <= len(inside):
        # NOCASE or not, ties or not: the cuts are whole tuples.
        assert max(map(len, parts)) - min(map(len, parts)) <= len(inside) % wanted + 1


def test_rows_without_a_cursor_are_in_no_shard_and_lose_no_other_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "LEAST_ROWS", 1)
    session: Any = SqliteSession([(None if at % 3 else at, at) for at in range(90)], "bigint")
    query = _query("bigint")
    ranges = shards.plan_ranges(session, query, KeyRange(), 4, None)
    found = Counter(number for each in ranges for number in _ids(session, query, each))
    assert found == Counter(at for at in range(90) if at % 3 == 0)


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        ("bigint", "-9223372036854775808", -(2**63)),
        ("decimal(20,0)", "12345678901234567890", 12345678901234567890),
        ("date", "0001-01-01", -719162),
        ("datetime(6)", "1969-12-31 23:59:59.999999", -1),
        ("datetime", "9999-12-31 23:59:59", 253402300799000000),
        ("date", "0000-00-00", None),
        ("datetime(6)", "0000-00-00 00:00:00", None),
        ("varchar(10)", "17", None),
        ("decimal(10,2)", "1.50", None),
    ],
)
def test_values_that_can_be_halved_have_a_number_and_others_have_none(kind: str, text: str, number: int | None) -> None:
    assert number_of(kind, text) == number
    if number is not None:
        assert number_of(kind, text_of_number(kind, number)) == number


def test_the_earliest_instant_keeps_its_four_digits_of_a_year() -> None:
    first = number_of("datetime(6)", "0001-01-01 00:00:00")
    assert first is not None
    assert text_of_number("datetime(6)", first) == "0001-01-01 00:00:00.000000"


@pytest.mark.parametrize(
    ("engine", "plan", "rows"),
    [
        (
            "postgresql",
            [
                ("Aggregate  (cost=1.0..2.0 rows=1 width=64)",),
                ("  ->  Seq Scan on t  (cost=0.00..9.00 rows=500 width=0)",),
            ],
            500,
        ),
        ("mariadb", [("1", "SIMPLE", "t", "range", "i", "i", "9", None, "995049", "Using index")], 995049),
        ("mariadb", [("1", "SIMPLE", "t", "ALL", None, None, None, None, "1000", "Using where")], None),
        ("mariadb", [("1", "SIMPLE", None, None, None, None, None, None, None, "Impossible WHERE")], 0),
        ("sqlite", [("2", "0", "0", "SCAN t")], None),
    ],
)
def test_an_estimate_is_of_a_range_of_an_index_or_it_is_none(engine: str, plan: Any, rows: int | None) -> None:
    assert estimated_rows(dialect_named(engine), plan) == rows
