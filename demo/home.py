"""Where the demo keeps its state, and the few values that must outlive one run: its token and its ports."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

__all__ = ["REPOSITORY", "DemoError", "Home", "port_is_free", "write_whole"]

REPOSITORY = Path(__file__).resolve().parent.parent


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


def write_whole(path: Path, content: str | bytes, *, mode: int = 0o600) -> None:
    """Write a file so that nobody ever sees half of it, whenever this process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    temporary.replace(path)


@dataclass(frozen=True, slots=True)
class Home:
    """The demo's folder, `.demo/` unless told otherwise."""

    root: Path

    @classmethod
    def at(cls, folder: str | Path) -> Home:
        """The state folder, made private to its owner: it holds keys."""
        root = Path(folder).resolve()
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(root)

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    @property
    def token(self) -> str:
        """Marks every process of this demo in its environment; made once, before the first process starts."""
        path = self / "token"
        if not path.exists():
            write_whole(path, secrets.token_hex(16))
        return path.read_text(encoding="ascii")

    def port(self, name: str) -> int:
        """The loopback port of one server: that of the last time, or a free one, and then remembered."""
        path = self / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if name not in ports:
            ports[name] = _free_port(set(ports.values()))
            write_whole(path, json.dumps(ports, indent=2))
        return ports[name]

    def forget_port(self, name: str) -> None:
        """Take another port next time, because somebody else sits on this one."""
        path = self / "ports.json"
        ports = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        ports.pop(name, None)
        write_whole(path, json.dumps(ports, indent=2))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the demo against a second `make demo`; the kernel lets go when this process ends."""
        with (self / "lock").open("w") as file:
            try:
                flock(file, LOCK_EX | LOCK_NB)
            except OSError:
                raise DemoError(f"another `make demo` is at work in {self.root}; wait for it or end it.") from None
            yield


def port_is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port
