"""The accepted messages of an EDIFACT stream: read a second time, each looked up in the verdict on its interchange."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import merge
from itertools import chain
from typing import Any

from airflow_provider_integrations.connectors.edi.accepted import (
    AcceptedSet,
    Ahead,
    Envelope,
    Level,
    Reading,
    SetVerdict,
    changed,
    level_number,
)
from airflow_provider_integrations.connectors.edi.document_report import party_of
from airflow_provider_integrations.connectors.edi.documents import GuideBook
from airflow_provider_integrations.connectors.edi.edifact_charsets import character_set
from airflow_provider_integrations.connectors.edi.edifact_envelope import GroupHeader, InterchangeHeader, MessageHeader
from airflow_provider_integrations.connectors.edi.edifact_pieces import Part, Piece
from airflow_provider_integrations.connectors.edi.edifact_scan import scan
from airflow_provider_integrations.connectors.edi.edifact_tokens import segments_of
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict, MessageVerdict, Status
from airflow_provider_integrations.connectors.edi.model import Finding, Syntax
from airflow_provider_integrations.connectors.edi.turns import Turns

__all__ = ["read_edifact"]


def read_edifact(
    documents: Ahead,
    turns: Turns,
    book: GuideBook,
    take: Callable[[AcceptedSet], None],
    reading: Reading,
) -> None:
    """Give each accepted message of one turn to `take`; the arguments and errors are those of `read_x12`."""
    state: _Messages | None = None
    for piece in scan(turns):
        if isinstance(piece.header, InterchangeHeader):
            verdict = documents.take()
            if not isinstance(verdict, InterchangeVerdict) or verdict.header != piece.header:
                raise changed()
            state = _Messages(piece.header, verdict, book, reading, reading.places)
            reading.places += 1
        if state is None:
            continue
        reading.numbers += piece.part is Part.MESSAGE
        found = state.take(piece, reading.numbers)
        if found is not None:
            reading.accepted += 1
            take(found)


class _Messages:
    """The EDIFACT interchange that the second reading is in: gathers each message that is accepted."""

    def __init__(
        self, header: InterchangeHeader, verdict: InterchangeVerdict, book: GuideBook, reading: Reading, place: int
    ) -> None:
        self._place, self._group_number = place, 0
        self._header, self._book, self._reading = header, book, reading
        self._whole = verdict.status is Status.REJECTED
        self._groups = {one.header.segment.offset: one for one in verdict.groups}
        grouped = chain.from_iterable(group.refused for group in verdict.groups)
        self._refused = merge(verdict.refused, grouped, key=_offset)  # In their order, as the messages come by.
        self._next_refused = next(self._refused, None)
        self._group: str | None = None
        self._group_refused = False
        self._message: MessageHeader | None = None
        self._raw: list[bytes] = []
        charset = character_set(header.syntax_identifier)
        self._encoding = charset.codec if charset else "latin-1"
        if self._whole:
            reading.refused += verdict.messages
            reading.tell(verdict.findings, interchange=header.reference, sets=verdict.messages)
        self._tell(Level.INTERCHANGE, level_number(place), self._whole, verdict.findings, sets=verdict.messages)

    def take(self, piece: Piece, number: int) -> AcceptedSet | None:
        """One piece more: the message that it ends, if that is accepted."""
        header, part = piece.header, piece.part
        if isinstance(header, GroupHeader):
            self._begin_group(header)
        elif isinstance(header, MessageHeader):
            self._begin(header, number)
        if self._message is not None:
            self._raw.append(piece.raw)
        if part is Part.GROUP_END:
            self._group, self._group_refused = None, False
        return self._ended(number) if part is Part.MESSAGE_END else None

    def _begin_group(self, header: GroupHeader) -> None:
        group = self._groups[header.segment.offset]
        self._group, self._group_refused = group.header.reference, not group.accepted
        if self._group_refused and not self._whole:
            name = {"interchange": self._header.reference, "group": self._group}
            self._reading.refused += group.messages
            self._reading.tell(group.findings, **name, sets=group.messages)
        at, self._group_number = level_number(self._place, self._group_number), self._group_number + 1
        self._tell(Level.GROUP, at, self._lost, group.findings, sets=group.messages)

    def _begin(self, header: MessageHeader, number: int) -> None:
        refused = self._next_refused
        if refused is None or _offset(refused) != header.segment.offset:
            refused = None
        else:
            self._next_refused = next(self._refused, None)
        if self._reading.hear is not None:
            version = header.version + header.release
            guide = self._book.find(Syntax.EDIFACT, header.type, version)
            self._tell(
                Level.SET, number, self._lost or refused is not None, refused.findings if refused else (),
                set_control=self._decoded(header.reference), set_id=self._decoded(header.type),
                version=self._decoded(version), guide=None if guide is None else guide.name,
            )  # fmt: skip
        if self._lost:
            return
        if refused is None:
            self._message = header
            return
        self._reading.refused += 1
        name = {"interchange": self._header.reference, "group": self._group}
        what = {"type": header.type, "control": header.reference, "number": number}
        self._reading.tell(refused.findings, **name, **what)

    @property
    def _lost(self) -> bool:
        """Whether all that comes is refused with the group or interchange that it is in."""
        return self._whole or self._group_refused

    def _tell(self, level: Level, number: int, refused: bool, findings: Sequence[Finding], **more: Any) -> None:
        if self._reading.hear is not None:
            word = "rejected" if refused else "accepted"
            group = None if self._group is None else self._decoded(self._group)
            self._reading.hear(SetVerdict(level, number, word, group, findings=findings, **more))

    def _ended(self, number: int) -> AcceptedSet | None:
        message, raw = self._message, b"".join(self._raw)
        self._message, self._raw = None, []
        if message is None:
            return None
        header, first = self._header, message.segment
        segments = segments_of(raw, header.delimiters, number=first.number, offset=first.offset)
        texts = (party_of(header.sender), party_of(header.recipient), "T" if header.test else "P", header.reference)
        sender, receiver, usage, control = (self._decoded(text) for text in texts)
        group = None if self._group is None else self._decoded(self._group)
        envelope = Envelope(sender, receiver, usage, control, group, self._decoded(message.reference), number)
        guide = self._book.find(Syntax.EDIFACT, message.type, message.version + message.release)
        return AcceptedSet(envelope, guide, segments, header.delimiters, self._encoding, len(raw))

    def _decoded(self, text: str) -> str:
        return text if text.isascii() else text.encode("latin-1").decode(self._encoding, "replace")


def _offset(message: MessageVerdict) -> int:
    return message.header.segment.offset
