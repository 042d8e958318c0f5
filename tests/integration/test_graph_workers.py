"""Workers of a delta source that die at any boundary, meet each other, or sleep through their lease; on real ledgers."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from upath import UPath

from airflow_provider_integrations.connectors.msgraph import reading
from airflow_provider_integrations.connectors.msgraph.client import drive
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.reading import Asked, read_round, read_round_async
from airflow_provider_integrations.connectors.msgraph.rounds import land_round
from airflow_provider_integrations.connectors.msgraph.settle import settle_graph
from airflow_provider_integrations.core.errors import ClaimLostError, TransientError
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.graph.faults import gone, throttled
from tests.fakes.graph.server import GraphServer
from tests.fakes.graph.service import GraphService
from tests.fakes.graph_source import KEYS, bronze, by_id, graph_job, load_all, run_through, through, truth
from tests.fakes.graph_worker import round_until, worker
from tests.fakes.ledgers import migrated
from tests.unit.connectors.msgraph.ledger_world import Killed, mortal

pytestmark = pytest.mark.integration

BOUNDARIES = (
    *("begun", "page landed", "page kept", "restarted", "sealed"),
    *("applied", "rows noted", "promoted", "known objects kept", "landed"),
)


def live(graph: GraphService | GraphServer, dice: random.Random) -> None:
    """Some changes of groups, their members, and users."""
    world = graph.world
    for _ in range(8):
        users, groups = sorted(world.truth("users")), sorted(world.truth("groups"))
        match dice.randrange(7) if len(users) > 3 and len(groups) > 3 else dice.randrange(2):
            case 0:
                world.add("groups", displayName=f"g{world.version}")
            case 1:
                world.add("users", displayName=f"u{world.version}")
            case 2 | 3:
                world.join(dice.choice(groups), dice.choice(users))
            case 4:
                held = [(group, each) for group in groups for each in sorted(world.linked("groups", group, "members"))]
                world.leave(*dice.choice(held)) if held else None
            case 5:
                dice.choice([world.soft_delete, world.hard_delete])("groups", dice.choice(groups))
            case 6:
                world.hard_delete("users", dice.choice(users))


def differences(job: GraphJob, graph: GraphService | GraphServer) -> list[object]:
    here, there = by_id(bronze(job)), truth(graph, "groups", ("displayName",))  # type: ignore[arg-type]
    pairs = {key for key in bronze(job, "members") if key[0] in there}
    held = {(each, member) for each in there for member in graph.world.linked("groups", each, "members")}
    wrong = [each for each in sorted({*here, *there}) if here.get(each) != there.get(each)]
    return [*wrong, *sorted(pairs ^ held)]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as found:
        migrated(found)
        yield found


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_kill_at_any_boundary_loses_no_change_and_doubles_none(
    graph: GraphServer, ledger: Ledger, tmp_path: Path, boundary: str
) -> None:
    processes, dice = multiprocessing.get_context("forkserver"), random.Random(boundary)
    processes.set_forkserver_preload(["tests.fakes.graph_worker"])
    graph.manner.page_size = 3
    reached = (graph.url, graph.token, str(graph.authority.ca), str(tmp_path), "groups")
    job = worker(ledger, *reached)
    for _ in range(2):
        live(graph, dice)
        if boundary == "restarted":
            graph.faults.add(gone())
        process = processes.Process(target=round_until, args=(*reached, KEYS, boundary))
        process.start()
        process.join(60)
        assert process.exitcode == -9, "it was to die there"
        live(graph, dice)
        run_through(job)
    run_through(job)
    assert differences(job, graph) == []


def test_a_death_at_each_single_step_of_a_round_is_made_good(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before and after each transaction of the ledger, those of loading and settling included."""
    died = 0
    for steps in range(1, 10_000, 3):
        graph, dice = GraphService(), random.Random(steps)
        graph.manner.page_size = 3
        monkeypatch.setattr(reading, "open_client", through(graph))
        root = UPath(f"memory://steps-{steps}")
        job = graph_job(ledger, root, tmp_path / "scratch", name=f"s{steps}", resource="groups")
        live(graph, dice)
        run_through(job)
        live(graph, dice)
        left = steps

        def at(_: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        try:
            with mortal(ledger, at):
                run_through(replace(job, boundary=at))
        except Killed:
            died += 1
        ended = left > 0
        live(graph, dice)
        run_through(job)
        run_through(job)
        assert differences(job, graph) == [], f"killed after {steps} steps"
        if ended:
            break
    assert died > 20


def test_one_of_two_workers_reads_and_the_other_is_told_to_try_again(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = GraphService()
    graph.world.add("users", displayName="Ada")
    monkeypatch.setattr(reading, "open_client", through(graph))
    job = graph_job(ledger, UPath(tmp_path / "lake"), tmp_path / "scratch")
    refused: list[str] = []

    def meanwhile(name: str) -> None:
        if name == "page landed":
            try:
                read_round(replace(job, owner="other", boundary=lambda _: None), Asked())
            except TransientError as error:
                refused.append(str(error))

    read_round(replace(job, boundary=meanwhile), Asked())
    assert len(refused) == 1
    assert "another worker" in refused[0]
    assert len(graph.requests("users/delta")) == 1


@pytest.mark.parametrize("asleep", ["page landed", "page kept", "begun"])
def test_a_worker_that_slept_through_its_lease_changes_nothing(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asleep: str
) -> None:
    """Another one has read the round meanwhile, from other pages: none of them is replaced, and the state stays."""
    graph = GraphService()
    graph.manner.page_size = 2
    users = [graph.world.add("users", displayName=f"u{number}") for number in range(6)]
    monkeypatch.setattr(reading, "open_client", through(graph))
    job = graph_job(ledger, UPath(tmp_path / "lake"), tmp_path / "scratch")
    slept: list[str] = []

    def sleep(name: str) -> None:
        if name == asleep and not slept:
            slept.append(name)
            # As it is when the lease has run out: the same owner's successor takes it at once.
            graph.world.change("users", users[1], displayName="changed")
            graph.rounds.expire()
            run_through(replace(job, boundary=lambda _: None))

    with pytest.raises(ClaimLostError):
        read_round(replace(job, boundary=sleep), Asked())
    assert by_id(bronze(job)) == truth(graph)
    graph.world.hard_delete("users", users[2])
    run_through(job)
    assert by_id(bronze(job)) == truth(graph)


def test_the_claim_of_a_dead_worker_runs_out(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = GraphService()
    graph.world.add("users", displayName="Ada")
    monkeypatch.setattr(reading, "open_client", through(graph))
    job = graph_job(ledger, UPath(tmp_path / "lake"), tmp_path / "scratch", lease=timedelta(seconds=1))

    dead: list[str] = []

    def die(name: str) -> None:
        """From the first page on nothing is written any more, the giving back of the claim included."""
        if name == "page landed" or dead:
            dead.append(name)
            raise Killed(name)

    with pytest.raises(Killed), mortal(ledger, die):
        read_round(replace(job, boundary=die), Asked())
    other = replace(job, owner="other")
    with pytest.raises(TransientError, match="another worker"):
        read_round(other, Asked())
    time.sleep(1.1)
    assert read_round(other, Asked()).sealed


def test_two_workers_at_once_land_and_settle_each_round_once(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, dice = GraphService(), random.Random(3)
    graph.manner.page_size = 3
    monkeypatch.setattr(reading, "open_client", through(graph))
    root = UPath(tmp_path / "lake")

    def work(owner: str) -> None:
        job = graph_job(ledger, root, tmp_path / owner, resource="groups", owner=owner)
        for _ in range(4):
            try:
                read_round(job, Asked())
                items = land_round(job)
                load_all(ledger, items, lambda ledger, name: settle_graph(ledger, name, keys=KEYS))
            except TransientError:
                continue

    for _ in range(4):
        live(graph, dice)
        threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    job = graph_job(ledger, root, tmp_path / "one", resource="groups", owner="one")
    run_through(job)
    run_through(job)
    assert differences(job, graph) == []


def test_a_pause_is_shared_by_all_sources_of_an_app(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, slept = GraphService(), list[float]()
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += timedelta(seconds=seconds)

    graph.faults.add(throttled(600))
    monkeypatch.setattr(reading, "open_client", through(graph))
    monkeypatch.setattr(reading, "drive", partial(drive, sleep=sleep))
    root = UPath(tmp_path / "lake")
    first = graph_job(ledger, root, tmp_path, clock=lambda: now, declared={"patience": timedelta(seconds=60)})
    with pytest.raises(TransientError):
        read_round(first, Asked())
    assert slept == []
    asked = len(graph.log)
    second = graph_job(ledger, root, tmp_path, name="entra_groups", resource="groups", clock=lambda: now)
    read_round(second, Asked())
    assert 600 <= sum(slept) <= 660, "it waited for what the first one was told"
    assert len(graph.log) == asked + 1


def test_the_ledger_may_be_postgresql(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, dice = GraphService(), random.Random(5)
    graph.manner.page_size = 3
    monkeypatch.setattr(reading, "open_client", through(graph))
    with Ledger.connect(ledger_url) as ledger:
        migrated(ledger)
        job = graph_job(ledger, UPath(tmp_path / "lake"), tmp_path / "scratch", resource="groups")
        for asked in (Asked(), Asked(), Asked(resync=True), Asked()):
            live(graph, dice)
            run_through(job, asked)
            assert differences(job, graph) == []
        watermark = ledger.watermarks.get("entra_users")
        assert watermark is not None
        assert watermark.cursor == (4,)


def test_a_cancelled_reading_gives_its_claim_back(graph: GraphServer, ledger: Ledger, tmp_path: Path) -> None:
    graph.world.add("users", displayName="Ada")
    graph.faults.add(throttled(30))
    job = worker(ledger, graph.url, graph.token, str(graph.authority.ca), str(tmp_path), "users")

    async def cancelled() -> None:
        task = asyncio.create_task(read_round_async(replace(job, owner="triggerer"), Asked()))
        while not graph.log:  # noqa: ASYNC110 - the server is in a thread
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    later = replace(job, clock=lambda: datetime.now(UTC) + timedelta(seconds=60))
    assert read_round(later, Asked()).sealed


def test_a_reading_that_is_cancelled_while_it_begins_gives_its_claim_back(
    graph: GraphServer, ledger: Ledger, tmp_path: Path
) -> None:
    job = worker(ledger, graph.url, graph.token, str(graph.authority.ca), str(tmp_path), "users")
    begun, go_on = threading.Event(), threading.Event()

    def at(name: str) -> None:
        if name == "begun":
            begun.set()
            go_on.wait(10)

    async def cancelled() -> None:
        task = asyncio.create_task(read_round_async(replace(job, owner="triggerer", boundary=at), Asked()))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert [thread.name for thread in threading.enumerate() if thread.name == "claim-renewer"] == []
    assert read_round(job, Asked()).sealed
