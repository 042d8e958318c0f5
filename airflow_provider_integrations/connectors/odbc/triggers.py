"""Looks at a table from the triggerer and says when a worker should look.

It decides nothing and has no side effects, since two triggerers may run it at once; the driver blocks, so that each look has a
thread of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

__all__ = ["OdbcWatermarkTrigger"]


class OdbcWatermarkTrigger(BaseTrigger):
    """Fires when a table has something to extract, or when a look fails: the sensor then raises what it meets.

    Args:
        source: Name of a file under `include/sources/`.
        poll_interval: Seconds between two looks.
    """

    def __init__(self, source: str, poll_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow leaves it untyped
        self.source = source
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path of the class and its arguments."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"source": self.source, "poll_interval": self.poll_interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is a reason to wake the sensor."""
        seen = False
        while not seen:
            await asyncio.sleep(self.poll_interval)
            try:
                seen = await asyncio.to_thread(_look, self.source)
            except Exception as error:
                self.log.warning("the look failed, the sensor will look itself: %s", error)
                seen = True
        yield TriggerEvent({"source": self.source})  # type: ignore[no-untyped-call] # Airflow leaves it untyped


def _look(source: str) -> bool:
    from airflow_provider_integrations.connectors.odbc.operators import run_job
    from airflow_provider_integrations.connectors.odbc.probe import anything_new

    return anything_new(run_job(source, "trigger"))
