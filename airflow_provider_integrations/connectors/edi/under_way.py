"""Which tables of a source have rows between their document and the warehouse.

A guide book has dozens of tables and a document rows for a few of them: the others need no task.
"""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_integrations.core.edi_source import table_source_name
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["tables_under_way"]

_STATES = (State.LANDED, State.GATED, State.LOADED)
"""What waits for the gate, for the load, and to be closed after it."""


def tables_under_way(ledger: Ledger, source: str, tables: Iterable[str]) -> list[str]:
    """Those of the tables that have something to do, whichever run left it, in their order."""
    return [table for table in tables if ledger.items.list(table_source_name(source, table), _STATES, limit=1)]
