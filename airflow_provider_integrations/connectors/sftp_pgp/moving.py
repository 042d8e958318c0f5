"""Moves a remote file so that it is never lost, never overwrites other bytes, and a second run finishes a first.

The order of the ways is a choice for safety. RENAME (version 3) must fail when the target exists, so it goes first; an
OpenSSH server does it as link and unlink. `posix-rename@openssh.com` is atomic but overwrites, so it only ever replaces a
reservation that this client made under the target's name by exclusive creation. Then a hard link and removal, and last,
when the folders lie on different disks, a copy that is compared before the original goes.
"""

from __future__ import annotations

import hashlib

from airflow_provider_integrations.connectors.sftp_pgp.channel import OpenFlags, SftpChannel
from airflow_provider_integrations.connectors.sftp_pgp.failures import is_missing, translate
from airflow_provider_integrations.connectors.sftp_pgp.listing import kind_of
from airflow_provider_integrations.connectors.sftp_pgp.paths import folder_of, from_wire, last_part, shown, to_wire
from airflow_provider_integrations.connectors.sftp_pgp.protocol import Attributes, Status, StatusError, string
from airflow_provider_integrations.connectors.sftp_pgp.ranges import read_range
from airflow_provider_integrations.core.errors import PermanentError, RejectedError, TransientError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["attributes_or_none", "copy_bytes", "digest_of", "move_file"]

_POSIX_RENAME = b"posix-rename@openssh.com"
_HARD_LINK = b"hardlink@openssh.com"
_FSYNC = b"fsync@openssh.com"
_RESERVED = b"reserved by a move from "
_COPY_PIECE = 8 * 1024 * 1024


async def attributes_or_none(channel: SftpChannel, path: bytes) -> Attributes | None:
    """LSTAT; None when there is nothing of that name."""
    try:
        return await channel.lstat(path)
    except StatusError as error:
        if is_missing(error):
            return None
        raise


async def move_file(channel: SftpChannel, old: bytes, new: bytes, *, may_be_taken: bool = False) -> None:
    """Give the file at `old` the name `new`; if that is done already, nothing happens.

    Args:
        channel: To the server.
        old, new: Paths.
        may_be_taken: Whether somebody may take the file away as soon as it has its new name.

    Raises:
        RejectedError: `VANISHED` when neither is there; `NAME_UNSAFE` when it is no regular file.
        PermanentError: when other bytes are at `new`.
        TransientError: when the two changed while it worked; run it again.
        failures.DRIVER_ERRORS: from the channel.
    """
    if old == new:
        return
    source, present = old, await attributes_or_none(channel, old)
    if present is None:
        source, present = _aside(old), await attributes_or_none(channel, _aside(old))
    if present is None:
        if await attributes_or_none(channel, new) is None:
            raise RejectedError(Reason.VANISHED, path=_text(old))
        return
    if kind_of(present) not in ("file", "unknown"):
        raise RejectedError(Reason.NAME_UNSAFE, "only regular files are moved", path=_text(old), kind=kind_of(present))
    await _drop_reservation(channel, old, new)
    target = await attributes_or_none(channel, new)
    if target is not None:
        await _drop_twin(channel, source, present, new, target, aside=_aside(old), old=old)
        return
    await _rename(channel, source, present, new, reserved_for=old, may_be_taken=may_be_taken)


async def _drop_twin(
    channel: SftpChannel,
    source: bytes,
    present: Attributes,
    new: bytes,
    target: Attributes,
    *,
    aside: bytes,
    old: bytes,
) -> None:
    """Both names are there: a move that was cut off, or one file that the server knows by both, or a conflict.

    The source is set aside first: if the target goes with it, they were one file (a server without regard to case, a
    linked folder), and removing "the twin" would have removed the only copy.
    """
    same = present.size == target.size and await digest_of(channel, source) == await digest_of(channel, new)
    if not same:
        if source == aside:
            await channel.rename(aside, old)
        raise PermanentError(
            "another file with other bytes has the target's name; nothing was moved",
            path=_text(old),
            target=_text(new),
            size=present.size,
            target_size=target.size,
            next_step="Look at both; move or rename the one at the target.",
        )
    if source != aside:
        await channel.rename(source, aside)
    if await attributes_or_none(channel, new) is None:
        await _rename(channel, aside, present, new, reserved_for=old)
    else:
        await channel.remove(aside)


async def _rename(
    channel: SftpChannel,
    source: bytes,
    present: Attributes,
    new: bytes,
    *,
    reserved_for: bytes,
    may_be_taken: bool = False,
) -> None:
    """Rename to a name that was free a moment ago, by the first way that the server goes."""
    try:
        await channel.rename(source, new)
    except StatusError as refused:
        if is_missing(refused) or await attributes_or_none(channel, new) is not None:
            raise translate(refused, "renaming", path=_text(source), target=_text(new)) from refused
        if not (
            await _posix_rename(channel, source, new, reserved_for)
            or await _link_and_remove(channel, source, new)
            or (refused.code == Status.FAILURE and await _copy_and_remove(channel, source, present, new))
        ):
            raise translate(refused, "renaming", path=_text(source), target=_text(new)) from refused
    moved = await attributes_or_none(channel, new)
    as_said = may_be_taken if moved is None else moved.size == present.size
    if not as_said or await attributes_or_none(channel, source) is not None:
        raise TransientError(
            "the server has not moved the file as it said",
            path=_text(source),
            target=_text(new),
            size=present.size,
            target_size=None if moved is None else moved.size,
            next_step="It is tried again; some gateways copy in the background.",
        )


async def _posix_rename(channel: SftpChannel, source: bytes, new: bytes, reserved_for: bytes) -> bool:
    if not channel.offers(_POSIX_RENAME):
        return False
    try:
        handle = await channel.open(new, OpenFlags.WRITE | OpenFlags.CREATE | OpenFlags.EXCLUSIVE)
        await channel.write(handle, 0, _RESERVED + reserved_for)
        await channel.close_handle(handle)
        await channel.extended(_POSIX_RENAME, string(source), string(new))
    except StatusError:
        await _drop_reservation(channel, reserved_for, new)
        return False
    return True


async def _drop_reservation(channel: SftpChannel, old: bytes, new: bytes) -> None:
    """Remove what an attempt that was cut off reserved; it is known by its content, which names the source."""
    mark = _RESERVED + old
    found = await attributes_or_none(channel, new)
    if found is None or found.size is None or found.size > len(mark) or kind_of(found) != "file":
        return
    content = bytearray()
    handle = await channel.open(new, OpenFlags.READ)
    try:
        await read_range(channel, handle, 0, found.size, content.extend)
    finally:
        await channel.close_handle(handle)
    # An empty one was cut off before its mark was written; the real source exists, and no bytes go with it.
    source = await attributes_or_none(channel, old)
    if content == mark or (not content and channel.offers(_POSIX_RENAME) and source is not None and source.size):
        await channel.remove(new)


async def _link_and_remove(channel: SftpChannel, source: bytes, new: bytes) -> bool:
    if not channel.offers(_HARD_LINK):
        return False
    try:
        await channel.extended(_HARD_LINK, string(source), string(new))
    except StatusError:
        return False
    await channel.remove(source)
    return True


async def _copy_and_remove(channel: SftpChannel, source: bytes, present: Attributes, new: bytes) -> bool:
    """Through this machine, for folders on different disks: to a temporary name beside the target, then renamed."""
    folder, name = from_wire(new).rsplit("/", 1)
    temporary = to_wire(f"{folder}/.{name[:200]}.copying")
    try:
        await copy_bytes(channel, source, present.size or 0, temporary)
        if await digest_of(channel, source) != await digest_of(channel, temporary):
            raise TransientError("the copy differs from the file", path=_text(source))
        await channel.rename(temporary, new)
    except StatusError:
        return False
    await channel.remove(source)
    return True


async def copy_bytes(channel: SftpChannel, source: bytes, size: int, target: bytes) -> None:
    """Copy on the server through this machine, some megabytes at a time."""
    reading = await channel.open(source, OpenFlags.READ)
    try:
        writing = await channel.open(target, OpenFlags.WRITE | OpenFlags.CREATE | OpenFlags.TRUNCATE)
        try:
            for start in range(0, size, _COPY_PIECE):
                piece = bytearray()
                await read_range(channel, reading, start, min(start + _COPY_PIECE, size), piece.extend)
                for at in range(0, len(piece), channel.write_length):
                    await channel.write(writing, start + at, bytes(piece[at : at + channel.write_length]))
            await sync(channel, writing)
        finally:
            await channel.close_handle(writing)
    finally:
        await channel.close_handle(reading)


async def sync(channel: SftpChannel, handle: bytes) -> None:
    """Have the server put the file on its disk, if it offers that."""
    if channel.offers(_FSYNC):
        await channel.extended(_FSYNC, string(handle))


async def digest_of(channel: SftpChannel, path: bytes) -> str:
    """SHA-256 of a remote file's bytes, which are read for it."""
    digest = hashlib.sha256()
    handle = await channel.open(path, OpenFlags.READ)
    try:
        await read_range(channel, handle, 0, (await channel.fstat(handle)).size or 0, digest.update)
    finally:
        await channel.close_handle(handle)
    return digest.hexdigest()


def _aside(path: bytes) -> bytes:
    """The name under which a source waits while its twin is looked at; it begins with a dot, so no listing takes it."""
    text = from_wire(path)
    return to_wire(f"{folder_of(text).rstrip('/')}/.{last_part(text)[:200]}.moving")


def _text(path: bytes) -> str:
    return shown(from_wire(path))
