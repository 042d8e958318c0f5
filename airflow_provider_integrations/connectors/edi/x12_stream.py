"""The buffer over an X12 stream: from one interchange to the next, and over what is no segment.

`x12_scan` walks the segments in it; here is what it stands on.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Any

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.turns import LONGEST_BEGIN, Turns, begins_edifact, find_edifact
from airflow_provider_integrations.connectors.edi.x12_envelope import Agreement, Interchange, Outside
from airflow_provider_integrations.connectors.edi.x12_header import (
    HEADER_BYTES,
    PADDING,
    find_header,
    find_whole_header,
    read_header,
)
from airflow_provider_integrations.connectors.edi.x12_structure import Structure, Visit
from airflow_provider_integrations.connectors.edi.x12_tokens import binary_pattern

__all__ = ["SMALL_WINDOW", "Stream"]

SMALL_WINDOW = 1 << 12
"""Bytes that are looked at together at first, so that a buffer full of small interchanges is not looked at for each."""

_PADDING = frozenset(PADDING[at : at + 1] for at in range(len(PADDING)))
_MOST_TRAILING = 10
_SHOWN = 40


class Stream:
    """The buffer, and the interchange that is open in it.

    `at` is the terminator after which the next segment begins, or the next byte outside of an interchange; `mark` is
    the terminator up to which segments are counted; `kept` is where the bytes begin that `visit` will be given.
    """

    def __init__(self, agreement: Agreement, visit: Visit | None, wanted: set[bytes], *, digest: bool = False) -> None:
        self.agreement, self.visit, self.wanted = agreement, visit, wanted if visit else set()
        self.data, self.offset, self.at, self.mark, self.ended = b"", 0, 0, 0, False
        self.structure: Structure | None = None
        self.terminator = self.element = b""
        self.wrapped = self.any = self.tail_seen = False
        self.done: list[Interchange | Outside] = []
        self.outside, self.outside_at, self.outside_value = 0, 0, b""
        self.binary: int | None = None
        self.binary_wrong = self.lent = False
        self.trailing, self.window = 0, SMALL_WINDOW
        self.digests, self.hashed = digest, 0
        self.sha256: Any = None
        self.pieces: list[bytes] = []
        self.kept: int | None = None
        self.kept_size = 0
        self.kept_from = (0, 0)
        self.whole: tuple[bytes, int, bool] | None = None
        self.turns: Turns | None = None
        self.left = False

    def hunt(self) -> bool:
        """Outside of an interchange: go to the next ISA; False if more bytes are needed."""
        data, found = self.data, find_header(self.data, self.at)
        if self.turns is not None:
            other = find_edifact(data, self.at, found if found >= 0 else len(data))
            if other >= 0:
                self.pass_over(other)
                self.left = self.any = True
                self.tell_outside()
                return False
        if found < 0 or (len(data) - found < HEADER_BYTES and not self.ended):
            # The last three bytes may be the begin of ISA; it takes a fourth to know, and more of UNA and UNB.
            kept = 3 if self.turns is None else LONGEST_BEGIN
            end = found if found >= 0 else len(data) if self.ended else max(self.at, len(data) - kept)
            self.pass_over(end)
            return False
        header = read_header(data, found)
        if header is None:
            self.pass_over(found + 3)
            return True
        self.pass_over(found)
        self.any = True
        self.tell_outside()
        if header.wrapped and not self.wrapped:
            self.wrapped = True
            self.data = data[:found] + data[found:].translate(None, b"\r\n")
        self.tail_seen, self.trailing = False, 0
        if self.digests:
            self.sha256, self.hashed = hashlib.sha256(), found
        self.structure = Structure(header, self.agreement, self.offset + found)
        self.element = header.delimiters.element.encode("latin-1")
        self.terminator = header.delimiters.terminator.encode("latin-1")
        self.at = self.mark = found + header.length - 1
        # Small at first: many small interchanges in a buffer must not each be told the oddities of the whole of it.
        self.window = SMALL_WINDOW
        return True

    def hand_over(self, *rest: bytes) -> None:
        """Leave what follows to the reader of EDIFACT."""
        assert self.turns is not None
        self.turns.hand_over(self.data[self.at :], *rest, offset=self.offset + self.at, wrapped=self.wrapped)

    def pass_over(self, end: int) -> None:
        """Bytes that belong to no interchange."""
        raw = self.data[self.at : end]
        if not self.outside:
            self.outside_at = self.offset + self.at
        self.outside += len(raw)
        if len(self.outside_value) < _SHOWN:
            self.outside_value += (raw if self.outside_value else raw.lstrip(PADDING))[:_SHOWN]
        self.at = end

    def tell_outside(self) -> None:
        """What was passed over up to here, if it is more than padding."""
        if self.outside_value and self.any:
            value, detail = (
                self.outside_value[:_SHOWN].rstrip(PADDING).decode("latin-1"),
                "These bytes belong to no interchange.",
            )
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

    def odd_places(self, characters: re.Pattern[bytes], plain: bytes, end: int) -> list[tuple[int, int]]:
        """Where control characters and the first trailing separators stand in the data up to `end`, the last one first."""
        data, t, at = self.data, self.terminator, self.at
        text = data[at : end + 1]
        places: list[tuple[int, int]] = []
        # Of two such frequent bytes an expression finds nothing faster than `find` does.
        for m in re.compile(re.escape(self.element + t)).finditer(text):
            if self.trailing + len(places) >= _MOST_TRAILING:
                break
            places.append((at + m.start(), at + m.end() - 1))
        is_odd = bool(text.translate(None, plain))
        for one in (b"\r", b"\n"):
            breaks = 0 if one == t else text.count(one)
            if breaks:
                after = text.count(t + one) + (text.count(t + b"\r" + one) if one == b"\n" and t != b"\r" else 0)
                is_odd = is_odd or breaks != after
        if not is_odd:
            return places[::-1]
        for m in characters.finditer(data, at, end):
            # Line breaks after a terminator, and nothing else, are in order.
            if m.group().strip(b"\r\n") or data[m.start() - 1 : m.start()] != t:
                places.append(m.span())
        return sorted(places, reverse=True)

    def odd_characters(self, structure: Structure, start: int, end: int) -> None:
        """Control characters within a segment, or a separator at its end."""
        before = self.data.rfind(self.terminator, self.at, start)
        self.count_to(structure, before)
        text = self.data[before + 1 : start].lstrip(PADDING)
        if not text and not self.data[start:end].strip(PADDING):
            # Before the segment: told of where the segment is looked at.
            return
        if self.data[start:end] == self.element:
            self.trailing += 1
            detail = "A separator follows the last element; this is told ten times for an interchange."
            position = structure.total + 1
            note = Finding(FindingCode.SEPARATOR_TRAILING, Severity.NOTE, None, position, detail=detail)
            structure.findings.append(note)
            return
        whole = self.data[before + 1 : self.data.find(self.terminator, start)].lstrip(PADDING)
        tag = whole.split(self.element, 1)[0][:3].decode("latin-1")
        value = self.data[start:end][:_SHOWN].decode("latin-1")
        detail = "A control character stands in the data."
        element = text.count(self.element) or None
        structure.note(FindingCode.CHARACTER_INVALID, Severity.ERROR, tag or None, element, value, detail)

    def next_whole(self, structure: Structure, end: int) -> int:
        """Where the next ISA begins within a segment before `end`, or may begin; -1 if nowhere.

        There the open interchange was cut off. One where a segment begins ends it anyway, and within binary data it is none.
        """
        data, at = self.data, self.at
        found = -1 if self.whole else find_whole_header(data, self.element, at + 1, end, ended=self.ended)
        if found < 0 or not self.is_sure(found):
            return found
        before = found
        while data[before - 1 : before] in _PADDING and data[before - 1 : before] != self.terminator:
            before -= 1
        begin = rb"%b[%b]*" % (re.escape(self.terminator), re.escape(PADDING))
        binary = re.compile(begin + binary_pattern(structure.header.delimiters).pattern)
        if data[before - 1 : before] == self.terminator or binary.search(data, at, found):
            return -1
        return found

    def is_left(self, structure: Structure, begin: int) -> bool:
        """Whether an EDIFACT interchange begins with this segment, which ends the open one without its IEA."""
        if self.turns is None or not begins_edifact(self.data, begin):
            return False
        self.finish(structure, None, begin)
        return True

    def after_padding(self, at: int) -> int:
        """The first byte of a segment that begins at `at`."""
        padded = self.data[at : at + LONGEST_BEGIN]
        return at + len(padded) - len(padded.lstrip(PADDING))

    def is_sure(self, found: int) -> bool:
        """Whether enough stands there to know what it is."""
        return self.ended or len(self.data) - found >= HEADER_BYTES

    def cut_off(self, structure: Structure, end: int) -> None:
        """Let the stream end at `end` for the open interchange; `finish` goes on from there."""
        self.keep(structure)
        self.digest_to(self.at)
        # What `end_tail` lent is for whatever is open last.
        self.whole = (self.data[:-1] if self.lent else self.data, self.offset, self.ended)
        self.lent = self.tail_seen = False
        self.offset, self.hashed, self.mark = self.offset + self.at, 0, self.mark - self.at
        self.data, self.at, self.ended = self.data[self.at : end], 0, True

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
            structure.since, structure.total = structure.since + 1, structure.total + 1
            text = "The stream ends within binary data."
            structure.note(FindingCode.BINARY_LENGTH_WRONG, Severity.FATAL, None, detail=text)
            self.finish(structure, None, len(data))
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
                text = "The last segment has no terminator."
                structure.note(FindingCode.TERMINATOR_MISSING, Severity.FATAL, None, detail=text)
        done = structure.finish(elements, self.offset + end)
        self.digest_to(end)
        self.done.append(done if self.sha256 is None else replace(done, sha256=self.sha256.hexdigest()))
        self.structure, self.binary, self.kept, self.pieces, self.sha256 = None, None, None, [], None
        self.at, self.lent, self.binary_wrong = end, False, False
        if self.whole is not None:
            end += self.offset
            self.data, self.offset, self.ended = self.whole
            self.at, self.whole = end - self.offset, None

    def digest_to(self, end: int) -> None:
        """Digest the bytes of the open interchange that stand before `end`."""
        if self.sha256 is not None:
            self.sha256.update(memoryview(self.data)[self.hashed : end])
            self.hashed = end

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
