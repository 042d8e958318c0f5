"""A table that ends below its bookmark: emptied and filled again, restored, or with its newest row deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_integrations.connectors.odbc.model import NullPolicy
from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.plan import Policy
from airflow_provider_integrations.connectors.odbc.position import Position
from airflow_provider_integrations.connectors.odbc.probe import anything_since
from airflow_provider_integrations.connectors.odbc.query import build_query, natural_contract, split_order
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

BY_NUMBER = {"best_effort": Policy("best_effort"), "lag": Policy("lag", 10), "shards": Policy("lag", 10, shards=3)}
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def database(odbc_database: OdbcDatabase) -> OdbcDatabase:
    """An empty table `t`, on each engine in turn."""
    odbc_database.execute("CREATE TABLE t (id integer PRIMARY KEY, u timestamp NOT NULL, x varchar(20) NOT NULL)")
    return odbc_database


@pytest.fixture
def run(database: OdbcDatabase, tmp_path: Path) -> Run:
    """One run of the table into `tmp_path/out`."""

    def once(policy: Policy, *, key: str = "id", **more: Any) -> dict[str, Any]:
        request = Request("t", tuple(key.split(",")), tmp_path / "out", tmp_path / "state.json", policy, **more)
        return extract_once(OdbcSettings.from_string(database.connection_string), request)

    return once


def _insert(database: OdbcDatabase, ids: range, x: str, day: str = "2025-01-01") -> None:
    rows = ", ".join(f"({i}, '{day} {i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}', '{x}')" for i in ids)
    database.execute(f"INSERT INTO t VALUES {rows}")


def _latest(folder: Path) -> dict[int, str]:
    sql = (
        f"SELECT id, x FROM '{folder}/out/*.parquet'"
        " QUALIFY row_number() OVER (PARTITION BY id ORDER BY _version DESC, _line DESC) = 1"
    )
    return {int(number): str(x) for number, x in duckdb.sql(sql).fetchall()}


def _told(report: dict[str, Any]) -> str:
    return " ".join(report["warnings"])


@pytest.mark.parametrize("policy", list(BY_NUMBER))
def test_keys_that_begin_anew_lose_no_row(policy: str, database: OdbcDatabase, run: Run, tmp_path: Path) -> None:
    _insert(database, range(1, 1001), "old")
    assert run(BY_NUMBER[policy], page_rows=100)["rows"] == 1000
    database.execute("DELETE FROM t")
    _insert(database, range(1, 901), "new")
    report = run(BY_NUMBER[policy], page_rows=100)
    assert (report["rows"], report["bookmark_check"], report["bookmark"]) == (900, "anew", ["900"])
    assert "its keys begin anew" in _told(report)
    _insert(database, range(901, 951), "new")
    report = run(BY_NUMBER[policy], page_rows=100)
    assert (report["rows"] - report["late"], report["bookmark_check"]) == (50, "hit")
    assert {number: x for number, x in _latest(tmp_path).items() if number <= 950} == dict.fromkeys(
        range(1, 951), "new"
    )


@pytest.mark.parametrize("policy", list(BY_NUMBER))
def test_a_newest_row_that_is_deleted_stops_nothing(policy: str, database: OdbcDatabase, run: Run) -> None:
    _insert(database, range(1, 101), "old")
    run(BY_NUMBER[policy])
    database.execute("DELETE FROM t WHERE id = 100")
    report = run(BY_NUMBER[policy])
    assert (report["rows"], report["bookmark_check"], report["bookmark"]) == (99, "anew", ["99"])
    report = run(BY_NUMBER[policy])
    assert (report["rows"] - report["late"], report["bookmark_check"], report["warnings"]) == (0, "hit", [])
    # With a row above the bookmark nothing is in doubt.
    database.execute("DELETE FROM t WHERE id = 99")
    _insert(database, range(101, 103), "more")
    report = run(BY_NUMBER[policy])
    assert (report["rows"] - report["late"], report["bookmark_check"], report["warnings"]) == (2, "deleted", [])


@pytest.mark.parametrize("policy", list(BY_NUMBER))
def test_an_empty_table_has_no_bookmark(policy: str, database: OdbcDatabase, run: Run, tmp_path: Path) -> None:
    """Filled beyond the bookmark before the next run, it would look as if nothing had happened."""
    _insert(database, range(1, 101), "old")
    run(BY_NUMBER[policy])
    database.execute("DELETE FROM t")
    report = run(BY_NUMBER[policy])
    assert (report["rows"], report["bookmark_check"], report["bookmark"]) == (0, "emptied", None)
    assert "is empty, and was not" in _told(report)
    assert run(BY_NUMBER[policy])["bookmark_check"] == "none"
    _insert(database, range(1, 201), "new")
    assert run(BY_NUMBER[policy])["rows"] == 200
    assert set(_latest(tmp_path).values()) == {"new"}


def test_a_table_by_time_goes_on_with_a_warning(database: OdbcDatabase, run: Run) -> None:
    policy = Policy("lag", timedelta(seconds=10))
    _insert(database, range(1, 101), "old")
    run(policy, key="u,id")
    database.execute("DELETE FROM t WHERE id = 100")
    report = run(policy, key="u,id")
    assert report["rows"] == report["late"] <= 10
    assert (report["bookmark_check"], "the table ends below it" in _told(report)) == ("deleted", True)
    _insert(database, range(200, 203), "new", "2025-01-02")
    report = run(policy, key="u,id")
    assert (report["rows"] - report["late"], report["bookmark_check"], report["warnings"]) == (3, "deleted", [])


def test_what_the_filter_leaves_is_what_counts(database: OdbcDatabase, run: Run, tmp_path: Path) -> None:
    _insert(database, range(1, 11), "open")
    policy = Policy("best_effort")
    assert run(policy, filter="x = 'open'")["rows"] == 10
    database.execute("UPDATE t SET x = 'done' WHERE id > 6")
    report = run(policy, filter="x = 'open'")
    assert (report["rows"], report["bookmark_check"], report["bookmark"]) == (6, "anew", ["6"])
    database.execute("UPDATE t SET x = 'done'")
    assert run(policy, filter="x = 'open'")["bookmark_check"] == "emptied"
    database.execute("UPDATE t SET x = 'open' WHERE id = 3")
    assert run(policy, filter="x = 'open'")["rows"] == 1


def test_where_rows_show_their_transactions_they_are_found_by_those(
    odbc_postgres: OdbcDatabase, tmp_path: Path
) -> None:
    odbc_postgres.execute("CREATE TABLE t (id integer PRIMARY KEY, u timestamp NOT NULL, x varchar(20) NOT NULL)")
    _insert(odbc_postgres, range(1, 101), "old")
    request = Request("t", ("id",), tmp_path / "out", tmp_path / "state.json")
    settings = OdbcSettings.from_string(odbc_postgres.connection_string)
    extract_once(settings, request)
    odbc_postgres.execute("TRUNCATE t")
    report = extract_once(settings, request)
    assert (report["rows"], report["bookmark_check"]) == (0, "deleted")
    assert "is empty, and was not" in _told(report)
    _insert(odbc_postgres, range(1, 91), "new")
    report = extract_once(settings, request)
    assert (report["rows"], report["late"], report["warnings"]) == (90, 90, [])


@pytest.mark.parametrize("left", ["", " WHERE id > 90"])
def test_a_sensor_hears_of_it(left: str, database: OdbcDatabase) -> None:
    _insert(database, range(1, 101), "old")
    with OdbcSession.open(OdbcSettings.from_string(database.connection_string)) as session:
        facts = session.facts("t")
        cursor, keys = split_order(("id",), facts.primary_key)
        query = build_query(session.dialect, facts, natural_contract(session.dialect, facts, keys), cursor)

        def anything() -> bool:
            policy, position = Policy("best_effort"), Position(("100",))
            return anything_since(session, query, facts, policy, position, NullPolicy.INCLUDE_EVERY_RUN)

        assert not anything()
        database.execute(f"DELETE FROM t{left}")
        assert anything()
