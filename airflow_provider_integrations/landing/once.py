"""Single files that are written once: whole or not there, and never replaced, whoever else writes the same name.

On a local disk the file is written without a name (`O_TMPFILE`, open(2)) and linked to its name, which fails where one
is there; a process that dies leaves nothing. An object store makes it in one step, and where it can, only if none is
there.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from upath import UPath

from airflow_provider_integrations.landing.durable import sync_folder

__all__ = ["write_once"]


def write_once(path: UPath, data: bytes) -> bool:
    """Write a file and the folders above it, durably; False where the name is taken, whatever bytes it has."""
    if path.protocol in ("", "file"):
        return _write_local(Path(path.path), data)
    if path.exists():
        return False
    try:
        path.fs.pipe_file(path.path, data, mode="create")
    except FileExistsError:
        return False
    return True


def _write_local(target: Path, data: bytes) -> bool:
    _make_folders(target.parent)
    with _draft(target.parent) as (descriptor, draft):
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(descriptor)
        written = _name(descriptor, draft, target)
    sync_folder(target.parent)  # Also for another writer's file: it may die before it does so itself.
    return written


def _make_folders(folder: Path) -> None:
    """Make what is missing; a new folder is durable when the one above it is synced."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent)


@contextmanager
def _draft(folder: Path) -> Iterator[tuple[int, str | None]]:
    """An open file (0600) without a name, or with one that is removed on the way out."""
    name: str | None = None
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (OSError, AttributeError):  # an old kernel or a file system without it
        descriptor, name = tempfile.mkstemp(prefix=".once-", dir=folder)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)
        if name is not None:
            with suppress(FileNotFoundError):
                Path(name).unlink()


def _name(descriptor: int, draft: str | None, target: Path) -> bool:
    """Give a written file its name unless that is taken."""
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if draft is None:  # By linkat(2), the way of open(2): with a folder given, Python follows the link in /proc.
            os.link(f"/proc/self/fd/{descriptor}", target, src_dir_fd=folder, follow_symlinks=True)
        else:
            _link_or_rename(draft, target)
    except FileExistsError:
        return False
    finally:
        os.close(folder)
    return True


def _link_or_rename(draft: str, target: Path) -> None:
    try:
        os.link(draft, target)
    except FileExistsError:
        raise
    except OSError:  # No hard links either: of two writers at this very moment, the later one's file would stay.
        if target.exists():
            raise FileExistsError(str(target)) from None
        Path(draft).rename(target)
