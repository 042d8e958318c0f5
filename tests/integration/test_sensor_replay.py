"""A replay waits for nothing: what it finds is there already."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.chain import Chain
from tests.integration.test_dag import RunDag, environment

pytestmark = pytest.mark.integration

SENSOR = """
from airflow.sdk import DAG
from airflow_provider_integrations.connectors.sftp_pgp.sensors import SftpPgpIntakeSensor

with DAG("look") as dag:
    for deferrable in (True, False):
        SftpPgpIntakeSensor(
            task_id=f"look_{deferrable}", source="acme_customers", poke_interval=1, timeout=8, deferrable=deferrable,
            replay='{"from": "2020-01-01", "to": "2020-01-31"}',
        )

if __name__ == "__main__":
    print("STATE", dag.test().state)
"""


def test_a_replay_of_a_span_that_holds_nothing_ends(
    make_chain: Callable[..., Chain], tmp_path: Path, run_dag: RunDag
) -> None:
    done = run_dag(SENSOR, **environment(make_chain(), tmp_path))
    assert "STATE success" in done.stdout, done.stdout[-3000:]
    with sqlite3.connect(tmp_path / "airflow.db") as connection:
        values = connection.execute("SELECT value FROM xcom WHERE key = 'return_value'").fetchall()
    assert values == [("[]",), ("[]",)]
