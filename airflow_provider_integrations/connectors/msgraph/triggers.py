"""A round read in the triggerer, and a look at whether there is anything to read.

Neither an argument nor an event holds a link or a token: the arguments name the source, and events tell of counts. Two triggerers
may run one trigger at once: the ledger's lease lets one of them read, and refuses the writes of the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from airflow_provider_integrations.core.error_data import error_to_data
from airflow_provider_integrations.core.errors import IntegrationError
from airflow_provider_integrations.dag_context import graph_job

__all__ = ["GraphChangesTrigger", "GraphDeltaTrigger"]


class GraphDeltaTrigger(BaseTrigger):
    """Reads a round to its end; its event is the round's report, or the error for the operator to raise.

    Args:
        source: Name of a file under `include/sources/`, `kind: graph`.
        resync: Whether everything is enumerated again.
        request: Id of the asking run.
        owner: Who claims; a triggerer that takes over from one that died takes up its claim.
    """

    def __init__(self, source: str, resync: bool, request: str, owner: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow leaves it untyped
        self.source = source
        self.resync = resync
        self.request = request
        self.owner = owner

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path of the class and its arguments."""
        arguments = {"source": self.source, "resync": self.resync, "request": self.request, "owner": self.owner}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Read the round."""
        yield TriggerEvent(await self._read())  # type: ignore[no-untyped-call] # Airflow leaves it untyped

    async def _read(self) -> dict[str, Any]:
        from airflow_provider_integrations.connectors.msgraph.reading import Asked, read_round_async

        try:
            job = await asyncio.to_thread(graph_job, self.source, self.owner)
            report = await read_round_async(job, Asked(resync=self.resync, request=self.request))
        except Exception as error:
            foreign = not isinstance(error, IntegrationError)
            self.log.warning("%s: the round was not read to its end: %s", self.source, error, exc_info=foreign)
            return {"error": error_to_data(error)}
        return {"report": report.to_json()}


class GraphChangesTrigger(BaseEventTrigger):
    """Fires when a source has something to read; for an asset's watcher, so that a DAG runs when something changes.

        Asset("entra_users.changes", watchers=[AssetWatcher("changes", GraphChangesTrigger("entra_users"))])

    It follows the kept link and keeps nothing of the answer. Of one link it tells once, and again after an hour in which no run
    has moved it. A look that fails counts as something to read: the run then raises what it meets.

    Args:
        source: Name of a file under `include/sources/`, `kind: graph`.
        poll_interval: Seconds between two looks.
        again: Seconds after which a link that has not moved is told of again.
    """

    def __init__(self, source: str, poll_interval: float = 60.0, again: float = 3600.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow leaves it untyped
        self.source = source
        self.poll_interval = poll_interval
        self.again = again

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path of the class and its arguments."""
        arguments = {"source": self.source, "poll_interval": self.poll_interval, "again": self.again}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look for ever; an event for each time that there is a reason to read."""
        told: tuple[int, float] | None = None
        clock = asyncio.get_running_loop().time
        while True:
            rounds, new = await asyncio.to_thread(self._look)
            if new and (told is None or told[0] != rounds or clock() - told[1] >= self.again):
                told = rounds, clock()
                yield TriggerEvent({"source": self.source})  # type: ignore[no-untyped-call] # Airflow leaves it untyped
            await asyncio.sleep(self.poll_interval)

    def _look(self) -> tuple[int, bool]:
        """How many rounds were loaded, and whether there is anything to read."""
        from airflow_provider_integrations.connectors.msgraph.probe import look

        try:
            found = look(graph_job(self.source, "trigger"))
        except Exception as error:
            self.log.warning("%s: the look failed, a run will tell why: %s", self.source, error)
            return -1, True
        return found.rounds, found.new
