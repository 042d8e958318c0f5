"""An EDIFACT stream, cut into pieces that together are the very stream: nothing left out, nothing twice, nothing raised.

Memory is bounded by a few blocks however long the stream, the interchange or the message. A missing trailer is an empty piece
with a finding where it ought to be, so that headers and trailers always pair. Line breaks before a segment belong to its piece.

    >>> stream = b"UNB+UNOA:3+A+B+260102:0304+7'UNH+1+ORDERS:D:96A:UN'BGM+220+1'UNT+3+1'UNZ+1+7'"
    >>> [(piece.part.value, piece.segments, len(piece.findings)) for piece in scan([stream])]
    [('UNB', 1, 0), ('UNH', 1, 0), ('body', 1, 0), ('UNT', 1, 0), ('UNZ', 1, 0)]
    >>> b"".join(piece.raw for piece in scan([stream[:60]])) == stream[:60]
    True

The clauses are of ISO 9735-1:2002; ISO 9735:1988 has the same rules without repetition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from airflow_provider_integrations.connectors.edi.edifact_charsets import character_set
from airflow_provider_integrations.connectors.edi.edifact_envelope import check_interchange, interchange_header
from airflow_provider_integrations.connectors.edi.edifact_interchange import Open
from airflow_provider_integrations.connectors.edi.edifact_pieces import Part, Piece
from airflow_provider_integrations.connectors.edi.edifact_tokens import (
    ADVICE_LENGTH,
    advice_fault,
    header_delimiters,
    hide_released,
    read_advice,
    segments_of,
)
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.turns import Turns, find_x12
from airflow_provider_integrations.connectors.edi.x12_header import HEADER_BYTES

__all__ = ["BLOCK", "LONGEST_SEGMENT", "scan"]

BLOCK = 1 << 20
"""Bytes read at a time: large enough that the work is done in C, small enough that memory stays flat."""
LONGEST_SEGMENT = 4 << 20
"""A segment longer than this is taken for a lost terminator."""

_LONGEST_HEADER = 1 << 11
"""UNA, line breaks and UNB together; the longest UNB of the standard, all of it released, has under 700 bytes."""
_FILLER = re.compile(rb"(?:\xef\xbb\xbf|[\r\n\t \0\x1a])*")
_START = re.compile(rb"UN(?:A(?![A-Za-z0-9])|B[+\x1d])")
_LINES = re.compile(rb"[\r\n ]*")


class _Stream:
    """The bytes not yet given out; `at` is the first of them, `base` the place of `data` in the stream."""

    def __init__(self, chunks: Iterable[bytes], block: int) -> None:
        self.turns = chunks if isinstance(chunks, Turns) else None
        self._chunks = iter(chunks)
        self._block = block if self.turns is None else min(block, self.turns.block)
        self.data = b""
        self.at = 0
        self.base = 0 if self.turns is None else self.turns.offset
        self.ended = False

    @property
    def offset(self) -> int:
        return self.base + self.at

    def more(self) -> bool:
        """One block more, if there is one; what was given out is dropped."""
        parts = [self.data[self.at :]]
        self.base += self.at
        self.at = 0
        size = 0
        while size < self._block and not self.ended:
            chunk = next(self._chunks, None)
            if chunk is None:
                self.ended = True
            else:
                parts.append(chunk)
                size += len(chunk)
        self.data = b"".join(parts)
        return size > 0

    def next_x12(self, start: int, end: int) -> int:
        """Where an X12 interchange begins before `end`, or may begin; -1 if nowhere or if nobody else reads it."""
        return -1 if self.turns is None else find_x12(self.data, start, end, ended=self.ended)

    def is_sure(self, place: int) -> bool:
        """Whether enough stands there to know what it is."""
        return self.ended or len(self.data) - place >= HEADER_BYTES

    def take(self, count: int) -> bytes:
        raw = self.data[self.at : self.at + count]
        self.at += count
        return raw


def scan(chunks: Iterable[bytes], block: int = BLOCK) -> Iterator[Piece]:
    """Every piece of a stream of interchanges, in order; their `raw` joined is the stream.

    Args:
        chunks: The stream in chunks of any size; `Turns` to leave X12 in it to the other reader.
        block: Bytes read at least before anything is looked at.

    Yields:
        Pieces. `UNA` and `UNB` begin an interchange and `UNZ` ends it, be it an empty one that tells of its absence; `filler`
        is of no meaning (line breaks, BOM, NUL, Ctrl-Z), `junk` is bytes that belong to no interchange or segment.
    """
    stream = _Stream(chunks, block)
    turns = stream.turns
    found = turns is not None and turns.number > 0
    while True:
        while len(stream.data) - stream.at < 2 * _LONGEST_HEADER and stream.more():
            pass
        filler = _FILLER.match(stream.data, stream.at)
        if filler and filler.group():
            # A BOM could be cut in two only at a block's end, where it is no BOM of a file.
            yield Piece(Part.FILLER, stream.take(len(filler.group())), stream.base + filler.start())
            continue
        if stream.at >= len(stream.data):
            if stream.ended:
                break
            continue
        match = _START.search(stream.data, stream.at)
        other = stream.next_x12(stream.at, match.start() if match else len(stream.data))
        if turns is not None and other == stream.at and stream.is_sure(other):
            turns.hand_over(stream.data[other:], offset=stream.offset)
            return
        if other >= 0:
            yield from _junk(stream, other)
            continue
        if match is None or match.start() > stream.at:
            yield from _junk(stream, match.start() if match else -1)
            continue
        found = True
        yield from _interchange(stream)
    if not found:
        finding = Finding(FindingCode.NOT_EDI, Severity.FATAL, detail="No UNB was found.")
        yield Piece(Part.JUNK, b"", stream.offset, findings=(finding,))


def _junk(stream: _Stream, begin: int) -> Iterator[Piece]:
    """Bytes before the next UNA, UNB or ISA; without one (-1), all but the few at the end that may begin it."""
    end = begin if begin >= 0 else len(stream.data) if stream.ended else max(len(stream.data) - 3, stream.at)
    offset = stream.offset
    raw = stream.take(end - stream.at)
    if raw:
        headless = raw.startswith((b"UNH", b"UNG"))
        code = FindingCode.HEADER_MISSING if headless else FindingCode.BYTES_OUTSIDE
        finding = Finding(
            code, Severity.FATAL, value=raw[:35].decode("latin-1"), detail="Bytes outside of an interchange."
        )
        yield Piece(Part.JUNK, raw, offset, findings=(finding,))
    if begin < 0 or not raw:
        stream.more()


def _interchange(stream: _Stream) -> Iterator[Piece]:
    """One interchange from its UNA or UNB to its end, or one piece of junk if it has no readable UNB."""
    advice: Delimiters | None = None
    length = 0
    if stream.data.startswith(b"UNA", stream.at):
        lines = _LINES.match(stream.data, stream.at + ADVICE_LENGTH)
        end = lines.end() if lines else len(stream.data)
        if not stream.data.startswith(b"UNB", end):
            finding = Finding(
                FindingCode.HEADER_MISSING, Severity.FATAL, "UNA", detail="No UNB follows UNA (clause 8.1)."
            )
            yield _unreadable(stream, 3, finding)
            return
        advice = read_advice(stream.data[stream.at : stream.at + ADVICE_LENGTH])
        length = end - stream.at
    start = stream.at + length
    after = stream.data[start + 3 : start + 4].decode("latin-1")
    fault = None if advice is None else advice_fault(advice)
    usual = header_delimiters(after)
    # A UNA that no stream can be read by is told of and passed over: the UNB after it may still show whom to answer.
    delimiters = advice if advice is not None and (fault is None or usual is None) else usual
    window = stream.data[start : start + _LONGEST_HEADER]
    end = -1
    hidden = window
    if delimiters is not None:
        hidden = hide_released(window, delimiters)
        end = hidden.find(delimiters.terminator.encode("latin-1"))
    if delimiters is None or end < 0 or after != delimiters.element or (fault and delimiters is advice):
        code = FindingCode.TERMINATOR_MISSING if end < 0 else FindingCode.DELIMITER_INVALID
        finding = Finding(
            code, Severity.FATAL, "UNB", 1, detail="UNB cannot be read with the service characters in force."
        )
        yield _unreadable(stream, length + 3, finding)
        return
    [segment] = segments_of(window[: end + 1], delimiters, offset=start + stream.base, hidden=hidden[: end + 1])
    header = interchange_header(segment, delimiters, advised=advice is not None)
    if advice is not None:
        if fault is None and advice.decimal not in ".," and header.version != 4:
            fault = advice.decimal
        odd = () if fault is None else (Finding(FindingCode.DELIMITER_INVALID, Severity.FATAL, "UNA", value=fault),)
        yield Piece(Part.ADVICE, stream.take(length), stream.offset - length, findings=odd)
    raw = stream.take(end + 1)
    state = Open(header, character_set(header.syntax_identifier))
    faults = (*check_interchange(header), *state.header_findings(raw))
    yield Piece(Part.INTERCHANGE, raw, stream.offset - len(raw), 1, 1, header, faults)
    yield from _contents(stream, state)


def _unreadable(stream: _Stream, count: int, finding: Finding) -> Piece:
    """What looked like the beginning of an interchange and is none, up to what next looks like one."""
    match = _START.search(stream.data, stream.at + count)
    offset = stream.offset
    end = match.start() if match else max(len(stream.data) - 3, stream.at + count)
    other = stream.next_x12(stream.at + count, end)
    end = other if other >= 0 else end
    return Piece(Part.JUNK, stream.take(end - stream.at), offset, findings=(finding,))


def _contents(stream: _Stream, state: Open) -> Iterator[Piece]:
    """From UNB's end to UNZ's, window by window."""
    terminator = state.grammar.terminator
    searched = stream.offset
    while not state.closed:
        # The window ends with what may end the interchange, so that a stream of many small ones is not looked at for each.
        match = state.grammar.last.search(stream.data, max(searched - stream.base, stream.at))
        end = match.end() if match else len(stream.data)
        searched = stream.base + end if match else max(searched, stream.base + len(stream.data) - _LONGEST_HEADER)
        other = _other(stream, state, end)
        if other >= 0:
            if stream.is_sure(other) and not stream.data[stream.at : other].strip(b"\r\n"):
                yield from state.close(stream.offset)
                return
            match, end, searched = None, other, stream.base + other
        window = stream.data[stream.at : end]
        hidden = state.hide(window)
        cut = hidden.rfind(terminator) + 1
        if cut:
            for piece in state.pieces(window[:cut], hidden[:cut], stream.offset):
                stream.at += len(piece.raw)
                yield piece
        elif match:
            # It was none: its terminator is released. The next window takes all, so that no bytes are looked at over and over.
            searched = stream.base + len(stream.data)
        elif len(window) > LONGEST_SEGMENT:
            finding = Finding(
                FindingCode.SEGMENT_TOO_LONG, Severity.ERROR, position=state.position, value=_head(window)
            )
            yield Piece(Part.JUNK, stream.take(len(window)), stream.offset - len(window), findings=(finding,))
        elif not stream.more() and stream.ended:
            yield from _end(stream, state, len(window))
            return


def _other(stream: _Stream, state: Open, end: int) -> int:
    """Where an X12 interchange begins, or may begin, as a segment before `end`: the open one has no UNZ; -1 if nowhere."""
    data, release = stream.data, (state.header.delimiters.release or "").encode("latin-1")
    # `find` is quick, and where there is nothing to find no more is done.
    if stream.turns is None or data.find(b"ISA", stream.at, end) < 0:
        return -1
    found = stream.next_x12(stream.at, end)
    while found >= 0:
        before = data[max(stream.at, found - _LONGEST_HEADER) : found].rstrip(b"\r\n")
        text = before[:-1]
        released = release and (len(text) - len(text.rstrip(release))) % 2
        if not before or (before[-1:] == state.grammar.terminator and not released):
            return found
        found = stream.next_x12(found + 3, end)
    return -1


def _end(stream: _Stream, state: Open, count: int) -> Iterator[Piece]:
    """The stream ended within the interchange."""
    offset = stream.offset
    raw = stream.take(count)
    if raw and _FILLER.fullmatch(raw):
        yield Piece(Part.FILLER, raw, offset)
    elif raw:
        release = (state.header.delimiters.release or "").encode("latin-1")
        dangling = bool(release) and (len(raw) - len(raw.rstrip(release))) % 2 == 1
        code = FindingCode.RELEASE_DANGLING if dangling else FindingCode.TERMINATOR_MISSING
        finding = Finding(
            code, Severity.ERROR, None, state.position, value=_head(raw), detail="The stream ends in a segment."
        )
        yield Piece(Part.JUNK, raw, offset, findings=(finding,))
    yield from state.close(stream.offset)


def _head(raw: bytes) -> str:
    return raw[:35].decode("latin-1")
