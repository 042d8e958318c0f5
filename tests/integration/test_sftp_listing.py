"""Listing: one directory stream, little memory, whatever the server leaves out."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asyncssh.sftp import SFTPAttrs, SFTPName

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.listing import Listing
from airflow_provider_integrations.core.errors import PermanentError
from tests.fakes.sftp_faults import Faults, FaultyServer
from tests.fakes.sshd import Sshd

pytestmark = pytest.mark.integration

Start = Callable[[Faults], FaultyServer]
REGULAR = 0o100644
ROOT = Path(__file__).parents[2]

CHILD = """
import asyncio, sys
from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings
from tests.fakes.memory import peak_kib

async def main():
    settings = SftpSettings.model_validate_json(sys.stdin.read())
    async with SftpClient.connect(settings) as client:
        before = peak_kib()
        files = await client.list_files("/huge")
        after = peak_kib()
        print(len(files), before // 1024, after // 1024)

asyncio.run(main())
"""


def test_100_000_entries_in_under_64_mb(sshd: Sshd) -> None:
    folder = sshd.root / "huge"
    folder.mkdir()
    for number in range(100_000):
        (folder / f"acme_customers_2025-11-05_seq-{number:06d}_crc32-1A2B3C4D.csv.gpg").touch()
    settings = sshd.settings().model_dump_json()
    child = subprocess.run(
        [sys.executable, "-c", CHILD], cwd=ROOT, input=settings, capture_output=True, text=True, timeout=120
    )
    assert child.returncode == 0, child.stderr[-2000:]
    count, before, after = map(int, child.stdout.split())
    assert count == 100_000
    assert after - before < 64, f"{before} MB before, {after} MB after"


def _look(server: FaultyServer, **options: int) -> Listing:
    async def look() -> Listing:
        async with SftpClient.connect(server.settings()) as client:
            return await client.look("/", **options)  # type: ignore[arg-type]

    return asyncio.run(look())


def _entry(name: str, size: int = 1) -> SFTPName:
    return SFTPName(name.encode(), b"", SFTPAttrs(size=size, permissions=REGULAR, atime=1, mtime=1))


def test_no_question_is_asked_for_each_file(faulty_sftp: Start) -> None:
    def many() -> Iterator[SFTPName]:
        return (_entry(f"{number}.gpg") for number in range(1000))

    server = faulty_sftp(Faults(listing=many))
    assert len(_look(server).files) == 1000
    assert server.faults.stats < 10


def test_a_name_that_the_server_gives_twice_is_one_file(faulty_sftp: Start) -> None:
    server = faulty_sftp(Faults(listing=lambda: iter([_entry("a.gpg", 1), _entry("b.gpg", 1), _entry("a.gpg", 2)])))
    assert {file.name: file.size for file in _look(server).files} == {"a.gpg": 2, "b.gpg": 1}


def test_a_server_that_leaves_out_size_and_type_is_asked(faulty_sftp: Start) -> None:
    server = faulty_sftp(Faults(bare_listing=True))
    (server.root / "a.gpg").write_bytes(b"abc")
    (server.root / "folder").mkdir()
    (server.root / "link.gpg").symlink_to("a.gpg")
    listing = _look(server)
    assert [(file.name, file.size) for file in listing.files] == [("a.gpg", 3)]
    assert {entry.name: entry.what for entry in listing.skipped} == {"folder": "folder", "link.gpg": "symlink"}


def test_names_that_are_paths_are_skipped(faulty_sftp: Start) -> None:
    names = ["../../etc/passwd", "..", ".", "a/b.gpg", "good.gpg", "a\x00b"]
    listing = _look(faulty_sftp(Faults(listing=lambda: (_entry(name) for name in names))))
    assert [file.name for file in listing.files] == ["good.gpg"]
    assert listing.skipped_count == 3


def test_more_files_than_the_limit_stop_the_listing(faulty_sftp: Start) -> None:
    def endless() -> Iterator[SFTPName]:
        number = 0
        while True:
            number += 1
            yield _entry(f"{number}.gpg")

    with pytest.raises(PermanentError, match="more files"):
        _look(faulty_sftp(Faults(listing=endless)), max_files=500)


def test_a_fetched_listing_of_a_growing_folder_is_consistent(sshd: Sshd, tmp_path: Path) -> None:
    folder = sshd.root / "growing"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.gpg").touch()

    async def look() -> None:
        async with SftpClient.connect(sshd.settings()) as client:
            for number in range(300, 320):
                listing, _ = await asyncio.gather(
                    client.look("/growing"), asyncio.to_thread((folder / f"{number}.gpg").touch)
                )
                names = [file.name for file in listing.files]
                assert len(names) == len(set(names)) >= number

    asyncio.run(look())
