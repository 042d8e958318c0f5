"""A stream as values for JSON: its segments one by one, or whole sets and messages. Every byte comes by, also what is no EDI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_integrations.connectors.edi.documents import peek
from airflow_provider_integrations.connectors.edi.edifact_envelope import InterchangeHeader as ServiceHeader
from airflow_provider_integrations.connectors.edi.edifact_pieces import Part
from airflow_provider_integrations.connectors.edi.edifact_scan import scan
from airflow_provider_integrations.connectors.edi.edifact_tokens import segments_of
from airflow_provider_integrations.connectors.edi.model import Delimiters, Segment, Syntax
from airflow_provider_integrations.connectors.edi.segment_check import divide
from airflow_provider_integrations.connectors.edi.x12_header import InterchangeHeader
from airflow_provider_integrations.connectors.edi.x12_tokens import Gap, GapKind, tokenize

__all__ = ["parsed_segments", "parsed_sets"]

_Line = dict[str, Any]
_BEGINS, _ENDS = {"ST", "UNH"}, {"SE", "UNT"}


def parsed_segments(chunks: Iterable[bytes]) -> Iterator[_Line]:
    """Each segment: tag, elements (texts, or lists of components), its place and byte; bytes that are none as `outside`."""
    for found, delimiters in _walk(chunks):
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
    around: dict[str, list[Any]] = {}
    body: list[list[Any]] | None = None
    for found, delimiters in _walk(chunks):
        if not isinstance(found, Segment):
            continue
        line = [found.tag, *_elements(found, delimiters)]
        if found.tag in _BEGINS or (body is not None and found.tag in {"GE", "IEA", "UNE", "UNZ", "ISA", "UNB"}):
            if body is not None:
                yield {**around, "segments": body, "complete": False}
            body = []
        if body is None or found.tag in {"GE", "IEA", "UNE", "UNZ", "ISA", "UNB"}:
            body = None
            if found.tag in {"ISA", "UNB"}:
                around = {found.tag: line}
            elif found.tag in {"GS", "UNG"}:
                around[found.tag] = line
            continue
        body.append(line)
        if found.tag in _ENDS:
            yield {**around, "segments": body, "complete": True}
            body = None
    if body is not None:
        yield {**around, "segments": body, "complete": False}


def _walk(chunks: Iterable[bytes]) -> Iterator[tuple[Segment | tuple[int, str], Delimiters]]:
    syntax, chunks = peek(chunks)
    delimiters = Delimiters("*", ">", "~", None)
    if syntax is not Syntax.EDIFACT:
        for token in tokenize(chunks):
            if isinstance(token, InterchangeHeader):
                delimiters = token.delimiters
            elif isinstance(token, Segment):
                yield token, delimiters
            elif isinstance(token, Gap) and token.kind in (GapKind.OUTSIDE, GapKind.UNTERMINATED):
                yield (token.offset, token.text), delimiters
        return
    for piece in scan(chunks):
        if isinstance(piece.header, ServiceHeader):
            delimiters = piece.header.delimiters
        if piece.segments:
            for segment in segments_of(piece.raw, delimiters, number=piece.number, offset=piece.offset):
                yield segment, delimiters
        elif piece.part is Part.JUNK and piece.raw:
            yield (piece.offset, piece.raw.decode("latin-1")), delimiters


def _elements(segment: Segment, delimiters: Delimiters) -> list[Any]:
    if segment.tag in {"ISA", "BIN", "BDS"}:
        return list(segment.elements)
    return [
        parts if len(parts := divide(text, delimiters.component, delimiters.release)) > 1 else text
        for text in segment.elements
    ]
