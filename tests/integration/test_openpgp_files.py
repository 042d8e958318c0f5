"""Whole files: content appears only after the proof, and nothing is left by a refusal or a death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.openpgp_files import open_file, seal_file
from airflow_provider_integrations.core.errors import ConfigError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from tests.fakes.gnupg import PgpWorld

pytestmark = pytest.mark.integration

CONTENT = b"id,name\n" + b"".join(b"%d,secret name %d\n" % (i, i * 7919 % 10007) for i in range(20_000))


@pytest.fixture
def sealed(pgp: PgpWorld, tmp_path: Path) -> Path:
    path = tmp_path / "in" / "file.csv.gpg"
    path.parent.mkdir()
    path.write_bytes(pgp.partner.write(CONTENT, pgp.own))
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "file.csv"


def test_a_good_file_opens_privately(pgp: PgpWorld, sealed: Path, target: Path) -> None:
    proof = open_file(sealed, target, pgp.keys)
    assert target.read_bytes() == CONTENT
    assert target.stat().st_mode & 0o777 == 0o600
    assert proof.signers == (pgp.partner.fingerprint,)
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("older", [False, True], ids=["", "over an older file"])
@pytest.mark.parametrize("position", [-5, -2000])
def test_after_a_refusal_there_is_no_file(
    pgp: PgpWorld, sealed: Path, target: Path, position: int, older: bool
) -> None:
    if older:
        open_file(sealed, target, pgp.keys)
    data = bytearray(sealed.read_bytes())
    data[position] ^= 1
    sealed.write_bytes(data)
    with pytest.raises(RejectedError) as caught:
        open_file(sealed, target, pgp.keys)
    assert caught.value.reason is Reason.INTEGRITY_FAILED
    assert [path.name for path in target.parent.iterdir()] == []


def test_a_file_refused_by_its_framing_leaves_no_older_file_either(pgp: PgpWorld, sealed: Path, target: Path) -> None:
    open_file(sealed, target, pgp.keys)
    sealed.write_bytes(b"")
    with pytest.raises(RejectedError):
        open_file(sealed, target, pgp.keys)
    assert list(target.parent.iterdir()) == []


def test_the_target_is_never_a_device_a_link_a_folder_or_the_source(pgp: PgpWorld, sealed: Path, target: Path) -> None:
    pipe, link = target.parent / "pipe", target.parent / "link"
    os.mkfifo(pipe)
    link.symlink_to(sealed)
    for wrong in (pipe, link, target.parent, sealed, target.parent / "no folder" / "x"):
        with pytest.raises(ConfigError):
            open_file(sealed, wrong, pgp.keys)
        with pytest.raises(ConfigError):
            seal_file(sealed, wrong, pgp.keys, recipients=[pgp.partner.certificate])
    assert sorted(path.name for path in target.parent.iterdir()) == ["link", "pipe"]
    assert sealed.exists()


def test_sealed_here_opens_there(pgp: PgpWorld, tmp_path: Path, target: Path) -> None:
    source, message = tmp_path / "plain.csv", tmp_path / "plain.csv.gpg"
    source.write_bytes(CONTENT)
    seal_file(source, message, pgp.keys, recipients=[pgp.partner.certificate])
    keys = replace(
        pgp.keys,
        private_key=pgp.partner.private_key,
        certificates=pgp.own.certificate,
        signers=(),
    )
    assert open_file(message, target, keys).signers == (pgp.own.fingerprint,)
    assert target.read_bytes() == CONTENT
    assert b"plain.csv" not in message.read_bytes()


# A process that a shell started in the background ignores SIGINT, and so do its children unless they say otherwise.
CHILD = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from airflow_provider_integrations.connectors.sftp_pgp import gnupg_message, openpgp_files
from airflow_provider_integrations.connectors.sftp_pgp.settings import OpenPgpKeys
folder, source, target, signer, passphrase, nameless = sys.argv[1:]
if nameless == "no":
    del os.O_TMPFILE
def hang(self):
    print(os.listdir(Path(target).parent), flush=True)
    time.sleep(600)
gnupg_message.GnuPgMessage.verify = hang  # all content is written, and nothing is proved yet
keys = OpenPgpKeys(Path(folder, "own.key").read_text(), passphrase, Path(folder, "partner.crt").read_text(), (signer,))
openpgp_files.open_file(Path(source), Path(target), keys)
"""


@pytest.mark.parametrize(
    ("nameless", "number"),
    [
        ("yes", signal.SIGKILL),
        ("yes", signal.SIGTERM),
        ("yes", signal.SIGINT),
        ("no", signal.SIGTERM),
        ("no", signal.SIGINT),
    ],
)
def test_death_before_the_proof_leaves_no_content(
    pgp: PgpWorld, sealed: Path, target: Path, tmp_path: Path, nameless: str, number: signal.Signals
) -> None:
    (tmp_path / "own.key").write_text(pgp.own.private_key)
    (tmp_path / "partner.crt").write_text(pgp.partner.certificate)
    arguments = [str(tmp_path), str(sealed), str(target), pgp.partner.fingerprint, pgp.own.passphrase, nameless]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path.cwd(),
    )
    assert process.stdout
    there = process.stdout.readline().strip()
    assert (there == "[]") == (nameless == "yes")
    process.send_signal(number)
    process.wait()
    process.stdout.close()
    assert list(target.parent.iterdir()) == []
