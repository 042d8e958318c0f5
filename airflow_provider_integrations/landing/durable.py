"""Files that are whole or not there, also after a power cut: written, synced, and renamed into place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["copy_durably", "replace_durably", "sync_files", "sync_folder", "write_durably"]


def copy_durably(source: Path, target: Path, *, link: bool = False) -> None:
    """A synced copy; with `link`, a second name of the same file where the file system can give one."""
    if not (link and _linked(source, target)):
        shutil.copyfile(source, target)
        target.chmod(0o600)
    _sync(target)


def write_durably(target: Path, data: bytes) -> None:
    """A new synced file, for its owner only."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_durably(target: Path, data: bytes) -> None:
    """A file's new content in one step: a reader sees the old one or the new one, whole."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    sync_folder(target.parent)


def sync_files(paths: Iterable[Path]) -> None:
    """Make files durable that were written without a sync, with their names and those of their folders."""
    folders = dict[Path, None]()
    for path in paths:
        _sync(path)
        folders |= {path.parent: None, path.parent.parent: None}
    for folder in folders:
        _sync(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; the files' own sync does not do that."""
    _sync(folder)


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        return False
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
