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

# Snowflake undoes the transaction of a session that goes away; fakesnow keeps it open for ever, and with it the rows
# that it wrote. So a session that is closed, or that was left in a transaction for a while, is ended here.
_CHILD = """
import socket, sys, tempfile, threading, time
folder = sys.argv[1]
tempfile.tempdir = folder  # fakesnow makes its stage folder here when it is imported.
import fakesnow.server, uvicorn
from fakesnow.instance import FakeSnow
server = fakesnow.server
server.shared_fs = FakeSnow(db_path=folder)
busy, last = {}, {}

def undo(connection):
    try:
        connection._duck_conn.rollback()  # close() alone does not: results keep the connection alive.
    except Exception:
        pass  # No transaction is open.
    connection._duck_conn.close()

def end(token):
    connection = server.sessions.pop(token, None)
    if connection is not None:
        undo(connection)

async def app(scope, receive, send):
    if scope["type"] != "http":
        return await server.app(scope, receive, send)
    token = dict(scope["headers"]).get(b"authorization", b"").decode()[17:-1]
    if scope["path"] == "/session" and b"delete=true" in scope["query_string"].lower():
        connection = server.sessions.get(token)
        await server.app(scope, receive, send)
        if connection is not None:
            undo(connection)
        return
    busy[token] = busy.get(token, 0) + 1
    try:
        await server.app(scope, receive, send)
    finally:
        busy[token] -= 1
        last[token] = time.monotonic()

def reap():
    while True:
        time.sleep(1)
        for token, connection in list(server.sessions.items()):
            idle = time.monotonic() - last.get(token, time.monotonic())
            if connection._in_transaction and not busy.get(token) and idle > 5:
                end(token)

threading.Thread(target=reap, daemon=True).start()
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(128)
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listener])
"""


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
            [sys.executable, "-c", _CHILD, str(folder)], stdout=subprocess.PIPE, stderr=log, text=True
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
