"""All that the steps of one partner's EDI work with, in one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from upath import UPath

from airflow_provider_integrations.connectors.edi.documents import GuideBook
from airflow_provider_integrations.core.clock import Clock
from airflow_provider_integrations.core.edi_source import EdiSource
from airflow_provider_integrations.ledger.holding import LEASE
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import go_on, utc_now

__all__ = ["EdiJob"]


@dataclass(frozen=True, slots=True)
class EdiJob:
    """One partner's documents, and who works on them.

    Args:
        source: What is agreed upon.
        book: The guides that the agreement names.
        ledger: Where the work items, interchanges and control numbers are.
        root: Landing root; documents lie in bronze, as the intake landed them.
        scratch: Private folder (0700) on a local disk.
        owner: Who claims; the same owner takes up its own claims again.
        boundary: Called between the steps with the name of what was just done; tests kill the process there.
    """

    source: EdiSource
    book: GuideBook
    ledger: Ledger
    root: UPath
    scratch: Path
    owner: str
    lease: timedelta = LEASE
    clock: Clock = utc_now
    boundary: Callable[[str], None] = go_on
