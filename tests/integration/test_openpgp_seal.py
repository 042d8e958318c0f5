"""Sealing by the GnuPG engine, and messages that another program sealed."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.core.errors import (
    ConfigError,
)
from airflow_provider_integrations.core.source import OpenPgpPolicy
from tests.fakes.gnupg import LONG_AGO, PgpWorld, make_party

pytestmark = pytest.mark.integration

CONTENT = b"".join(b"%d,name %d,%d\n" % (i, i * 7919 % 10007, i * i) for i in range(50_000))
POLICY = OpenPgpPolicy()


def test_seal_opens_at_the_partners(pgp: PgpWorld, tmp_path: Path) -> None:
    target = tmp_path / "out.gpg"
    with GnuPgEngine(pgp.keys) as engine:
        sealed = engine.seal(io.BytesIO(CONTENT), target, recipients=[pgp.partner.certificate])
    assert pgp.partner.gpg("--decrypt", data=target.read_bytes()) == CONTENT
    assert (sealed.size, sealed.recipients) == (target.stat().st_size, (pgp.partner.encryption,))
    assert sealed.signer == pgp.own.signing
    assert b"out.csv" not in target.read_bytes()
    theirs = replace(pgp.keys, private_key=pgp.partner.private_key, certificates=pgp.own.certificate)
    policy = OpenPgpPolicy(required_signers=(pgp.own.fingerprint,))
    with GnuPgEngine(theirs) as engine, engine.open(target, policy) as stream:
        assert stream.verify().signers == (pgp.own.fingerprint,)


def test_seal_refuses_expired_and_revoked_keys_and_leaves_nothing(
    pgp: PgpWorld, pgp_homes: Path, tmp_path: Path
) -> None:
    old = make_party(pgp_homes, "bygone", at=LONG_AGO, until="1y")
    half = make_party(pgp_homes, "half", at=LONG_AGO, until="30y", encryption_until="1y")
    partner = pgp.partner
    refused = (
        old.certificate,
        half.certificate,
        partner.revoke(partner.encryption),
        partner.revoke(),
        "no certificate",
    )
    with GnuPgEngine(pgp.keys) as engine:
        for certificate in refused:
            for recipients in ([certificate], [partner.certificate, certificate]):
                with pytest.raises(ConfigError):
                    engine.seal(io.BytesIO(CONTENT), tmp_path / "out.gpg", recipients=recipients)
        with pytest.raises(ConfigError, match="needs a recipient"):
            engine.seal(io.BytesIO(CONTENT), tmp_path / "out.gpg", recipients=[])
    assert list(tmp_path.iterdir()) == []


def test_seal_leaves_nothing_when_its_source_fails(pgp: PgpWorld, tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if data := super().read(size):
                return data
            raise OSError("the disk went away")

    with GnuPgEngine(pgp.keys) as engine, pytest.raises(OSError, match="went away"):
        engine.seal(Broken(CONTENT), tmp_path / "out.gpg", recipients=[pgp.partner.certificate])
    assert list(tmp_path.iterdir()) == []


def test_a_second_independent_sealer(pgp: PgpWorld, tmp_path: Path) -> None:
    pysequoia = pytest.importorskip("pysequoia")
    signer = pysequoia.Tsk.from_bytes(pgp.partner.private_key.encode()).signer(pgp.partner.passphrase)
    recipient = pysequoia.Cert.from_bytes(pgp.own.certificate.encode())
    data = pysequoia.encrypt(signer=signer, recipients=[recipient], bytes=CONTENT)
    path = tmp_path / "sequoia.asc"
    path.write_bytes(bytes(data))
    with GnuPgEngine(pgp.keys) as engine, engine.open(path, POLICY) as stream:
        assert stream.read() == CONTENT
        assert stream.verify().signers == (pgp.partner.fingerprint,)
