"""EDIFACT messages that are refused, as they are remembered until CONTRL names them: in a few bytes each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_integrations.connectors.edi.edifact_envelope import MessageHeader
from airflow_provider_integrations.connectors.edi.model import Finding, Segment, Severity
from airflow_provider_integrations.connectors.edi.packed import Packed, pack_findings, unpack_findings

__all__ = ["MessageVerdict", "is_clean", "refused_messages"]


@dataclass(frozen=True, slots=True)
class MessageVerdict:
    """One message: UNH, how many segments it has with UNH and UNT, and what is wrong."""

    header: MessageHeader
    segments: int
    findings: tuple[Finding, ...]

    @property
    def accepted(self) -> bool:
        """Whether there is nothing but notes."""
        return is_clean(self.findings)


def is_clean(findings: Iterable[Finding]) -> bool:
    """Whether there is nothing but notes."""
    return all(finding.severity is Severity.NOTE for finding in findings)


def refused_messages() -> Packed[MessageVerdict]:
    """An empty log of them; the weight of each is the number of its findings."""
    return Packed(_packed, _unpacked)


def _packed(one: MessageVerdict) -> list[Any]:
    header, unh = one.header, one.header.segment
    of_type = [header.reference, header.type, header.version, header.release, header.agency, header.association]
    return [[unh.tag, unh.elements, unh.number, unh.offset], of_type, one.segments, pack_findings(one.findings)]


def _unpacked(packed: list[Any]) -> MessageVerdict:
    (tag, elements, number, offset), of_type, segments, findings = packed
    unh = Segment(tag, tuple(elements), number, offset)
    return MessageVerdict(MessageHeader(unh, *of_type), segments, unpack_findings(findings))
