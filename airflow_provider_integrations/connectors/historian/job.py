"""What the steps of a historian's source work with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from upath import UPath

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.model import HistoryReader
from airflow_provider_integrations.core.clock import Clock
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.historian_source import HistorianSource
from airflow_provider_integrations.ledger.holding import LEASE
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import go_on, utc_now

__all__ = ["HistorianJob"]


@dataclass(frozen=True, slots=True)
class HistorianJob:
    """One source, how its historian is reached, where things are, and who works.

    Args:
        source, contract: What is promised.
        entries: The tags of the source's catalog that its patterns name.
        connect: Opens a connection to the historian; nothing is asked before.
        ledger: Where the work items are.
        root: Landing root.
        scratch: Private folder on a local disk for samples that are not landed yet.
        owner: Who claims.
        boundary: Called between the steps; tests kill the process there.
    """

    source: HistorianSource
    contract: Contract
    entries: tuple[TagEntry, ...]
    connect: Callable[[], AbstractAsyncContextManager[HistoryReader]]
    ledger: Ledger
    root: UPath
    scratch: Path
    owner: str
    lease: timedelta = LEASE
    clock: Clock = utc_now
    boundary: Callable[[str], None] = go_on
