"""A partner's SFTP server that misbehaves on demand: asyncssh's server in a thread, with one switch for each fault.

server = faulty_sftp(Faults(drop_after=1_000_000))
settings = server.settings()
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh.sftp import SFTPAttrs, SFTPName

from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings

__all__ = ["Faults", "FaultyServer", "faulty_server"]


@dataclass
class Faults:
    """What goes wrong; changed while the server runs, it holds from the next request on.

    Args:
        drop_after: Bytes of file content after which the connection is cut.
        drops: How often it is cut; each cut counts its bytes anew.
        stall_after: Bytes after which reads are never answered.
        stalls: How often a connection stalls.
        trickle: Seconds that each read takes; with `short_reads` 1 it gives a byte at a time.
        short_reads: Most bytes that a read gives.
        refuse_rename: RENAME always fails.
        hide: Extensions that are not announced and not served, e.g. `posix-rename@openssh.com`.
        drop_after_rename: The connection is cut after a rename was done and before it is answered.
        drop_after_written: Bytes written after which the connection is cut, once.
        on_rename: Called with the new path after each rename, before it is answered: may take the file away.
        ignore_case: Names differ by more than case, as on Windows.
        close_idle: Seconds after which the channel is closed.
        on_read: Called with path and offset before each read: may change files.
        listing: Replaces the entries of every folder.
        bare_listing: Entries come without attributes.
    """

    drop_after: int | None = None
    drops: int = 1_000_000
    stall_after: int | None = None
    stalls: int = 1_000_000
    trickle: float = 0
    short_reads: int | None = None
    refuse_rename: bool = False
    hide: frozenset[str] = frozenset()
    drop_after_rename: bool = False
    drop_after_written: int | None = None
    on_rename: Callable[[Path], None] | None = None
    ignore_case: bool = False
    close_idle: float | None = None
    on_read: Callable[[Path, int], None] | None = None
    listing: Callable[[], Iterator[SFTPName]] | None = None
    bare_listing: bool = False
    connections: int = field(default=0)
    read_offsets: list[int] = field(default_factory=list)
    stats: int = field(default=0)


class _Server(asyncssh.SFTPServer):
    def __init__(self, channel: Any, root: Path, faults: Faults) -> None:
        super().__init__(channel, chroot=str(root).encode())
        self._faults, self._root, self._given = faults, root, 0
        self._names: dict[int, bytes] = {}
        faults.connections += 1
        if faults.close_idle is not None:
            asyncio.get_running_loop().call_later(faults.close_idle, channel.close)

    def _cut(self) -> None:
        self.channel.get_connection().abort()
        raise asyncssh.SFTPConnectionLost("cut")

    def map_path(self, path: bytes) -> bytes:
        mapped = super().map_path(path)
        if not self._faults.ignore_case:
            return mapped
        at = self._root
        for part in Path(os.fsdecode(mapped)).relative_to(self._root).parts:
            same = [path.name for path in at.iterdir() if path.name.lower() == part.lower()] if at.is_dir() else []
            at /= same[0] if same else part
        return os.fsencode(at)

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> object:
        opened = super().open(path, pflags, attrs)
        self._names[id(opened)] = self.map_path(path)
        return opened

    async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        faults = self._faults
        if faults.on_read is not None:
            faults.on_read(Path(os.fsdecode(self._names[id(file_obj)])), offset)
        if faults.trickle:
            await asyncio.sleep(faults.trickle)
        if faults.short_reads is not None:
            size = min(size, faults.short_reads)
        if faults.drop_after is not None and faults.drops > 0 and self._given + size > faults.drop_after:
            faults.drops -= 1
            self._cut()
        if faults.stall_after is not None and faults.stalls > 0 and self._given + size > faults.stall_after:
            if self._given < 1 << 60:
                faults.stalls -= 1
            self._given = 1 << 60
            await asyncio.sleep(3600)
        faults.read_offsets.append(offset)
        data = super().read(file_obj, offset, size)
        assert isinstance(data, bytes)
        self._given += len(data)
        return data

    def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
        limit = self._faults.drop_after_written
        if limit is not None and offset + len(data) > limit:
            self._faults.drop_after_written = None
            self._cut()
        return super().write(file_obj, offset, data)

    def lstat(self, path: bytes) -> Any:
        self._faults.stats += 1
        return super().lstat(path)

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        if self._faults.listing is not None:
            for name in self._faults.listing():
                yield name
            return
        async for name in super().scandir(path):
            yield SFTPName(name.filename, b"", SFTPAttrs()) if self._faults.bare_listing else name

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        if self._faults.refuse_rename:
            raise asyncssh.SFTPFailure("rename is refused")
        done = super().rename(oldpath, newpath)
        if self._faults.on_rename is not None:
            self._faults.on_rename(Path(os.fsdecode(self.map_path(newpath))))
        if self._faults.drop_after_rename:
            self._faults.drop_after_rename = False
            self._cut()
        return done


class _Login(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == "partner" and password == "correct horse"


@dataclass(frozen=True)
class FaultyServer:
    """One running server."""

    port: int
    host_key: str
    root: Path
    faults: Faults

    def settings(self, **extras: Any) -> SftpSettings:
        """Settings that reach it."""
        given = {"host_key": self.host_key, "idle_timeout": 2, **extras}
        return SftpSettings.from_connection("127.0.0.1", self.port, "partner", "correct horse", given)


@contextlib.contextmanager
def faulty_server(root: Path, faults: Faults) -> Iterator[FaultyServer]:
    """Run a server on a free port in a thread of its own, so that a busy or blocked client does not slow it."""
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="faulty-sftp", daemon=True)
    thread.start()

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=_Login,
            server_host_keys=[host_key],
            sftp_factory=lambda channel: _Server(channel, root, faults),
            allow_scp=False,
        )

    async def stop() -> None:
        acceptor.close()
        for task in asyncio.all_tasks(loop) - {asyncio.current_task(loop)}:
            task.cancel()

    with _hidden_extensions(faults):
        acceptor = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
        try:
            public = host_key.export_public_key().decode().strip()
            yield FaultyServer(acceptor.get_port(), public, root, faults)
        finally:
            asyncio.run_coroutine_threadsafe(stop(), loop).result(20)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(20)
            loop.close()


@contextlib.contextmanager
def _hidden_extensions(faults: Faults) -> Iterator[None]:
    """asyncssh announces its extensions from a class attribute, which is put back afterwards."""
    handler = asyncssh.sftp.SFTPServerHandler
    kept = handler._extensions
    handler._extensions = [entry for entry in kept if entry[0].decode() not in faults.hide]
    try:
        yield
    finally:
        handler._extensions = kept


@pytest.fixture
def faulty_sftp(tmp_path: Path) -> Iterator[Callable[[Faults], FaultyServer]]:
    """Starts servers over `tmp_path / "partner"`."""
    root = tmp_path / "partner"
    root.mkdir()
    with contextlib.ExitStack() as running:
        yield lambda faults: running.enter_context(faulty_server(root, faults))
