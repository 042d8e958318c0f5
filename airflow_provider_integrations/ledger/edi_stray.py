"""Refusals of what we have not sent, or not under that number: a partner refused something, and nobody could say what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select

from airflow_provider_integrations.core.interchange import REFUSED, Pair, Statement
from airflow_provider_integrations.ledger.edi_rows import to_statement
from airflow_provider_integrations.ledger.edi_tables import acknowledgement, interchange_event
from airflow_provider_integrations.ledger.rows import Parts
from airflow_provider_integrations.ledger.tables import work_item

__all__ = ["StrayRefusal", "stray_refusals"]

_MOST = 100
"""Words of one document that are kept in memory; the rest is counted."""


@dataclass(frozen=True, slots=True)
class StrayRefusal:
    """What one document of a partner refuses and we do not know.

    Args:
        item_id: The work item that brought it first; a replay says nothing new.
        at: When it was entered first.
        said: Its words, at most a hundred.
        words: How many there are.
    """

    item_id: str
    at: datetime
    said: tuple[Statement, ...]
    words: int

    @property
    def pair(self) -> Pair:
        """Of whom it speaks; each document speaks of one pair here."""
        return self.said[0].pair


def stray_refusals(parts: Parts, since: datetime) -> list[StrayRefusal]:
    """Refusals that are matched with nothing, one for each document and pair; see `Interchanges.stray_refusals`."""
    original = func.coalesce(work_item.c.replay_of, work_item.c.id).label("original")
    matches = select(interchange_event).where(interchange_event.c.acknowledgement_number == acknowledgement.c.number)
    query = (
        select(acknowledgement, original)
        .join(work_item, work_item.c.id == acknowledgement.c.item_id)
        .where(
            acknowledgement.c.status.in_([status.value for status in REFUSED]),
            acknowledgement.c.received_at >= since,
            ~matches.exists(),
        )
        .order_by(acknowledgement.c.number)
    )
    found: dict[tuple[str, Pair], StrayRefusal] = {}
    first: dict[tuple[str, Pair], str] = {}
    with parts.database.read() as connection:
        for row in connection.execute(query):
            said = to_statement(row)
            key = row.original, said.pair
            if first.setdefault(key, row.item_id) != row.item_id:
                continue
            there = found.get(key) or StrayRefusal(row.original, row.received_at, (), 0)
            kept = there.said if there.words >= _MOST else (*there.said, said)
            found[key] = replace(there, said=kept, words=there.words + 1)
    return list(found.values())
