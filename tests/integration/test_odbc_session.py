"""One session on each engine: login, UTC, snapshots, errors and cancelling, as the servers themselves see them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.odbc.connection_string import parse
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, Statement
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    PermanentError,
    StalledError,
    StateConflictError,
    TransientError,
)
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

PASSWORD = "a;b{c}d}}=x y'\"%41+"
NUMBER = ReadColumn("n", "n", pa.int64(), pa.int64())


@contextmanager
def _open(database: OdbcDatabase, **more: Any) -> Iterator[OdbcSession]:
    with OdbcSession.open(OdbcSettings.from_string(database.connection_string), **more) as session:
        yield session


def _as(database: OdbcDatabase, login: str, password: str) -> OdbcDatabase:
    keywords = {**parse(database.connection_string), "UID": login, "PWD": password}
    return replace(database, connection_string=OdbcSettings.from_string(_rendered(keywords)).connection_string)


def _rendered(keywords: dict[str, str]) -> str:
    return ";".join(f"{name}={{{value.replace('}', '}}')}}}" for name, value in keywords.items())


@pytest.fixture
def locked_postgres(odbc_postgres: OdbcDatabase) -> Iterator[OdbcDatabase]:
    """The same database for a role that has to prove its password."""
    role = f"r_{odbc_postgres.name}"
    (hba,) = (Path(str(row[0])) for row in odbc_postgres.execute("SHOW hba_file"))
    before = hba.read_text("utf-8")
    hba.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n{before}", "utf-8")
    quoted = PASSWORD.replace("'", "''")
    odbc_postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{quoted}'", "SELECT pg_reload_conf()")
    time.sleep(0.2)
    try:
        yield _as(odbc_postgres, role, PASSWORD)
    finally:
        hba.write_text(before, "utf-8")
        odbc_postgres.execute(f"DROP ROLE {role}", "SELECT pg_reload_conf()")


@pytest.fixture
def locked_mariadb(odbc_mariadb: OdbcDatabase) -> Iterator[OdbcDatabase]:
    """The same database for a user with a password of special signs."""
    user = f"u_{odbc_mariadb.name}"[:30]
    quoted = PASSWORD.replace("'", "''")
    odbc_mariadb.execute(
        f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY '{quoted}'",
        f"GRANT SELECT ON {odbc_mariadb.name}.* TO {user}@'127.0.0.1'",
    )
    try:
        yield _as(odbc_mariadb, user, PASSWORD)
    finally:
        odbc_mariadb.execute(f"DROP USER {user}@'127.0.0.1'")


@pytest.mark.parametrize("locked", ["locked_postgres", "locked_mariadb"])
def test_a_password_of_semicolons_and_braces_logs_in(locked: str, request: pytest.FixtureRequest) -> None:
    database: OdbcDatabase = request.getfixturevalue(locked)
    with _open(database) as session:
        assert session.rows(Statement("SELECT 'in'")) == [("in",)]
        assert PASSWORD not in repr(session.settings)
    wrong = _as(database, parse(database.connection_string)["UID"], PASSWORD + "x;")
    with pytest.raises(ConfigError) as caught, _open(wrong):
        pass
    assert "refused the login" in str(caught.value)
    assert PASSWORD[:6] not in str(caught.value)


def test_a_session_speaks_utc_although_the_server_does_not(odbc_postgres: OdbcDatabase) -> None:
    odbc_postgres.execute("CREATE TABLE t (at timestamptz)", "INSERT INTO t VALUES ('2025-01-01 00:00:00+00')")
    with _open(odbc_postgres) as session:
        column = ReadColumn("at", "at", pa.timestamp("us"), pa.timestamp("us", "UTC"))
        (batch,) = session.read(Statement("SELECT at FROM t"), [column])
    assert batch.schema.types == [pa.timestamp("us", "UTC")]
    assert batch.column(0).cast(pa.int64()).to_pylist() == [1735689600_000000]


@pytest.mark.parametrize("fixture", ["odbc_postgres", "odbc_mariadb"])
def test_a_session_that_does_not_speak_utc_is_refused(
    fixture: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    database: OdbcDatabase = request.getfixturevalue(fixture)
    with _open(database) as session:
        dialect = type(session.dialect)
    monkeypatch.setattr(dialect, "session_setup", lambda *_: ())  # as a driver that ignores what it was told
    with pytest.raises(ConfigError, match="does not speak UTC"), _open(database):
        pass


def test_the_servers_administrator_sees_who_reads(odbc_postgres: OdbcDatabase) -> None:
    with _open(odbc_postgres, application="extract run-1"):
        seen = odbc_postgres.execute("SELECT application_name FROM pg_stat_activity")
    assert ("extract run-1",) in seen


def test_all_reads_of_a_snapshot_see_one_instant(odbc_database: OdbcDatabase) -> None:
    if odbc_database.name.endswith(".sqlite"):
        odbc_database.execute("PRAGMA journal_mode=WAL")
    odbc_database.execute("CREATE TABLE t (n integer)", "INSERT INTO t VALUES (1)")
    count = Statement("SELECT count(*) FROM t")
    with _open(odbc_database) as session:
        with session.snapshot():
            assert session.rows(count) == [("1",)]
            odbc_database.execute("INSERT INTO t VALUES (2)")
            assert session.rows(count) == [("1",)]
            with pytest.raises(PermanentError):
                session.rows(Statement("SELECT nothing FROM t"))
            # By default psqlodbc would begin another transaction here, and with it another snapshot.
            assert session.rows(count) == [("1",)]
            assert [b.num_rows for b in session.read(Statement("SELECT n FROM t"), [NUMBER])] == [1]
            with pytest.raises(StateConflictError, match="within a snapshot"), session.snapshot():
                pass
        assert session.rows(count) == [("2",)]
        with session.snapshot():
            assert session.rows(count) == [("2",)]


@pytest.mark.parametrize("fixture", ["odbc_postgres", "odbc_mariadb"])
def test_a_session_writes_nothing(fixture: str, request: pytest.FixtureRequest) -> None:
    database: OdbcDatabase = request.getfixturevalue(fixture)
    database.execute("CREATE TABLE t (n integer)")
    with _open(database) as session:
        with pytest.raises((PermanentError, TransientError)):
            session.rows(Statement("DELETE FROM t"))
        with session.snapshot(), pytest.raises((PermanentError, TransientError)):
            session.rows(Statement("DELETE FROM t"))


def test_a_connection_that_is_lost_ends_the_snapshot_for_good(odbc_postgres: OdbcDatabase) -> None:
    with _open(odbc_postgres) as session, session.snapshot():
        (pid,) = session.rows(Statement("SELECT CAST(pg_backend_pid() AS text)"))[0]
        odbc_postgres.execute(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(ConnectionLostError):
            session.rows(Statement("SELECT 1"))
        with pytest.raises(StateConflictError, match="snapshot is gone"):
            session.rows(Statement("SELECT 1"))


def test_a_connection_that_is_lost_on_mariadb_is_known_as_that(odbc_mariadb: OdbcDatabase) -> None:
    with _open(odbc_mariadb) as session, session.snapshot():
        (connection,) = session.rows(Statement("SELECT CAST(connection_id() AS CHAR(20))"))[0]
        odbc_mariadb.execute(f"KILL {connection}")
        with pytest.raises(ConnectionLostError):
            session.rows(Statement("SELECT 1"))


def test_the_server_ends_a_statement_that_takes_too_long(odbc_postgres: OdbcDatabase) -> None:
    with _open(odbc_postgres, statement_timeout=0.3) as session, pytest.raises(StalledError):
        session.rows(Statement("SELECT CAST(pg_sleep(20) AS text)"))


def test_mariadb_ends_a_statement_that_takes_too_long(odbc_mariadb: OdbcDatabase) -> None:
    slow = "SELECT CAST(count(*) AS CHAR(20)) FROM seq_1_to_100000000 a WHERE md5(a.seq) = 'x'"
    with _open(odbc_mariadb, statement_timeout=0.3) as session, pytest.raises(StalledError):
        session.rows(Statement(slow))


@pytest.mark.parametrize(
    ("fixture", "slow", "running"),
    [
        (
            "odbc_postgres",
            "SELECT CAST(pg_sleep(60) AS text)",
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)%'"
            " AND pid <> pg_backend_pid()",
        ),
        (
            "odbc_mariadb",
            "SELECT CAST(sleep(60) AS CHAR(20))",
            "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT CAST(sleep%'",
        ),
    ],
)
def test_cancel_ends_the_statement_at_the_server_while_the_driver_blocks(
    fixture: str, slow: str, running: str, request: pytest.FixtureRequest
) -> None:
    database: OdbcDatabase = request.getfixturevalue(fixture)
    with _open(database) as session, closing(database.connect()) as watcher:
        caught: list[BaseException] = []

        def read() -> None:
            try:
                session.rows(Statement(slow))
            except BaseException as error:
                caught.append(error)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        _until(lambda: watcher.execute(running).fetchone()[0] == 1)
        began = time.monotonic()
        session.cancel()
        reader.join(10)
        assert not reader.is_alive()
        assert time.monotonic() - began < 5
        _until(lambda: watcher.execute(running).fetchone()[0] == 0)
        assert type(caught[0]) is TransientError
        with pytest.raises(TransientError, match="cancelled"):
            session.rows(Statement("SELECT 1"))


def test_a_source_that_is_not_there_is_tried_again(odbc_postgres: OdbcDatabase) -> None:
    keywords = {**parse(odbc_postgres.connection_string), "Port": "1"}
    with pytest.raises(ConnectionLostError), OdbcSession.open(OdbcSettings.from_string(_rendered(keywords))):
        pass


@pytest.mark.parametrize("driver", ["PostgreSQL Unicode", "MariaDB Unicode"])
def test_a_server_that_says_nothing_is_given_up_in_time(
    driver: str, odbc_postgres: OdbcDatabase, mariadb_server: str
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        text = f"Driver={{{driver}}};Server=127.0.0.1;Port={silent.getsockname()[1]};UID=a;PWD=b;Database=c"
        settings = OdbcSettings.from_string(text, login_timeout=2)
        began = time.monotonic()
        with pytest.raises(ConnectionLostError), OdbcSession.open(settings):
            pass
        assert time.monotonic() - began < 10


def test_a_database_that_is_not_there_is_not(odbc_postgres: OdbcDatabase) -> None:
    keywords = {**parse(odbc_postgres.connection_string), "Database": "nowhere"}
    with pytest.raises(ConfigError), OdbcSession.open(OdbcSettings.from_string(_rendered(keywords))):
        pass


def test_a_dsn_is_asked_what_it_is_and_gets_what_its_driver_needs(
    odbc_postgres: OdbcDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords = parse(odbc_postgres.connection_string)
    named = {"Driver": keywords["Driver"], "Servername": keywords["Server"]}
    entries = {**named, "Port": keywords["Port"], "Database": keywords["Database"]}
    lines = "\n".join(f"{name} = {value}" for name, value in entries.items())
    (tmp_path / "odbc.ini").write_text(f"[erp]\n{lines}\n", "utf-8")
    monkeypatch.setenv("ODBCINI", str(tmp_path / "odbc.ini"))
    settings = OdbcSettings.from_connection(None, None, "postgres", "x", None, {"dsn": "erp"})
    with OdbcSession.open(settings) as session:
        assert session.dialect.name == "postgresql"
        long = Statement("SELECT repeat('x', 20000)")  # more than the driver's own size of a text
        assert session.rows(long) == [("x" * 20000,)]


def test_a_driver_that_is_not_installed_is_an_error_of_settings() -> None:
    settings = OdbcSettings.from_string("Driver=Sqlite of tomorrow;Database=x")
    with pytest.raises(ConfigError, match="IM002"), OdbcSession.open(settings):
        pass


def _until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)
