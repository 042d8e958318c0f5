"""Interchanges between two partners as the ledger knows them: control numbers, what was sent and received, what is said of it.

A partner's acknowledgement speaks of an interchange (TA1, UCI) or a group (AK1 to AK9, UCF) of ours by its control number.
One such word is a `Statement`. It holds no value of a document.

    >>> pair = Pair("x12", "ZZ:HUB", "ZZ:ACME")
    >>> same_control("x12", "000000017") == same_control("x12", "17"), next_number(pair, 999_999_999)
    (True, 1)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from airflow_provider_integrations.core.errors import ConfigError

__all__ = [
    "LIMITS",
    "OPEN",
    "REFUSED",
    "Level",
    "Pair",
    "Received",
    "Refusal",
    "Sending",
    "SendingGroup",
    "Sent",
    "SentStatus",
    "SetStatement",
    "Statement",
    "Syntax",
    "addressed",
    "next_number",
    "passes_on",
    "same_control",
    "status_after",
]


class Syntax(StrEnum):
    """Which of the two standards an interchange follows."""

    X12 = "x12"
    EDIFACT = "edifact"


LIMITS: dict[str, int] = {Syntax.X12: 999_999_999, Syntax.EDIFACT: 99_999_999_999_999}
"""The highest control number: ISA13 and GS06 have nine digits, 0020 and 0048 have fourteen places."""


class Level(StrEnum):
    """What a control number is of."""

    INTERCHANGE = "interchange"
    GROUP = "group"


class SentStatus(StrEnum):
    """What is known of something that we sent."""

    PENDING = "pending"
    RECEIVED = "received"
    """Only said in a statement: it arrived (CONTRL action 8) and the verdict is to come, so it stays as it is."""
    ACCEPTED = "accepted"
    ACCEPTED_WITH_ERRORS = "accepted_with_errors"
    PARTIALLY_ACCEPTED = "partially_accepted"
    REJECTED = "rejected"
    OVERDUE = "overdue"
    SETTLED = "settled"
    """A person closed it, with a reason: no verdict is awaited any more, or what was refused is dealt with."""


OPEN = frozenset({SentStatus.PENDING, SentStatus.OVERDUE})
"""What still waits for a verdict."""

REFUSED = frozenset({SentStatus.REJECTED, SentStatus.PARTIALLY_ACCEPTED})
"""What did not arrive at the partner, or not all of it, though an acknowledgement did."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Us and a partner, in one syntax and usage: the scope of control numbers and of duplicates.

    Args:
        syntax: A `Syntax`, as text.
        ours: Our identity, as `qualifier:name`.
        partner: Theirs.
        usage: `P` production, `T` test, `I` information.
    """

    syntax: str
    ours: str
    partner: str
    usage: str = "P"

    def __post_init__(self) -> None:
        """Refuse what would mix two scopes."""
        if self.syntax not in LIMITS or self.usage not in {"P", "T", "I"} or not self.ours or not self.partner:
            raise ConfigError(
                "not a pair of partners",
                syntax=self.syntax,
                ours=self.ours,
                partner=self.partner,
                usage=self.usage,
                next_step="Give x12 or edifact, both identities, and P, T or I.",
            )


@dataclass(frozen=True, slots=True)
class SetStatement:
    """What is said of one set or message: `codes` are AK502 to AK506, or 0085."""

    set_id: str
    control: str
    status: SentStatus
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """What a partner says of an interchange or a group of ours.

    Args:
        pair: Of what is spoken of, seen from us.
        kind: TA1, 997, 999 or CONTRL.
        level: What is spoken of.
        control: Its control number, as it came.
        status: The verdict.
        functional: AK101; empty where nothing says it.
        within: The interchange of a group, where it is said (CONTRL); X12 does not.
        codes: TA105, AK905 to AK909, or 0085.
        sets: The sets or messages that are not plainly accepted.
    """

    pair: Pair
    kind: str
    level: Level
    control: str
    status: SentStatus
    functional: str = ""
    within: str = ""
    codes: tuple[str, ...] = ()
    sets: tuple[SetStatement, ...] = ()


@dataclass(frozen=True, slots=True)
class SendingGroup:
    """A functional group of what is sent; `due_at` None where no acknowledgement is agreed upon."""

    control: str
    functional: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """An interchange that goes out.

    Args:
        pair: From us to whom.
        control: ISA13 or 0020.
        purpose: Why it was made, e.g. the outbound batch; with the pair it names it once.
        sha256: Of its bytes.
        groups: Its groups.
        due_at: When its own acknowledgement (TA1, CONTRL) is due; None where none is asked for.
    """

    pair: Pair
    control: str
    purpose: str
    sha256: str
    groups: tuple[SendingGroup, ...] = ()
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """An interchange or group of ours in the ledger; `interchange` is the number of the one that a group is in."""

    number: int
    interchange: int | None
    pair: Pair
    level: Level
    control: str
    functional: str
    purpose: str
    status: SentStatus
    sent_at: datetime
    due_at: datetime | None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a partner refused, wholly or in part, and nobody has dealt with.

    Args:
        sent: What we sent.
        entry: Number of the entry in the history by which it was refused: another refusal of the same is another one.
        at: When that was entered.
        said: The partner's word; None where it was refused with the interchange around it.
    """

    sent: Sent
    entry: int
    at: datetime
    said: Statement | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """An interchange of a partner in the ledger.

    Args:
        number: Its number in the ledger.
        pair: Us and the sender.
        control: ISA13 without leading zeros, or 0020.
        sha256: Of its bytes.
        item_id: The work item that brought it.
        place: Its place in the item, from 0.
        verdict: `accepted`, `partial`, `rejected`, or `duplicate`.
        received_at: When it was entered.
        duplicate_of: The number of the earlier one.
        answer_due_at: When our acknowledgement is due; None where none is owed.
        answered_at: When it went out.
        answer: The control number of the answer.
        settled_at: When a person said that it needs no answer any more.
    """

    number: int
    pair: Pair
    control: str
    sha256: str
    item_id: str
    place: int
    verdict: str
    received_at: datetime
    duplicate_of: int | None = None
    answer_due_at: datetime | None = None
    answered_at: datetime | None = None
    answer: str | None = None
    settled_at: datetime | None = None


def next_number(pair: Pair, last: int) -> int:
    """The control number after `last`; after the highest comes 1, since 0 is no control number."""
    return last % LIMITS[pair.syntax] + 1


def same_control(syntax: str, control: str) -> str:
    """The form in which two control numbers are compared: X12's without leading zeros, EDIFACT's references as they are."""
    control = control.strip()
    if syntax == Syntax.X12 and control.isascii() and control.isdigit():
        return control.lstrip("0") or "0"
    return control


def addressed(said: Statement, candidates: Iterable[Sent], within: Iterable[int] = ()) -> Sent | None:
    """Which of ours a statement speaks of: the newest that is open, or else the newest; None if it is none.

    Args:
        said: The statement.
        candidates: What was sent under its pair, level and control number.
        within: The interchanges that `said.within` may name; looked at only where it names one.
    """
    inside = frozenset(within)
    fitting = [
        one
        for one in candidates
        if not (said.functional and one.functional and said.functional != one.functional)
        and (not said.within or one.interchange in inside)
    ]
    return max(fitting, key=lambda one: (one.status in OPEN, one.number), default=None)


def status_after(before: SentStatus, said: SentStatus) -> SentStatus:
    """The status after a statement: the latest verdict counts, and a mere receipt changes nothing."""
    return before if said is SentStatus.RECEIVED else said


def passes_on(said: Statement) -> bool:
    """Whether a word on an interchange settles its open groups too.

    A rejected interchange has no 997 for its contents. A CONTRL acknowledges all that it does not name (ISO 9735-4 clause
    5.3.2), while an accepting TA1 speaks of the envelope alone.
    """
    if said.level is not Level.INTERCHANGE:
        return False
    return said.status is SentStatus.REJECTED or (said.kind == "CONTRL" and said.status is not SentStatus.RECEIVED)
