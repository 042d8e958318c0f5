"""An accepted set or message as it is given on, and what is told of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_integrations.connectors.edi.document_report import describe_finding
from airflow_provider_integrations.connectors.edi.documents import Outcome, overall
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, Segment
from airflow_provider_integrations.core.errors import TransientError

__all__ = ["MOST_TOLD", "AcceptedSet", "Envelope", "Reading", "changed"]

MOST_TOLD = 10_000
"""Findings told of what is refused: from then on it is counted alone, so that memory stays flat."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whose set it is: the parties as qualifier and identifier, `ZZ/ACME`; `number` counts the sets of the stream from 1."""

    sender: str
    receiver: str
    usage: str
    interchange_control: str
    group_control: str | None
    set_control: str
    set_number: int


@dataclass(frozen=True, slots=True)
class AcceptedSet:
    """One accepted set or message: its guide if there is one, and its segments from ST to SE or from UNH to UNT."""

    envelope: Envelope
    guide: Guide | None
    segments: Sequence[Segment]
    delimiters: Delimiters
    encoding: str
    size: int
    """Its bytes."""


@dataclass(slots=True)
class Reading:
    """What became of a stream.

    Attributes:
        outcomes: Of its documents.
        accepted: Sets and messages that were given.
        refused: Those that were not, alone or with their group or interchange.
        told: What is refused, as values for JSON with masked findings: a set, a group or interchange with the number of
            its sets, or bytes outside of any.
        left_out: How much of that is only counted.
    """

    outcomes: set[Outcome] = field(default_factory=set)
    accepted: int = 0
    refused: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0
    _findings: int = 0

    @property
    def verdict(self) -> Outcome:
        """On the whole stream."""
        return overall(self.outcomes)

    def tell(self, findings: Sequence[Finding], **what: Any) -> None:
        """Something is refused."""
        # One more than its findings, so that what has none fills no memory either.
        if self._findings + len(findings) + 1 > MOST_TOLD:
            self.left_out += 1
            return
        self._findings += len(findings) + 1
        shown = {name: value for name, value in what.items() if value is not None}
        self.told.append({**shown, "findings": [describe_finding(finding) for finding in findings]})


def changed() -> TransientError:
    """The error of two readings that differ."""
    return TransientError("the stream changed while it was read", next_step="Run it again when nobody writes to it.")
