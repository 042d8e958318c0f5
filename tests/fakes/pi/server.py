"""The service behind HTTP or HTTPS on port 0: a small server of its own, so that it is fast and can break off anywhere."""

from __future__ import annotations

import asyncio
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.fakes.pi.service import Call, PiService, Reply

__all__ = ["PiServer", "serve"]

_REASONS = {200: "OK", 207: "Multi-Status"}


@dataclass
class PiServer:
    """A service that is reached by its `url`."""

    service: PiService
    url: str = ""
    connections: int = 0
    calls_elsewhere: list[str] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive."""
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (call := await _read(reader)) is not None:
                reply = self._answer(call)
                if reply.delay:
                    await asyncio.sleep(reply.delay)
                if reply.cut == 0:
                    break
                writer.write(_head(reply))
                writer.write(reply.body if reply.cut is None else reply.body[: reply.cut])
                await writer.drain()
                if reply.cut is not None:
                    break
        with suppress(ConnectionError):
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    def _answer(self, call: Call) -> Reply:
        if not call.path.startswith("piwebapi/"):
            self.calls_elsewhere.append(call.path)
            return Reply(404, b"<html>not here</html>", {"Content-Type": "text/html"})
        return self.service.answer(
            Call(call.method, call.path.removeprefix("piwebapi/"), call.query, call.headers, call.body)
        )


async def _read(reader: asyncio.StreamReader) -> Call | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urllib.parse.urlsplit(target)
    return Call(method, url.path.lstrip("/"), urllib.parse.parse_qs(url.query, keep_blank_values=True), headers, body)


def _head(reply: Reply) -> bytes:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(reply.body)),
        **reply.headers,
    }
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Told')}\r\n{told}\r\n".encode()


@contextmanager
def serve(service: PiService, pem: str = "") -> Iterator[PiServer]:
    """Serve on this machine alone until the block ends; by HTTPS with a file of key and certificate."""
    server, ready, loop = PiServer(service), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    context = None
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)

    async def run() -> None:
        listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context, limit=2**20)
        port = listening.sockets[0].getsockname()[1]
        server.url = f"{'https' if pem else 'http'}://127.0.0.1:{port}/piwebapi"
        ready.set()
        await stop.wait()
        listening.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # type: ignore[operator]
            task.cancel()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()
