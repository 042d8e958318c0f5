"""One demo for all tests that look at it: run twice in a state folder of its own, and left running until the end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.home import Home
from demo.processes import descendants

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """One `make demo`: its exit code, what it printed, what it wrote down."""

    code: int
    output: str
    result: dict[str, Any]


@dataclass(frozen=True)
class Demo:
    """Both runs, in one state folder that is still running."""

    home: Home
    first: Run
    second: Run
    pids: tuple[int, ...]


def demo_command(command: str, home: Path, *, seconds: float = 600) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo", command, "--home", str(home)],
        cwd=REPOSITORY,
        env={**os.environ, "COLUMNS": "220", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def _run(home: Path) -> Run:
    done = demo_command("up", home)
    path = home / "result.json"
    result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.unlink(missing_ok=True)
    return Run(done.returncode, done.stdout + done.stderr, result)


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    folder = Path(tempfile.mkdtemp(prefix="demo-test-"))
    try:
        first = _run(folder)
        assert first.code == 0, first.output
        second = _run(folder)
        home = Home(folder)
        yield Demo(home, first, second, tuple(descendants(home)))
    finally:
        demo_command("stop", folder)
        shutil.rmtree(folder, ignore_errors=True)
