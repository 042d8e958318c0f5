"""The operators of Graph deltas, read in the worker and in the triggerer: the same rows, reports, errors and time-outs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_integrations.connectors.msgraph.operators import (
    GraphDeltaSyncOperator,
    GraphResyncCheckOperator,
)
from airflow_provider_integrations.connectors.msgraph.triggers import GraphChangesTrigger, GraphDeltaTrigger
from airflow_provider_integrations.core.errors import (
    IntegrationError,
)
from tests.fakes.graph.faults import Answer, Call, Cut, Delay, throttled
from tests.fakes.graph.messages import graph_error
from tests.fakes.graph.people import furnish
from tests.fakes.graph.server import GraphServer
from tests.fakes.graph_deployment import (
    GraphDeployment,
    context,
    deploy,
    event_of,
    execute,
    land,
    landed_rows,
    load,
    read,
)

pytestmark = pytest.mark.integration

MODES = ("plain", "deferrable")


@pytest.fixture
def deployment(graph: GraphServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GraphDeployment]:
    """Thirty users and three groups."""
    furnish(graph.world, users=30, groups=3)
    graph.manner.page_size = 10
    with deploy(graph, tmp_path / "one") as one:
        yield one.enter(monkeypatch)


@contextmanager
def raised() -> Iterator[list[IntegrationError]]:
    found: list[IntegrationError] = []
    with pytest.raises(IntegrationError) as caught:
        yield found
    found.append(caught.value)


def without(report: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in names}


def test_both_modes_read_the_same_rows_and_tell_the_same(
    graph: GraphServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(graph.world, users=30, groups=3)
    graph.manner.page_size = 10
    found: dict[str, list[Any]] = {mode: [] for mode in MODES}
    with ExitStack() as stack:
        deployments = {mode: stack.enter_context(deploy(graph, tmp_path / mode)) for mode in MODES}
        for step in range(3):
            if step == 1:
                graph.world.change(
                    "users", graph.world.add("users", displayName="New", userPrincipalName="new"), mail="a@b.c"
                )
            for mode in MODES:
                deployment = deployments[mode].enter(monkeypatch)
                for source in ("entra_users", "entra_groups"):
                    report = read(mode, source, resync=step == 2, told=context(run_id=f"run-{step}"))
                    told = land(source)
                    load(deployment, source)
                    rows = [without(row, "_batch_id", "_version") for row in landed_rows(deployment, source)]
                    found[mode].append((without(report, "token_age_days"), told, rows))
    assert found["plain"] == found["deferrable"]
    reports = [report for report, _, _ in found["plain"]]
    assert [report["items"] for report in reports] == [30, 3, 1, 0, 31, 3]
    assert [bool(report["resync"]) for report in reports] == [False] * 4 + [True] * 2


def busy(deployment: GraphDeployment) -> None:
    deployment.declare("entra_users", patience="PT1S")
    deployment.graph.faults.add(throttled(5), where="/v1.0/", times=1000)


def refused(deployment: GraphDeployment) -> None:
    denied = Answer(graph_error(403, "Authorization_RequestDenied", "Insufficient privileges."))
    deployment.graph.faults.add(denied, where="/v1.0/", times=2)


def malformed(deployment: GraphDeployment) -> None:
    bad = Answer(graph_error(400, "BadRequest", "Something is not as it should be."))
    deployment.graph.faults.add(bad, where="/v1.0/", times=2)


def cut(deployment: GraphDeployment) -> None:
    deployment.declare("entra_users", patience="PT1S")
    deployment.graph.faults.add(Cut(after=10), where="/v1.0/", times=1000)


def broken_source(deployment: GraphDeployment) -> None:
    deployment.declare("entra_users", selct="id")


def other_options(deployment: GraphDeployment) -> None:
    read("plain")
    land()
    load(deployment)
    deployment.declare("entra_users", filter="accountEnabled eq true")


def lost(deployment: GraphDeployment) -> None:
    read("plain")
    land()
    load(deployment)
    with sqlite3.connect(deployment.folder / "ledger.db") as database:
        database.execute("DELETE FROM graph_state")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        (busy, "RateLimitedError", ""),
        (cut, "RateLimitedError", ""),
        (refused, "ConfigError", ""),
        (malformed, "", ""),
        (broken_source, "ConfigError", "selct"),
        (other_options, "StateConflictError", "filter"),
        (lost, "WatermarkLostError", "resync"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_both_modes_raise_the_same_error(
    deployment: GraphDeployment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    wrong: Callable[[GraphDeployment], None],
    kind: str,
    said: str,
) -> None:
    wrong(deployment)
    with raised() as first:
        read(mode)
    with raised() as again:  # By the other mode, in the same place.
        read("plain" if mode == "deferrable" else "deferrable", told=context(run_id="other"))
    one, other = first[0], again[0]
    assert type(one) is type(other)
    assert type(one).__name__ == kind or not kind
    assert (one.what, one.next_step, set(one.values)) == (other.what, other.next_step, set(other.values))
    assert said in str(one)
    for error in (one, other):
        assert not [secret for secret in deployment.secrets if secret in f"{error!r} {error}"]


def test_time_outs_are_the_same(deployment: GraphDeployment) -> None:
    """The operator's own time-out bounds what is deferred; that of the service's pauses is in the job of either."""
    operator = GraphDeltaSyncOperator(
        task_id="read", source="entra_users", deferrable=True, execution_timeout=timedelta(minutes=7)
    )
    with pytest.raises(TaskDeferred) as deferred:
        execute(operator, context())
    assert deferred.value.timeout == timedelta(minutes=7)
    assert not deployment.graph.requests("/users"), "a worker that defers asks nothing"


def test_neither_arguments_nor_events_nor_logs_hold_a_secret(
    deployment: GraphDeployment, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    trigger = GraphDeltaTrigger("entra_groups", False, "run", "owner")
    events = [*event_of(trigger), *event_of(GraphChangesTrigger("entra_groups"))]
    told = context()
    land("entra_groups")
    check = GraphResyncCheckOperator(task_id="check", source="entra_groups", unasked="land", ask="approve")
    assert check.choose_branch(told) == "land"
    printed = capsys.readouterr()
    texts = [json.dumps([trigger.serialize(), events, told["ti"].pushed]), caplog.text, printed.out, printed.err]
    assert events[0]["report"]["items"] == 3
    for secret in deployment.secrets:
        assert not [text for text in texts if secret in text]


def test_two_triggerers_at_once_read_one_round(deployment: GraphDeployment) -> None:
    """A trigger may run twice; the lease is the ledger's."""
    owners = ("trigger", "trigger", "another")

    async def both() -> list[Any]:
        triggers = [GraphDeltaTrigger("entra_users", False, "run", owner) for owner in owners]
        return [event.payload for event in await asyncio.gather(*(anext(trigger.run()) for trigger in triggers))]  # type: ignore[arg-type]

    events = asyncio.run(both())
    refused_ones = [event["error"] for event in events if "error" in event]
    assert {error["class"] for error in refused_ones} <= {"TransientError", "ClaimLostError"}
    report = read("plain", told=context(run_id="next"))
    assert (report["sealed"], report["items"], report["round"]) == (True, 30, 1)
    assert land()["rows"] == {"entra_users": 30}
    assert len({row["id"] for row in landed_rows(deployment, "entra_users")}) == 30


def test_a_trigger_that_is_cancelled_gives_its_claim_back(deployment: GraphDeployment) -> None:
    """As when a person ends the task, or the triggerer shuts down: the next one need not wait for the lease."""
    begun = threading.Event()
    deployment.graph.faults.add(Call(begun.set), where="skiptoken")
    deployment.graph.faults.add(Delay(3), where="skiptoken")

    async def cancelled() -> None:
        reading = asyncio.ensure_future(anext(GraphDeltaTrigger("entra_users", False, "run", "first").run()))
        assert await asyncio.to_thread(begun.wait, 20), "it reads"
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(cancelled())
    report = read("plain", told=context(run_id="second"))
    assert (report["resumed"], report["items"], report["sealed"]) == (True, 30, True)
