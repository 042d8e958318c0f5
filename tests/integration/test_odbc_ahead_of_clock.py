"""Rows stamped ahead of the source's clock: read in every run, and never what hides the rows that come."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_integrations.connectors.odbc import plan
from airflow_provider_integrations.connectors.odbc.clock_bound import ceiling_of
from airflow_provider_integrations.connectors.odbc.model import KeyColumn, Keyset, NullPolicy, TableQuery
from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.plan import Policy
from airflow_provider_integrations.connectors.odbc.position import Position
from airflow_provider_integrations.connectors.odbc.probe import anything_since
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.errors import StateConflictError
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

KINDS = {
    "postgresql": ["timestamp with time zone", "timestamp without time zone", "date"],
    "mariadb": ["datetime(6)", "timestamp(6)", "date"],
    "sqlite": ["timestamp"],
}
FAR = {"timestamp(6)": "2037-12-31 00:00:00"}  # MariaDB's timestamp ends in 2038.
POLICIES = {
    "best_effort": Policy("best_effort"),
    "lag": Policy("lag", timedelta(minutes=10)),
    "strongest": Policy("strongest"),
}


@dataclass
class Table:
    database: OdbcDatabase
    kind: str
    folder: Path

    def insert(self, ids: range, at: str) -> None:
        with self.database.connect(autocommit=False) as connection:
            connection.cursor().executemany("INSERT INTO orders VALUES (?, ?)", [(number, at) for number in ids])
            connection.commit()

    def run(self, policy: Policy, **more: Any) -> dict[str, Any]:
        request = Request("orders", ("u", "id"), self.folder / "out", self.folder / "state.json", policy, **more)
        return extract_once(OdbcSettings.from_string(self.database.connection_string), request)

    def found(self) -> set[int]:
        return {int(row[0]) for row in duckdb.sql(f"SELECT DISTINCT id FROM '{self.folder}/out/*.parquet'").fetchall()}


def _ago(**by: float) -> str:
    return f"{datetime.now(UTC) - timedelta(**by):%Y-%m-%d %H:%M:%S}"


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str, str], Table]:
    def made(engine: str, kind: str) -> Table:
        database = request.getfixturevalue({"postgresql": "odbc_postgres"}.get(engine, f"odbc_{engine}"))
        database.execute(
            f"CREATE TABLE orders (id bigint NOT NULL PRIMARY KEY, u {kind} NOT NULL)",
            "CREATE INDEX orders_order ON orders (u, id)",
        )
        return Table(database, kind, tmp_path)

    return made


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize(("engine", "kind"), [(engine, kind) for engine, kinds in KINDS.items() for kind in kinds])
def test_a_wrong_clock_hides_no_row(engine: str, kind: str, policy: str, make: Callable[[str, str], Table]) -> None:
    table, asked = make(engine, kind), POLICIES[policy]
    size = 10 if kind == "date" else 19
    far = FAR.get(kind, "2999-01-01 00:00:00")[:size]
    table.insert(range(10), _ago(days=3)[:size])
    table.insert(range(100, 103), far)
    first = table.run(asked, page_rows=4)
    assert (first["ahead"], first["rows"], first["source_rows"]) == (3, 13, 13)
    assert first["warnings"] == [
        "3 rows are stamped ahead of the source's clock: every run reads them, and they hide no others"
    ]
    assert first["bookmark"][1] == "9"
    table.insert(range(20, 24), _ago(days=2)[:size])
    table.insert(range(103, 104), far)
    second = table.run(asked, page_rows=4)
    assert second["ahead"] == 4
    assert second["bookmark"][1] == "23"
    assert table.found() == {*range(10), *range(20, 24), *range(100, 104)}
    # Its clock was put right: the row comes in its place, and once.
    table.database.execute(f"UPDATE orders SET u = '{_ago(days=1)[:size]}' WHERE id >= 100")
    third = table.run(asked, page_rows=4)
    assert (third["ahead"], third["bookmark"][1], third["warnings"]) == (0, "103", [])


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_infinity_is_no_bookmark(policy: str, make: Callable[[str, str], Table]) -> None:
    table, asked = make("postgresql", "timestamptz"), POLICIES[policy]
    table.insert(range(10), _ago(hours=3))
    table.database.execute("INSERT INTO orders VALUES (77, 'infinity'), (78, '-infinity')")
    first = table.run(asked)
    assert (first["ahead"], first["rejected"], first["bookmark"][1]) == (1, 2, "9")
    assert "1 of them rejects" in first["warnings"][0]
    table.insert(range(20, 24), _ago(hours=2))
    second = table.run(asked)
    assert (second["ahead"], second["bookmark"][1]) == (1, "23")
    assert table.found() == {*range(10), *range(20, 24)}


def test_only_rows_ahead_leave_the_position_where_it_was(make: Callable[[str, str], Table]) -> None:
    table = make("mariadb", "datetime(6)")
    table.insert(range(3), "2999-01-01 00:00:00")
    assert (table.run(POLICIES["lag"])["bookmark"], table.found()) == (None, {0, 1, 2})
    table.insert(range(3, 5), _ago(hours=1))
    assert table.run(POLICIES["lag"])["bookmark"][1] == "4"
    assert table.found() == set(range(5))


def test_a_bookmark_ahead_of_the_clock_is_refused_where_it_hides_rows(
    make: Callable[[str, str], Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make("postgresql", "timestamptz")
    table.insert(range(3), "2999-01-01 00:00:00")
    with monkeypatch.context() as patched:
        patched.setattr(plan, "ceiling_of", lambda session, query: None)  # As a person might set it.
        assert table.run(POLICIES["best_effort"])["bookmark"][1] == "2"
    table.insert(range(10, 13), _ago(hours=1))
    state = (table.folder / "state.json").read_text()
    with pytest.raises(StateConflictError, match="ahead of the source's clock"):
        table.run(POLICIES["best_effort"])
    assert (table.folder / "state.json").read_text() == state
    found = table.run(POLICIES["strongest"])
    assert "ahead of the source's clock" in found["warnings"][0]
    assert {10, 11, 12} <= table.found()


def test_a_run_that_dies_after_the_rows_ahead_still_tells_of_them(make: Callable[[str, str], Table]) -> None:
    class Killed(BaseException):
        pass

    table = make("sqlite", "timestamp")
    table.insert(range(10), _ago(hours=1))
    table.insert(range(50, 52), "2999-01-01 00:00:00")
    seen: list[str] = []

    def die(boundary: str) -> None:
        seen.append(boundary)
        if seen.count("page saved") == 2:
            raise Killed

    request = Request("orders", ("u", "id"), table.folder / "out", table.folder / "state.json", page_rows=4)
    with pytest.raises(Killed):
        extract_once(OdbcSettings.from_string(table.database.connection_string), request, boundary=die)
    report = table.run(Policy(), page_rows=4)
    assert (report["resumed"], report["ahead"], report["rows"]) == (True, 2, 12)
    assert json.loads((table.folder / "state.json").read_text())["position"]["bookmark"][1] == "9"


@pytest.mark.parametrize(
    ("engine", "kind"), [("postgresql", "timestamptz"), ("mariadb", "datetime(6)"), ("sqlite", "timestamp")]
)
def test_a_row_ahead_of_the_clock_wakes_no_sensor(engine: str, kind: str, make: Callable[[str, str], Table]) -> None:
    table = make(engine, kind)
    table.insert(range(3), _ago(hours=1))
    bookmark = tuple(table.run(POLICIES["best_effort"])["bookmark"])
    table.insert(range(7, 9), "2999-01-01 00:00:00")

    def look() -> bool:
        with OdbcSession.open(OdbcSettings.from_string(table.database.connection_string)) as session:
            facts = session.facts("orders")
            keyset = Keyset((KeyColumn("u", facts.column("u").type), KeyColumn("id", "bigint")), 1)
            query = TableQuery("orders", (), keyset)
            return anything_since(session, query, facts, POLICIES["best_effort"], Position(bookmark), NullPolicy.ERROR)

    assert not look()
    table.insert(range(9, 10), _ago(minutes=1))
    assert look()


@pytest.mark.parametrize("at", ["20250101", "01/02/2025", "1735689600"])
def test_a_time_that_sqlite_holds_in_another_form_is_not_bounded(at: str, make: Callable[[str, str], Table]) -> None:
    table = make("sqlite", "timestamp")
    table.insert(range(3), at)
    with OdbcSession.open(OdbcSettings.from_string(table.database.connection_string)) as session:
        query = TableQuery("orders", (), Keyset((KeyColumn("u", "timestamp"), KeyColumn("id", "bigint")), 1))
        assert ceiling_of(session, query) is None
