"""What is refused before anything is read or moved, and whether who reads the refusal can mend it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.odbc.connection_string import parse, render
from airflow_provider_integrations.connectors.odbc.explaining import explain_source
from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.plan import Policy
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError, IntegrationError, RateLimitedError, RejectedError
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration


def _once(database: OdbcDatabase, folder: Path, *, table: str = "t", key: str = "id", **more: Any) -> dict[str, Any]:
    request = Request(table, tuple(key.split(",")), folder / "out", folder / "state.json", **more)
    return extract_once(OdbcSettings.from_string(database.connection_string), request)


def _table(database: OdbcDatabase, rows: int = 10) -> None:
    database.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, u timestamp NOT NULL, s varchar(20) NOT NULL)",
        "INSERT INTO t VALUES " + ", ".join(f"({i}, '2025-01-01 00:00:{i % 60:02}', 'open')" for i in range(rows)),
    )


def _other_login(database: OdbcDatabase, login: str) -> OdbcDatabase:
    return OdbcDatabase(database.name, render({**parse(database.connection_string), "UID": login, "PWD": "x"}))


@pytest.mark.parametrize("condition", ["1=1) or (1=1", "s = 'SECRET", "s = 'SECRET' -- ", "1=1; SELECT 1"])
def test_a_filter_that_is_no_condition_is_refused_unseen(
    condition: str, odbc_database: OdbcDatabase, tmp_path: Path
) -> None:
    _table(odbc_database)
    with pytest.raises(ConfigError, match="filter") as refused:
        _once(odbc_database, tmp_path, filter=condition)
    assert "SECRET" not in str(refused.value)
    assert not list((tmp_path / "out").iterdir())


def test_a_filter_with_wrong_syntax_keeps_its_literals_to_itself(odbc_database: OdbcDatabase, tmp_path: Path) -> None:
    _table(odbc_database)
    for condition in ("s = 'SECRET' 'SECRET' 1", "s = SECRET s SECRET"):
        with pytest.raises(ConfigError) as refused:
            _once(odbc_database, tmp_path, filter=condition)
        assert "SECRET" not in str(refused.value)


def test_a_filter_with_brackets_in_its_texts_is_taken(odbc_database: OdbcDatabase, tmp_path: Path) -> None:
    _table(odbc_database)
    assert _once(odbc_database, tmp_path, filter="s <> 'a) -- ;' AND (id < 5)")["rows"] == 5


def test_a_name_part_in_double_quotes_may_hold_a_dot(odbc_database: OdbcDatabase, tmp_path: Path) -> None:
    sign = "`" if "MariaDB" in odbc_database.connection_string else '"'
    odbc_database.execute(
        f"CREATE TABLE {sign}Mixed Case.x{sign} (id integer PRIMARY KEY)",
        f"INSERT INTO {sign}Mixed Case.x{sign} VALUES (1), (2)",
    )
    assert _once(odbc_database, tmp_path, table='"Mixed Case.x"')["rows"] == 2
    schema = {"PostgreSQL": "public.", "MariaDB": f"{odbc_database.name}."}
    before = next((each for driver, each in schema.items() if driver in odbc_database.connection_string), "main.")
    assert _once(odbc_database, tmp_path / "more", table=f'{before}"Mixed Case.x"')["rows"] == 2


@pytest.mark.parametrize("missing", ["no.sqlite", "no/folder.sqlite"])
def test_a_mistyped_path_makes_no_database(missing: str, odbc_sqlite: OdbcDatabase, tmp_path: Path) -> None:
    wrong = OdbcDatabase("", f"Driver=SQLite3;Database={tmp_path / missing}")
    with pytest.raises(ConfigError, match="no such database"):
        _once(wrong, tmp_path)
    assert not (tmp_path / missing).exists()


@pytest.mark.parametrize("fixture", ["odbc_postgres", "odbc_mariadb"])
def test_a_login_without_grants_is_told_so(fixture: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    database: OdbcDatabase = request.getfixturevalue(fixture)
    _table(database)
    login = f"u_{database.name}"[:30]
    who = login if fixture == "odbc_postgres" else f"{login}@'127.0.0.1'"
    database.execute(
        f"CREATE ROLE {login} LOGIN" if fixture == "odbc_postgres" else f"CREATE USER {who} IDENTIFIED BY 'x'",
        f"GRANT SELECT (id, u) ON t TO {who}",
    )
    try:
        with pytest.raises(ConfigError) as refused:
            # A login of MariaDB sees no column that it may not read; the filter reads one.
            _once(_other_login(database, login), tmp_path, filter="s = 'open'")
        assert "does not grant" in str(refused.value)
        assert "Grant the login SELECT" in str(refused.value)
    finally:
        database.execute(*([f"DROP OWNED BY {login}"] if fixture == "odbc_postgres" else []), f"DROP USER {who}")


@pytest.mark.parametrize("limit", ["ROLE", "DATABASE"])
def test_a_limit_of_connections_is_told_with_its_own_words(
    limit: str, odbc_postgres: OdbcDatabase, tmp_path: Path
) -> None:
    _table(odbc_postgres)
    login = f"u_{odbc_postgres.name}"
    odbc_postgres.execute(f"CREATE ROLE {login} LOGIN", f"GRANT SELECT ON t TO {login}")
    name = login if limit == "ROLE" else odbc_postgres.name
    try:
        odbc_postgres.execute(f"ALTER {limit} {name} CONNECTION LIMIT 1")
        with pytest.raises(RateLimitedError, match="lets no more connections in"):
            _once(_other_login(odbc_postgres, login), tmp_path)
        odbc_postgres.execute(f"ALTER {limit} {name} CONNECTION LIMIT 3")
        assert _once(_other_login(odbc_postgres, login), tmp_path)["rows"] == 10
    finally:
        odbc_postgres.execute(f"DROP OWNED BY {login}", f"DROP ROLE {login}")


@pytest.mark.parametrize(("key", "lag"), [("u,id", 5), ("id", timedelta(seconds=5))])
def test_a_lag_of_another_kind_than_the_cursor_is_refused_at_the_first_run(
    key: str, lag: timedelta | int, odbc_database: OdbcDatabase, tmp_path: Path
) -> None:
    _table(odbc_database)
    with pytest.raises(IntegrationError, match="the lag does not fit the cursor"):
        _once(odbc_database, tmp_path, key=key, policy=Policy(guarantee="lag", lag=lag))


def test_an_index_that_is_there_is_not_asked_for(odbc_database: OdbcDatabase, tmp_path: Path) -> None:
    """A small table is sorted rather than read by its index."""
    _table(odbc_database, 100)
    told = _once(odbc_database, tmp_path / "without", key="u,id")["warnings"]
    assert any("make an index on (u, id)" in each for each in told)
    odbc_database.execute("CREATE INDEX t_u_id ON t (u, id)")
    if "SQLite" not in odbc_database.connection_string:
        odbc_database.execute("ANALYZE t" if "PostgreSQL" in odbc_database.connection_string else "ANALYZE TABLE t")
    assert not [each for each in _once(odbc_database, tmp_path / "with", key="u,id")["warnings"] if "index" in each]
    explained = explain_source(odbc_database.connection_string, "t", ("u", "id"))
    assert explained["index_serves_the_order"] is True


def _contract(share: float, longest: int = 10) -> Contract:
    columns = [
        {"name": "id", "type": "integer", "nullable": False},
        {"name": "s", "type": "string", "max_length": longest},
    ]
    return Contract.from_mapping(
        {"contract": "t", "version": "1.0.0", "columns": columns, "keys": ["id"], "max_reject_share": share}
    )


def _with_long_texts(database: OdbcDatabase, rows: int, long: int) -> None:
    database.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, s varchar(200) NOT NULL)",
        "INSERT INTO t VALUES " + ", ".join(f"({i}, '{'x' * (100 if i < long else 3)}')" for i in range(rows)),
    )


@pytest.mark.parametrize("shards", [1, 2])
def test_more_rejects_than_the_contract_lets_through_move_nothing(
    shards: int, odbc_database: OdbcDatabase, tmp_path: Path
) -> None:
    _with_long_texts(odbc_database, 50, 10)
    for _ in range(2):
        with pytest.raises(RejectedError, match="more rows break the contract") as refused:
            _once(odbc_database, tmp_path, contract=_contract(0.1), page_rows=7, policy=Policy(shards=shards))
        values = refused.value.values
        assert (values["rows_read"], values["rows_rejected"], values["by_rule"]) == (50, 10, {"max_length": 10})
        assert "x" * 20 not in str(refused.value)
    told = [json.loads(line) for name in values["see"] for line in Path(name).read_text("utf-8").splitlines()]
    assert len(told) == 10
    assert not list((tmp_path / "out").glob("*.parquet"))
    assert not list((tmp_path / "out").glob(".run-*"))
    # What was corrected at the source is read, with all the rest.
    odbc_database.execute("UPDATE t SET s = 'short' WHERE id < 8")
    report = _once(odbc_database, tmp_path, contract=_contract(0.1), page_rows=7, policy=Policy(shards=shards))
    assert (report["rows"], report["rejected"], report["resumed"]) == (48, 2, False)


def test_a_later_run_that_is_refused_leaves_the_bookmark(odbc_database: OdbcDatabase, tmp_path: Path) -> None:
    _with_long_texts(odbc_database, 20, 0)
    lag = Policy(guarantee="best_effort")
    assert _once(odbc_database, tmp_path, contract=_contract(0), policy=lag)["rows"] == 20
    odbc_database.execute(f"INSERT INTO t VALUES (100, '{'x' * 100}')", "INSERT INTO t VALUES (101, 'x')")
    before = json.loads((tmp_path / "state.json").read_text("utf-8"))["position"]
    with pytest.raises(RejectedError):
        _once(odbc_database, tmp_path, contract=_contract(0), policy=lag)
    assert json.loads((tmp_path / "state.json").read_text("utf-8"))["position"] == before
    report = _once(odbc_database, tmp_path, contract=_contract(0, 200), policy=lag)
    assert (report["rows"], report["rejected"]) == (2, 0)


def test_rejects_without_a_contract_are_warned_of(odbc_sqlite: OdbcDatabase, tmp_path: Path) -> None:
    odbc_sqlite.execute("CREATE TABLE t (id integer PRIMARY KEY, n integer)", "INSERT INTO t VALUES (1, 'no'), (2, 2)")
    report = _once(odbc_sqlite, tmp_path)
    assert (report["rows"], report["rejected"]) == (1, 1)
    assert [each for each in report["warnings"] if each.startswith("1 rows were rejected")]
