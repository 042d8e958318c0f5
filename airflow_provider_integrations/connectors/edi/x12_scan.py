"""The fast reading of an X12 stream: its envelope, its syntax and, for whoever asks, its sets.

::

    for one in scan(chunks, agreement=Agreement(sets=frozenset({"850"})), visit=check, wanted=frozenset({"850"})):
        if isinstance(one, Interchange):
            acknowledge(one, ...)

A loop over each element would cost more than all the rest, so one regular expression looks at what follows each
terminator and stops only at control segments, at BIN and BDS, and at whatever is not the beginning of a well formed
segment. All others are counted by `bytes.count`. What stands within segments is looked at by `bytes.translate` and
`bytes.find` first, and by the exact expression only in a buffer that they call odd. Memory is one buffer and a line
for each set, whatever the length of the stream.

Each interchange is given as soon as it ends; `visit` is called with each wanted set and answers with findings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.turns import Turns
from airflow_provider_integrations.connectors.edi.x12_envelope import Agreement, Interchange, Outside, SetRead
from airflow_provider_integrations.connectors.edi.x12_header import (
    HEADER_BYTES,
    LONGEST_SEGMENT,
    PADDING,
    read_header,
)
from airflow_provider_integrations.connectors.edi.x12_patterns import patterns
from airflow_provider_integrations.connectors.edi.x12_stream import SMALL_WINDOW, Stream
from airflow_provider_integrations.connectors.edi.x12_structure import (
    IN_GROUP,
    IN_SET,
    Structure,
    Visit,
)
from airflow_provider_integrations.connectors.edi.x12_tokens import binary_pattern

__all__ = ["scan"]

_BUFFER = 1 << 20
_TAG = re.compile(rb"[A-Z][A-Z0-9]{1,2}")
_ST, _SE, _NAMED = 1, 6, 7
_CONTROL_TAGS = {b"ISA", b"GS", b"ST", b"SE", b"GE", b"IEA", b"TA1", b"BIN", b"BDS"}


def scan(
    chunks: Iterable[bytes],
    *,
    agreement: Agreement | None = None,
    visit: Visit | None = None,
    wanted: Collection[str] = (),
    buffer: int = _BUFFER,
    digest: bool = False,
) -> Iterator[Interchange | Outside]:
    """Read a stream to its end, whatever is in it.

    Args:
        chunks: The stream, cut anywhere; `Turns` to leave EDIFACT in it to the other reader.
        agreement: What is taken; without it, all that X12 knows.
        visit: Called with each set of `wanted`; its findings become those of the set.
        wanted: ST01 of the sets that are kept whole for `visit`.
        buffer: Bytes that are looked at together.
        digest: Whether each interchange is to have its `sha256`.

    Yields:
        Each interchange as it ends, and bytes outside of any that are not mere padding. A stream without any
        interchange gives one `Outside` with `not_edi`.
    """
    scanner = _Scanner(agreement or Agreement(), visit, {name.encode("latin-1") for name in wanted}, digest=digest)
    turns = chunks if isinstance(chunks, Turns) else None
    if turns is not None:
        scanner.turns, scanner.offset, scanner.any = turns, turns.offset, turns.number > 0
        buffer = min(buffer, turns.block)
    waiting: list[bytes] = []
    waited = 0
    for chunk in chunks:
        for start in range(0, len(chunk), 4 * buffer):
            waiting.append(chunk[start : start + 4 * buffer])
            waited += len(waiting[-1])
            if waited >= buffer:
                yield from scanner.feed(b"".join(waiting))
                waiting, waited = [], 0
                if scanner.left:
                    scanner.hand_over(chunk[start + 4 * buffer :])
                    return
    yield from scanner.feed(b"".join(waiting), ended=True)
    if scanner.left:
        scanner.hand_over()


class _Scanner(Stream):
    """Walks the segments of the interchange that is open."""

    def feed(self, chunk: bytes, *, ended: bool = False) -> list[Interchange | Outside]:
        """What ended within this chunk."""
        self.keep(self.structure)
        if self.structure is not None:
            self.structure.log.fold()
        self.digest_to(self.at)
        self.offset, self.hashed = self.offset + self.at, 0
        self.mark -= self.at
        self.data = self.data[self.at :] + (chunk.translate(None, b"\r\n") if self.wrapped else chunk)
        self.at, self.ended = 0, ended
        while self.walk(self.structure) if self.structure else self.hunt():
            pass
        if ended and not self.left:
            self.tell_outside()
            if not self.any:
                detail = "There is no interchange in this stream."
                finding = Finding(FindingCode.NOT_EDI, Severity.FATAL, detail=detail)
                self.done.append(Outside(finding, 0, self.offset + len(self.data)))
        done, self.done = self.done, []
        return done

    def walk(self, structure: Structure) -> bool:
        """Within an interchange: over all segments that the buffer holds whole; False if more bytes are needed."""
        if self.binary is not None and not self.skip_binary(structure):
            return self.structure is None
        data, at, terminator = self.data, self.at, self.terminator
        if self.ended and not self.tail_seen:
            self.end_tail()
            data = self.data
        end = data.rfind(terminator, at, at + self.window)
        if end == at and at + self.window < len(data):
            self.window *= 4
            return True
        cut = self.next_whole(structure, end if end > at else len(data))
        if cut >= 0:
            if self.is_sure(cut):
                self.cut_off(structure, cut)
                return True
            end = data.rfind(terminator, at, cut)
            if end == at:
                return False
        if end == at:
            if self.is_left(structure, self.after_padding(at + 1)):
                return True
            if self.ended or len(data) - at > LONGEST_SEGMENT:
                if not self.ended:
                    text = "No terminator follows."
                    self.count_to(structure, at)
                    structure.note(FindingCode.SEGMENT_TOO_LONG, Severity.FATAL, None, detail=text)
                self.finish(structure, None, len(data) if self.ended else at + 1)
                return True
            return False
        pattern, characters, plain = patterns(structure.header.delimiters)
        odd = self.odd_places(characters, plain, end)
        wanted, count = self.wanted, data.count
        for m in pattern.finditer(data, at, end + 1):
            start, kind = m.start(), m.lastindex
            while odd and odd[-1][0] < start:
                self.odd_characters(structure, *odd.pop())
            if start == end:
                break
            # The two that stand in every set are written out here: most of the time goes into them.
            if kind == _ST and structure.state == IN_GROUP and m[2] not in wanted:
                n = count(terminator, self.mark + 1, start + 1)
                structure.total += n
                self.mark = start
                if structure.since + n == 1 and m[4] in structure.conventions and not structure.judged_for(m[2]):
                    control = m[3]
                    if structure.numbering.is_new(control):
                        structure.state, structure.since, structure.found = IN_SET, 0, []
                        structure.line, structure.control = m[1], control
                        continue
                structure.since += n
            elif kind == _SE and structure.state == IN_SET and self.kept is None and not structure.found:
                n = count(terminator, self.mark + 1, start + 1)
                structure.total += n
                structure.since += n
                self.mark = start
                if int(m[5]) == structure.since + 1 and m[6] == structure.control:
                    log = structure.log
                    log.lines += structure.line
                    log.lines += b"\n"
                    log.count += 1
                    structure.state, structure.since = IN_GROUP, 0
                    continue
            if not self.event(structure, m, kind):
                return self.structure is not structure or self.binary is not None
        self.count_to(structure, end)
        more = self.ended or at + self.window < len(data)
        self.at, self.window = end, min(4 * self.window, 16 * _BUFFER)
        return more

    def event(self, structure: Structure, m: re.Match[bytes], kind: int | None) -> bool:
        """Whatever is no plain segment; False if the walk cannot go on from here as it is."""
        data, start = self.data, m.start()
        self.count_to(structure, start)
        begin = m.end()
        if kind is not None:
            begin = m.start(_NAMED) if kind == _NAMED else m.start(1 if kind == _ST else 5) - 3
        end = data.find(self.terminator, begin)
        raw = data[begin:end]
        if kind is None:
            text = raw.lstrip(PADDING)
            begin += len(raw) - len(text)
            if self.is_left(structure, begin):
                return False
            if not self.odd_begin(structure, raw, text):
                return True
            raw = text
        tag, *elements = raw.decode("latin-1").split(structure.element)
        # An ISA with another separator is not split by ours.
        tag = "ISA" if tag.startswith("ISA") else tag
        if tag == "ISA" and len(data) - begin < HEADER_BYTES and not self.ended:
            self.at = start
            return False
        if tag in {"BIN", "BDS"}:
            found = binary_pattern(structure.header.delimiters).match(data, begin)
            if found:
                self.at, self.binary, self.window = found.end(), int(found[1]), SMALL_WINDOW
                return False
            structure.note(FindingCode.BINARY_LENGTH_WRONG, Severity.ERROR, tag, 1, detail="No length of the data.")
            return True
        return self.control(structure, tag, elements, begin, end)

    def control(self, structure: Structure, tag: str, elements: list[str], begin: int, end: int) -> bool:
        """A control segment; False if it ended the interchange."""
        structure.is_adjacent()
        if tag == "TA1" and structure.state == IN_SET:
            structure.take_ta1(elements, self.offset + begin)
            return True  # It ends nothing: the set goes on, and is counted on.
        if tag == "ISA":
            if read_header(self.data, begin) is not None:
                self.finish(structure, None, begin)
                return False
            text = "ISA stands within an interchange and is none."
            structure.note(FindingCode.HEADER_UNEXPECTED, Severity.FATAL, tag, detail=text)
        elif tag == "ST":
            structure.open_set(structure.element.join(elements).encode("latin-1"))
            self.pieces, self.kept = [], None
            name = elements[0].encode("latin-1") if elements else b""
            if structure.state == IN_SET and name in self.wanted and not structure.judged_for(name):
                self.kept, self.kept_size = begin, 0
                self.kept_from = (structure.total + 1, self.offset + begin)
        elif tag == "SE":
            found: Sequence[Finding] = ()
            if self.kept is not None and self.visit is not None and structure.state == IN_SET:
                found = self.visit(self.set_read(structure, self.kept, end + 1))
            self.pieces, self.kept = [], None
            structure.close_set(elements, found)
        elif tag == "IEA":
            self.finish(structure, elements, end + 1)
            return False
        else:
            self.pieces, self.kept = [], None
            if tag == "GS":
                structure.open_group(elements)
            elif tag == "GE":
                structure.close_group(elements)
            else:
                structure.take_ta1(elements, self.offset + begin)
        if tag in {"ST", "GS"} and structure.is_given_up():
            self.finish(structure, None, end + 1)
            return False
        structure.since = 0
        return True

    def set_read(self, structure: Structure, kept: int, end: int) -> SetRead:
        set_id, control, convention = (*structure.line.decode("latin-1").split(structure.element), "", "")[:3]
        raw = b"".join((*self.pieces, self.data[kept:end]))
        place = (structure.offset, len(structure.groups), structure.log.count)
        delimiters = structure.header.delimiters
        return SetRead(structure.group, set_id, control, convention, raw, *self.kept_from, delimiters, *place)

    def odd_begin(self, structure: Structure, raw: bytes, text: bytes) -> bool:
        """A segment that does not begin as one; whether it is a control segment after all."""
        if not text:
            structure.note(FindingCode.SEGMENT_EMPTY, Severity.ERROR, None, value=raw.decode("latin-1"))
            structure.since -= 1
            structure.total -= 1
            return False
        tag = text.split(self.element, 1)[0]
        shown = tag[:40].decode("latin-1")
        if text.startswith(b"ISA") and not text[3:4].isalnum():
            return True
        if not _TAG.fullmatch(tag):
            structure.note(FindingCode.SEGMENT_TAG_INVALID, Severity.ERROR, None, value=shown)
            return False
        if len(text) < len(raw):
            detail = "Blanks stand before the segment."
            structure.note(FindingCode.BYTES_OUTSIDE, Severity.NOTE, shown, detail=detail)
        if len(text) == len(tag):
            structure.note(FindingCode.SEGMENT_EMPTY, Severity.NOTE, shown, detail="The segment has no element.")
        return tag in _CONTROL_TAGS
