"""The operators over ODBC against PostgreSQL: what they say, what ends with them, and when the sensor wakes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_integrations.connectors.odbc.hook import OdbcKeysetHook
from airflow_provider_integrations.connectors.odbc.operators import (
    RUNS_XCOM,
    OdbcKeysetExtractOperator,
    OdbcPlanShardsOperator,
    run_job,
)
from airflow_provider_integrations.connectors.odbc.sensors import OdbcWatermarkSensor
from airflow_provider_integrations.connectors.odbc.settle import settle
from airflow_provider_integrations.connectors.odbc.triggers import OdbcWatermarkTrigger
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.links import ITEM_XCOM
from tests.fakes.ledgers import migrated
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

SOURCE = {
    "source": "erp_orders", "kind": "odbc", "connection": "erp", "contract": "erp_orders", "table": "orders",
    "cursor": ["updated_at"], "page_rows": 10, "load": {"table": "ORDERS"},
}  # fmt: skip
CONTRACT = {
    "contract": "erp_orders",
    "version": "1.0.0",
    "columns": [{"name": "id", "type": "integer", "nullable": False}, {"name": "updated_at", "type": "timestamp"}],
    "keys": ["id"],
}
ACTIVE = "SELECT query FROM pg_stat_activity WHERE state = 'active' AND application_name LIKE 'odbc_extract%'"


@dataclass
class TaskInstance:
    """What the operators ask of Airflow's task instance."""

    dag_id: str = "odbc_extract"
    run_id: str = "manual"
    task_id: str = "t"
    map_index: int = 0
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.loads(json.dumps(value))


def context(**changes: Any) -> Any:
    return {"ti": TaskInstance(**changes)}


@pytest.fixture
def erp(odbc_postgres: OdbcDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OdbcDatabase:
    """A deployment around a table of 25 orders."""
    odbc_postgres.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, updated_at timestamptz)",
        "CREATE INDEX ON orders (updated_at, id)",
        "INSERT INTO orders SELECT n, timestamptz '2025-01-01Z' + n * interval '1 minute' FROM generate_series(1, 25) n",
    )
    for kind, content in (("sources", SOURCE), ("contracts", CONTRACT)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "erp_orders.yaml").write_text(yaml.safe_dump(content))
    words = dict(word.split("=", 1) for word in odbc_postgres.connection_string.split(";") if word)
    connection = {
        "conn_type": "odbc", "host": words["Server"], "port": int(words["Port"]), "schema": words["Database"],
        "login": words["UID"], "password": words["PWD"], "extra": {"driver": words["Driver"].strip("{}")},
    }  # fmt: skip
    ledger = {"conn_type": "integrations_ledger", "extra": {"path": str(tmp_path / "ledger.db")}}
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATIONS_LEDGER", json.dumps(ledger))
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__LANDING_ROOT", str(tmp_path / "landing"))
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as opened:
        migrated(opened)
    return odbc_postgres


def execute(operator: Any, ti: Any) -> Any:
    return type(operator).execute(operator, ti)


def wait_until(holds: Callable[[], bool], seconds: float = 15) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.05)


def test_what_is_promised_stands_in_the_log_and_in_the_results(
    erp: OdbcDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    told = context()
    groups = execute(OdbcPlanShardsOperator(task_id="plan", source="erp_orders"), told)
    pushed = told["ti"].pushed
    assert [len(group) for group in groups] == [1]
    assert pushed[ITEM_XCOM] == groups[0]
    ((run, promised),) = pushed[RUNS_XCOM].items()
    assert (run, promised["guarantee"], promised["bookmark_check"]) == ("00000000.0", "safe_upper_bound", "none")
    summary = execute(OdbcKeysetExtractOperator(task_id="extract", source="erp_orders", items=groups[0]), context())
    assert summary == {
        "states": {"landed": 1}, "guarantees": ["safe_upper_bound"], "rows_landed": 25, "rows_rejected": 0,
        "rows_late": 0, "rows_ahead": 0, "pages": 3,
    }  # fmt: skip


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals go to the main thread")
@pytest.mark.parametrize("task", ["plan", "extract"])
def test_ending_a_task_ends_its_statement_at_the_server(erp: OdbcDatabase, task: str) -> None:
    """The statement waits for a lock, so that the driver is within its call when the signal comes."""
    plan = OdbcPlanShardsOperator(task_id="plan", source="erp_orders")
    operator: Any = plan
    if task == "extract":
        (group,) = execute(plan, context())
        operator = OdbcKeysetExtractOperator(task_id="extract", source="erp_orders", items=group)
    seen: list[str] = []

    def end_it() -> None:
        with suppress(AssertionError):
            wait_until(lambda: bool(erp.execute(ACTIVE)))
        seen.extend(query for (query,) in erp.execute(ACTIVE))
        os.kill(os.getpid(), signal.SIGTERM)

    # As Airflow's task runner does it.
    before = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    try:
        with closing(erp.connect(autocommit=False)) as other:
            other.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            threading.Thread(target=end_it).start()
            with pytest.raises(TransientError, match="cancelled"):
                execute(operator, context())
            assert any("orders" in query for query in seen)
            wait_until(lambda: not erp.execute(ACTIVE))
            other.rollback()
    finally:
        signal.signal(signal.SIGTERM, before)
    if task == "extract":
        again = OdbcKeysetExtractOperator(task_id="extract", source="erp_orders", items=group)
        assert execute(again, context())["rows_landed"] == 25


def test_a_session_that_opens_after_the_end_of_its_task_is_ended_too(erp: OdbcDatabase) -> None:
    operator = OdbcPlanShardsOperator(task_id="plan", source="erp_orders")
    operator.on_kill()
    with pytest.raises(TransientError, match="cancelled"):
        execute(operator, context())


def loaded(erp: OdbcDatabase) -> None:
    """One whole run, with the ledger brought on as the gate and the load do."""
    (group,) = execute(OdbcPlanShardsOperator(task_id="plan", source="erp_orders"), context())
    execute(OdbcKeysetExtractOperator(task_id="extract", source="erp_orders", items=group), context())
    ledger = run_job("erp_orders", "test").ledger
    for old, new in ((State.LANDED, State.GATED), (State.GATED, State.LOADED)):
        ((_, claim),) = ledger.items.claim_next("erp_orders", "t", states=[old], lease=run_job("erp_orders", "t").lease)
        ledger.items.advance(claim, new)
    settle(ledger, "erp_orders")


def test_the_sensor_sleeps_until_a_row_is_above_the_mark_or_was_committed_behind_it(erp: OdbcDatabase) -> None:
    sensor = OdbcWatermarkSensor(task_id="look", source="erp_orders", deferrable=True, poke_interval=0.1)
    sensor.execute(context())  # Nothing was ever read: there is something to do.
    loaded(erp)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context())
    assert isinstance(deferred.value.trigger, OdbcWatermarkTrigger)
    path, arguments = deferred.value.trigger.serialize()
    assert path.endswith("triggers.OdbcWatermarkTrigger")

    async def fired(change: str) -> dict[str, Any]:
        events = OdbcWatermarkTrigger(**arguments).run()
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await asyncio.to_thread(erp.execute, change)
        event = await asyncio.wait_for(waiting, 10)
        return dict(event.payload)

    assert asyncio.run(fired("UPDATE orders SET updated_at = now() WHERE id = 3")) == {"source": "erp_orders"}
    sensor.resume(context(), {"source": "erp_orders"})
    loaded(erp)
    assert not sensor.poke(context())
    erp.execute("INSERT INTO orders VALUES (99, '2020-01-01Z')")
    assert sensor.poke(context()), "it lies behind the mark, and was committed after it"


def test_a_trigger_whose_look_fails_wakes_the_sensor_which_raises_what_it_meets(
    erp: OdbcDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(erp)
    gone = {"conn_type": "odbc", "host": "127.0.0.1", "port": 1, "extra": {"driver": "PostgreSQL Unicode"}}
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps(gone))

    async def fired() -> Any:
        return await asyncio.wait_for(anext(OdbcWatermarkTrigger("erp_orders", 0.1).run()), 15)

    assert asyncio.run(fired()).payload == {"source": "erp_orders"}
    with pytest.raises(TransientError):
        OdbcWatermarkSensor(task_id="look", source="erp_orders").poke(context())


def test_the_connection_test_says_engine_driver_promise_and_transport(erp: OdbcDatabase) -> None:
    works, message = OdbcKeysetHook("erp").test_connection()
    assert works, message
    assert message.startswith("Connected to postgresql 15")
    assert "by PostgreSQL Unicode; THE LINE IS NOT ENCRYPTED; safe_upper_bound can be promised" in message
    with closing(OdbcKeysetHook("erp").get_conn()) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchval() == 25
