"""What we sent and what partners said of it, matched in either order and exactly once.

Whatever comes second finds the first: a statement looks for what was sent, and what was sent looks for statements that came
before it was entered. Both take the lock of their pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.interchange import (
    OPEN,
    Level,
    Sending,
    SendingGroup,
    Sent,
    SentStatus,
    Statement,
    addressed,
    passes_on,
    same_control,
    status_after,
)
from airflow_provider_integrations.ledger.database import insert_if_absent
from airflow_provider_integrations.ledger.edi_rows import (
    event_row,
    lock_name,
    named_by,
    pair_values,
    statement_row,
    to_sent,
    to_statement,
)
from airflow_provider_integrations.ledger.edi_tables import acknowledgement, interchange_event, interchange_sent
from airflow_provider_integrations.ledger.rows import Parts, aware

__all__ = ["Matched", "acknowledged", "mark_overdue", "record_sent"]

_WAITING = timedelta(days=7)
"""How long before what it speaks of a statement may be entered: longer than a run that died waits to be started again."""

_SENT = select(interchange_sent).where(*named_by(interchange_sent, "level", "control")).with_for_update()
_SAME = select(interchange_sent).where(*named_by(interchange_sent, "level", "control", "purpose"))
_EVENT = select(interchange_event)
_UNMATCHED = ~_EVENT.where(interchange_event.c.acknowledgement_number == acknowledgement.c.number).exists()
_EARLY = select(acknowledgement).where(*named_by(acknowledgement), _UNMATCHED).order_by(acknowledgement.c.number)


@dataclass(frozen=True, slots=True)
class Matched:
    """A partner's word and what it was matched with.

    Args:
        statement: The word.
        sent: What it speaks of, as it was before; None where we have sent nothing of that number, or not entered it yet.
        after: The status that it has now.
        event: `acknowledged`, `received`, `repeated`, `changed`, or `unmatched`.
    """

    statement: Statement
    sent: Sent | None
    after: SentStatus | None
    event: str


def record_sent(parts: Parts, sending: Sending) -> list[Sent]:
    """Enter an interchange and its groups, and match what was said of them already; see `Interchanges.sent`."""
    at = parts.now()
    with parts.database.write() as connection:
        parts.database.lock(connection, lock_name("interchange", sending.pair))
        if connection.execute(_SAME, _key(sending, Level.INTERCHANGE, sending.control)).one_or_none() is None:
            number = _enter(connection, sending, at)
            ours = sorted({row.control for row in _of(connection, number)})
            early = _EARLY.where(
                acknowledgement.c.received_at >= at - _WAITING,
                acknowledgement.c.control.in_(ours),
            )
            for row in connection.execute(early, pair_values(sending.pair)).all():
                _match(connection, row, at)
        head = connection.execute(_SAME, _key(sending, Level.INTERCHANGE, sending.control)).one()
        if head.sha256 != sending.sha256:
            raise StateConflictError(
                "an interchange of this number and purpose was sent with other content",
                partner=sending.pair.partner,
                control=sending.control,
                purpose=sending.purpose,
                next_step="Its bytes must be the same at every run: find out what made up the second one.",
            )
        return [to_sent(row) for row in _of(connection, head.number)]


def acknowledged(
    parts: Parts, statements: Sequence[Statement], item_id: str, places: Sequence[int] | None = None
) -> list[Matched]:
    """Enter what a document says of ours, and match it; see `Interchanges.acknowledged`."""
    at = parts.now()
    told: list[Matched] = []
    with parts.database.write() as connection:
        # In one order for all, or two documents could wait for each other.
        for name in sorted({lock_name("interchange", said.pair) for said in statements}):
            parts.database.lock(connection, name)
        for place, said in zip(range(len(statements)) if places is None else places, statements, strict=True):
            connection.execute(
                insert_if_absent(acknowledgement, "item_id", "place"), statement_row(said, item_id, place, at)
            )
            there = acknowledgement.c.item_id == item_id, acknowledgement.c.place == place
            row = connection.execute(select(acknowledgement).where(*there)).one()
            if to_statement(row) != _as_kept(said):
                raise StateConflictError(
                    "the document said something else when it was read before",
                    item=item_id,
                    place=place,
                    next_step="Enter each document under its own item.",
                )
            told.append(_again(connection, row) or _match(connection, row, at))
    return told


def mark_overdue(parts: Parts, as_of: datetime) -> list[Sent]:
    """Make overdue what was due before an instant and still is pending; see `Interchanges.mark_overdue`."""
    at = parts.now()
    aware(as_of, "as_of")
    late = (
        update(interchange_sent)
        .where(interchange_sent.c.status == SentStatus.PENDING.value, interchange_sent.c.due_at < as_of)
        .values(status=SentStatus.OVERDUE.value)
        .returning(*interchange_sent.c)
    )
    with parts.database.write() as connection:
        rows = connection.execute(late).all()
        events = [
            event_row(at, "overdue", SentStatus.PENDING, SentStatus.OVERDUE, sent_number=row.number) for row in rows
        ]
        if events:
            connection.execute(insert(interchange_event), events)
        return sorted((to_sent(row) for row in rows), key=lambda one: one.number)


def _as_kept(said: Statement) -> Statement:
    """A statement as it comes back from its row."""
    syntax = said.pair.syntax
    return replace(said, control=same_control(syntax, said.control), within=same_control(syntax, said.within))


def _key(sending: Sending, level: Level, control: str) -> dict[str, Any]:
    control = same_control(sending.pair.syntax, control)
    return {**pair_values(sending.pair), "level": level.value, "control": control, "purpose": sending.purpose}


def _enter(connection: Connection, sending: Sending, at: datetime) -> int:
    """The rows of an interchange and its groups; gives the number of the interchange."""
    head = SendingGroup(sending.control, due_at=sending.due_at)
    parent: int | None = None
    for level, one in ((Level.INTERCHANGE, head), *((Level.GROUP, group) for group in sending.groups)):
        values = {
            **_key(sending, level, one.control),
            "interchange": parent,
            "functional": one.functional,
            "sha256": sending.sha256,
            "status": SentStatus.PENDING.value,
            "sent_at": at,
            "due_at": one.due_at and aware(one.due_at, "due_at"),
        }
        number = connection.execute(insert(interchange_sent).returning(interchange_sent.c.number), values).scalar_one()
        entry = event_row(at, "sent", None, SentStatus.PENDING, sent_number=number)
        connection.execute(insert(interchange_event), [entry])
        parent = number if parent is None else parent
    if parent is None:
        raise AssertionError
    return parent


def _of(connection: Connection, number: int) -> Sequence[Row[Any]]:
    """The interchange and then its groups."""
    mine = (interchange_sent.c.number == number) | (interchange_sent.c.interchange == number)
    return connection.execute(select(interchange_sent).where(mine).order_by(interchange_sent.c.number)).all()


def _again(connection: Connection, row: Row[Any]) -> Matched | None:
    """What a statement was matched with before."""
    known = connection.execute(_EVENT.where(interchange_event.c.acknowledgement_number == row.number)).one_or_none()
    if known is None:
        return None
    sent = connection.execute(select(interchange_sent).where(interchange_sent.c.number == known.sent_number)).one()
    return Matched(to_statement(row), to_sent(sent), SentStatus(known.new_status), known.event)


def _match(connection: Connection, row: Row[Any], at: datetime) -> Matched:
    said = to_statement(row)
    key = {**pair_values(said.pair), "level": said.level.value, "control": said.control}
    candidates = [to_sent(one) for one in connection.execute(_SENT, key)]
    within: list[int] = []
    if said.within:
        outer = {**key, "level": Level.INTERCHANGE.value, "control": said.within}
        within = [one.number for one in connection.execute(_SENT, outer)]
    sent = addressed(said, candidates, within)
    if sent is None:
        return Matched(said, None, None, "unmatched")
    after = status_after(sent.status, said.status)
    event = "acknowledged"
    if said.status is SentStatus.RECEIVED:
        event = "received"
    elif sent.status not in OPEN:
        event = "repeated" if after is sent.status else "changed"
    _settle(connection, sent, after, at, event, acknowledgement_number=row.number)
    if passes_on(said):
        rest = SentStatus.REJECTED if said.status is SentStatus.REJECTED else SentStatus.ACCEPTED
        for group in (to_sent(one) for one in _of(connection, sent.number)):
            if group.number != sent.number and group.status in OPEN:
                _settle(connection, group, rest, at, "settled_with_interchange", detail={"by": row.number})
    return Matched(said, sent, after, event)


def _settle(connection: Connection, sent: Sent, after: SentStatus, at: datetime, event: str, **told: Any) -> None:
    if after is not sent.status:
        connection.execute(
            update(interchange_sent)
            .where(interchange_sent.c.number == sent.number)
            .values(status=after.value, settled_at=at)
        )
    entry = event_row(at, event, sent.status, after, sent_number=sent.number, **told)
    connection.execute(insert(interchange_event), [entry])
