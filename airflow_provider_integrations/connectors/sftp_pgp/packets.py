"""A cheap look at an OpenPGP file before GnuPG sees it: framing only, no cryptography.

It reads packet headers (RFC 9580, section 4.2) by seeking over the bodies, so that a large file costs some small reads,
and refuses with a clear reason what GnuPG would report as "no valid data" or, worse, would accept. A message that a
password opens is refused even when a key of ours opens it too. Of a stream and of armour only the beginning is seen,
and the encrypted data must begin in it.

Armour is accepted with nothing but white space around it. RFC 9580 allows other text there; it is refused here, because
it is covered by no encryption and no signature and is not what was agreed.

    >>> inspect_message(BytesReader(b"id,name"), require_encryption=True)
    Traceback (most recent call last):
    ...
    airflow_provider_integrations.core.errors.RejectedError: ...
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Final, Protocol

from airflow_provider_integrations.connectors.sftp_pgp.armor import ARMOR_START, decode_head, find_armor
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["BytesReader", "FileReader", "MessageShape", "Reader", "inspect_message"]

HEAD_BYTES: Final = 64 * 1024

_PKESK, _SIGNATURE, _SKESK, _ONE_PASS, _COMPRESSED, _SED = 1, 2, 3, 4, 8, 9
_MARKER, _LITERAL, _SEIPD, _OCB, _PADDING = 10, 11, 18, 20, 21
_KEYS = {5, 6, 7, 12, 13, 14, 17}  # keys, user ids, trust: a certificate or a key, and no message
_ENCRYPTED = {_SED, _SEIPD, _OCB}
# Each session key packet may make GnuPG try each secret key; nobody writes to so many recipients.
_MOST_SESSION_KEYS = 1000


class Reader(Protocol):
    """Bytes by position. `size` is None when only the beginning of a stream is known."""

    size: int | None

    def read_at(self, position: int, length: int) -> bytes:
        """At most `length` bytes from `position`; fewer only at the end of what is known."""


class BytesReader:
    """A reader over bytes in memory; `whole` is False for the beginning of a stream."""

    def __init__(self, data: bytes, *, whole: bool = True) -> None:
        self._data = data
        self.size: int | None = len(data) if whole else None

    def read_at(self, position: int, length: int) -> bytes:
        """A slice."""
        return self._data[position : position + length]


class FileReader:
    """A reader over an open file; it does not move the file's own position."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size: int | None = os.fstat(descriptor).st_size

    def read_at(self, position: int, length: int) -> bytes:
        """A read that leaves the position alone (pread(2))."""
        return os.pread(self._descriptor, length, position)


@dataclass(frozen=True, slots=True)
class MessageShape:
    """What the framing tells.

    Args:
        armored: Whether it is text (RFC 9580, section 6).
        encrypted: Whether the outermost layer is encryption.
        recipients: Key ids that it is encrypted to; sixteen zeros for a hidden one.
        dearmor: Whether packets are to be decoded out of the text; those of clear-signed text are not alone in it.
    """

    armored: bool
    encrypted: bool
    recipients: tuple[str, ...] = ()
    dearmor: bool = False


def inspect_message(reader: Reader, *, require_encryption: bool) -> MessageShape:
    """Look at the framing of a message.

    Raises:
        RejectedError: `empty_file`, `not_openpgp`, `not_encrypted`, `password_only`, `integrity_missing`, `truncated`
            or `several_messages`.
    """
    head = reader.read_at(0, HEAD_BYTES)
    if not head:
        raise RejectedError(Reason.EMPTY_FILE)
    if head[0] & 0x80:
        return _walk(reader, armored=False, require_encryption=require_encryption)
    if ARMOR_START not in head:
        raise RejectedError(Reason.NOT_OPENPGP, "the file is neither an OpenPGP packet nor armour")
    if not find_armor(reader, require_encryption=require_encryption):  # clear-signed text
        return MessageShape(armored=True, encrypted=False)
    shape = _walk(BytesReader(decode_head(head), whole=False), armored=True, require_encryption=require_encryption)
    return replace(shape, dearmor=True)


def _walk(reader: Reader, *, armored: bool, require_encryption: bool) -> MessageShape:
    """Follow the packets up to the end of the encryption, and see that nothing comes after it."""
    recipients: list[str] = []
    position = 0
    while header := _header(reader, position):
        tag, body, length = header
        if tag in _ENCRYPTED:
            if tag == _SED:
                raise RejectedError(
                    Reason.INTEGRITY_MISSING, "the message is of the old kind without integrity protection"
                )
            _end_of_message(reader, _end_of_body(reader, body, length))
            return MessageShape(armored, encrypted=True, recipients=tuple(recipients))
        if tag == _PKESK:
            recipients.append(_recipient(reader.read_at(body, 9)))
        elif tag == _SKESK:
            # GnuPG would try the passphrase of our key on it, and the sender could find it out by guessing.
            raise RejectedError(Reason.PASSWORD_ONLY, "a password opens the message")
        elif tag in {_COMPRESSED, _LITERAL, _ONE_PASS, _SIGNATURE}:
            if require_encryption or recipients:
                raise RejectedError(Reason.NOT_ENCRYPTED)
            return MessageShape(armored, encrypted=False)
        elif tag in _KEYS:
            raise RejectedError(Reason.NOT_OPENPGP, "the file holds a key or a certificate, and no message")
        elif tag not in {_MARKER, _PADDING}:
            raise RejectedError(Reason.NOT_OPENPGP, "the file holds a packet that no message has", packet=tag)
        if len(recipients) > _MOST_SESSION_KEYS:
            raise RejectedError(Reason.NOT_OPENPGP, "the message has more recipients than any message needs")
        end = _end_of_body(reader, body, length)
        if end is None:
            break
        position = end
    raise RejectedError(Reason.TRUNCATED, "the message ends before its encrypted data")


def _recipient(body: bytes) -> str:
    """Key id of a session key packet of version 3; other versions hold a fingerprint that GnuPG 2.2 cannot use."""
    return body[1:9].hex().upper() if body[:1] == b"\3" else ""


def _header(reader: Reader, position: int) -> tuple[int, int, int | None] | None:
    """Tag, position of the body, and its length; the length is negative for a first partial one, None up to the end."""
    data = reader.read_at(position, 6)
    if not data:
        return None
    first = data[0]
    if not first & 0x80:
        raise RejectedError(Reason.NOT_OPENPGP, "there are bytes between the packets", position=position)
    if first & 0x40:
        length = _new_length(data[1:])
        if length is None:
            _check_whole(reader)
            return None
        return first & 0x3F, position + 1 + length[1], length[0]
    octets = (1, 2, 4, 0)[first & 3]
    if len(data) < 1 + octets:
        _check_whole(reader)
        return None
    return (first >> 2) & 0x0F, position + 1 + octets, int.from_bytes(data[1 : 1 + octets], "big") if octets else None


def _new_length(data: bytes) -> tuple[int, int] | None:
    """A length of RFC 9580, section 4.2.1, and how many octets it takes; a partial length is negative."""
    first = data[0] if data else 0
    octets = 1 if first < 192 or 224 <= first < 255 else 2 if first < 224 else 5
    if len(data) < octets:
        return None
    if octets == 1:
        return (first if first < 192 else -(1 << (first & 0x1F))), 1
    return (((first - 192) << 8) + data[1] + 192, 2) if octets == 2 else (int.from_bytes(data[1:5], "big"), 5)


def _end_of_body(reader: Reader, body: int, length: int | None) -> int | None:
    """Where the body ends; None when it goes on beyond what is known or to the end of the file."""
    if length is None:
        return None
    position = body
    while length < 0:
        position -= length
        following = _new_length(reader.read_at(position, 5))
        if following is None:
            _check_whole(reader)
            return None
        length = following[0]
        position += following[1]
    position += length
    if reader.size is None:
        return position if reader.read_at(position, 1) else None
    if position > reader.size:
        _check_whole(reader)
    return position


def _end_of_message(reader: Reader, end: int | None) -> None:
    if end is None or end == reader.size:
        return
    after = reader.read_at(end, 1)
    if after and after[0] & 0x80:
        raise RejectedError(Reason.SEVERAL_MESSAGES, position=end)
    if after:
        raise RejectedError(Reason.NOT_OPENPGP, "there are bytes after the message", position=end)


def _check_whole(reader: Reader) -> None:
    """A packet goes on beyond what is known: fine, unless all is known."""
    if reader.size is not None:
        raise RejectedError(Reason.TRUNCATED, size=reader.size)
