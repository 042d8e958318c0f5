"""The DAG of `dags/partner_intake.py` by `dag.test()`, on OpenSSH, GnuPG and fakesnow."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_integrations.core.work_item import State
from tests.fakes.chain import ROOT, Chain
from tests.fakes.chain_world import customers
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.gnupg import PgpWorld

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

RunDag = Callable[..., subprocess.CompletedProcess[str]]

MAIN = """
if __name__ == "__main__":
    import json, os
    for conf in json.loads(os.environ["RUNS"]):
        print("STATE", partner_intake__acme_customers.test(run_conf=conf).state)
"""

SENSOR = """
import os, threading, time
from airflow.sdk import DAG
from airflow_provider_integrations.connectors.sftp_pgp.sensors import SftpPgpIntakeSensor

with DAG("look") as dag:
    SftpPgpIntakeSensor(
        task_id="look", source="acme_customers", poke_interval=1, timeout=60, deferrable=os.environ["MODE"] == "deferrable"
    )

if __name__ == "__main__":
    def arrive():
        time.sleep(4)
        os.rename(os.environ["WAITING"], os.environ["ARRIVED"])

    threading.Thread(target=arrive).start()
    print("STATE", dag.test().state)
"""


def environment(chain: Chain, tmp_path: Path, **more: str) -> dict[str, str]:
    """A deployment around a chain: its include folder and its connections."""
    include = tmp_path / "include"
    for kind, name, content in (
        ("sources", "acme_customers", chain.source),
        ("contracts", "acme_customers", chain.contract),
        ("expectations", "acme_customers", chain.suites[0]),
    ):
        (include / kind).mkdir(parents=True, exist_ok=True)
        (include / kind / f"{name}.yaml").write_text(yaml.safe_dump(content))
    warehouse = dict(chain.warehouse)
    extra = {key: warehouse[key] for key in ("account", "database", "host", "port", "protocol")}
    connections = {
        "SFTP_PGP_ACME": {
            "conn_type": "sftp_pgp",
            **{name: value for name, value in chain.sftp.items() if name != "extras"},
            "extra": chain.sftp["extras"],
        },
        "INTEGRATIONS_LEDGER": {"conn_type": "integrations_ledger", "extra": {"path": chain.ledger_url.removeprefix("sqlite:///")}},
        "INTEGRATIONS_WAREHOUSE": {"conn_type": "snowflake", "login": "test", "password": "test", "extra": extra},
    }  # fmt: skip
    return {
        **{f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in connections.items()},
        "AIRFLOW__INTEGRATIONS__LANDING_ROOT": str(Path(chain.folder) / "landing"),
        "AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER": str(include),
        **more,
    }


def task_states(home: Path) -> dict[tuple[str, int], str]:
    with sqlite3.connect(home / "airflow.db") as connection:
        return {(task, index): state for task, index, state in connection.execute(
            "SELECT task_id, map_index, state FROM task_instance")}  # fmt: skip


def test_a_run_then_nothing_then_a_replay(
    make_chain: Callable[..., Chain], pgp: PgpWorld, warehouse: Warehouse, tmp_path: Path, run_dag: RunDag
) -> None:
    chain = make_chain(files_per_task=1)
    chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 51)), day="2025-11-03")
    chain.drop(pgp.partner, pgp.own, 2, customers(range(1, 51), "Anna Sund"), day="2025-11-04")
    chain.drop(pgp.stranger, pgp.own, 3, customers(range(1, 51)), day="2025-11-05")
    replay = {"from": "2025-11-01", "to": "2025-11-03"}
    runs: list[dict[str, Any]] = [{"wait": False}, {"wait": False}, {"wait": False, "replay": replay}]
    source = (ROOT / "dags" / "partner_intake.py").read_text() + MAIN
    done = run_dag(source, **environment(chain, tmp_path, RUNS=json.dumps(runs)))
    assert done.stdout.count("STATE success") == 3, done.stdout[-6000:] + done.stderr[-3000:]

    items = chain.ledger().items.list()
    by_state = sorted((item.state, item.reason, item.replay_of is not None) for item in items)
    assert by_state == [
        (State.ARCHIVED, None, False),
        (State.ARCHIVED, None, False),
        (State.ARCHIVED, None, True),
        (State.QUARANTINED, "wrong_signer", False),
    ]
    (replayed,) = [item for item in items if item.replay_of]
    first = chain.ledger().items.get(str(replayed.replay_of))
    assert replayed.facts["rows_landed"] == first.facts["rows_landed"] == 50
    assert replayed.facts["plaintext_sha256"] == first.facts["plaintext_sha256"]
    assert replayed.facts["version"] == first.facts["version"], "a replay is as old as what it replays"
    table = '"{db}"."SILVER"."CUSTOMERS"'
    current = warehouse.rows(f"select distinct full_name from {table} where is_current")
    assert current == [("Anna Sund",)], "an older version must not come back"
    assert warehouse.rows(f"select count(*) from {table}") == [(100,)]


@pytest.mark.parametrize("mode", ["poking", "deferrable"])
def test_both_modes_of_the_sensor_give_the_same(
    mode: str, make_chain: Callable[..., Chain], pgp: PgpWorld, tmp_path: Path, run_dag: RunDag
) -> None:
    chain = make_chain()
    name = chain.drop(pgp.partner, pgp.own, 1, customers(range(1, 5)), day="2025-11-03")
    arrived = Path(chain.sftp["extras"]["root"]) / "inbox" / name
    waiting = arrived.rename(arrived.with_name(name + ".part"))
    done = run_dag(SENSOR, **environment(chain, tmp_path, MODE=mode, WAITING=str(waiting), ARRIVED=str(arrived)))
    assert "STATE success" in done.stdout, done.stdout[-6000:] + done.stderr[-3000:]
    (item,) = chain.ledger().items.list()
    with sqlite3.connect(tmp_path / "airflow.db") as connection:
        (value,) = connection.execute("SELECT value FROM xcom WHERE key = 'return_value'").fetchone()
    assert json.loads(value) == [[item.id]]
    assert chain.ledger().records.expected_delivery("acme_customers") is not None


PARSE = """
import runpy, sys, time
import airflow.sdk, airflow.triggers.base
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator
from airflow.providers.standard.operators.empty import EmptyOperator
started = time.process_time()
runpy.run_path(sys.argv[1])
heavy = {"asyncssh", "duckdb", "great_expectations", "holidays", "pandas", "pyarrow", "snowflake.connector", "sqlalchemy.orm"}
before = set(sys.modules)
print("SECONDS", time.process_time() - started)
print("HEAVY", sorted(heavy & before - AIRFLOWS))
""".replace("AIRFLOWS", "set()")


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "dags").glob("*.py")))
def test_a_dag_file_imports_nothing_heavy(file: str, tmp_path: Path) -> None:
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER": str(ROOT / "include"),
           "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(ROOT / "dags" / file)], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)
    heavy = done.stdout.split("HEAVY ")[1]
    assert not {"asyncssh", "duckdb", "great_expectations", "holidays", "snowflake.connector"} & set(eval(heavy))


LIST = """
import runpy, sys
found = runpy.run_path(sys.argv[1])
for name, dag in sorted(found.items()):
    if name.startswith("partner_intake__"):
        print(name, sorted(dag.tags), (dag.doc_md or "").splitlines()[0][:400])
"""


def test_a_broken_source_does_not_take_the_other_dags_away(tmp_path: Path) -> None:
    include = tmp_path / "include"
    shutil.copytree(ROOT / "include", include)
    (include / "sources" / "beta_orders.yaml").write_text("source: beta_orders\nkind: sftp_pgp\nhostt: x\n")
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER": str(include),
           "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(ROOT / "dags" / "partner_intake.py")], env=env, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    good, broken = done.stdout.splitlines()
    assert good.startswith("partner_intake__acme_customers ['acme_customers', 'partner-intake']")
    assert "broken-source" in broken
    assert "hostt" in broken
