"""Broken links, liars and changes while reading."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.link import ATTEMPTS
from airflow_provider_integrations.connectors.sftp_pgp.transfer import Fetched, partial_of
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    RejectedError,
    StalledError,
    TransientError,
)
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import RemoteFile
from tests.fakes.sftp_faults import Faults, FaultyServer

pytestmark = pytest.mark.integration

Start = Callable[[Faults], FaultyServer]
CONTENT = os.urandom(3_000_000)


async def _no_pause(seconds: float) -> None:
    assert 0 < seconds <= 20


def _with_client(server: FaultyServer, work: Callable[[SftpClient], Awaitable[Any]], **extras: Any) -> Any:
    async def run() -> Any:
        async with SftpClient.connect(server.settings(**extras), sleep=_no_pause) as client:
            return await work(client)

    return asyncio.run(run())


def _put(server: FaultyServer, content: bytes = CONTENT, name: str = "a.gpg") -> RemoteFile:
    path = server.root / name
    path.write_bytes(content)
    return RemoteFile(f"/{name}", len(content), int(path.stat().st_mtime))


def _fetch(server: FaultyServer, remote: RemoteFile, target: Path, **extras: Any) -> Fetched:
    fetched = _with_client(server, lambda client: client.fetch(remote, target), **extras)
    assert isinstance(fetched, Fetched)
    assert fetched.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    return fetched


def test_a_broken_link_is_resumed_where_it_ended(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults(drop_after=700_000))
    remote = _put(server)
    _fetch(server, remote, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert server.faults.connections > 3
    starts = [offset for offset in server.faults.read_offsets if offset == 0]
    assert len(starts) == 1, "the beginning was read again"


def test_the_next_process_resumes_the_partial_file_of_the_killed_one(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults())
    remote = _put(server)
    partial_of(tmp_path / "got", remote).write_bytes(CONTENT[:2_000_000])
    _fetch(server, remote, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert min(server.faults.read_offsets) == 2_000_000


def test_a_partial_file_of_another_version_is_not_continued(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults())
    remote = _put(server)
    old = partial_of(tmp_path / "got", RemoteFile(remote.path, remote.size, remote.mtime - 5))
    old.write_bytes(b"\0" * 1_000_000)
    long = partial_of(tmp_path / "got", remote)
    long.write_bytes(b"\0" * 9_000_000)
    _fetch(server, remote, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert not old.exists()


def test_a_link_that_never_gets_further_is_given_up(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults(drop_after=0))
    with pytest.raises(ConnectionLostError):
        _fetch(server, _put(server), tmp_path / "got")
    assert server.faults.connections == ATTEMPTS
    assert not (tmp_path / "got").exists()


def test_a_stalled_server_is_left_and_the_rest_fetched_anew(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults(stall_after=1_000_000, stalls=1))
    began = time.monotonic()
    _fetch(server, _put(server), tmp_path / "got", idle_timeout=1)
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert time.monotonic() - began < 20


def test_a_server_that_trickles_bytes_has_stalled(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults(trickle=0.3, short_reads=1))
    with pytest.raises(StalledError):
        _fetch(server, _put(server, b"x" * 5000), tmp_path / "got", idle_timeout=0.5)


def test_short_reads_are_legal(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults(short_reads=7001))
    _fetch(server, _put(server, CONTENT[:1_000_000]), tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == CONTENT[:1_000_000]


@pytest.mark.parametrize("change", ["grown", "shrunk", "rewritten", "replaced"])
def test_a_file_that_changes_while_it_is_read_is_not_taken(faulty_sftp: Start, tmp_path: Path, change: str) -> None:
    def spoil(path: Path, offset: int) -> None:
        if offset < 1_000_000 or server.faults.on_read is None:
            return
        server.faults.on_read = None
        if change == "grown":
            with path.open("ab") as opened:
                opened.write(b"more")
        elif change == "shrunk":
            os.truncate(path, 1_500_000)
        elif change == "rewritten":
            os.utime(path, (1, 1))
        else:
            other = path.with_name("other")
            other.write_bytes(CONTENT[::-1])
            os.utime(other, (5, 5))
            other.replace(path)

    server = faulty_sftp(Faults(on_read=spoil))
    remote = _put(server)
    with pytest.raises(TransientError):
        _fetch(server, remote, tmp_path / "got")
    assert not (tmp_path / "got").exists()
    assert not list(tmp_path.glob(".got*"))


def test_a_file_that_is_not_the_listed_version_is_not_read(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults())
    remote = _put(server)
    with pytest.raises(TransientError, match="not the version"):
        _fetch(server, RemoteFile(remote.path, remote.size, remote.mtime - 60), tmp_path / "got")
    assert server.faults.read_offsets == []


def test_a_file_that_the_partner_deletes_while_we_read_is_whole(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults(on_read=lambda path, offset: path.unlink(missing_ok=True) if offset else None))
    _fetch(server, _put(server), tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == CONTENT


def test_a_file_that_is_gone_has_vanished(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults())
    with pytest.raises(RejectedError) as refused:
        _fetch(server, RemoteFile("/gone.gpg", 1, 1), tmp_path / "got")
    assert refused.value.reason is Reason.VANISHED


def test_a_channel_that_the_server_closes_when_idle_is_opened_again(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults(close_idle=0.3))
    remote = _put(server, b"x")

    async def work(client: SftpClient) -> None:
        for _ in range(3):
            assert await client.stat("/a.gpg") == remote
            await asyncio.sleep(0.5)

    _with_client(server, work)
    assert server.faults.connections >= 2


def test_several_calls_at_once_survive_broken_links(faulty_sftp: Start, tmp_path: Path) -> None:
    server = faulty_sftp(Faults(drop_after=2_000_000))
    files = [_put(server, os.urandom(900_000), f"{number}.gpg") for number in range(6)]

    async def work(client: SftpClient) -> None:
        await asyncio.gather(*(client.fetch(file, tmp_path / file.name) for file in files))

    _with_client(server, work)
    for file in files:
        assert (tmp_path / file.name).read_bytes() == (server.root / file.name).read_bytes()


def test_a_full_disk_is_this_machines_fault(faulty_sftp: Start, tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    server = faulty_sftp(Faults())
    remote = _put(server)
    partial_of(tmp_path / "got", remote).symlink_to(full)
    with pytest.raises(Exception) as failed:
        _fetch(server, remote, tmp_path / "got")
    assert not isinstance(failed.value, TransientError)


def test_a_wrong_password_is_a_setting_error_and_is_not_shown(faulty_sftp: Start) -> None:
    server = faulty_sftp(Faults())
    settings = server.settings().model_copy(update={"password": "canary-password"})

    async def login() -> None:
        async with SftpClient.connect(settings):
            pass

    with pytest.raises(ConfigError, match="refused the login") as refused:
        asyncio.run(login())
    assert "canary" not in str(refused.value)
    assert "canary" not in repr(settings)
