"""What the service segments of an envelope say against what was there, as findings."""

from __future__ import annotations

from airflow_provider_integrations.connectors.edi.edifact_envelope import values
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, FindingCode, Segment, Severity

__all__ = ["check_trailer", "finding_at", "groups_mixed"]


def check_trailer(segment: Segment, delimiters: Delimiters, position: int, count: int, reference: str) -> list[Finding]:
    """Count and reference of a trailer; faults of their form are told elsewhere.

    Args:
        segment: UNT, UNE or UNZ.
        delimiters: The service characters in force.
        position: What the findings say of its place.
        count: Of what was there.
        reference: That of the header.
    """
    found = []
    parts = [values(element, delimiters)[0] for element in segment.elements[:2]]
    if parts and parts[0].isascii() and parts[0].isdigit() and (parts[0].lstrip("0") or "0") != str(count):
        found.append(finding_at(FindingCode.COUNT_WRONG, segment, position, 1, parts[0], f"There are {count}."))
    if len(parts) > 1 and parts[1] and parts[1] != reference:
        found.append(finding_at(FindingCode.CONTROL_NUMBER_DIFFERS, segment, position, 2, parts[1]))
    return found


def finding_at(
    code: FindingCode, segment: Segment, position: int, element: int, value: str, detail: str = ""
) -> Finding:
    """An error in an element of a service segment."""
    return Finding(code, Severity.ERROR, segment.tag, position, element, None, None, value, detail)


def groups_mixed(segment: Segment) -> Finding:
    """A group beside messages, or a message beside groups."""
    detail = "Messages stand both in groups and beside them (clause 9.2)."
    return Finding(FindingCode.GROUPS_MIXED, Severity.FATAL, segment.tag, segment.number, detail=detail)
