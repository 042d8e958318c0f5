"""Items of a historian read in the triggerer, and a wait for gaps.

Neither an argument nor an event holds a secret or a sample: the arguments name the source and its items, and events tell of
counts. Two triggerers may run one trigger at once: the ledger's lease lets one of them read, and refuses the writes of the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_integrations.core.error_data import error_to_data
from airflow_provider_integrations.core.errors import IntegrationError
from airflow_provider_integrations.dag_context import historian_job

__all__ = ["HistorianGapTrigger", "HistorianReadTrigger"]


class HistorianReadTrigger(BaseTrigger):
    """Reads and lands items; its event has what became of them, or the error for the operator to raise.

    Args:
        source: Name of a file under `include/sources/`, `kind: historian`.
        items: Ids of work items.
        owner: Who claims; a triggerer that takes over from one that died takes up its claims.
    """

    def __init__(self, source: str, items: Sequence[str], owner: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow leaves it untyped
        self.source = source
        self.items = list(items)
        self.owner = owner

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path of the class and its arguments."""
        arguments = {"source": self.source, "items": self.items, "owner": self.owner}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Read."""
        yield TriggerEvent(await self._read())  # type: ignore[no-untyped-call] # Airflow leaves it untyped

    async def _read(self) -> dict[str, Any]:
        from airflow_provider_integrations.connectors.historian.landing import outcome, read_items

        try:
            job = await asyncio.to_thread(historian_job, self.source, self.owner)
            items = await read_items(job, self.items)
        except Exception as error:
            foreign = not isinstance(error, IntegrationError)
            self.log.warning("%s: not all was read: %s", self.source, error, exc_info=foreign)
            return {"error": error_to_data(error)}
        return {"outcome": outcome(items)}


class HistorianGapTrigger(BaseTrigger):
    """Fires when a source has gaps that are worth a backfill; a look that fails fires too, and whoever waits raises why.

    Args:
        source: Name of a file under `include/sources/`, `kind: historian`.
        poll_interval: Seconds between two looks.
    """

    def __init__(self, source: str, poll_interval: float = 300.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow leaves it untyped
        self.source = source
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path of the class and its arguments."""
        arguments = {"source": self.source, "poll_interval": self.poll_interval}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there are gaps."""
        while True:
            if await asyncio.to_thread(self._look):
                yield TriggerEvent({"source": self.source})  # type: ignore[no-untyped-call] # Airflow leaves it untyped
                return
            await asyncio.sleep(self.poll_interval)

    def _look(self) -> bool:
        from airflow_provider_integrations.connectors.historian.gap_scan import due_gaps

        try:
            return bool(due_gaps(historian_job(self.source, "trigger")))
        except Exception as error:
            self.log.warning("%s: the look failed, the sensor will tell why: %s", self.source, error)
            return True
