"""Reads a folder as one directory stream into a `Listing`."""

from __future__ import annotations

import asyncio
from datetime import datetime

from airflow_provider_integrations.connectors.sftp_pgp.channel import SftpChannel
from airflow_provider_integrations.connectors.sftp_pgp.listing import MOST_SKIPPED, Listing, Skipped, classify
from airflow_provider_integrations.connectors.sftp_pgp.moving import attributes_or_none
from airflow_provider_integrations.connectors.sftp_pgp.paths import shown
from airflow_provider_integrations.connectors.sftp_pgp.protocol import Entry
from airflow_provider_integrations.core.errors import PermanentError
from airflow_provider_integrations.core.work_item import RemoteFile

__all__ = ["look_into"]

_ASKED_AT_ONCE = 64


async def look_into(channel: SftpChannel, path: bytes, folder: str, *, max_files: int, at: datetime | None) -> Listing:
    """List a folder; entries that the server gives without size, time or type are asked for one by one.

    A folder that changes while it is read may show a name twice: the later entry counts.

    Raises:
        PermanentError: for more than `max_files` files.
        failures.DRIVER_ERRORS: from the channel.
    """
    files: dict[str, RemoteFile] = {}
    skipped: list[Skipped] = []
    skipped_count = 0
    bare: list[bytes] = []
    async for entry in channel.entries(path):
        try:
            found = classify(folder, entry.name, entry.attributes, entry.long_name)
        except ValueError:
            bare.append(entry.name)
            continue
        if isinstance(found, RemoteFile):
            files[found.name] = found
        elif found is not None:
            if found.what == "unknown":
                bare.append(entry.name)
                continue
            skipped_count += 1
            if len(skipped) < MOST_SKIPPED:
                skipped.append(found)
        if len(files) + len(bare) > max_files:
            raise PermanentError(
                "the folder holds more files than the limit",
                folder=shown(folder),
                limit=max_files,
                next_step="Clear the folder with the partner, or raise limits.max_files of the source.",
            )
    for start in range(0, len(bare), _ASKED_AT_ONCE):
        for known in await asyncio.gather(
            *(_ask(channel, path, folder, name) for name in bare[start : start + _ASKED_AT_ONCE])
        ):
            if isinstance(known, RemoteFile):
                files[known.name] = known
            elif known is not None:
                skipped_count += 1
                if len(skipped) < MOST_SKIPPED:
                    skipped.append(known)
    return Listing(folder, tuple(files.values()), at, tuple(skipped), skipped_count)


async def _ask(channel: SftpChannel, path: bytes, folder: str, name: bytes) -> RemoteFile | Skipped | None:
    attributes = await attributes_or_none(channel, path.rstrip(b"/") + b"/" + name)
    if attributes is None:
        return None  # gone meanwhile
    entry = Entry(name, b"", attributes)
    try:
        return classify(folder, entry.name, entry.attributes)
    except ValueError:
        return Skipped(shown(name.decode("utf-8", "replace")), "unknown")
