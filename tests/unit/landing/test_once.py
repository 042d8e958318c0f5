"""Files that are written once: whole or not there, never replaced, on a disk and in an object store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from upath import UPath

from airflow_provider_integrations.landing.once import write_once

KILLED_BEFORE_IT_IS_NAMED = """
import os, signal, sys
from upath import UPath
from airflow_provider_integrations.landing import once
once._name = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
once.write_once(UPath(sys.argv[1]), b"half" * 1000)
"""


@pytest.fixture(params=["local", "local without nameless files", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UPath]:
    if request.param == "object store":
        memory = UPath(f"memory://{uuid.uuid4().hex}")
        yield memory
        fsspec.filesystem("memory").rm(memory.path, recursive=True)
        return
    if request.param != "local":
        monkeypatch.delattr(os, "O_TMPFILE")
    yield UPath(tmp_path / "root")


def test_the_first_one_stays_and_the_second_is_told(root: UPath) -> None:
    path = root / "outbox" / "acme" / "2026-01-02" / "a.edi"
    assert write_once(path, b"first")
    assert not write_once(path, b"first")
    assert not write_once(path, b"others, and longer")
    assert path.read_bytes() == b"first"
    assert [one.name for one in path.parent.iterdir()] == ["a.edi"]


@pytest.mark.parametrize("root", ["local", "local without nameless files"], indirect=True)
def test_of_many_writers_at_once_one_is_the_first(root: UPath) -> None:
    path = root / "a.edi"
    texts = [f"{number}".encode() * 10_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda data: write_once(path, data), texts))
    assert won.count(True) == 1
    assert path.read_bytes() == texts[won.index(True)]
    assert len(list(root.iterdir())) == 1


def test_files_and_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    write_once(UPath(tmp_path / "a" / "b" / "c.edi"), b"x")
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c.edi")]
    assert modes == [0o700, 0o700, 0o600]


def test_a_process_that_is_killed_before_the_file_has_its_name_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "outbox" / "a.edi"
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_IT_IS_NAMED, str(target)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(target.parent.iterdir()) == []
    assert write_once(UPath(target), b"whole")
