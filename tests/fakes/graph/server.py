"""The service behind HTTPS on port 0, and a listener that must never be called."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from tests.fakes.graph.certificates import Authority
from tests.fakes.graph.messages import Request
from tests.fakes.graph.service import GraphService

__all__ = ["Elsewhere", "GraphServer", "elsewhere", "serve"]

Scope = dict[str, Any]


class GraphServer(GraphService):
    """A service that is reached by its `base`; its certificate is of `authority`."""

    def __init__(self, authority: Authority, seed: str = "graph") -> None:
        super().__init__(seed=seed)
        self.authority = authority
        self.subscriptions.trust = authority.trust()

    @property
    def url(self) -> str:
        """Where version 1.0 of the API is."""
        return f"{self.base}/v1.0"

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """The ASGI application."""
        assert scope["type"] == "http"
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        query = scope["query_string"].decode()
        url = f"{self.base}{scope['raw_path'].decode()}{'?' if query else ''}{query}"
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        request = Request(scope["method"], url, headers, body)
        # Only what calls out itself must not hold up the loop; for the rest a thread would cost more than the answer.
        response = self.answer(request) if scope["method"] == "GET" else await asyncio.to_thread(self.answer, request)
        if response.delay:
            await asyncio.sleep(response.delay)
        content = response.content()
        told = {"content-type": "application/json", "content-length": str(len(content)), **response.headers}
        if response.cut == 0:
            send.__self__.transport.abort()  # type: ignore[attr-defined]
            return
        encoded = [(name.lower().encode(), value.encode()) for name, value in told.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        if response.cut is not None:
            await send({"type": "http.response.body", "body": content[: response.cut], "more_body": True})
            send.__self__.transport.close()  # type: ignore[attr-defined]
            return
        await send({"type": "http.response.body", "body": content})


@contextmanager
def serve(server: GraphServer, port: int = 0) -> Iterator[GraphServer]:
    """Serve on this machine alone until the block ends; `base` says where."""
    listening = socket.create_server(("127.0.0.1", port))
    pem = str(server.authority.server())
    config = uvicorn.Config(
        server, ssl_keyfile=pem, ssl_certfile=pem, log_level="critical", lifespan="off", ws="none",
        timeout_keep_alive=60, timeout_graceful_shutdown=1, server_header=False,
    )  # fmt: skip
    running = uvicorn.Server(config)
    server.base = f"https://127.0.0.1:{listening.getsockname()[1]}"
    thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        running.should_exit = True
        thread.join(20)
        listening.close()


@dataclass
class Elsewhere:
    """A host that no client may call; `calls` counts connections, before anything is sent."""

    base: str
    calls: list[Any] = field(default_factory=list)


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Listen on another port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = Elsewhere(f"https://127.0.0.1:{listening.getsockname()[1]}")

        def accept() -> None:
            while True:
                try:
                    connection, peer = listening.accept()
                except OSError:
                    return
                found.calls.append(peer)
                connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)
