"""What the steps from the gate on work with; they are the same for every source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from upath import UPath

from airflow_provider_integrations.core.clock import Clock
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.source import GatePolicy, LoadPolicy
from airflow_provider_integrations.ledger.holding import LEASE
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.ledger.position import follow
from airflow_provider_integrations.system import go_on, utc_now

__all__ = ["BatchJob"]


def _nothing_deleted(_job: BatchJob, _connection: object) -> None:
    """What sources say that do not tell what is deleted."""


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One source's landed batches, and who works on them.

    Args:
        source: Its name in the ledger.
        contract, gate, load: What is promised, what must hold, and where it goes.
        ledger: Where the work items are.
        root: Landing root.
        owner: Who claims; the same owner takes up its own claims again.
        control: Columns whose sums are compared on the way into the warehouse.
        settle: Brings the source's watermark after what was loaded, called after each load.
        mark_deletions: Marks what was read as deleted, called after each load and before `settle`.
        boundary: Called between the steps with the name of what was just done; tests kill the process there.
    """

    source: str
    contract: Contract
    gate: GatePolicy
    load: LoadPolicy
    ledger: Ledger
    root: UPath
    owner: str
    control: tuple[str, ...] = ()
    settle: Callable[[Ledger, str], object] = follow
    mark_deletions: Callable[[BatchJob, Any], None] = _nothing_deleted
    lease: timedelta = LEASE
    clock: Clock = utc_now
    boundary: Callable[[str], None] = go_on
