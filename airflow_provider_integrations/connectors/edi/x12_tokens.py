"""An X12 stream as tokens, and tokens as the very same bytes.

`tokenize` gives every byte of a stream in exactly one token: a `Segment` with its terminator, or a `Gap` between
segments (line breaks, padding, what is no EDI). `write` puts them together again: for any bytes whatsoever,
`b"".join(write(tokenize([data]))) == data`. It is the exact and slower reading; `x12_scan` is the fast one that
looks at segments only where it must.

    >>> isa = b"ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *260102*0304*U*00401*000000007*0*P*>~"
    >>> tokens = list(tokenize([isa + b"\\nIEA*0*000000007~\\n"]))
    >>> [token.text if isinstance(token, Gap) else token.tag for token in tokens[1:]]
    ['ISA', '\\n', 'IEA', '\\n']
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from airflow_provider_integrations.connectors.edi.model import Delimiters, Segment
from airflow_provider_integrations.connectors.edi.turns import LONGEST_BEGIN, Turns, begins_edifact, find_edifact
from airflow_provider_integrations.connectors.edi.x12_gaps import Gap, GapKind
from airflow_provider_integrations.connectors.edi.x12_header import (
    HEADER_BYTES,
    LONGEST_SEGMENT,
    PADDING,
    InterchangeHeader,
    find_header,
    find_whole_header,
    read_header,
)

__all__ = ["Gap", "GapKind", "Token", "binary_pattern", "split_segments", "tokenize", "write"]

_BREAKS = re.compile(rb"[\r\n]+")

# Filling the slots of a frozen dataclass by their descriptors takes half the time of its constructor, and a set that is
# checked by its guide spends a fifth of all its time there.
_new = object.__new__
_set_tag, _set_elements, _set_number, _set_offset = (
    vars(Segment)[name].__set__ for name in ("tag", "elements", "number", "offset")
)


Token = InterchangeHeader | Segment | Gap
"""A header stands before its own ISA segment and adds no bytes; it says which delimiters hold from there on."""


def tokenize(chunks: Iterable[bytes], *, at_least: int = 1 << 16) -> Iterator[Token]:
    """Every byte of the stream in a token, in the order of the stream.

    Args:
        chunks: The stream, cut anywhere; `Turns` to leave EDIFACT in it to the other reader.
        at_least: Bytes that are gathered before they are read.

    Yields:
        Headers, segments and gaps. An empty segment is a `Segment` without tag and elements. The binary data of BIN
        and BDS is one element, by its length.
    """
    reader = _Tokenizer()
    if isinstance(chunks, Turns):
        reader.turns, reader.offset = chunks, chunks.offset
    for chunk in chunks:
        # One buffer of all small chunks: a copy for each of them would cost the square of their number.
        reader.waiting.append(chunk)
        reader.waited += len(chunk)
        if reader.waited >= max(at_least, reader.lacking):
            yield from reader.read()
            if reader.left:
                break
    else:
        reader.ended = True
        yield from reader.read()
    if reader.left and reader.turns is not None:
        reader.turns.hand_over(reader.data, offset=reader.offset)


def write(tokens: Iterable[Token]) -> Iterator[bytes]:
    """The bytes of tokens, the inverse of `tokenize`."""
    delimiters: Delimiters | None = None
    wraps: list[Gap] = []
    for token in tokens:
        if isinstance(token, InterchangeHeader):
            delimiters = token.delimiters
        elif isinstance(token, Gap):
            if token.kind is GapKind.WRAP:
                wraps.append(token)
            else:
                yield token.text.encode("latin-1")
        else:
            if delimiters is None:
                raise ValueError("a segment stands before any header")
            text = delimiters.element.join((token.tag, *token.elements)) + delimiters.terminator
            for wrap in wraps:
                at = wrap.offset - token.offset
                text = text[:at] + wrap.text + text[at:]
            wraps.clear()
            yield text.encode("latin-1")


def binary_pattern(delimiters: Delimiters) -> re.Pattern[bytes]:
    """What stands before the data of BIN (BIN01 is the length) and BDS (BDS02 is)."""
    element = re.escape(delimiters.element.encode("latin-1"))
    return re.compile(rb"(?:BIN|BDS%b[A-Z0-9]{1,3})%b(\d{1,15})%b" % (element, element, element))


def split_segments(raw: bytes, delimiters: Delimiters, number: int = 1, offset: int = 0) -> list[Segment]:
    """Whole segments, terminators included, as `Segment`s.

    Args:
        raw: The bytes of a set, as `x12_scan` keeps them.
        delimiters: Those of its interchange.
        number: The place of the first segment in the interchange.
        offset: The byte of the stream at which `raw` begins.
    """
    element, terminator = delimiters.element, delimiters.terminator
    text = raw.decode("latin-1")
    if f"BIN{element}" in text or f"BDS{element}" in text:
        reader = _Tokenizer()
        reader.open(delimiters, wrapped=False)
        reader.offset, reader.number, reader.ended = offset, number - 1, True
        reader.waiting.append(raw)
        return [token for token in reader.read() if isinstance(token, Segment)]
    breaks = "\r\n".replace(terminator, "")
    has_breaks = any(one in text for one in breaks)
    segments = []
    for part in text.split(terminator)[:-1]:
        body = part.lstrip(breaks) if has_breaks else part
        tag, *elements = body.split(element)
        segment = _new(Segment)
        _set_tag(segment, tag)
        _set_elements(segment, tuple(elements))
        _set_number(segment, number)
        _set_offset(segment, offset + len(part) - len(body))
        segments.append(segment)
        number += 1
        offset += len(part) + 1
    return segments


class _Tokenizer:
    """The buffer between chunks, and whether an interchange is open."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.waited = 0
        self.lacking = 0
        """Bytes that binary data are known to go on for: before them there is nothing to look at."""
        self.turns: Turns | None = None
        self.left = False
        self.data = b""
        self.offset = 0
        self.ended = False
        self.number = 0
        self.wrapped = False
        self.delimiters: Delimiters | None = None
        self.element = self.terminator = b""
        self.breaks = self.binary = _BREAKS
        self.padding: frozenset[bytes] = frozenset()

    def open(self, delimiters: Delimiters, *, wrapped: bool) -> None:
        self.delimiters, self.wrapped, self.number = delimiters, wrapped, 0
        self.element = delimiters.element.encode("latin-1")
        self.terminator = delimiters.terminator.encode("latin-1")
        # A terminator that is itself a line break ends segments and is no gap.
        kept = bytes(byte for byte in b"\r\n" if byte != self.terminator[0])
        self.breaks = re.compile(rb"[%b]*" % kept)
        own = (self.element, self.terminator, delimiters.component.encode("latin-1"))
        self.padding = frozenset(PADDING[i : i + 1] for i in range(len(PADDING))) - {*own}
        self.binary = binary_pattern(delimiters)

    def read(self) -> Iterator[Token]:
        """All tokens that the buffer is sure to hold."""
        self.data = b"".join((self.data, *self.waiting))
        self.waiting, self.waited = [], 0
        at, before = 0, (-1, self.delimiters)
        while before != (at, self.delimiters) and at < len(self.data):
            before = (at, self.delimiters)
            for token, reached in self.segments(at) if self.delimiters else self.hunt(at):
                yield token
                at = reached
        self.data = self.data[at:]
        self.offset += at

    def hunt(self, at: int) -> Iterator[tuple[Token, int]]:
        """Outside of an interchange: gaps up to the next header."""
        start, data = at, self.data
        while True:
            found = find_header(data, at)
            if self.turns is not None:
                other = find_edifact(data, at, found if found >= 0 else len(data))
                if other >= 0:
                    self.left = True
                    if other > start:
                        yield self.outside(start, other), other
                    return
            if found < 0:
                # The last three bytes may be the begin of ISA; it takes a fourth to know, and more of UNA and UNB.
                kept = 3 if self.turns is None else LONGEST_BEGIN
                end = len(data) if self.ended else max(start, len(data) - kept)
                if end > start:
                    yield self.outside(start, end), end
                return
            if len(data) - found < HEADER_BYTES and not self.ended:
                if found > start:
                    yield self.outside(start, found), found
                return
            header = read_header(data, found)
            if header is not None:
                if found > start:
                    yield self.outside(start, found), found
                self.open(header.delimiters, wrapped=header.wrapped)
                end = found + header.length
                if header.wrapped:
                    matched = re.compile(rb"(?:[\r\n]*[^\r\n]){%d}" % header.length).match(data, found)
                    end = matched.end() if matched else end
                yield header, found
                for token in self.segment(found, end - 1):
                    yield token, end
                return
            at = found + 3

    def outside(self, start: int, end: int) -> Gap:
        raw = self.data[start:end]
        kind = GapKind.OUTSIDE if raw.strip(PADDING) else GapKind.PADDING
        return Gap(raw.decode("latin-1"), self.offset + start, kind)

    def segments(self, at: int) -> Iterator[tuple[Token, int]]:
        """Within an interchange: segments up to IEA, to the next ISA or to the end of the buffer."""
        data = self.data
        while True:
            start = self.breaks.match(data, at).end()  # type: ignore[union-attr] # matches the empty string
            padded = start
            while data[padded : padded + 1] in self.padding:
                padded += 1
            is_other = self.turns is not None and data.startswith(b"UN", padded)
            if is_other or data.startswith(b"ISA", padded):
                if len(data) - padded < (LONGEST_BEGIN if is_other else HEADER_BYTES) and not self.ended:
                    return
                if begins_edifact(data, padded) if is_other else read_header(data, padded) is not None:
                    if padded > at:
                        yield Gap(data[at:padded].decode("latin-1"), self.offset + at, GapKind.PADDING), padded
                    self.delimiters = None
                    return
            end = self.end_of(start)
            cut = self.cut_at(start, end if end >= 0 else len(data))
            if cut >= 0:
                if len(data) - cut < HEADER_BYTES and not self.ended:
                    return
                self.delimiters = None
                yield Gap(data[at:cut].decode("latin-1"), self.offset + at, GapKind.UNTERMINATED), cut
                return
            if end < 0:
                if not self.ended and (self.lacking or len(data) - start <= LONGEST_SEGMENT):
                    return
                rest = data[at:]
                kind = GapKind.UNTERMINATED if rest.strip(PADDING) else GapKind.PADDING
                kind = kind if self.ended else GapKind.OUTSIDE
                self.delimiters = None
                yield Gap(rest.decode("latin-1"), self.offset + at, kind), len(data)
                return
            if start > at:
                yield Gap(data[at:start].decode("latin-1"), self.offset + at, GapKind.PADDING), start
            at = end + 1
            last: Token | None = None
            for last in self.segment(start, end):
                yield last, at
            if isinstance(last, Segment) and last.tag == "IEA":
                self.delimiters = None
                return

    def end_of(self, start: int) -> int:
        """Where the terminator of the segment at `start` stands, or -1."""
        matched = self.binary.match(self.data, start)
        after = matched.end() + int(matched[1]) if matched else start
        self.lacking = max(0, after - len(self.data))
        return self.data.find(self.terminator, after)

    def cut_at(self, start: int, end: int) -> int:
        """Where the next ISA begins within the segment from `start` on, which was cut off there; -1 if nowhere."""
        if self.binary.match(self.data, start):
            return -1
        return find_whole_header(self.data, self.element, start + 1, end, ended=self.ended)

    def segment(self, start: int, end: int) -> Iterator[Token]:
        raw = self.data[start:end]
        if self.wrapped:
            for found in _BREAKS.finditer(raw):
                text = found.group().decode("latin-1")
                yield Gap(text, self.offset + start + found.start(), GapKind.WRAP)
            raw = raw.translate(None, b"\r\n")
        most = -1
        if raw[:3] in {b"BIN", b"BDS"} and self.binary.match(raw):
            most = 2 if raw[:3] == b"BIN" else 3
        tag, *elements = raw.decode("latin-1").split(self.element.decode("latin-1"), most)
        self.number += 1
        yield Segment(tag, tuple(elements), self.number, self.offset + start)
