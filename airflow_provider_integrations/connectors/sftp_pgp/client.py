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
from typing import Any, TypeVar

import asyncssh

from airflow_provider_integrations.connectors.sftp_pgp.channel import OpenFlags, SftpChannel
from airflow_provider_integrations.connectors.sftp_pgp.completeness import companions_to_read
from airflow_provider_integrations.connectors.sftp_pgp.connection import open_connection
from airflow_provider_integrations.connectors.sftp_pgp.failures import DRIVER_ERRORS, is_missing, translate
from airflow_provider_integrations.connectors.sftp_pgp.listing import Listing, kind_of
from airflow_provider_integrations.connectors.sftp_pgp.looking import look_into
from airflow_provider_integrations.connectors.sftp_pgp.moving import attributes_or_none, move_file, sync
from airflow_provider_integrations.connectors.sftp_pgp.paths import (
    Jail,
    folder_of,
    from_wire,
    last_part,
    shown,
    to_wire,
)
from airflow_provider_integrations.connectors.sftp_pgp.protocol import StatusError
from airflow_provider_integrations.connectors.sftp_pgp.ranges import read_range
from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings
from airflow_provider_integrations.connectors.sftp_pgp.transfer import Fetched, fetch_once, partial_of
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    PermanentError,
    RejectedError,
    StalledError,
    TransientError,
)
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import CompletenessPolicy
from airflow_provider_integrations.core.work_item import RemoteFile

__all__ = ["SftpClient"]

T = TypeVar("T")

ATTEMPTS = 5
"""So often in a row a call may fail without progress before it is given up."""

LEAST_GAIN = 64 * 1024
"""Bytes that an attempt must have gained to count as progress: a link that brings a few each time gets nowhere."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds

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
        self._sleep, self._chance = sleep, chance
        self._connection: asyncssh.SSHClientConnection | None = None
        self._channel: SftpChannel | None = None
        self._jail: Jail | None = None
        self._opening = asyncio.Lock()

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
            await client._opened()
            yield client
        finally:
            await client.close()

    async def close(self) -> None:
        """Close the connection; a server that does not answer is not waited for."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            connection.abort()
            with contextlib.suppress(*DRIVER_ERRORS):
                async with asyncio.timeout(5):
                    await connection.wait_closed()

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
                await _expect_inside(channel, jail, path)
                return await look_into(channel, to_wire(path), folder, max_files=max_files, at=at)
            except (StatusError, RejectedError) as error:
                if is_missing(error) or (isinstance(error, RejectedError) and error.reason is Reason.VANISHED):
                    raise ConfigError("there is no such folder", folder=shown(folder)) from error
                raise

        listing = await self._run("listing", work, path=folder)
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
            found = await attributes_or_none(channel, to_wire(await _in_jail(channel, jail, path)))
            if found is None or kind_of(found) not in ("file", "unknown"):
                return None
            return RemoteFile(path, found.size or 0, found.mtime or 0)

        return await self._run("looking at", work, path=path)

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
            path = to_wire(await _in_jail(channel, jail, remote.path))
            return await fetch_once(channel, path, remote, target, algorithms, on_bytes)

        def progress() -> int:
            partial = partial_of(target, remote)
            return partial.stat().st_size if partial.exists() else 0

        return await self._run("reading", work, progress=progress, path=remote.path)

    async def read_small(self, path: str, max_bytes: int = MOST_SMALL) -> bytes:
        """The content of a small file, such as a companion.

        Raises:
            RejectedError: `FILE_TOO_LARGE`, `VANISHED`.
        """

        async def work(channel: SftpChannel, jail: Jail) -> bytes:
            inside = to_wire(await _in_jail(channel, jail, path))
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

        return await self._run("reading", work, path=path)

    async def move(self, source: str, target: str) -> None:
        """Give a file another name or folder, which is made if it is missing; done already is fine.

        Raises:
            RejectedError: `VANISHED` when it is at neither place.
            PermanentError: when a file with other bytes has the target's name; nothing is overwritten.
        """
        await self.make_folder(folder_of(target))

        async def work(channel: SftpChannel, jail: Jail) -> None:
            old, new = await _in_jail(channel, jail, source), await _in_jail(channel, jail, target)
            await move_file(channel, to_wire(old), to_wire(new))

        await self._run("moving", work, path=source, target=shown(target))

    async def put(self, local: Path, path: str) -> None:
        """Upload under a temporary name, then rename; the folder is made, the same bytes there already are fine.

        Raises:
            PermanentError: when a file with other bytes has the name.
        """
        with local.open("rb") as opened:
            digest = await asyncio.to_thread(lambda: hashlib.file_digest(opened, "sha256").hexdigest())
        temporary = f"{folder_of(path).rstrip('/')}/.{last_part(path)[:200]}.{digest[:12]}.uploading"

        await self.make_folder(folder_of(path))

        async def work(channel: SftpChannel, jail: Jail) -> None:
            first, final = await _in_jail(channel, jail, temporary), await _in_jail(channel, jail, path)
            await _upload(channel, local, to_wire(first))
            try:
                await move_file(channel, to_wire(first), to_wire(final))
            except PermanentError:
                await channel.remove(to_wire(first))
                raise

        await self._run("writing", work, path=path)

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
            await _expect_inside(channel, jail, at)
            for folder in reversed(missing):
                try:
                    await channel.mkdir(to_wire(folder))
                except StatusError:
                    if await attributes_or_none(channel, to_wire(folder)) is None:
                        raise  # else another worker made it meanwhile

        await self._run("making a folder", work, path=path)

    # --- the connection ------------------------------------------------------------------------------------------

    async def _run(
        self,
        doing: str,
        work: Callable[[SftpChannel, Jail], Awaitable[T]],
        *,
        progress: Callable[[], int] = lambda: 0,
        **values: Any,
    ) -> T:
        """Do the work; when the link broke, connect again and repeat it, as long as it gets further."""
        failed, reached = 0, progress()
        channel: SftpChannel | None = None
        while True:
            try:
                channel, jail = await self._opened()
                return await work(channel, jail)
            except (*DRIVER_ERRORS, TransientError) as raw:
                error = translate(raw, doing, **values)
                if not isinstance(error, (ConnectionLostError, StalledError)):
                    raise error from (None if error is raw else raw)
                if channel is not None and channel is self._channel:
                    await self.close()  # unless another call has opened a new one already
                now = progress()
                if now - reached >= LEAST_GAIN:
                    failed, reached = 0, now
                failed += 1
                if failed >= ATTEMPTS:
                    raise error from (None if error is raw else raw)
            pause = min(FIRST_PAUSE * 2 ** (failed - 1), LONGEST_PAUSE)
            await self._sleep(pause * (0.5 + self._chance() / 2))

    async def _opened(self) -> tuple[SftpChannel, Jail]:
        """The channel, opened anew if the server closed it, and the root as the server resolves it."""
        async with self._opening:
            if self._channel is None or not self._channel.alive:
                self._channel = await self._open_channel()
            if self._jail is None:
                self._jail = await self._resolve_root(self._channel)
            return self._channel, self._jail

    async def _open_channel(self) -> SftpChannel:
        if self._connection is not None:
            # A server that closes idle channels may have kept the connection.
            with contextlib.suppress(*DRIVER_ERRORS):
                return await SftpChannel.start(self._connection, self.settings.idle_timeout)
            await self.close()
        self._connection = await open_connection(self.settings)
        try:
            return await SftpChannel.start(self._connection, self.settings.idle_timeout)
        except DRIVER_ERRORS as error:
            raise translate(error, "opening the SFTP channel", host=self.settings.host) from error

    async def _resolve_root(self, channel: SftpChannel) -> Jail:
        try:
            root = await channel.realpath(to_wire(self.settings.root))
            kind = kind_of(await channel.lstat(root))
        except DRIVER_ERRORS as error:
            if is_missing(error):
                raise ConfigError("the connection's root is not on the server", root=self.settings.root) from error
            raise translate(error, "resolving the root", root=self.settings.root) from error
        if kind not in ("folder", "unknown"):
            raise ConfigError("the connection's root is no folder", root=self.settings.root, kind=kind)
        return Jail(from_wire(root))


async def _in_jail(channel: SftpChannel, jail: Jail, path: str) -> str:
    """The path on the server, after the server has shown that its folder is no way out."""
    inside = jail.inside(path)
    await _expect_inside(channel, jail, inside if inside == jail.root else folder_of(inside))
    return inside


async def _expect_inside(channel: SftpChannel, jail: Jail, folder: str) -> None:
    resolved = from_wire(await channel.realpath(to_wire(folder)))
    if not jail.contains(resolved):
        raise RejectedError(
            Reason.NAME_UNSAFE, "a symbolic link leads out of the connection's root", path=shown(folder)
        )


async def _upload(channel: SftpChannel, local: Path, path: bytes) -> None:
    handle = await channel.open(path, OpenFlags.WRITE | OpenFlags.CREATE | OpenFlags.TRUNCATE)
    try:
        size = 0
        under_way: set[asyncio.Task[None]] = set()
        with local.open("rb") as source:
            while data := source.read(channel.write_length):
                under_way.add(asyncio.ensure_future(channel.write(handle, size, data)))
                size += len(data)
                if len(under_way) >= 16:
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
