"""Keys of the GnuPG engine: what is wrong with them is told at once, and no secret with it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.core.errors import (
    ConfigError,
)
from airflow_provider_integrations.core.source import MIB, OpenPgpPolicy
from tests.fakes.gnupg import CANARY_PASSPHRASE, PgpWorld, make_party

pytestmark = pytest.mark.integration

CONTENT = b"".join(b"%d,name %d,%d\n" % (i, i * 7919 % 10007, i * i) for i in range(50_000))
POLICY = OpenPgpPolicy()


@pytest.fixture
def message(pgp: PgpWorld, tmp_path: Path) -> Path:
    path = tmp_path / "message.gpg"
    path.write_bytes(pgp.partner.write(CONTENT, pgp.own))
    return path


def test_the_passphrase_is_in_no_argument_environment_or_file(pgp: PgpWorld, tmp_path: Path) -> None:
    path = tmp_path / "big.gpg"
    path.write_bytes(pgp.partner.write(os.urandom(8 * MIB), pgp.own))
    with GnuPgEngine(pgp.keys) as engine, engine.open(path, POLICY) as stream:
        stream.read(10)
        proc = Path(f"/proc/{stream._process._process.pid}")
        shown = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
        files = b"".join(one.read_bytes() for one in engine.home.rglob("*") if one.is_file())
        assert CANARY_PASSPHRASE.encode() not in shown + files
        assert CANARY_PASSPHRASE not in repr(pgp.keys)


def test_a_key_without_passphrase(pgp: PgpWorld, pgp_homes: Path, message: Path) -> None:
    plain = make_party(pgp_homes, "plain", passphrase="")
    plain.knows(pgp.partner)
    pgp.partner.knows(plain)
    message.write_bytes(pgp.partner.write(CONTENT, plain))
    keys = replace(pgp.keys, private_key=plain.private_key, passphrase=None)
    with GnuPgEngine(keys) as engine, engine.open(message, POLICY) as stream:
        assert stream.verify().size == len(CONTENT)


def test_faults_in_the_keys_are_told_at_once_and_tell_no_secret(pgp: PgpWorld, pgp_homes: Path, message: Path) -> None:
    expired = make_party(pgp_homes, "expired", at="20220601T000000!", until="1y", signing_until="1y")
    faults = {
        "does not open with the passphrase": replace(pgp.keys, passphrase=CANARY_PASSPHRASE + "x"),
        "passphrase given": replace(pgp.keys, passphrase=None),
        "our private key could not be imported": replace(pgp.keys, private_key="-----BEGIN RSA PRIVATE KEY-----"),
        "holds no secret part": replace(pgp.keys, private_key=pgp.own.certificate),
        "a certificate could not be imported": replace(pgp.keys, certificates="nothing of the kind"),
        "not among the certificates": replace(pgp.keys, signers=(pgp.stranger.fingerprint,)),
        "not a full fingerprint": replace(pgp.keys, signers=(pgp.partner.fingerprint[-16:],)),
        "no signer is required": replace(pgp.keys, signers=(), certificates=None),
        "cannot decrypt": replace(pgp.keys, private_key=None, passphrase=None),
        "has expired": replace(pgp.keys, certificates=expired.certificate, signers=(expired.fingerprint,)),
        "line break": replace(pgp.keys, passphrase=CANARY_PASSPHRASE + "\n"),
    }
    for expected, keys in faults.items():
        with pytest.raises(ConfigError, match=expected) as caught, GnuPgEngine(keys) as engine:  # noqa: SIM117
            with engine.open(message, POLICY):
                pass
        assert CANARY_PASSPHRASE not in str(caught.value) + repr(caught.value.values) + repr(keys)
        assert "PRIVATE KEY" not in str(caught.value)


def test_gnupg_missing_names_the_package(pgp: PgpWorld) -> None:
    with (
        pytest.raises(ConfigError, match="Debian package is `gnupg`"),
        GnuPgEngine(pgp.keys, program="gpg-is-not-here"),
    ):
        pass


def test_certificates_alone_are_the_required_signers(pgp: PgpWorld, message: Path) -> None:
    with GnuPgEngine(replace(pgp.keys, signers=())) as engine, engine.open(message, POLICY) as stream:
        assert stream.verify().signers == (pgp.partner.fingerprint,)


def test_a_signer_may_be_pinned_by_its_subkey_and_written_with_blanks(pgp: PgpWorld, message: Path) -> None:
    written = " ".join(pgp.partner.signing.lower()[i : i + 4] for i in range(0, 40, 4))
    with GnuPgEngine(replace(pgp.keys, signers=(written,))) as engine, engine.open(message, POLICY) as stream:
        assert stream.verify().signers == (pgp.partner.signing,)
