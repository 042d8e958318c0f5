"""All that the intake of one source works with, in one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from upath import UPath

from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings
from airflow_provider_integrations.core.clock import Clock
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.source import FileSource
from airflow_provider_integrations.ledger.holding import LEASE
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import utc_now

__all__ = ["IntakeJob"]


def _go_on(_boundary: str) -> None:
    """The boundary hook of every run but the tests'."""


@dataclass(frozen=True, slots=True)
class IntakeJob:
    """What is promised, where things are, and who works.

    Args:
        source, contract: What is promised.
        settings: How to reach the partner's server, and the OpenPGP keys.
        ledger: Where the work items are.
        root: Landing root.
        scratch: Private folder (0700) on a local disk, for what is not yet proved.
        owner: Who claims. The same owner takes up its own claims again, so that a retry need not wait.
        boundary: Called between the steps with the name of what was just done; tests kill the process there.
    """

    source: FileSource
    contract: Contract
    settings: SftpSettings
    ledger: Ledger
    root: UPath
    scratch: Path
    owner: str
    lease: timedelta = LEASE
    clock: Clock = utc_now
    boundary: Callable[[str], None] = _go_on
