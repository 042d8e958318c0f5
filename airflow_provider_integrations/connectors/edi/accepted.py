"""An accepted set or message as it is given on, and what is told of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from airflow_provider_integrations.connectors.edi.document_report import describe_finding
from airflow_provider_integrations.connectors.edi.documents import Document, Outcome, overall
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.model import Delimiters, Finding, Segment
from airflow_provider_integrations.core.errors import TransientError

__all__ = ["MOST_TOLD", "AcceptedSet", "Ahead", "Envelope", "Level", "Reading", "SetVerdict", "changed", "level_number"]

MOST_TOLD = 10_000
"""Findings told of what is refused: from then on it is counted alone, so that memory stays flat."""

_MOST_GROUPS = 1_000_000
"""IEA01 has five digits, UNZ six."""


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


class Level(StrEnum):
    """What a verdict is on."""

    SET = "set"
    GROUP = "group"
    INTERCHANGE = "interchange"


@dataclass(frozen=True, slots=True)
class SetVerdict:
    """What became of a set or message, or of a group or an interchange as such.

    Args:
        level: What it is.
        number: Of a set its place in the stream, from 1. Groups and interchanges count the other way, by their place alone.
        group_control, set_control, set_id, version, guide: Where it has one.
        verdict: `accepted`, `accepted_with_errors` or `rejected`.
        findings: On it alone; those on the group or interchange that it is refused with stand there.
        sets: How many a group or interchange has.
    """

    level: Level
    number: int
    verdict: str
    group_control: str | None = None
    set_control: str | None = None
    set_id: str | None = None
    version: str | None = None
    guide: str | None = None
    findings: Sequence[Finding] = ()
    sets: int | None = None


@dataclass(slots=True)
class Reading:
    """What became of a stream.

    Attributes:
        hear: Called with the verdict on each set in order, and before its sets with that on each group and interchange.
        outcomes: Of its documents.
        accepted: Sets and messages that were given.
        refused: Those that were not, alone or with their group or interchange.
        told: What is refused, as values for JSON with masked findings: a set, a group or interchange with the number of
            its sets, or bytes outside of any.
        left_out: How much of that is only counted.
        places: Interchanges that came by.
        numbers: Sets and messages that came by.
    """

    outcomes: set[Outcome] = field(default_factory=set)
    accepted: int = 0
    refused: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0
    places: int = 0
    numbers: int = 0
    hear: Callable[[SetVerdict], None] | None = None
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


class Ahead:
    """The interchanges of the first reading, of which the next can be seen before it is taken."""

    def __init__(self, documents: Iterator[Document]) -> None:
        self._documents = documents
        self._next: Document | None = None

    def see(self) -> Document | None:
        """The next, or None at the end."""
        if self._next is None:
            self._next = next(self._documents, None)
        return self._next

    def take(self) -> Document | None:
        """The next, which is gone then."""
        taken, self._next = self.see(), None
        return taken


def level_number(place: int, group: int | None = None) -> int:
    """The number of a group or interchange among those of sets: negative, and the same whatever else is refused.

    Args:
        place: Of the interchange in the stream, from 0.
        group: Of the group in the interchange, from 0; None for the interchange itself.
    """
    return -(place * _MOST_GROUPS + (0 if group is None else group + 1)) - 1


def changed() -> TransientError:
    """The error of two readings that differ."""
    return TransientError("the stream changed while it was read", next_step="Run it again when nobody writes to it.")
