"""Taking items in again: a release out of quarantine, and the replay of kept originals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, update

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.discovery import highest_generations, insert_items
from airflow_provider_integrations.ledger.rows import Parts, derived, event_of, get_row, to_item, write_events
from airflow_provider_integrations.ledger.tables import audit, digest, work_item

__all__ = ["readings", "release", "replay"]

_CHUNK = 5_000  # Parameters of one statement: SQLite takes 32,766, PostgreSQL 65,535.
_CARRIED = ("date", "sequence", "checksum", "announced")
"""Facts of the name and its companions, which hold for the replay as for the original."""


def release(parts: Parts, item_id: str, *, who: str, why: str) -> WorkItem:
    """Take an item back from quarantine; see `Items.release`."""
    if not why.strip():
        raise ConfigError("a release needs a reason", item=item_id, next_step="Say why the item may pass now.")
    now = parts.now()
    with parts.database.write() as connection:
        row = get_row(connection, item_id, lock=True)
        if row.state != State.QUARANTINED:
            raise StateConflictError(
                "only a quarantined item can be released",
                item=item_id,
                state=row.state,
                next_step="Nothing is to be done, or replay the item.",
            )
        new = {"released_by": who, "released_why": why, "releases": int(row.facts.get("releases", 0)) + 1}
        changed = connection.execute(
            update(work_item)
            .where(work_item.c.number == row.number)
            .values(
                state=State.DISCOVERED,
                facts={**row.facts, **new},
                updated_at=now,
                reason=None,
                detail=None,
                # Its attempts were those of another life.
                attempts=0,
                claim_owner=None,
                claim_expires_at=None,
                claim_token=row.claim_token + 1,
            )
            .returning(work_item)
        ).one()
        # It holds nothing until it has passed again: whoever took in the same meanwhile must not wait for it.
        connection.execute(delete(digest).where(digest.c.item_id == item_id))
        told = {"new_state": State.DISCOVERED, "owner": who, "detail": why, "facts": new}
        write_events(connection, [event_of(row, "released", now, **told)])
        entry = {"at": now, "who": who, "action": "release", "subject": item_id, "why": why}
        connection.execute(insert(audit), [{**entry, "detail": {"reason": row.reason, "source": row.source}}])
    return to_item(changed)


def replay(parts: Parts, source: str, first: date, last: date, *, request: str, who: str) -> list[WorkItem]:
    """Make new items of kept originals; see `Items.replay`."""
    if first > last:
        raise ConfigError("the replay ends before it begins", first=first.isoformat(), last=last.isoformat())
    now = parts.now()
    originals = (
        select(work_item)
        .where(
            work_item.c.source == source,
            work_item.c.replay_of.is_(None),
            work_item.c.original_kept.is_(True),
            # Its content came with another item, which is replayed.
            work_item.c.state != State.DUPLICATE,
            work_item.c.business_date.between(first, last),
        )
        .order_by(work_item.c.business_date, work_item.c.sequence, work_item.c.number)
    )
    requested = (
        select(work_item)
        .where(work_item.c.source == source, work_item.c.replay_request == request)
        .order_by(work_item.c.number)
    )
    with parts.database.write() as connection:
        parts.database.lock(connection, f"items:{source}")
        before = [to_item(row) for row in connection.execute(requested)]
        done = {item.replay_of for item in before}
        rows = [row for row in connection.execute(originals) if row.id not in done]
        highest = highest_generations(connection, source, sorted({row.path for row in rows}))
        new = []
        for row in rows:
            highest[row.path] += 1
            new.append(_again(parts, row, highest[row.path], request, who))
        made = insert_items(connection, new, now)
        if made:
            entry = {"at": now, "who": who, "action": "replay", "subject": source, "why": f"request {request}"}
            span = {"first": first.isoformat(), "last": last.isoformat(), "items": len(made)}
            connection.execute(insert(audit), [{**entry, "detail": span}])
    return before + made


def readings(parts: Parts, item_ids: Collection[str]) -> list[list[WorkItem]]:
    """The items of each original with its replays; see `Items.readings`."""
    original = func.coalesce(work_item.c.replay_of, work_item.c.id)
    families: dict[str, list[WorkItem]] = {}
    with parts.database.read() as connection:
        for ids in _chunks(item_ids):
            families.update({id_: [] for id_ in connection.scalars(select(original).where(work_item.c.id.in_(ids)))})
        for ids in _chunks(families):
            of_one = or_(work_item.c.id.in_(ids), work_item.c.replay_of.in_(ids))
            for row in connection.execute(select(work_item).where(of_one).order_by(work_item.c.number)):
                families[row.replay_of or row.id].append(to_item(row))
    return list(families.values())


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    left = iter(ids)
    while some := list(islice(left, _CHUNK)):
        yield some


def _again(parts: Parts, row: Row[Any], generation: int, request: str, who: str) -> dict[str, Any]:
    now = parts.now()
    facts = {name: row.facts[name] for name in _CARRIED if name in row.facts}
    facts |= {"replay_request": request, "replayed_by": who}
    return {
        "id": parts.new_id(),
        "source": row.source,
        "path": row.path,
        "generation": generation,
        "size": row.size,
        "mtime": row.mtime,
        "state": State.DISCOVERED,
        "discovered_at": now,
        "updated_at": now,
        "facts": facts,
        **derived(facts, row.discovered_at),
        "replay_of": row.id,
        "replay_request": request,
    }
