"""What became of an interchange: its findings by level, and each message that is refused.

>>> from airflow_provider_integrations.connectors.edi.edifact_scan import scan
>>> stream = b"UNB+UNOA:3+A+B+260102:0304+7'UNH+1+ORDERS:D:96A:UN'BGM+220+1'UNT+4+1'UNZ+1+7'"
>>> [verdict] = verdicts(scan([stream]))
>>> verdict.status.value, [finding.code.value for finding in verdict.refused[0].findings]
('partial', ['count_wrong'])
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from airflow_provider_integrations.connectors.edi.edifact_envelope import GroupHeader, InterchangeHeader, MessageHeader
from airflow_provider_integrations.connectors.edi.edifact_pieces import Part, Piece
from airflow_provider_integrations.connectors.edi.edifact_tokens import segments_of
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Segment, Severity
from airflow_provider_integrations.connectors.edi.refused_messages import MessageVerdict, is_clean, refused_messages

__all__ = [
    "ACKNOWLEDGEMENT",
    "MOST_FINDINGS",
    "MOST_OUTSIDE",
    "Check",
    "GroupVerdict",
    "InterchangeVerdict",
    "MessageVerdict",
    "Status",
    "as_duplicate",
    "verdicts",
    "with_finding",
]

ACKNOWLEDGEMENT = "CONTRL"
"""The type of message that is never acknowledged (ISO 9735-4 clause 5.3.1)."""
MOST_FINDINGS = 999
"""Kept of a message, a group or an interchange: CONTRL has room for as many UCS."""
MOST_OUTSIDE = 20
"""Kept of a run of bytes that belong to no interchange: nobody can be told of them in CONTRL."""

Check = Callable[[MessageHeader, Sequence[Segment], Delimiters], Iterable[Finding]]
"""A check by guide: the segments begin with UNH and end with UNT, and positions count from UNH as 1."""


class Status(StrEnum):
    """What became of an interchange."""

    ACCEPTED = "accepted"
    PARTIAL = "partial"
    """The interchange is accepted and some message or group of it is refused, or all."""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class GroupVerdict:
    """One functional group: what is wrong with UNG and UNE, and its refused messages."""

    header: GroupHeader
    findings: tuple[Finding, ...]
    messages: int
    refused: Sequence[MessageVerdict]

    @property
    def accepted(self) -> bool:
        """Whether the group itself is; messages in it may still be refused."""
        return is_clean(self.findings)


@dataclass(frozen=True, slots=True)
class InterchangeVerdict:
    """One interchange.

    Args:
        header: UNB; None for bytes that belong to no interchange.
        offset: The byte in the stream at which it begins.
        length: Its bytes, line breaks before its segments included.
        findings: What is wrong with UNA, UNB and UNZ, or stands between messages.
        segments: How many it has, UNB and UNZ included.
        messages: How many it has, in groups or not.
        acknowledgements: How many of them are CONTRL.
        groups: Each group, if it has groups.
        refused: The refused messages outside of groups.
        sha256: Of its bytes, if `verdicts` was asked for it.
    """

    header: InterchangeHeader | None
    offset: int
    length: int
    findings: tuple[Finding, ...]
    segments: int = 0
    messages: int = 0
    acknowledgements: int = 0
    groups: tuple[GroupVerdict, ...] = ()
    refused: Sequence[MessageVerdict] = ()
    sha256: str = ""

    @property
    def status(self) -> Status:
        """Rejected by a finding of its own; partial by one of a group or a message."""
        if self.header is None or not is_clean(self.findings):
            return Status.REJECTED
        if self.refused or any(group.refused or not group.accepted for group in self.groups):
            return Status.PARTIAL
        return Status.ACCEPTED


def as_duplicate(verdict: InterchangeVerdict) -> InterchangeVerdict:
    """The verdict of an interchange whose sender, recipient and 0020 the ledger has already: code 26."""
    reference = verdict.header.reference if verdict.header else None
    finding = Finding(FindingCode.CONTROL_NUMBER_DUPLICATE, Severity.FATAL, "UNB", 1, 5, value=reference)
    return with_finding(verdict, finding)


def with_finding(verdict: InterchangeVerdict, finding: Finding) -> InterchangeVerdict:
    """The verdict with a finding that only the caller can know: a double by the ledger, an unknown sender, an old date."""
    return replace(verdict, findings=(finding, *verdict.findings))


def verdicts(
    pieces: Iterable[Piece],
    check: Check | None = None,
    tolerated: frozenset[FindingCode] = frozenset(),
    *,
    digest: bool = False,
    largest: int = 1 << 62,
) -> Iterator[InterchangeVerdict]:
    """The verdict of each interchange, as its end comes by.

    Args:
        pieces: Of `scan`.
        check: By guide; None checks envelope and syntax alone. It sees each message whole, which takes the memory of one
            message; without it no message is held.
        tolerated: Findings made notes by agreement with a partner, as small letters under UNOA.
        digest: Whether each verdict is to have the `sha256` of its interchange.
        largest: Bytes of a message; one that is larger is refused, and not held.

    Yields:
        One verdict an interchange, and one without header for each run of bytes that belong to none.
    """
    sums: _Sums | None = None
    outside: InterchangeVerdict | None = None
    for piece in pieces:
        if sums is None and piece.part not in (Part.ADVICE, Part.INTERCHANGE):
            outside = _outside(outside, piece)
            continue
        if outside is not None:
            yield outside
            outside = None
        if sums is None:
            sums = _Sums(piece.offset, check, tolerated, digest=digest, largest=largest)
        sums.take(piece)
        if piece.part is Part.INTERCHANGE_END:
            yield sums.verdict()
            sums = None
    if outside is not None:
        yield outside


def _outside(before: InterchangeVerdict | None, piece: Piece) -> InterchangeVerdict | None:
    """A run of bytes that belong to no interchange, one piece longer; filler alone is no such run."""
    if before is None:
        return InterchangeVerdict(None, piece.offset, len(piece.raw), piece.findings) if piece.findings else None
    findings = before.findings
    if len(findings) < MOST_OUTSIDE:
        findings += piece.findings
    return replace(before, length=before.length + len(piece.raw), findings=findings)


class _Sums:
    """What is gathered of one interchange."""

    def __init__(
        self, offset: int, check: Check | None, tolerated: frozenset[FindingCode], *, digest: bool, largest: int
    ) -> None:
        self._left = self._largest = largest
        self._offset = offset
        self._sha256 = hashlib.sha256() if digest else None
        self._check = check
        self._tolerated = tolerated
        self._header: InterchangeHeader | None = None
        self._length = self._segments = self._messages = self._acknowledgements = 0
        self._findings: list[Finding] = []
        self._groups: list[GroupVerdict] = []
        self._refused = refused_messages()
        self._group: GroupHeader | None = None
        self._group_findings: list[Finding] = []
        self._group_messages = 0
        self._group_refused = refused_messages()
        self._message: MessageHeader | None = None
        self._message_findings: list[Finding] = []
        self._message_segments = 0
        self._raw: list[bytes] = []

    def take(self, piece: Piece) -> None:
        part, header = piece.part, piece.header
        self._length += len(piece.raw)
        if self._sha256 is not None:
            self._sha256.update(piece.raw)
        self._segments += piece.segments
        if header is None:
            pass
        elif isinstance(header, MessageHeader):
            self._message, self._message_findings, self._message_segments, self._raw = header, [], 0, []
            self._left = self._largest
        elif isinstance(header, GroupHeader):
            self._group, self._group_findings, self._group_messages = header, [], 0
            self._group_refused = refused_messages()
        else:
            self._header = header
        if self._message is not None:
            self._message_segments += piece.segments
            self._left -= len(piece.raw)
            if self._check is not None and self._left >= 0:
                self._raw.append(piece.raw)
        if piece.findings:
            self._keep(piece)
        if part is Part.MESSAGE_END:
            self._end_message(bool(piece.raw))
        elif part is Part.GROUP_END:
            self._end_group()

    def verdict(self) -> InterchangeVerdict:
        return InterchangeVerdict(
            self._header,
            self._offset,
            self._length,
            tuple(self._findings),
            self._segments,
            self._messages,
            self._acknowledgements,
            tuple(self._groups),
            self._refused.settled(),
            "" if self._sha256 is None else self._sha256.hexdigest(),
        )

    def _keep(self, piece: Piece) -> None:
        """A fatal finding is the interchange's wherever it stands; the others are the innermost open level's."""
        own = self._findings
        if self._message is not None:
            own = self._message_findings
        elif self._group is not None:
            own = self._group_findings
        for finding in self._judged(piece.findings):
            kept = self._findings if finding.severity is Severity.FATAL else own
            if finding.code is FindingCode.SET_TYPES_MIXED:
                kept = self._group_findings
            if len(kept) < MOST_FINDINGS:
                kept.append(finding)

    def _judged(self, findings: Iterable[Finding]) -> Iterable[Finding]:
        if not self._tolerated:
            return findings
        return [replace(each, severity=Severity.NOTE) if each.code in self._tolerated else each for each in findings]

    def _end_message(self, whole: bool) -> None:
        message = self._message
        if message is None or self._header is None:
            return
        if self._left < 0:
            text = f"A message of more than {self._largest} bytes is not taken."
            self._message_findings.append(Finding(FindingCode.SET_TOO_LARGE, Severity.ERROR, "UNH", 1, detail=text))
        elif self._check is not None and whole:
            first = message.segment
            segments = segments_of(
                b"".join(self._raw), self._header.delimiters, number=first.number, offset=first.offset
            )
            self._message_findings += self._judged(self._check(message, segments, self._header.delimiters))
        self._messages += 1
        self._acknowledgements += message.type == ACKNOWLEDGEMENT
        self._group_messages += 1
        if self._message_findings and not is_clean(self._message_findings):
            findings = tuple(self._message_findings[:MOST_FINDINGS])
            refused = self._group_refused if self._group is not None else self._refused
            refused.append(MessageVerdict(message, self._message_segments, findings), len(findings))
        self._message, self._raw = None, []

    def _end_group(self) -> None:
        if self._group is not None:
            findings, refused = tuple(self._group_findings), self._group_refused.settled()
            self._groups.append(GroupVerdict(self._group, findings, self._group_messages, refused))
            self._group = None
