"""Who works on an item, and what became of it.

A claim is a lease with a token that grows with every claim. Whoever writes shows the token; a worker whose lease ran
out and was taken over by another is refused, however late it wakes up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Row, bindparam, case, or_, select, update

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

# Statements are built once: building one takes longer than SQLite takes to run it.
_FREE = or_(work_item.c.claim_owner.is_(None), work_item.c.claim_expires_at <= bindparam("now"))
_IN_STATES = work_item.c.state.in_(bindparam("states", expanding=True))
_LOCK_THESE = (
    select(work_item.c.number)
    .where(
        work_item.c.id.in_(bindparam("ids", expanding=True)),
        _IN_STATES,
        # An owner takes up its own claim again: a task that is tried anew need not wait for the lease of its last try.
        or_(_FREE, work_item.c.claim_owner == bindparam("owner")),
    )
    # In one order for all workers, so that no two wait for each other.
    .order_by(work_item.c.number)
    .with_for_update()
)
_LOCK_NEXT = (
    select(work_item.c.number)
    .where(work_item.c.source == bindparam("source"), _IN_STATES, _FREE)
    .order_by(work_item.c.attempts, work_item.c.number)
    .limit(bindparam("most", type_=Integer))
    # PostgreSQL: what another worker is just taking is passed over, not waited for. SQLite has one writer anyway.
    .with_for_update(skip_locked=True)
)
_TAKE = (
    update(work_item)
    .where(work_item.c.number.in_(bindparam("numbers", expanding=True)))
    .values(
        claim_owner=bindparam("new_owner"),
        claim_token=work_item.c.claim_token + 1,
        claim_expires_at=bindparam("ends"),
        # A claim that nobody gave up ended with its worker. It counts as an attempt: a file that kills whoever opens
        # it must run out of attempts like any other.
        attempts=work_item.c.attempts + case((work_item.c.claim_owner.is_(None), 0), else_=1),
    )
    .returning(work_item)
)
_HOLDS = (
    work_item.c.id == bindparam("held_id"),
    work_item.c.claim_token == bindparam("held_token"),
    work_item.c.claim_owner == bindparam("held_owner"),
)
_LOCK_HELD = select(work_item).where(*_HOLDS).with_for_update()
_RENEW = (
    update(work_item).where(*_HOLDS).values(claim_expires_at=bindparam("ends")).returning(work_item.c.claim_expires_at)
)
_SAVED = (
    "state",
    "updated_at",
    "attempts",
    "reason",
    "detail",
    "facts",
    "business_date",
    "sequence",
    "original_kept",
    "claim_owner",
    "claim_expires_at",
)
_SAVE = (
    update(work_item)
    .where(work_item.c.number == bindparam("row_number"))
    .values({name: bindparam(f"new_{name}") for name in _SAVED})
)


def free(parts: Parts) -> ColumnElement[bool]:
    """Nobody holds the item, or whoever held it gave no sign of life for its lease."""
    return or_(work_item.c.claim_owner.is_(None), work_item.c.claim_expires_at <= parts.now())


def claim(
    parts: Parts, item_ids: Collection[str], owner: str, *, states: Collection[State], lease: timedelta
) -> list[tuple[WorkItem, Claim]]:
    """Claim named items; see `Items.claim_all`."""
    wanted = {"ids": list(item_ids), "states": list(states), "owner": owner}
    with parts.database.write() as connection:
        now = parts.now()
        return _take(connection, list(connection.scalars(_LOCK_THESE, {**wanted, "now": now})), owner, now, lease)


def claim_next(
    parts: Parts, source: str, owner: str, *, states: Collection[State], lease: timedelta, limit: int
) -> list[tuple[WorkItem, Claim]]:
    """Claim up to `limit` items; see `Items.claim_next`."""
    with parts.database.write() as connection:
        # The time is taken when the turn has come: waiting for it may have used up a good part of a lease.
        now = parts.now()
        wanted = {"source": source, "states": list(states), "now": now, "most": limit}
        return _take(connection, list(connection.scalars(_LOCK_NEXT, wanted)), owner, now, lease)


def renew(parts: Parts, held: Claim, lease: timedelta) -> Claim:
    """Move the end of a claim; not written into the history, since nothing happened to the item."""
    with parts.database.write() as connection:
        ends = connection.scalar(_RENEW, {**_shown(held), "ends": parts.now() + lease})
    if ends is None:
        raise _lost(held)
    return Claim(held.item_id, held.owner, held.token, ends)


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
        _save(connection, row, values)
        told = {"new_state": target, "reason": reason, "detail": detail, "facts": new_facts}
        write_events(connection, [event_of(row, "noted" if state is None else "advanced", now, **told)])
    return to_item(row, **values)


def give_back(parts: Parts, held: Claim, *, error: str) -> None:
    """Let go of an item that could not be brought on; see `Items.give_back`."""
    now = parts.now()
    with parts.database.write() as connection:
        row = _held(connection, held)
        _save(connection, row, {**_UNCLAIMED, "attempts": row.attempts + 1, "updated_at": now})
        write_events(connection, [event_of(row, "given_back", now, detail=error)])


def _take(
    connection: Connection, numbers: list[int], owner: str, now: datetime, lease: timedelta
) -> list[tuple[WorkItem, Claim]]:
    """Put locked items under a claim: two statements, however many there are."""
    if not numbers:
        return []
    rows = connection.execute(_TAKE, {"numbers": numbers, "new_owner": owner, "ends": now + lease}).all()
    write_events(connection, [event_of(row, "claimed", now) for row in rows])
    order = {number: place for place, number in enumerate(numbers)}
    return [(to_item(row), to_claim(row)) for row in sorted(rows, key=lambda row: order[row.number])]


def _save(connection: Connection, row: Row[Any], values: Mapping[str, Any]) -> None:
    whole = {name: values[name] if name in values else getattr(row, name) for name in _SAVED}
    connection.execute(_SAVE, {"row_number": row.number, **{f"new_{name}": whole[name] for name in _SAVED}})


def _shown(held: Claim) -> dict[str, Any]:
    return {"held_id": held.item_id, "held_token": held.token, "held_owner": held.owner}


def _held(connection: Connection, held: Claim) -> Row[Any]:
    row = connection.execute(_LOCK_HELD, _shown(held)).one_or_none()
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
