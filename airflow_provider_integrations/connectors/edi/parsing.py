"""A stream as values for JSON: its segments one by one, or whole sets and messages. Every byte comes by, also what is no EDI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_integrations.connectors.edi.edifact_envelope import InterchangeHeader as ServiceHeader
from airflow_provider_integrations.connectors.edi.edifact_pieces import Part
from airflow_provider_integrations.connectors.edi.edifact_scan import scan
from airflow_provider_integrations.connectors.edi.edifact_tokens import segments_of
from airflow_provider_integrations.connectors.edi.model import Delimiters, Segment, Syntax
from airflow_provider_integrations.connectors.edi.segment_check import divide
from airflow_provider_integrations.connectors.edi.turns import Turns
from airflow_provider_integrations.connectors.edi.x12_header import InterchangeHeader
from airflow_provider_integrations.connectors.edi.x12_tokens import GapKind, tokenize

__all__ = ["FoundSet", "parsed_segments", "parsed_sets", "read_segments", "read_sets"]

_Line = dict[str, Any]
_BEGINS, _ENDS = frozenset({"ST", "UNH"}), frozenset({"SE", "UNT"})
_OPENS_INTERCHANGE, _OPENS_GROUP = frozenset({"ISA", "UNB"}), frozenset({"GS", "UNG"})
_ENVELOPE = _OPENS_INTERCHANGE | _OPENS_GROUP | {"GE", "IEA", "UNE", "UNZ"}
_NONE = Delimiters("*", ">", "~", None)


@dataclass(frozen=True, slots=True)
class FoundSet:
    """One set or message.

    Args:
        around: The segments that opened its interchange and its group.
        segments: From ST to SE or from UNH to UNT.
        delimiters: Of the interchange.
        complete: Whether its end was there.
    """

    around: tuple[Segment, ...]
    segments: list[Segment]
    delimiters: Delimiters
    complete: bool


def parsed_segments(chunks: Iterable[bytes]) -> Iterator[_Line]:
    """Each segment: tag, elements (texts, or lists of components), its place and byte; bytes that are none as `outside`."""
    for found, delimiters in read_segments(chunks):
        if isinstance(found, Segment):
            yield {
                "tag": found.tag,
                "elements": _elements(found, delimiters),
                "number": found.number,
                "offset": found.offset,
            }
        else:
            offset, text = found
            yield {"outside": text, "offset": offset}


def parsed_sets(chunks: Iterable[bytes]) -> Iterator[_Line]:
    """Each set or message: its envelope's segments that were open, and its own from ST to SE or UNH to UNT.

    A set that does not end is given with `complete` false.
    """
    for found in read_sets(chunks):
        around = {segment.tag: _line(segment, found.delimiters) for segment in found.around}
        yield {
            **around,
            "segments": [_line(segment, found.delimiters) for segment in found.segments],
            "complete": found.complete,
        }


def read_sets(chunks: Iterable[bytes]) -> Iterator[FoundSet]:
    """Each set or message with the segments of the envelope that it stands in; what stands outside of any is passed over."""
    around: tuple[Segment, ...] = ()
    body: list[Segment] | None = None
    delimiters = _NONE
    for segment, delimiters in read_segments(chunks):
        if not isinstance(segment, Segment):
            continue
        tag = segment.tag
        if body is not None and (tag in _BEGINS or tag in _ENVELOPE):
            yield FoundSet(around, body, delimiters, complete=False)
            body = None
        if tag in _BEGINS:
            body = [segment]
        elif body is not None:
            body.append(segment)
            if tag in _ENDS:
                yield FoundSet(around, body, delimiters, complete=True)
                body = None
        elif tag in _OPENS_INTERCHANGE:
            around = (segment,)
        elif tag in _OPENS_GROUP:
            around = (*around[:1], segment)
    if body is not None:
        yield FoundSet(around, body, delimiters, complete=False)


def read_segments(chunks: Iterable[bytes]) -> Iterator[tuple[Segment | tuple[int, str], Delimiters]]:
    """Each segment, or the place and text of bytes that are none, with the delimiters of its interchange."""
    turns = Turns(chunks)
    for syntax in turns.parts():
        yield from _edifact(turns) if syntax is Syntax.EDIFACT else _x12(turns)


def _x12(turns: Turns) -> Iterator[tuple[Segment | tuple[int, str], Delimiters]]:
    delimiters = _NONE
    for token in tokenize(turns):
        if isinstance(token, InterchangeHeader):
            delimiters = token.delimiters
        elif isinstance(token, Segment):
            yield token, delimiters
        elif token.kind in (GapKind.OUTSIDE, GapKind.UNTERMINATED):
            yield (token.offset, token.text), delimiters


def _edifact(turns: Turns) -> Iterator[tuple[Segment | tuple[int, str], Delimiters]]:
    delimiters = _NONE
    for piece in scan(turns):
        if isinstance(piece.header, ServiceHeader):
            delimiters = piece.header.delimiters
        if piece.segments:
            for segment in segments_of(piece.raw, delimiters, number=piece.number, offset=piece.offset):
                yield segment, delimiters
        elif piece.part is Part.JUNK and piece.raw:
            yield (piece.offset, piece.raw.decode("latin-1")), delimiters


def _line(segment: Segment, delimiters: Delimiters) -> list[Any]:
    return [segment.tag, *_elements(segment, delimiters)]


def _elements(segment: Segment, delimiters: Delimiters) -> list[Any]:
    if segment.tag in {"ISA", "BIN", "BDS"}:
        return list(segment.elements)
    return [
        parts if len(parts := divide(text, delimiters.component, delimiters.release)) > 1 else text
        for text in segment.elements
    ]
