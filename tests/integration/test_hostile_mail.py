"""Hostile mail: each kind has its own reason code, never a traceback, never content that counts."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.openpgp import Proof
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import MIB, OpenPgpPolicy
from tests.fakes.gnupg import PgpWorld
from tests.fakes.openpgp_packets import armour, boundaries, compressed, literal, new_session, packet, split_packets

pytestmark = pytest.mark.integration

CONTENT = b"".join(b"%d,name %d,%d\n" % (i, i * 7919 % 10007, i * i) for i in range(5000))


def test_good_message_opens(pgp: PgpWorld, pgp_open: Callable[..., tuple[bytes, Proof]]) -> None:
    content, proof = pgp_open(pgp.partner.write(CONTENT, pgp.own))
    assert content == CONTENT
    assert proof.signers == (pgp.partner.fingerprint,)
    assert proof.encrypted
    assert proof.size == len(CONTENT)


def test_cipher_that_the_policy_refuses(pgp, pgp_refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own, options=("--cipher-algo", "3DES"))
    assert pgp_refused(message) is Reason.WEAK_ALGORITHM


def test_integrity_protection_stripped(pgp, pgp_refused) -> None:
    assert (
        pgp_refused(new_session(pgp.partner, pgp.own).seal_without_integrity(literal(CONTENT)))
        is Reason.INTEGRITY_MISSING
    )


def test_armoured_message_without_integrity_protection(pgp, pgp_refused) -> None:
    old = new_session(pgp.partner, pgp.own).seal_without_integrity(literal(CONTENT))
    assert pgp_refused(armour(old)) is Reason.INTEGRITY_MISSING


@pytest.mark.parametrize("compress", [True, False], ids=["compressed", "plain"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_byte_flipped(pgp, pgp_refused, share: float, compress: bool) -> None:
    options = () if compress else ("--compress-algo", "none")
    message = bytearray(pgp.partner.write(CONTENT, pgp.own, options=options))
    begin = boundaries(bytes(message))[0] + 30  # within the encrypted data
    message[begin + int((len(message) - begin) * share)] ^= 0x20
    assert pgp_refused(bytes(message)) in {
        Reason.INTEGRITY_FAILED,
        Reason.TRUNCATED,
    }  # the byte may be a chunk's length


def test_a_byte_flipped_in_the_session_key(pgp, pgp_refused) -> None:
    message = bytearray(pgp.partner.write(CONTENT, pgp.own))
    message[boundaries(bytes(message))[0] - 20] ^= 1
    assert pgp_refused(bytes(message)) is Reason.INTEGRITY_FAILED


def test_truncated_at_each_packet_and_anywhere(pgp, pgp_refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    cuts = [*boundaries(message), 1, 2, 100, len(message) // 2, len(message) - 30, len(message) - 1]
    assert {pgp_refused(message[:cut]) for cut in cuts} == {Reason.TRUNCATED}


def test_truncated_at_each_packet_inside(pgp, pgp_refused) -> None:
    inner = pgp.partner.gpg(
        "--compress-algo", "none", "--sign", "--local-user", pgp.partner.signing + "!", data=CONTENT
    )
    session = new_session(pgp.partner, pgp.own)
    found = {pgp_refused(session.seal(inner[:cut])) for cut in boundaries(inner)}
    assert found <= {Reason.NOT_SIGNED, Reason.NOT_OPENPGP, Reason.INTEGRITY_FAILED, Reason.WRONG_SIGNER}


def test_compression_bomb_by_ratio_releases_nothing_beyond_the_limit(pgp, pgp_engine, tmp_path) -> None:
    bomb = pgp.partner.write(bytes(64 * MIB), pgp.own)
    assert len(bomb) < MIB / 4
    given = 0
    path = tmp_path / "bomb.gpg"
    path.write_bytes(bomb)
    with pgp_engine.open(path, OpenPgpPolicy()) as message:
        with pytest.raises(RejectedError) as caught:  # noqa: PT012 it raises somewhere in the loop
            while chunk := message.read(64 * 1024):
                given += len(chunk)
        assert caught.value.reason is Reason.EXPANSION_TOO_LARGE
        with pytest.raises(RejectedError, match="expands"):
            message.verify()
    assert given <= max(MIB, 100 * len(bomb))


def test_compression_bomb_by_bytes(pgp, pgp_refused) -> None:
    message = pgp.partner.write(CONTENT * 20, pgp.own)
    assert pgp_refused(message, OpenPgpPolicy(max_content_bytes=len(CONTENT) * 20 - 1)) is Reason.CONTENT_TOO_LARGE


def test_compressed_in_compressed_bomb(pgp, pgp_refused) -> None:
    session = new_session(pgp.partner, pgp.own)
    assert pgp_refused(session.seal(compressed(compressed(literal(bytes(64 * MIB)))))) is Reason.EXPANSION_TOO_LARGE


def test_compression_nested_without_end(pgp, pgp_refused) -> None:
    nested = literal(b"x")
    for _ in range(200):
        nested = compressed(nested)
    assert pgp_refused(new_session(pgp.partner, pgp.own).seal(nested)) in {Reason.NOT_OPENPGP, Reason.INTEGRITY_FAILED}


def test_small_content_may_expand_more_than_the_ratio(pgp, pgp_open) -> None:
    assert pgp_open(pgp.partner.write(bytes(MIB), pgp.own))[1].size == MIB


def test_two_recipients(pgp, pgp_open) -> None:
    assert pgp_open(pgp.partner.write(CONTENT, pgp.stranger, pgp.own))[0] == CONTENT


@pytest.mark.parametrize("others", [False, True])
def test_hidden_recipient_that_is_us(pgp, pgp_open, others: bool) -> None:
    to = (pgp.stranger, pgp.own) if others else (pgp.own,)
    assert pgp_open(pgp.partner.write(CONTENT, *to, options=("--throw-keyids",)))[0] == CONTENT


@pytest.mark.parametrize("options", [(), ("--throw-keyids",)], ids=["named", "hidden"])
def test_not_for_us(pgp, pgp_refused, options: tuple[str, ...]) -> None:
    assert pgp_refused(pgp.partner.write(CONTENT, pgp.stranger, options=options)) is Reason.NOT_FOR_US


def test_password_only(pgp, pgp_refused) -> None:
    assert pgp_refused(pgp.partner.gpg("--symmetric", data=CONTENT)) is Reason.PASSWORD_ONLY


def test_password_of_our_key_is_never_tried_on_the_message(pgp, pgp_refused) -> None:
    """Else a partner could find out our passphrase by guessing it."""
    other = pgp.partner.write(CONTENT, pgp.stranger, options=("--symmetric",))
    assert pgp_refused(other) is Reason.PASSWORD_ONLY
    assert pgp_refused(pgp.partner.write(CONTENT, pgp.own, options=("--symmetric",))) is Reason.PASSWORD_ONLY
    assert pgp_refused(armour(split_packets(other)[0][1] * 800 + other)) is Reason.TRUNCATED  # beyond what is looked at


def test_text_mode_is_refused_unless_allowed(pgp, pgp_refused, pgp_open) -> None:
    message = pgp.partner.write(CONTENT, pgp.own, options=("--textmode",))
    assert pgp_refused(message) is Reason.TEXT_MODE
    assert pgp_open(message, OpenPgpPolicy(allow_text_mode=True))[0] == CONTENT


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "_CONSOLE", "", "a\nb", "-o x"])
def test_the_literal_packets_file_name_is_ignored(pgp, pgp_open, tmp_path, name: str) -> None:
    content, _ = pgp_open(pgp.partner.write(CONTENT, pgp.own, options=("--set-filename", name)))
    assert content == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["message.gpg"]
    assert not (tmp_path.parent.parent / "x").exists()


@pytest.mark.parametrize("more", range(3))
def test_armour_without_padding_or_checksum_opens(pgp, pgp_open, more: int) -> None:
    content = CONTENT + b"x" * more  # one of three lengths needs no padding
    assert pgp_open(armour(pgp.partner.write(content, pgp.own, options=("--compress-algo", "none"))))[0] == content


def test_armour_opens(pgp, pgp_open) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    armoured = pgp.partner.write(CONTENT, pgp.own, options=("--armor",))
    for text in (armoured, armour(message), b"\n\n" + armoured + b"\n \n", armoured.replace(b"\n", b"\r\n")):
        assert pgp_open(text)[0] == CONTENT


def test_armour_with_junk_around_it(pgp, pgp_refused) -> None:
    text = pgp.partner.write(CONTENT, pgp.own, options=("--armor",))
    junk = (b"Dear Sir,\n" + text, text + b"Kind regards\n", text + b"\0", b"\xef\xbb\xbf" + text)
    assert {pgp_refused(one) for one in junk} == {Reason.NOT_OPENPGP}


def test_armour_without_its_end_or_changed(pgp, pgp_refused) -> None:
    text = pgp.partner.write(CONTENT, pgp.own, options=("--armor",))
    assert pgp_refused(text[: len(text) // 2]) is Reason.TRUNCATED
    assert pgp_refused(text[:-8]) is Reason.TRUNCATED


@pytest.mark.parametrize("size", [300, 3000, len(CONTENT)])
def test_a_letter_of_armour_changed(pgp, pgp_refused, size: int) -> None:
    text = pgp.partner.write(CONTENT[:size], pgp.own, options=("--armor",))
    for share in (0.3, 0.6, 0.9):
        at = text.index(b"\n", int(len(text) * share)) - 5  # a letter well inside of its line
        changed = text[:at] + (b"A" if text[at : at + 1] != b"A" else b"B") + text[at + 1 :]
        assert pgp_refused(changed) is Reason.INTEGRITY_FAILED


def test_two_messages_in_one_file(pgp, pgp_refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    text = pgp.partner.write(CONTENT, pgp.own, options=("--armor",))
    assert pgp_refused(message + message) is Reason.SEVERAL_MESSAGES
    assert pgp_refused(text + text) is Reason.SEVERAL_MESSAGES


def test_content_beside_the_encrypted_content(pgp, pgp_refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    assert pgp_refused(message + literal(b"more")) is Reason.SEVERAL_MESSAGES
    assert pgp_refused(literal(b"more") + message) is Reason.NOT_ENCRYPTED


def test_two_contents_in_one_encryption(pgp, pgp_refused) -> None:
    session = new_session(pgp.partner, pgp.own)
    assert pgp_refused(session.seal(literal(b"one") + literal(b"two"))) is Reason.SEVERAL_MESSAGES
    signed = pgp.partner.gpg("--compress-algo", "none", "--sign", data=CONTENT)
    assert pgp_refused(session.seal(signed + literal(b"two"))) is Reason.SEVERAL_MESSAGES
    assert pgp_refused(session.seal(literal(b"two") + signed)) is Reason.SEVERAL_MESSAGES
    assert pgp_refused(session.seal(signed + signed)) is Reason.SEVERAL_MESSAGES


def test_encryption_in_encryption(pgp, pgp_refused) -> None:
    inner = pgp.partner.write(CONTENT, pgp.own)
    assert pgp_refused(new_session(pgp.partner, pgp.own).seal(inner)) is Reason.SEVERAL_MESSAGES


def test_bytes_after_the_message(pgp, pgp_refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    assert pgp_refused(message + b"\n") is Reason.NOT_OPENPGP
    assert pgp_refused(message + bytes(512)) is Reason.NOT_OPENPGP


def test_empty_file_and_what_is_no_message(pgp, pgp_refused) -> None:
    assert pgp_refused(b"") is Reason.EMPTY_FILE
    assert pgp_refused(CONTENT) is Reason.NOT_OPENPGP
    assert pgp_refused(b"\xff" * 100) is Reason.NOT_OPENPGP
    assert pgp_refused(zlib.compress(CONTENT)) is Reason.NOT_OPENPGP
    assert pgp_refused(pgp.partner.certificate.encode()) is Reason.NOT_OPENPGP
    assert pgp_refused(pgp.partner.gpg("--export")) is Reason.NOT_OPENPGP
    assert pgp_refused(b"-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----\n") is Reason.TRUNCATED


def test_more_session_keys_than_any_message_needs(pgp, pgp_refused) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    first = split_packets(message)[0][1]
    assert pgp_refused(first * 1001 + message) is Reason.NOT_OPENPGP


def test_hostile_mail_as_a_stream_of_unknown_size(pgp, pgp_engine) -> None:
    message = pgp.partner.write(CONTENT, pgp.own)
    cases = {
        b"": Reason.EMPTY_FILE,
        CONTENT: Reason.NOT_OPENPGP,
        message[:-100]: Reason.INTEGRITY_FAILED,
        packet(9, b"x" * 100): Reason.INTEGRITY_MISSING,
        pgp.partner.write(bytes(64 * MIB), pgp.own): Reason.EXPANSION_TOO_LARGE,
    }
    for data, expected in cases.items():
        with pytest.raises(RejectedError) as caught, pgp_engine.open(io.BytesIO(data), OpenPgpPolicy()) as opened:
            opened.verify()
        assert caught.value.reason is expected
