"""The DAGs of EDI: what they are made of, sources that are broken, and one run of each by `dag.test()` on real parts."""

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

import asyncssh
import pytest
import yaml

from airflow_provider_integrations.core.work_item import State
from tests.fakes.airflow_home import airflow_environment
from tests.fakes.chain import ROOT
from tests.fakes.edi_partner import BAD, GOOD, EdiPartner, order_document, release_order, segments
from tests.fakes.fakesnow_server import Warehouse

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

RunDag = Callable[..., subprocess.CompletedProcess[str]]

LIST = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
found = {
    dag.dag_id: {
        "tags": sorted(dag.tags),
        "doc": dag.doc_md or "",
        "tasks": {t.task_id: [str(t.trigger_rule.value), sorted(t.upstream_task_ids)] for t in dag.tasks},
        "outlets": sorted(asset.name for t in dag.tasks for asset in t.outlets),
    }
    for dag in bag.dags.values()
}
print("FOUND", json.dumps({"dags": found, "errors": bag.import_errors}))
"""

MAIN = """
if __name__ == "__main__":
    for _ in range(2):
        print("STATE", DAG_ID.test(run_conf=CONF).state)
"""


def dags(home: Path, include: Path) -> dict[str, Any]:
    """What Airflow makes of all DAG files with an include folder."""
    env = airflow_environment(
        home, AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER=str(include), PYTHONPATH=f"{ROOT}:{ROOT / 'plugins'}"
    )
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(ROOT / "dags")], env=env, capture_output=True, text=True, timeout=200, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.split("FOUND ")[1])
    assert found["errors"] == {}
    return found["dags"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return dags(tmp_path_factory.mktemp("home"), ROOT / "include")


def test_all_dags_are_read_without_an_error(shipped: dict[str, Any]) -> None:
    assert {"edi_inbound__acme_edi", "edi_outbound__acme_orders_out", "edi_overdue"} <= set(shipped)
    assert not [name for name, dag in shipped.items() if "broken-source" in dag["tags"]]


def test_what_comes_is_answered_and_loaded_side_by_side(shipped: dict[str, Any]) -> None:
    tasks = shipped["edi_inbound__acme_edi"]["tasks"]
    above = {name: found[1] for name, found in tasks.items()}
    assert above["intake"] == ["discover"]
    assert above["parse"] == ["intake"]
    assert above["acknowledge"] == above["choose"] == ["parse"]
    assert above["deliver"] == above["archive"] == ["acknowledge"]
    assert above["settle"] == ["deliver"]
    assert above["rows.orders.gate"] == ["choose"]
    assert above["rows.orders.load"] == ["choose", "rows.orders.gate"]
    assert set(above["settled"]) == set(tasks) - {"settled"}


def test_every_task_but_the_last_runs_also_after_a_failure(shipped: dict[str, Any]) -> None:
    """`intake` is the exception: without a look there is nothing that it could be mapped over."""
    tasks = shipped["edi_inbound__acme_edi"]["tasks"]
    others = {name: found[0] for name, found in tasks.items() if found[0] != "all_done"}
    assert others == {"intake": "all_success", "settled": "none_failed"}


def test_each_table_of_the_guides_has_a_gate_a_load_and_an_asset(shipped: dict[str, Any]) -> None:
    dag = shipped["edi_inbound__acme_edi"]
    tables = {name.split(".")[1] for name in dag["tasks"] if name.startswith("rows.")}
    assert {"orders", "order_lines", "edifact_orders", "invoices", "sets", "segments"} <= tables
    assert {f"rows.{table}.{task}" for table in tables for task in ("gate", "load")} <= set(dag["tasks"])
    assert dag["outlets"] == sorted(f"silver.acme_edi__{table}" for table in tables)


def test_what_goes_out_is_delivered_whatever_was_refused(shipped: dict[str, Any]) -> None:
    tasks = shipped["edi_outbound__acme_orders_out"]["tasks"]
    assert tasks == {
        "write": ["all_success", []],
        "deliver": ["all_done", ["write"]],
        "settle": ["all_done", ["deliver"]],
        "settled": ["none_failed", ["deliver", "settle", "write"]],
    }
    assert list(shipped["edi_overdue"]["tasks"]) == ["tell"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"agreement": None}, "agreement"),
        ({"agreement": {"ours": ["ZZ:HUB"], "partners": ["ZZ:ACME"], "guides": ["nowhere"]}}, "nowhere"),
        ({"agreement": {"ours": ["ZZ:HUB"], "partners": ["ZZ:ACME"], "guides": ["torn"]}}, "torn.yaml"),
        ({"kind": "edi_outbound"}, "guide"),
    ],
    ids=["no agreement", "no such guide", "a guide that is no YAML", "no documents to send"],
)
def test_a_broken_source_is_shown_and_leaves_the_others_alone(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    include = tmp_path / "include"
    shutil.copytree(ROOT / "include", include)
    source = yaml.safe_load((include / "sources" / "acme_edi.yaml").read_text()) | {"source": "beta_edi"} | change
    (include / "sources" / "beta_edi.yaml").write_text(yaml.safe_dump(source))
    if said == "torn.yaml":
        (include / "edi" / "torn.yaml").write_text("guide: torn\nrows: [")
    found = dags(tmp_path, include)
    [(name, doc)] = [(name, dag["doc"]) for name, dag in found.items() if "broken-source" in dag["tags"]]
    assert name == ("edi_outbound__beta_edi" if "kind" in change else "edi_inbound__beta_edi")
    assert said in doc
    assert len(found["edi_inbound__acme_edi"]["tasks"]) > 20
    assert "edi_outbound__acme_orders_out" in found


def test_whatever_lies_among_the_sources_leaves_the_good_ones_alone(tmp_path: Path, shipped: dict[str, Any]) -> None:
    """Copies with a blank in their name, names that no DAG can have, folders, wrong schedules: each shows itself."""
    include = tmp_path / "include"
    shutil.copytree(ROOT / "include", include)
    sources = include / "sources"
    for name in ("acme_edi", "acme_orders_out", "acme_customers", "erp_orders"):
        shutil.copy(sources / f"{name}.yaml", sources / f"{name} copy (1).yaml")
        content = yaml.safe_load((sources / f"{name}.yaml").read_text())
        if name in ("acme_orders_out", "erp_orders"):
            late = {"source": f"late_{name}", "schedule": "99 * * * *"}
            (sources / f"late_{name}.yaml").write_text(yaml.safe_dump(content | late))
        (sources / f"{'x' * 120}_{name}.yaml").write_text(yaml.safe_dump(content | {"source": f"{'x' * 120}_{name}"}))
    (sources / "folder.yaml").mkdir()
    (sources / "nowhere.yaml").symlink_to("gone")
    (sources / "a month.yaml").write_text("kind: odbc\nfrom: 2025-13-01\n")
    (sources / os.fsdecode(b"latin\xe9.yaml")).write_text("kind: edi\n")
    found = dags(tmp_path, include)
    assert {name: dag for name, dag in found.items() if "broken-source" not in dag["tags"]} == shipped
    broken = {name: dag for name, dag in found.items() if name not in shipped}
    assert all(list(dag["tasks"]) == ["read"] for dag in broken.values())
    assert len(broken) == 4 * 2 + 2 + 4, sorted(broken)
    assert "out of range" in broken["edi_outbound__late_acme_orders_out"]["doc"]
    assert "out of range" in broken["odbc_extract__late_erp_orders"]["doc"]
    assert "directory" in broken["partner_intake__folder"]["doc"]


def deployment(partner: EdiPartner) -> dict[str, str]:
    """Settings and connections of a deployment around a partner."""
    chain = partner.chain
    extra = {key: chain.warehouse[key] for key in ("account", "database", "host", "port", "protocol")}
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
        "AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER": str(partner.include),
    }


def runs_of(home: Path) -> list[dict[str, str]]:
    """The tasks of each run with their states."""
    found: dict[str, dict[str, str]] = {}
    with sqlite3.connect(home / "airflow.db") as connection:
        query = "SELECT i.run_id, i.task_id, i.state FROM task_instance i JOIN dag_run r USING (dag_id, run_id) ORDER BY r.id"
        for run, task, state in connection.execute(query):
            found.setdefault(run, {})[task] = state
    return list(found.values())


def test_a_run_loads_and_answers_and_the_next_one_has_nothing_to_do(
    make_edi_partner: Callable[..., EdiPartner], warehouse: Warehouse, tmp_path: Path, run_dag: RunDag
) -> None:
    partner = make_edi_partner(guides=["x12_850"])
    partner.send(1, order_document(17, GOOD, BAD))
    partner.send(2, b"no EDI at all")
    main = MAIN.replace("DAG_ID", "edi_inbound__acme_edi").replace("CONF", '{"wait": False}')
    done = run_dag((ROOT / "dags" / "edi_inbound.py").read_text() + main, **deployment(partner))
    assert done.stdout.count("STATE success") == 2, done.stdout[-6000:]

    first, second = runs_of(tmp_path)
    loaded = {name for name, state in first.items() if name.startswith("rows.") and state == "success"}
    tables = {"orders", "order_lines", "order_parties", "sets"}
    assert loaded == {f"rows.{table}.{task}" for table in tables for task in ("gate", "load")}
    assert {state for name, state in first.items() if name not in loaded and name.startswith("rows.")} == {"skipped"}
    assert {name for name, state in second.items() if state != "skipped"} == {
        "discover", "parse", "acknowledge", "deliver", "settle", "archive", "choose", "settled"
    }  # fmt: skip

    states = sorted((item.state, item.reason) for item in partner.chain.ledger().items.list("acme_edi"))
    assert states == [(State.ARCHIVED, None), (State.QUARANTINED, "not_edi")]
    [answer] = partner.received().values()
    assert "AK9*P*2*2*1" in segments(answer)
    assert warehouse.rows("SELECT ORDER_NUMBER FROM {db}.SILVER.EDI_ORDERS") == [("4500012345",)]
    assert warehouse.rows("SELECT COUNT(*) FROM {db}.SILVER.EDI_ORDER_LINES") == [(2,)]


def test_a_table_that_cannot_be_loaded_fails_the_run_and_stops_nothing_else(
    make_edi_partner: Callable[..., EdiPartner], warehouse: Warehouse, tmp_path: Path, run_dag: RunDag
) -> None:
    partner = make_edi_partner(guides=["x12_850"])
    warehouse.rows("CREATE SCHEMA IF NOT EXISTS {db}.SILVER")
    warehouse.rows("CREATE TABLE {db}.SILVER.EDI_ORDERS (SOMEBODY_ELSES NUMBER)")
    partner.send(1, order_document(17, GOOD))
    main = (
        MAIN.replace("DAG_ID", "edi_inbound__acme_edi")
        .replace("CONF", '{"wait": False}')
        .replace("range(2)", "range(1)")
    )
    done = run_dag((ROOT / "dags" / "edi_inbound.py").read_text() + main, **deployment(partner))
    assert done.stdout.count("STATE failed") == 1, done.stdout[-6000:]
    [tasks] = runs_of(tmp_path)
    bad = {name: state for name, state in tasks.items() if state not in ("success", "skipped")}
    assert bad == {"rows.orders.load": "failed", "settled": "upstream_failed"}
    assert "AK9*A*1*1*1" in segments(*partner.received().values())
    assert warehouse.rows("SELECT COUNT(*) FROM {db}.SILVER.EDI_ORDER_LINES") == [(2,)]

    warehouse.rows("DROP TABLE {db}.SILVER.EDI_ORDERS")
    partner.run_inbound()
    assert warehouse.rows("SELECT ORDER_NUMBER FROM {db}.SILVER.EDI_ORDERS") == [("4500012345",)]


def test_what_an_earlier_run_parsed_is_loaded_while_the_partner_is_away(
    make_edi_partner: Callable[..., EdiPartner], warehouse: Warehouse, tmp_path: Path, run_dag: RunDag
) -> None:
    partner = make_edi_partner(guides=["x12_850"])
    partner.send(1, order_document(17, GOOD))

    def stop(name: str) -> None:
        if name == "parse: parsed":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        partner.steps.run(stop)
    away = deployment(partner)
    connection = json.loads(away["AIRFLOW_CONN_SFTP_PGP_ACME"])
    connection["extra"]["host_key"] = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    away["AIRFLOW_CONN_SFTP_PGP_ACME"] = json.dumps(connection)
    main = MAIN.replace("DAG_ID", "edi_inbound__acme_edi").replace("CONF", "{}").replace("range(2)", "range(1)")
    done = run_dag((ROOT / "dags" / "edi_inbound.py").read_text() + main, **away)
    assert done.stdout.count("STATE failed") == 1, done.stdout[-6000:]
    [tasks] = runs_of(tmp_path)
    bad = {name: state for name, state in tasks.items() if state not in ("success", "skipped")}
    assert bad == {
        "discover": "failed",
        "intake": "upstream_failed",
        "deliver": "failed",
        "archive": "failed",
        "settled": "upstream_failed",
    }
    assert warehouse.rows("SELECT ORDER_NUMBER FROM {db}.SILVER.EDI_ORDERS") == [("4500012345",)]
    assert partner.received() == {}

    partner.run_inbound()
    assert "AK9*A*1*1*1" in segments(*partner.received().values()), "answered once the partner is there again"


def test_an_order_goes_out_once_however_often_the_dag_runs(
    make_edi_partner: Callable[..., EdiPartner], warehouse: Warehouse, run_dag: RunDag
) -> None:
    partner = make_edi_partner()
    release_order(warehouse, partner.include, "4700000001")
    main = MAIN.replace("DAG_ID", "edi_outbound__acme_orders_out").replace("CONF", "{}")
    done = run_dag((ROOT / "dags" / "edi_outbound.py").read_text() + main, **deployment(partner))
    assert done.stdout.count("STATE success") == 2, done.stdout[-6000:]
    [document] = partner.received().values()
    assert "BEG*00*SA*4700000001**20260102" in segments(document)
    assert [one.level.value for one in partner.chain.ledger().interchanges.owed_to_us()] == ["group"]
