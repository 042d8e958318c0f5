"""A stream of either syntax, or of both: the readers of X12 and EDIFACT take turns at it.

Each reads on until an interchange of the other begins outside of its own, and hands over what it has read from there on.
Memory stays that of one buffer, and every byte is read by one of them.

::

    turns = Turns(chunks)
    for syntax in turns.parts():
        yield from scan_edifact(turns) if syntax is Syntax.EDIFACT else scan_x12(turns)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from airflow_provider_integrations.connectors.edi.model import Syntax
from airflow_provider_integrations.connectors.edi.x12_header import HEADER_BYTES, find_header, read_header

__all__ = ["LONGEST_BEGIN", "Turns", "begins_edifact", "find_edifact", "find_x12", "syntax_of"]

LONGEST_BEGIN = 32
"""Bytes by which the beginning of an EDIFACT interchange is known."""

_FILLER = b"\xef\xbb\xbf \t\r\n\x00\x1a"
_BEGIN = re.compile(rb"ISA[^A-Za-z0-9\s]|UNA[^A-Za-z0-9]|UNB[+\x1d]")
_EDIFACT = re.compile(
    rb"UN(?:B[+\x1d]UNO[A-Z]|A[^A-Za-z0-9\s][^A-Za-z0-9\s].{3}[^A-Za-z0-9 ][\r\n ]{0,8}UNB)", re.DOTALL
)
_LOOK = 1 << 16
_TAG = 3
_LARGE, _SMALL = 1 << 20, 1 << 16
_MANY = 8
"""Turns after which small blocks are read, so that a stream that changes all the time is not copied for each change."""


class Turns:
    """The stream as bytes for whose turn it is.

    Attributes:
        offset: The byte of the stream at which the turn begins.
        until: The byte at which it ended; None while it lasts and if it was the last.
        number: Counts the turns from 0.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._syntax, self._rest = _peek(chunks)
        self._back: list[bytes] = []
        self._wrapped = False
        self.offset = self.number = 0
        self.until: int | None = None

    @property
    def block(self) -> int:
        """Bytes to be read at once."""
        return _LARGE if self.number < _MANY else _SMALL

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._back:
            data = next(self._rest)
            return data.translate(None, b"\r\n") if self._wrapped else data
        data = self._back.pop()
        if len(data) > self.block:
            self._back.append(data[self.block :])
        return data[: self.block]

    def parts(self) -> Iterator[Syntax | None]:
        """The syntax of each turn; None for a stream of neither."""
        yield self._syntax
        while self.until is not None:
            self._syntax = Syntax.X12 if self._syntax is Syntax.EDIFACT else Syntax.EDIFACT
            self.offset, self.until = self.until, None
            self.number += 1
            yield self._syntax

    def hand_over(self, *data: bytes, offset: int, wrapped: bool = False) -> None:
        """End the turn.

        Args:
            data: What was read from there on, in order.
            offset: Where the interchange of the other syntax begins.
            wrapped: Line breaks were taken out of it; so they are out of all that follows.
        """
        self._back += [part for part in reversed(data) if part]
        self._wrapped = self._wrapped or wrapped
        self.until = offset


def syntax_of(head: bytes) -> Syntax | None:
    """The syntax of a stream by its first interchange; None if its beginning shows none.

    Args:
        head: The first bytes of it, 64 KiB if there are as many.
    """
    match = _BEGIN.search(head)
    if match is None:
        return None
    return Syntax.X12 if match.group().startswith(b"ISA") else Syntax.EDIFACT


def begins_edifact(data: bytes, at: int) -> bool:
    """Whether an EDIFACT interchange begins there: UNB with a syntax identifier, or UNA with UNB behind it."""
    return _EDIFACT.match(data, at) is not None


def find_edifact(data: bytes, start: int, end: int) -> int:
    """Where an EDIFACT interchange begins before `end`, or -1."""
    # Bounded: a search without bound would run to the end from each of many small interchanges.
    match = _EDIFACT.search(data, start, end + LONGEST_BEGIN)
    return match.start() if match and match.start() < end else -1


def find_x12(data: bytes, start: int, end: int, *, ended: bool) -> int:
    """Where an X12 interchange begins before `end`, or -1.

    Without `ended` it is also told where one may begin, with fewer than `HEADER_BYTES` behind it.
    """
    found = find_header(data, start, end + _TAG)
    while 0 <= found < end:
        if (len(data) - found < HEADER_BYTES and not ended) or read_header(data, found) is not None:
            return found
        found = find_header(data, found + _TAG, end + _TAG)
    return -1


def _peek(chunks: Iterable[bytes]) -> tuple[Syntax | None, Iterator[bytes]]:
    """The syntax of a stream, and the whole stream; the same however it is cut."""
    rest = iter(chunks)
    parts: list[bytes] = []
    size, enough = 0, 4
    for chunk in rest:
        parts.append(chunk)
        size += len(chunk)
        if size < enough:
            continue
        head = b"".join(parts)
        filler = len(head) - len(head.lstrip(_FILLER))
        # Nothing but filler for so long is no beginning of anything.
        if filler > _LOOK or size - filler >= _LOOK or syntax_of(head) is not None:
            break
        parts, enough = [head], 2 * size
    head = b"".join(parts)
    return syntax_of(head[: len(head) - len(head.lstrip(_FILLER)) + _LOOK]), chain([head], rest)
