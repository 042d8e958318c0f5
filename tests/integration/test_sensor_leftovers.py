"""The sensor waits for no file where the tasks behind it have something to do: what was left, and what a person released."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from airflow_provider_integrations.core.work_item import RemoteFile
from tests.fakes.chain import ROOT, Chain
from tests.integration.test_dag import RunDag, environment

pytestmark = pytest.mark.integration

SENSOR = """
import json, os, threading, time
from airflow.sdk import DAG
from airflow_provider_integrations.connectors.sftp_pgp.sensors import SftpPgpIntakeSensor
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger

with DAG("look") as dag:
    SftpPgpIntakeSensor(
        task_id="look", source="acme_edi", poke_interval=1, timeout=40, deferrable=os.environ["MODE"] == "deferrable",
        drains=["acme_edi__outbox", "acme_edi__orders"],
    )

if __name__ == "__main__":
    def later():
        time.sleep(4)
        with Ledger.connect(os.environ["LEDGER"]) as ledger:
            ledger.items.enter("acme_edi__orders", RemoteFile("1/orders", 1, 1), facts={})

    threading.Thread(target=later).start()
    print("STATE", dag.test().state)
"""


@pytest.mark.parametrize("mode", ["poking", "deferrable"])
def test_what_a_later_task_is_to_take_up_ends_the_wait(
    mode: str, make_chain: Callable[..., Chain], tmp_path: Path, run_dag: RunDag
) -> None:
    chain = make_chain()
    settings = environment(chain, tmp_path, MODE=mode, LEDGER=chain.ledger_url)
    shutil.copytree(ROOT / "include/edi", tmp_path / "include/edi")
    source = yaml.safe_load((ROOT / "include/sources/acme_edi.yaml").read_text()) | {"folders": chain.source["folders"]}
    (tmp_path / "include/sources/acme_edi.yaml").write_text(yaml.safe_dump(source))
    ledger = chain.ledger()
    # What no task of the DAG takes up is no reason.
    ledger.items.enter("acme_edi__left", RemoteFile("1/left", 1, 1), facts={})
    done = run_dag(SENSOR, **settings)
    assert "STATE success" in done.stdout, done.stdout[-6000:] + done.stderr[-3000:]
    assert ledger.items.latest("acme_edi__orders", "1/orders") is not None, "it did not wait"
    with sqlite3.connect(tmp_path / "airflow.db") as connection:
        (value,) = connection.execute("SELECT value FROM xcom WHERE key = 'return_value'").fetchone()
    assert json.loads(value) == []
