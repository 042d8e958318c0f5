"""Signatures that do not hold: each kind has its own reason code, never a traceback, never content that counts."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import OpenPgpPolicy
from tests.fakes.gnupg import Party, PgpWorld, make_party
from tests.fakes.openpgp_packets import literal, new_session, split_packets

pytestmark = pytest.mark.integration

CONTENT = b"".join(b"%d,name %d,%d\n" % (i, i * 7919 % 10007, i * i) for i in range(5000))


def two_signers(pgp: PgpWorld) -> Party:
    """The partner with the stranger's signing key at hand: one message, two signatures."""
    pgp.partner.gpg("--import", data=pgp.stranger.private_key.encode())
    return pgp.partner


def test_unsigned_is_refused_and_taken_only_when_the_policy_says_so(pgp, pgp_refused, pgp_open) -> None:
    message = pgp.partner.write(CONTENT, pgp.own, sign=False)
    assert pgp_refused(message) is Reason.NOT_SIGNED
    assert pgp_open(message, OpenPgpPolicy(require_signature=False))[1].signers == ()


def test_signed_by_another(pgp, pgp_refused) -> None:
    assert pgp_refused(pgp.stranger.write(CONTENT, pgp.own)) is Reason.WRONG_SIGNER


def test_signed_by_somebody_whose_certificate_we_do_not_have(pgp, pgp_refused) -> None:
    with GnuPgEngine(pgp.keys) as engine:
        assert pgp_refused(pgp.stranger.write(CONTENT, pgp.own), by=engine) is Reason.WRONG_SIGNER


def test_signing_subkey_that_expired_by_now_is_refused_though_it_held_at_signing_time(
    pgp, pgp_homes, pgp_refused
) -> None:
    old = make_party(pgp_homes, "expiring", at="20230101T000000!", until="30y", signing_until="1y")
    message = old.knows(pgp.own).write(CONTENT, pgp.own, at="20230601T000000!", options=("--ignore-time-conflict",))
    keys = replace(pgp.keys, certificates=old.certificate, signers=(old.fingerprint,))
    with GnuPgEngine(keys) as engine:
        assert pgp_refused(message, by=engine) is Reason.SIGNER_EXPIRED


@pytest.mark.parametrize("whole", [False, True], ids=["subkey", "whole key"])
def test_signer_revoked(pgp, pgp_refused, whole: bool) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    certificate = pgp.partner.revoke(None if whole else pgp.partner.signing)
    with GnuPgEngine(replace(pgp.keys, certificates=certificate)) as engine:
        assert pgp_refused(message, by=engine) is Reason.SIGNER_REVOKED


def test_signature_that_has_expired_itself(pgp, pgp_refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own, options=("--default-sig-expire", "seconds=1"))
    subprocess.run(["sleep", "2.1"], check=True)
    assert pgp_refused(message) is Reason.SIGNER_EXPIRED


def test_sha1_signature(pgp, pgp_refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own, options=("--digest-algo", "SHA1"))
    assert pgp_refused(message) is Reason.WEAK_ALGORITHM


def test_text_signature_over_binary_content_is_text_mode(pgp, pgp_refused) -> None:
    parts = dict(split_packets(pgp.partner.gpg("--textmode", "--compress-algo", "none", "--sign", data=b"a,b\n")))
    mixed = parts[4] + literal(b"a,b\r\n") + parts[2]
    assert pgp_refused(new_session(pgp.partner, pgp.own).seal(mixed)) is Reason.TEXT_MODE


def test_signed_but_not_encrypted_where_encryption_is_required(pgp, pgp_refused, pgp_open) -> None:
    for options in ((), ("--compress-algo", "none"), ("--armor",)):
        message = pgp.partner.write(CONTENT, options=options)
        assert pgp_refused(message) is Reason.NOT_ENCRYPTED
        content, proof = pgp_open(message, OpenPgpPolicy(require_encryption=False))
        assert content == CONTENT
        assert proof.signers == (pgp.partner.fingerprint,)
        assert not proof.encrypted
    assert pgp_refused(pgp.partner.gpg("--clear-sign", data=CONTENT)) is Reason.NOT_ENCRYPTED
    assert pgp_refused(pgp.partner.gpg("--detach-sign", data=CONTENT)) is Reason.NOT_ENCRYPTED


def test_encryption_inside_of_a_signature(pgp, pgp_refused) -> None:
    inner = pgp.partner.write(CONTENT, pgp.own, sign=False)
    assert pgp_refused(pgp.partner.gpg("--sign", data=inner)) is Reason.NOT_ENCRYPTED


def test_one_good_signature_is_not_all_required_signers(pgp, pgp_refused, pgp_open) -> None:
    both = (pgp.partner.fingerprint, pgp.stranger.fingerprint)
    one = pgp.partner.write(CONTENT, pgp.own)
    assert pgp_refused(one, OpenPgpPolicy(required_signers=both)) is Reason.WRONG_SIGNER
    assert pgp_open(one, OpenPgpPolicy(required_signers=both, signers="any"))[1].signers == both[:1]
    sender = two_signers(pgp)
    two = sender.write(CONTENT, pgp.own, signers=(pgp.partner.signing, pgp.stranger.signing))
    assert pgp_open(two, OpenPgpPolicy(required_signers=both))[1].signers == tuple(sorted(both))


@pytest.mark.parametrize("signers", ["all", "any"])
def test_two_signatures_of_which_one_is_bad(pgp, pgp_refused, signers: str) -> None:
    both = (pgp.partner.fingerprint, pgp.stranger.fingerprint)
    sender = two_signers(pgp)
    keys = ("--local-user", pgp.partner.signing + "!", "--local-user", pgp.stranger.signing + "!")
    inner = sender.gpg(*keys, "--compress-algo", "none", "--sign", data=CONTENT)
    for position in (-5, -130):
        changed = bytearray(inner)
        changed[position] ^= 1
        message = new_session(pgp.partner, pgp.own).seal(bytes(changed))
        policy = OpenPgpPolicy.model_validate({"required_signers": both, "signers": signers})
        assert pgp_refused(message, policy) is Reason.SIGNATURE_BAD


def test_signature_of_other_content(pgp, pgp_refused) -> None:
    parts = dict(split_packets(pgp.partner.gpg("--compress-algo", "none", "--sign", data=CONTENT)))
    moved = parts[4] + literal(CONTENT + b"x") + parts[2]
    assert pgp_refused(new_session(pgp.partner, pgp.own).seal(moved)) is Reason.SIGNATURE_BAD


def test_signature_by_an_unknown_key_beside_the_required_one_is_passed_over(pgp, pgp_open) -> None:
    sender = two_signers(pgp)
    message = sender.write(CONTENT, pgp.own, signers=(pgp.partner.signing, pgp.stranger.signing))
    with GnuPgEngine(pgp.keys) as engine:
        assert pgp_open(message, by=engine)[1].signers == (pgp.partner.fingerprint,)


def test_signature_made_by_our_own_key_is_not_the_partners(pgp, pgp_refused) -> None:
    assert pgp_refused(pgp.own.write(CONTENT, pgp.own)) is Reason.WRONG_SIGNER
