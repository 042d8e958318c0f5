"""The text form of OpenPGP (RFC 9580, section 6): is it exactly one whole message with nothing around it?"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

if TYPE_CHECKING:
    from airflow_provider_integrations.connectors.sftp_pgp.packets import Reader

__all__ = ["ARMOR_START", "decode_head", "find_armor"]

ARMOR_START: Final = b"-----BEGIN PGP "

_MESSAGE = b"-----BEGIN PGP MESSAGE-----"
_CLEAR_SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
_END = b"-----END PGP MESSAGE-----"
_WINDOW = 1024 * 1024
_LONGEST_MARK = 64


def find_armor(reader: Reader, *, require_encryption: bool) -> bool:
    """See that the file is one armoured message and nothing else; False for clear-signed text that is allowed.

    The whole text is looked through for marks, a window at a time, since only that shows a second message.

    Raises:
        RejectedError: `not_encrypted`, `not_openpgp` (text around the armour, or no message in it), `several_messages`
            or `truncated`.
    """
    head = reader.read_at(0, _WINDOW)
    start = head.find(ARMOR_START)
    if head[:start].strip():
        raise RejectedError(Reason.NOT_OPENPGP, "there is text around the armour", position=0)
    mark = head[start : start + _LONGEST_MARK].split(b"\n")[0].rstrip()
    if mark == _CLEAR_SIGNED:
        if require_encryption:
            raise RejectedError(Reason.NOT_ENCRYPTED, "the message is signed text, not encrypted")
        return False
    if mark != _MESSAGE:
        raise RejectedError(Reason.NOT_OPENPGP, "the armour holds no message")
    if reader.size is not None:
        _one_end(reader, reader.size, start + len(_MESSAGE))
    return True


def _one_end(reader: Reader, size: int, position: int) -> None:
    end = _find(reader, size, b"-----", position)
    if end is None:
        raise RejectedError(Reason.TRUNCATED, "the armour has no end", size=size)
    mark = reader.read_at(end, _LONGEST_MARK)
    if mark.startswith(ARMOR_START):
        raise RejectedError(Reason.SEVERAL_MESSAGES, position=end)
    if not mark.startswith(_END):
        reason = Reason.TRUNCATED if _END.startswith(mark.rstrip()) else Reason.NOT_OPENPGP
        raise RejectedError(reason, "the armour has no proper end", position=end)
    position = end + len(_END)
    if _find(reader, size, ARMOR_START, position) is not None:
        raise RejectedError(Reason.SEVERAL_MESSAGES, position=position)
    while rest := reader.read_at(position, _WINDOW):
        if rest.strip():
            raise RejectedError(Reason.NOT_OPENPGP, "there is text around the armour", position=position)
        position += len(rest)


def _find(reader: Reader, size: int, mark: bytes, position: int) -> int | None:
    """Where `mark` stands next; windows overlap, so that a mark across their border is found."""
    while position < size:
        window = reader.read_at(position, _WINDOW)
        found = window.find(mark)
        if found >= 0:
            return position + found
        if len(window) < _WINDOW:
            break
        position += len(window) - len(mark) + 1
    return None


def decode_head(head: bytes) -> bytes:
    """The first packets of an armoured message, from the beginning of its text.

    Raises:
        RejectedError: `not_openpgp` when it is no radix-64, `truncated` when there is none.
    """
    lines = head[head.index(_MESSAGE) :].replace(b"\r\n", b"\n").split(b"\n")
    body = 1
    while body < len(lines) and lines[body].strip():  # header lines, up to an empty one
        body += 1
    digits = b"".join(line.strip() for line in lines[body:] if not line.startswith((b"=", b"-----")))
    try:
        packets = base64.b64decode(digits[: len(digits) // 4 * 4], validate=True)
    except binascii.Error:
        raise RejectedError(Reason.NOT_OPENPGP, "the armour holds something else than radix-64") from None
    if not packets:
        raise RejectedError(Reason.TRUNCATED, "the armour is empty")
    return packets
