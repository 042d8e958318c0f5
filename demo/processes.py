"""Starts the demo's servers and ends exactly those: by pid, start time and a token in the environment, never by name.

A pid alone proves nothing, since the kernel hands it out again. A server is known by its pid, the tick at which it
started and the boot it started in. Its descendants, also those that made process groups or sessions of their own, are
known by the demo's token, which they inherit in their environment.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from demo.home import DemoError, Home, write_whole

__all__ = ["TOKEN", "Server", "descendants", "log_tail", "running", "start", "stop_all"]

TOKEN = "INTEGRATIONS_DEMO_TOKEN"  # noqa: S105 the name of a variable
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Server:
    """One process that the demo started: `started` is in clock ticks since boot, `digest` is of its settings."""

    name: str
    pid: int
    started: int
    boot: str
    digest: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.boot == _boot() and _started(self.pid) == self.started


def start(home: Home, name: str, command: Sequence[str], environment: Mapping[str, str], *, digest: str = "") -> Server:
    """Start a server in a session of its own, its output in `logs/<name>.log`."""
    log = home / "logs" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    # setproctitle would write its titles over the environment, and the token with it.
    marked = {**environment, TOKEN: home.token, "SPT_NOENV": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            cwd=home.root,
            env=marked,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(name, process.pid, _started(process.pid) or 0, _boot(), digest)
    write_whole(home / "run" / f"{name}.json", json.dumps(asdict(server)))
    return server


def running(home: Home, name: str) -> Server | None:
    """The server of that name if it is alive; a zombie is not."""
    try:
        raw = json.loads((home / "run" / f"{name}.json").read_text(encoding="utf-8"))
        server = Server(**raw)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return server if server.alive else None


def descendants(home: Home) -> list[int]:
    """Pids of all live processes that carry this demo's token."""
    if not (home / "token").exists():
        return []
    mark = _mark(home)
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return sorted(pid for pid in pids if pid != os.getpid() and _marked(pid, mark) and _started(pid) is not None)


def stop_all(home: Home, *, patience: float = 10.0, names: Iterable[str] | None = None) -> int:
    """End every process of this demo: ask first, insist after `patience` seconds. Returns how many there were.

    With `names`, only those servers are ended, each with its session.
    """

    def chosen() -> list[int]:
        pids = descendants(home)
        if names is None:
            return pids
        leaders = {server.pid for name in names if (server := _read(home, name)) and server.boot == _boot()}
        return [pid for pid in pids if pid in leaders or _session(pid) in leaders]

    asked: set[int] = set()
    deadline = time.monotonic() + patience
    while (left := chosen()) and time.monotonic() < deadline:
        for pid in set(left) - asked:
            _signal(pid, signal.SIGTERM, _mark(home))
        asked.update(left)
        time.sleep(0.1)
    insist = time.monotonic() + 5.0
    while left := chosen():
        asked.update(left)
        for pid in left:
            _signal(pid, signal.SIGKILL, _mark(home))
        if time.monotonic() > insist:
            raise DemoError(f"these processes do not end: {', '.join(map(str, left))}")
        time.sleep(0.05)
    for path in (home / "run").glob("*.json"):
        if names is None or path.stem in set(names):
            path.unlink(missing_ok=True)
    return len(asked)


def log_tail(home: Home, name: str, lines: int = 20) -> str:
    """The last lines of a server's log."""
    path = home / "logs" / f"{name}.log"
    if not path.exists():
        return ""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _read(home: Home, name: str) -> Server | None:
    try:
        return Server(**json.loads((home / "run" / f"{name}.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _mark(home: Home) -> bytes:
    return f"{TOKEN}={home.token}".encode()


def _marked(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # It ended meanwhile, or it is somebody else's.
        return False


def _signal(pid: int, number: signal.Signals, mark: bytes) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The handle stays with the process it was opened for: look again now, and no newcomer can be hit.
        if _marked(pid, mark):
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def _boot() -> str:
    return _BOOT.read_text(encoding="ascii").strip()


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third on (state first); the second may hold spaces and parentheses."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _started(pid: int) -> int | None:
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def _session(pid: int) -> int | None:
    fields = _stat(pid)
    return None if fields is None else int(fields[3])
