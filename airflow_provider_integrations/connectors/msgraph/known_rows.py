"""The objects that a source is known to have, in SQLite beside its state: what a delta leaves out, and what a resync lacks.

A round is applied in one transaction, and what is made of it is whole and synced before that ends. So there is either a round
that was not applied, or one that was and whose files only want their place.

    with known.applying(start, pages, share=0.2) as changes, RoundFiles(...) as out:
        for change in changes:
            out.add(change)

Seen from this, a round of 200,000 objects costs memory for one page.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange
from airflow_provider_integrations.connectors.msgraph.known_relations import RELATIONS, KnownRelations
from airflow_provider_integrations.connectors.msgraph.model import RoundStart
from airflow_provider_integrations.connectors.msgraph.page_files import read_sent
from airflow_provider_integrations.connectors.msgraph.replay import Row, Target, whole
from airflow_provider_integrations.connectors.msgraph.resync import GoneReport, check_gone, gone_of, removals
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

__all__ = ["KnownRows"]

_TABLES = (
    # With a rowid: ids are random, and so only their index is written all over and not the rows, which takes half the time.
    "CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY NOT NULL, properties TEXT NOT NULL, removed INTEGER NOT NULL,"
    " round INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS rounds (round INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, summary TEXT NOT NULL)",
    RELATIONS,
)
_SETTINGS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -16384",
)


class KnownRows:
    """The rows of one source and who they are related to; for one process at a time.

    Args:
        database: In autocommit mode; what is lacking in it is made.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        for each in (*_SETTINGS, *_TABLES):
            database.execute(each)
        self._database = database
        self._relations = KnownRelations(database)

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[KnownRows]:
        """Open or make the file, for its owner only.

        Raises:
            ConfigError: it is no such file.
        """
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(path, isolation_level=None)
        try:
            try:
                known = cls(database)
            except sqlite3.DatabaseError as error:
                raise ConfigError(
                    "the file of the known rows is damaged", path=str(path), problem=type(error).__name__,
                    next_step="Restore it with the state; to begin anew, remove both and give an empty folder.",
                ) from None  # fmt: skip
            yield known
        finally:
            database.close()

    @property
    def round(self) -> int:
        """The last round that was applied; 0 before the first."""
        found: int = self._database.execute("SELECT coalesce(max(round), 0) FROM rounds").fetchone()[0]
        return found

    def summary(self, round: int) -> dict[str, Any]:
        """What was counted in a round that was applied: of objects by `Op`, and likewise of each of the `relations`."""
        text = self._database.execute("SELECT summary FROM rounds WHERE round = ?", (round,)).fetchone()[0]
        found: dict[str, Any] = {"relations": {}, **json.loads(text)}
        return found

    @contextmanager
    def applying(
        self, start: RoundStart, pages: Iterable[bytes], *, share: float, approved: str = ""
    ) -> Iterator[Iterator[Change | RelationChange]]:
        """Apply a sealed round; gives its changes in order, each upsert with the whole row, and at the end what is gone.

        The rows stand when the block ends: what is made of the changes must be durable within it.

        Args:
            start: Of the round, with what was landed of it.
            pages: Files of its pages, in order, as of `page_bytes`.
            share, approved: What a resync may delete, as for `check_gone`.

        Raises:
            ReconciliationError: the resync would delete more; nothing is applied.
            StateConflictError: pages are missing, or the changes were not read to their end; nothing is applied.
        """
        summary = {**dict.fromkeys(map(str, Op), 0), "relations": {}}
        with self._transaction():
            changes = self._changes(start, pages, share, approved)
            yield _counted(changes, summary)
            if next(changes, None) is not None:
                raise StateConflictError(
                    "a round was not read to its end",
                    round=start.round,
                    next_step="Nothing of it was applied; report it.",
                )
            # Only the last round is asked for.
            self._database.execute("DELETE FROM rounds")
            values = (start.round, start.attempt, json.dumps(summary))
            self._database.execute("INSERT INTO rounds VALUES (?, ?, ?)", values)

    def judge(self, start: RoundStart, pages: Iterable[bytes]) -> GoneReport | None:
        """What a sealed full round would delete, with nothing applied; None where it cannot delete anything unseen."""
        known = "SELECT EXISTS (SELECT * FROM rows WHERE NOT removed) OR EXISTS (SELECT * FROM relations)"
        if not start.full or not self._one(known):
            return None
        with self._transaction(keep=False):
            for _ in self._told(start, pages):
                pass
            return self._report(start)

    def _changes(
        self, start: RoundStart, pages: Iterable[bytes], share: float, approved: str
    ) -> Iterator[Change | RelationChange]:
        yield from self._told(start, pages)
        if not start.full:
            return
        check_gone(report := self._report(start), share=share, approved=approved)
        lacking = "SELECT id FROM rows WHERE NOT removed AND round < ? ORDER BY id"
        yield from removals(self._texts(lacking, start.round), round=start.round, after=start.items)
        self._database.execute(
            "UPDATE rows SET removed = 1, round = ?1 WHERE NOT removed AND round < ?1", (start.round,)
        )
        yield from self._relations.lacking(start.round, after=start.items + report.gone)

    def _told(self, start: RoundStart, pages: Iterable[bytes]) -> Iterator[Change | RelationChange]:
        """What the pages say."""
        self._database.execute("DROP TABLE IF EXISTS temp.before")
        if start.full:
            self._database.execute("CREATE TEMP TABLE before AS SELECT id FROM rows WHERE NOT removed")
            self._relations.begin()
        count = 0
        for data in pages:
            count += 1
            yield from self._page(data, start)
        if count != start.pages:
            raise StateConflictError(
                "pages of a sealed round are missing",
                round=start.round,
                pages=start.pages,
                found=count,
                next_step="Restore them, or begin the round anew with a resync; nothing of it was applied.",
            )

    def _page(self, data: bytes, start: RoundStart) -> Iterator[Change | RelationChange]:
        landed = list(read_sent(data, start.round))
        ids = {change.id for change, _ in landed if isinstance(change, Change)}
        # What nothing in this round adds to need not be read.
        added = {change.id for change, _ in landed if isinstance(change, Change) and not change.complete}
        target, texts = Target(self._rows(ids, added, start.round)), dict[str, str]()
        for change, sent in landed:
            if isinstance(change, RelationChange):
                self._relations.apply(change)
                yield change
                continue
            target.apply(change)
            yield whole(change, target)
            if change.op is Op.REMOVE_HARD:
                yield from self._relations.end(change)
            elif change.op is Op.UPSERT and target.rows[change.id].properties is change.properties:
                texts[change.id] = sent  # Kept as it was sent, with nothing to add from before.
            else:
                texts.pop(change.id, None)
        self._write(ids, target, texts)

    def _report(self, start: RoundStart) -> GoneReport:
        """Of the pages that were told; SQLite compares texts by code points, as UTF-8 sorts so."""
        known = "SELECT count(*) FROM temp.before JOIN rows USING (id) WHERE NOT removed"
        seen = "SELECT count(*) FROM rows WHERE NOT removed AND round = ?"
        lacking = "SELECT id FROM rows WHERE NOT removed AND round < ? ORDER BY id"
        return gone_of(
            self._texts(lacking, start.round),
            known=self._one(known),
            enumerated=self._one(seen, start.round),
            ended=self._relations.left(start.round),
            related=self._relations.before,
        )

    @contextmanager
    def _transaction(self, *, keep: bool = True) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT" if keep else "ROLLBACK")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _one(self, query: str, *values: int) -> int:
        found: int = self._database.execute(query, values).fetchone()[0]
        return found

    def _texts(self, query: str, *values: int) -> Iterator[str]:
        return (text for (text,) in self._database.execute(query, values))

    def _rows(self, ids: set[str], added: set[str], now: int) -> dict[str, Row]:
        query = "SELECT id, properties, removed, round FROM rows WHERE id IN (SELECT value FROM json_each(?))"
        found = self._database.execute(query, (json.dumps([*ids]),))
        return {
            name: Row(json.loads(text) if name in added or round == now else {}, bool(removed), round)
            for name, text, removed, round in found
        }

    def _write(self, ids: set[str], target: Target, texts: Mapping[str, str]) -> None:
        rows = (
            (name, texts.get(name) or json.dumps(row.properties), row.removed, row.round)
            for name, row in target.rows.items()
        )
        self._database.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET (properties, removed, round) = (excluded.properties, excluded.removed, excluded.round)",
            rows,
        )
        self._database.executemany("DELETE FROM rows WHERE id = ?", ((name,) for name in ids - target.rows.keys()))


def _counted(changes: Iterator[Change | RelationChange], summary: dict[str, Any]) -> Iterator[Change | RelationChange]:
    for change in changes:
        counts = summary
        if isinstance(change, RelationChange):
            counts = summary["relations"].setdefault(change.relation, dict.fromkeys(map(str, Op), 0))
        counts[change.op] += 1
        yield change
