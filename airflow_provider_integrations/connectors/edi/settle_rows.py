"""Closes the rows of documents that are in the warehouse, and takes up again those that were released from quarantine.

They have no watermark, since their documents have one. Their batch stays in bronze whatever the gate says of it, so that a
release needs no second reading of the document: the same batch goes to the gate again.
"""

from __future__ import annotations

from airflow_provider_integrations.connectors.edi.job import EdiJob
from airflow_provider_integrations.connectors.edi.row_contract import table_contracts
from airflow_provider_integrations.core.edi_source import table_source_name
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["land_released", "settle_rows"]


def settle_rows(ledger: Ledger, source: str) -> None:
    """Archive every loaded item of one table, `<source>__<table>`; what another worker is closing is left to it."""
    loaded = ledger.items.list(source, [State.LOADED], limit=None)
    if not loaded:
        return
    with holding(ledger, f"settle/{source}") as held:
        for item in held.take_all([item.id for item in loaded], State.LOADED):
            held.advance(item, State.ARCHIVED, facts={"moved_to": "settled"})


def land_released(job: EdiJob) -> list[WorkItem]:
    """Bring the released rows of every table back to where the gate takes them up; gives their items.

    What was released and never landed is left alone, and so is what another worker holds.
    """
    names = [table_source_name(job.source.source, table) for table in table_contracts(job.book.guides)]
    waiting = [item for name in names for item in job.ledger.items.list(name, [State.DISCOVERED], limit=None)]
    released = [item.id for item in waiting if item.facts.get("releases") and item.facts.get("folder")]
    if not released:
        return []
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        return [held.advance(item, State.LANDED) for item in held.take_all(released, State.DISCOVERED)]
