"""Who works on an item, and what became of it.

A claim is a lease with a token that grows with every claim. Whoever writes shows the token; a worker whose lease ran
out and was taken over by another is refused, however late it wakes up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, or_, select, update

from airflow_provider_integrations.core.errors import ClaimLostError, StateConflictError
from airflow_provider_integrations.core.work_item import Claim, State, WorkItem, allowed
from airflow_provider_integrations.ledger.rows import (
    Parts,
    derived,
    event_of,
    json_facts,
    to_claim,
    to_item,
    write_events,
)
from airflow_provider_integrations.ledger.tables import work_item

__all__ = ["advance", "claim", "claim_next", "free", "give_back", "renew"]

_UNCLAIMED: dict[str, Any] = {"claim_owner": None, "claim_expires_at": None}


def free(parts: Parts) -> ColumnElement[bool]:
    """Nobody holds the item, or whoever held it gave no sign of life for its lease."""
    return or_(work_item.c.claim_owner.is_(None), work_item.c.claim_expires_at <= parts.now())


def claim(
    parts: Parts, item_id: str, owner: str, *, states: Collection[State], lease: timedelta
) -> tuple[WorkItem, Claim] | None:
    """Claim one item; see `Items.claim`."""
    # An owner takes up its own claim again: a task that is tried anew need not wait for the lease of its last try.
    takeable = or_(free(parts), work_item.c.claim_owner == owner)
    with parts.database.write() as connection:
        query = select(work_item.c.number).where(work_item.c.id == item_id, work_item.c.state.in_(states), takeable)
        numbers = list(connection.scalars(query.with_for_update()))
        taken = _take(parts, connection, numbers, owner, lease)
        return taken[0] if taken else None


def claim_next(
    parts: Parts, source: str, owner: str, *, states: Collection[State], lease: timedelta, limit: int
) -> list[tuple[WorkItem, Claim]]:
    """Claim up to `limit` items; see `Items.claim_next`."""
    query = (
        select(work_item.c.number)
        .where(work_item.c.source == source, work_item.c.state.in_(states), free(parts))
        .order_by(work_item.c.attempts, work_item.c.number)
        .limit(limit)
        # PostgreSQL: what another worker is just taking is passed over, not waited for. SQLite has one writer anyway.
        .with_for_update(skip_locked=True)
    )
    with parts.database.write() as connection:
        return _take(parts, connection, list(connection.scalars(query)), owner, lease)


def renew(parts: Parts, held: Claim, lease: timedelta) -> Claim:
    """Move the end of a claim; not written into the history, since nothing happened to the item."""
    with parts.database.write() as connection:
        changed = connection.execute(
            update(work_item).where(_holds(held)).values(claim_expires_at=parts.now() + lease).returning(work_item)
        ).one_or_none()
    if changed is None:
        raise _lost(held)
    return to_claim(changed)


def advance(
    parts: Parts,
    held: Claim,
    state: State | None,
    *,
    reason: str | None = None,
    detail: str | None = None,
    facts: Mapping[str, Any] | None = None,
    keep_claim: bool = False,
) -> WorkItem:
    """Bring an item to `state`, or with None only note facts; see `Items.advance` and `Items.note`."""
    new_facts = json_facts(facts)
    now = parts.now()
    with parts.database.write() as connection:
        row = _held(connection, held)
        target = State(row.state) if state is None else state
        if state is not None and not allowed(State(row.state), state):
            raise StateConflictError(
                "an item cannot go this way",
                item=held.item_id,
                state=row.state,
                asked=str(state),
                next_step="Read the item again: another step has already brought it on.",
            )
        merged = {**row.facts, **new_facts}
        values = {"state": target, "facts": merged, "updated_at": now, **derived(merged, row.discovered_at)}
        if state is not None:
            values |= {"reason": reason, "detail": detail}
        if not keep_claim:
            values |= _UNCLAIMED
        changed = _change(connection, row, values)
        told = {"new_state": target, "reason": reason, "detail": detail, "facts": new_facts}
        write_events(connection, [event_of(row, "noted" if state is None else "advanced", now, **told)])
    return to_item(changed)


def give_back(parts: Parts, held: Claim, *, error: str) -> None:
    """Let go of an item that could not be brought on; see `Items.give_back`."""
    now = parts.now()
    with parts.database.write() as connection:
        row = _held(connection, held)
        _change(connection, row, {**_UNCLAIMED, "attempts": row.attempts + 1, "updated_at": now})
        write_events(connection, [event_of(row, "given_back", now, detail=error)])


def _take(
    parts: Parts, connection: Connection, numbers: list[int], owner: str, lease: timedelta
) -> list[tuple[WorkItem, Claim]]:
    """Put locked items under a claim: two statements, however many there are."""
    if not numbers:
        return []
    now = parts.now()
    # A claim that nobody gave up ended with its worker. It counts as an attempt: a file that kills whoever opens it
    # must run out of attempts like any other.
    attempts = case((work_item.c.claim_owner.is_(None), work_item.c.attempts), else_=work_item.c.attempts + 1)
    rows = connection.execute(
        update(work_item)
        .where(work_item.c.number.in_(numbers))
        .values(
            claim_owner=owner,
            claim_token=work_item.c.claim_token + 1,
            claim_expires_at=now + lease,
            attempts=attempts,
        )
        .returning(work_item)
    ).all()
    write_events(connection, [event_of(row, "claimed", now) for row in rows])
    order = {number: place for place, number in enumerate(numbers)}
    return [(to_item(row), to_claim(row)) for row in sorted(rows, key=lambda row: order[row.number])]


def _change(connection: Connection, row: Row[Any], values: Mapping[str, Any]) -> Row[Any]:
    return connection.execute(
        update(work_item).where(work_item.c.number == row.number).values(**values).returning(work_item)
    ).one()


def _holds(held: Claim) -> ColumnElement[bool]:
    return and_(
        work_item.c.id == held.item_id, work_item.c.claim_token == held.token, work_item.c.claim_owner == held.owner
    )


def _held(connection: Connection, held: Claim) -> Row[Any]:
    row = connection.execute(select(work_item).where(_holds(held)).with_for_update()).one_or_none()
    if row is None:
        raise _lost(held)
    return row


def _lost(held: Claim) -> ClaimLostError:
    return ClaimLostError(
        "the claim is no longer held",
        item=held.item_id,
        owner=held.owner,
        token=held.token,
        next_step="Throw this work away: whoever holds the item now does it again.",
    )
