"""Which files of a listing are new: the identity of a work item is source, path and generation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.rows import (
    Parts,
    aware,
    derived,
    event_of,
    json_facts,
    to_item,
    write_events,
)
from airflow_provider_integrations.ledger.tables import digest, work_item

__all__ = ["discover", "enter", "highest_generations", "insert_items", "latest", "unknown"]

_CHUNK = 5_000  # Parameters of one statement: SQLite takes 32,766, PostgreSQL 65,535.


# Built once: building a statement takes longer than SQLite takes to run it.
_LATEST_OF_ONE = (
    select(work_item)
    .where(
        work_item.c.source == bindparam("source"),
        work_item.c.path == bindparam("path"),
        work_item.c.replay_of.is_(None),
    )
    .order_by(work_item.c.generation.desc())
    .limit(1)
)


_IDENTITY = "identity"
_OF_IDENTITY = (
    select(work_item)
    .join(digest, digest.c.item_id == work_item.c.id)
    .where(*(digest.c[name] == bindparam(name) for name in ("source", "kind", "sha256")))
)


def discover(
    parts: Parts,
    source: str,
    files: Sequence[RemoteFile],
    *,
    listed_at: datetime,
    facts: Mapping[str, Mapping[str, Any]],
) -> list[WorkItem]:
    """Record what a listing shows and give back the items that are new; see `Items.discover`."""
    aware(listed_at, "listed_at")
    # A listing that changes while it is read can show a name twice; the later entry is the newer.
    by_path = {file.path: file for file in files}
    if not by_path:
        return []
    now = parts.now()
    with parts.database.write() as connection:
        parts.database.lock(connection, f"items:{source}")
        latest = {row.path: row for row in _latest(connection, source, list(by_path))}
        fresh, changed = _sort_out(by_path, latest, listed_at)
        fresh += _update_waiting(connection, changed, latest, facts, now)
        return _insert(parts, connection, source, fresh, facts, now)


def unknown(parts: Parts, source: str, files: Sequence[RemoteFile], *, listed_at: datetime) -> list[RemoteFile]:
    """Those files that `discover` would enter or bring up to date; nothing is written."""
    aware(listed_at, "listed_at")
    by_path = {file.path: file for file in files}
    if not by_path:
        return []
    with parts.database.read() as connection:
        latest = {row.path: row for row in _latest(connection, source, list(by_path))}
    fresh, changed = _sort_out(by_path, latest, listed_at)
    return fresh + changed


def latest(parts: Parts, source: str, path: str) -> WorkItem | None:
    """The latest item of a path; see `Items.latest`."""
    with parts.database.read() as connection:
        row = connection.execute(_LATEST_OF_ONE, {"source": source, "path": path}).one_or_none()
        return None if row is None else to_item(row)


def enter(
    parts: Parts, source: str, file: RemoteFile, facts: Mapping[str, Any], identity: str = ""
) -> tuple[WorkItem, bool]:
    """One item for a path and for an identity, whoever comes first; see `Items.enter_once`."""
    known = {"source": source, "kind": _IDENTITY, "sha256": hashlib.sha256(identity.encode()).hexdigest()}
    with parts.database.write() as connection:
        parts.database.lock(connection, f"items:{source}")
        there = connection.execute(_LATEST_OF_ONE, {"source": source, "path": file.path}).one_or_none()
        if there is None and identity:
            there = connection.execute(_OF_IDENTITY, known).one_or_none()
        if there is not None:
            return to_item(there), False
        now = parts.now()
        [made] = _insert(parts, connection, source, [file], {file.path: facts}, now)
        if identity:
            connection.execute(insert(digest), [{**known, "item_id": made.id, "registered_at": now}])
        return made, True


def _sort_out(
    by_path: Mapping[str, RemoteFile], latest: Mapping[str, Row[Any]], listed_at: datetime
) -> tuple[list[RemoteFile], list[RemoteFile]]:
    """New files, and files whose item still waits but which have changed."""
    fresh: list[RemoteFile] = []
    changed: list[RemoteFile] = []
    for path, file in by_path.items():
        row = latest.get(path)
        if row is None:
            fresh.append(file)
        elif row.disposed_at is not None:
            # Moved away after this listing was made: what it shows is what was moved.
            if row.disposed_at < listed_at:
                fresh.append(file)
        elif (row.size, row.mtime) != (file.size, file.mtime):
            # One that was released waits for the bytes that were kept; what lies there now is another file.
            waits = row.state == State.DISCOVERED and not row.original_kept
            (changed if waits else fresh).append(file)
    return fresh, changed


def highest_generations(connection: Connection, source: str, paths: Sequence[str]) -> dict[str, int]:
    """The highest generation of each path that has one, replays included."""
    highest: dict[str, int] = {}
    for chunk in _chunks(paths):
        query = (
            select(work_item.c.path, func.max(work_item.c.generation))
            .where(work_item.c.source == source, work_item.c.path.in_(chunk))
            .group_by(work_item.c.path)
        )
        highest.update((path, generation) for path, generation in connection.execute(query))
    return highest


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _latest(connection: Connection, source: str, paths: Sequence[str]) -> Iterator[Row[Any]]:
    """The latest item of each path; replays are left out, since no file on the server stands behind them."""
    other = work_item.alias("other")
    newest = (
        select(func.max(other.c.generation))
        .where(other.c.source == source, other.c.path == work_item.c.path, other.c.replay_of.is_(None))
        .scalar_subquery()
    )
    for chunk in _chunks(paths):
        query = select(work_item).where(
            work_item.c.source == source, work_item.c.path.in_(chunk), work_item.c.generation == newest
        )
        yield from connection.execute(query)


def _update_waiting(
    connection: Connection,
    files: Sequence[RemoteFile],
    latest: Mapping[str, Row[Any]],
    facts: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> list[RemoteFile]:
    """Bring items that nobody took yet up to date with their file; gives back the files whose item was taken."""
    taken = []
    for file in files:
        row = latest[file.path]
        new_facts = json_facts(facts.get(file.path))
        merged = {**row.facts, **new_facts}
        changed = connection.execute(
            update(work_item)
            .where(
                work_item.c.number == row.number,
                work_item.c.state == State.DISCOVERED,
                or_(work_item.c.claim_owner.is_(None), work_item.c.claim_expires_at <= now),
            )
            .values(
                size=file.size,
                mtime=file.mtime,
                updated_at=now,
                facts=merged,
                **derived(merged, row.discovered_at),
                # Whoever fetched the old bytes under a claim that ran out must not record them now.
                claim_owner=None,
                claim_expires_at=None,
                claim_token=work_item.c.claim_token + 1,
            )
            .returning(work_item)
        ).one_or_none()
        if changed is None:
            taken.append(file)
            continue
        # Digests of bytes that are gone would make a duplicate of the same bytes when they come again.
        connection.execute(delete(digest).where(digest.c.item_id == row.id))
        seen = {**new_facts, "size": file.size, "mtime": file.mtime}
        write_events(connection, [event_of(changed, "changed", now, facts=seen)])
    return taken


def _insert(
    parts: Parts,
    connection: Connection,
    source: str,
    files: Sequence[RemoteFile],
    facts: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> list[WorkItem]:
    highest = highest_generations(connection, source, [file.path for file in files])
    rows = []
    for file in files:
        known = json_facts(facts.get(file.path))
        rows.append(
            {
                "id": parts.new_id(),
                "source": source,
                "path": file.path,
                "generation": highest.get(file.path, 0) + 1,
                "size": file.size,
                "mtime": file.mtime,
                "state": State.DISCOVERED,
                "discovered_at": now,
                "updated_at": now,
                "facts": known,
                **derived(known, now),
            }
        )
    return insert_items(connection, rows, now)


def insert_items(connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> list[WorkItem]:
    """Insert new items and the first entry of their history: two statements, however many there are."""
    if not rows:
        return []
    connection.execute(insert(work_item), list(rows))
    created = {"at": now, "old_state": None, "new_state": State.DISCOVERED, "owner": None, "token": 0}
    write_events(
        connection,
        (
            {
                **created,
                "item_id": row["id"],
                "event": "replayed" if row.get("replay_of") else "discovered",
                "reason": None,
                "detail": None,
                "facts": row["facts"],
            }
            for row in rows
        ),
    )
    values = [field.name for field in fields(WorkItem)]
    return [WorkItem(**{name: row[name] for name in values if name in row}) for row in rows]
