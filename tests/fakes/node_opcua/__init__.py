"""A server of node-opcua, installed once by `npm ci` from the lock beside this file; skipped only where there is no Node.js."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = Path(__file__).parents[3] / ".cache" / "node-opcua"


@pytest.fixture(scope="session")
def node_opcua() -> Path:
    """The folder of the installed modules."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no Node.js: Debian packages nodejs and npm")
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "package-lock.json").read_bytes()
    stamp, wanted = CACHE / "installed", hashlib.sha256(lock).hexdigest()
    with (CACHE / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # Workers of one run begin at the same time.
        if not stamp.exists() or stamp.read_text() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, CACHE / name)
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, timeout=280)
            if done.returncode:
                raise RuntimeError(f"npm ci failed: {done.stderr[-2_000:]}")
            stamp.write_text(wanted)
    return CACHE / "node_modules"


@contextmanager
def node_server(modules: Path, folder: Path, values: int, run: int = 1) -> Iterator[tuple[str, str]]:
    """A server whose variable has so many values, `run` of them at each instant; its endpoint, and the variable's NodeId."""
    command = ["node", str(HERE / "server.js"), str(values), str(run), str(folder), str(modules)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        told = next((json.loads(line) for line in process.stdout if line.startswith('{"port"')), None)
        if told is None:
            raise RuntimeError(f"node-opcua did not start: {process.communicate()[1][-2_000:]}")
        yield f"opc.tcp://127.0.0.1:{told['port']}/history", told["node"]
    finally:
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
