"""Documents as JSON values: what a person or a program is told of an interchange. Values of the partner are masked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from itertools import islice
from typing import Any

from airflow_provider_integrations.connectors.edi.documents import Document, outcome
from airflow_provider_integrations.connectors.edi.edifact_envelope import Party
from airflow_provider_integrations.connectors.edi.edifact_verdict import GroupVerdict as MessageGroup
from airflow_provider_integrations.connectors.edi.edifact_verdict import InterchangeVerdict, MessageVerdict
from airflow_provider_integrations.connectors.edi.model import Finding, Syntax, masked
from airflow_provider_integrations.connectors.edi.x12_envelope import Group, Interchange, Outside
from airflow_provider_integrations.connectors.edi.x12_verdict import GroupVerdict, Policy, judge, judge_set

__all__ = ["describe", "describe_finding", "party_of"]

_LONGEST_TAG = 3
_MOST_FLAWED = 1000
"""Sets or messages of one group, or of no group, that are told of with their findings; the rest is counted as `left_out`."""


def describe(document: Document, policy: Policy | None = None) -> dict[str, Any]:
    """What became of a document: who sent it to whom, the verdict, and each group, set or message with findings."""
    found: dict[str, Any] = {"verdict": outcome(document, policy).value, "offset": document.offset}
    if isinstance(document, Outside):
        return {**found, "length": document.length, "findings": _findings([document.finding])}
    if isinstance(document, InterchangeVerdict):
        return {**found, **_edifact(document)}
    return {**found, **_x12(document, policy or Policy())}


def describe_finding(finding: Finding) -> dict[str, Any]:
    """A finding without its empty fields, its value masked."""
    found = {field.name: getattr(finding, field.name) for field in fields(finding)}
    if finding.value is not None:
        found["value"] = masked(finding.value)
    # Where a tag is expected anything may stand: what is longer than any tag is a value of the partner's.
    if finding.segment is not None and not (finding.segment.isalnum() and len(finding.segment) <= _LONGEST_TAG):
        found["segment"] = masked(finding.segment)
    return {name: value for name, value in found.items() if value not in (None, "")}


def _findings(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [describe_finding(finding) for finding in findings]


def _x12(interchange: Interchange, policy: Policy) -> dict[str, Any]:
    header, verdict = interchange.header, judge(interchange, policy)
    groups = []
    for at, group in enumerate(interchange.groups):
        outcome = verdict.groups[at] if at < len(verdict.groups) else None
        groups.append(_x12_group(group, outcome, policy))
    return {
        "syntax": Syntax.X12.value,
        "length": interchange.length,
        "sender": "/".join(header.sender),
        "receiver": "/".join(header.receiver),
        "usage": header.usage,
        "version": header.version,
        "control": header.control,
        "segments": interchange.segments,
        "ta1": {"status": verdict.status, "code": verdict.code},
        "findings": _findings(interchange.findings),
        "groups": groups,
    }


def _x12_group(group: Group, verdict: GroupVerdict | None, policy: Policy) -> dict[str, Any]:
    header = group.header
    found = {
        "functional": header.functional,
        "version": header.version,
        "control": header.control,
        "sets": len(group.sets),
        "findings": _findings(group.findings),
        "flawed": [
            {
                "set": one.set_id,
                "control": one.control,
                "status": judge_set(one.findings, header.version, policy)[0],
                "findings": _findings(one.findings),
            }
            for one in islice(group.sets.flawed.values(), _MOST_FLAWED)
        ],
        **_left_out(group.sets.flawed),
    }
    if verdict is not None:
        found |= {"status": verdict.status, "accepted": verdict.accepted}
    return found


def _edifact(verdict: InterchangeVerdict) -> dict[str, Any]:
    header = verdict.header
    told: dict[str, Any] = {"syntax": Syntax.EDIFACT.value, "length": verdict.length}
    if header is not None:
        told |= {
            "sender": party_of(header.sender),
            "receiver": party_of(header.recipient),
            "usage": "T" if header.test else "P",
            "version": f"{header.syntax_identifier}:{header.version or ''}",
            "control": header.reference,
        }
    return {
        **told,
        "segments": verdict.segments,
        "messages": verdict.messages,
        "findings": _findings(verdict.findings),
        "groups": [_message_group(group) for group in verdict.groups],
        **_flawed(verdict.refused),
    }


def party_of(party: Party) -> str:
    """Qualifier and identifier of S002 or S003, as X12 has them too: `14/4012345000009`."""
    return f"{party.qualifier}/{party.identification}"


def _message_group(group: MessageGroup) -> dict[str, Any]:
    return {
        "functional": group.header.type,
        "control": group.header.reference,
        "messages": group.messages,
        "findings": _findings(group.findings),
        **_flawed(group.refused),
    }


def _flawed(refused: Collection[MessageVerdict]) -> dict[str, Any]:
    return {"flawed": [_message(message) for message in islice(refused, _MOST_FLAWED)], **_left_out(refused)}


def _left_out(flawed: Collection[Any]) -> dict[str, int]:
    return {"left_out": len(flawed) - _MOST_FLAWED} if len(flawed) > _MOST_FLAWED else {}


def _message(message: MessageVerdict) -> dict[str, Any]:
    header = message.header
    return {
        "set": ":".join((header.type, header.version, header.release, header.agency)),
        "control": header.reference,
        "findings": _findings(message.findings),
    }
