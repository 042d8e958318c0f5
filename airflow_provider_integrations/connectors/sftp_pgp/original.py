"""The original bytes of a work item: fetched from the partner, or taken from where they were kept.

A replay and a release never ask the partner again: they take the kept original, and prove by its digest that it is
still what came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from upath import UPath

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.job import IntakeJob
from airflow_provider_integrations.connectors.sftp_pgp.names import check_digest, parse_name
from airflow_provider_integrations.connectors.sftp_pgp.scanner import check_file, scan
from airflow_provider_integrations.core.digest import Digests
from airflow_provider_integrations.core.errors import SystemicError
from airflow_provider_integrations.core.work_item import RemoteFile, WorkItem
from airflow_provider_integrations.landing.quarantine import original_of

__all__ = ["Original", "check_original", "fetch_original"]

NAME = "original.pgp"
"""What the original is called wherever it is kept; the partner's name is in the ledger, not in our paths."""


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes as they came, on a local disk.

    Args:
        path: Where they are.
        digests: Lower-case hexadecimal by algorithm: `sha256` and those that the partner announces.
    """

    path: Path
    digests: Mapping[str, str]


async def fetch_original(job: IntakeJob, client: SftpClient | None, item: WorkItem, folder: Path) -> Original:
    """Bring the original to `folder`.

    Raises:
        RejectedError: FILE_TOO_LARGE, before a byte is fetched; VANISHED.
        SystemicError: a kept original is no longer what came.
    """
    target = folder / NAME
    if kept := kept_original(job, item):
        first = job.ledger.items.get(item.replay_of) if item.replay_of else item
        return _recall(kept, target, first.facts.get("ciphertext_sha256"), _algorithms(job, item))
    assert client is not None, "an item without a kept original is fetched"
    fetched = await client.fetch(
        await _remote(client, item),
        target,
        algorithms=_algorithms(job, item),
        max_bytes=job.source.limits.max_bytes,
    )
    known = {name: digest for name in ("sha256", "crc32", "md5") if (digest := fetched.digest(name)) is not None}
    return Original(target, known)


async def _remote(client: SftpClient, item: WorkItem) -> RemoteFile:
    """Where the file lies; one that was refused unfetched and is released lies where the archive step put it."""
    moved_to = str(item.facts.get("moved_to", ""))
    if item.disposed_at and moved_to.startswith("/"):
        moved = await client.stat(moved_to)
        # A move that the server does by a copy changes the time.
        if moved and moved.size == item.size:
            return moved
    return RemoteFile(item.path, item.size, item.mtime)


def _algorithms(job: IntakeJob, item: WorkItem) -> tuple[str, ...]:
    """What the partner announces: in the name, in a companion or in a manifest."""
    names = set(item.facts.get("announced", ()))
    if job.source.names.checksum and job.source.names.checksum_of == "ciphertext":
        names.add(job.source.names.checksum)
    return tuple(sorted(names - {"sha256"}))


def kept_original(job: IntakeJob, item: WorkItem) -> UPath | None:
    """Where the original of a replayed or released item is; None for one that has to be fetched."""
    first = job.ledger.items.get(item.replay_of) if item.replay_of else item
    if folder := first.facts.get("folder"):
        landed = job.root / str(folder) / NAME
        if landed.exists():
            return landed
    if (folder := first.facts.get("kept")) and (job.root / folder / NAME).exists():
        return original_of(job.root / folder)
    if item.replay_of:
        raise SystemicError(
            "the kept original of a replay is gone",
            item=first.id,
            file=first.name,
            next_step="Restore the landing root, or ask the partner to send the file again.",
        )
    return None


def _recall(kept: UPath, target: Path, known: str | None, algorithms: tuple[str, ...]) -> Original:
    digests = Digests(("sha256", *algorithms))
    # Never into an old file: it may be a second name of one that was landed.
    target.unlink(missing_ok=True)
    with kept.open("rb") as source, target.open("xb") as copy:
        while data := source.read(1 << 20):
            digests.update(data)
            copy.write(data)
    if known and digests.hex("sha256") != known:
        raise SystemicError(
            "a kept original is no longer what came",
            path=str(kept),
            sha256=digests.hex("sha256"),
            recorded=known,
            next_step="Somebody changed the landing root: find out who, and restore it.",
        )
    return Original(target, digests.all())


def check_original(job: IntakeJob, item: WorkItem, original: Original) -> None:
    """All that can be checked without opening the message.

    Raises:
        RejectedError: NAME_OUT_OF_CONTRACT, EMPTY_FILE, WRONG_TYPE, CHECKSUM_MISMATCH, MALWARE.
    """
    name = parse_name(job.source.names, item.name)
    check_file(job.source.limits, original.path)
    announced: dict[str, str] = dict(item.facts.get("announced", {}))
    if name.checksum and job.source.names.checksum and job.source.names.checksum_of == "ciphertext":
        announced[job.source.names.checksum] = name.checksum
    for algorithm, digest in announced.items():
        check_digest(algorithm, digest, original.digests.get(algorithm))
    scan(job.source.limits, original.path)
