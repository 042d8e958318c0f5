"""What comes after a load of a historian's source, killed at a boundary; importable by a fork server."""

from __future__ import annotations

import os
import signal
from typing import Any

import snowflake.connector
from upath import UPath

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.historian.settling import Settling
from airflow_provider_integrations.core.source import GatePolicy, LoadPolicy
from airflow_provider_integrations.include_contract import read_contract
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.warehouse.step import load_items
from tests.fakes.airflow_home import REPO

__all__ = ["BOUNDARIES", "settle_until"]

BOUNDARIES = ("windows noted", "gone samples marked", "watermark moved")
"""Each boundary from the load to the end."""


def settle_until(ledger_url: str, warehouse: dict[str, Any], table: str, source: str, boundary: str = "") -> None:
    """Mark and settle what is loaded; SIGKILL at the boundary, if any is given."""

    def at(name: str) -> None:
        if name == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    contract = read_contract(REPO / "include" / "contracts" / "historian_samples.yaml")
    load = LoadPolicy(table=table, scd=2, database=warehouse["database"])
    with Ledger.connect(ledger_url) as ledger, snowflake.connector.connect(**warehouse) as connection:
        settling = Settling(())
        job = BatchJob(
            source, contract, GatePolicy(), load, ledger, UPath("unused"), "worker",
            settle=settling.settle, mark_deletions=settling.mark, boundary=at,
        )  # fmt: skip
        load_items(job, connection)
