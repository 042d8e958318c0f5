"""fakesnow as the local Snowflake, a process of its own: `python -m demo.warehouse_server FOLDER [PORT]`.

fakesnow's own command serves from memory only; here every database is a DuckDB file in the folder and outlives the
process. Without a port a free one is taken; the port is the first line of the output.

Snowflake undoes the transaction of a session that goes away; fakesnow keeps it open for ever, and with it the rows that
it wrote. So a session that is closed, or that was left in a transaction for a while, is ended here.
"""

from __future__ import annotations

import contextlib
import importlib
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

__all__ = ["Sessions", "main"]

IDLE_SECONDS = 5.0
"""How long a session may stay in a transaction without a request; its client is dead then."""

_TOKEN = b'Snowflake Token="'


class Sessions:
    """Wraps fakesnow's ASGI application: ends sessions as Snowflake does."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._busy: Counter[str] = Counter()
        self._last: dict[str, float] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, and note whose it was."""
        if scope["type"] != "http":
            await self._server.app(scope, receive, send)
            return
        token = dict(scope["headers"]).get(b"authorization", b"").removeprefix(_TOKEN).rstrip(b'"').decode()
        self._busy[token] += 1
        try:
            await self._serve(token, scope, receive, send)
        finally:
            self._busy[token] -= 1
            self._last[token] = time.monotonic()

    async def _serve(self, token: str, scope: Any, receive: Any, send: Any) -> None:
        closing = scope["path"] == "/session" and b"delete=true" in scope["query_string"].lower()
        connection = self._server.sessions.get(token) if closing else None
        await self._server.app(scope, receive, send)
        if connection is not None:
            _undo(connection)

    def reap_forever(self) -> None:
        """End sessions that were left in a transaction."""
        while True:
            time.sleep(1)
            for token, connection in list(self._server.sessions.items()):
                idle = time.monotonic() - self._last.get(token, time.monotonic())
                if connection._in_transaction and not self._busy[token] and idle > IDLE_SECONDS:
                    self._server.sessions.pop(token, None)
                    _undo(connection)


def _undo(connection: Any) -> None:
    # Closing alone does not: results keep the connection alive. Without a transaction the rollback has nothing to do.
    with contextlib.suppress(Exception):
        connection._duck_conn.rollback()
    connection._duck_conn.close()


def main() -> None:
    """Serve until ended."""
    folder = Path(sys.argv[1])
    stages = folder / "stages"
    stages.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(stages)  # fakesnow makes its stage folder here when it is imported.

    import uvicorn
    from fakesnow.instance import FakeSnow

    server: Any = importlib.import_module("fakesnow.server")  # The package has a function of the same name.
    server.shared_fs = FakeSnow(db_path=folder)
    sessions = Sessions(server)
    threading.Thread(target=sessions.reap_forever, daemon=True).start()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0))
    listener.listen(128)
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(sessions, log_level="error")).run([listener])


if __name__ == "__main__":
    main()
