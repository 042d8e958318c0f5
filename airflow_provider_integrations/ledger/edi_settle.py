"""What partners refused and nobody has dealt with; and the end that a person makes to a debt or a refusal, with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.interchange import (
    OPEN,
    REFUSED,
    Level,
    Pair,
    Received,
    Refusal,
    Sent,
    SentStatus,
    Statement,
)
from airflow_provider_integrations.ledger.edi_rows import (
    event_row,
    lock_name,
    pair_values,
    to_received,
    to_sent,
    to_statement,
)
from airflow_provider_integrations.ledger.edi_tables import (
    acknowledgement,
    interchange_event,
    interchange_received,
    interchange_sent,
)
from airflow_provider_integrations.ledger.rows import Parts
from airflow_provider_integrations.ledger.tables import audit

__all__ = ["refusals", "settle_received", "settle_sent"]

_REFUSED = [status.value for status in REFUSED]
_TAKEN = [SentStatus.ACCEPTED.value, SentStatus.ACCEPTED_WITH_ERRORS.value]
_DOCUMENT = "document:%"
"""The purposes of documents, which name the source and so the partner: they are the same under another identity."""


def refusals(parts: Parts, partner: str | None, limit: int | None) -> list[Refusal]:
    """What was refused and is not settled; see `Interchanges.refusals`."""
    around, later, event = interchange_sent.alias("around"), interchange_sent.alias("later"), interchange_event
    sent = interchange_sent.c
    told_with_it = select(around.c.number).where(around.c.number == sent.interchange, around.c.status.in_(_REFUSED))
    same_parties = (later.c.ours == sent.ours) & (later.c.partner == sent.partner)
    taken_later = select(later.c.number).where(
        later.c.purpose == sent.purpose,
        later.c.syntax == sent.syntax,
        later.c.usage == sent.usage,
        later.c.status.in_(_TAKEN),
        or_(same_parties, sent.purpose.like(_DOCUMENT)),
        # Not the next group of the same interchange, which has the same purpose.
        func.coalesce(later.c.interchange, later.c.number) > func.coalesce(sent.interchange, sent.number),
        # A TA1 accepts an envelope, which says nothing of a group.
        or_(later.c.level == Level.GROUP.value, sent.level == Level.INTERCHANGE.value),
    )
    became = (
        select(func.max(event.c.number))
        .where(event.c.sent_number == sent.number, event.c.old_status != event.c.new_status)
        .correlate(interchange_sent)
        .scalar_subquery()
    )
    columns = interchange_sent, event.c.number.label("entry"), event.c.at, event.c.acknowledgement_number
    query = (
        select(*columns)
        .join(event, event.c.number == became)
        .where(sent.status.in_(_REFUSED), ~told_with_it.exists(), ~taken_later.exists())
        .order_by(event.c.number)
        .limit(limit)
    )
    if partner is not None:
        query = query.where(sent.partner == partner)
    with parts.database.read() as connection:
        return [
            Refusal(to_sent(row), row.entry, row.at, _said(connection, row.acknowledgement_number))
            for row in connection.execute(query).all()
        ]


def settle_sent(parts: Parts, number: int, *, who: str, why: str) -> list[Sent]:
    """Close what we sent, with its groups; see `Interchanges.settle_sent`."""
    _check_reason(number, who, why)
    at, mine = parts.now(), interchange_sent.c.number == number
    family = mine | (interchange_sent.c.interchange == number)
    with parts.database.write() as connection:
        first = connection.execute(select(interchange_sent).where(mine)).one_or_none()
        if first is None:
            raise _unknown(number)
        pair = to_sent(first).pair
        # No word of the partner comes in between.
        parts.database.lock(connection, lock_name("interchange", pair))
        query = select(interchange_sent).where(family).order_by(interchange_sent.c.number).with_for_update()
        before = [to_sent(row) for row in connection.execute(query)]
        closing = [one for one in before if one.status in OPEN | REFUSED]
        if not closing and before[0].status is not SentStatus.SETTLED:
            raise StateConflictError(
                "there is nothing to settle: it was accepted",
                number=number,
                control=before[0].control,
                status=before[0].status.value,
                next_step="`integrations edi owed` shows what is owed and what was refused.",
            )
        _close(connection, closing, at, who, why)
        _audit(connection, at, pair, [one.number for one in closing], who, why, of="sent", control=before[0].control)
        return [to_sent(row) for row in connection.execute(query)]


def settle_received(parts: Parts, number: int, *, who: str, why: str) -> Received:
    """Close what we owe; see `Interchanges.settle_received`."""
    _check_reason(number, who, why)
    at, mine = parts.now(), interchange_received.c.number == number
    query = select(interchange_received).where(mine)
    with parts.database.write() as connection:
        row = connection.execute(query.with_for_update()).one_or_none()
        if row is None:
            raise _unknown(number)
        before = to_received(row)
        if before.answered_at is not None or before.answer_due_at is None:
            raise StateConflictError(
                "there is nothing to settle: it was answered, or no answer is owed",
                number=number,
                control=before.control,
                answered_at=before.answered_at,
                next_step="`integrations edi owed` shows what is owed.",
            )
        if before.settled_at is None:
            connection.execute(update(interchange_received).where(mine).values(settled_at=at))
            told = event_row(
                at, "settled", before.verdict, before.verdict, received_number=number, detail={"who": who, "why": why}
            )
            connection.execute(insert(interchange_event), [told])
            _audit(connection, at, before.pair, [number], who, why, of="received", control=before.control)
        return to_received(connection.execute(query).one())


def _close(connection: Connection, closing: Iterable[Sent], at: datetime, who: str, why: str) -> None:
    for one in closing:
        connection.execute(
            update(interchange_sent)
            .where(interchange_sent.c.number == one.number)
            .values(status=SentStatus.SETTLED.value, settled_at=at)
        )
        told = event_row(
            at, "settled", one.status, SentStatus.SETTLED, sent_number=one.number, detail={"who": who, "why": why}
        )
        connection.execute(insert(interchange_event), [told])


def _audit(
    connection: Connection, at: datetime, pair: Pair, numbers: Sequence[int], who: str, why: str, **told: str
) -> None:
    if not numbers:
        return
    entry: dict[str, Any] = {"at": at, "who": who, "action": "settle", "subject": pair.partner, "why": why}
    detail = {**pair_values(pair), **told, "numbers": list(numbers)}
    connection.execute(insert(audit), [{**entry, "detail": detail}])


def _said(connection: Connection, number: int | None) -> Statement | None:
    if number is None:
        return None
    return to_statement(connection.execute(select(acknowledgement).where(acknowledgement.c.number == number)).one())


def _check_reason(number: int, who: str, why: str) -> None:
    if not who.strip() or not why.strip():
        raise ConfigError("settling by hand needs a reason", number=number, next_step="Say who settles it, and why.")


def _unknown(number: int) -> ConfigError:
    return ConfigError(
        "no such interchange", number=number, next_step="`integrations edi owed` shows the numbers of what is open."
    )
