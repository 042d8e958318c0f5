"""Between rows and values: how a work item is read, and how what happened to it is written down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from airflow_provider_integrations.core.clock import Clock, IdSource
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.work_item import Claim, State, WorkItem
from airflow_provider_integrations.ledger.database import Database
from airflow_provider_integrations.ledger.tables import work_item, work_item_event

__all__ = [
    "ORIGINAL_FACTS",
    "ItemEvent",
    "Parts",
    "aware",
    "derived",
    "event_of",
    "get_row",
    "json_facts",
    "to_claim",
    "to_event",
    "to_item",
    "write_events",
]

ORIGINAL_FACTS = ("folder", "manifest", "kept", "quarantine")
"""Facts that say where the original is kept: the landed batch's folder or manifest, or the quarantine folder."""

_NO_ORIGINAL = ("plan", "parent", "round", "seal")
"""Facts of what has no original to replay: rows that were asked for (a backfill or a resync asks for them again), rows of a
document (which is replayed itself), and what waits to be sent."""

_FIELDS = frozenset(entry.name for entry in fields(WorkItem))
_ONE = select(work_item).where(work_item.c.id == bindparam("id"))
_ONE_LOCKED = _ONE.with_for_update()
_INSERT_EVENTS = insert(work_item_event)
_LARGEST = 2**63  # What a column of 64 bits takes; a partner may write more digits into a name.


@dataclass(frozen=True, slots=True)
class Parts:
    """What every part of the ledger works with."""

    database: Database
    clock: Clock
    new_id: IdSource

    def now(self) -> datetime:
        """The present instant in UTC, whatever zone the clock speaks of."""
        return self.clock().astimezone(UTC)


@dataclass(frozen=True, slots=True)
class ItemEvent:
    """One entry of an item's history: what happened, from which state to which, by whom, with which new facts."""

    at: datetime
    event: str
    old_state: State | None
    new_state: State
    owner: str | None = None
    token: int = 0
    reason: str | None = None
    detail: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def aware(moment: datetime, name: str) -> datetime:
    """The same instant.

    Raises:
        ConfigError: when it has no zone, so that nobody knows what it means.
    """
    if moment.tzinfo is None:
        raise ConfigError(f"{name} has no time zone", next_step="Pass an aware datetime, e.g. in UTC.")
    return moment


def json_facts(facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """Facts as they will come back: through JSON and back.

    Raises:
        ConfigError: naming the facts that JSON cannot hold.
    """
    checked: dict[str, Any] = {}
    for name, value in (facts or {}).items():
        try:
            checked[str(name)] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            raise ConfigError(
                "a fact that JSON cannot hold",
                fact=name,
                type=type(value).__name__,
                next_step="Pass text, numbers, lists and mappings; dates in ISO 8601.",
            ) from None
    return checked


def derived(facts: Mapping[str, Any], discovered_at: datetime) -> dict[str, Any]:
    """The columns to search by, from the facts: business date, sequence, and whether the original is kept."""
    day = discovered_at.astimezone(UTC).date()
    # For names without a date, or with one that is none, the day of discovery is the next best.
    with suppress(KeyError, ValueError):
        day = date.fromisoformat(str(facts["date"])[:10])
    number = facts.get("sequence")
    return {
        "business_date": day,
        "sequence": number if isinstance(number, int) and -_LARGEST <= number < _LARGEST else None,
        "original_kept": not any(name in facts for name in _NO_ORIGINAL)
        and any(facts.get(name) for name in ORIGINAL_FACTS),
    }


def to_item(row: Row[Any], **changed: Any) -> WorkItem:
    """A work item from its row, and from what was changed since it was read."""
    item = WorkItem(
        id=row.id,
        source=row.source,
        path=row.path,
        generation=row.generation,
        size=row.size,
        mtime=row.mtime,
        state=State(row.state),
        discovered_at=row.discovered_at,
        updated_at=row.updated_at,
        attempts=row.attempts,
        reason=row.reason,
        detail=row.detail,
        facts=dict(row.facts),
        replay_of=row.replay_of,
        disposed_at=row.disposed_at,
    )
    return replace(item, **{name: value for name, value in changed.items() if name in _FIELDS}) if changed else item


def to_claim(row: Row[Any]) -> Claim:
    """The claim that a row is under."""
    return Claim(item_id=row.id, owner=row.claim_owner, token=row.claim_token, expires_at=row.claim_expires_at)


def to_event(row: Row[Any]) -> ItemEvent:
    """A history entry from its row."""
    return ItemEvent(
        at=row.at,
        event=row.event,
        old_state=State(row.old_state) if row.old_state else None,
        new_state=State(row.new_state),
        owner=row.owner,
        token=row.token,
        reason=row.reason,
        detail=row.detail,
        facts=dict(row.facts),
    )


def get_row(connection: Connection, item_id: str, *, lock: bool = False) -> Row[Any]:
    """The row of an item, locked until the transaction's end if asked.

    Raises:
        ConfigError: when there is none.
    """
    row = connection.execute(_ONE_LOCKED if lock else _ONE, {"id": item_id}).one_or_none()
    if row is None:
        raise ConfigError("no such work item", item=item_id, next_step="See `integrations ledger list`.")
    return row


def event_of(row: Row[Any], event: str, at: datetime, **values: Any) -> dict[str, Any]:
    """The history entry for what has just been made of a row; `values` say what else is to be known."""
    return {
        "item_id": row.id,
        "at": at,
        "event": event,
        "old_state": row.state,
        "new_state": row.state,
        "owner": row.claim_owner,
        "token": row.claim_token,
        "reason": None,
        "detail": None,
        "facts": {},
        **values,
    }


def write_events(connection: Connection, events: Iterable[dict[str, Any]]) -> None:
    """Append to the history, in one statement."""
    if rows := list(events):
        connection.execute(_INSERT_EVENTS, rows)
