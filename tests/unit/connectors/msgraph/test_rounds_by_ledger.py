"""Rounds by the ledger without a socket: read, landed, loaded, settled, and what holds them up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from upath import UPath

from airflow_provider_integrations.connectors.msgraph import reading
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.reading import Asked, read_round
from airflow_provider_integrations.connectors.msgraph.rounds import judge_round, land_round
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.graph.service import GraphService
from tests.fakes.graph_source import bronze, by_id, graph_job, run_through, through, truth


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> GraphService:
    service = GraphService()
    service.manner.page_size = 2
    monkeypatch.setattr(reading, "open_client", through(service))
    return service


@pytest.fixture
def job(tmp_path: Path) -> Iterator[GraphJob]:
    with Ledger.connect("sqlite://") as ledger:
        ledger.migrate()
        yield graph_job(ledger, UPath(tmp_path / "lake"), tmp_path / "scratch")


def test_rounds_give_the_servers_truth_and_move_the_watermark(graph: GraphService, job: GraphJob) -> None:
    users = [graph.world.add("users", displayName=f"u{number}", city="Oslo") for number in range(5)]
    report = run_through(job)
    assert (report.round, report.full, report.sealed, report.pages, report.items) == (1, True, True, 3, 5)
    assert by_id(bronze(job)) == truth(graph)
    graph.world.change("users", users[0], city=None)
    graph.world.soft_delete("users", users[1])
    graph.world.hard_delete("users", users[2])
    report = run_through(job)
    assert (report.round, report.full, report.resumed) == (2, False, False)
    assert by_id(bronze(job)) == truth(graph)
    watermark = job.ledger.watermarks.get("entra_users")
    assert watermark is not None
    assert watermark.cursor == (2,)
    item = job.ledger.items.latest("entra_users", "graph/round-00000002")
    assert item is not None
    assert item.state is State.ARCHIVED
    assert {name: item.facts[name] for name in ("run", "upserts", "removals_soft", "removals_hard", "keys_deleted")} == {
        "run": "round-00000002", "upserts": 1, "removals_soft": 1, "removals_hard": 1, "keys_deleted": 2,
    }  # fmt: skip
    run_through(job)
    assert by_id(bronze(job)) == truth(graph)
