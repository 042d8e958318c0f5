"""Subscriptions in Airflow: the operator keeps what a source declares, and the DAG runs it for each that declares any."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from airflow_provider_integrations.connectors.msgraph.notifications import client_state
from airflow_provider_integrations.connectors.msgraph.operators import GraphSubscribeOperator
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope
from airflow_provider_integrations.core.errors import ConfigError, RateLimitedError
from airflow_provider_integrations.core.graph_source import GraphSource
from airflow_provider_integrations.dag_context import token_keys
from airflow_provider_integrations.include import read_graph_source
from tests.fakes.airflow_home import REPO
from tests.fakes.graph.faults import throttled
from tests.fakes.graph.receiver import Receiver, receiving
from tests.fakes.graph.server import GraphServer
from tests.fakes.graph_deployment import GraphDeployment, context, deploy, execute

pytestmark = pytest.mark.integration


@pytest.fixture
def receiver(graph: GraphServer) -> Iterator[Receiver]:
    with receiving(graph.authority) as found:
        yield found


@pytest.fixture
def deployment(
    graph: GraphServer, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GraphDeployment]:
    with deploy(graph, tmp_path / "one", notify={"url": receiver.url}) as one:
        yield one.enter(monkeypatch)


def keep(source: str = "entra_users", **options: object) -> dict[str, str]:
    told: dict[str, str] = execute(GraphSubscribeOperator(task_id="keep", source=source, **options), context())
    return told


def test_each_source_has_its_own_subscription_whose_notifications_prove_it(
    graph: GraphServer, receiver: Receiver, deployment: GraphDeployment
) -> None:
    made = [keep("entra_users"), keep("entra_groups")]
    assert [told["done"] for told in made] == ["created", "created"]
    assert keep("entra_users")["done"] == "kept"
    (key,) = token_keys()
    receiver.states = {name: [client_state(key, name)] for name in ("entra_users", "entra_groups")}
    ada = graph.world.add("users", displayName="Ada")
    graph.world.change("users", ada, displayName="A")
    assert graph.subscriptions.deliver() == [202]
    assert {each.source for each in receiver.notices} == {"entra_users"}
    assert receiver.refused == 0


def test_a_rotated_key_takes_effect_by_anew(
    graph: GraphServer, deployment: GraphDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep()
    fresh = Fernet.generate_key().decode()
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__GRAPH_STATE_KEY", f"{fresh},{token_keys()[0]}")
    assert keep()["done"] == "kept"
    assert keep(anew="True")["done"] == "created"
    (held,) = graph.subscriptions.held.values()
    assert held["clientState"] == client_state(fresh, "entra_users")


def test_a_pause_of_the_app_is_shared_through_the_ledger(graph: GraphServer, deployment: GraphDeployment) -> None:
    deployment.declare("entra_users", patience="PT2S")
    graph.faults.add(throttled(600), where="/v1.0/")
    with pytest.raises(RateLimitedError):
        keep()
    app = graph.identity.app
    assert deployment.ledger.graph.until(AppScope("global", app.tenant, app.client_id).key) is not None
    asked = len(graph.requests("/v1.0/"))
    with pytest.raises(RateLimitedError):
        keep()
    assert len(graph.requests("/v1.0/")) == asked, "the pause is known: nobody is asked"


def test_a_source_without_notifications_has_no_subscription_to_keep(deployment: GraphDeployment) -> None:
    deployment.declare("entra_users", notify=None)
    with pytest.raises(ConfigError, match="declares no notifications"):
        keep()


def test_what_cannot_be_notified_of_is_refused_in_the_source(deployment: GraphDeployment) -> None:
    include = deployment.folder / "include"
    assert isinstance(read_graph_source(include, "entra_users"), GraphSource)
    for wrong in ({"url": "http://r.test"}, {"url": "https://r.test", "change_types": ["read"]}):
        deployment.declare("entra_users", notify=wrong)
        with pytest.raises(ConfigError, match="notify"):
            read_graph_source(include, "entra_users")
    deployment.declare("entra_users", notify={"url": "https://r.test"}, protocol="dataverse")
    with pytest.raises(ConfigError, match="take `notify` out"):
        read_graph_source(include, "entra_users")


MAIN = """
if __name__ == "__main__":
    print("DAG_IDS", sorted(name for name in globals() if name == "dag"), [task.task_id for task in dag.tasks])
    print("STATE", dag.test(run_conf={"anew": True}).state)
"""


def test_the_dag_keeps_the_subscription_of_each_source(
    graph: GraphServer, deployment: GraphDeployment, run_dag: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    keep("entra_users")
    before = set(graph.subscriptions.held)
    text = (REPO / "dags" / "graph_subscriptions.py").read_text()
    done = run_dag(text + MAIN, **deployment.environment)
    assert "['entra_groups', 'entra_users']" in done.stdout, done.stdout[-3000:]
    assert "STATE success" in done.stdout, done.stdout[-3000:]
    assert len(graph.subscriptions.held) == 2
    assert not before & set(graph.subscriptions.held)  # By the run's parameter.
    assert [secret for secret in deployment.secrets if secret in done.stdout] == []
    assert client_state(token_keys()[0], "entra_users") not in done.stdout


def test_without_such_a_source_there_is_no_dag() -> None:
    """Our samples declare none: a receiver is each deployment's own."""
    assert read_graph_source(REPO / "include", "entra_users").notify is None
