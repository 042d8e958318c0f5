"""Looks for new rows on real engines: what wakes a run, and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from airflow_provider_integrations.connectors.odbc.behind import horizon_of
from airflow_provider_integrations.connectors.odbc.model import Guarantee, KeyColumn, Keyset, NullPolicy, TableQuery
from airflow_provider_integrations.connectors.odbc.plan import Policy
from airflow_provider_integrations.connectors.odbc.position import BEGINNING, Position
from airflow_provider_integrations.connectors.odbc.probe import anything_since
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.errors import StateConflictError
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

KEYSET = Keyset((KeyColumn("u", "bigint", nullable=True), KeyColumn("id", "bigint")), cursors=1)
QUERY = TableQuery("orders", (), KEYSET)
PLAIN = Policy("best_effort")
NULLS = NullPolicy.INCLUDE_EVERY_RUN


@contextmanager
def _session(database: OdbcDatabase) -> Iterator[OdbcSession]:
    with OdbcSession.open(OdbcSettings.from_string(database.connection_string)) as session:
        yield session


def _look(
    database: OdbcDatabase,
    position: Position,
    policy: Policy = PLAIN,
    nulls: NullPolicy = NULLS,
    filter: str | None = None,
) -> bool:
    with _session(database) as session:
        query = replace(QUERY, filter=filter)
        return anything_since(session, query, session.facts("orders"), policy, position, nulls)


@pytest.fixture
def orders(odbc_database: OdbcDatabase) -> OdbcDatabase:
    _make(odbc_database)
    return odbc_database


def _make(database: OdbcDatabase) -> None:
    database.execute(
        "CREATE TABLE orders (id bigint NOT NULL PRIMARY KEY, u bigint)",
        "CREATE INDEX orders_order ON orders (u, id)",
        "INSERT INTO orders VALUES (1, 10), (2, 20), (3, 20)",
    )


def test_only_rows_above_the_whole_tuple_are_new(orders: OdbcDatabase) -> None:
    assert _look(orders, BEGINNING)
    assert _look(orders, Position(("20", "2")))
    assert not _look(orders, Position(("20", "3")))
    assert not _look(orders, Position(("20", "2")), filter="id <> 3")
    assert not _look(orders, BEGINNING, replace(PLAIN, begin="21"))
    assert _look(orders, BEGINNING, replace(PLAIN, begin="20"))


def test_rows_without_a_cursor_are_something_where_they_are_an_error(orders: OdbcDatabase) -> None:
    orders.execute("INSERT INTO orders VALUES (4, NULL)")
    at = Position(("20", "3"))
    assert [_look(orders, at, nulls=policy) for policy in NullPolicy] == [
        policy is NullPolicy.ERROR for policy in NullPolicy
    ]


def test_a_window_that_always_holds_rows_wakes_nobody(orders: OdbcDatabase) -> None:
    assert not _look(orders, Position(("20", "3")), Policy("lag", lag=100))


def test_a_row_committed_behind_the_bookmark_is_new_by_its_transaction(odbc_postgres: OdbcDatabase) -> None:
    _make(odbc_postgres)
    policy = Policy("safe_upper_bound")
    with odbc_postgres.connect(autocommit=False) as slow:
        slow.execute("INSERT INTO orders VALUES (9, 5)")
        with _session(odbc_postgres) as session:
            horizon, _ = horizon_of(session, QUERY, Guarantee.SAFE_UPPER_BOUND)
        at = Position(("20", "3"), horizon)
        assert not _look(odbc_postgres, at, policy)
        slow.commit()
    assert _look(odbc_postgres, at, policy)
    with _session(odbc_postgres) as session:
        later, _ = horizon_of(session, QUERY, Guarantee.SAFE_UPPER_BOUND)
    assert not _look(odbc_postgres, Position(("20", "3"), later), policy)
    odbc_postgres.execute("CREATE TABLE other (id int)")  # Something was written, and nothing of ours.
    assert not _look(odbc_postgres, Position(("20", "3"), later), policy)
    # The run before promised less, so all that it may have missed is still to be read.
    assert _look(odbc_postgres, Position(("20", "3")), policy)


def test_a_position_that_is_not_of_this_source_is_refused(odbc_postgres: OdbcDatabase) -> None:
    _make(odbc_postgres)
    with pytest.raises(StateConflictError, match="restored copy"):
        _look(odbc_postgres, Position(("20", "3"), str(2**40)), Policy("safe_upper_bound"))
    with pytest.raises(StateConflictError, match="bookmark does not fit"):
        _look(odbc_postgres, Position(("99", "3")), Policy("safe_upper_bound"))
