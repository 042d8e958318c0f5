"""The framing of messages, without GnuPG."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.sftp_pgp.packets import (
    BytesReader,
    FileReader,
    MessageShape,
    inspect_message,
)
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

KEY_ID = "0123456789ABCDEF"


def packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def old_packet(tag: int, body: bytes) -> bytes:
    return bytes([0x80 | tag << 2 | 1]) + len(body).to_bytes(2, "big") + body


def partial(tag: int, *chunks: bytes, last: bytes) -> bytes:
    out = bytes([0xC0 | tag])
    for chunk in chunks:
        out += bytes([0xE0 | (len(chunk).bit_length() - 1)]) + chunk
    return out + bytes([len(last)]) + last


TO_US = packet(1, b"\3" + bytes.fromhex(KEY_ID) + b"\1" + bytes(30))
HIDDEN = packet(1, b"\3" + bytes(8) + b"\1" + bytes(30))
DATA = packet(18, b"\1" + bytes(100))
MESSAGE = TO_US + DATA


def look(data: bytes, *, require_encryption: bool = True, whole: bool = True) -> MessageShape | Reason:
    try:
        return inspect_message(BytesReader(data, whole=whole), require_encryption=require_encryption)
    except RejectedError as error:
        return error.reason


def armour(data: bytes, headers: bytes = b"") -> bytes:
    return (
        b"-----BEGIN PGP MESSAGE-----\n" + headers + b"\n" + base64.encodebytes(data) + b"-----END PGP MESSAGE-----\n"
    )


def test_recipients_are_read_and_a_hidden_one_is_all_zeros() -> None:
    assert look(TO_US + HIDDEN + DATA) == MessageShape(False, True, (KEY_ID, "0" * 16))


@pytest.mark.parametrize("tag", [18, 20])
def test_integrity_protected_kinds_pass(tag: int) -> None:
    assert look(TO_US + packet(tag, bytes(100))) == MessageShape(False, True, (KEY_ID,))


def test_old_headers_markers_and_partial_lengths() -> None:
    data = partial(18, bytes(512), bytes(1024), bytes(1), last=bytes(7))
    assert look(packet(10, b"PGP") + old_packet(1, b"\3" + bytes(40)) + data) == MessageShape(False, True, ("0" * 16,))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"id,name\n1,x\n", Reason.NOT_OPENPGP),
        (b"\x1f\x8b\x08\x00", Reason.NOT_OPENPGP),
        (b"PK\3\4", Reason.NOT_OPENPGP),
        (packet(6, bytes(50)), Reason.NOT_OPENPGP),
        (packet(60, bytes(50)), Reason.NOT_OPENPGP),
        (TO_US + packet(9, bytes(100)), Reason.INTEGRITY_MISSING),
        (packet(3, bytes(13)) + DATA, Reason.PASSWORD_ONLY),
        (TO_US + packet(3, bytes(13)) + DATA, Reason.PASSWORD_ONLY),
        (packet(8, bytes(100)), Reason.NOT_ENCRYPTED),
        (packet(4, bytes(13)) + packet(11, bytes(20)), Reason.NOT_ENCRYPTED),
        (packet(2, bytes(100)), Reason.NOT_ENCRYPTED),
        (TO_US + packet(11, bytes(20)), Reason.NOT_ENCRYPTED),
        (MESSAGE + MESSAGE, Reason.SEVERAL_MESSAGES),
        (MESSAGE + packet(11, bytes(20)), Reason.SEVERAL_MESSAGES),
        (MESSAGE + b"\n", Reason.NOT_OPENPGP),
        (TO_US, Reason.TRUNCATED),
        (TO_US * 1001 + DATA, Reason.NOT_OPENPGP),
    ],
)
def test_each_wrong_framing_has_its_reason(data: bytes, reason: Reason) -> None:
    assert look(data) is reason


def test_cut_anywhere_is_truncated() -> None:
    for message in (MESSAGE, TO_US + partial(18, bytes(512), bytes(512), last=bytes(5))):
        assert {look(message[:cut]) for cut in range(1, len(message))} == {Reason.TRUNCATED}


def test_signed_alone_passes_where_encryption_is_not_required() -> None:
    assert look(packet(8, bytes(100)), require_encryption=False) == MessageShape(False, False)
    clear = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\ntext\n"
    assert look(clear, require_encryption=False) == MessageShape(True, False)
    assert look(clear) is Reason.NOT_ENCRYPTED


def test_the_beginning_of_a_stream_is_enough() -> None:
    assert look(MESSAGE[:-50], whole=False) == MessageShape(False, True, (KEY_ID,))
    assert look(TO_US * 20, whole=False) is Reason.TRUNCATED


def test_armour_with_headers_and_white_space() -> None:
    for text in (
        armour(MESSAGE),
        armour(MESSAGE, b"Comment: x\nHash: y\n"),
        b" \r\n\n" + armour(MESSAGE) + b"\n\n",
        armour(MESSAGE).replace(b"\n", b"\r\n"),
        armour(MESSAGE).replace(b"-----END", b"=abcd\n-----END"),
    ):
        assert look(text) == MessageShape(True, True, (KEY_ID,), dearmor=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"Hello\n" + armour(MESSAGE), Reason.NOT_OPENPGP),
        (armour(MESSAGE) + b"Bye\n", Reason.NOT_OPENPGP),
        (armour(MESSAGE) + b"\0", Reason.NOT_OPENPGP),
        (armour(MESSAGE) * 2, Reason.SEVERAL_MESSAGES),
        (armour(MESSAGE).replace(b"-----END PGP MESSAGE-----\n", b"") * 2, Reason.SEVERAL_MESSAGES),
        (armour(MESSAGE)[:60], Reason.TRUNCATED),
        (armour(MESSAGE)[:-9], Reason.TRUNCATED),
        (armour(MESSAGE).replace(b"END PGP MESSAGE", b"END PGP SIGNATURE"), Reason.NOT_OPENPGP),
        (armour(MESSAGE).replace(b"MESSAGE-----", b"PUBLIC KEY BLOCK-----"), Reason.NOT_OPENPGP),
        (armour(b""), Reason.TRUNCATED),
        (armour(MESSAGE).replace(b"A", b"%"), Reason.NOT_OPENPGP),
        (armour(TO_US + packet(9, bytes(50))), Reason.INTEGRITY_MISSING),
        (armour(packet(3, bytes(13)) + DATA), Reason.PASSWORD_ONLY),
        (armour(packet(8, bytes(50))), Reason.NOT_ENCRYPTED),
    ],
)
def test_each_wrong_armour_has_its_reason(text: bytes, reason: Reason) -> None:
    assert look(text) is reason


def test_a_second_armour_across_the_windows_border_is_found() -> None:
    window = 1024 * 1024
    first = armour(MESSAGE)
    for shift in range(-30, 2, 3):
        assert look(first + b"\n" * (window - len(first) + shift) + first) is Reason.SEVERAL_MESSAGES


def test_a_large_file_costs_small_reads(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(TO_US + b"\xd2\xff" + (3_000_000_000).to_bytes(4, "big"))
        file.truncate(len(TO_US) + 6 + 3_000_000_000)  # a sparse file
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert look_at(descriptor).encrypted
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0
    finally:
        os.close(descriptor)


def look_at(descriptor: int) -> MessageShape:
    return inspect_message(FileReader(descriptor), require_encryption=True)


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_bytes_give_a_shape_or_a_reason(data: bytes, require_encryption: bool, whole: bool) -> None:
    look(data, require_encryption=require_encryption, whole=whole)


@given(st.binary(max_size=60), st.integers(0, len(MESSAGE)))
def test_any_bytes_in_a_message_give_a_shape_or_a_reason(data: bytes, at: int) -> None:
    look(MESSAGE[:at] + data + MESSAGE[at:])
    look(armour(MESSAGE)[:at] + data + armour(MESSAGE)[at:])
