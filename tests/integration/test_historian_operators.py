"""The operators of a historian's source over asyncua's server: from the connection and the catalog to bronze."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_integrations.connectors.historian.model import from_iso
from airflow_provider_integrations.connectors.historian.operators import (
    HistorianBackfillOperator,
    HistorianPlanOperator,
)
from airflow_provider_integrations.connectors.historian.triggers import HistorianReadTrigger
from airflow_provider_integrations.core.error_data import error_from_data
from airflow_provider_integrations.core.errors import IntegrationError
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.airflow_home import REPO
from tests.fakes.graph_deployment import context as told_by_airflow
from tests.fakes.ledgers import migrated
from tests.fakes.opcua.server import History, World, records

pytestmark = pytest.mark.integration

BEGIN = from_iso("2026-01-01T00:00:00Z")
SECOND = 1_000_000_000
ROWS = 3_000


@pytest.fixture
def ledger(opcua_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A deployment whose only source is the server's nodes 1 and 2; of 1 each instant has two values."""
    ts = {1: BEGIN + np.arange(ROWS) // 2 * SECOND, 2: BEGIN + np.arange(ROWS) * SECOND}
    opcua_world.give(History({number: records(each) for number, each in ts.items()}, cap=700))
    include = tmp_path / "include"
    for kind in ("sources", "contracts", "tags"):
        (include / kind).mkdir(parents=True)
    contract = (REPO / "include" / "contracts" / "historian_samples.yaml").read_text()
    (include / "contracts" / "historian_samples.yaml").write_text(contract)
    tags = [{"name": f"pump.{number}", "address": opcua_world.node(number), "cadence": 1} for number in (1, 2)]
    (include / "tags" / "plant1.yaml").write_text(yaml.safe_dump({"tags": tags}))
    source = yaml.safe_load((REPO / "include" / "sources" / "plant1.yaml").read_text())
    (include / "sources" / "plant1.yaml").write_text(yaml.safe_dump(source))
    extra = {"reconnect_for": 5, "timeout": 10}
    connections: dict[str, dict[str, Any]] = {
        "PLANT1": {"conn_type": "opcua_ha", "host": opcua_world.url, "login": "", "extra": extra},
        "INTEGRATIONS_LEDGER": {"conn_type": "integrations_ledger", "extra": {"path": str(tmp_path / "ledger.db")}},
    }
    for name, fields in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(fields))
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER", str(include))
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__LANDING_ROOT", str(tmp_path / "landing"))
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        yield migrated(ledger)


def planned() -> list[str]:
    plan = HistorianPlanOperator(
        task_id="plan", source="plant1", begin="2026-01-01", end="2026-01-01T00:40:00Z", tags='["pump.*"]'
    )
    [[item_id]] = plan.execute(told_by_airflow(run_id="manual__1"))
    return [item_id]


def landed(folder: Path) -> list[tuple[str, int, int, float]]:
    files = sorted((folder / "landing" / "bronze" / "plant1").glob("*/batch=*/part-*.parquet"))
    rows = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    return [(row["tag"], row["ts_ns"], row["ordinal"], row["value_number"]) for row in rows]


def event(trigger: HistorianReadTrigger) -> dict[str, Any]:
    path, arguments = trigger.serialize()
    assert path.endswith(".HistorianReadTrigger")
    assert "opc.tcp" not in json.dumps(arguments)
    again = HistorianReadTrigger(**json.loads(json.dumps(arguments)))

    async def first() -> Any:
        return await anext(aiter(again.run()))

    found: dict[str, Any] = json.loads(json.dumps(asyncio.run(first()).payload))
    return found


@pytest.mark.parametrize("deferrable", [False, True])
def test_history_comes_to_bronze_whole_by_a_worker_and_by_the_triggerer(
    ledger: Ledger, tmp_path: Path, deferrable: bool
) -> None:
    operator = HistorianBackfillOperator(task_id="read", source="plant1", items=planned(), deferrable=deferrable)
    if deferrable:
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(told_by_airflow())
        assert isinstance(deferred.value.trigger, HistorianReadTrigger)
        given = operator.resume(told_by_airflow(), event(deferred.value.trigger))
    else:
        given = operator.execute(told_by_airflow())
    # Before 00:40 lie all instants of the first tag, and 2,400 of the second.
    assert given == {"states": {"landed": 1}, "rows_landed": ROWS + 2_400}
    want = [("pump.1", BEGIN + at // 2 * SECOND, at % 2, float(at)) for at in range(ROWS)]
    want += [("pump.2", BEGIN + at * SECOND, 0, float(at)) for at in range(2_400)]
    assert landed(tmp_path) == want


def test_a_tag_that_the_server_does_not_have_is_told_with_its_unread_window(
    ledger: Ledger, tmp_path: Path, opcua_world: World
) -> None:
    catalog = tmp_path / "include" / "tags" / "plant1.yaml"
    tags = yaml.safe_load(catalog.read_text())
    tags["tags"][1]["address"] = opcua_world.node(999)
    catalog.write_text(yaml.safe_dump(tags))
    found = event(HistorianReadTrigger("plant1", planned(), "owner"))
    error = error_from_data(found["error"])
    assert isinstance(error, IntegrationError)
    assert (error.values["tag"], error.values["unread_from"]) == ("pump.2", "2026-01-01T00:00:00Z")
    assert landed(tmp_path) == [], "what is not whole is not landed"
    [told] = ledger.historian.progress("plant1")
    assert told.samples == ROWS, "what was read is kept, and goes on from there"
