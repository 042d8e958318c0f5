"""Tables through the whole extraction, on real engines: nothing lost, nothing twice after the merge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_integrations.connectors.odbc.model import NullPolicy
from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.plan import Policy
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.state_file import sum_of
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

STAMP = {"postgres": "timestamptz", "mariadb": "datetime(6)", "sqlite": "timestamp"}
ENGINES = ("postgres", "mariadb", "sqlite")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(engine: str, request: pytest.FixtureRequest) -> OdbcDatabase:
    """A table `orders` with an index on (updated_at, id), without rows."""
    return _orders(request.getfixturevalue(f"odbc_{engine}"), engine)


@pytest.fixture
def postgres(odbc_postgres: OdbcDatabase) -> OdbcDatabase:
    return _orders(odbc_postgres, "postgres")


@pytest.fixture
def mariadb(odbc_mariadb: OdbcDatabase) -> OdbcDatabase:
    return _orders(odbc_mariadb, "mariadb")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Extract `orders` into `tmp_path/out`; keywords are those of `Request` and `Policy`."""

    def once(source: OdbcDatabase, **asked: Any) -> dict[str, Any]:
        policy = {name: asked.pop(name) for name in list(asked) if name in Policy.__dataclass_fields__}
        request = Request("orders", ("updated_at", "id"), tmp_path / "out", tmp_path / "state.json", Policy(**policy))
        return extract_once(OdbcSettings.from_string(source.connection_string), replace(request, **asked))

    return once


def _orders(database: OdbcDatabase, engine: str) -> OdbcDatabase:
    database.execute(
        f"CREATE TABLE orders (id bigint NOT NULL PRIMARY KEY, updated_at {STAMP[engine]}, note varchar(40))",
        "CREATE INDEX orders_order ON orders (updated_at, id)",
    )
    return database


def _insert(source: OdbcDatabase, ids: range, at: str, note: str = "x") -> None:
    with source.connect(autocommit=False) as connection:
        rows = [(number, at, note) for number in ids]
        connection.cursor().executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
        connection.commit()


def _merged(tmp_path: Path) -> dict[int, str]:
    """The latest row of each key, as whoever reads the files keeps it."""
    files = f"{tmp_path}/out/*.parquet"
    rows = duckdb.sql(
        f"SELECT id, note FROM '{files}' QUALIFY row_number() OVER (PARTITION BY id ORDER BY _version DESC, _line DESC) = 1"
    ).fetchall()
    return dict(rows)


def _there(source: OdbcDatabase) -> dict[int, str]:
    return {int(row[0]): row[1] for row in source.execute("SELECT id, note FROM orders")}


def test_a_table_its_increments_and_nothing_new(
    source: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    _insert(source, range(25), "2025-01-01 10:00:00")
    first = run(source, page_rows=7)
    assert (first["rows"], first["pages"], first["bookmark_check"]) == (25, 4, "none")
    assert first["bookmark"][1] == "24"
    _insert(source, range(100, 110), "2025-01-01 11:00:00")
    source.execute("UPDATE orders SET note = 'new', updated_at = '2025-01-01 12:00:00' WHERE id = 3")
    second = run(source)
    assert second["rows"] - second["late"] == 11
    assert second["bookmark_check"] == "hit"
    third = run(source)
    assert third["rows"] - third["late"] == 0
    assert third["bookmark"] == second["bookmark"]
    assert _merged(tmp_path) == _there(source)


def test_an_empty_table_and_then_rows(source: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    assert run(source)["bookmark"] is None
    _insert(source, range(3), "2025-01-01 10:00:00")
    assert run(source)["rows"] == 3
    assert _merged(tmp_path) == _there(source)


def test_ties_over_many_pages_are_read_once(source: OdbcDatabase, run: Callable[..., dict[str, Any]]) -> None:
    _insert(source, range(500), "2025-01-01 10:00:00")
    report = run(source, page_rows=7)
    assert (report["rows"], report["pages"], report["source_rows"]) == (500, 72, 500)


@pytest.mark.parametrize("policy", list(NullPolicy))
def test_rows_without_a_cursor_follow_the_policy(
    source: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path, policy: NullPolicy
) -> None:
    _insert(source, range(5), "2025-01-01 10:00:00")
    source.execute("INSERT INTO orders VALUES (77, NULL, 'no cursor')")
    if policy is NullPolicy.ERROR:
        with pytest.raises(StateConflictError, match="no cursor"):
            run(source, nulls=policy)
        return
    for _ in range(2):
        assert run(source, nulls=policy)["nulls"] == 1
    assert (77 in _merged(tmp_path)) == (policy is NullPolicy.INCLUDE_EVERY_RUN)


def test_a_row_that_commits_late_is_found_by_its_transaction(
    postgres: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    _insert(postgres, range(100), "2025-01-01 10:00:00")
    with postgres.connect(autocommit=False) as slow:
        # It takes its key and its time first, within a savepoint whose transaction has a number of its own.
        slow.execute("INSERT INTO orders VALUES (1000, '2025-01-01 09:00:00', 'late')")
        slow.execute("SAVEPOINT s")
        slow.execute("INSERT INTO orders VALUES (1001, '2025-01-01 09:00:00', 'late, in a savepoint')")
        slow.execute("RELEASE s")
        _insert(postgres, range(200, 300), "2025-01-01 11:00:00")
        assert run(postgres, page_rows=9)["guarantee"] == "safe_upper_bound"
        _insert(postgres, range(300, 310), "2025-01-01 12:00:00")
        run(postgres, page_rows=9)
        slow.commit()
    third = run(postgres)
    assert {1000, 1001} <= set(_merged(tmp_path))
    assert third["late"] >= 2
    assert _merged(tmp_path) == _there(postgres)
    assert run(postgres)["rows"] == 0


def test_a_row_that_commits_late_is_found_within_the_lag(
    mariadb: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    _insert(mariadb, range(100), "2025-01-01 10:00:00")
    with mariadb.connect(autocommit=False) as slow:
        slow.execute("INSERT INTO orders VALUES (1000, '2025-01-01 10:55:00', 'late')")
        _insert(mariadb, range(200, 300), "2025-01-01 11:00:00")
        assert run(mariadb, page_rows=9, lag=timedelta(minutes=10))["guarantee"] == "lag"
        slow.commit()
    assert run(mariadb, lag=timedelta(minutes=10))["late"] == 101
    assert _merged(tmp_path) == _there(mariadb)


def test_best_effort_loses_a_late_row_and_says_so(
    mariadb: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    _insert(mariadb, range(10), "2025-01-01 10:00:00")
    report = run(mariadb)
    assert report["guarantee"] == "best_effort"
    assert "LOST" in report["promise"]
    _insert(mariadb, range(50, 51), "2025-01-01 09:00:00")
    assert run(mariadb)["rows"] == 0
    assert set(_there(mariadb)) - set(_merged(tmp_path)) == {50}


def test_strict_refuses_a_source_that_promises_nothing(
    mariadb: OdbcDatabase, run: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(ConfigError, match="guarantee"):
        run(mariadb, guarantee="strict")
    assert run(mariadb, guarantee="strict", lag=timedelta(minutes=1))["guarantee"] == "lag"


def test_a_backfill_reads_its_span_and_moves_nothing(
    source: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    for month in range(1, 4):
        _insert(source, range(month * 10, month * 10 + 10), f"2025-0{month}-01 00:00:00")
    before = run(source)["bookmark"]
    state = (tmp_path / "state.json").read_text()
    report = run(source, span=("2025-02-01", "2025-03-01"))
    assert (report["rows"], report["advanced"]) == (10, False)
    assert json.loads((tmp_path / "state.json").read_text())["position"] == json.loads(state)["position"]
    assert run(source)["bookmark"] == before


def test_a_backfill_with_a_bound_that_is_no_time_is_refused(
    postgres: OdbcDatabase, run: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(ConfigError, match="bound"):
        run(postgres, span=("yesterweek", None))


def test_a_bookmark_whose_row_was_updated_or_deleted_is_explained(
    source: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    _insert(source, range(10), "2025-01-01 10:00:00")
    run(source)
    source.execute("UPDATE orders SET updated_at = '2025-01-01 11:00:00', note = 'moved' WHERE id = 9")
    moved = run(source)
    assert (moved["bookmark_check"], moved["rows"] - moved["late"]) == ("moved", 1)
    source.execute("DELETE FROM orders WHERE id = 9")
    assert run(source)["bookmark_check"] == "deleted"


def test_an_older_copy_of_the_table_is_refused(
    source: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    _insert(source, range(10), "2025-01-01 10:00:00")
    run(source)
    state = (tmp_path / "state.json").read_text()
    source.execute("UPDATE orders SET updated_at = '2024-01-01 00:00:00' WHERE id = 9")
    with pytest.raises(StateConflictError, match="older copy"):
        run(source)
    assert (tmp_path / "state.json").read_text() == state


def test_a_damaged_bookmark_is_refused_and_not_taken_for_a_deleted_row(
    source: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    _insert(source, range(10), "2025-01-01 10:00:00")
    run(source)
    state = tmp_path / "state.json"
    damaged = state.read_text().replace("2025-01-", "2025-99-")
    state.write_text(damaged)
    with pytest.raises(ConfigError, match="damaged"):  # SQLite would take it: any text is a value of its columns.
        run(source)
    if "SQLite" in source.connection_string:
        return
    raw = json.loads(damaged)
    del raw["sum"]
    state.write_text(json.dumps({**raw, "sum": sum_of({name: raw[name] for name in raw if name != "format"})}))
    with pytest.raises(StateConflictError, match="bookmark does not fit"):
        run(source)


def test_shards_cover_a_skewed_table_without_gap_or_overlap(
    source: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_integrations.connectors.odbc.shards.LEAST_ROWS", 10)
    _insert(source, range(900), "2025-01-01 10:00:00")
    _insert(source, range(900, 1000), "2020-01-01 10:00:00")
    if "PostgreSQL" in source.connection_string:
        source.execute("ANALYZE orders")
    report = run(source, shards=4, page_rows=100)
    assert (report["rows"], report["shards"]) == (1000, 4)
    rows = duckdb.sql(f"SELECT _batch_id, count(*) FROM '{tmp_path}/out/*.parquet' GROUP BY 1").fetchall()
    assert all(150 <= number <= 350 for _, number in rows)
    assert _merged(tmp_path) == _there(source)
    _insert(source, range(2000, 2005), "2026-01-01 10:00:00")
    run(source, shards=4)
    assert _merged(tmp_path) == _there(source)


def test_keys_of_a_collation_that_ignores_case_and_accents(
    odbc_mariadb: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    odbc_mariadb.execute(
        "CREATE TABLE orders (code varchar(10) COLLATE utf8mb4_general_ci NOT NULL, id bigint NOT NULL, note varchar(5),"
        " PRIMARY KEY (code, id))"
    )
    words = ["a", "A", "á", "Ä", "b", "B", "z", "Z", "é", "e", "ß", "ss", "a ", "😀"]
    with odbc_mariadb.connect(autocommit=False) as connection:
        rows = [(word, number) for number, word in enumerate(words)]
        connection.cursor().executemany("INSERT INTO orders VALUES (?, ?, 'n')", rows)
        connection.commit()
    report = run(odbc_mariadb, order=("code", "id"), page_rows=2)
    assert report["rows"] == len(words)
    found = duckdb.sql(f"SELECT code, id FROM '{tmp_path}/out/*.parquet' ORDER BY id").fetchall()
    assert found == [(word, number) for number, word in enumerate(words)]


def test_nul_characters_in_sqlite_stop_no_run(
    odbc_sqlite: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    source = _orders(odbc_sqlite, "sqlite")
    _insert(source, range(20), "2025-01-01 10:00:00")
    source.execute(
        "UPDATE orders SET note = char(97, 0, 98) WHERE id = 7",
        "UPDATE orders SET updated_at = '2025-01-01 09:00:00' || char(0) WHERE id = 9",
    )
    report = run(source, page_rows=6)
    assert (report["rows"], report["rejects_by_rule"]) == (19, {"type": 1})
    assert _merged(tmp_path)[7] == "a\0b"
    (reject,) = [json.loads(line) for path in (tmp_path / "out").glob("*rejects*") for line in path.open()]
    assert (reject["key"], reject["column"]) == ("id=9", "updated_at")


def test_a_row_that_is_updated_while_it_is_paged_is_seen_once(
    postgres: OdbcDatabase, tmp_path: Path, run: Callable[..., dict[str, Any]]
) -> None:
    _insert(postgres, range(100), "2025-01-01 10:00:00")

    def disturb(boundary: str) -> None:
        if boundary == "page saved":
            postgres.execute("UPDATE orders SET updated_at = now(), note = note || 'y' WHERE id IN (2, 50, 99)")

    request = Request("orders", ("updated_at", "id"), tmp_path / "out", tmp_path / "state.json", page_rows=10)
    report = extract_once(OdbcSettings.from_string(postgres.connection_string), request, boundary=disturb)
    assert report["rows"] == 100
    run(postgres)
    assert _merged(tmp_path) == _there(postgres)


def test_a_lost_or_damaged_state_is_refused(
    source: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    _insert(source, range(5), "2025-01-01 10:00:00")
    run(source)
    state = tmp_path / "state.json"
    whole = state.read_text()
    state.write_text(whole[:-20])
    with pytest.raises(ConfigError, match="damaged"):
        run(source)
    state.unlink()
    with pytest.raises(StateConflictError, match="no state"):
        run(source)
    state.write_text(whole)
    with pytest.raises(StateConflictError, match="another table"):
        run(source, table="orders", order=("id",))


def test_the_key_must_be_the_tables_own(source: OdbcDatabase, run: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(ConfigError, match="primary key"):
        run(source, order=("id", "updated_at"))


def _kill_points() -> Iterator[str]:
    yield from ("planned", "page written", "page saved", "shard done", "published", "state moved")


class Killed(BaseException):
    pass


@pytest.mark.parametrize("point", list(_kill_points()))
@pytest.mark.parametrize("after", [1, 3])
def test_a_run_that_died_anywhere_is_finished_by_the_next(
    postgres: OdbcDatabase, run: Callable[..., dict[str, Any]], tmp_path: Path, point: str, after: int
) -> None:
    _insert(postgres, range(60), "2025-01-01 10:00:00")
    seen = 0

    def die(boundary: str) -> None:
        nonlocal seen
        seen += boundary == point
        if seen == after and boundary == point:
            raise Killed

    request = Request("orders", ("updated_at", "id"), tmp_path / "out", tmp_path / "state.json", page_rows=7)
    settings = OdbcSettings.from_string(postgres.connection_string)
    died = False
    try:
        extract_once(settings, request, boundary=die)
    except Killed:
        died = True
    assert died == (after == 1 or point.startswith("page"))
    _insert(postgres, range(100, 110), "2025-01-01 11:00:00")
    run(postgres, page_rows=7)
    run(postgres, page_rows=7)
    assert _merged(tmp_path) == _there(postgres)
    assert not list((tmp_path / "out").glob(".run-*/*/page-*")) or point == "state moved"
