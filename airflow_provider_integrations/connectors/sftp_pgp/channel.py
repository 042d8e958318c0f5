"""One SFTP channel over an SSH connection: asyncssh does the SSH, `protocol` the bytes, this file the conversation.

asyncssh has an SFTP client of its own. This one exists for three things that that one does not give: reads so large
and so many at once that a link is full (see `ranges`), directory entries that cost no memory until they are wanted, and
a limit on how long any answer may take.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import asyncssh

from airflow_provider_integrations.connectors.sftp_pgp.protocol import (
    Attributes,
    Entry,
    Frames,
    Kind,
    ProtocolError,
    Reader,
    Status,
    StatusError,
    read_attributes,
    read_names,
    read_status,
    read_version,
    request,
    string,
    u32,
    u64,
)

__all__ = ["IN_FLIGHT", "OpenFlags", "SftpChannel"]

WINDOW = 32 * 1024 * 1024
"""Bytes that the server may send before we answer: 100 ms of delay at 300 MB/s."""

PACKET = 200_000
"""Bytes in one SSH packet; OpenSSH's limit is 256 KiB. Fewer packets are the larger part of asyncssh's speed."""

SAFE_READ = 32 * 1024
"""Bytes that every server answers at once; more only if it says so (`limits@openssh.com`)."""

MOST_READ = 255 * 1024

IN_FLIGHT = 16 * 1024 * 1024
"""Bytes that one read asks for ahead; also the most that it holds out of order."""

Waiter = Callable[[int, Reader | BaseException], None]


class OpenFlags:
    """The flags of OPEN."""

    READ = 0x1
    WRITE = 0x2
    CREATE = 0x8
    TRUNCATE = 0x10
    EXCLUSIVE = 0x20


class _Session(asyncssh.SSHClientSession[bytes]):
    """Gives what arrives to the channel object."""

    def __init__(self, owner: SftpChannel) -> None:
        self._owner = owner

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is None:
            self._owner.arrived(data)

    def eof_received(self) -> bool:
        self._owner.lost(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.lost(exc)


class SftpChannel:
    """A conversation with an SFTP server; every method raises `failures.DRIVER_ERRORS`.

    Args:
        timeout: Seconds that any one answer may take.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.extensions: dict[bytes, bytes] = {}
        self.read_length = SAFE_READ
        self.write_length = SAFE_READ
        self.in_flight = IN_FLIGHT
        self.bytes_received = 0
        self._frames = Frames()
        self._waiters: dict[int, Waiter] = {}
        self._next = 0
        self._gathered: list[bytes] | None = None
        self._channel: Any = None
        self._lost: BaseException | None = None
        self._version: asyncio.Future[Reader] = asyncio.get_running_loop().create_future()

    @classmethod
    async def start(cls, connection: asyncssh.SSHClientConnection, answer_within: float) -> SftpChannel:
        """Open the `sftp` subsystem and agree on version 3."""
        self = cls(answer_within)
        self._channel, _ = await connection.create_session(
            lambda: _Session(self), subsystem="sftp", encoding=None, window=WINDOW, max_pktsize=PACKET
        )
        self._channel.write(request(Kind.INIT, 3))
        async with asyncio.timeout(answer_within):
            version, self.extensions = read_version(await self._version)
        if version < 3:
            raise ProtocolError(f"the server speaks version {version}, which nothing else does")
        if b"limits@openssh.com" in self.extensions:
            await self._learn_limits()
        return self

    @property
    def alive(self) -> bool:
        """Whether requests can still be sent."""
        return self._lost is None and self._channel is not None

    def offers(self, extension: bytes) -> bool:
        """Whether the server announced an extension."""
        return extension in self.extensions

    # --- what asyncssh calls -------------------------------------------------------------------------------------

    def arrived(self, data: bytes) -> None:
        """Take bytes from the SSH channel and wake whoever waits for the answers in them."""
        self.bytes_received += len(data)
        try:
            for packet in self._frames.feed(data):
                self._answer(Reader(packet))
        except ProtocolError as error:
            self.lost(error)

    def lost(self, error: BaseException | None) -> None:
        """The channel is gone: everyone who waits is told."""
        if self._lost is not None:
            return
        self._lost = error or ConnectionResetError("the server closed the SFTP channel")
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters.values():
            waiter(0, self._lost)
        if not self._version.done():
            self._version.set_exception(self._lost)
            self._version.exception()  # marks it as seen: start() may be gone already
        if self._channel is not None:
            self._channel.abort()

    def _answer(self, reader: Reader) -> None:
        kind = reader.u8()
        if kind == Kind.VERSION and not self._version.done():
            self._version.set_result(reader)
            return
        waiter = self._waiters.pop(reader.u32(), None)
        if waiter is None:
            raise ProtocolError("an answer to no question")
        waiter(kind, reader)

    # --- requests ------------------------------------------------------------------------------------------------

    def send(self, kind: Kind, waiter: Waiter, *fields: bytes) -> None:
        """Send a request; `waiter` gets the answer, or the error that ended the channel."""
        if self._lost is not None:
            raise self._lost
        self._next = (self._next + 1) & 0xFFFFFFFF
        self._waiters[self._next] = waiter
        packet = request(kind, self._next, *fields)
        if self._gathered is None:
            self._channel.write(packet)
        else:
            self._gathered.append(packet)

    @contextlib.contextmanager
    def gathered(self) -> Iterator[None]:
        """Requests within go out in one SSH packet: each packet costs a filler packet, padding and a system call."""
        self._gathered = []
        try:
            yield
        finally:
            packets, self._gathered = self._gathered, None
            if packets and self._lost is None:
                self._channel.write(b"".join(packets))

    async def ask(self, kind: Kind, wanted: Kind, *fields: bytes) -> Reader:
        """Send a request and wait for its answer, which must be of the kind wanted or a status.

        Raises:
            StatusError: for a status that is not OK.
        """
        answer: asyncio.Future[tuple[int, Reader]] = asyncio.get_running_loop().create_future()

        def waiter(got: int, reader: Reader | BaseException) -> None:
            if answer.done():
                return
            if isinstance(reader, BaseException):
                answer.set_exception(reader)
            else:
                answer.set_result((got, reader))

        self.send(kind, waiter, *fields)
        async with asyncio.timeout(self.timeout):
            got, reader = await answer
        if got == Kind.STATUS:
            error = read_status(reader)
            if error is not None:
                raise error
            if wanted == Kind.STATUS:
                return reader
        if got != wanted:
            raise ProtocolError(f"a packet of type {got} as the answer to one of type {int(kind)}")
        return reader

    async def lstat(self, path: bytes) -> Attributes:
        """Attributes of a path; a symbolic link is not followed."""
        return read_attributes(await self.ask(Kind.LSTAT, Kind.ATTRS, string(path)))

    async def fstat(self, handle: bytes) -> Attributes:
        """Attributes of an open file."""
        return read_attributes(await self.ask(Kind.FSTAT, Kind.ATTRS, string(handle)))

    async def realpath(self, path: bytes) -> bytes:
        """The path as the server resolves it."""
        for entry in read_names(await self.ask(Kind.REALPATH, Kind.NAME, string(path))):
            return entry.name
        raise ProtocolError("a resolved path without a name")

    async def open(self, path: bytes, flags: int) -> bytes:
        """A handle to a file."""
        return (await self.ask(Kind.OPEN, Kind.HANDLE, string(path), u32(flags), u32(0))).text()

    async def close_handle(self, handle: bytes) -> None:
        """Give a handle back."""
        await self.ask(Kind.CLOSE, Kind.STATUS, string(handle))

    async def write(self, handle: bytes, offset: int, data: bytes) -> None:
        """Write at an offset; all of it, or an error."""
        await self.ask(Kind.WRITE, Kind.STATUS, string(handle), u64(offset), string(data))

    async def remove(self, path: bytes) -> None:
        """Delete a file."""
        await self.ask(Kind.REMOVE, Kind.STATUS, string(path))

    async def mkdir(self, path: bytes) -> None:
        """Make a folder with the server's default rights."""
        await self.ask(Kind.MKDIR, Kind.STATUS, string(path), u32(0))

    async def rename(self, old: bytes, new: bytes) -> None:
        """RENAME of version 3, which must not overwrite."""
        await self.ask(Kind.RENAME, Kind.STATUS, string(old), string(new))

    async def extended(self, name: bytes, *fields: bytes) -> None:
        """An extension's request whose answer is a status."""
        await self.ask(Kind.EXTENDED, Kind.STATUS, string(name), *fields)

    async def entries(self, folder: bytes) -> AsyncIterator[Entry]:
        """The entries of a folder as one stream, in the server's order; the next answer is asked for in advance."""
        handle = (await self.ask(Kind.OPENDIR, Kind.HANDLE, string(folder))).text()
        ahead: asyncio.Task[Reader] | None = None
        try:
            ahead = asyncio.ensure_future(self.ask(Kind.READDIR, Kind.NAME, string(handle)))
            while True:
                try:
                    names = await ahead
                except StatusError as error:
                    if error.code == Status.EOF:
                        return
                    raise
                ahead = asyncio.ensure_future(self.ask(Kind.READDIR, Kind.NAME, string(handle)))
                for entry in read_names(names):
                    yield entry
        finally:
            if ahead is not None:
                await asyncio.wait({ahead})
                if not ahead.cancelled():
                    ahead.exception()
            if self.alive:
                await self.close_handle(handle)

    async def _learn_limits(self) -> None:
        reader = await self.ask(Kind.EXTENDED, Kind.EXTENDED_REPLY, string(b"limits@openssh.com"))
        _, read, write = reader.u64(), reader.u64(), reader.u64()
        self.read_length = min(read, MOST_READ) or SAFE_READ
        self.write_length = min(write, MOST_READ) or SAFE_READ
