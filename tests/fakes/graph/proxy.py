"""A proxy that tunnels (RFC 9110, section 9.3.6), on port 0; it wants a password if it is given one."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

__all__ = ["Proxy", "tunnelling"]


@dataclass
class Proxy:
    """Where it is, and the places that it was asked to tunnel to."""

    port: int
    login: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """With the login that it wants."""
        return f"http://{self.login}{'@' if self.login else ''}127.0.0.1:{self.port}"

    def serve(self, line: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = line.recv(4096)
            if not part:
                return
            head += part
        place = head.split(b" ")[1].decode()
        self.asked.append(place)
        wanted = f"Basic {base64.b64encode(self.login.encode()).decode()}"
        if self.login and wanted.lower() not in head.decode().lower():
            line.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = place.partition(":")
        with socket.create_connection((host, int(port))) as far:
            line.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(far, line), daemon=True)
            back.start()
            _copy(line, far)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def tunnelling(login: str = "") -> Iterator[Proxy]:
    """Tunnel until the block ends; `login` is `user:password`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = Proxy(listening.getsockname()[1], login)

        def hold(line: socket.socket) -> None:
            with suppress(OSError), line:
                proxy.serve(line)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=hold, args=(listening.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)
