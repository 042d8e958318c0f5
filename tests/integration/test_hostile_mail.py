"""Hostile mail: each kind has its own reason code, never a traceback, never content that counts."""

from __future__ import annotations

import base64
import io
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.connectors.sftp_pgp.openpgp import Proof
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import MIB, OpenPgpPolicy
from tests.fakes.gnupg import Party, PgpWorld, make_party
from tests.fakes.openpgp_packets import boundaries, compressed, literal, new_session, packet, split_packets

pytestmark = pytest.mark.integration

CONTENT = b"".join(b"%d,name %d,%d\n" % (i, i * 7919 % 10007, i * i) for i in range(5000))


@pytest.fixture(scope="module")
def engine(pgp: PgpWorld) -> Iterator[GnuPgEngine]:
    keys = replace(pgp.keys, certificates=pgp.partner.certificate + pgp.stranger.certificate)
    with GnuPgEngine(keys) as engine:
        yield engine


@pytest.fixture
def open_message(engine: GnuPgEngine, tmp_path: Path) -> Callable[..., tuple[bytes, Proof]]:
    def opened(message: bytes, policy: OpenPgpPolicy | None = None, by: GnuPgEngine = engine) -> tuple[bytes, Proof]:
        path = tmp_path / "message.gpg"
        path.write_bytes(message)
        with by.open(path, policy or OpenPgpPolicy()) as opened:
            return opened.read(), opened.verify()

    return opened


@pytest.fixture
def refused(open_message: Callable[..., tuple[bytes, Proof]]) -> Callable[..., Reason]:
    def reason(message: bytes, policy: OpenPgpPolicy | None = None, **more: GnuPgEngine) -> Reason:
        with pytest.raises(RejectedError) as caught:
            open_message(message, policy, **more)
        assert "canary-passphrase" not in str(caught.value)
        assert "name 7919" not in str(caught.value)
        return caught.value.reason

    return reason


def two_signers(pgp: PgpWorld) -> Party:
    """The partner with the stranger's signing key at hand: one message, two signatures."""
    pgp.partner.gpg("--import", data=pgp.stranger.private_key.encode())
    return pgp.partner


def test_good_message_opens(pgp: PgpWorld, open_message: Callable[..., tuple[bytes, Proof]]) -> None:
    content, proof = open_message(pgp.partner.write(CONTENT, pgp.own))
    assert content == CONTENT
    assert proof.signers == (pgp.partner.fingerprint,)
    assert proof.encrypted
    assert proof.size == len(CONTENT)


def test_unsigned_is_refused_and_taken_only_when_the_policy_says_so(pgp, refused, open_message) -> None:
    message = pgp.partner.write(CONTENT, pgp.own, sign=False)
    assert refused(message) is Reason.NOT_SIGNED
    assert open_message(message, OpenPgpPolicy(require_signature=False))[1].signers == ()


def test_signed_by_another(pgp, refused) -> None:
    assert refused(pgp.stranger.write(CONTENT, pgp.own)) is Reason.WRONG_SIGNER


def test_signed_by_somebody_whose_certificate_we_do_not_have(pgp, refused) -> None:
    with GnuPgEngine(pgp.keys) as engine:
        assert refused(pgp.stranger.write(CONTENT, pgp.own), by=engine) is Reason.WRONG_SIGNER


def test_signing_subkey_that_expired_by_now_is_refused_though_it_held_at_signing_time(pgp, pgp_homes, refused) -> None:
    old = make_party(pgp_homes, "expiring", at="20230101T000000!", until="30y", signing_until="1y")
    message = old.knows(pgp.own).write(CONTENT, pgp.own, at="20230601T000000!", options=("--ignore-time-conflict",))
    keys = replace(pgp.keys, certificates=old.certificate, signers=(old.fingerprint,))
    with GnuPgEngine(keys) as engine:
        assert refused(message, by=engine) is Reason.SIGNER_EXPIRED


@pytest.mark.parametrize("whole", [False, True], ids=["subkey", "whole key"])
def test_signer_revoked(pgp, refused, whole: bool) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    certificate = pgp.partner.revoke(None if whole else pgp.partner.signing)
    with GnuPgEngine(replace(pgp.keys, certificates=certificate)) as engine:
        assert refused(message, by=engine) is Reason.SIGNER_REVOKED


def test_signature_that_has_expired_itself(pgp, refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own, options=("--default-sig-expire", "seconds=1"))
    subprocess.run(["sleep", "2.1"], check=True)
    assert refused(message) is Reason.SIGNER_EXPIRED


def test_sha1_signature(pgp, refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own, options=("--digest-algo", "SHA1"))
    assert refused(message) is Reason.WEAK_ALGORITHM


def test_cipher_that_the_policy_refuses(pgp, refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own, options=("--cipher-algo", "3DES"))
    assert refused(message) is Reason.WEAK_ALGORITHM


def test_integrity_protection_stripped(pgp, refused) -> None:
    assert refused(new_session(pgp.partner, pgp.own).seal_without_integrity(literal(CONTENT))) is Reason.INTEGRITY_MISSING


def test_armoured_message_without_integrity_protection(pgp, refused) -> None:
    old = new_session(pgp.partner, pgp.own).seal_without_integrity(literal(CONTENT))
    assert refused(armour(old)) is Reason.INTEGRITY_MISSING


@pytest.mark.parametrize("compress", [True, False], ids=["compressed", "plain"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_byte_flipped(pgp, refused, share: float, compress: bool) -> None:
    options = () if compress else ("--compress-algo", "none")
    message = bytearray(pgp.partner.write(CONTENT, pgp.own, options=options))
    begin = boundaries(bytes(message))[0] + 30  # within the encrypted data
    message[begin + int((len(message) - begin) * share)] ^= 0x20
    assert refused(bytes(message)) in {Reason.INTEGRITY_FAILED, Reason.TRUNCATED}  # the byte may be a chunk's length


def test_a_byte_flipped_in_the_session_key(pgp, refused) -> None:
    message = bytearray(pgp.partner.write(CONTENT, pgp.own))
    message[boundaries(bytes(message))[0] - 20] ^= 1
    assert refused(bytes(message)) is Reason.INTEGRITY_FAILED


def test_truncated_at_each_packet_and_anywhere(pgp, refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    cuts = [*boundaries(message), 1, 2, 100, len(message) // 2, len(message) - 30, len(message) - 1]
    assert {refused(message[:cut]) for cut in cuts} == {Reason.TRUNCATED}


def test_truncated_at_each_packet_inside(pgp, refused) -> None:
    inner = pgp.partner.gpg("--compress-algo", "none", "--sign", "--local-user", pgp.partner.signing + "!", data=CONTENT)
    session = new_session(pgp.partner, pgp.own)
    found = {refused(session.seal(inner[:cut])) for cut in boundaries(inner)}
    assert found <= {Reason.NOT_SIGNED, Reason.NOT_OPENPGP, Reason.INTEGRITY_FAILED, Reason.WRONG_SIGNER}


def test_compression_bomb_by_ratio_releases_nothing_beyond_the_limit(pgp, engine, tmp_path) -> None:
    bomb = pgp.partner.write(bytes(64 * MIB), pgp.own)
    assert len(bomb) < MIB / 4
    given = 0
    path = tmp_path / "bomb.gpg"
    path.write_bytes(bomb)
    with engine.open(path, OpenPgpPolicy()) as message:
        with pytest.raises(RejectedError) as caught:
            while chunk := message.read(64 * 1024):
                given += len(chunk)
        assert caught.value.reason is Reason.EXPANSION_TOO_LARGE
        with pytest.raises(RejectedError, match="expands"):
            message.verify()
    assert given <= max(MIB, 100 * len(bomb))


def test_compression_bomb_by_bytes(pgp, refused) -> None:
    message = pgp.partner.write(CONTENT * 20, pgp.own)
    assert refused(message, OpenPgpPolicy(max_content_bytes=len(CONTENT) * 20 - 1)) is Reason.CONTENT_TOO_LARGE


def test_compressed_in_compressed_bomb(pgp, refused) -> None:
    session = new_session(pgp.partner, pgp.own)
    assert refused(session.seal(compressed(compressed(literal(bytes(64 * MIB)))))) is Reason.EXPANSION_TOO_LARGE


def test_compression_nested_without_end(pgp, refused) -> None:
    nested = literal(b"x")
    for _ in range(200):
        nested = compressed(nested)
    assert refused(new_session(pgp.partner, pgp.own).seal(nested)) in {Reason.NOT_OPENPGP, Reason.INTEGRITY_FAILED}


def test_small_content_may_expand_more_than_the_ratio(pgp, open_message) -> None:
    assert open_message(pgp.partner.write(bytes(MIB), pgp.own))[1].size == MIB


def test_two_recipients(pgp, open_message) -> None:
    assert open_message(pgp.partner.write(CONTENT, pgp.stranger, pgp.own))[0] == CONTENT


@pytest.mark.parametrize("others", [False, True])
def test_hidden_recipient_that_is_us(pgp, open_message, others: bool) -> None:
    to = (pgp.stranger, pgp.own) if others else (pgp.own,)
    assert open_message(pgp.partner.write(CONTENT, *to, options=("--throw-keyids",)))[0] == CONTENT


@pytest.mark.parametrize("options", [(), ("--throw-keyids",)], ids=["named", "hidden"])
def test_not_for_us(pgp, refused, options: tuple[str, ...]) -> None:
    assert refused(pgp.partner.write(CONTENT, pgp.stranger, options=options)) is Reason.NOT_FOR_US


def test_password_only(pgp, refused) -> None:
    assert refused(pgp.partner.gpg("--symmetric", data=CONTENT)) is Reason.PASSWORD_ONLY


def test_password_of_our_key_is_never_tried_on_the_message(pgp, refused) -> None:
    """Else a partner could find out our passphrase by guessing it."""
    other = pgp.partner.write(CONTENT, pgp.stranger, options=("--symmetric",))
    assert refused(other) is Reason.PASSWORD_ONLY
    assert refused(pgp.partner.write(CONTENT, pgp.own, options=("--symmetric",))) is Reason.PASSWORD_ONLY
    assert refused(armour(split_packets(other)[0][1] * 800 + other)) is Reason.TRUNCATED  # beyond what is looked at


def test_text_mode_is_refused_unless_allowed(pgp, refused, open_message) -> None:
    message = pgp.partner.write(CONTENT, pgp.own, options=("--textmode",))
    assert refused(message) is Reason.TEXT_MODE
    assert open_message(message, OpenPgpPolicy(allow_text_mode=True))[0] == CONTENT


def test_text_signature_over_binary_content_is_text_mode(pgp, refused) -> None:
    parts = dict(split_packets(pgp.partner.gpg("--textmode", "--compress-algo", "none", "--sign", data=b"a,b\n")))
    mixed = parts[4] + literal(b"a,b\r\n") + parts[2]
    assert refused(new_session(pgp.partner, pgp.own).seal(mixed)) is Reason.TEXT_MODE


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "_CONSOLE", "", "a\nb", "-o x"])
def test_the_literal_packets_file_name_is_ignored(pgp, open_message, tmp_path, name: str) -> None:
    content, _ = open_message(pgp.partner.write(CONTENT, pgp.own, options=("--set-filename", name)))
    assert content == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["message.gpg"]
    assert not (tmp_path.parent.parent / "x").exists()


def armour(message: bytes) -> bytes:
    body = base64.encodebytes(message)
    return b"-----BEGIN PGP MESSAGE-----\n\n" + body + b"-----END PGP MESSAGE-----\n"


def test_armour_opens(pgp, open_message) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    armoured = pgp.partner.write(CONTENT, pgp.own, options=("--armor",))
    for text in (armoured, armour(message), b"\n\n" + armoured + b"\n \n", armoured.replace(b"\n", b"\r\n")):
        assert open_message(text)[0] == CONTENT


def test_armour_with_junk_around_it(pgp, refused) -> None:
    text = pgp.partner.write(CONTENT, pgp.own, options=("--armor",))
    junk = (b"Dear Sir,\n" + text, text + b"Kind regards\n", text + b"\0", b"\xef\xbb\xbf" + text)
    assert {refused(one) for one in junk} == {Reason.NOT_OPENPGP}


def test_armour_without_its_end_or_changed(pgp, refused) -> None:
    text = pgp.partner.write(CONTENT, pgp.own, options=("--armor",))
    assert refused(text[: len(text) // 2]) is Reason.TRUNCATED
    assert refused(text[:-8]) is Reason.TRUNCATED
    middle = len(text) // 2
    changed = text[:middle] + (b"A" if text[middle : middle + 1] != b"A" else b"B") + text[middle + 1 :]
    assert refused(changed) in {Reason.INTEGRITY_FAILED, Reason.TRUNCATED}


def test_two_messages_in_one_file(pgp, refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    text = pgp.partner.write(CONTENT, pgp.own, options=("--armor",))
    assert refused(message + message) is Reason.SEVERAL_MESSAGES
    assert refused(text + text) is Reason.SEVERAL_MESSAGES


def test_content_beside_the_encrypted_content(pgp, refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    assert refused(message + literal(b"more")) is Reason.SEVERAL_MESSAGES
    assert refused(literal(b"more") + message) is Reason.NOT_ENCRYPTED


def test_two_contents_in_one_encryption(pgp, refused) -> None:
    session = new_session(pgp.partner, pgp.own)
    assert refused(session.seal(literal(b"one") + literal(b"two"))) is Reason.SEVERAL_MESSAGES
    signed = pgp.partner.gpg("--compress-algo", "none", "--sign", data=CONTENT)
    assert refused(session.seal(signed + literal(b"two"))) is Reason.SEVERAL_MESSAGES
    assert refused(session.seal(literal(b"two") + signed)) is Reason.SEVERAL_MESSAGES
    assert refused(session.seal(signed + signed)) is Reason.SEVERAL_MESSAGES


def test_encryption_in_encryption(pgp, refused) -> None:
    inner = pgp.partner.write(CONTENT, pgp.own)
    assert refused(new_session(pgp.partner, pgp.own).seal(inner)) is Reason.SEVERAL_MESSAGES


def test_bytes_after_the_message(pgp, refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    assert refused(message + b"\n") is Reason.NOT_OPENPGP
    assert refused(message + bytes(512)) is Reason.NOT_OPENPGP


def test_empty_file_and_what_is_no_message(pgp, refused) -> None:
    assert refused(b"") is Reason.EMPTY_FILE
    assert refused(CONTENT) is Reason.NOT_OPENPGP
    assert refused(b"\xff" * 100) is Reason.NOT_OPENPGP
    assert refused(zlib.compress(CONTENT)) is Reason.NOT_OPENPGP
    assert refused(pgp.partner.certificate.encode()) is Reason.NOT_OPENPGP
    assert refused(pgp.partner.gpg("--export")) is Reason.NOT_OPENPGP
    assert refused(b"-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----\n") is Reason.TRUNCATED


def test_signed_but_not_encrypted_where_encryption_is_required(pgp, refused, open_message) -> None:
    for options in ((), ("--compress-algo", "none"), ("--armor",)):
        message = pgp.partner.write(CONTENT, options=options)
        assert refused(message) is Reason.NOT_ENCRYPTED
        content, proof = open_message(message, OpenPgpPolicy(require_encryption=False))
        assert content == CONTENT
        assert proof.signers == (pgp.partner.fingerprint,)
        assert not proof.encrypted
    assert refused(pgp.partner.gpg("--clear-sign", data=CONTENT)) is Reason.NOT_ENCRYPTED
    assert refused(pgp.partner.gpg("--detach-sign", data=CONTENT)) is Reason.NOT_ENCRYPTED


def test_encryption_inside_of_a_signature(pgp, refused) -> None:
    inner = pgp.partner.write(CONTENT, pgp.own, sign=False)
    assert refused(pgp.partner.gpg("--sign", data=inner)) is Reason.NOT_ENCRYPTED


def test_one_good_signature_is_not_all_required_signers(pgp, refused, open_message) -> None:
    both = (pgp.partner.fingerprint, pgp.stranger.fingerprint)
    one = pgp.partner.write(CONTENT, pgp.own)
    assert refused(one, OpenPgpPolicy(required_signers=both)) is Reason.WRONG_SIGNER
    assert open_message(one, OpenPgpPolicy(required_signers=both, signers="any"))[1].signers == both[:1]
    sender = two_signers(pgp)
    two = sender.write(CONTENT, pgp.own, signers=(pgp.partner.signing, pgp.stranger.signing))
    assert open_message(two, OpenPgpPolicy(required_signers=both))[1].signers == tuple(sorted(both))


@pytest.mark.parametrize("signers", ["all", "any"])
def test_two_signatures_of_which_one_is_bad(pgp, refused, signers: str) -> None:
    both = (pgp.partner.fingerprint, pgp.stranger.fingerprint)
    sender = two_signers(pgp)
    keys = ("--local-user", pgp.partner.signing + "!", "--local-user", pgp.stranger.signing + "!")
    inner = sender.gpg(*keys, "--compress-algo", "none", "--sign", data=CONTENT)
    for position in (-5, -130):
        changed = bytearray(inner)
        changed[position] ^= 1
        message = new_session(pgp.partner, pgp.own).seal(bytes(changed))
        policy = OpenPgpPolicy.model_validate({"required_signers": both, "signers": signers})
        assert refused(message, policy) is Reason.SIGNATURE_BAD


def test_signature_of_other_content(pgp, refused) -> None:
    parts = dict(split_packets(pgp.partner.gpg("--compress-algo", "none", "--sign", data=CONTENT)))
    moved = parts[4] + literal(CONTENT + b"x") + parts[2]
    assert refused(new_session(pgp.partner, pgp.own).seal(moved)) is Reason.SIGNATURE_BAD


def test_signature_by_an_unknown_key_beside_the_required_one_is_passed_over(pgp, open_message) -> None:
    sender = two_signers(pgp)
    message = sender.write(CONTENT, pgp.own, signers=(pgp.partner.signing, pgp.stranger.signing))
    with GnuPgEngine(pgp.keys) as engine:
        assert open_message(message, by=engine)[1].signers == (pgp.partner.fingerprint,)


def test_signature_made_by_our_own_key_is_not_the_partners(pgp, refused) -> None:
    assert refused(pgp.own.write(CONTENT, pgp.own)) is Reason.WRONG_SIGNER


def test_more_session_keys_than_any_message_needs(pgp, refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    first = split_packets(message)[0][1]
    assert refused(first * 1001 + message) is Reason.NOT_OPENPGP


def test_hostile_mail_as_a_stream_of_unknown_size(pgp, engine) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    cases = {
        b"": Reason.EMPTY_FILE,
        CONTENT: Reason.NOT_OPENPGP,
        message[:-100]: Reason.INTEGRITY_FAILED,
        packet(9, b"x" * 100): Reason.INTEGRITY_MISSING,
        pgp.partner.write(bytes(64 * MIB), pgp.own): Reason.EXPANSION_TOO_LARGE,
    }
    for data, expected in cases.items():
        with pytest.raises(RejectedError) as caught, engine.open(io.BytesIO(data), OpenPgpPolicy()) as opened:
            opened.verify()
        assert caught.value.reason is expected
