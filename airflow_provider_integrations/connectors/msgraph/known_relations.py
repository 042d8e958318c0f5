"""Who is related to whom among the known rows, in their database and in their transaction.

Changes of a relation are all that a server sends of it, so nobody can tell later who was related; and a full enumeration ends
what it lacks, which takes knowing what there was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange
from airflow_provider_integrations.connectors.msgraph.resync import relation_removals

__all__ = ["RELATIONS", "KnownRelations"]

RELATIONS = (
    "CREATE TABLE IF NOT EXISTS relations (owner TEXT, relation TEXT, member TEXT, member_type TEXT NOT NULL,"
    " round INTEGER NOT NULL, PRIMARY KEY (owner, relation, member)) WITHOUT ROWID"
)


class KnownRelations:
    """The relations of one source; all its methods are called within a transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.before = 0
        """How many there were when a full enumeration began."""

    def begin(self) -> None:
        """A full enumeration begins."""
        self.before = self._database.execute("SELECT count(*) FROM relations").fetchone()[0]

    def apply(self, change: RelationChange) -> None:
        """What happened to one of them."""
        key = (change.owner, change.relation, change.member)
        if change.op is Op.UPSERT:
            values = (*key, change.member_type, change.round)
            self._database.execute("INSERT OR REPLACE INTO relations VALUES (?, ?, ?, ?, ?)", values)
        else:
            self._database.execute("DELETE FROM relations WHERE (owner, relation, member) = (?, ?, ?)", key)

    def end(self, owner: Change) -> Iterator[RelationChange]:
        """All of an owner that is gone for good, as `replay.completed` has it."""
        query = "SELECT relation, member FROM relations WHERE owner = ? ORDER BY relation, member"
        held = self._database.execute(query, (owner.id,)).fetchall()
        self._database.execute("DELETE FROM relations WHERE owner = ?", (owner.id,))
        for relation, member in held:
            yield RelationChange(Op.REMOVE_HARD, relation, owner.id, member, "", owner.round, owner.seq)

    def left(self, round: int) -> Iterator[tuple[str, str, str]]:
        """What a full enumeration lacks of owners that it has: their relation, owner and member."""
        return self._database.execute(
            "SELECT relation, owner, member FROM relations JOIN rows ON id = owner"
            " WHERE relations.round < ?1 AND NOT removed AND rows.round = ?1 ORDER BY relation, owner, member",
            (round,),
        )

    def lacking(self, round: int, *, after: int) -> Iterator[RelationChange]:
        """What a full enumeration lacks, as removals that are applied; `after` is the last `seq` before them."""
        query = "SELECT relation, owner, member FROM relations WHERE round < ? ORDER BY relation, owner, member"
        yield from relation_removals(self._database.execute(query, (round,)), round=round, after=after)
        self._database.execute("DELETE FROM relations WHERE round < ?", (round,))
