"""What a stream is cut into: pieces that know what they are and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from airflow_provider_integrations.connectors.edi.edifact_envelope import GroupHeader, InterchangeHeader, MessageHeader
from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity

__all__ = ["Part", "Piece", "cut_off", "made_fatal", "stray"]


class Part(StrEnum):
    """What a piece of the stream is."""

    FILLER = "filler"
    JUNK = "junk"
    ADVICE = "UNA"
    INTERCHANGE = "UNB"
    GROUP = "UNG"
    MESSAGE = "UNH"
    BODY = "body"
    """Segments of the open message; a long message has several such pieces."""
    STRAY = "stray"
    """Segments outside of any message."""
    MESSAGE_END = "UNT"
    GROUP_END = "UNE"
    INTERCHANGE_END = "UNZ"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of the stream, what they are and what is wrong with them.

    Args:
        part: What it is.
        raw: The very bytes; empty for a trailer that is missing.
        offset: The byte in the stream at which they begin.
        segments: How many segments they hold.
        number: The place of the first of them in the interchange, from 1; 0 if there are none.
        header: What UNB, UNG or UNH says.
        findings: What is wrong here.
    """

    part: Part
    raw: bytes
    offset: int
    segments: int = 0
    number: int = 0
    header: InterchangeHeader | GroupHeader | MessageHeader | None = None
    findings: tuple[Finding, ...] = ()


def cut_off(raw: bytes, offset: int, position: int) -> Piece:
    """The beginning of a segment in which the next interchange begins."""
    detail = "Another interchange begins in this segment."
    value = raw[:35].decode("latin-1")
    finding = Finding(FindingCode.TERMINATOR_MISSING, Severity.ERROR, None, position, value=value, detail=detail)
    return Piece(Part.JUNK, raw, offset, findings=(finding,))


def stray(code: FindingCode, raw: bytes, position: int, *, in_group: bool) -> Finding:
    """Segments that stand where none may; outside of a group they are the interchange's."""
    text = raw[:64].decode("latin-1").lstrip("\r\n")
    severity = Severity.ERROR if in_group else Severity.FATAL
    return Finding(code, severity, text[:3] if text[:3].isalnum() else None, position, value=text[:35])


def made_fatal(findings: list[Finding]) -> list[Finding]:
    """The same, refusing the interchange; notes stay notes."""
    return [each if each.severity is Severity.NOTE else replace(each, severity=Severity.FATAL) for each in findings]
