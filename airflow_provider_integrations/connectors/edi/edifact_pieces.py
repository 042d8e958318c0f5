"""What a stream is cut into: pieces that know what they are and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_integrations.connectors.edi.edifact_envelope import GroupHeader, InterchangeHeader, MessageHeader
from airflow_provider_integrations.connectors.edi.model import Finding

__all__ = ["Part", "Piece"]


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
