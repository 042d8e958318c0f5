"""Moving and putting: nothing lost, nothing overwritten, a second run finishes a first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings
from airflow_provider_integrations.core.errors import IntegrationError, PermanentError, RejectedError, TransientError
from airflow_provider_integrations.core.reasons import Reason
from tests.fakes.sftp_faults import Faults, FaultyServer
from tests.fakes.sshd import Sshd

pytestmark = pytest.mark.integration

Start = Callable[[Faults], FaultyServer]
POSIX, LINK = "posix-rename@openssh.com", "hardlink@openssh.com"


def _run(settings: SftpSettings, work: Callable[[SftpClient], Awaitable[Any]]) -> Any:
    async def no_pause(seconds: float) -> None:
        await asyncio.sleep(0)

    async def run() -> Any:
        async with SftpClient.connect(settings, sleep=no_pause) as client:
            return await work(client)

    return asyncio.run(run())


def _tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


WAYS = {
    "as it is": Faults(),
    "no posix-rename": Faults(hide=frozenset({POSIX})),
    "rename refused": Faults(refuse_rename=True),
    "rename refused, no posix-rename": Faults(refuse_rename=True, hide=frozenset({POSIX})),
    "the answer to rename is lost": Faults(drop_after_rename=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_move_makes_the_folder_and_can_be_repeated(faulty_sftp: Start, way: str) -> None:
    server = faulty_sftp(replace(WAYS[way]))
    (server.root / "a.gpg").write_bytes(b"one")
    for _ in range(2):
        _run(server.settings(), lambda client: client.move("/a.gpg", "/archive/2025/a.gpg"))
    assert _tree(server.root) == {"archive/2025/a.gpg": b"one"}


@pytest.mark.parametrize("way", WAYS)
def test_other_bytes_at_the_target_are_never_overwritten(faulty_sftp: Start, way: str) -> None:
    server = faulty_sftp(replace(WAYS[way]))
    (server.root / "archive").mkdir()
    before = {"a.gpg": b"one", "archive/a.gpg": b"two", "b.gpg": b"longer", "archive/b.gpg": b"short"}
    for name, content in before.items():
        (server.root / name).write_bytes(content)
    for name in ("a.gpg", "b.gpg"):
        with pytest.raises(PermanentError, match="other bytes"):
            _run(server.settings(), lambda client, name=name: client.move(f"/{name}", f"/archive/{name}"))
    assert _tree(server.root) == before


def test_a_move_that_was_cut_off_between_link_and_removal_is_finished(faulty_sftp: Start) -> None:
    server = faulty_sftp(Faults())
    (server.root / "archive").mkdir()
    (server.root / "a.gpg").write_bytes(b"one")
    (server.root / "archive/a.gpg").hardlink_to(server.root / "a.gpg")
    _run(server.settings(), lambda client: client.move("/a.gpg", "/archive/a.gpg"))
    assert _tree(server.root) == {"archive/a.gpg": b"one"}


@pytest.mark.parametrize("target", [None, b"one"])
def test_a_move_that_was_cut_off_while_the_source_was_aside_is_finished(
    faulty_sftp: Start, target: bytes | None
) -> None:
    server = faulty_sftp(Faults())
    (server.root / "archive").mkdir()
    (server.root / ".a.gpg.moving").write_bytes(b"one")
    if target is not None:
        (server.root / "archive/a.gpg").write_bytes(target)
    _run(server.settings(), lambda client: client.move("/a.gpg", "/archive/a.gpg"))
    assert _tree(server.root) == {"archive/a.gpg": b"one"}


@pytest.mark.parametrize("left", [b"", b"reserved by a move from "])
def test_a_reservation_that_a_killed_move_left_is_taken_over(faulty_sftp: Start, left: bytes) -> None:
    server = faulty_sftp(Faults(refuse_rename=True))
    (server.root / "archive").mkdir()
    (server.root / "a.gpg").write_bytes(b"one")
    (server.root / "archive/a.gpg").write_bytes(left + (b"/a.gpg" if left else b""))
    _run(server.settings(), lambda client: client.move("/a.gpg", "/archive/a.gpg"))
    assert _tree(server.root) == {"archive/a.gpg": b"one"}


def test_a_case_insensitive_server_does_not_lose_the_only_copy(faulty_sftp: Start) -> None:
    server = faulty_sftp(Faults(ignore_case=True))
    (server.root / "A.gpg").write_bytes(b"one")
    _run(server.settings(), lambda client: client.move("/A.gpg", "/a.gpg"))
    assert list(_tree(server.root).values()) == [b"one"]


def test_a_linked_folder_does_not_lose_the_only_copy(sshd: Sshd) -> None:
    folder = sshd.root / "moves"
    (folder / "in").mkdir(parents=True)
    (folder / "archive").symlink_to(folder / "in")
    (folder / "in/a.gpg").write_bytes(b"one")
    _run(sshd.settings(), lambda client: client.move("/moves/in/a.gpg", "/moves/archive/a.gpg"))
    assert _tree(folder / "in") == {"a.gpg": b"one"}


def test_openssh_with_and_without_its_extensions(sshd_with: Callable[..., Sshd]) -> None:
    for options in ("", "-P posix-rename", "-P posix-rename,hardlink", "-P rename", "-P rename,posix-rename"):
        server = sshd_with(sftp_options=options)
        (server.root / "a.gpg").write_bytes(b"one")
        for _ in range(2):
            _run(server.settings(), lambda client: client.move("/a.gpg", "/archive/a.gpg"))
        assert _tree(server.root) == {"archive/a.gpg": b"one"}, options


def test_a_server_without_any_way_to_rename_says_so_and_keeps_the_file(sshd_with: Callable[..., Sshd]) -> None:
    server = sshd_with(sftp_options="-P rename,posix-rename,hardlink")
    (server.root / "a.gpg").write_bytes(b"one")
    with pytest.raises(IntegrationError):
        _run(server.settings(), lambda client: client.move("/a.gpg", "/archive/a.gpg"))
    assert _tree(server.root) == {"a.gpg": b"one"}


def test_a_file_at_neither_place_has_vanished(faulty_sftp: Start) -> None:
    server = faulty_sftp(Faults())
    with pytest.raises(RejectedError) as refused:
        _run(server.settings(), lambda client: client.move("/a.gpg", "/archive/a.gpg"))
    assert refused.value.reason is Reason.VANISHED


def test_two_workers_that_move_one_file_at_once_keep_it(sshd: Sshd) -> None:
    folder = sshd.root / "race"
    folder.mkdir()

    async def once(name: str) -> list[BaseException | None]:
        async with SftpClient.connect(sshd.settings()) as one, SftpClient.connect(sshd.settings()) as two:
            return await asyncio.gather(
                *(client.move(f"/race/{name}", f"/race/archive/{name}") for client in (one, two)),
                return_exceptions=True,
            )

    for number in range(10):
        (folder / f"{number}.gpg").write_bytes(b"x%d" % number)
        for result in asyncio.run(once(f"{number}.gpg")):
            assert result is None or isinstance(result, (TransientError, RejectedError)), result
        assert (folder / "archive" / f"{number}.gpg").read_bytes() == b"x%d" % number


def test_put_appears_at_once_and_can_be_repeated(sshd: Sshd, tmp_path: Path) -> None:
    local = tmp_path / "ack.edi"
    local.write_bytes(bytes(range(256)) * 5000)

    async def work(client: SftpClient) -> None:
        await client.put(local, "/put/acks/ack.edi")
        await client.put(local, "/put/acks/ack.edi")
        assert await client.read_small("/put/acks/ack.edi", 2_000_000) == local.read_bytes()
        (tmp_path / "other").write_bytes(b"other")
        with pytest.raises(PermanentError, match="other bytes"):
            await client.put(tmp_path / "other", "/put/acks/ack.edi")

    _run(sshd.settings(), work)
    assert _tree(sshd.root / "put") == {"acks/ack.edi": local.read_bytes()}
