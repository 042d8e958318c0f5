"""Change notifications end to end: the command subscribes, a receiver proves itself and checks each delivery, renewals hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.cli.graph_service import KEY
from airflow_provider_integrations.connectors.msgraph.client import Landing, Reach, drive_async, open_async_client
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.notifications import Act, client_state
from airflow_provider_integrations.connectors.msgraph.subscriber import Subscriber
from airflow_provider_integrations.connectors.msgraph.subscribing import list_subscriptions
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope
from tests.fakes.graph.receiver import Receiver, receiving
from tests.fakes.graph.server import GraphServer

pytestmark = pytest.mark.integration
FIRST, SECOND = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def receiver(graph: GraphServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv(KEY, FIRST)
    monkeypatch.setenv("GRAPH_TOKEN", graph.token)
    with receiving(graph.authority) as found:
        found.states = {"entra_users": [client_state(FIRST, "entra_users")]}
        yield found


def run(graph: GraphServer, command: str, *words: str) -> Any:
    common = ["--base-url", graph.url, "--token-env", "GRAPH_TOKEN", "--ca", str(graph.authority.ca)]
    result = CliRunner().invoke(app, ["graph", command, *common, *words])
    assert graph.token not in result.output
    assert client_state(FIRST, "entra_users") not in result.output
    return json.loads(result.stdout if result.exit_code == 0 else result.stderr)


def subscribe(graph: GraphServer, receiver: Receiver, *words: str) -> Any:
    given = ["--resource", "users", "--notification-url", f"{receiver.url}?code=canary", "--source", "entra_users"]
    told = run(graph, "subscribe", *given, *words)
    assert "canary" not in json.dumps(told)
    return told


def test_a_subscription_is_made_once_told_by_and_deleted(graph: GraphServer, receiver: Receiver) -> None:
    made, again = subscribe(graph, receiver), subscribe(graph, receiver)
    assert (made["done"], again["done"], made["id"]) == ("created", "kept", again["id"])
    assert (made["change_types"], receiver.proofs) == ("deleted,updated", 2)  # Both of its URLs were proved.

    ada = graph.world.add("users", displayName="Ada")
    graph.world.change("users", ada, displayName="A")
    assert graph.subscriptions.deliver() == [202]
    assert {(each.source, each.act, each.event) for each in receiver.notices} == {("entra_users", Act.SYNC, "updated")}

    assert [each["id"] for each in run(graph, "list")["subscriptions"]] == [made["id"]]
    assert run(graph, "delete", "--id", made["id"]) == {"deleted": [made["id"]]}
    assert run(graph, "list") == {"subscriptions": []}


def test_who_does_not_know_the_secret_is_counted_and_not_heard(graph: GraphServer, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)
    graph.subscriptions.held[made["id"]]["clientState"] = "guessed"
    ada = graph.world.add("users", displayName="Ada")
    graph.world.change("users", ada, displayName="A")
    assert graph.subscriptions.deliver() == [202]
    assert receiver.notices == []
    assert receiver.refused > 0


def test_a_new_key_takes_a_new_subscription(
    graph: GraphServer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = subscribe(graph, receiver)
    monkeypatch.setenv(KEY, f"{SECOND},{FIRST}")
    new = subscribe(graph, receiver, "--anew")
    assert new["done"] == "created"
    assert list(graph.subscriptions.held) == [new["id"]] != [old["id"]]
    receiver.states = {"entra_users": [client_state(key, "entra_users") for key in (SECOND, FIRST)]}
    ada = graph.world.add("users", displayName="Ada")
    graph.world.change("users", ada, displayName="A")
    graph.subscriptions.deliver()
    assert receiver.notices
    assert receiver.refused == 0


def test_a_subscription_that_is_looked_after_daily_lives_for_months(graph: GraphServer, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)
    assert run(graph, "renew") == {"renewed": [], "gone": []}
    assert [each["id"] for each in run(graph, "renew", "--share", "1")["renewed"]] == [made["id"]]
    scope, reach = AppScope("t", "t", "c"), Reach(ca=graph.authority.ca)
    keeper = Subscriber(endpoint(graph.url), reach, lambda fresh: graph.token, scope, clock=graph.now)
    renewed = 0
    for _ in range(60):
        graph.advance(days=1)
        renewed += len(keeper.renew().renewed)
    assert [each.id for each in keeper.held()] == [made["id"]]
    assert renewed == 4  # Each when half of its 29 days is left.


def test_a_receiver_that_fails_its_proof_is_told_on_the_command_line(graph: GraphServer, receiver: Receiver) -> None:
    told = run(
        graph,
        "subscribe",
        "--resource",
        "users",
        "--notification-url",
        "https://127.0.0.1:1/n",
        "--source",
        "entra_users",
    )
    assert told["error"] == "ConfigError"
    assert "within 10 s" in told["next_step"]


@pytest.mark.parametrize("key", ["", "guessed"])
def test_without_a_key_there_is_no_secret_and_no_subscription(
    graph: GraphServer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(KEY, key)
    assert subscribe(graph, receiver)["error"] == "ConfigError"
    assert graph.subscriptions.held == {}


def test_the_deferred_driver_lists_the_same(graph: GraphServer, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)

    async def apart() -> list[str]:
        async with open_async_client(Reach(ca=graph.authority.ca)) as client:
            talk = list_subscriptions(endpoint(graph.url))
            landing = Landing(lambda page: None, lambda restart: None)
            return [each.id for each in await drive_async(talk, client, landing, token=lambda fresh: graph.token)]

    assert asyncio.run(apart()) == [made["id"]]
