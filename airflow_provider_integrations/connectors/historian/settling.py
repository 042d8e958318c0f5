"""What comes after the load of a historian's source: what is gone is marked, and then the runs are settled that were marked.

settling = Settling(entries)
BatchJob(..., mark_deletions=settling.mark, settle=settling.settle)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.read_windows import mark_gone
from airflow_provider_integrations.connectors.historian.settle import settle_historian
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["Settling"]


@dataclass(slots=True)
class Settling:
    """One load's; an item that another load brings in between waits for that one, or its windows would never be looked at.

    Args:
        entries: Of the source's catalog.
        share: Of the samples known before, those that may be gone.
        allow: Let any number go.
    """

    entries: tuple[TagEntry, ...]
    share: float = 0.2
    allow: bool = False
    _marked: frozenset[str] = field(default=frozenset(), init=False)

    def mark(self, job: BatchJob, connection: Any) -> None:
        """As `mark_gone`."""
        loaded = frozenset(item.id for item in job.ledger.items.list(job.source, [State.LOADED], limit=None))
        mark_gone(job, connection, entries=self.entries, share=self.share, allow=self.allow)
        self._marked = loaded

    def settle(self, ledger: Ledger, source: str) -> Watermark | None:
        """As `settle_historian`, of the items that `mark` has seen."""
        return settle_historian(ledger, source, marked=self._marked)
