"""The DAGs of `dags/historian_*.py` by `dag.test()`: a PI Web API server into fakesnow, corrected, late, and with a gap."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_integrations.connectors.historian.model import from_iso
from airflow_provider_integrations.connectors.historian.settle import position_of
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.airflow_home import REPO, airflow_environment
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.ledgers import migrated

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

MAIN = r"""
def main():
    from tests.fakes.pi.archive import Value, system_state
    from tests.fakes.pi.server import serve
    from tests.fakes.pi.service import PiService

    minute, begin = 60_000_000_000, 1_767_571_200_000_000_000  # 2026-01-05
    service = PiService()
    flow = [Value(begin + at * minute, float(at)) for at in range(180) if not 60 <= at < 90]
    pump = service.archive.add("\\\\PI1\\pump.flow", flow)
    states = [Value(begin, 5.0), Value(begin, 6.0), Value(begin + minute, system_state("I/O Timeout", 246), good=False)]
    service.archive.add("\\\\PI1\\pump.speed", states)
    with serve(service) as server:
        os.environ["AIRFLOW_CONN_PLANT1"] = json.dumps({"conn_type": "pi_web_api", "host": server.url})

        def run(dag, at=None, **conf):
            # What a run was given stays with the DAG object: each says all.
            told = dag.test(run_conf={**NOTHING, **conf} if dag.params else {}, logical_date=at)
            print("STATE", dag.dag_id, told.state, "REQUESTS", len(service.calls))
            service.calls.clear()

        backfill, gaps = historian_backfill__plant1, historian_gaps__plant1
        span = {"from": "2026-01-05", "to": "2026-01-05T03:00:00Z", "tags": ["pump.*"]}
        run(backfill, **span)
        pump.set([Value(each.ts, 99.5 if each.ts == begin + 7 * minute else each.value) for each in flow])
        run(backfill, **span, order="newest")
        pump.set([*pump.values, *(Value(begin + at * minute, float(at)) for at in range(60, 90))])
        run(gaps)
        # To the end of the data interval before this instant; most of the tag is gone, which a person must let go.
        pump.set(pump.values[100:])
        run(backfill, datetime(2026, 1, 6, 12, tzinfo=timezone.utc), allow_gone=True)


if __name__ == "__main__":
    import json
    import os
    from datetime import datetime, timezone

    NOTHING = {"from": None, "to": None, "tags": ["*"], "order": None, "dry_run": False, "allow_gone": False}
    main()
"""

TAGS = {
    "tags": [
        {"name": "pump.flow", "address": "\\\\PI1\\pump.flow", "cadence": "PT1M"},
        {"name": "pump.speed", "address": "\\\\PI1\\pump.speed", "cadence": None, "exception": True},
        {"name": "valve.position", "address": "\\\\PI1\\valve", "cadence": "PT1M"},
    ]
}


def write_include(folder: Path, database: str, **policy: Any) -> Path:
    """A source of two of the catalog's three tags."""
    include = folder / "include"
    for kind in ("sources", "contracts", "tags"):
        (include / kind).mkdir(parents=True)
    shutil.copy(REPO / "include" / "contracts" / "historian_samples.yaml", include / "contracts")
    (include / "tags" / "plant1.yaml").write_text(yaml.safe_dump(TAGS))
    source = {
        "source": "plant1",
        "kind": "historian",
        "connection": "plant1",
        "contract": "historian_samples",
        "catalog": "plant1",
        "tags": ["pump.*"],
        "begin": "2026-01-05T00:00:00Z",
        "tags_per_item": 1,
        "schedule": "0 0 * * *",
        "load": {"table": "HISTORIAN_SAMPLES", "scd": 2, "database": database},
        **policy,
    }
    (include / "sources" / "plant1.yaml").write_text(yaml.safe_dump(source))
    return include


def test_backfills_corrections_gaps_and_the_schedule(
    warehouse: Warehouse, tmp_path: Path, run_dag: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    include = write_include(tmp_path, warehouse.database)
    options = warehouse.server.options(warehouse.database)
    extra = {key: options[key] for key in ("account", "database", "host", "port", "protocol")}
    connections = {
        "INTEGRATIONS_LEDGER": {"conn_type": "integrations_ledger", "extra": {"path": str(tmp_path / "ledger.db")}},
        "INTEGRATIONS_WAREHOUSE": {"conn_type": "snowflake", "login": "test", "password": "test", "extra": extra},
    }
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        migrated(ledger)
        dags = [(REPO / "dags" / f"historian_{name}.py").read_text() for name in ("backfill", "gaps")]
        source = "\n\n".join(text.replace("from __future__ import annotations\n", "") for text in dags)
        done = run_dag(
            source + MAIN,
            **{f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in connections.items()},
            AIRFLOW__INTEGRATIONS__LANDING_ROOT=str(tmp_path / "landing"),
            AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER=str(include),
            AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE="True",
        )
        states = [line for line in done.stdout.splitlines() if line.startswith("STATE")]
        assert len(states) == 4, done.stdout[-6000:]
        assert all(" success " in line for line in states), done.stdout[-9000:]
        assert "'samples_estimated': 180" in done.stdout
        items = ledger.items.list("plant1", limit=None)
        assert {item.state for item in items} == {State.ARCHIVED}
        position = position_of(ledger.watermarks.get("plant1"))
        assert position == from_iso("2026-01-06T00:00:00Z"), "the end of the data interval, once"
        [closed] = [one for one in ledger.historian.gaps("plant1", closed=True) if one.gap.reason.value == "missing"]
        assert (closed.gap.tag, closed.gap.expected, closed.attempts) == ("pump.flow", 30, 1)
    table = '"{db}"."SILVER"."HISTORIAN_SAMPLES"'
    current = f'{table} WHERE "IS_CURRENT"'
    counts = f"SELECT count(*), count(DISTINCT ts_ns), min(value_number) FROM {current} AND tag = 'pump.flow'"
    assert warehouse.rows(counts) == [(80, 80, 100.0)], "what was let go is gone"
    corrected = from_iso("2026-01-05T00:07:00Z")
    revisions = f"SELECT value_number FROM {table} WHERE tag = 'pump.flow' AND ts_ns = {corrected} ORDER BY 1"
    assert warehouse.rows(revisions) == [(7.0,), (99.5,)], "exactly one revision"
    assert warehouse.rows(f"SELECT count(*) FROM {table}") == [(184,)], "replays changed nothing"
    speed = f"SELECT ordinal, value_number, value_state, quality FROM {current} AND tag = 'pump.speed' ORDER BY ts_ns, ordinal"
    assert warehouse.rows(speed) == [(0, 5.0, None, "good"), (1, 6.0, None, "good"), (0, None, "I/O Timeout", "bad")]


LIST = """
import json, runpy, sys
from datetime import datetime, timezone
found = {}
for path in sys.argv[1:]:
    found |= {name: dag for name, dag in runpy.run_path(path).items() if name.startswith("historian_") and hasattr(dag, "tags")}
print(json.dumps({
    name: [sorted(dag.tags), sorted(dag.params), (dag.doc_md or "").splitlines()[0], type(dag.schedule).__name__]
    for name, dag in found.items()
}))
"""


def test_each_source_has_its_dags_and_a_broken_one_does_not_take_the_others_away(tmp_path: Path) -> None:
    include = write_include(tmp_path, "DB")
    good = yaml.safe_load((include / "sources" / "plant1.yaml").read_text())
    (include / "sources" / "plant2.yaml").write_text(
        yaml.safe_dump({**good, "source": "plant2", "load": {"table": "T", "scd": 1}})
    )
    env = airflow_environment(tmp_path, AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER=str(include))
    paths = [str(REPO / "dags" / f"historian_{name}.py") for name in ("backfill", "gaps")]
    done = subprocess.run(
        [sys.executable, "-c", LIST, *paths], env=env, capture_output=True, text=True, timeout=100, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    tags, params, _, schedule = found["historian_backfill__plant1"]
    assert tags == ["historian-backfill", "plant1"]
    assert params == ["allow_gone", "dry_run", "from", "order", "tags", "to"]
    assert schedule == "CronDataIntervalTimetable", "a plain cron text has no data intervals in Airflow 3"
    assert found["historian_gaps__plant1"][0] == ["historian-gaps", "plant1"]
    for name in ("historian_backfill__plant2", "historian_gaps__plant2"):
        assert found[name][0] == ["broken-source"]
        assert "scd" in found[name][2]
