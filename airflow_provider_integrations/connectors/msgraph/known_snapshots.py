"""The objects that are known after a round, as a file below the landing root that is never changed, and a copy on this disk.

They complete what a delta leaves out, and tell a full enumeration what it lacks; a worker on another machine needs them too.
They hold what the source holds: the folder must be as private as the bronze zone is. The copy counts while its name is that of
the last settled round, and is for its owner alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
from upath import UPath

from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.round_names import item_path, known_name, source_folder
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.work_item import WorkItem
from airflow_provider_integrations.landing.durable import copy_durably, sync_folder

__all__ = ["fetch_known", "keep_known", "known_path"]

_DIGEST = 32
"""Bytes at the end: the SHA-256 of all before them."""
_CHUNK = 1 << 20
_RESYNC = "run the source with `resync`, which reads everything again, and takes from bronze what may be gone"


def known_path(job: GraphJob, item: WorkItem) -> UPath:
    """Where the objects stand that are known after the round of an item."""
    return job.root / source_folder(job.source.source) / "known" / known_name(item)


def fetch_known(job: GraphJob, rounds: int, target: Path) -> None:
    """Make a private copy of the known objects.

    Args:
        job: The source.
        rounds: Number of the round after which they are known; 0 before the first: there are none.
        target: The file to write.

    Raises:
        StateConflictError: they are missing or were changed.
    """
    target.unlink(missing_ok=True)
    if not rounds:
        return
    item = job.ledger.items.latest(job.source.source, item_path(rounds))
    if item is None or "session" not in item.facts:
        raise StateConflictError(
            "the ledger has no item of the last round",
            source=job.source.source,
            round=rounds,
            next_step=f"Restore the whole ledger; or {_RESYNC}.",
        )
    cached = _cache(job) / known_name(item)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with suppress(FileNotFoundError):  # Another worker of this machine may remove it at any time.
        shutil.copyfile(cached, target)
        return
    path = known_path(job, item)
    packed = target.with_name(f"{target.name}.packed")
    try:
        with path.open("rb") as source, packed.open("wb") as file:
            shutil.copyfileobj(source, file, _CHUNK)
        _unpack(packed, target)
    except (FileNotFoundError, OSError, pa.ArrowException) as error:
        raise StateConflictError(
            "the objects that are known after the last round are missing or were changed",
            source=job.source.source,
            round=item.facts.get("round"),
            path=str(path),
            error=type(error).__name__,
            next_step=f"Restore the file; or {_RESYNC}.",
        ) from None
    finally:
        packed.unlink(missing_ok=True)


def keep_known(job: GraphJob, item: WorkItem, file: Path) -> None:
    """Put the known objects below the landing root, and beside them on this disk; again changes nothing.

    Args:
        job: The source.
        item: The source's item of the round that was applied.
        file: The closed database; it is moved away.
    """
    path = known_path(job, item)
    fresh = not path.exists()
    if fresh:
        packed = file.with_name(f"{file.name}.packed")
        _pack(file, packed)
        _put(packed, path)
        packed.unlink()
    job.boundary("known objects kept")
    if not fresh:
        return  # What was made after a release lacks what another refused batch of the round was to delete.
    cache = _cache(job)
    for old in cache.iterdir():
        old.unlink(missing_ok=True)
    file.replace(cache / known_name(item))


def _cache(job: GraphJob) -> Path:
    folder = job.scratch / "known" / job.source.source
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _pack(file: Path, packed: Path) -> None:
    os.close(os.open(packed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    with file.open("rb") as source, pa.output_stream(packed, compression="zstd") as target:
        while chunk := source.read(_CHUNK):
            target.write(chunk)
    with packed.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").digest()
    with packed.open("ab") as target:
        target.write(digest)


def _unpack(packed: Path, target: Path) -> None:
    size = packed.stat().st_size - _DIGEST
    digest = hashlib.sha256()
    with packed.open("rb") as source:
        left = size
        while left > 0 and (chunk := source.read(min(left, _CHUNK))):
            digest.update(chunk)
            left -= len(chunk)
        if digest.digest() != source.read(_DIGEST):
            raise OSError("not the digest that it was written with")
    with packed.open("r+b") as file:
        file.truncate(size)
    with pa.input_stream(packed, compression="zstd") as source, target.open("wb") as out:
        while chunk := source.read(_CHUNK):
            out.write(chunk)


def _put(packed: Path, path: UPath) -> None:
    """In one step on a disk; an object store shows a file when all of it is there."""
    if path.protocol in ("", "file"):
        target = Path(path.path)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}-{packed.parent.name}")  # Of this worker alone.
        copy_durably(packed, fresh, link=True)
        fresh.replace(target)
        sync_folder(target.parent)
        return
    with packed.open("rb") as source, path.open("wb") as out:
        shutil.copyfileobj(source, out, _CHUNK)
