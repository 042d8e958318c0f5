"""The partner's SFTP server, as far as a file intake needs it.

    async with SftpClient.connect(settings) as client:
        for file in await client.list_files("/outbound"):
            fetched = await client.fetch(file, Path("stage") / file.name)

Paths are those of the partner, under the connection's root. A broken link is mended: each call connects again, within
bounds, and all calls may be repeated safely. Several calls may be under way at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.sftp_pgp.channel import OpenFlags, SftpChannel
from airflow_provider_integrations.connectors.sftp_pgp.completeness import companions_to_read
from airflow_provider_integrations.connectors.sftp_pgp.failures import is_missing
from airflow_provider_integrations.connectors.sftp_pgp.link import Link, expect_inside, in_jail
from airflow_provider_integrations.connectors.sftp_pgp.listing import Listing, kind_of
from airflow_provider_integrations.connectors.sftp_pgp.looking import look_into
from airflow_provider_integrations.connectors.sftp_pgp.moving import attributes_or_none, move_file
from airflow_provider_integrations.connectors.sftp_pgp.paths import (
    Jail,
    folder_of,
    last_part,
    shown,
    to_wire,
)
from airflow_provider_integrations.connectors.sftp_pgp.protocol import StatusError
from airflow_provider_integrations.connectors.sftp_pgp.ranges import read_range
from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings
from airflow_provider_integrations.connectors.sftp_pgp.transfer import Fetched, fetch_once, partial_of
from airflow_provider_integrations.connectors.sftp_pgp.uploading import upload
from airflow_provider_integrations.core.errors import ConfigError, PermanentError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import CompletenessPolicy
from airflow_provider_integrations.core.work_item import RemoteFile

__all__ = ["SftpClient"]

MOST_SMALL = 1024 * 1024
"""Bytes that `read_small` takes at most unless told otherwise."""


class SftpClient:
    """One logged-in connection; made by `connect`.

    Args:
        settings: Where and who.
        sleep, chance: Ports for the pauses between attempts; `chance` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        settings: SftpSettings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self._link = Link(settings, sleep=sleep, chance=chance)

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, settings: SftpSettings, **ports: Any) -> AsyncIterator[SftpClient]:
        """Connect, prove the host key, log in and resolve the root.

        Raises:
            HostKeyError: none is pinned (the message shows what to pin), or another one was shown.
            ConfigError: the login was refused, or there is no such root.
            TransientError: the server cannot be reached now.
        """
        client = cls(settings, **ports)
        try:
            await client._link.opened()
            yield client
        finally:
            await client.close()

    async def close(self) -> None:
        """Close the connection; a server that does not answer is not waited for."""
        await self._link.close()

    async def look(
        self,
        folder: str,
        *,
        max_files: int = 100_000,
        at: datetime | None = None,
        completeness: CompletenessPolicy | None = None,
    ) -> Listing:
        """One look into a folder: a single directory stream, no question for each file.

        With a completeness policy the companions whose content matters are read too.

        Raises:
            PermanentError: for more than `max_files` files.
            ConfigError: if there is no such folder.
        """

        async def work(channel: SftpChannel, jail: Jail) -> Listing:
            try:
                path = jail.inside(folder)
                await expect_inside(channel, jail, path)
                return await look_into(channel, to_wire(path), folder, max_files=max_files, at=at)
            except (StatusError, RejectedError) as error:
                if is_missing(error) or (isinstance(error, RejectedError) and error.reason is Reason.VANISHED):
                    raise ConfigError("there is no such folder", folder=shown(folder)) from error
                raise

        listing = await self._link.run("listing", work, path=folder)
        if completeness is None:
            return listing
        texts = {}
        for companion in companions_to_read(completeness, listing):
            try:
                texts[companion.path] = (await self.read_small(companion.path)).decode("utf-8", "replace")
            except RejectedError:
                texts[companion.path] = ""  # gone or huge: it announces nothing, and its file waits
        return Listing(listing.folder, listing.files, listing.at, listing.skipped, listing.skipped_count, texts)

    async def list_files(self, folder: str, max_files: int = 100_000) -> list[RemoteFile]:
        """The regular files of a folder with safe names, in the server's order; see `look`."""
        return list((await self.look(folder, max_files=max_files)).files)

    async def stat(self, path: str) -> RemoteFile | None:
        """The regular file at a path, None if there is none."""

        async def work(channel: SftpChannel, jail: Jail) -> RemoteFile | None:
            found = await attributes_or_none(channel, to_wire(await in_jail(channel, jail, path)))
            if found is None or kind_of(found) not in ("file", "unknown"):
                return None
            return RemoteFile(path, found.size or 0, found.mtime or 0)

        try:
            return await self._link.run("looking at", work, path=path)
        except RejectedError as error:
            if error.reason is Reason.VANISHED:
                return None  # not even its folder is there
            raise

    async def fetch(
        self,
        remote: RemoteFile,
        target: Path,
        *,
        on_bytes: Callable[[int], None] | None = None,
        algorithms: Collection[str] = ("crc32",),
        max_bytes: int | None = None,
    ) -> Fetched:
        """Fetch a file whole, going on from what an earlier attempt, also of a killed process, left beside the target.

        Args:
            remote: The version to fetch, as it was listed.
            target: Where it goes; it appears at once, when whole.
            on_bytes: Is told the bytes that are here, at most four times a second; it must not block.
            algorithms: Digests wanted besides SHA-256: `crc32`, `md5` (which is slower than the transfer).
            max_bytes: Limit of the partner.

        Raises:
            RejectedError: `FILE_TOO_LARGE`, `VANISHED`, `NAME_UNSAFE`.
            TransientError: the link broke too often, or the file is not the version that was listed.
        """
        if max_bytes is not None and remote.size > max_bytes:
            raise RejectedError(Reason.FILE_TOO_LARGE, path=shown(remote.path), size=remote.size, limit=max_bytes)

        async def work(channel: SftpChannel, jail: Jail) -> Fetched:
            path = to_wire(await in_jail(channel, jail, remote.path))
            return await fetch_once(channel, path, remote, target, algorithms, on_bytes)

        def progress() -> int:
            partial = partial_of(target, remote)
            return partial.stat().st_size if partial.exists() else 0

        return await self._link.run("reading", work, progress=progress, path=remote.path)

    async def read_small(self, path: str, max_bytes: int = MOST_SMALL) -> bytes:
        """The content of a small file, such as a companion.

        Raises:
            RejectedError: `FILE_TOO_LARGE`, `VANISHED`.
        """

        async def work(channel: SftpChannel, jail: Jail) -> bytes:
            inside = to_wire(await in_jail(channel, jail, path))
            if kind_of(await channel.lstat(inside)) not in ("file", "unknown"):
                raise RejectedError(Reason.NAME_UNSAFE, "only regular files are read", path=shown(path))
            handle = await channel.open(inside, OpenFlags.READ)
            try:
                size = (await channel.fstat(handle)).size or 0
                if size > max_bytes:
                    raise RejectedError(Reason.FILE_TOO_LARGE, path=shown(path), size=size, limit=max_bytes)
                content = bytearray()
                await read_range(channel, handle, 0, size, content.extend)
                return bytes(content)
            finally:
                if channel.alive:
                    await channel.close_handle(handle)

        return await self._link.run("reading", work, path=path)

    async def move(self, source: str, target: str) -> None:
        """Give a file another name or folder, which is made if it is missing; done already is fine.

        Raises:
            RejectedError: `VANISHED` when it is at neither place.
            PermanentError: when a file with other bytes has the target's name; nothing is overwritten.
        """
        await self.make_folder(folder_of(target))

        async def work(channel: SftpChannel, jail: Jail) -> None:
            old, new = await in_jail(channel, jail, source), await in_jail(channel, jail, target)
            await move_file(channel, to_wire(old), to_wire(new))

        await self._link.run("moving", work, path=source, target=shown(target))

    async def put(self, local: Path, path: str) -> None:
        """Upload under a temporary name, then rename; the folder is made, the same bytes there already are fine.

        The partner may take the file as soon as it has its name; it is not uploaded again for that.

        Raises:
            PermanentError: when a file with other bytes has the name.
        """
        with local.open("rb") as opened:
            digest = await asyncio.to_thread(lambda: hashlib.file_digest(opened, "sha256").hexdigest())
        temporary = f"{folder_of(path).rstrip('/')}/.{last_part(path)[:200]}.{digest[:12]}.uploading"

        await self.make_folder(folder_of(path))

        asked = False

        async def work(channel: SftpChannel, jail: Jail) -> None:
            nonlocal asked
            again, first = asked, to_wire(await in_jail(channel, jail, temporary))
            final = to_wire(await in_jail(channel, jail, path))
            if not again or await attributes_or_none(channel, first) is not None:
                await upload(channel, local, first)
            asked = True
            try:
                await move_file(channel, first, final, may_be_taken=True)
            except PermanentError as refusal:
                if again and isinstance(refusal, RejectedError) and refusal.reason is Reason.VANISHED:
                    return  # It was renamed before the link broke, and taken away since.
                with contextlib.suppress(StatusError):
                    await channel.remove(first)
                raise

        await self._link.run("writing", work, path=path)

    async def make_folder(self, path: str) -> None:
        """Make a folder and what is missing above it."""

        async def work(channel: SftpChannel, jail: Jail) -> None:
            missing: list[str] = []
            at = jail.inside(path)
            while (found := await attributes_or_none(channel, to_wire(at))) is None and at != jail.root:
                missing.append(at)
                at = folder_of(at)
            if found is None or kind_of(found) == "file":
                raise ConfigError("a folder cannot be made here", path=shown(path), in_the_way=shown(at))
            await expect_inside(channel, jail, at)
            for folder in reversed(missing):
                try:
                    await channel.mkdir(to_wire(folder))
                except StatusError:
                    if await attributes_or_none(channel, to_wire(folder)) is None:
                        raise  # else another worker made it meanwhile

        await self._link.run("making a folder", work, path=path)
