"""Private folders of attempts: each is locked while its attempt lives, so that what dead ones left can be told and removed.

An attempt that slept through its claim, and is overtaken by another, disturbs nobody and is disturbed by nobody.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["attempt_folder", "remove_abandoned"]


@contextmanager
def attempt_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder (0700) within `parent`, gone afterwards unless it was renamed."""
    folder, lock = _locked_folder(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned(folders: Iterable[Path]) -> None:
    """Remove those folders of attempts that no living attempt holds."""
    for left in folders:
        with suppress(OSError):
            lock = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)


def _locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = -1
        try:
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
        except FileNotFoundError:
            pass
        # Another attempt swept it before it was locked.
        if lock >= 0:
            os.close(lock)
