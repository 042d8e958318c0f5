"""What a partner's 997, 999, TA1 or CONTRL says of what we sent.

`read_statements` gives a word for each interchange or group that is spoken of, for `ledger.interchanges.acknowledged`, and a
finding for what cannot be one. It says nothing of whether the acknowledgement is well formed: `documents.read_documents` does.

    >>> stream = b"UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'UNH+1+CONTRL:D:3:UN'UCI+17+HUB:14+ACME:14+7'UNT+3+1'UNZ+1+7'"
    >>> [said] = read_statements([stream])
    >>> said.kind, said.control, said.status.value, said.pair.ours, said.pair.partner
    ('CONTRL', '17', 'accepted', '14:HUB', '14:ACME')
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from airflow_provider_integrations.connectors.edi.edifact_envelope import values
from airflow_provider_integrations.connectors.edi.model import Delimiters, Segment
from airflow_provider_integrations.connectors.edi.parsing import read_segments
from airflow_provider_integrations.core.interchange import Level, Pair, SentStatus, SetStatement, Statement, Syntax

__all__ = ["ReconcileCode", "ReconcileFinding", "party", "read_statements", "statements_in"]

_VERDICTS = {
    "A": SentStatus.ACCEPTED,
    "E": SentStatus.ACCEPTED_WITH_ERRORS,
    "P": SentStatus.PARTIALLY_ACCEPTED,
    "R": SentStatus.REJECTED,
    # Authentication failed, assurance failed, could not be decrypted (elements 715 and 717).
    "M": SentStatus.REJECTED,
    "W": SentStatus.REJECTED,
    "X": SentStatus.REJECTED,
}
_ACTIONS = {"4": SentStatus.REJECTED, "7": SentStatus.ACCEPTED, "8": SentStatus.RECEIVED}
"""0083 of UCI, UCF and UCM."""
_TECHNICAL = frozenset({"A", "E", "R"})
_FUNCTIONAL = frozenset({"997", "999"})
_OTHER = "other"
"""A set or message that says nothing of ours; nor does a TA1 that strayed into it."""
_ENDS = frozenset({"SE", "GE", "IEA", "UNT", "UNE", "UNZ"})
_TELLING = _ENDS | {"ISA", "UNB", "TA1", "ST", "UNH", "AK1", "AK2", "AK5", "IK5", "AK9", "UCI", "UCF", "UCM"}
_LONGEST = {"x12": 9, "edifact": 35}
"""Characters of a control number: X12 element 28 and I12; 0020, 0048 and 0062 have 14, and 35 elsewhere in ISO 9735."""
_LONGEST_CODE = 3
_Elements = list[list[str]]
"""The elements of a segment, each as its components, without release characters."""


class ReconcileCode(StrEnum):
    """What can be wrong with a word of a partner."""

    INCOMPLETE = "incomplete"
    """It ends before its verdict: what it would have said is not known."""
    CONTRADICTION = "contradiction"
    """A whole is accepted of which a part is refused; it counts as partly accepted."""
    STATUS_UNKNOWN = "status_unknown"
    CONTROL_INVALID = "control_invalid"
    """It is longer than a control number, or a GS01, can be: nothing of ours has it."""
    PARTIES_MISSING = "parties_missing"


@dataclass(frozen=True, slots=True)
class ReconcileFinding:
    """Something in an acknowledgement that cannot be taken as a word on what we sent; `control` is what it speaks of."""

    code: ReconcileCode
    segment: str
    number: int
    control: str = ""


def party(qualifier: str, name: str) -> str:
    """A partner's or our identity as one text: `qualifier:name`, padding left off."""
    return f"{qualifier.strip()}:{name.strip()}"


def read_statements(chunks: Iterable[bytes], findings: list[ReconcileFinding] | None = None) -> Iterator[Statement]:
    """What a stream says of interchanges and groups of ours, groups before the interchange that they are in.

    Args:
        chunks: The stream, of either syntax, cut anywhere; other sets and messages in it are passed over.
        findings: What is no such word is appended here, as the stream is read.
    """
    found: list[ReconcileFinding] = [] if findings is None else findings
    reader = _Reader(found)
    for segment, delimiters in read_segments(chunks):
        if isinstance(segment, Segment) and segment.tag in _TELLING:
            elements = [values(element, delimiters) for element in segment.elements]
            yield from reader.take(segment.tag, elements, segment.number)
    reader.leave("", 0)


def statements_in(
    segments: Iterable[Segment], delimiters: Delimiters, pair: Pair, findings: list[ReconcileFinding]
) -> Iterator[tuple[int, Statement]]:
    """What a part of an interchange says: its TA1s, or one set or message that is known to be accepted.

    Args:
        segments: With the byte of the stream at which each begins.
        delimiters: Of the interchange.
        pair: Of the interchange, seen from us.
        findings: What is no such word is appended here.

    Yields:
        Each with its place in the stream, which is the same however much of it is read, and fits 31 bits up to 8 GiB.
    """
    reader = _Reader(findings, pair)
    for segment in segments:
        if segment.tag in _TELLING:
            elements = [values(element, delimiters) for element in segment.elements]
            # The one segment that ends two statements is UNT, of eight bytes at least.
            for index, said in enumerate(reader.take(segment.tag, elements, segment.number)):
                yield segment.offset // 4 + index, said
    reader.leave("", 0)


class _Reader:
    """One pass over the segments; holds the set or message that is open, and no more."""

    def __init__(self, findings: list[ReconcileFinding], pair: Pair | None = None) -> None:
        self._findings = findings
        self._pair = pair
        self._kind = ""
        self._open: Statement | None = None
        """AK1 or UCF, until its verdict or its end."""
        self._whole: Statement | None = None
        """UCI, told after the groups in it."""
        self._set: SetStatement | None = None
        self._sets: list[SetStatement] = []

    def take(self, tag: str, elements: _Elements, number: int) -> Iterator[Statement]:
        """The statements that end with a segment."""
        match tag:
            case "ISA" | "UNB":
                self.leave(tag, number)
                self._pair = self._partners(tag, elements, number)
            case "TA1" if not self._kind:
                yield from self._technical(elements, number)
            case "ST" | "UNH":
                self.leave(tag, number)
                name = _text(elements, 0) if tag == "ST" else _text(elements, 1)
                self._kind = name if name in {*_FUNCTIONAL, "CONTRL"} else _OTHER
            case _ if tag in _ENDS:
                if tag == "UNT" and self._kind == "CONTRL":
                    yield from self._contrl_ends()
                self.leave(tag, number)
            case _ if self._kind in _FUNCTIONAL:
                yield from self._functional(tag, elements, number)
            case _ if self._kind == "CONTRL":
                yield from self._contrl(tag, elements, number)

    def leave(self, tag: str, number: int) -> None:
        """Leave a set or message; what has no verdict yet is not guessed."""
        for left in (self._open, self._whole):
            if left is not None:
                self._find(ReconcileCode.INCOMPLETE, tag, number, left.control)
        self._open = self._whole = self._set = None
        self._kind, self._sets = "", []

    def _find(self, code: ReconcileCode, tag: str, number: int, control: str = "") -> None:
        self._findings.append(ReconcileFinding(code, tag, number, control))

    def _partners(self, tag: str, elements: _Elements, number: int) -> Pair | None:
        """The pair, seen from us: whoever is told is us."""
        if tag == "ISA":
            theirs, ours = (party(_text(elements, at), _text(elements, at + 1)) for at in (4, 6))
            usage = _text(elements, 14)
        else:
            theirs, ours = (party(_text(elements, at, 1), _text(elements, at)) for at in (1, 2))
            usage = "T" if _text(elements, 10) not in ("", "0") else "P"
        if ours.endswith(":") or theirs.endswith(":") or usage not in {"P", "T", "I"}:
            self._find(ReconcileCode.PARTIES_MISSING, tag, number)
            return None
        return Pair(Syntax.X12 if tag == "ISA" else Syntax.EDIFACT, ours, theirs, usage)

    def _says(self, tag: str, number: int, level: Level, control: str, **more: Any) -> Statement | None:
        """A word without its verdict yet, or a finding."""
        if self._pair is None or not control:
            self._find(ReconcileCode.INCOMPLETE, tag, number, control)
            return None
        if len(control) > _LONGEST[self._pair.syntax] or len(more.get("functional", "")) > _LONGEST_CODE:
            self._find(ReconcileCode.CONTROL_INVALID, tag, number)
            return None
        return Statement(self._pair, self._kind or "TA1", level, control, SentStatus.PENDING, **more)

    def _technical(self, elements: _Elements, number: int) -> Iterator[Statement]:
        control, status, code = (_text(elements, at) for at in (0, 3, 4))
        said = self._says("TA1", number, Level.INTERCHANGE, control)
        if said is None:
            return
        if status not in _TECHNICAL:
            self._find(ReconcileCode.STATUS_UNKNOWN, "TA1", number, control)
            return
        yield replace(said, status=_VERDICTS[status], codes=_codes([[code]]))

    def _functional(self, tag: str, elements: _Elements, number: int) -> Iterator[Statement]:
        if tag == "AK1":
            self._sets = []
            self._open = self._says(tag, number, Level.GROUP, _text(elements, 1), functional=_text(elements, 0))
        elif self._open is None:
            return
        elif tag == "AK2":
            self._set = SetStatement(_text(elements, 0), _text(elements, 1), SentStatus.PENDING)
        elif tag in {"AK5", "IK5"} and self._set is not None:
            status = _VERDICTS.get(_text(elements, 0))
            if status is None:
                self._find(ReconcileCode.STATUS_UNKNOWN, tag, number, self._set.control)
            else:
                self._tell(replace(self._set, status=status, codes=_codes(elements[1:6])))
            self._set = None
        elif tag == "AK9":
            said, self._open = self._open, None
            status = _VERDICTS.get(_text(elements, 0))
            if status is None:
                self._find(ReconcileCode.STATUS_UNKNOWN, tag, number, said.control)
                return
            said = replace(said, status=status, codes=_codes(elements[4:9]), sets=self._told())
            yield self._consistent(said, number)

    def _tell(self, one: SetStatement) -> None:
        # Of a million sets that are accepted nothing is kept.
        if one.status is not SentStatus.ACCEPTED:
            self._sets.append(one)

    def _told(self) -> tuple[SetStatement, ...]:
        told, self._sets = tuple(self._sets), []
        return told

    def _consistent(self, said: Statement, number: int) -> Statement:
        """An accepted group of which a set is refused is what it is: partly accepted."""
        accepted = said.status in {SentStatus.ACCEPTED, SentStatus.ACCEPTED_WITH_ERRORS}
        if not accepted or not any(one.status is SentStatus.REJECTED for one in said.sets):
            return said
        self._find(ReconcileCode.CONTRADICTION, "AK9", number, said.control)
        return replace(said, status=SentStatus.PARTIALLY_ACCEPTED)

    def _contrl(self, tag: str, elements: _Elements, number: int) -> Iterator[Statement]:
        if tag not in {"UCI", "UCF", "UCM"}:
            return
        control = _text(elements, 0)
        # UCM names the type of its message second; UCI and UCF name two parties.
        status = _ACTIONS.get(_text(elements, 2 if tag == "UCM" else 3))
        codes = _codes(elements[3:4] if tag == "UCM" else elements[4:5])
        if status is None:
            self._find(ReconcileCode.STATUS_UNKNOWN, tag, number, control)
        elif tag == "UCM":
            self._tell(SetStatement(_text(elements, 1), control, status, codes))
        elif tag == "UCI":
            said = self._says(tag, number, Level.INTERCHANGE, control)
            self._whole = said and replace(said, status=status, codes=codes)
        elif self._whole is not None:
            yield from self._group_ends()
            self._whole = replace(self._whole, sets=(*self._whole.sets, *self._told()))
            said = self._says(tag, number, Level.GROUP, control, within=self._whole.control)
            self._open = said and replace(said, status=status, codes=codes)

    def _group_ends(self) -> Iterator[Statement]:
        if self._open is None or self._whole is None:
            return
        said, self._open = _with_parts(replace(self._open, sets=self._told())), None
        if said.status is not SentStatus.ACCEPTED and self._whole.status is SentStatus.ACCEPTED:
            self._whole = replace(self._whole, status=SentStatus.PARTIALLY_ACCEPTED)
        yield said

    def _contrl_ends(self) -> Iterator[Statement]:
        yield from self._group_ends()
        if self._whole is not None:
            said = _with_parts(replace(self._whole, sets=(*self._whole.sets, *self._told())))
            self._whole = None
            yield said


def _with_parts(said: Statement) -> Statement:
    """Acknowledged, but for the messages that are named as rejected (ISO 9735-4 clause 5.3.2)."""
    refused = any(one.status is SentStatus.REJECTED for one in said.sets)
    return (
        replace(said, status=SentStatus.PARTIALLY_ACCEPTED) if refused and said.status is SentStatus.ACCEPTED else said
    )


def _text(elements: _Elements, at: int, component: int = 0) -> str:
    """An element, or a component of it; empty where there is none."""
    parts = elements[at] if at < len(elements) else []
    return parts[component].strip() if component < len(parts) else ""


def _codes(elements: _Elements) -> tuple[str, ...]:
    return tuple(parts[0] for parts in elements if parts and 0 < len(parts[0]) <= _LONGEST_CODE)
