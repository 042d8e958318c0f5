"""SIGKILL between the load of a historian's windows and the end of their run: the next load makes up for it."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.historian.model import Span, Tag
from airflow_provider_integrations.connectors.historian.run_plan import RunPlan, Work
from airflow_provider_integrations.connectors.historian.settle import position_of
from airflow_provider_integrations.core.work_item import State
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.historian_settle_killed import BOUNDARIES, settle_until
from tests.fakes.historian_views import Plant, sample

pytestmark = pytest.mark.integration

HOUR = 3_600_000_000_000


def test_each_boundary_between_the_load_and_the_end_of_a_run(warehouse: Warehouse, tmp_path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.fakes.historian_settle_killed"])
    plant = Plant(warehouse, tmp_path)
    told = (
        f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        warehouse.server.options(warehouse.database),
        "HISTORIAN_SAMPLES",
    )
    position = None
    for number, boundary in enumerate(BOUNDARIES):
        plant.prefix = f"{number}/"
        plant.read(2 * number + 1, ["flow"], 0, HOUR, *(sample("flow", at * 10**9, float(at)) for at in range(3)))
        until = (number + 1) * HOUR
        plan = RunPlan((Work((Tag(f"{number}/flow", ""),), Span(0, HOUR)),), until, position, why="schedule")
        run = {
            "run": f"run-{number}",
            "advances": True,
            "position": position,
            "item": 1,
            "items": 1,
            "plan": plan.to_json(),
        }
        # One is gone.
        plant.load(
            2 * number + 2, ["flow"], 0, HOUR, *(sample("flow", at * 10**9, float(at)) for at in (0, 2)), facts=run
        )
        child = processes.Process(target=settle_until, args=(*told, "plant1", boundary))
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL, "it was killed, and did not end before"
        moved = boundary == "watermark moved"
        assert position_of(plant.ledger.watermarks.get("plant1")) == (until if moved else position), "after the mark"
        for _ in range(2):  # Again is harmless.
            settle_until(*told, "plant1")
            assert [(row[1] // 10**9, row[5] is not None, row[7]) for row in plant.history()] == [
                (0, True, False), (1, True, True), (2, True, False)
            ], boundary  # fmt: skip
        assert position_of(plant.ledger.watermarks.get("plant1")) == until
        position = until
    assert {item.state for item in plant.ledger.items.list("plant1", limit=None)} == {State.ARCHIVED}
    windows = plant.rows("SELECT COUNT(*), COUNT(DISTINCT TAG) FROM {db}.SILVER.HISTORIAN_SAMPLES_WINDOWS")
    assert windows == [(3, 3)], "each window once"
