"""The DAG of `dags/odbc_extract.py` by `dag.test()`, from SQLite over ODBC to fakesnow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from airflow_provider_integrations.connectors.odbc.position import position_of
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.airflow_home import REPO, airflow_environment
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.ledgers import migrated
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

MAIN = """
if __name__ == "__main__":
    import json, os, pyodbc
    for conf, change in json.loads(os.environ["RUNS"]):
        with pyodbc.connect(os.environ["SOURCE"], autocommit=True) as source:
            for sql in change:
                source.execute(sql)
        print("STATE", odbc_extract__erp_orders.test(run_conf=conf).state)
"""

ROW = "INSERT INTO orders VALUES ({0}, '{1}', 'c{0}', 'open', 10.5, '2025-01-01', 'n', 1)"


def test_first_run_increment_nothing_and_backfill(
    odbc_sqlite: OdbcDatabase,
    warehouse: Warehouse,
    tmp_path: Path,
    run_dag: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    odbc_sqlite.execute(
        "CREATE TABLE orders (id integer PRIMARY KEY, updated_at timestamp, customer text, status text,"
        " amount numeric(18,4), ordered_on date, note text, is_express boolean)",
        "CREATE INDEX orders_order ON orders (updated_at, id)",
        *(ROW.format(number, "2025-01-01 10:00:00") for number in range(30)),
    )
    include = tmp_path / "include"
    for kind in ("sources", "contracts", "expectations"):
        (include / kind).mkdir(parents=True)
        content = yaml.safe_load((REPO / "include" / kind / "erp_orders.yaml").read_text())
        if kind == "sources":
            content["load"]["database"] = warehouse.database
            content["page_rows"] = 7
        (include / kind / "erp_orders.yaml").write_text(yaml.safe_dump(content))
    words = dict(word.split("=", 1) for word in odbc_sqlite.connection_string.split(";") if word)
    options = warehouse.server.options(warehouse.database)
    extra = {key: options[key] for key in ("account", "database", "host", "port", "protocol")}
    connections = {
        "ODBC_ERP": {
            "conn_type": "odbc_keyset",
            "schema": words["Database"],
            "extra": {"driver": words["Driver"].strip("{}")},
        },
        "INTEGRATIONS_LEDGER": {"conn_type": "integrations_ledger", "extra": {"path": str(tmp_path / "ledger.db")}},
        "INTEGRATIONS_WAREHOUSE": {"conn_type": "snowflake", "login": "test", "password": "test", "extra": extra},
    }
    late = "UPDATE orders SET note = 'within the lag', updated_at = '2025-01-01 10:59:00' WHERE id = 3"
    runs = [
        ({}, []),
        ({}, [ROW.format(100, "2025-01-01 11:00:00"), late]),
        ({}, []),
        ({"backfill": {"from": "2025-01-01 10:00:00", "to": "2025-01-01 10:30:00"}}, []),
        ({"backfill": None, "sweep": True}, ["DELETE FROM orders WHERE id IN (7, 8)"]),
    ]
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        migrated(ledger)
        done = run_dag(
            (REPO / "dags" / "odbc_extract.py").read_text() + MAIN,
            **{f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in connections.items()},
            AIRFLOW__INTEGRATIONS__LANDING_ROOT=str(tmp_path / "landing"),
            AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER=str(include),
            RUNS=json.dumps(runs),
            SOURCE=odbc_sqlite.connection_string,
        )
        assert done.stdout.count("STATE success") == 5, done.stdout[-6000:]
        assert "guarantee lag" in done.stdout
        items = ledger.items.list("erp_orders")
        assert {item.state for item in items} == {State.ARCHIVED}
        read: dict[str, int] = {}
        for item in reversed(items):
            read[item.facts["run"]] = read.get(item.facts["run"], 0) + item.facts["rows_read"]
        backfill = read.pop(next(run for run in read if run.startswith("span-")))
        assert list(read.values()) == [30, 31, 2, 2], (
            "all; the increment with the lag before it; and twice that lag alone"
        )
        assert backfill == 29
        watermark = ledger.watermarks.get("erp_orders")
        assert watermark is not None
        position, moves = position_of(watermark, watermark.engine)
        assert (position.bookmark, moves) == (("2025-01-01 11:00:00", "100"), 4)
    table = '"{db}"."SILVER"."ORDERS"'
    assert warehouse.rows(f"SELECT count(*), count(DISTINCT id), sum(amount) FROM {table}") == [(31, 31, 31 * 10.5)]
    assert warehouse.rows(f"SELECT note FROM {table} WHERE id = 3") == [("within the lag",)]
    gone = warehouse.rows(f'SELECT id FROM {table} WHERE "_DELETED_VERSION" IS NOT NULL ORDER BY id')
    assert gone == [(7,), (8,)]


LIST = """
import json, runpy, sys
found = runpy.run_path(sys.argv[1])
print(json.dumps({
    name: [sorted(dag.tags), sorted(dag.params), (dag.doc_md or "").splitlines()[0][:200], dag.schedule]
    for name, dag in found.items() if name.startswith("odbc_")  and hasattr(dag, "tags")
}))
"""


def test_each_table_has_its_dags_and_a_broken_one_does_not_take_the_others_away(tmp_path: Path) -> None:
    include = tmp_path / "include"
    shutil.copytree(REPO / "include", include)
    content = yaml.safe_load((include / "sources" / "erp_orders.yaml").read_text())
    swept = content | {"source": "erp_swept", "deletes": {"schedule": "0 3 * * *"}, "schedule": "15 * * * *"}
    plain = content | {"source": "erp_plain", "deletes": None}
    broken = content | {"source": "erp_broken", "cursr": ["x"]}
    for source in (swept, plain, broken):
        (include / "sources" / f"{source['source']}.yaml").write_text(yaml.safe_dump(source))
    env = airflow_environment(tmp_path, AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER=str(include))
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(REPO / "dags" / "odbc_extract.py")],
        env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    dags = json.loads(done.stdout.splitlines()[-1])
    assert sorted(dags) == [
        "odbc_extract__erp_broken", "odbc_extract__erp_orders", "odbc_extract__erp_plain", "odbc_extract__erp_swept",
        "odbc_sweep__erp_orders", "odbc_sweep__erp_swept",
    ]  # fmt: skip
    assert dags["odbc_extract__erp_broken"][0] == ["broken-source"]
    assert "cursr" in dags["odbc_extract__erp_broken"][2]
    assert dags["odbc_extract__erp_plain"][1] == ["backfill", "guarantee", "mode"]
    assert dags["odbc_extract__erp_orders"][1] == ["allow", "backfill", "guarantee", "mode", "sweep"]
    assert (dags["odbc_extract__erp_swept"][3], dags["odbc_sweep__erp_swept"][3]) == ("15 * * * *", "0 3 * * *")
