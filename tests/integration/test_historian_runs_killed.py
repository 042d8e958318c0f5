"""Runs of a historian's source whose worker is killed by SIGKILL at each boundary: the next one gives the same rows, once."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.historian.settle import position_of
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.historian_killed import ASKED, BOUNDARIES, TAGS, run_until
from tests.fakes.historian_source import BEGIN, bronze, historian_job, run_through
from tests.fakes.ledgers import migrated

pytestmark = pytest.mark.integration

MINUTE = 60_000_000_000


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_run_that_is_killed_is_brought_on_by_the_next_worker(boundary: str, tmp_path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.fakes.historian_killed"])
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        migrated(ledger)
        child = processes.Process(target=run_until, args=(str(tmp_path), boundary))
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL, "it was killed, and did not end before"
        job = historian_job(ledger, tmp_path, TAGS, window="PT1H")
        run_through(job, ASKED)
        rows = bronze(job)
        assert sorted((row["tag"], row["ts_ns"], row["value_number"]) for row in rows) == sorted(
            (tag, BEGIN + at * MINUTE, base + at) for tag, base in (("a", 0.0), ("b", 1000.0)) for at in range(120)
        )
        assert position_of(ledger.watermarks.get("plant1")) == ASKED.until
        assert {item.state for item in ledger.items.list("plant1")} == {State.ARCHIVED}
        assert len({row["_batch_id"] for row in rows}) == 2
