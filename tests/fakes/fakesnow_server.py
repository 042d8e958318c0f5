"""fakesnow's HTTP server as a child process, reached through the real snowflake-connector.

`fakesnow_server` is one server for the session, its databases as DuckDB files under a temporary folder; `warehouse`
is a fresh database in it, with a function that opens connections.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class FakesnowServer:
    """A running server; `restart` keeps the databases and loses the stages, as fakesnow does."""

    folder: Path
    port: int
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, folder: Path) -> FakesnowServer:
        folder.mkdir(parents=True, exist_ok=True)
        log = (folder / "server.log").open("a")
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.quick_fakesnow", str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.isdigit():
            process.wait(timeout=30)
            raise RuntimeError(f"fakesnow did not start: {(folder / 'server.log').read_text()[-2000:]}")
        return cls(folder, int(line), process)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def options(self, database: str) -> dict[str, Any]:
        return {
            "account": "test",
            "user": "test",
            "password": "test",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "database": database,
            "schema": "PUBLIC",
            "network_timeout": 1,  # The driver repeats HTTP 500, which is how fakesnow answers a write conflict.
            "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
        }


@dataclass(frozen=True)
class Warehouse:
    """One database of its own."""

    server: FakesnowServer
    database: str
    _open: ExitStack

    def connect(self) -> Any:
        import snowflake.connector

        connection = snowflake.connector.connect(**self.server.options(self.database))
        self._open.callback(connection.close)
        return connection

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The result of one statement in a connection of its own; `{db}` stands for the database."""
        connection = self.connect()
        return list(connection.cursor().execute(sql.replace("{db}", self.database), values or None).fetchall())


@pytest.fixture(scope="session")
def fakesnow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakesnowServer]:
    server = FakesnowServer.start(tmp_path_factory.mktemp("fakesnow"))
    yield server
    server.stop()


@pytest.fixture
def warehouse(fakesnow_server: FakesnowServer) -> Iterator[Warehouse]:
    with ExitStack() as stack:
        yield Warehouse(fakesnow_server, f"T_{uuid.uuid4().hex[:12].upper()}", stack)
