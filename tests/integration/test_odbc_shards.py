"""Shards of real tables: they cover each row once, hold about equal numbers of rows, and are planned in no time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.model import Edge, KeyColumn, KeyRange, Keyset, TableQuery
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.shards import join_cuts, plan_ranges
from airflow_provider_integrations.connectors.odbc.shards_halving import halve
from airflow_provider_integrations.core.watermark import Bound
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

STAMPS = {"postgresql": "timestamp with time zone", "mariadb": "datetime(6)", "sqlite": "timestamp"}


@contextmanager
def _open(database: OdbcDatabase) -> Iterator[OdbcSession]:
    with OdbcSession.open(OdbcSettings.from_string(database.connection_string)) as session:
        yield session


def _fill(database: OdbcDatabase, rows: int, stamp: str, *, index: bool = True) -> None:
    """`stamp` is an expression of the row's number `g`."""
    with _open(database) as session:
        engine = session.dialect.name
    series = {
        "postgresql": f"generate_series(1, {rows}) g",
        "mariadb": f"(SELECT seq AS g FROM seq_1_to_{rows}) s",
        "sqlite": f"(WITH RECURSIVE c(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM c WHERE g < {rows}) SELECT g FROM c)",
    }[engine]
    seconds = {
        "postgresql": f"timestamptz '2020-01-01' + ({stamp}) * interval '1 second'",
        "mariadb": f"timestamp('2020-01-01') + interval ({stamp}) second",
        "sqlite": f"datetime('2020-01-01', '+' || ({stamp}) || ' seconds')",
    }[engine]
    database.execute(
        f"CREATE TABLE orders (id bigint NOT NULL PRIMARY KEY, u {STAMPS[engine]}, note varchar(40))",
        f"INSERT INTO orders SELECT g, {seconds}, 'some text of a row' FROM {series}",
        *(("CREATE INDEX orders_order ON orders (u, id)",) if index else ()),
    )


def _query(session: OdbcSession) -> TableQuery:
    stamp = KeyColumn("u", STAMPS[session.dialect.name], nullable=True)
    return TableQuery("orders", (), Keyset((stamp, KeyColumn("id", "bigint")), cursors=1))


def _sizes(session: OdbcSession, query: TableQuery, ranges: list[KeyRange]) -> list[int]:
    return [int(str(session.rows(statements.count(session.dialect, query, each))[0][0])) for each in ranges]


SKEWED = "CASE WHEN g % 10 = 0 THEN (g % 1000) * 86400 ELSE 400000 + g % 500000 END"
"""Nine rows of ten lie in one part of a hundred of the span."""


def test_skewed_rows_are_cut_evenly_and_each_lies_in_one_shard(odbc_database: OdbcDatabase) -> None:
    _fill(odbc_database, 110_000, SKEWED)
    odbc_database.execute("UPDATE orders SET u = NULL WHERE id % 100 = 7")
    with _open(odbc_database) as session:
        query = _query(session)
        estimate = session.facts("orders").rows
        ranges = plan_ranges(session, query, KeyRange(), 5, estimate)
        sizes = _sizes(session, query, ranges)
    assert len(sizes) == 5
    assert sum(sizes) == 110_000 - 1_100
    assert max(sizes) <= 2 * min(sizes), sizes


def test_one_value_that_most_rows_share_is_cut_by_the_key(odbc_database: OdbcDatabase) -> None:
    _fill(odbc_database, 110_000, "CASE WHEN g % 20 = 0 THEN g % 100000 ELSE 50000 END")
    with _open(odbc_database) as session:
        query = _query(session)
        sizes = _sizes(session, query, plan_ranges(session, query, KeyRange(), 4, None))
    assert (len(sizes), sum(sizes)) == (4, 110_000)
    assert max(sizes) <= 2 * min(sizes), sizes


def test_a_part_of_a_table_keeps_its_edges_as_given(odbc_database: OdbcDatabase) -> None:
    _fill(odbc_database, 110_000, "g")
    low, high = Edge(("2020-01-01 10:00:00",), Bound.CLOSED), Edge(("2020-01-02 06:00:00",), Bound.OPEN)
    with _open(odbc_database) as session:
        query = _query(session)
        ranges = plan_ranges(session, query, KeyRange(low, high), 3, 110_000)
        sizes = _sizes(session, query, ranges)
        whole = _sizes(session, query, [KeyRange(low, high)])[0]
    assert (ranges[0].low, ranges[-1].high) == (low, high)
    assert (len(sizes), sum(sizes)) == (3, whole)
    assert max(sizes) <= 2 * min(sizes), sizes


def test_a_small_table_gets_fewer_shards(odbc_database: OdbcDatabase) -> None:
    _fill(odbc_database, 25_000, "g")
    with _open(odbc_database) as session:
        assert len(plan_ranges(session, _query(session), KeyRange(), 8, None)) == 2
        odbc_database.execute("DELETE FROM orders")
    with _open(odbc_database) as session:
        assert plan_ranges(session, _query(session), KeyRange(), 8, None) == [KeyRange()]


def test_without_an_index_the_cuts_are_quantiles_of_all_rows(odbc_database: OdbcDatabase) -> None:
    _fill(odbc_database, 30_000, SKEWED, index=False)
    with _open(odbc_database) as session:
        query = _query(session)
        sizes = _sizes(session, query, plan_ranges(session, query, KeyRange(), 3, 30_000))
    assert sum(sizes) == 30_000
    assert max(sizes) <= 2 * min(sizes), sizes


@pytest.mark.parametrize("kind", ["latin", "unicode"])
def test_texts_are_ordered_by_the_server_alone(odbc_database: OdbcDatabase, kind: str) -> None:
    words = {"latin": ["a", "B", "c", "D", "Z"], "unicode": ["ä", "Z", "é", "a", "Ω"]}[kind]
    _fill(odbc_database, 40_000, "g")
    with _open(odbc_database) as session:
        odbc_database.execute(
            "CREATE TABLE words (word varchar(20) NOT NULL, id bigint NOT NULL, PRIMARY KEY (word, id))",
            *(f"INSERT INTO words SELECT '{w}', id FROM orders WHERE id % 5 = {n}" for n, w in enumerate(words)),
        )
        text = next(column.type for column in session.facts("words").columns if column.name == "word")
        query = TableQuery("words", (), Keyset((KeyColumn("word", text), KeyColumn("id", "bigint")), cursors=0))
        sizes = _sizes(session, query, plan_ranges(session, query, KeyRange(), 4, 40_000))
    assert (len(sizes), sum(sizes)) == (4, 40_000)
    assert max(sizes) <= 2 * min(sizes), sizes


def test_cuts_that_the_server_orders_otherwise_are_dropped(
    odbc_postgres: OdbcDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(odbc_postgres, 40_000, "g")
    with _open(odbc_postgres) as session:
        query = _query(session)
        right = [each.low.at for each in plan_ranges(session, query, KeyRange(), 4, None)[1:] if each.low is not None]
        wrong = [right[1], right[0], right[2], right[2], ("2020-01-01 00:00:00+00", "99999999")]
        monkeypatch.setattr("airflow_provider_integrations.connectors.odbc.shards._cuts", lambda *_: wrong)
        ranges = plan_ranges(session, query, KeyRange(), 4, None)
        assert ranges == join_cuts(KeyRange(), [right[1], right[2]])
        assert sum(_sizes(session, query, ranges)) == 40_000


def test_a_view_is_cut_although_it_has_no_blocks_to_sample(odbc_postgres: OdbcDatabase) -> None:
    _fill(odbc_postgres, 110_000, "g")
    odbc_postgres.execute("ALTER TABLE orders RENAME TO kept", "CREATE VIEW orders AS SELECT * FROM kept")
    with _open(odbc_postgres) as session:
        query = _query(session)
        sizes = _sizes(session, query, plan_ranges(session, query, KeyRange(), 2, None))
    assert (len(sizes), sum(sizes)) == (2, 110_000)
    assert max(sizes) <= 2 * min(sizes), sizes


def test_a_large_table_is_cut_by_dives_into_its_index(odbc_mariadb: OdbcDatabase) -> None:
    # Nine rows of ten in a small part of the span, and of these every second at one instant.
    _fill(
        odbc_mariadb,
        400_000,
        "CASE WHEN g % 10 = 0 THEN (g % 1000) * 86400 WHEN g % 2 = 0 THEN 500000 ELSE 400000 + g % 500000 END",
    )
    with _open(odbc_mariadb) as session:
        query = _query(session)
        halved = halve(session, query, KeyRange(), 3, 400_000)
        assert halved is not None
        sizes = _sizes(session, query, join_cuts(KeyRange(), halved))
    assert (len(sizes), sum(sizes)) == (3, 400_000)
    assert max(sizes) <= 2 * min(sizes), sizes


def test_planning_a_large_table_costs_next_to_nothing(odbc_postgres: OdbcDatabase) -> None:
    _fill(odbc_postgres, 300_000, SKEWED)
    odbc_postgres.execute("ANALYZE orders")
    with _open(odbc_postgres) as session:
        query = _query(session)
        plan_ranges(session, query, KeyRange(), 2, None)
        took = []
        for _ in range(3):
            began = time.perf_counter()
            ranges = plan_ranges(session, query, KeyRange(), 2, None)
            took.append(time.perf_counter() - began)
        sizes = _sizes(session, query, ranges)
    assert min(took) < 0.25, took  # Hundredths of a second on an idle machine.
    assert max(sizes) <= 1.2 * min(sizes), sizes
