"""Writes a local file to the server with many requests under way, and sees that all of it was kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

from airflow_provider_integrations.connectors.sftp_pgp.channel import OpenFlags, SftpChannel
from airflow_provider_integrations.connectors.sftp_pgp.moving import sync
from airflow_provider_integrations.connectors.sftp_pgp.paths import from_wire, shown
from airflow_provider_integrations.core.errors import TransientError

__all__ = ["upload"]

_AT_ONCE = 16


async def upload(channel: SftpChannel, local: Path, path: bytes) -> None:
    """Write the file to `path`, over what is there; for temporary names of ours only.

    Raises:
        TransientError: if the server kept fewer bytes than it acknowledged.
        failures.DRIVER_ERRORS: from the channel and the disk.
    """
    handle = await channel.open(path, OpenFlags.WRITE | OpenFlags.CREATE | OpenFlags.TRUNCATE)
    try:
        size = 0
        under_way: set[asyncio.Task[None]] = set()
        with local.open("rb") as source:
            while data := source.read(channel.write_length):
                under_way.add(asyncio.ensure_future(channel.write(handle, size, data)))
                size += len(data)
                if len(under_way) >= _AT_ONCE:
                    done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
        await asyncio.gather(*under_way)
        await sync(channel, handle)
        written = (await channel.fstat(handle)).size
        if written != size:
            raise TransientError(
                "the server has not kept all bytes", path=shown(from_wire(path)), sent=size, kept=written
            )
    finally:
        if channel.alive:
            await channel.close_handle(handle)
