"""A CONTRL that a partner sent: what became of an interchange that we sent him.

>>> from airflow_provider_integrations.connectors.edi.edifact_tokens import default_delimiters, segments_of
>>> usual = default_delimiters(3)
>>> told = segments_of(b"UNH+1+CONTRL:D:3:UN'UCI+55+US:14+THEM:14+7'UCM+2+ORDERS:D:96A:UN+4+29+UNT+2'UNT+4+1'", usual)
>>> report = read_report(told, usual)
>>> report.reference, report.status.value, [(item.reference, item.action, item.error) for item in report.refused]
('55', 'partial', [('2', '4', '29')])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from airflow_provider_integrations.connectors.edi.edifact_envelope import Party, values
from airflow_provider_integrations.connectors.edi.model import Delimiters, Segment

__all__ = ["Answer", "Report", "Reported", "read_report"]


class Answer(StrEnum):
    """What a partner says of an interchange."""

    RECEIVED = "received"
    """It arrived; a verdict is still owed (action 8)."""
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    """The interchange is accepted and the messages or groups named are not."""
    REJECTED = "rejected"


_ANSWERS = {
    "1": Answer.ACCEPTED,
    "2": Answer.ACCEPTED,
    "3": Answer.PARTIAL,
    "4": Answer.REJECTED,
    "5": Answer.RECEIVED,
    "6": Answer.REJECTED,
    "7": Answer.ACCEPTED,
    "8": Answer.RECEIVED,
}
"""0083; 1, 2, 3, 5 and 6 are of the directories before D.3 and still sent."""
_AGAINST = (Answer.REJECTED, Answer.PARTIAL)


@dataclass(frozen=True, slots=True)
class Reported:
    """One UCM or UCF.

    Args:
        reference: 0062 of the message, or 0048 of the group.
        type: S009's message type; empty for a group.
        group: 0048 of the group that the message is in; empty outside of groups and for a group itself.
        action: 0083, as it stands.
        error: 0085, empty if none is told here.
        places: 0096 of each UCS below it.
    """

    reference: str
    type: str
    group: str
    action: str
    error: str
    places: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """One CONTRL: the parties are those of our interchange, so `sender` is us."""

    reference: str
    sender: Party
    recipient: Party
    action: str
    error: str
    items: tuple[Reported, ...]

    @property
    def refused(self) -> tuple[Reported, ...]:
        """What is named as rejected."""
        return tuple(item for item in self.items if _ANSWERS.get(item.action, Answer.REJECTED) in _AGAINST)

    @property
    def status(self) -> Answer:
        """By 0083; 7 acknowledges all that is not named as rejected, and a code that nobody knows rejects."""
        told = _ANSWERS.get(self.action, Answer.REJECTED)
        if told is Answer.RECEIVED and self.items:
            told = Answer.ACCEPTED
        return Answer.PARTIAL if told is Answer.ACCEPTED and self.refused else told


def read_report(segments: Sequence[Segment], delimiters: Delimiters) -> Report | None:
    """A CONTRL as a value; None if it has no UCI that names an interchange.

    Args:
        segments: Of one message, UNH and UNT included or not.
        delimiters: The service characters of its interchange.
    """
    head: list[list[str]] | None = None
    items: list[Reported] = []
    group = ""
    for segment in segments:
        parts = [values(element, delimiters) for element in segment.elements]
        if segment.tag == "UCI" and head is None:
            head = parts
        elif segment.tag == "UCF":
            group = _at(parts, 0)
            items.append(Reported(group, "", "", _at(parts, 3), _at(parts, 4)))
        elif segment.tag == "UCM":
            items.append(Reported(_at(parts, 0), _at(parts, 1), group, _at(parts, 2), _at(parts, 3)))
        elif segment.tag == "UCS" and items and _at(parts, 0).isascii() and _at(parts, 0)[:7].isdigit():
            items[-1] = replace(items[-1], places=(*items[-1].places, int(_at(parts, 0)[:7])))
    if head is None or not _at(head, 0):
        return None
    return Report(_at(head, 0), _party(head, 1), _party(head, 2), _at(head, 3), _at(head, 4), tuple(items))


def _at(parts: list[list[str]], index: int) -> str:
    return parts[index][0] if index < len(parts) else ""


def _party(parts: list[list[str]], index: int) -> Party:
    told = [*(parts[index] if index < len(parts) else []), "", "", ""]
    return Party(told[0], told[1], told[2])
