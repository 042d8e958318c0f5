"""A real PostgreSQL: a cluster of its own on a free port, for as long as the tests of one process run.

Root may not run PostgreSQL, so as root it runs as the user `postgres` that the Debian package makes.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated

_NEEDS = "PostgreSQL is not installed: apt-get install postgresql (Debian 12: postgresql-15)"
_OPTIONS = {
    # The cluster dies with the tests: nothing has to survive the loss of power.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "timezone": "Asia/Kathmandu",  # Not UTC and not whole hours: what forgets the zone fails here.
    "log_min_messages": "fatal",
}


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """SQLAlchemy URL of a fresh cluster's database `postgres`; the role is a superuser."""
    programs = _programs()
    # Not under tmp_path: its parents are closed to the user `postgres`.
    folder = Path(tempfile.mkdtemp(prefix="ledger-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        log = folder / "log"
        made = _run_as_owner(
            log,
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
        )
        assert made.wait(120) == 0, log.read_text()
        process, port = _start(programs, data, log)
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            # Fast shutdown: sessions that tests left open are ended.
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """SQLAlchemy URL of an empty database of its own for one test."""
    import psycopg

    name = f"t_{uuid.uuid4().hex}"
    plain = postgres_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{postgres_url.rsplit('/', 1)[0]}/{name}"
    finally:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database on each engine that a ledger may stand on."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_database"))
    return "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/ledger.db"


class SteppedClock:
    """A clock that stands still until it is moved; it speaks of another zone than UTC."""

    def __init__(self) -> None:
        self.now = datetime(2025, 11, 5, 6, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))

    def __call__(self) -> datetime:
        return self.now

    def step(self, **span: float) -> datetime:
        """Move on by a `timedelta` of these keywords."""
        self.now += timedelta(**span)
        return self.now


@pytest.fixture
def ledger_clock() -> SteppedClock:
    """The clock of `ledger`."""
    return SteppedClock()


@pytest.fixture
def ledger(ledger_url: str, ledger_clock: SteppedClock) -> Iterator[Ledger]:
    """A migrated, empty ledger on each engine, on a clock that the test moves."""
    with Ledger.connect(ledger_url, clock=ledger_clock) as made:
        migrated(made)
        yield made


def _programs() -> Path:
    """The folder of initdb and postgres: Debian keeps them off PATH."""
    found = shutil.which("initdb")
    homes = [Path(found).resolve().parent] if found else []
    homes += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for home in homes:
        if (home / "initdb").exists() and (home / "postgres").exists():
            return home
    pytest.skip(_NEEDS)


def _run_as_owner(log: Path, command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    # setpriv replaces itself by the program, so that the process we know is the server itself, which ends with us
    # even if we are killed.
    before = ["setpriv", "--pdeathsig=INT"]
    if os.geteuid() == 0:
        before += ["--reuid=postgres", "--regid=postgres", "--init-groups"]
    elif not shutil.which("setpriv"):
        before = ["env"]
    with log.open("ab") as out:
        return subprocess.Popen([*before, *map(str, command)], cwd="/", stdout=out, stderr=out)


def _start(programs: Path, data: Path, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server; another process may take the free port first, so it is tried a few times."""
    settings = [word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")]
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        process = _run_as_owner(log, [programs / "postgres", "-D", data, "-p", str(port), *settings])
        if _answers(process, port, data):
            return process, port
        process.kill()
        process.wait()
    pytest.fail(f"PostgreSQL did not start: {log.read_text()[-2000:]}")


def _answers(process: subprocess.Popen[bytes], port: int, data: Path) -> bool:
    import psycopg

    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            with psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=5) as connection:
                there = connection.execute("SHOW data_directory").fetchone()
                # On a port taken by another cluster it is the other one that answers.
                return there == (str(data),)
        except psycopg.OperationalError:
            time.sleep(0.1)
    return False
