"""Looks at a partner's inbox from the triggerer and says when a worker should look.

It has no side effects and decides nothing, since two triggerers may run it at once: the sensor that it wakes looks
itself, and raises the errors that a look meets, where a retry policy can read them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_integrations.connectors.sftp_pgp.hook import SftpPgpHook
from airflow_provider_integrations.dag_context import include_folder
from airflow_provider_integrations.include import read_delivery
from airflow_provider_integrations.ledger.hook import LedgerHook

__all__ = ["SftpPgpIntakeTrigger"]


class SftpPgpIntakeTrigger(BaseTrigger):
    """Fires when the inbox holds a finished file that the ledger does not know, when something else is to do, or a look fails.

    Args:
        source: Name of a file under `include/sources/`.
        poll_interval: Seconds between two looks.
        drains: Names of other sources in the ledger whose unfinished items count too.
    """

    def __init__(self, source: str, poll_interval: float, drains: Sequence[str] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow leaves it untyped
        self.source = source
        self.poll_interval = poll_interval
        self.drains = drains

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path of the class and its arguments."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"source": self.source, "poll_interval": self.poll_interval, "drains": list(self.drains)}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is a reason to wake the sensor."""
        seen = False
        while not seen:
            await asyncio.sleep(self.poll_interval)
            try:
                seen = await self._has_work()
            except Exception as error:
                self.log.warning("the look failed, the sensor will look itself: %s", error)
                seen = True
        yield TriggerEvent({"source": self.source})  # type: ignore[no-untyped-call] # Airflow leaves it untyped

    async def _has_work(self) -> bool:
        from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
        from airflow_provider_integrations.connectors.sftp_pgp.discover import list_complete, unfinished
        from airflow_provider_integrations.system import utc_now

        source = await asyncio.to_thread(read_delivery, include_folder(), self.source)
        settings = await SftpPgpHook(source.connection).asettings()
        ledger = await LedgerHook().aledger()
        if await asyncio.to_thread(unfinished, ledger, self.source, self.drains):
            return True
        async with SftpClient.connect(settings) as client:
            complete, listing = await list_complete(client, source, clock=utc_now)
        files = [entry.file for entry in complete]
        listed_at = listing.at or utc_now()
        return bool(await asyncio.to_thread(ledger.items.unknown, self.source, files, listed_at=listed_at))
