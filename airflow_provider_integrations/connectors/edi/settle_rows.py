"""Closes the rows of documents that are in the warehouse: they have no watermark, since their documents have one."""

from __future__ import annotations

from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.closing import close_settled
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["settle_rows"]


def settle_rows(ledger: Ledger, source: str) -> None:
    """Archive every loaded item of one table, `<source>__<table>`."""
    close_settled(ledger, source, [item.id for item in ledger.items.list(source, [State.LOADED], limit=None)])
