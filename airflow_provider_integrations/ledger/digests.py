"""Whose bytes came first: what is registered here decides what is a duplicate."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, update

from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.database import insert_if_absent
from airflow_provider_integrations.ledger.rows import Parts
from airflow_provider_integrations.ledger.tables import digest, work_item

__all__ = ["register_digest"]

# Statements are built once: building one takes longer than SQLite takes to run it.
_OWNER = (
    select(digest.c.number, work_item.c.id, work_item.c.state, work_item.c.replay_of)
    .join(work_item, work_item.c.id == digest.c.item_id)
    .where(*(digest.c[name] == bindparam(name) for name in ("source", "kind", "sha256")))
    .with_for_update(of=digest)
)
_REPLAYED = select(work_item.c.replay_of).where(work_item.c.id == bindparam("id"))
_TAKE_OVER = (
    update(digest)
    .where(digest.c.number == bindparam("row_number"))
    .values(item_id=bindparam("new_item_id"), registered_at=bindparam("now"))
)
_FORGET_OTHERS = delete(digest).where(
    digest.c.item_id == bindparam("id"), digest.c.kind == bindparam("of_kind"), digest.c.number != bindparam("kept")
)


def register_digest(parts: Parts, source: str, kind: str, sha256: str, item_id: str) -> str:
    """Register what an item holds, unless another item did; see `Items.register_digest`."""
    key = {"source": source, "kind": kind, "sha256": sha256}
    with parts.database.write() as connection:
        # Waits for another worker that registers the same at this moment, then sees its row.
        connection.execute(insert_if_absent(digest), {**key, "item_id": item_id, "registered_at": parts.now()})
        there = connection.execute(_OWNER, key).one()
        if there.id != item_id:
            if there.state != State.QUARANTINED:
                replayed = connection.scalar(_REPLAYED, {"id": item_id})
                # A replay has the content of its original and of that one's other replays: it is no duplicate of them.
                settled = there.state != State.DISCOVERED
                same = replayed is not None and replayed in (there.id, there.replay_of)
                return item_id if settled and same else str(there.id)
            taken = {"row_number": there.number, "new_item_id": item_id, "now": parts.now()}
            connection.execute(_TAKE_OVER, taken)
        # An item holds one content. What it registered before a crash and then found changed was never taken in, and
        # must not make a duplicate of the same content when that comes again.
        connection.execute(_FORGET_OTHERS, {"id": item_id, "of_kind": kind, "kept": there.number})
        return item_id
