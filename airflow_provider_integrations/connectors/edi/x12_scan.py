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
from functools import lru_cache

from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.x12_envelope import Agreement, Interchange, Outside, SetRead
from airflow_provider_integrations.connectors.edi.x12_header import (
    HEADER_BYTES,
    LONGEST_SEGMENT,
    PADDING,
    find_header,
    read_header,
)
from airflow_provider_integrations.connectors.edi.x12_structure import IN_GROUP, IN_SET, Structure, Visit
from airflow_provider_integrations.connectors.edi.x12_tokens import binary_pattern

__all__ = ["scan"]

_BUFFER = 1 << 20
_TAG = re.compile(rb"[A-Z][A-Z0-9]{1,2}")
_CONTROL = bytes([*range(32), 127])
_ST, _SE, _NAMED, _ODD_CHARACTERS, _TRAILING = 1, 6, 7, 8, 9
_MOST_TRAILING = 10
_WINDOW = 1 << 12
_CONTROL_TAGS = {b"ISA", b"GS", b"ST", b"SE", b"GE", b"IEA", b"TA1", b"BIN", b"BDS"}


def scan(
    chunks: Iterable[bytes],
    *,
    agreement: Agreement | None = None,
    visit: Visit | None = None,
    wanted: Collection[str] = (),
    buffer: int = _BUFFER,
) -> Iterator[Interchange | Outside]:
    """Read a stream to its end, whatever is in it.

    Args:
        chunks: The stream, cut anywhere.
        agreement: What is taken; without it, all that X12 knows.
        visit: Called with each set of `wanted`; its findings become those of the set.
        wanted: ST01 of the sets that are kept whole for `visit`.
        buffer: Bytes that are looked at together.

    Yields:
        Each interchange as it ends, and bytes outside of any that are not mere padding. A stream without any
        interchange gives one `Outside` with `not_edi`.
    """
    scanner = _Scanner(agreement or Agreement(), visit, {name.encode("latin-1") for name in wanted})
    waiting: list[bytes] = []
    waited = 0
    for chunk in chunks:
        for start in range(0, len(chunk), 4 * buffer):
            waiting.append(chunk[start : start + 4 * buffer])
            waited += len(waiting[-1])
            if waited >= buffer:
                yield from scanner.feed(b"".join(waiting))
                waiting, waited = [], 0
    yield from scanner.feed(b"".join(waiting), ended=True)


@lru_cache(maxsize=64)
def _patterns(delimiters: Delimiters) -> tuple[re.Pattern[bytes], re.Pattern[bytes], bytes]:
    """The fast expression, the exact one, and the characters that are no reason to use the exact one."""
    element, terminator = delimiters.element.encode("latin-1"), delimiters.terminator.encode("latin-1")
    e, t = re.escape(element), re.escape(terminator)
    breaks = re.escape(bytes(byte for byte in b"\r\n" if byte != terminator[0]))
    # The last alternative must not match between two line breaks, to where the engine would step back.
    fast = (
        rb"%(t)b[%(n)b]*(?:ST%(e)b((\d{3})%(e)b([0-9A-Za-z]{4,9})(?:%(e)b([0-9A-Za-z]{1,35}))?)(?=%(t)b)"
        rb"|SE%(e)b(\d{1,10})%(e)b([0-9A-Za-z]{4,9})(?=%(t)b)"
        rb"|(ISA|GS|ST|SE|GE|IEA|TA1|BIN|BDS)(?=%(e)b|%(t)b)"
        rb"|(?![%(n)b]|[A-Z][A-Z0-9]{1,2}%(e)b))"
    ) % {b"e": e, b"t": t, b"n": breaks}
    own = {ord(text) for text in (delimiters.element, delimiters.component, delimiters.terminator)}
    own |= {ord(delimiters.repetition)} if delimiters.repetition else set()
    odd = bytes(byte for byte in _CONTROL if byte not in own and byte not in b"\r\n")
    exact = fast + rb"|((?:[%(odd)b]|(?<![%(t)b%(n)b])[%(n)b])+)|(%(e)b+)(?=%(t)b)" % {
        b"odd": re.escape(odd),
        b"t": t,
        b"n": breaks,
        b"e": e,
    }
    return re.compile(fast), re.compile(exact), bytes(byte for byte in range(256) if byte not in odd)


class _Scanner:
    """The buffer, and the interchange that is open in it.

    `at` is the terminator after which the next segment begins, or the next byte outside of an interchange; `mark` is
    the terminator up to which segments are counted; `kept` is where the bytes begin that `visit` will be given.
    """

    def __init__(self, agreement: Agreement, visit: Visit | None, wanted: set[bytes]) -> None:
        self.agreement, self.visit, self.wanted = agreement, visit, wanted if visit else set()
        self.data, self.offset, self.at, self.mark, self.ended = b"", 0, 0, 0, False
        self.structure: Structure | None = None
        self.terminator = self.element = b""
        self.wrapped = self.any = self.tail_seen = False
        self.done: list[Interchange | Outside] = []
        self.outside, self.outside_at, self.outside_value = 0, 0, b""
        self.binary: int | None = None
        self.binary_wrong = self.lent = False
        self.trailing, self.window = 0, _WINDOW
        self.pieces: list[bytes] = []
        self.kept: int | None = None
        self.kept_size = 0
        self.kept_from = (0, 0)

    def feed(self, chunk: bytes, *, ended: bool = False) -> list[Interchange | Outside]:
        """What ended within this chunk."""
        self.keep(self.structure)
        self.offset += self.at
        self.mark -= self.at
        self.data = self.data[self.at :] + (chunk.translate(None, b"\r\n") if self.wrapped else chunk)
        self.at, self.ended = 0, ended
        while self.walk(self.structure) if self.structure else self.hunt():
            pass
        if ended:
            self.tell_outside()
            if not self.any:
                detail = "There is no interchange in this stream."
                finding = Finding(FindingCode.NOT_EDI, Severity.FATAL, detail=detail)
                self.done.append(Outside(finding, 0, self.offset + len(self.data)))
        done, self.done = self.done, []
        return done

    def hunt(self) -> bool:
        """Outside of an interchange: go to the next ISA; False if more bytes are needed."""
        data, found = self.data, find_header(self.data, self.at)
        if found < 0 or (len(data) - found < HEADER_BYTES and not self.ended):
            # The last three bytes may be the begin of ISA; it takes a fourth to know.
            end = found if found >= 0 else len(data) if self.ended else max(self.at, len(data) - 3)
            self.pass_over(end)
            return False
        header = read_header(data, found)
        if header is None:
            self.pass_over(found + 3)
            return True
        self.pass_over(found)
        self.tell_outside()
        if header.wrapped and not self.wrapped:
            self.wrapped = True
            self.data = data[:found] + data[found:].translate(None, b"\r\n")
        self.any, self.tail_seen, self.trailing = True, False, 0
        self.structure = Structure(header, self.agreement, self.offset + found)
        self.element = header.delimiters.element.encode("latin-1")
        self.terminator = header.delimiters.terminator.encode("latin-1")
        self.at = self.mark = found + header.length - 1
        # Small at first: many small interchanges in a buffer must not each be told the oddities of the whole of it.
        self.window = _WINDOW
        return True

    def pass_over(self, end: int) -> None:
        raw = self.data[self.at : end]
        if not self.outside:
            self.outside_at = self.offset + self.at
        self.outside += len(raw)
        self.outside_value = self.outside_value or raw.strip(PADDING)[:40]
        self.at = end

    def tell_outside(self) -> None:
        if self.outside_value and self.any:
            value, detail = self.outside_value.decode("latin-1"), "These bytes belong to no interchange."
            finding = Finding(FindingCode.BYTES_OUTSIDE, Severity.ERROR, value=value, detail=detail)
            self.done.append(Outside(finding, self.outside_at, self.outside))
        self.outside, self.outside_value = 0, b""

    def count_to(self, structure: Structure, end: int) -> None:
        """Count the segments that end at `end` or before, a terminator."""
        if end > self.mark:
            n = self.data.count(self.terminator, self.mark + 1, end + 1)
            structure.since += n
            structure.total += n
            self.mark = end

    def walk(self, structure: Structure) -> bool:
        """Within an interchange: over all segments that the buffer holds whole; False if more bytes are needed."""
        if self.binary is not None and not self.skip_binary(structure):
            return False
        data, at, terminator = self.data, self.at, self.terminator
        if self.ended and not self.tail_seen:
            self.end_tail()
            data = self.data
        end = data.rfind(terminator, at, at + self.window)
        if end == at:
            if at + self.window < len(data):
                self.window *= 4
                return True
            if self.ended or len(data) - at > LONGEST_SEGMENT:
                if not self.ended:
                    text = "No terminator follows."
                    self.count_to(structure, at)
                    structure.note(FindingCode.SEGMENT_TOO_LONG, Severity.FATAL, None, detail=text)
                self.finish(structure, None, len(data) if self.ended else at + 1)
                return not self.ended
            return False
        fast, exact, plain = _patterns(structure.header.delimiters)
        pattern = exact if self.is_odd(data[at : end + 1], plain) else fast
        wanted, count = self.wanted, data.count
        for m in pattern.finditer(data, at, end + 1):
            start, kind = m.start(), m.lastindex
            if start == end:
                break
            # The two that stand in every set are written out here: most of the time goes into them.
            if kind == _ST and structure.state == IN_GROUP and m[2] not in wanted:
                n = count(terminator, self.mark + 1, start + 1)
                structure.total += n
                self.mark = start
                if structure.since + n == 1 and m[4] in structure.conventions and not structure.judged_for(m[2]):
                    control = m[3]
                    if structure.is_new(control):
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
        if kind in {_ODD_CHARACTERS, _TRAILING}:
            self.odd_characters(structure, start, m.end(), kind)
            return True
        self.count_to(structure, start)
        begin = m.end()
        if kind is not None:
            begin = m.start(_NAMED) if kind == _NAMED else m.start(1 if kind == _ST else 5) - 3
        end = data.find(self.terminator, begin)
        raw = data[begin:end]
        if kind is None:
            text = raw.lstrip(PADDING)
            begin += len(raw) - len(text)
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
                self.at, self.binary, self.window = found.end(), int(found[1]), _WINDOW
                return False
            structure.note(FindingCode.BINARY_LENGTH_WRONG, Severity.ERROR, tag, 1, detail="No length of the data.")
            return True
        return self.control(structure, tag, elements, begin, end)

    def control(self, structure: Structure, tag: str, elements: list[str], begin: int, end: int) -> bool:
        """A control segment; False if it ended the interchange."""
        structure.is_adjacent()
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
        structure.since = 0
        return True

    def set_read(self, structure: Structure, kept: int, end: int) -> SetRead:
        set_id, control, convention = (*structure.line.decode("latin-1").split(structure.element), "", "")[:3]
        raw = b"".join((*self.pieces, self.data[kept:end]))
        return SetRead(structure.group, set_id, control, convention, raw, *self.kept_from, structure.header.delimiters)

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

    def odd_characters(self, structure: Structure, start: int, end: int, kind: int) -> None:
        """Control characters or trailing separators within a segment."""
        before = self.data.rfind(self.terminator, self.at, start)
        self.count_to(structure, before)
        text = self.data[before + 1 : start].lstrip(PADDING)
        tag = text.split(self.element, 1)[0][:3].decode("latin-1")
        element = text.count(self.element)
        if kind == _ODD_CHARACTERS:
            value = self.data[start:end][:40].decode("latin-1")
            detail = "A control character stands in the data."
            structure.note(FindingCode.CHARACTER_INVALID, Severity.ERROR, tag, element or None, value, detail)
        elif self.trailing < _MOST_TRAILING:
            self.trailing += 1
            detail = "Separators follow the last element; this is told ten times for an interchange."
            finding = Finding(
                FindingCode.SEPARATOR_TRAILING, Severity.NOTE, tag, structure.total + 1, element + 1, detail=detail
            )
            structure.findings.append(finding)

    def skip_binary(self, structure: Structure) -> bool:
        """Over the data of BIN or BDS; False if more bytes are needed."""
        data, left = self.data, self.binary or 0
        taken = min(left, len(data) - self.at)
        self.at, self.binary = self.at + taken, left - taken
        if self.binary == 0 and self.at < len(data):
            found = data.find(self.terminator, self.at)
            if found != self.at and not self.binary_wrong:
                text = "The data do not end where their length says."
                structure.note(FindingCode.BINARY_LENGTH_WRONG, Severity.ERROR, "BIN", 1, detail=text)
                self.binary_wrong = True
            self.at = found if found >= 0 else len(data)
            if found >= 0:
                structure.since, structure.total = structure.since + 1, structure.total + 1
                self.mark, self.binary, self.binary_wrong = found, None, False
                return True
        if self.ended:
            text = "The stream ends within binary data."
            structure.note(FindingCode.BINARY_LENGTH_WRONG, Severity.FATAL, None, detail=text)
            self.finish(structure, None, len(data))
        return False

    def is_odd(self, text: bytes, plain: bytes) -> bool:
        """Whether anything within the segments is worth the exact expression."""
        if self.element + self.terminator in text or text.translate(None, plain):
            return True
        t = self.terminator
        for one in (b"\r", b"\n"):
            found = 0 if one == t else text.count(one)
            if found:
                after = text.count(t + one) + (text.count(t + b"\r" + one) if one == b"\n" and t != b"\r" else 0)
                if found != after:
                    return True
        return False

    def end_tail(self) -> None:
        """At the end of the stream: what has no terminator gets one, and is told of."""
        self.tail_seen = True
        if self.data[self.data.rfind(self.terminator, self.at) + 1 :].strip(PADDING):
            self.data += self.terminator
            self.lent = True

    def finish(self, structure: Structure, elements: list[str] | None, end: int) -> None:
        """The interchange ends before `end`, by IEA or without it."""
        if self.lent:
            # The terminator that `end_tail` lent: whoever used it is told of, and it goes back.
            self.data = self.data[:-1]
            if end > len(self.data):
                end = len(self.data)
                text = "The last segment of the stream has no terminator."
                structure.note(FindingCode.TERMINATOR_MISSING, Severity.FATAL, None, detail=text)
        self.done.append(structure.finish(elements, self.offset + end))
        self.structure, self.binary, self.kept, self.pieces = None, None, None, []
        self.at, self.lent, self.binary_wrong = end, False, False

    def keep(self, structure: Structure | None) -> None:
        """Put aside what `visit` will be given before the buffer moves on."""
        if self.kept is None or structure is None:
            return
        self.pieces.append(self.data[self.kept : self.at])
        self.kept_size += len(self.pieces[-1])
        self.kept = 0
        if self.kept_size > self.agreement.largest_set:
            detail = f"A set of more than {self.agreement.largest_set} bytes is not taken."
            structure.note(FindingCode.SET_TOO_LARGE, Severity.ERROR, "ST", detail=detail)
            self.kept, self.pieces = None, []
