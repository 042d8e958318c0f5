"""PostgreSQL's horizon where its 32-bit transaction numbers begin again: late rows are found across the turn."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.odbc.dialects import dialect_named
from airflow_provider_integrations.connectors.odbc.model import Statement
from tests.fakes import postgres

pytestmark = pytest.mark.integration

_TURN = 2**32
_BEFORE = _TURN - 3000
_SEGMENT = 2**20  # Transactions in one file of pg_xact, PostgreSQL 15.


@pytest.fixture
def cluster() -> Iterator[str]:
    """A cluster whose next transaction has a number shortly before the turn."""
    import psycopg

    programs = postgres._programs()
    folder = Path(tempfile.mkdtemp(prefix="odbc-pg-"))
    try:
        data, log = folder / "data", folder / "log"
        _done(folder / "id", ["id", "-u"])
        owner = int((folder / "id").read_text())
        shutil.chown(folder, owner)
        _done(
            log,
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
        )
        process, port = postgres._start(programs, data, log)
        with psycopg.connect(_url(port), autocommit=True) as connection:
            connection.execute("VACUUM (FREEZE)")  # Or the catalogue's own rows would lie in the future.
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        _done(log, [programs / "pg_resetwal", "-D", data, "-x", str(_BEFORE), "-u", str(_BEFORE - 1000)])
        # The server wants the file that its number lies in.
        commits = data / "pg_xact" / f"{_BEFORE // _SEGMENT:04X}"
        commits.write_bytes(bytes(2**18))
        shutil.chown(commits, owner)
        process, port = postgres._start(programs, data, log)
        try:
            yield _url(port)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _url(port: int) -> str:
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


def _done(log: Path, command: list[str | Path]) -> None:
    assert postgres._run_as_owner(log, command).wait(120) == 0, log.read_text()


def _rows(connection: Any, statement: Statement | None) -> list[tuple[str, ...]]:
    assert statement is not None
    found: list[tuple[str, ...]] = connection.execute(statement.sql.replace("?", "%s"), statement.parameters).fetchall()
    return found


def _late(connection: Any, horizon: str) -> set[int]:
    condition, parameters = dialect_named("postgresql").late_rows(horizon)
    return {int(id) for (id,) in _rows(connection, Statement(f"SELECT id FROM t WHERE {condition}", parameters))}


def _burn(connection: Any, transactions: int) -> None:
    for _ in range(transactions):
        connection.execute("SELECT pg_current_xact_id()")


def test_rows_of_open_transactions_are_found_across_the_turn_of_the_numbers(cluster: str) -> None:
    import psycopg

    horizon_of = dialect_named("postgresql").horizon()
    with psycopg.connect(cluster, autocommit=True) as other, psycopg.connect(cluster) as slow:
        other.execute("CREATE TABLE t (id int)")
        other.execute("INSERT INTO t VALUES (1)")
        _burn(other, 100)
        slow.execute("INSERT INTO t VALUES (2)")
        other.execute("INSERT INTO t VALUES (3)")
        horizon, newest = _rows(other, horizon_of)[0]
        assert int(horizon) < int(newest) < _TURN
        assert _late(other, horizon) == {3}
        _burn(other, 4000)
        slow.execute("SAVEPOINT s")  # Its own number lies behind the turn.
        slow.execute("INSERT INTO t VALUES (4)")
        slow.execute("RELEASE s")
        other.execute("INSERT INTO t VALUES (5)")
        slow.commit()
        after, newest = _rows(other, horizon_of)[0]
        assert _TURN < int(after) <= int(newest)
        assert _late(other, horizon) == {2, 3, 4, 5}
        assert _late(other, after) == set()
        other.execute("VACUUM (FREEZE) t")
        assert _late(other, after) == set()
        other.execute("INSERT INTO t VALUES (6)")
        assert _late(other, after) == {6}
