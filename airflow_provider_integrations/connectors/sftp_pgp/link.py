"""The link to one server: opened when needed, opened again when it broke, and jailed in the connection's root."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncssh

from airflow_provider_integrations.connectors.sftp_pgp.channel import IN_FLIGHT, SftpChannel
from airflow_provider_integrations.connectors.sftp_pgp.connection import open_connection
from airflow_provider_integrations.connectors.sftp_pgp.failures import DRIVER_ERRORS, is_missing, translate
from airflow_provider_integrations.connectors.sftp_pgp.listing import kind_of
from airflow_provider_integrations.connectors.sftp_pgp.paths import Jail, folder_of, from_wire, shown, to_wire
from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    RejectedError,
    StalledError,
    TransientError,
)
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["ATTEMPTS", "Link", "expect_inside", "in_jail"]

T = TypeVar("T")

ATTEMPTS = 5
"""So often in a row a call may fail without progress before it is given up."""

LEAST_GAIN = 64 * 1024
"""Bytes that an attempt must have gained to count as progress: a link that brings a few each time gets nowhere."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds


class Link:
    """Runs work on a channel, and again on a new one when the old one broke.

    Args:
        settings: Where and who.
        sleep, chance: Ports for the pauses between attempts; `chance` gives numbers from 0 to 1.
    """

    def __init__(
        self, settings: SftpSettings, *, sleep: Callable[[float], Awaitable[None]], chance: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._sleep, self._chance = sleep, chance
        self._connection: asyncssh.SSHClientConnection | None = None
        self._channel: SftpChannel | None = None
        self._jail: Jail | None = None
        self._opening = asyncio.Lock()
        self._steps = 0
        self._in_flight = IN_FLIGHT

    async def close(self) -> None:
        """Close the connection; a server that does not answer is not waited for."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            connection.abort()
            with contextlib.suppress(*DRIVER_ERRORS):
                async with asyncio.timeout(5):
                    await connection.wait_closed()

    async def run(
        self,
        doing: str,
        work: Callable[[SftpChannel, Jail], Awaitable[T]],
        *,
        progress: Callable[[], int] = lambda: 0,
        **values: Any,
    ) -> T:
        """Do the work; when the link broke, connect again and repeat it, as long as it gets further.

        What any other call gains on the way counts too: the link works, and this one's turn comes.
        """
        failed, reached, steps = 0, progress(), self._steps
        channel: SftpChannel | None = None
        while True:
            try:
                channel, jail = await self.opened()
                result = await work(channel, jail)
                self._steps += 1
                channel.in_flight = self._in_flight = min(self._in_flight * 4, IN_FLIGHT)
                return result
            except (*DRIVER_ERRORS, TransientError) as raw:
                error = translate(raw, doing, **values)
                if not isinstance(error, (ConnectionLostError, StalledError)):
                    raise error from (None if error is raw else raw)
                if channel is not None and channel is self._channel:
                    # What was under way when a link breaks is lost. Asking for less ahead bounds that, so that links
                    # that always break after a while still get further; it is at its least before the attempts run out.
                    # Another call may have opened a new one already.
                    self._in_flight = max(self._in_flight // 16, LEAST_GAIN)
                    await self.close()
                now = progress()
                if now - reached >= LEAST_GAIN:
                    self._steps, reached = self._steps + 1, now
                if self._steps > steps:
                    failed, steps = 0, self._steps
                failed += 1
                if failed >= ATTEMPTS:
                    raise error from (None if error is raw else raw)
            pause = min(FIRST_PAUSE * 2 ** (failed - 1), LONGEST_PAUSE)
            await self._sleep(pause * (0.5 + self._chance() / 2))

    async def opened(self) -> tuple[SftpChannel, Jail]:
        """The channel, opened anew if the server closed it, and the root as the server resolves it."""
        async with self._opening:
            if self._channel is None or not self._channel.alive:
                self._channel = await self._open_channel()
                self._channel.in_flight = self._in_flight
            if self._jail is None:
                self._jail = await self._resolve_root(self._channel)
            return self._channel, self._jail

    async def _open_channel(self) -> SftpChannel:
        if self._connection is not None:
            # A server that closes idle channels may have kept the connection.
            with contextlib.suppress(*DRIVER_ERRORS):
                return await SftpChannel.start(self._connection, self._settings.idle_timeout)
            await self.close()
        self._connection = await open_connection(self._settings)
        try:
            return await SftpChannel.start(self._connection, self._settings.idle_timeout)
        except DRIVER_ERRORS as error:
            raise translate(error, "opening the SFTP channel", host=self._settings.host) from error

    async def _resolve_root(self, channel: SftpChannel) -> Jail:
        try:
            root = await channel.realpath(to_wire(self._settings.root))
            kind = kind_of(await channel.lstat(root))
        except DRIVER_ERRORS as error:
            if is_missing(error):
                raise ConfigError("the connection's root is not on the server", root=self._settings.root) from error
            raise translate(error, "resolving the root", root=self._settings.root) from error
        if kind not in ("folder", "unknown"):
            raise ConfigError("the connection's root is no folder", root=self._settings.root, kind=kind)
        return Jail(from_wire(root))


async def in_jail(channel: SftpChannel, jail: Jail, path: str) -> str:
    """The path on the server, after the server has shown that its folder is no way out."""
    inside = jail.inside(path)
    await expect_inside(channel, jail, inside if inside == jail.root else folder_of(inside))
    return inside


async def expect_inside(channel: SftpChannel, jail: Jail, folder: str) -> None:
    """Have the server resolve a folder, and refuse it if a symbolic link leads out of the root."""
    resolved = from_wire(await channel.realpath(to_wire(folder)))
    if not jail.contains(resolved):
        raise RejectedError(
            Reason.NAME_UNSAFE, "a symbolic link leads out of the connection's root", path=shown(folder)
        )
