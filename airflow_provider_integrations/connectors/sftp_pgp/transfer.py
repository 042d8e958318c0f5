"""Fetches one remote file into a local one, from where an earlier attempt ended, and proves that it is one whole version.

The bytes go to a partial file beside the target, whose name holds path, size and time of the version that was listed:
another version never continues it. It is only ever appended to, so that whatever kills the process leaves a true
beginning. When all bytes are there and the remote file has stayed the same, it takes the target's name.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_integrations.connectors.sftp_pgp.channel import OpenFlags, SftpChannel
from airflow_provider_integrations.connectors.sftp_pgp.digesting_file import DigestingFile
from airflow_provider_integrations.connectors.sftp_pgp.listing import kind_of
from airflow_provider_integrations.connectors.sftp_pgp.paths import shown
from airflow_provider_integrations.connectors.sftp_pgp.protocol import Attributes, Status, StatusError
from airflow_provider_integrations.connectors.sftp_pgp.ranges import read_range
from airflow_provider_integrations.core.errors import RejectedError, TransientError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import RemoteFile

__all__ = ["Fetched", "fetch_once", "partial_of"]

_REPORT_EVERY = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched; digests are in small hexadecimal letters, `crc32` and `md5` None unless asked for."""

    size: int
    sha256: str
    crc32: str | None = None
    md5: str | None = None

    def digest(self, algorithm: str) -> str | None:
        """The digest of that algorithm, None if it was not computed."""
        return {"sha256": self.sha256, "crc32": self.crc32, "md5": self.md5}.get(algorithm)


def partial_of(target: Path, remote: RemoteFile) -> Path:
    """Where the bytes of this version are gathered."""
    version = hashlib.sha256(f"{remote.path}\0{remote.size}\0{remote.mtime}".encode("utf-8", "surrogateescape"))
    return target.with_name(f".{target.name[:200]}.{version.hexdigest()[:16]}.part")


async def fetch_once(
    channel: SftpChannel,
    path: bytes,
    remote: RemoteFile,
    target: Path,
    algorithms: Collection[str],
    on_bytes: Callable[[int], None] | None,
) -> Fetched:
    """One attempt; what it gathered stays for the next.

    Raises:
        RejectedError: `VANISHED`, or `NAME_UNSAFE` for what is no regular file.
        TransientError: if the file is not, or does not stay, the version that was listed.
        failures.DRIVER_ERRORS: from the channel and the disk.
    """
    partial = partial_of(target, remote)
    _clear_others(target, partial)
    # Not following symbolic links is asked of the path; OPEN itself would follow.
    if kind_of(await channel.lstat(path)) not in ("file", "unknown"):
        raise RejectedError(Reason.NAME_UNSAFE, "what was listed as a file is none", path=shown(remote.path))
    handle = await channel.open(path, OpenFlags.READ)
    try:
        _expect_same(remote, await channel.fstat(handle), "before")
        if partial.is_file() and partial.stat().st_size > remote.size:
            partial.unlink()
        file = DigestingFile(partial, {"sha256", *algorithms})
        try:
            report = _reporter(on_bytes, file.start)

            def deliver(data: memoryview) -> None:
                file.put(data)
                report(len(data))

            await read_range(channel, handle, file.start, remote.size, deliver, backlog=file.backlog)
        finally:
            await asyncio.to_thread(file.close)
        found = file.digests()
        _expect_same(remote, await channel.fstat(handle), "after")
        await _expect_path_same(channel, path, remote)
    except TransientError:
        partial.unlink(missing_ok=True)  # parts of two versions may be mixed in it
        raise
    finally:
        if channel.alive:
            with contextlib.suppress(StatusError):
                await channel.close_handle(handle)
    if file.size != remote.size:
        raise TransientError("fewer bytes were written than read", size=remote.size, written=file.size)
    partial.replace(target)
    if on_bytes is not None:
        on_bytes(remote.size)
    return Fetched(remote.size, found["sha256"], found.get("crc32"), found.get("md5"))


def _expect_same(remote: RemoteFile, now: Attributes, when: str) -> None:
    if now.size is None or (now.size, now.mtime if now.mtime is not None else remote.mtime) != (
        remote.size,
        remote.mtime,
    ):
        raise TransientError(
            "the remote file is not the version that was listed",
            path=shown(remote.path),
            seen=f"{when} reading",
            listed_size=remote.size,
            listed_mtime=remote.mtime,
            size=now.size,
            mtime=now.mtime,
            next_step="The partner is writing it; it is taken when a new listing shows it whole.",
        )


async def _expect_path_same(channel: SftpChannel, path: bytes, remote: RemoteFile) -> None:
    """See that the name still means the file that was read.

    A file that was deleted meanwhile was read whole from its open handle, and counts.
    """
    try:
        now = await channel.lstat(path)
    except StatusError as error:
        if error.code in (Status.NO_SUCH_FILE, Status.NO_SUCH_PATH):
            return
        raise
    _expect_same(remote, now, "after")


def _clear_others(target: Path, partial: Path) -> None:
    """Remove what was gathered of other versions of the same target."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    prefix = f".{target.name[:200]}."
    for path in target.parent.iterdir():
        middle = path.name.removeprefix(prefix).removesuffix(".part")
        if path != partial and path.name == f"{prefix}{middle}.part" and len(middle) == 16:
            path.unlink(missing_ok=True)


def _reporter(on_bytes: Callable[[int], None] | None, start: int) -> Callable[[int], None]:
    """Counts, and tells the total at most four times a second."""
    loop = asyncio.get_running_loop()
    total, due = start, loop.time()

    def report(count: int) -> None:
        nonlocal total, due
        total += count
        if on_bytes is not None and loop.time() >= due:
            on_bytes(total)
            due = loop.time() + _REPORT_EVERY

    return report
