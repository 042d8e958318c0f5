"""The client against OpenSSH's own server."""

from __future__ import annotations

import asyncio
import hashlib
import os
import zlib
from pathlib import Path

import asyncssh
import pytest

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings
from airflow_provider_integrations.core.errors import ConfigError, HostKeyError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from tests.fakes.sshd import Sshd

pytestmark = pytest.mark.integration


async def _files(settings: SftpSettings, folder: str = "/") -> list[str]:
    async with SftpClient.connect(settings) as client:
        return sorted(file.name for file in await client.list_files(folder))


def test_without_a_pinned_host_key_it_fails_and_prints_what_to_pin(sshd: Sshd) -> None:
    with pytest.raises(HostKeyError) as refused:
        asyncio.run(_files(sshd.settings(host_key=None)))
    pin = asyncssh.import_public_key(sshd.host_key).get_fingerprint()
    assert pin in str(refused.value)
    assert any(line in sshd.host_key for line in refused.value.values["host_key"])
    assert sshd.private_key not in str(refused.value)
    asyncio.run(_files(sshd.settings(host_key=pin)))


def test_another_host_key_than_the_pinned_one_is_refused(sshd: Sshd) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with pytest.raises(HostKeyError, match="not the pinned one"):
        asyncio.run(_files(sshd.settings(host_key=other)))


def test_a_pinned_key_of_a_kind_that_the_server_lacks_is_refused(sshd: Sshd) -> None:
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
    with pytest.raises(HostKeyError, match="not the pinned one") as refused:
        asyncio.run(_files(sshd.settings(host_key=other)))
    assert refused.value.values["host_key"]


def test_any_host_key_of_the_server_may_be_pinned_by_line_or_fingerprint(sshd: Sshd) -> None:
    rsa = asyncssh.import_public_key(sshd.rsa_host_key).get_fingerprint()
    scanned = f"[127.0.0.1]:{sshd.port} {sshd.host_key}"
    for pin in (rsa, sshd.rsa_host_key, scanned, f"# old\nSHA256:{'A' * 43}\n{sshd.host_key}"):
        asyncio.run(_files(sshd.settings(host_key=pin)))


def test_known_hosts_and_keys_of_the_user_are_not_used(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    (ssh / "known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_key}\n")
    (ssh / "id_ed25519").write_text(sshd.private_key)
    (ssh / "config").write_text("Host *\n  User somebody-else\n  Port 1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(HostKeyError):
        asyncio.run(_files(sshd.settings(host_key=None)))
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    with pytest.raises(ConfigError, match="refused the login"):
        asyncio.run(_files(sshd.settings(private_key=stranger)))
    asyncio.run(_files(sshd.settings()))


def test_a_private_key_with_a_passphrase(sshd: Sshd) -> None:
    key = asyncssh.import_private_key(sshd.private_key)
    locked = key.export_private_key(passphrase="canary-passphrase").decode()
    asyncio.run(_files(sshd.settings(private_key=locked, private_key_passphrase="canary-passphrase")))
    with pytest.raises(ConfigError) as refused:
        asyncio.run(_files(sshd.settings(private_key=locked, private_key_passphrase="canary-wrong")))
    assert "canary" not in str(refused.value)


def test_symlinks_and_special_files_are_skipped_and_reported(sshd: Sshd) -> None:
    inbox = sshd.root / "mixed"
    inbox.mkdir()
    (inbox / "good.gpg").write_bytes(b"x")
    (inbox / "link.gpg").symlink_to("/etc/passwd")
    (inbox / "folder").mkdir()
    os.mkfifo(inbox / "pipe.gpg")
    (inbox / "new\nline.gpg").write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(inbox) + b"/caf\xe9.gpg")).write_bytes(b"x")

    async def look() -> None:
        async with SftpClient.connect(sshd.settings()) as client:
            listing = await client.look("/mixed")
        assert [file.path for file in listing.files] == ["/mixed/good.gpg"]
        found = {entry.name: (entry.what, entry.reason) for entry in listing.skipped}
        assert found == {
            "link.gpg": ("symlink", None),
            "folder": ("folder", None),
            "pipe.gpg": ("special", None),
            "new\\nline.gpg": ("unsafe name", Reason.NAME_UNSAFE),
            "caf\\udce9.gpg": ("unsafe name", Reason.NAME_UNSAFE),
        }

    asyncio.run(look())


def test_composed_and_decomposed_names_are_fetched_by_their_own_bytes(sshd: Sshd, tmp_path: Path) -> None:
    inbox = sshd.root / "letters"
    inbox.mkdir()
    (inbox / "u\u0308.gpg").write_bytes(b"decomposed")
    (inbox / "\u00fc.gpg").write_bytes(b"composed!!")

    async def fetch() -> None:
        async with SftpClient.connect(sshd.settings()) as client:
            files = await client.list_files("/letters")
            for number, file in enumerate(files):
                await client.fetch(file, tmp_path / str(number))

    asyncio.run(fetch())
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"decomposed", b"composed!!"}


def test_fetch_gives_the_bytes_and_their_digests(sshd: Sshd, tmp_path: Path) -> None:
    content = os.urandom(3_000_001)
    (sshd.root / "digests.gpg").write_bytes(content)
    (sshd.root / "empty.gpg").write_bytes(b"")

    async def fetch() -> None:
        async with SftpClient.connect(sshd.settings()) as client:
            file = await client.stat("/digests.gpg")
            assert file is not None
            seen: list[int] = []
            got = await client.fetch(
                file, tmp_path / "a" / "b", on_bytes=seen.append, algorithms=("crc32", "md5"), max_bytes=3_000_001
            )
            assert (tmp_path / "a" / "b").read_bytes() == content
            assert got.sha256 == hashlib.sha256(content).hexdigest()
            assert got.md5 == hashlib.md5(content).hexdigest()
            assert got.crc32 == f"{zlib.crc32(content):08x}"
            assert seen[-1] == len(content)
            with pytest.raises(RejectedError) as refused:
                await client.fetch(file, tmp_path / "c", max_bytes=3_000_000)
            assert refused.value.reason is Reason.FILE_TOO_LARGE
            empty = await client.stat("/empty.gpg")
            assert empty is not None
            assert (await client.fetch(empty, tmp_path / "e")).size == 0

    asyncio.run(fetch())
    assert not list(tmp_path.rglob("*.part"))


def test_no_path_leaves_the_root(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    (sshd.root / "jail").mkdir()
    (sshd.root / "jail" / "way-out").symlink_to(tmp_path)
    (sshd.root / "jail" / "leaf").symlink_to(tmp_path / "secret")
    local = tmp_path / "local"
    local.write_text("x")

    async def tries() -> None:
        async with SftpClient.connect(sshd.settings(root=str(sshd.root / "jail"))) as client:
            for attempt in (
                client.read_small("/../../etc/passwd"),
                client.read_small("/way-out/secret"),
                client.list_files("/way-out"),
                client.list_files("/.."),
                client.put(local, "/way-out/x"),
                client.make_folder("/way-out/new"),
                client.move("/way-out/secret", "/mine"),
                client.move("/leaf", "/mine"),
            ):
                with pytest.raises(RejectedError) as refused:
                    await attempt
                assert refused.value.reason is Reason.NAME_UNSAFE

    asyncio.run(tries())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["local", "secret"]


def test_a_link_in_place_of_a_listed_file_is_not_followed(sshd: Sshd, tmp_path: Path) -> None:
    (sshd.root / "swap.gpg").write_bytes(b"x" * 9)
    (tmp_path / "secret").write_bytes(b"y" * 9)

    async def swap() -> None:
        async with SftpClient.connect(sshd.settings()) as client:
            file = await client.stat("/swap.gpg")
            assert file is not None
            (sshd.root / "swap.gpg").unlink()
            (sshd.root / "swap.gpg").symlink_to(tmp_path / "secret")
            with pytest.raises(RejectedError):
                await client.fetch(file, tmp_path / "got")
            with pytest.raises(RejectedError):
                await client.read_small("/swap.gpg")

    asyncio.run(swap())


def test_missing_folders_and_files_say_so(sshd: Sshd, tmp_path: Path) -> None:
    async def tries() -> None:
        async with SftpClient.connect(sshd.settings()) as client:
            with pytest.raises(ConfigError, match="no such folder"):
                await client.list_files("/nowhere")
            with pytest.raises(RejectedError) as refused:
                await client.read_small("/nothing.gpg")
            assert refused.value.reason is Reason.VANISHED
            assert await client.stat("/nothing.gpg") is None
        with pytest.raises(ConfigError, match="root"):
            await _files(sshd.settings(root="/no/such/root"))

    asyncio.run(tries())
