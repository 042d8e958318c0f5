"""Closes the rows of documents that are in the warehouse: they have no watermark, since their documents have one."""

from __future__ import annotations

from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["settle_rows"]


def settle_rows(ledger: Ledger, source: str) -> None:
    """Archive every loaded item of one table, `<source>__<table>`; what another worker is closing is left to it."""
    loaded = ledger.items.list(source, [State.LOADED], limit=None)
    if not loaded:
        return
    with holding(ledger, f"settle/{source}") as held:
        for item in held.take_all([item.id for item in loaded], State.LOADED):
            held.advance(item, State.ARCHIVED, facts={"moved_to": "settled"})
