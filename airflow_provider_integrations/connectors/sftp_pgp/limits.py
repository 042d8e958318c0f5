"""Limits that hold before anything is opened: size, emptiness and type by the first bytes. Pure but for reading them.

>>> looks_like_openpgp(b"-----BEGIN PGP MESSAGE-----\\n"), looks_like_openpgp(b"PK\\x03\\x04")
(True, False)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from airflow_provider_integrations.core.errors import PermanentError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import FileLimits

__all__ = ["check_count", "check_file", "check_head", "check_size", "looks_like_openpgp"]

HEAD = 64
"""Bytes that decide the type."""

_ARMOR = (b"-----BEGIN PGP MESSAGE", b"-----BEGIN PGP SIGNED MESSAGE")
_FIRST_PACKETS = {1, 2, 3, 4, 8, 9, 10, 11, 18, 20}
"""Tags that a message may begin with (RFC 9580, 10.3): session keys, signatures, compressed, encrypted, marker, literal."""

_UTF8_MARK = b"\xef\xbb\xbf"


def looks_like_openpgp(head: bytes) -> bool:
    """Whether the first bytes are those of an armored or a binary OpenPGP message.

    Text in front of the armour is not accepted: what stands there is not signed, and no partner's tool writes it.
    """
    text = head.removeprefix(_UTF8_MARK).lstrip(b"\r\n\t ")
    if text.startswith(_ARMOR):
        return True
    if len(head) < 2 or not head[0] & 0x80:
        return False
    tag = head[0] & 0x3F if head[0] & 0x40 else (head[0] & 0x3C) >> 2
    if tag not in _FIRST_PACKETS:
        return False
    # A version byte behind the length tells packets from other files whose first byte has its high bit set.
    if head[0] & 0x40:
        skip = 2 if head[1] < 192 else 3 if head[1] < 224 else 6 if head[1] == 255 else 2
    else:
        skip = {0: 2, 1: 3, 2: 5, 3: 1}[head[0] & 0x03]
    versions = {1: (2, 3, 6), 2: (2, 3, 4, 5, 6), 3: (4, 5, 6), 4: (3, 6), 18: (1, 2), 20: (1,)}.get(tag)
    return versions is None or (len(head) > skip and head[skip] in versions)


def check_size(limits: FileLimits, size: int) -> None:
    """Raise `RejectedError` with `EMPTY_FILE` or `FILE_TOO_LARGE`."""
    if size == 0:
        raise RejectedError(Reason.EMPTY_FILE)
    if size > limits.max_bytes:
        raise RejectedError(Reason.FILE_TOO_LARGE, size=size, limit=limits.max_bytes)


def check_head(limits: FileLimits, head: bytes) -> None:
    """Raise `RejectedError` with `WRONG_TYPE` if the first bytes are of none of the types; no types, no check."""
    known = {"openpgp": looks_like_openpgp}
    if limits.types and not any(known[kind](head) for kind in limits.types):
        # The first byte alone is safe to show: it is no content.
        raise RejectedError(Reason.WRONG_TYPE, accepted=list(limits.types), first_byte=head[:1].hex())


def check_count(limits: FileLimits, files: Sequence[object]) -> None:
    """Raise `PermanentError` for more files than the partner may put down at once."""
    if len(files) > limits.max_files:
        raise PermanentError(
            "more files than the limit",
            files=len(files),
            limit=limits.max_files,
            next_step="Clear the folder with the partner, or raise limits.max_files of the source.",
        )


def check_file(limits: FileLimits, path: Path) -> None:
    """All checks of one fetched file; see `scanner.scan` for malware.

    Raises:
        RejectedError: `EMPTY_FILE`, `FILE_TOO_LARGE` or `WRONG_TYPE`.
    """
    check_size(limits, path.stat().st_size)
    with path.open("rb") as opened:
        check_head(limits, opened.read(HEAD))
