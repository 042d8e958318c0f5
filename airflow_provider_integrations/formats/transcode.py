"""Turns any text encoding into UTF-8 while it streams, so that everything after it sees one encoding.

What the encoding cannot decode becomes the bytes of a lone surrogate, which no valid UTF-8 holds: one later check
finds encoding errors of every encoding, in the row where they are, and no byte is lost or guessed.
"""

from __future__ import annotations

import codecs
from typing import Protocol

from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason

__all__ = ["SupportsRead", "Transcoder", "read_block"]

_MARK = "\udcff"
_HANDLER = "airflow_provider_integrations.mark"


class SupportsRead(Protocol):
    """Anything that streams bytes: a file, a pipe, a decrypting message."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; empty at the end and only there."""


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _MARK, error.end


codecs.register_error(_HANDLER, _mark_undecodable)


def read_block(stream: SupportsRead, size: int) -> bytes:
    """Exactly `size` bytes, fewer only at the end: short reads are legal and must not show in the result."""
    parts: list[bytes] = []
    missing = size
    while missing > 0:
        part = stream.read(missing)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Transcoder:
    """A stream of UTF-8 over a stream of `encoding`; `read_block` over it is exact as well.

    >>> import io
    >>> Transcoder(io.BytesIO("é".encode("cp1252")), "cp1252").read(16)
    b'\\xc3\\xa9'
    """

    def __init__(self, stream: SupportsRead, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(_HANDLER)
        self._name = encoding
        self._plain = codecs.lookup(encoding).name == "utf-8"
        self._ready = b""
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes of UTF-8; empty only at the end."""
        if self._plain:
            return self._stream.read(size)
        while not self._ready and not self._ended:
            raw = self._stream.read(size)
            self._ended = not raw
            try:
                text = self._decoder.decode(raw, self._ended)
            except UnicodeError as error:
                # The handler marks what cannot be decoded; left are demands on the whole, as a BOM for `utf-16`.
                raise RejectedError(
                    Reason.UNREADABLE, "the content is not in the contract's encoding", encoding=self._name,
                    error=str(error)[:80],
                ) from None  # fmt: skip
            self._ready = text.encode("utf-8", "surrogatepass")
        part, self._ready = self._ready[:size], self._ready[size:]
        return part
