"""What is lost is made good or told: known objects, the whole ledger, or an old copy of it in its place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from upath import UPath

from airflow_provider_integrations.connectors.msgraph import reading
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.reading import Asked, read_round
from airflow_provider_integrations.connectors.msgraph.rounds import judge_round, land_round
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError, WatermarkLostError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.landing.deletions import kept_deletions
from airflow_provider_integrations.ledger.graph_tables import graph_state
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.graph.service import GraphService
from tests.fakes.graph_source import bronze, by_id, graph_job, load_all, run_through, through, truth, zone
from tests.fakes.ledgers import migrated


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> GraphService:
    service = GraphService()
    service.manner.page_size = 2
    monkeypatch.setattr(reading, "open_client", through(service))
    return service


@pytest.fixture
def job(tmp_path: Path) -> Iterator[GraphJob]:
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        migrated(ledger)
        yield graph_job(ledger, UPath(tmp_path / "lake"), tmp_path / "scratch")


def fill(graph: GraphService, count: int = 5) -> list[str]:
    return [graph.world.add("users", displayName=f"u{number}", city="Oslo") for number in range(count)]


def lost_known(job: GraphJob) -> None:
    for known in Path(str(job.root), "graph", job.source.source, "known").iterdir():
        known.unlink()


@pytest.mark.parametrize("elsewhere", [True, False], ids=["lost", "on this disk"])
def test_known_objects_that_are_lost_come_from_bronze_when_everything_is_read_again(
    graph: GraphService, job: GraphJob, tmp_path: Path, elsewhere: bool
) -> None:
    job = graph_job(job.ledger, job.root, job.scratch, name="entra_groups", resource="groups")
    users = fill(graph, 4)
    groups = [graph.world.add("groups", displayName=f"g{number}") for number in range(4)]
    for group in groups:
        graph.world.join(group, users[0])
        graph.world.join(group, users[1])
    run_through(job)
    graph.world.hard_delete("groups", groups[0])
    graph.world.leave(groups[1], users[0])
    run_through(job)
    lost_known(job)
    job = replace(job, scratch=tmp_path / "elsewhere") if elsewhere else job
    graph.world.hard_delete("groups", groups[2])
    graph.world.leave(groups[3], users[1])
    if elsewhere:
        with pytest.raises(StateConflictError, match="resync"):
            run_through(job)
    report = run_through(job, Asked(resync=True)) if elsewhere else run_through(job)
    assert report.full == elsewhere
    assert by_id(bronze(job)) == truth(graph, "groups", ("displayName",))
    assert {*bronze(job, "members")} == {(groups[1], users[1]), (groups[3], users[0])}
    run_through(job)


def test_what_a_refused_batch_was_to_delete_is_not_taken_for_gone(graph: GraphService, job: GraphJob) -> None:
    users = fill(graph)
    run_through(job)
    graph.world.change("users", users[0], city="Rome")
    graph.world.hard_delete("users", users[1])
    read_round(job, Asked())
    (item,) = land_round(job)
    with holding(job.ledger, "gate") as held:
        assert held.take(item.id, State.LANDED)
        held.advance(item, State.QUARANTINED, reason="gate_failed", detail="by the gate")
    read_round(job, Asked(resync=True))
    lost_known(job)
    shutil.rmtree(job.scratch)
    run_through(job)
    assert by_id(bronze(job)) == truth(graph)


def test_a_batch_that_was_promoted_before_the_state_was_lost_is_not_taken_for_the_next_one(
    graph: GraphService, job: GraphJob
) -> None:
    """Both are of round 1, its first attempt, and one item."""
    users = fill(graph)

    def die(name: str) -> None:
        if name == "promoted":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_through(replace(job, boundary=die))
    with job.ledger._database.write() as connection:
        connection.execute(graph_state.delete())
    graph.world.change("users", users[0], city="Rome")
    graph.world.hard_delete("users", users[1])
    with pytest.raises(WatermarkLostError):
        read_round(job, Asked())
    assert run_through(job, Asked(resync=True)).round == 1
    assert by_id(bronze(job)) == truth(graph)


def test_a_new_ledger_over_an_old_landing_zone_is_no_beginning(
    graph: GraphService, job: GraphJob, tmp_path: Path
) -> None:
    users = fill(graph)
    run_through(job)
    graph.world.soft_delete("users", users[0])
    run_through(job)
    graph.world.hard_delete("users", users[1])
    with Ledger.connect("sqlite://") as ledger:
        migrated(ledger)
        new = replace(job, ledger=ledger)
        with pytest.raises(WatermarkLostError, match="resync"):
            read_round(new, Asked())
        report = run_through(new, Asked(resync=True))
        assert (report.round, report.full, report.resync) == (1, True, ("the link was lost",))
        item = ledger.items.latest("entra_users", "graph/round-00000001")
        assert item is not None
        assert (item.facts["upserts"], item.facts["removals_soft"]) == (3, 1)
        assert kept_deletions(job.root, item).column("id").to_pylist() == [users[1]]
        assert by_id(bronze(new)) == truth(graph)
        assert not run_through(new).full


def test_an_old_copy_of_the_ledger_catches_up_by_a_resync(graph: GraphService, job: GraphJob, tmp_path: Path) -> None:
    """Rounds that only bronze knows were loaded since: what they brought and is gone now is found by them."""
    users = fill(graph)
    run_through(job)
    job.ledger.close()
    shutil.copyfile(tmp_path / "ledger.db", tmp_path / "backup.db")
    new = graph.world.add("users", displayName="only while the copy was out", city="Oslo")
    for _ in range(2):
        graph.world.hard_delete("users", users.pop())
        run_through(job)
    assert len(bronze(job)) == 4
    graph.world.hard_delete("users", new)
    with Ledger.connect(f"sqlite:///{tmp_path}/backup.db") as ledger:
        old = replace(job, ledger=ledger, scratch=tmp_path / "elsewhere")
        with pytest.raises(StateConflictError, match="resync"):
            run_through(old)
        run_through(old, Asked(resync=True))
        assert by_id(zone(old)) == truth(graph)
        fill(graph, 2)
        assert not run_through(old).full
        assert by_id(zone(old)) == truth(graph)


def test_a_lost_state_of_a_source_that_began_with_the_latest_link_reads_everything(
    graph: GraphService, job: GraphJob
) -> None:
    """It had no rows of before, so there is nothing to be told as gone that it never had."""
    users = fill(graph)
    job = graph_job(job.ledger, job.root, job.scratch, declared={"begin": "latest"})
    assert run_through(job).items == 0
    graph.world.change("users", users[0], city="Rome")
    run_through(job)
    assert [*by_id(bronze(job))] == [users[0]]
    with job.ledger._database.write() as connection:
        connection.execute(graph_state.delete())
    assert run_through(job, Asked(resync=True)).full
    assert by_id(bronze(job)) == truth(graph)


@pytest.mark.parametrize("begin", ["all", "latest"])
def test_a_full_enumeration_without_the_link_that_nobody_approves_knows_at_the_next_try_what_was_lost(
    graph: GraphService, job: GraphJob, begin: str
) -> None:
    users = fill(graph)
    run_through(job)
    for user in users[1:]:
        graph.world.hard_delete("users", user)
    with Ledger.connect("sqlite://") as ledger:
        migrated(ledger)
        new = graph_job(ledger, job.root, job.scratch, declared={"gone_share": 0.2, "begin": begin})
        read_round(new, Asked(resync=True, request="one"))
        assert judge_round(new) is not None
        report = read_round(new, Asked(resync=True, request="two"))
        assert (report.full, report.resync) == (True, ("the link was lost",))
        gone = judge_round(new)
        assert gone is not None
        assert gone.gone == 4
        run_through(new, approved=gone.digest)
        assert by_id(zone(new)) == truth(graph)


def test_a_full_enumeration_without_the_link_begins_anew_with_other_columns_and_knows_what_was_lost(
    graph: GraphService, job: GraphJob
) -> None:
    users = fill(graph)
    run_through(job)
    graph.world.hard_delete("users", users[0])

    def die(name: str) -> None:
        if name == "begun":
            raise KeyboardInterrupt

    with Ledger.connect("sqlite://") as ledger:
        migrated(ledger)
        new = replace(job, ledger=ledger)
        with pytest.raises(KeyboardInterrupt):
            read_round(replace(new, boundary=die), Asked(resync=True, request="one"))
        narrow = replace(new, query=replace(new.query, select=("id", "displayName")))
        assert run_through(narrow, Asked(resync=True, request="two")).resync == ("the link was lost",)
        assert {*by_id(zone(new))} == {*truth(graph)}


def test_a_new_ledger_goes_on_behind_the_versions_of_bronze_by_a_clock_that_was_set_back(
    graph: GraphService, job: GraphJob
) -> None:
    users = fill(graph)
    run_through(job)
    graph.world.change("users", users[0], city="Rome")
    graph.world.hard_delete("users", users[1])

    def die(name: str) -> None:
        if name == "promoted":
            raise KeyboardInterrupt

    with Ledger.connect("sqlite://") as ledger:
        migrated(ledger)
        past = job.clock() - timedelta(days=1)
        new = replace(job, ledger=ledger, clock=lambda: past)
        with pytest.raises(KeyboardInterrupt):
            run_through(replace(new, boundary=die), Asked(resync=True))
        run_through(new)
        assert by_id(zone(new)) == truth(graph)


def test_a_key_that_is_lost_after_the_load_and_before_the_link_does_not_hinder_a_resync(
    graph: GraphService, job: GraphJob
) -> None:
    users = fill(graph)
    run_through(job)
    graph.world.hard_delete("users", users[0])
    read_round(job, Asked())
    load_all(job.ledger, land_round(job), lambda ledger, name: None)
    new = replace(job, keys=(Fernet.generate_key().decode(),))
    with pytest.raises(ConfigError, match="no key opens"):
        read_round(new, Asked())
    graph.world.hard_delete("users", users[1])
    assert run_through(new, Asked(resync=True)).round == 3
    assert by_id(bronze(new)) == truth(graph)
    assert not run_through(new).full
