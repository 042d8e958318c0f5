"""Limits and the malware scanner's hook."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.sftp_pgp.limits import check_count, check_file, looks_like_openpgp
from airflow_provider_integrations.connectors.sftp_pgp.scanner import scan
from airflow_provider_integrations.core.errors import (
    ConfigError,
    PermanentError,
    RejectedError,
    StalledError,
    TransientError,
)
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import FileLimits


@pytest.mark.parametrize(
    "head",
    [
        b"-----BEGIN PGP MESSAGE-----\n\n",
        b"\xef\xbb\xbf\r\n-----BEGIN PGP MESSAGE-----",
        bytes.fromhex("85010c03aabbccdd"),  # PKESK v3, old format, two-octet length (GnuPG, RSA 2048)
        bytes.fromhex("845e03aabbccdd"),  # PKESK v3, old format, one-octet length (GnuPG, Curve25519)
        bytes.fromhex("c15e03aabb"),  # PKESK v3, new format
        bytes.fromhex("c1c12003aabb"),
        bytes.fromhex("8c0d0409"),  # SKESK v4
        bytes.fromhex("a3019c"),  # compressed, indeterminate length
        bytes.fromhex("900d0300"),  # one-pass signature v3
        bytes.fromhex("cb1162"),  # literal
    ],
)
def test_openpgp_messages_are_known_by_their_first_bytes(head: bytes) -> None:
    assert looks_like_openpgp(head)


@pytest.mark.parametrize(
    "head",
    [b"", b"\x85", b"id,name\n1,x", b"PK\x03\x04", b"\x1f\x8b\x08", b"%PDF", b"\x89PNG\r\n", b"\xff\xd8\xff\xe0",
     b"\xd0\xcf\x11\xe0", b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"\x99\x01\x0d\x04", b"MZ\x90",
     b"hello -----BEGIN PGP MESSAGE-----"],
)  # fmt: skip
def test_other_files_are_not(head: bytes) -> None:
    assert not looks_like_openpgp(head)


@given(st.binary(max_size=64))
def test_no_head_crashes(head: bytes) -> None:
    assert looks_like_openpgp(head) in (True, False)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", Reason.EMPTY_FILE), (b"x" * 101, Reason.FILE_TOO_LARGE), (b"id,name", Reason.WRONG_TYPE)],
)
def test_a_file_beyond_the_limits_has_its_reason(tmp_path: Path, content: bytes, reason: Reason) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(RejectedError) as refused:
        check_file(FileLimits(max_bytes=100), path)
    assert refused.value.reason is reason


def test_the_count_is_limited() -> None:
    check_count(FileLimits(max_files=2), [1, 2])
    with pytest.raises(PermanentError):
        check_count(FileLimits(max_files=2), [1, 2, 3])


def _scanner(code: str, timeout: float = 30) -> FileLimits:
    return FileLimits(scanner=(sys.executable, "-c", code), scanner_timeout=timeout)


def test_the_scanners_verdict_is_its_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "a; touch owned"
    path.write_bytes(b"x")
    scan(FileLimits(), path)
    scan(_scanner("import sys; sys.exit(open(sys.argv[1]).read() != 'x')"), path)
    with pytest.raises(RejectedError, match="Eicar") as refused:
        scan(_scanner("print('Eicar FOUND'); raise SystemExit(1)"), path)
    assert refused.value.reason is Reason.MALWARE
    with pytest.raises(TransientError, match="no verdict"):
        scan(_scanner("raise SystemExit(2)"), path)
    with pytest.raises(TransientError, match="no verdict"):
        scan(_scanner("import os; os.kill(os.getpid(), 9)"), path)
    with pytest.raises(ConfigError):
        scan(FileLimits(scanner=("no-such-scanner",)), path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_scanner_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(StalledError):
        scan(_scanner("import subprocess; subprocess.run(['sleep', '60'])", timeout=0.5), tmp_path)
    assert time.monotonic() - began < 20
