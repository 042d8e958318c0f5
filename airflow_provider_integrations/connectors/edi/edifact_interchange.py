"""The state of one open interchange: which group and message is open, what was counted, what may come next.

`edifact_scan` feeds it whole segments; it answers with pieces. It keeps counts and the references it has seen, and no data.
"""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_integrations.connectors.edi.edifact_body import (
    Oddity,
    between,
    empties,
    grammar_of,
    oddities,
    told,
)
from airflow_provider_integrations.connectors.edi.edifact_charsets import CharacterSet, hide_shifted
from airflow_provider_integrations.connectors.edi.edifact_envelope import (
    GroupHeader,
    InterchangeHeader,
    MessageHeader,
    check_service,
    group_header,
    message_header,
)
from airflow_provider_integrations.connectors.edi.edifact_pieces import Part, Piece, cut_off, made_fatal, stray
from airflow_provider_integrations.connectors.edi.edifact_references import References
from airflow_provider_integrations.connectors.edi.edifact_tokens import hide_released, segments_of
from airflow_provider_integrations.connectors.edi.edifact_trailers import check_trailer, finding_at, groups_mixed
from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Segment, Severity

__all__ = ["MOST_GROUPS", "MOST_NAMELESS", "Open"]

MOST_NAMELESS = 1000
"""Groups, messages and trailers without a name. One has CONTRL reject the level above (ISO 9735-4 clause 5.3.4); after so
many the interchange is given up, so that garbage takes neither time nor memory for each of its segments."""
MOST_GROUPS = 99_999
"""Each is held until it is acknowledged: more than any interchange has would fill the memory."""

_LONGEST_BEGIN = 16
"""Bytes of UNB by which an interchange is known, with line breaks before it."""


class Open:
    """An interchange after its UNB."""

    def __init__(self, header: InterchangeHeader, charset: CharacterSet | None) -> None:
        self.header = header
        self.closed = False
        self.grammar = grammar_of(header.delimiters, charset)
        self._shifting = charset is not None and charset.shifting
        self._segments = 1
        self._bare = 0
        self._groups = 0
        self._group: GroupHeader | None = None
        self._group_messages = 0
        self._group_type = ""
        self._message: MessageHeader | None = None
        self._message_start = 0
        self._references, self._group_references = References(), References()
        self._nameless = 0

    @property
    def position(self) -> int:
        """The place of the next segment: in the message if one is open, else in the interchange."""
        return self._segments + 1 - (self._message_start - 1 if self._message else 0)

    def header_findings(self, raw: bytes) -> list[Finding]:
        """What is odd in the characters and separators of UNB."""
        hidden = self.hide(raw)
        return made_fatal(told(oddities(raw, hidden, self.grammar), raw, hidden, self.grammar, 0, 1))

    def hide(self, window: bytes) -> bytes:
        """The same length with everything neutral that only looks like a service character."""
        return hide_released(hide_shifted(window) if self._shifting else window, self.header.delimiters)

    def pieces(self, block: bytes, hidden: bytes, offset: int) -> Iterator[Piece]:
        """The pieces of whole segments, up to UNZ or to a UNA or UNB that begins the next interchange without one.

        Args:
            block: Whole segments, from the beginning of one on.
            hidden: The same after `hide`.
            offset: The byte in the stream at which they begin.
        """
        odd = oddities(block, hidden, self.grammar)
        terminator = self.grammar.terminator
        at = 0
        for match in self.grammar.control.finditer(hidden):
            start = match.start()
            begin = start
            while begin > at and hidden[begin - 1] in b"\r\n":
                begin -= 1
            if start < at:
                continue
            inner = begin > at and hidden[begin - 1 : begin] != terminator
            if inner:
                if self.grammar.begun.match(hidden, start) is None:
                    continue  # It stands within a segment.
                begin = max(at, hidden.rfind(terminator, at, start) + 1)
            if begin > at:
                yield self._region(block, hidden, at, begin, offset, odd)
            tag = hidden[start : start + 3]
            if inner:
                yield cut_off(block[begin:start], offset + begin, self.position)
            if inner or tag in (b"UNA", b"UNB"):
                yield from self.close(offset + (start if inner else begin))
                return
            end = hidden.find(terminator, start) + 1
            plain = None if odd else self._plain(tag, block, hidden, (begin, start, end), offset)
            if plain is not None:
                yield plain
                at = end
                continue
            next_one = self.grammar.begun.search(hidden, start + 1, end + _LONGEST_BEGIN)
            if next_one and next_one.start() < end:
                yield cut_off(block[begin : next_one.start()], offset + begin, self.position)
                yield from self.close(offset + next_one.start())
                return
            wrong = between(odd, begin, end) if odd else odd
            yield from self._control(tag, block, hidden, begin, end, offset, wrong)
            at = end
            if self.closed:
                return
        if at < len(block):
            yield self._region(block, hidden, at, len(block), offset, odd)

    def close(
        self, offset: int, code: FindingCode = FindingCode.TRAILER_MISSING, tag: str = "UNZ", detail: str = ""
    ) -> Iterator[Piece]:
        """The trailers that are missing, each an empty piece with its finding; that of UNZ tells why."""
        yield from self._end_group(offset)
        self.closed = True
        finding = Finding(code, Severity.FATAL, tag, self._segments, detail=detail)
        yield Piece(Part.INTERCHANGE_END, b"", offset, findings=(finding,))

    def _region(self, block: bytes, hidden: bytes, start: int, end: int, offset: int, odd: list[Oddity]) -> Piece:
        """Segments between two service segments of the envelope."""
        count = hidden.count(self.grammar.terminator, start, end)
        findings: list[Finding] = []
        if odd:
            here = between(odd, start, end)
            if any(each.code is FindingCode.SEGMENT_EMPTY for each in here):
                count -= empties(hidden, self.grammar, start, end)
            findings = told(here, block, hidden, self.grammar, start, self.position)
        raw = block[start:end]
        part = Part.BODY
        if self._message is None:
            # 0085 33: an invalid segment between messages or groups is reported at the level above.
            part = Part.STRAY
            findings.insert(
                0, stray(FindingCode.SEGMENT_UNEXPECTED, raw, self.position, in_group=self._group is not None)
            )
        number = self._segments + 1 if count else 0
        self._segments += count
        return Piece(part, raw, offset + start, count, number, findings=tuple(findings))

    def _plain(self, tag: bytes, block: bytes, hidden: bytes, span: tuple[int, int, int], offset: int) -> Piece | None:
        """UNH and UNT as nearly all are, taken by one pattern each; None sends them the exact way.

        A stream of small messages spends most of its time here: the exact way takes five times as long and finds nothing.
        """
        begin, start, end = span
        number = self._segments + 1
        if tag == b"UNT" and self._message is not None:
            match = self.grammar.plain_trailer.match(hidden, start, end)
            if match is None or int(match[1]) != number + 1 - self._message_start:
                return None
            if match[2].decode("latin-1") != self._message.reference:
                return None
            self._message = None
            self._segments = number
            return Piece(Part.MESSAGE_END, block[begin:end], offset + begin, 1, number)
        if tag == b"UNH" and self._message is None:
            match = self.grammar.plain_header.match(hidden, start, end)
            if match is None:
                return None
            reference, kind, *parts = [part.decode("latin-1") for part in match.groups(b"")]
            header = MessageHeader(Segment("UNH", (reference, kind), number, offset + start), reference, *parts)
            self._message_start = number
            found = self._begin_message(header, 1)
            self._segments = number
            return Piece(Part.MESSAGE, block[begin:end], offset + begin, 1, number, header, tuple(found))
        return None

    def _control(
        self, tag: bytes, block: bytes, hidden: bytes, begin: int, end: int, offset: int, odd: list[Oddity]
    ) -> Iterator[Piece]:
        """One of UNG, UNH, UNT, UNE and UNZ."""
        raw = block[begin:end]
        if tag != b"UNT":
            yield from self._end_message(offset + begin)
        if tag in (b"UNG", b"UNZ"):
            yield from self._end_group(offset + begin)
        [segment] = segments_of(
            raw, self.header.delimiters, number=self._segments + 1, offset=offset + begin, hidden=hidden[begin:end]
        )
        if tag == b"UNH":
            self._message_start = self._segments + 1
        inside = self._message is not None or tag == b"UNH"
        position = self._segments + 2 - self._message_start if inside else segment.number
        found = check_service(segment, self.header.delimiters, self.header.version, position)
        found += told(odd, block, hidden, self.grammar, begin, position) if odd else []
        found += self._step(tag, segment, position)
        self._segments += 1
        header: GroupHeader | MessageHeader | None = None
        part = Part(tag.decode())
        if part is Part.GROUP:
            header = self._group
        elif part is Part.MESSAGE:
            header = self._message
        elif found and found[-1].code is FindingCode.TRAILER_UNEXPECTED:
            part = Part.STRAY
        if part is Part.INTERCHANGE_END:
            found = made_fatal(found)
        yield Piece(part, raw, offset + begin, 1, segment.number, header, tuple(found))
        self._nameless += part is Part.STRAY or (header is not None and not header.reference)
        if max(self._nameless - MOST_NAMELESS, self._groups - MOST_GROUPS) > 0 and not self.closed:
            detail = f"Given up: more than {MOST_NAMELESS} groups, messages and trailers without a name, or {MOST_GROUPS} groups."
            yield from self.close(offset + end, FindingCode.HEADER_INVALID, "UNB", detail)

    def _step(self, tag: bytes, segment: Segment, position: int) -> list[Finding]:
        """Change the state by a service segment; what the order, the counts and the references have against it."""
        delimiters = self.header.delimiters
        if tag == b"UNH":
            return self._begin_message(message_header(segment, delimiters), position)
        if tag == b"UNG":
            self._group = group_header(segment, delimiters)
            self._groups += 1
            self._group_messages = 0
            self._group_type = ""
            self._group_references = References()
            found = [groups_mixed(segment)] if self._bare else []
            if not self._references.add(self._group.reference):
                found.append(
                    finding_at(FindingCode.CONTROL_NUMBER_DUPLICATE, segment, position, 5, self._group.reference)
                )
            return found
        if tag == b"UNT":
            if self._message is None:
                return [stray(FindingCode.TRAILER_UNEXPECTED, b"UNT", self.position, in_group=self._group is not None)]
            found = check_trailer(
                segment,
                self.header.delimiters,
                position,
                self._segments + 2 - self._message_start,
                self._message.reference,
            )
            self._message = None
            return found
        if tag == b"UNE":
            if self._group is None:
                return [stray(FindingCode.TRAILER_UNEXPECTED, b"UNE", self.position, in_group=self._group is not None)]
            found = check_trailer(
                segment, self.header.delimiters, position, self._group_messages, self._group.reference
            )
            if not self._group_messages:
                found.append(Finding(FindingCode.GROUP_EMPTY, Severity.ERROR, "UNG", self._group.segment.number))
            self._group = None
            return found
        self.closed = True
        found = check_trailer(
            segment, self.header.delimiters, position, self._groups or self._bare, self.header.reference
        )
        if not self._groups and not self._bare:
            found.append(Finding(FindingCode.INTERCHANGE_EMPTY, Severity.FATAL, "UNB", 1))
        return found

    def _begin_message(self, header: MessageHeader, position: int) -> list[Finding]:
        self._message = header
        segment = header.segment
        found: list[Finding] = []
        if self._group is None:
            found = [groups_mixed(segment)] if self._groups else []
            seen = self._references
            self._bare += 1
        else:
            seen = self._group_references
            self._group_messages += 1
            # From version 4 on a group may hold several types (ISO 9735-1 annex C, UNG).
            if self.header.version != 4 and self._group_type and header.type != self._group_type:
                found.append(finding_at(FindingCode.SET_TYPES_MIXED, segment, position, 2, header.type))
            self._group_type = self._group_type or header.type
        if not seen.add(header.reference):
            found.append(finding_at(FindingCode.CONTROL_NUMBER_DUPLICATE, segment, position, 1, header.reference))
        return found

    def _end_message(self, offset: int) -> Iterator[Piece]:
        if self._message is not None:
            finding = Finding(FindingCode.TRAILER_MISSING, Severity.ERROR, "UNT", self.position - 1)
            self._message = None
            yield Piece(Part.MESSAGE_END, b"", offset, findings=(finding,))

    def _end_group(self, offset: int) -> Iterator[Piece]:
        yield from self._end_message(offset)
        if self._group is not None:
            finding = Finding(FindingCode.TRAILER_MISSING, Severity.ERROR, "UNE", self._segments)
            self._group = None
            yield Piece(Part.GROUP_END, b"", offset, findings=(finding,))
