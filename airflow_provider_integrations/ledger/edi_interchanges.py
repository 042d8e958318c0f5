"""The account of interchanges with partners: received and answered, sent and acknowledged, and what is still owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from airflow_provider_integrations.core.interchange import OPEN, Pair, Received, Refusal, Sending, Sent, Statement
from airflow_provider_integrations.ledger.edi_received import (
    came_before,
    of_family,
    record_answer,
    record_debt,
    record_received,
)
from airflow_provider_integrations.ledger.edi_rows import to_received, to_sent, to_statement
from airflow_provider_integrations.ledger.edi_sent import Matched, acknowledged, mark_overdue, record_sent
from airflow_provider_integrations.ledger.edi_settle import refusals, settle_received, settle_sent
from airflow_provider_integrations.ledger.edi_stray import StrayRefusal, stray_refusals
from airflow_provider_integrations.ledger.edi_tables import (
    acknowledgement,
    interchange_event,
    interchange_received,
    interchange_sent,
)
from airflow_provider_integrations.ledger.rows import Parts

__all__ = ["InterchangeEvent", "Interchanges"]


@dataclass(frozen=True, slots=True)
class InterchangeEvent:
    """One entry of the history of something received or sent."""

    at: datetime
    event: str
    old: str | None
    new: str
    acknowledgement: int | None
    detail: dict[str, Any]


class Interchanges:
    """Interchanges. Each call is one transaction, and each change goes into the history with it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def received(
        self,
        pair: Pair,
        control: str,
        *,
        sha256: str,
        item_id: str,
        verdict: str,
        place: int = 0,
        window: timedelta = timedelta(days=90),
        answer_due_at: datetime | None = None,
        insist: bool = False,
    ) -> Received:
        """Enter a partner's interchange; again for the same item and place gives the same answer.

        It is a duplicate (`verdict` is `duplicate` and `duplicate_of` set) if one of the same pair, usage and control number
        was taken within the window, whatever its bytes. It is none if that one was refused, or if the partner's counter went
        round between them and the bytes are others. A replay of what was taken once is none either, whatever came since; of
        what never was, the window is that around its first delivery.

        Args:
            pair: Us and the sender, with the usage.
            control: ISA13 or 0020.
            sha256: Of the interchange's bytes.
            item_id: The work item that brought it.
            verdict: `accepted`, `partial` or `rejected`, as found without the ledger.
            place: Its place in the item, from 0.
            window: How far back control numbers must differ.
            answer_due_at: When our acknowledgement is due; None where none is owed, as for an acknowledgement.
            insist: It is no duplicate, whatever came before: a person looked at it and released it.

        Raises:
            StateConflictError: when other content was entered at this place, or there is no such item.
            ConfigError: for another verdict.
        """
        return record_received(
            self._parts,
            pair,
            control,
            sha256=sha256,
            item_id=item_id,
            place=place,
            verdict=verdict,
            window=window,
            answer_due_at=answer_due_at,
            insist=insist,
        )

    def owe(self, number: int, answer_due_at: datetime | None) -> Received:
        """Say when our acknowledgement of a received interchange is due, None for never; nothing where it was answered.

        Raises:
            ConfigError: when there is no such interchange.
        """
        return record_debt(self._parts, number, answer_due_at)

    def of_family(self, item_id: str) -> list[Received]:
        """What an item brought, with what its original and the replays of that brought; the first entered first."""
        return of_family(self._parts, item_id)

    def came_before(self, received: Received) -> bool:
        """Whether the same bytes were entered before, at whatever place of whatever item, and whatever became of them."""
        return came_before(self._parts, received)

    def answered(self, number: int, answer: str) -> Received:
        """Say that our acknowledgement of a received interchange went out, under a control number; twice is harmless.

        Raises:
            StateConflictError: when it was answered under another number.
            ConfigError: when there is no such interchange.
        """
        return record_answer(self._parts, number, answer)

    def sent(self, sending: Sending) -> list[Sent]:
        """Enter an interchange that goes out: itself, then its groups; twice is harmless.

        What the partner said of it before this call is matched now, if it came within the last seven days.

        Raises:
            StateConflictError: when it was entered with other content.
        """
        return record_sent(self._parts, sending)

    def acknowledged(
        self, statements: Sequence[Statement], item_id: str, *, places: Sequence[int] | None = None
    ) -> list[Matched]:
        """Enter what a document says of ours, in its order; twice is harmless.

        What speaks of nothing that was sent is kept, and matched as soon as that is entered.

        Args:
            statements: What it says, or a part of it.
            item_id: The work item that brought it.
            places: The place of each in the document, below 2**31; from 0 on without it.

        Raises:
            StateConflictError: when the item said something else before, or there is no such item.
        """
        return acknowledged(self._parts, statements, item_id, places)

    def mark_overdue(self, as_of: datetime) -> list[Sent]:
        """What was due before an instant and is pending becomes overdue; each is told once, until it is settled."""
        return mark_overdue(self._parts, as_of)

    def owed_to_us(self, *, partner: str | None = None, limit: int | None = None) -> list[Sent]:
        """What we sent, is open and has an acknowledgement agreed upon; the first due first."""
        query = select(interchange_sent).where(
            interchange_sent.c.status.in_([one.value for one in OPEN]), interchange_sent.c.due_at.is_not(None)
        )
        if partner is not None:
            query = query.where(interchange_sent.c.partner == partner)
        query = query.order_by(interchange_sent.c.due_at, interchange_sent.c.number).limit(limit)
        with self._parts.database.read() as connection:
            return [to_sent(row) for row in connection.execute(query)]

    def owed_by_us(self, *, partner: str | None = None, limit: int | None = None) -> list[Received]:
        """What we received, have not answered, and nobody settled; the first due first."""
        query = select(interchange_received).where(
            interchange_received.c.answered_at.is_(None),
            interchange_received.c.answer_due_at.is_not(None),
            interchange_received.c.settled_at.is_(None),
        )
        if partner is not None:
            query = query.where(interchange_received.c.partner == partner)
        query = query.order_by(interchange_received.c.answer_due_at, interchange_received.c.number).limit(limit)
        with self._parts.database.read() as connection:
            return [to_received(row) for row in connection.execute(query)]

    def refusals(self, *, partner: str | None = None, limit: int | None = None) -> list[Refusal]:
        """What partners refused, wholly or in part, and nobody has dealt with; the first refused first.

        It is dealt with when a person settles it, when the partner accepts it after all, or when a later interchange of the
        same parties and purpose is accepted; of a document (`document:<source>:<key>`) the parties may be others. A group is
        not told beside its interchange.
        """
        return refusals(self._parts, partner, limit)

    def settle_sent(self, number: int, *, who: str, why: str) -> list[Sent]:
        """Close what we sent and is open or refused, an interchange with its groups; twice is harmless.

        A word of the partner that comes later counts all the same.

        Raises:
            ConfigError: without a reason, or when there is no such interchange or group.
            StateConflictError: for one that was accepted.
        """
        return settle_sent(self._parts, number, who=who, why=why)

    def settle_received(self, number: int, *, who: str, why: str) -> Received:
        """Say that a received interchange needs no answer of ours any more; twice is harmless.

        Raises:
            ConfigError: without a reason, or when there is no such interchange.
            StateConflictError: for one that was answered, or that owes no answer.
        """
        return settle_received(self._parts, number, who=who, why=why)

    def unmatched(self, *, partner: str | None = None, limit: int | None = None) -> list[Statement]:
        """What partners said of things that we have not sent, or not entered, the first first."""
        matches = select(interchange_event).where(
            interchange_event.c.acknowledgement_number == acknowledgement.c.number
        )
        query = select(acknowledgement).where(~matches.exists())
        if partner is not None:
            query = query.where(acknowledgement.c.partner == partner)
        query = query.order_by(acknowledgement.c.number).limit(limit)
        with self._parts.database.read() as connection:
            return [to_statement(row) for row in connection.execute(query)]

    def stray_refusals(self, *, since: datetime) -> list[StrayRefusal]:
        """What partners refused since an instant and we have not sent, or not entered; one for each document and pair."""
        return stray_refusals(self._parts, since)

    def history(self, record: Sent | Received) -> list[InterchangeEvent]:
        """What happened to something received or sent, the first first."""
        of = interchange_event.c.sent_number if isinstance(record, Sent) else interchange_event.c.received_number
        query = select(interchange_event).where(of == record.number).order_by(interchange_event.c.number)
        with self._parts.database.read() as connection:
            return [
                InterchangeEvent(
                    row.at, row.event, row.old_status, row.new_status, row.acknowledgement_number, dict(row.detail)
                )
                for row in connection.execute(query)
            ]
