"""A receiver of change notifications behind HTTPS on port 0, which checks what comes as ours must: by the package's functions."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_integrations.connectors.msgraph.notifications import Notice, check_notification, validate_token
from airflow_provider_integrations.core.errors import PermanentError
from tests.fakes.graph.certificates import Authority

__all__ = ["Receiver", "receiving"]


@dataclass
class Receiver:
    """What it accepts, and what came.

    Args:
        states: For each source the secrets of its subscriptions.
    """

    url: str = ""
    states: Mapping[str, list[str]] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    refused: int = 0
    proofs: int = 0

    def take(self, query: str, body: bytes) -> tuple[int, str]:
        """Status and text of the answer."""
        try:
            token = validate_token(query)
            if token is not None:
                self.proofs += 1
                return 200, token
            checked = check_notification(body, self.states)
        except PermanentError:
            return 400, ""
        self.notices += checked.notices
        self.refused += checked.refused
        return 202, ""


@contextmanager
def receiving(authority: Authority) -> Iterator[Receiver]:
    """Listen until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, text = receiver.take(urlsplit(self.path).query, body)
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.server())
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    receiver.url = f"https://127.0.0.1:{server.server_port}/notify"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
