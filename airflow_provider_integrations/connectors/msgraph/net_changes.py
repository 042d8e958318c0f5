"""What a round comes to: of each object and each pair the last change alone, since a batch may name a key once.

They are kept in an SQLite file of their own, so that memory does not grow with the round.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange

__all__ = ["NetChanges"]

_TABLES = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",  # It is made anew after a crash.
    "CREATE TABLE object (id TEXT PRIMARY KEY, op TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE pair (relation TEXT, owner TEXT, member TEXT, member_type TEXT, op TEXT NOT NULL,"
    " PRIMARY KEY (relation, owner, member)) WITHOUT ROWID",
)
_OBJECTS = ""
"""The place of the objects among the relations."""
_ROWS = 10_000


class NetChanges:
    """The last change of each key of a round."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._objects: dict[str, str] = {}
        self._pairs: dict[tuple[str, str, str], tuple[str | None, str]] = {}

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[NetChanges]:
        """A new file, for this round alone."""
        path.unlink(missing_ok=True)
        database = sqlite3.connect(path, isolation_level=None)
        try:
            for each in _TABLES:
                database.execute(each)
            yield cls(database)
        finally:
            database.close()

    def add(self, change: Change | RelationChange) -> None:
        """The next change in the order of the round."""
        if isinstance(change, Change):
            self._objects[change.id] = change.op.value
        else:
            key = (change.relation, change.owner, change.member)
            self._pairs[key] = (change.member_type or None, change.op.value)
        if len(self._objects) + len(self._pairs) >= _ROWS:
            self._flush()

    def counts(self, relation: str = _OBJECTS) -> dict[str, int]:
        """How many keys end by which `Op`."""
        self._flush()
        query = "SELECT op, count(*) FROM object WHERE ? = '' GROUP BY op"
        if relation:
            query = "SELECT op, count(*) FROM pair WHERE relation = ? GROUP BY op"
        return {**dict.fromkeys(map(str, Op), 0), **dict(self._database.execute(query, (relation,)))}

    def objects(self, known: Path) -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
        """Objects that were written, with the whole rows of the known ones, some thousand at a time, in order of their ids."""
        self._flush()
        self._database.execute("ATTACH ? AS known", (str(known),))
        try:
            found = self._database.execute(
                "SELECT id, properties FROM object JOIN known.rows USING (id) WHERE op = ? ORDER BY id",
                (Op.UPSERT.value,),
            )
            for some in _some(found):
                yield [(name, json.loads(text)) for name, text in some]
        finally:
            self._database.execute("DETACH known")

    def pairs(self, relation: str) -> Iterator[list[tuple[str, str, str | None]]]:
        """Pairs that are related now: owner, member and the member's type, in order."""
        self._flush()
        query = "SELECT owner, member, member_type FROM pair WHERE relation = ? AND op = ? ORDER BY owner, member"
        yield from _some(self._database.execute(query, (relation, Op.UPSERT.value)))

    def removed(self, relation: str = _OBJECTS) -> Iterator[list[tuple[str, ...]]]:
        """Keys that are gone, some thousand at a time: ids, or owner and member."""
        self._flush()
        query = "SELECT id FROM object WHERE op <> ? AND ? = '' ORDER BY id"
        if relation:
            query = "SELECT owner, member FROM pair WHERE op <> ? AND relation = ? ORDER BY owner, member"
        yield from _some(self._database.execute(query, (Op.UPSERT.value, relation)))

    def forget_removals(self, known: Path, relation: str = _OBJECTS) -> None:
        """Take what is gone for known still, since a refused batch deletes nothing: a later resync finds it gone again."""
        self._flush()
        self._database.execute("ATTACH ? AS known", (str(known),))
        try:
            self._database.execute("BEGIN")
            if relation:
                self._database.execute(
                    "INSERT OR IGNORE INTO known.relations (owner, relation, member, member_type, round)"
                    " SELECT owner, relation, member, '', 0 FROM pair WHERE relation = ? AND op <> ?",
                    (relation, Op.UPSERT.value),
                )
            else:
                self._database.execute(
                    "INSERT INTO known.rows (id, properties, removed, round)"
                    " SELECT id, '{}', 0, 0 FROM object WHERE op <> ? ON CONFLICT (id) DO UPDATE SET removed = 0",
                    (Op.UPSERT.value,),
                )
            self._database.execute("COMMIT")
        finally:
            self._database.execute("DETACH known")

    def _flush(self) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO object VALUES (?, ?)", self._objects.items())
        rows = ((*key, *value) for key, value in self._pairs.items())
        self._database.executemany("INSERT OR REPLACE INTO pair VALUES (?, ?, ?, ?, ?)", rows)
        self._database.execute("COMMIT")
        self._objects.clear()
        self._pairs.clear()


def _some(found: sqlite3.Cursor) -> Iterator[list[Any]]:
    while rows := found.fetchmany(_ROWS):
        yield rows
