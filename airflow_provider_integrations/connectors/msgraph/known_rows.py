"""The objects that a source is known to have, in SQLite beside its state: what a delta leaves out, and what a resync lacks.

A round is applied in one transaction, and its file is whole and synced before that ends. So there is either a round that was
not applied, or one that was and whose file only wants its place.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op
from airflow_provider_integrations.connectors.msgraph.model import RoundStart
from airflow_provider_integrations.connectors.msgraph.page_files import RoundFile, landed_changes, page_path
from airflow_provider_integrations.connectors.msgraph.replay import Row, Target, completed
from airflow_provider_integrations.connectors.msgraph.resync import check_gone, removals, report_gone
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.landing.durable import sync_folder

__all__ = ["KnownRows"]

_TABLES = (
    "CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, properties TEXT NOT NULL, removed INTEGER NOT NULL,"
    " round INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS rounds (round INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, summary TEXT NOT NULL)",
)


class KnownRows:
    """The rows of one source; for one process at a time."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

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
                database.execute("PRAGMA synchronous = FULL")
                for table in _TABLES:
                    database.execute(table)
            except sqlite3.DatabaseError as error:
                raise ConfigError(
                    "the file of the known rows is damaged", path=str(path), problem=type(error).__name__,
                    next_step="Restore it with the state; to begin anew, remove both and give an empty folder.",
                ) from None  # fmt: skip
            yield cls(database)
        finally:
            database.close()

    @property
    def round(self) -> int:
        """The last round that was applied; 0 before the first."""
        found: int = self._database.execute("SELECT coalesce(max(round), 0) FROM rounds").fetchone()[0]
        return found

    def summary(self, round: int) -> dict[str, Any]:
        """What `apply` counted in a round that was applied."""
        text = self._database.execute("SELECT summary FROM rounds WHERE round = ?", (round,)).fetchone()[0]
        found: dict[str, Any] = json.loads(text)
        return found

    def apply(
        self, start: RoundStart, folder: Path, file: Path, columns: tuple[str, ...], *, share: float, approved: str
    ) -> dict[str, Any]:
        """Apply all landed pages of a sealed round, and write them as one file of whole rows.

        Args:
            start: Of the round, with what was landed of it.
            folder: Of its pages.
            file: To write; what an earlier try has left there is replaced.
            columns: The selected properties.
            share, approved: What a resync may delete, as for `check_gone`.

        Raises:
            ReconciliationError: the resync would delete more; nothing is applied.
        """
        run = self._database.execute
        run("BEGIN IMMEDIATE")
        try:
            run("DROP TABLE IF EXISTS temp.before")
            if start.full:
                run("CREATE TEMP TABLE before AS SELECT id FROM rows WHERE NOT removed")
            counts = dict.fromkeys(Op, 0)
            with RoundFile(file, columns) as out:
                for change in self._changes(start, folder, share, approved):
                    counts[change.op] += 1
                    out.add(change)
            summary = {op.value: count for op, count in counts.items()}
            sync_folder(file.parent)
            # Only the last round is asked for.
            run("DELETE FROM rounds")
            run("INSERT INTO rounds VALUES (?, ?, ?)", (start.round, start.attempt, json.dumps(summary)))
            run("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                run("ROLLBACK")
            raise
        return summary

    def _changes(self, start: RoundStart, folder: Path, share: float, approved: str) -> Iterator[Change]:
        for number in range(1, start.pages + 1):
            landed = landed_changes(page_path(folder, start.attempt, number), start.round)
            changes = [change for change in landed if isinstance(change, Change)]
            ids = {change.id for change in changes}
            target = Target({identity: row for identity in ids if (row := self._row(identity)) is not None})
            for change in completed(changes, target):
                assert isinstance(change, Change), "no relations are landed"
                yield change
            self._write(ids, target)
        if start.full:
            yield from self._gone(start, share, approved)

    def _gone(self, start: RoundStart, share: float, approved: str) -> Iterator[Change]:
        """What the enumeration lacks, and did not remove itself; ids are in the order of code points, as UTF-8 sorts so."""
        known = "SELECT id FROM temp.before JOIN rows USING (id) WHERE NOT removed ORDER BY id"
        seen = "SELECT id FROM rows WHERE NOT removed AND round = ? ORDER BY id"
        check_gone(
            report_gone(self._ids(known), self._ids(seen, start.round)),
            share=share,
            approved=approved,
        )
        lacking = "SELECT id FROM rows WHERE NOT removed AND round < ? ORDER BY id"
        yield from removals(self._ids(lacking, start.round), round=start.round, after=start.items)
        self._database.execute(
            "UPDATE rows SET removed = 1, round = ?1 WHERE NOT removed AND round < ?1", (start.round,)
        )

    def _ids(self, query: str, *values: int) -> Iterator[str]:
        return (identity for (identity,) in self._database.execute(query, values))

    def _row(self, identity: str) -> Row | None:
        query = "SELECT properties, removed, round FROM rows WHERE id = ?"
        found = self._database.execute(query, (identity,)).fetchone()
        return None if found is None else Row(json.loads(found[0]), bool(found[1]), found[2])

    def _write(self, ids: set[str], target: Target) -> None:
        rows = ((name, json.dumps(row.properties), row.removed, row.round) for name, row in target.rows.items())
        self._database.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", rows)
        self._database.executemany("DELETE FROM rows WHERE id = ?", ((name,) for name in ids - target.rows.keys()))
