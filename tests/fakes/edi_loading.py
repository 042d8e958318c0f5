"""The rows of EDI documents through gate and load, as the DAG takes them, into a warehouse."""

from __future__ import annotations

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.edi.readings import mark_superseded
from airflow_provider_integrations.connectors.edi.settle_rows import settle_rows
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.expectations.step import gate_items
from airflow_provider_integrations.include import read_edi_source
from airflow_provider_integrations.include_edi import edi_table_sources
from airflow_provider_integrations.warehouse.step import load_items
from tests.fakes.edi_documents import ROOT, Documents
from tests.fakes.fakesnow_server import Warehouse

__all__ = ["job_of", "load_rows"]

SOURCES = edi_table_sources(ROOT / "include", read_edi_source(ROOT / "include", "acme_edi"))


def job_of(documents: Documents, table: str, warehouse: Warehouse) -> BatchJob:
    """One table's job."""
    source = SOURCES[table]
    return BatchJob(
        source=source.source,
        contract=source.contract,
        gate=source.gate,
        load=source.load.model_copy(update={"database": warehouse.database}),
        ledger=documents.ledger,
        root=documents.root,
        owner=documents.owner,
        settle=settle_rows,
        mark_deletions=mark_superseded,
        clock=documents.clock,
        boundary=documents.boundary,
    )


def load_rows(documents: Documents, warehouse: Warehouse, *tables: str) -> dict[str, list[int]]:
    """Gate and load what waits; gives for each table what each load inserted."""
    connection, inserted = warehouse.connect(), {}
    for table in tables:
        job = job_of(documents, table, warehouse)
        landed = [item.id for item in documents.ledger.items.list(job.source, [State.LANDED], limit=None)]
        gated = gate_items(job, (), landed)
        assert {item.state for item in gated} <= {State.GATED}, [item.detail for item in gated]
        inserted[table] = [result.inserted for _, result, _ in load_items(job, connection)]
    return inserted
