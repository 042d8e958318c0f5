"""Real databases behind real ODBC drivers: PostgreSQL, MariaDB and SQLite, an empty database for each test.

MariaDB is a server of its own on a free port, for as long as the tests of one process run. Root may not run it, so as
root it runs as the user `mysql` that the Debian package makes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

_OPTIONS = (
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--max-connections=100",
    "--max-allowed-packet=64M",
    "--default-time-zone=+05:45",  # Not UTC and not whole hours: what forgets the zone fails here.
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--local-infile=ON",
)


@dataclass(frozen=True)
class OdbcDatabase:
    """An empty database, and how to reach it."""

    name: str
    connection_string: str

    def connect(self, *, autocommit: bool = True) -> Any:
        """A new pyodbc connection."""
        import pyodbc

        return pyodbc.connect(self.connection_string, autocommit=autocommit, timeout=10)

    def execute(self, *statements: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run statements on a connection of their own; the rows of the last."""
        rows: list[tuple[Any, ...]] = []
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement, *parameters)
                rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        return rows


@pytest.fixture
def odbc_postgres(postgres_url: str) -> Iterator[OdbcDatabase]:
    """A database of its own on the PostgreSQL cluster; its collation is that of Unicode, not of bytes."""
    import psycopg

    _needs_driver("PostgreSQL Unicode", "odbc-postgresql")
    name = f"o_{uuid.uuid4().hex}"
    plain = postgres_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    at = make_url(postgres_url)
    try:
        yield OdbcDatabase(
            name,
            f"Driver={{PostgreSQL Unicode}};Server={at.host};Port={at.port};Database={name};UID={at.username};PWD=x",
        )
    finally:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """ODBC connection string, without a database, of a fresh server; the user may do everything."""
    _needs_driver("MariaDB Unicode", "odbc-mariadb")
    programs = _programs()
    # Not under tmp_path: its parents are closed to the user `mysql`.
    folder = Path(tempfile.mkdtemp(prefix="odbc-my-"))
    password = secrets.token_hex(12)
    try:
        _make(programs, folder, password)
        process, port = _start(programs, folder, password)
        try:
            yield f"Driver={{MariaDB Unicode}};Server=127.0.0.1;Port={port};UID=erp;PWD={password}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def odbc_mariadb(mariadb_server: str) -> Iterator[OdbcDatabase]:
    """A database of its own on the MariaDB server."""
    name = f"o_{uuid.uuid4().hex}"
    OdbcDatabase("", mariadb_server).execute(f"CREATE DATABASE {name}")
    try:
        yield OdbcDatabase(name, f"{mariadb_server};Database={name}")
    finally:
        OdbcDatabase("", mariadb_server).execute(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def odbc_sqlite(tmp_path: Path) -> OdbcDatabase:
    """A database file of its own."""
    _needs_driver("SQLite3", "libsqliteodbc")
    path = tmp_path / "source.sqlite"
    path.touch()  # No connection of ours makes one.
    return OdbcDatabase(path.name, f"Driver=SQLite3;Database={path};Timeout=10000")


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def odbc_database(request: pytest.FixtureRequest) -> OdbcDatabase:
    """An empty database on each engine in turn."""
    fixture = {"postgresql": "odbc_postgres", "mariadb": "odbc_mariadb", "sqlite": "odbc_sqlite"}[request.param]
    made: OdbcDatabase = request.getfixturevalue(fixture)
    return made


def _needs_driver(driver: str, package: str) -> None:
    try:
        import pyodbc
    except ImportError as error:
        pytest.skip(f"pyodbc does not load ({error}): apt-get install unixodbc")
    if driver not in pyodbc.drivers():
        pytest.skip(f"the ODBC driver {driver} is not installed: apt-get install {package}")


def _programs() -> Path:
    found = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found or not shutil.which("mariadb-install-db"):
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    return Path(found)


def _make(program: Path, folder: Path, password: str) -> None:
    data, own = folder / "data", folder / "tmp"
    data.mkdir()
    own.mkdir()  # A server that starts sweeps the temporary tables of all that share its folder for them.
    first = folder / "init.sql"
    first.write_text(
        f"CREATE USER IF NOT EXISTS erp@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        "GRANT ALL PRIVILEGES ON *.* TO erp@'127.0.0.1' WITH GRANT OPTION;\n"
        f"ALTER USER root@localhost IDENTIFIED BY '{password}';\n",
        "utf-8",
    )
    if os.geteuid() == 0:
        for path in (folder, data, own, first):
            shutil.chown(path, "mysql", "mysql")
    command = [
        "mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", "--skip-name-resolve",
        "--auth-root-authentication-method=normal", "--innodb-log-file-size=32M", f"--tmpdir={own}",
    ]  # fmt: skip
    made = subprocess.run([*_as_owner("KILL"), *command], cwd="/", capture_output=True, timeout=120, check=False)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]


def _start(program: Path, folder: Path, password: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server; another process may take the free port first, so it is tried a few times."""
    log = folder / "log"
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        command = [
            *(str(program), *_OPTIONS, f"--datadir={folder / 'data'}", f"--port={port}"),
            f"--tmpdir={folder / 'tmp'}",
            *(f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}", f"--init-file={folder / 'init.sql'}"),
        ]
        with log.open("ab") as out:
            process = subprocess.Popen([*_as_owner("TERM"), *command], cwd="/", stdout=out, stderr=out)
        if _answers(process, port, password):
            return process, port
        process.kill()
        process.wait()
    pytest.fail(f"MariaDB did not start: {log.read_text()[-2000:]}")


def _as_owner(when_we_die: str) -> list[str]:
    # setpriv replaces itself by the program, so that the process we know is the server itself, which ends with us
    # even if we are killed.
    before = ["setpriv", f"--pdeathsig={when_we_die}"]
    if os.geteuid() == 0:
        return [*before, "--reuid=mysql", "--regid=mysql", "--init-groups"]
    return before if shutil.which("setpriv") else ["env"]


def _answers(process: subprocess.Popen[bytes], port: int, password: str) -> bool:
    ends = time.monotonic() + 60
    text = f"Driver={{MariaDB Unicode}};Server=127.0.0.1;Port={port};UID=erp;PWD={password}"
    while time.monotonic() < ends and process.poll() is None:
        try:
            # On a port taken by another server the password of ours does not open it.
            return OdbcDatabase("", text).execute("SELECT 1") == [(1,)]
        except Exception:
            time.sleep(0.1)
    return False
