"""The service over HTTP/2 alone, as Microsoft's front ends speak it where a client offers it; on port 0, for one test.

Source: RFC 9113; a client that does not offer `h2` by ALPN gets no connection.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from tests.fakes.graph.certificates import Authority
from tests.fakes.graph.messages import Request
from tests.fakes.graph.service import GraphService

__all__ = ["Http2Server", "serve_http2"]


@dataclass
class Http2Server:
    """What is served, and how many connections came."""

    graph: GraphService
    connections: list[str] = field(default_factory=list)

    def hold(self, line: ssl.SSLSocket) -> None:
        """Answer requests until the other side goes."""
        self.connections.append(line.selected_alpn_protocol() or "")
        talk = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        talk.initiate_connection()
        asked: dict[int, tuple[dict[str, str], bytes]] = {}
        waiting: dict[int, bytes] = {}
        line.sendall(talk.data_to_send())
        while data := line.recv(65_536):
            for event in talk.receive_data(data):
                if isinstance(event, RequestReceived):
                    asked[event.stream_id] = (dict(event.headers), b"")
                elif isinstance(event, DataReceived):
                    headers, body = asked[event.stream_id]
                    asked[event.stream_id] = (headers, body + event.data)
                    talk.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    waiting[event.stream_id] = self._answer(talk, event.stream_id, *asked.pop(event.stream_id))
            self._flush(talk, waiting)
            line.sendall(talk.data_to_send())

    def _answer(self, talk: H2Connection, stream: int, headers: dict[str, str], body: bytes) -> bytes:
        url = f"{self.graph.base}{headers[':path']}"
        answer = self.graph.answer(Request(headers[":method"], url, headers, body))
        content = answer.content()
        told = {"content-type": "application/json", "content-length": str(len(content)), **answer.headers}
        pairs = [(name.lower(), value) for name, value in told.items()]
        talk.send_headers(stream, [(":status", str(answer.status)), *pairs])
        return content

    def _flush(self, talk: H2Connection, waiting: dict[int, bytes]) -> None:
        """As much of each body as the client's windows take."""
        for stream, content in list(waiting.items()):
            rest = content
            while rest and (room := min(talk.local_flow_control_window(stream), talk.max_outbound_frame_size)) > 0:
                talk.send_data(stream, rest[:room])
                rest = rest[room:]
            if rest:
                waiting[stream] = rest
            else:
                talk.end_stream(stream)
                del waiting[stream]


@contextmanager
def serve_http2(graph: GraphService, authority: Authority) -> Iterator[Http2Server]:
    """Serve until the block ends; the service's `base` says where."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.server())
    context.set_alpn_protocols(["h2"])
    server = Http2Server(graph)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        graph.base = f"https://127.0.0.1:{listening.getsockname()[1]}"

        def hold(plain: socket.socket) -> None:
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as line:
                server.hold(line)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=hold, args=(listening.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)
