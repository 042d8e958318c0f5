"""The text form of OpenPGP (RFC 9580, section 6): is it exactly one whole message with nothing around it?"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

if TYPE_CHECKING:
    from airflow_provider_integrations.connectors.sftp_pgp.gnupg_process import Readable
    from airflow_provider_integrations.connectors.sftp_pgp.packets import Reader

__all__ = ["ARMOR_START", "Dearmored", "decode_head", "find_armor"]

ARMOR_START: Final = b"-----BEGIN PGP "

_MESSAGE = b"-----BEGIN PGP MESSAGE-----"
_CLEAR_SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
_END = b"-----END PGP MESSAGE-----"
_WINDOW = 1024 * 1024
_LONGEST_MARK = 64


class Dearmored:
    """The packets of one armoured message that `find_armor` has passed, decoded on the way.

    GnuPG 2.2 loses the end of armour that has neither padding nor a checksum, which RFC 9580, section 6, allows. Letters
    that are no radix-64 are passed over, as GnuPG does: the integrity protection says that something was changed.
    """

    def __init__(self, text: Readable) -> None:
        self._text = text
        self._rest = b""
        self._digits = b""
        self._in_body = False
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """Some packets' bytes; none at the end."""
        while not self._ended:
            data = self._text.read(max(size, _LONGEST_MARK))
            lines = (self._rest + data).split(b"\n")
            self._rest = lines.pop() if data else b""
            packets = self._decode(lines, last=not data)
            if packets:
                return packets
        return b""

    def _decode(self, lines: list[bytes], *, last: bool) -> bytes:
        body = self._body(lines)
        self._ended = self._ended or last
        digits = self._digits + b"".join(body).translate(None, b"\r \t")
        whole = len(digits) if self._ended else len(digits) // 4 * 4
        self._digits = digits[whole:]
        # A line of padding alone reads like a checksum and was left out.
        padding = b"=" * (-whole % 4)
        try:
            return binascii.a2b_base64(digits[:whole] + padding)
        except binascii.Error:
            return b""  # Digits that do not add up, at the end: what is missing there, GnuPG finds missing.

    def _body(self, lines: list[bytes]) -> list[bytes]:
        """The lines of digits among these: after the empty line, before the checksum or the end."""
        if not self._in_body:
            empty = next((n for n, line in enumerate(lines) if not line.strip() and self._seen(lines[:n])), None)
            if empty is None:
                self._keep_start(lines)
                return []
            self._in_body = True
            lines = lines[empty + 1 :]
        for number, line in enumerate(lines):
            if line.startswith((b"=", b"-----")):
                self._ended = True
                return lines[:number]
        return lines

    def _seen(self, lines: list[bytes]) -> bool:
        return any(line.startswith(_MESSAGE) for line in lines)

    def _keep_start(self, lines: list[bytes]) -> None:
        self._rest = b"\n".join([*lines, self._rest])


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
