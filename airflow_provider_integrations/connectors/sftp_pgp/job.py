"""All that the intake and the delivery of one source work with, each in one value."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from upath import UPath

from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings
from airflow_provider_integrations.core.clock import Clock
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.source import Delivery
from airflow_provider_integrations.ledger.holding import LEASE
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import go_on, utc_now

__all__ = ["DeliverJob", "IntakeJob", "make_private"]


@dataclass(frozen=True, slots=True)
class IntakeJob:
    """What is promised, where things are, and who works.

    Args:
        source: What is promised of the files.
        contract: What is promised of their rows; None for documents, which are landed whole and judged by whoever reads
            them.
        settings: How to reach the partner's server, and the OpenPGP keys.
        ledger: Where the work items are.
        root: Landing root.
        scratch: Private folder (0700) on a local disk, for what is not yet proved.
        owner: Who claims. The same owner takes up its own claims again, so that a retry need not wait.
        boundary: Called between the steps with the name of what was just done; tests kill the process there.
    """

    source: Delivery
    contract: Contract | None
    settings: SftpSettings
    ledger: Ledger
    root: UPath
    scratch: Path
    owner: str
    lease: timedelta = LEASE
    clock: Clock = utc_now
    boundary: Callable[[str], None] = go_on


@dataclass(frozen=True, slots=True)
class DeliverJob:
    """Whose outbox is brought to the partner, where things are, and who works.

    Args:
        source: Name of the source whose outbox it is.
        settings: How to reach the partner's server, and the OpenPGP keys.
        ledger: Where the work items are.
        root: Landing root, where what is to be sent was kept.
        scratch: Private folder (0700) on a local disk.
        owner: Who claims. The same owner takes up its own claims again, so that a retry need not wait.
        boundary: Called between the steps with the name of what was just done; tests kill the process there.
    """

    source: str
    settings: SftpSettings
    ledger: Ledger
    root: UPath
    scratch: Path
    owner: str
    lease: timedelta = LEASE
    clock: Clock = utc_now
    boundary: Callable[[str], None] = go_on


def make_private(folder: Path) -> None:
    """Make a scratch folder that nobody else may read, or see that it is one.

    Raises:
        ConfigError: if others made it, or may read it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise ConfigError(
            "the scratch folder is not private: others made it, or may read it",
            folder=str(folder),
            next_step="Remove it, or give its rights to the user that runs the workers alone.",
        )
