"""When the link moves: after all of a round is loaded and marked, whichever source is settled, and never twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from upath import UPath

from airflow_provider_integrations.connectors.msgraph import reading
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.reading import Asked, read_round
from airflow_provider_integrations.connectors.msgraph.rounds import land_round
from airflow_provider_integrations.connectors.msgraph.settle import settle_graph
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.graph.service import GraphService
from tests.fakes.graph_source import KEYS, bronze, by_id, graph_job, run_through, through, truth
from tests.fakes.ledgers import migrated


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> GraphService:
    service = GraphService()
    monkeypatch.setattr(reading, "open_client", through(service))
    ada = service.world.add("users", displayName="Ada")
    service.world.join(service.world.add("groups", displayName="g"), ada)
    return service


@pytest.fixture
def job(tmp_path: Path) -> Iterator[GraphJob]:
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        migrated(ledger)
        yield graph_job(ledger, UPath(tmp_path / "lake"), tmp_path / "scratch", name="entra_groups", resource="groups")


def advance(job: GraphJob, item: WorkItem, *states: State) -> None:
    with holding(job.ledger, "loader") as held:
        for state in states:
            assert held.take(item.id, *State)
            held.advance(item, state)


def rounds_of(job: GraphJob) -> int:
    watermark = settle_graph(job.ledger, "entra_groups__members", keys=KEYS)
    return 0 if watermark is None else int(str(watermark.cursor[0]))


def states_of(job: GraphJob, items: list[WorkItem]) -> list[State]:
    return [job.ledger.items.get(item.id).state for item in items]


def test_a_round_is_settled_when_all_of_its_sources_are_loaded(graph: GraphService, job: GraphJob) -> None:
    read_round(job, Asked())
    groups, members = land_round(job)
    assert (groups.source, members.source) == ("entra_groups", "entra_groups__members")
    advance(job, groups, State.GATED, State.LOADED)
    assert rounds_of(job) == 0
    advance(job, members, State.GATED)
    assert rounds_of(job) == 0
    advance(job, members, State.LOADED)
    assert rounds_of(job) == 1
    assert states_of(job, [groups, members]) == [State.ARCHIVED, State.ARCHIVED]
    assert rounds_of(job) == 1


def test_a_round_waits_until_its_deletions_are_marked(graph: GraphService, job: GraphJob) -> None:
    run_through(job)
    graph.world.soft_delete("groups", next(iter(graph.world.truth("groups"))))
    read_round(job, Asked())
    items = land_round(job)
    assert states_of(job, items)[0] is State.LOADED, "there are no rows to load"
    assert rounds_of(job) == 1
    with holding(job.ledger, "loader") as held:
        for item in items:
            assert held.take(item.id, State.LOADED) or "keys_deleted" not in item.facts
            if item.facts.get("keys_deleted"):
                held.note(item, {"deletions_of": item.facts["batch_id"]})
    assert rounds_of(job) == 2


def test_two_who_settle_at_once_move_the_link_once(graph: GraphService, job: GraphJob) -> None:
    read_round(job, Asked())
    for item in land_round(job):
        advance(job, item, State.GATED, State.LOADED)
    failed: list[BaseException] = []

    def settle() -> None:
        try:
            settle_graph(job.ledger, "entra_groups", keys=KEYS)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=settle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert rounds_of(job) == 1
    assert len(job.ledger.watermarks.history("entra_groups")) == 1


def test_a_watermark_ahead_of_the_state_is_told(graph: GraphService, job: GraphJob) -> None:
    run_through(job)
    watermark = job.ledger.watermarks.require("entra_groups")
    job.ledger.watermarks.advance("entra_groups", watermark, Watermark((5,), engine="msgraph"))
    with pytest.raises(StateConflictError, match="ahead"):
        rounds_of(job)


def test_a_source_that_never_began_has_nothing_to_settle(job: GraphJob) -> None:
    assert settle_graph(job.ledger, "entra_groups", keys=()) is None


def test_a_resync_does_not_forget_what_a_worker_died_before_landing(graph: GraphService, job: GraphJob) -> None:
    """The objects are landed, and the deletions of members are not: they are landed before anything is read again."""
    run_through(job)
    group, ada = next(iter(bronze(job, "members")))
    graph.world.leave(group, ada)
    graph.world.change("groups", group, displayName="g2")
    read_round(job, Asked())

    def die(name: str) -> None:
        if name == "landed":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        land_round(replace(job, boundary=die))
    assert read_round(job, Asked(resync=True, request="another")).round == 2
    run_through(job)
    assert run_through(job, Asked(resync=True, request="another")).round == 3
    assert bronze(job, "members") == {}
    assert by_id(bronze(job)) == truth(graph, "groups", ("displayName",))
