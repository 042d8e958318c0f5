"""Rounds that wait for a person: a resync that would delete much, a refused batch, changed options; none waits for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from upath import UPath

from airflow_provider_integrations.connectors.msgraph import reading
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.reading import Asked, read_round
from airflow_provider_integrations.connectors.msgraph.rounds import judge_round, land_round
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ReconciliationError, StateConflictError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.landing.quarantine import read_kept
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.graph.service import GraphService
from tests.fakes.graph_source import USERS, bronze, by_id, graph_job, run_through, through, truth
from tests.fakes.ledgers import migrated

SHORT = USERS.model_copy(
    update={
        "columns": (*USERS.columns[:2], USERS.columns[2].model_copy(update={"max_length": 6})),
        "max_reject_share": 0.0,
    }
)
"""Cities of six characters at most, or the batch is refused."""
LENIENT = SHORT.model_copy(update={"max_reject_share": 1.0})


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> GraphService:
    service = GraphService()
    service.manner.page_size = 2
    monkeypatch.setattr(reading, "open_client", through(service))
    return service


@pytest.fixture
def job(tmp_path: Path) -> Iterator[GraphJob]:
    with Ledger.connect("sqlite://") as ledger:
        migrated(ledger)
        yield graph_job(ledger, UPath(tmp_path / "lake"), tmp_path / "scratch", contract=SHORT)


def fill(graph: GraphService, count: int = 5) -> list[str]:
    return [graph.world.add("users", displayName=f"u{number}", city="Oslo") for number in range(count)]


def careful(job: GraphJob) -> GraphJob:
    return graph_job(job.ledger, job.root, job.scratch, declared={"gone_share": 0.2})


def test_a_resync_that_would_delete_much_waits_until_its_digest_is_approved(graph: GraphService, job: GraphJob) -> None:
    job = careful(job)
    users = fill(graph)
    run_through(job)
    assert judge_round(job) is None
    for user in users[1:]:
        graph.world.hard_delete("users", user)
    read_round(job, Asked(resync=True))
    report = judge_round(job)
    assert report is not None
    assert (report.known, report.gone, report.sample) == (5, 4, tuple(sorted(users[1:])))
    for wrong in ("", "0123456789abcdef"):
        with pytest.raises(ReconciliationError, match=report.digest):
            land_round(job, wrong)
    assert len(bronze(job)) == 5, "nothing was applied"
    assert read_round(job, Asked()).round == 2
    run_through(job, approved=report.digest)
    assert by_id(bronze(job)) == truth(graph)


def test_a_resync_that_nobody_approves_is_read_again_by_another_request(graph: GraphService, job: GraphJob) -> None:
    """The source was broken for an hour: what it gave then is never applied."""
    job = careful(job)
    users = fill(graph)
    run_through(job)
    for user in users:
        graph.world.soft_delete("users", user)
    read_round(job, Asked(resync=True, request="one"))
    assert judge_round(job) is not None
    for user in users:
        graph.world.restore("users", user)
    asked = len(graph.log)
    assert read_round(job, Asked(resync=True, request="one")).items == 0, "another try of the same run"
    assert len(graph.log) == asked
    assert read_round(job, Asked(resync=True, request="two")).items == 5
    assert judge_round(job) is None
    run_through(job)
    assert by_id(bronze(job)) == truth(graph)


def test_few_that_are_gone_need_nobody(graph: GraphService, job: GraphJob) -> None:
    job = careful(job)
    users = fill(graph)
    run_through(job)
    graph.world.hard_delete("users", users[0])
    read_round(job, Asked(resync=True))
    assert judge_round(job) is None
    run_through(job)
    assert by_id(bronze(job)) == truth(graph)


def test_a_refused_batch_holds_the_link_and_is_landed_after_its_release(graph: GraphService, job: GraphJob) -> None:
    users = fill(graph)
    run_through(job)
    graph.world.change("users", users[0], city="Trondheim")
    run_through(job)
    item = job.ledger.items.latest("entra_users", "graph/round-00000002")
    assert item is not None
    assert (item.state, item.reason) == (State.QUARANTINED, "too_many_rejects")
    assert "resync" in read_kept(job.root / item.facts["kept"]).commands["again"]
    with pytest.raises(StateConflictError, match=r"ledger release .*resync"):
        read_round(job, Asked())
    job.ledger.items.release(item.id, who="ann", why="longer names are right")
    run_through(graph_job(job.ledger, job.root, job.scratch))
    assert by_id(bronze(job)) == truth(graph)
    watermark = job.ledger.watermarks.get("entra_users")
    assert watermark is not None
    assert watermark.cursor == (2,)


def test_a_resync_goes_on_without_a_refused_batch(graph: GraphService, job: GraphJob) -> None:
    users = fill(graph)
    run_through(job)
    graph.world.change("users", users[0], city="Trondheim")
    graph.world.change("users", users[1], city="Bergen")
    graph.world.hard_delete("users", users[2])
    run_through(job)
    graph.world.change("users", users[0], city="Molde")  # It is corrected at the source.
    report = run_through(job, Asked(resync=True))
    assert (report.round, report.full, report.resync) == (3, True, ("asked for",))
    assert by_id(bronze(job)) == truth(graph), "what the refused batch would have deleted is gone as well"
    refused = job.ledger.items.latest("entra_users", "graph/round-00000002")
    assert refused is not None
    job.ledger.items.release(refused.id, who="ann", why="late")
    run_through(job)
    assert job.ledger.items.get(refused.id).state is State.DUPLICATE, "its rows came with the resync"
    assert by_id(bronze(job)) == truth(graph)


def test_an_object_that_only_a_refused_round_told_of_is_known_to_the_resync(graph: GraphService, job: GraphJob) -> None:
    """Members of the round were loaded and its objects refused; what goes meanwhile must not stay for ever."""
    contract = SHORT.model_copy(
        update={"columns": (SHORT.columns[0], SHORT.columns[1].model_copy(update={"max_length": 3}))}
    )
    job = graph_job(job.ledger, job.root, job.scratch, name="entra_groups", resource="groups", contract=contract)
    users = fill(graph, 2)
    first = graph.world.add("groups", displayName="a")
    run_through(job)
    second = graph.world.add("groups", displayName="too long")
    graph.world.join(second, users[0])
    run_through(job)
    assert {key[0] for key in bronze(job, "members")} == {second}
    graph.world.hard_delete("groups", second)
    run_through(job, Asked(resync=True))
    assert [*by_id(bronze(job))] == [first]
    assert bronze(job, "members") == {}


def test_a_rejected_row_is_known_and_judged_again_when_a_part_of_it_changes(graph: GraphService, job: GraphJob) -> None:
    job = graph_job(job.ledger, job.root, job.scratch, contract=LENIENT, declared={"prefer": ("return=minimal",)})
    users = fill(graph)
    graph.world.change("users", users[0], city="Trondheim")
    run_through(job)
    item = job.ledger.items.latest("entra_users", "graph/round-00000001")
    assert item is not None
    assert (item.facts["rows_landed"], item.facts["rows_rejected"]) == (4, 1)
    rejects = (job.root / item.facts["folder"] / "rejects.jsonl").read_text()
    assert '"rule": "max_length"' in rejects
    assert f'"key": "id={users[0]}"' in rejects
    assert "Trondheim" not in rejects
    graph.world.change("users", users[0], city="Molde")
    run_through(job)
    assert by_id(bronze(job))[users[0]] == {"displayName": "u0", "city": "Molde"}


def test_rows_are_never_half_filled_after_other_columns_were_declared(graph: GraphService, job: GraphJob) -> None:
    narrow = USERS.model_copy(update={"columns": USERS.columns[:2]})
    before = graph_job(job.ledger, job.root, job.scratch, contract=narrow)
    fill(graph)
    read_round(before, Asked())
    after = graph_job(job.ledger, job.root, job.scratch)
    assert "select" in read_round(after, Asked()).warnings[0]
    with pytest.raises(StateConflictError, match="select"):
        land_round(after)
    run_through(after, Asked(resync=True))
    assert by_id(bronze(after)) == truth(graph)
    with pytest.raises(StateConflictError, match="resync"):
        run_through(before)
    run_through(before, Asked(resync=True))
    assert {*map(len, by_id(bronze(before)).values())} == {1}


def test_a_page_that_is_missing_stops_the_round_and_a_resync_reads_again(
    graph: GraphService, job: GraphJob, tmp_path: Path
) -> None:
    fill(graph)
    read_round(job, Asked())
    page = next(iter(sorted((tmp_path / "lake" / "graph").rglob("page-0000002-*"))))
    page.unlink()
    with pytest.raises(StateConflictError, match="page is missing"):
        land_round(job)
    run_through(job, Asked(resync=True))
    assert by_id(bronze(job)) == truth(graph)


def test_a_round_under_way_begins_anew_when_a_person_wants_it(graph: GraphService, job: GraphJob) -> None:
    fill(graph)
    run_through(job)
    fill(graph)

    def die(name: str) -> None:
        if name == "page kept":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_round(replace(job, boundary=die), Asked())
    graph.rounds.expire(deltas=False)
    report = read_round(job, Asked(anew=True))
    assert (report.resumed, report.restarts, report.items) == (True, (), 5)
    run_through(job)
    assert by_id(bronze(job)) == truth(graph)


def test_what_a_batch_was_to_delete_that_the_gate_refused_is_deleted_by_the_resync(
    graph: GraphService, job: GraphJob
) -> None:
    job = graph_job(job.ledger, job.root, job.scratch, name="entra_groups", resource="groups")
    users = fill(graph, 2)
    groups = [graph.world.add("groups", displayName=f"g{number}") for number in range(3)]
    for group in groups:
        graph.world.join(group, users[0])
    run_through(job)
    graph.world.hard_delete("groups", groups[0])
    graph.world.leave(groups[1], users[0])
    for group in groups[1:]:
        graph.world.join(group, users[1])
    graph.world.change("groups", groups[2], displayName="other")
    read_round(job, Asked())
    items = land_round(job)
    with holding(job.ledger, "gate") as held:
        for item in items:
            assert held.take(item.id, State.LANDED)
            held.advance(item, State.QUARANTINED, reason="gate_failed", detail="by the gate")
    run_through(job, Asked(resync=True))
    assert by_id(bronze(job)) == truth(graph, "groups", ("displayName",))
    assert {*bronze(job, "members")} == {(groups[1], users[1]), (groups[2], users[0]), (groups[2], users[1])}


@pytest.mark.parametrize("then", ["one is released", "the worker dies"])
def test_of_two_refused_batches_what_one_was_to_delete_is_not_forgotten_with_the_other(
    graph: GraphService, job: GraphJob, then: str
) -> None:
    job = graph_job(job.ledger, job.root, job.scratch, name="entra_groups", resource="groups")
    users = fill(graph, 2)
    groups = [graph.world.add("groups", displayName=f"g{number}") for number in range(3)]
    for group in groups:
        graph.world.join(group, users[0])
    run_through(job)
    graph.world.hard_delete("groups", groups[0])
    graph.world.change("groups", groups[1], displayName="other")
    graph.world.join(groups[1], users[1])

    def refusing(contract: Contract, at: int) -> Contract:
        columns = list(contract.columns)
        columns[at] = columns[at].model_copy(update={"max_length": 3})
        return contract.model_copy(update={"columns": tuple(columns), "max_reject_share": 0.0})

    bad = replace(
        job,
        contract=refusing(job.contract, 1),
        relations={name: refusing(contract, 0) for name, contract in job.relations.items()},
    )
    read_round(bad, Asked())
    if then == "the worker dies":

        def die(name: str) -> None:
            if name == "landed":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            land_round(replace(bad, boundary=die))
    items = land_round(bad)
    assert [item.state for item in items] == [State.QUARANTINED] * 2
    if then == "one is released":
        job.ledger.items.release(items[1].id, who="ann", why="it is corrected")
        land_round(job)
    run_through(job, Asked(resync=True))
    assert by_id(bronze(job)) == truth(graph, "groups", ("displayName",))
