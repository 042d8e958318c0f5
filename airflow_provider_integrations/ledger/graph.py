"""Where delta sources stand, encrypted by whoever writes it, and until when the tasks of an app were asked to pause.

    record = ledger.graph.get("entra_users")
    ledger.graph.save(replace(record, content=sealed), expected=record.revision)

A state is replaced by compare-and-set alone: a worker that slept through its lease is refused instead of taking back what
its successor did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, select, update

from airflow_provider_integrations.core.errors import ClaimLostError
from airflow_provider_integrations.ledger.database import insert_if_absent
from airflow_provider_integrations.ledger.graph_tables import graph_pause, graph_state
from airflow_provider_integrations.ledger.rows import Parts

__all__ = ["GraphRecord", "GraphStates"]

# Built once: building a statement takes longer than SQLite takes to run it.
_GET = select(graph_state).where(graph_state.c.source == bindparam("name"))
_REPLACE = (
    update(graph_state)
    .where(graph_state.c.source == bindparam("name"), graph_state.c.revision == bindparam("expected"))
    .values({each: bindparam(f"new_{each.name}") for each in graph_state.c if each.name != "source"})
)
_UNTIL = select(graph_pause.c.until).where(graph_pause.c.scope == bindparam("name"))


@dataclass(frozen=True, slots=True)
class GraphRecord:
    """The state of one source as the ledger holds it.

    Args:
        source: Its name.
        content: The state, encrypted.
        rounds: How many rounds are in the warehouse.
        obtained_at: When the link that the next round needs was sent; None before the first round has ended.
        sealed_at: When the round that waits to be loaded was read to its end; None if none waits.
        revision: How often it was written; 0 before the first time.
    """

    source: str
    content: str = field(repr=False)
    rounds: int
    obtained_at: datetime | None = None
    sealed_at: datetime | None = None
    revision: int = 0


class GraphStates:
    """States and pauses. Each call is one transaction."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def get(self, source: str) -> GraphRecord | None:
        """What is kept of a source; None if there is nothing."""
        with self._parts.database.read() as connection:
            row = connection.execute(_GET, {"name": source}).one_or_none()
        if row is None:
            return None
        return GraphRecord(row.source, row.content, row.rounds, row.obtained_at, row.sealed_at, row.revision)

    def save(self, record: GraphRecord, *, expected: int) -> int:
        """Replace what is kept; gives the new revision.

        Args:
            record: What is to be kept; its own revision says nothing.
            expected: The revision that was read; 0 where there was nothing.

        Raises:
            ClaimLostError: another worker has written meanwhile; this one must stop.
        """
        now = self._parts.now()
        values = {
            "revision": expected + 1,
            "content": record.content,
            "rounds": record.rounds,
            "obtained_at": record.obtained_at,
            "sealed_at": record.sealed_at,
            "updated_at": now,
        }
        with self._parts.database.write() as connection:
            if expected:
                new = {f"new_{name}": value for name, value in values.items()}
                done = connection.execute(_REPLACE, {"name": record.source, "expected": expected, **new})
            else:
                done = connection.execute(
                    insert_if_absent(graph_state, "source"), [{"source": record.source, **values}]
                )
        if done.rowcount != 1:
            raise ClaimLostError(
                "another worker has moved the state of the source",
                source=record.source,
                expected=expected,
                next_step="Throw this work away: whoever has moved it goes on with the round.",
            )
        return expected + 1

    def until(self, scope: str) -> datetime | None:
        """Until when all tasks of an app must wait; None if none was ever asked to."""
        with self._parts.database.read() as connection:
            found: datetime | None = connection.scalar(select(graph_pause.c.until).where(graph_pause.c.scope == scope))
        return found

    def share(self, scope: str, until: datetime) -> None:
        """Keep a pause for all tasks of an app, unless a later one is kept."""
        with self._parts.database.write() as connection:
            connection.execute(insert_if_absent(graph_pause, "scope"), [{"scope": scope, "until": until}])
            later = graph_pause.c.scope == scope, graph_pause.c.until < until
            connection.execute(update(graph_pause).where(*later).values(until=until))
