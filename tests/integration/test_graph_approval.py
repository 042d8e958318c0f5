"""What a run decides by before it lands: a person's approval, a look at the link, and the keys that links rest by."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from cryptography.fernet import Fernet

from airflow_provider_integrations.connectors.msgraph.operators import GONE_XCOM, GraphResyncCheckOperator
from airflow_provider_integrations.connectors.msgraph.probe import look
from airflow_provider_integrations.connectors.msgraph.sensors import GraphDeltaSensor
from airflow_provider_integrations.connectors.msgraph.triggers import GraphChangesTrigger
from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.dag_context import graph_job, token_keys
from airflow_provider_integrations.system import utc_now
from tests.fakes.graph.faults import Call
from tests.fakes.graph.people import furnish
from tests.fakes.graph.server import GraphServer
from tests.fakes.graph_deployment import GraphDeployment, context, deploy, event_of, execute, land, load, read

pytestmark = pytest.mark.integration


@pytest.fixture
def deployment(graph: GraphServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GraphDeployment]:
    """Thirty users, none of them read yet."""
    furnish(graph.world, users=30)
    graph.manner.page_size = 10
    with deploy(graph, tmp_path / "one") as one:
        yield one.enter(monkeypatch)


@pytest.fixture
def shrunk(deployment: GraphDeployment) -> GraphDeployment:
    """Thirty users are known, and a resync finds twenty of them."""
    read("plain")
    land()
    load(deployment)
    for user in sorted(deployment.graph.world.truth("users", ("id",)))[:10]:
        deployment.graph.world.hard_delete("users", user)
    assert read("plain", resync=True, told=context(run_id="resync"))["full"]
    return deployment


def test_a_resync_that_deletes_much_asks_and_lands_by_the_digest_alone(shrunk: GraphDeployment) -> None:
    def check(approved: str) -> tuple[str, dict[str, Any]]:
        told = context()
        operator = GraphResyncCheckOperator(
            task_id="check", source="entra_users", unasked="land", ask="approve", approved=approved
        )
        return operator.choose_branch(told), told["ti"].pushed[GONE_XCOM]

    chosen, gone = check("")
    assert chosen == "approve"
    assert (gone["known"], gone["gone"], gone["enumerated"], len(gone["sample"])) == (30, 10, 20, 10)
    assert check("0" * 16)[0] == "approve"
    assert check(gone["digest"])[0] == "land"
    for approved in ("", "0" * 16):
        with pytest.raises(ReconciliationError, match=gone["digest"]):
            land(approved=approved)
    assert not shrunk.ledger.items.list("entra_users", [State.LANDED, State.GATED], limit=None)
    told = land(approved=gone["digest"])
    assert told["deleted"] == {"entra_users": 10}
    load(shrunk)
    assert read("plain", told=context(run_id="after"))["items"] == 0


def test_the_watcher_fires_when_something_changed_and_once_for_a_link(deployment: GraphDeployment) -> None:
    world = deployment.graph.world
    assert event_of(GraphChangesTrigger("entra_users")) == [{"source": "entra_users"}], "nothing was ever read"
    read("plain")
    land()
    load(deployment)

    async def watched() -> list[int]:
        """How many events there were: before a change, after it, after its round was loaded, and after another one."""
        events, counts = 0, list[int]()

        async def watch() -> None:
            nonlocal events
            async for _ in GraphChangesTrigger("entra_users", poll_interval=0.01).run():
                events += 1

        async def looked(times: int) -> None:
            done = threading.Event()
            deployment.graph.faults.add(Call(done.set), at=times, where="deltatoken")
            assert await asyncio.to_thread(done.wait, 20), "it looks"

        watching = asyncio.ensure_future(watch())
        try:
            await looked(3)
            counts.append(events)
            first = await asyncio.to_thread(world.add, "users", userPrincipalName="x")
            await looked(4)
            counts.append(events)
            await asyncio.to_thread(lambda: (read("plain"), land(), load(deployment)))
            await looked(3)
            counts.append(events)
            await asyncio.to_thread(world.soft_delete, "users", first)
            await looked(4)
            counts.append(events)
        finally:
            watching.cancel()
        return counts

    assert asyncio.run(watched()) == [0, 1, 1, 2]


@pytest.mark.parametrize("mode", ["plain", "deferrable"])
def test_the_sensor_waits_for_a_change(deployment: GraphDeployment, mode: str) -> None:
    read("plain")
    land()
    load(deployment)
    sensor = GraphDeltaSensor(task_id="new", source="entra_users", deferrable=mode == "deferrable", poke_interval=0.01)
    assert sensor.poke(context()) is False
    if mode == "deferrable":
        with pytest.raises(TaskDeferred) as deferred:
            execute(sensor, context())
        assert isinstance(deferred.value.trigger, GraphChangesTrigger)
        deployment.graph.world.add("users", userPrincipalName="x")
        [event] = event_of(deferred.value.trigger)
        assert getattr(sensor, deferred.value.method_name)(context(), event) is None
    deployment.graph.world.add("users", userPrincipalName="y")
    assert sensor.poke(context()) is True


def test_a_link_of_a_day_is_worth_a_round(deployment: GraphDeployment) -> None:
    read("plain")
    land()
    load(deployment)
    job = graph_job("entra_users", "look")
    assert not look(job).new
    assert look(replace(job, clock=lambda: utc_now() + timedelta(days=1))).new
    assert look(replace(job, query=replace(job.query, filter="a eq 1"))).new, "a run says what is to be done"


@pytest.mark.parametrize(
    ("own", "airflows", "found"),
    [("a", "b", ("a",)), ("a, b ,", "c", ("a", "b")), (" ", "b,c", ("b", "c")), ("", "{FERNET_KEY}", None)],
)
def test_links_are_encrypted_by_a_key_of_their_own_or_by_airflows(
    monkeypatch: pytest.MonkeyPatch, own: str, airflows: str, found: tuple[str, ...] | None
) -> None:
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__GRAPH_STATE_KEY", own)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", airflows)
    if found is not None:
        assert token_keys() == found
        return
    with pytest.raises(ConfigError, match="graph_state_key"):
        token_keys()


def test_a_key_that_was_rotated_opens_what_the_old_one_wrote(
    deployment: GraphDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    read("plain")
    land()
    load(deployment)
    old = deployment.environment["AIRFLOW__INTEGRATIONS__GRAPH_STATE_KEY"]
    new = Fernet.generate_key().decode()
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__GRAPH_STATE_KEY", new)
    with pytest.raises(ConfigError, match="no key opens"):
        read("plain")
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__GRAPH_STATE_KEY", f"{new},{old}")
    assert read("plain")["items"] == 0
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__GRAPH_STATE_KEY", new)
    assert read("plain")["sealed"], "the new one wrote it again"
