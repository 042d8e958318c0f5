"""The original bytes of a work item: fetched from the partner, or taken from where they were kept.

A replay and a release never ask the partner again: they take the kept original, and prove by its digest that it is
still what came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upath import UPath

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.job import IntakeJob
from airflow_provider_integrations.connectors.sftp_pgp.names import parse_name
from airflow_provider_integrations.connectors.sftp_pgp.scanner import check_file, scan
from airflow_provider_integrations.core.digest import digest_stream
from airflow_provider_integrations.core.errors import RejectedError, SystemicError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import RemoteFile, WorkItem

__all__ = ["Original", "check_original", "fetch_original"]

NAME = "original.pgp"
"""What the original is called wherever it is kept; the partner's name is in the ledger, not in our paths."""


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes as they came, on a local disk.

    Args:
        path: Where they are.
        digests: Lower-case hexadecimal by algorithm: `sha256`, `crc32`, `md5`.
        size: Bytes.
    """

    path: Path
    digests: Mapping[str, str]
    size: int


async def fetch_original(job: IntakeJob, client: SftpClient | None, item: WorkItem, folder: Path) -> Original:
    """Bring the original to `folder`.

    Raises:
        RejectedError: FILE_TOO_LARGE, before a byte is fetched; VANISHED.
        SystemicError: a kept original is no longer what came.
    """
    target = folder / NAME
    if kept := kept_original(job, item):
        return _recall(kept, target, item)
    if item.size > job.source.limits.max_bytes:
        raise RejectedError(Reason.FILE_TOO_LARGE, file=item.name, size=item.size, limit=job.source.limits.max_bytes)
    assert client is not None, "an item without a kept original is fetched"
    fetched = await client.fetch(RemoteFile(item.path, item.size, item.mtime), target)
    return Original(target, {"sha256": fetched.sha256, "crc32": fetched.crc32, "md5": fetched.md5}, fetched.size)


def kept_original(job: IntakeJob, item: WorkItem) -> UPath | None:
    """Where the original of a replayed or released item is; None for one that has to be fetched."""
    first = job.ledger.items.get(item.replay_of) if item.replay_of else item
    for folder in (first.facts.get("folder"), first.facts.get("kept")):
        if folder and (path := UPath(folder) / NAME).exists():
            return path
    if item.replay_of:
        raise SystemicError(
            "the kept original of a replay is gone",
            item=first.id,
            file=first.name,
            next_step="Restore the landing root, or ask the partner to send the file again.",
        )
    return None


def _recall(kept: UPath, target: Path, item: WorkItem) -> Original:
    with kept.open("rb") as source, target.open("wb") as copy:
        digests, size = digest_stream(source, copy_to=copy)
    known = item.facts.get("ciphertext_sha256")
    if known and digests["sha256"] != known:
        raise SystemicError(
            "a kept original is no longer what came",
            path=str(kept),
            sha256=digests["sha256"],
            recorded=known,
            next_step="Somebody changed the landing root: find out who, and restore it.",
        )
    return Original(target, digests, size)


def check_original(job: IntakeJob, item: WorkItem, original: Original) -> None:
    """All that can be checked without opening the message.

    Raises:
        RejectedError: NAME_OUT_OF_CONTRACT, EMPTY_FILE, WRONG_TYPE, CHECKSUM_MISMATCH, MALWARE.
    """
    name = parse_name(job.source.names, item.name)
    check_file(job.source.limits, original.path)
    announced: dict[str, Any] = dict(item.facts.get("announced", {}))
    policy = job.source.names
    if policy.checksum and policy.checksum_of == "ciphertext" and name.checksum:
        announced[policy.checksum] = name.checksum
    for algorithm, expected in announced.items():
        if original.digests[algorithm].lower() != expected.lower():
            raise RejectedError(
                Reason.CHECKSUM_MISMATCH,
                file=item.name,
                algorithm=algorithm,
                announced=expected.lower(),
                computed=original.digests[algorithm],
            )
    scan(job.source.limits, original.path)
