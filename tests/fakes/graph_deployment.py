"""An Airflow deployment around the Graph server: connections, keys and `include/` as a task finds them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from airflow.sdk.exceptions import TaskDeferred
from cryptography.fernet import Fernet

from airflow_provider_integrations.connectors.msgraph.operators import GraphDeltaSyncOperator, GraphRoundLandOperator
from airflow_provider_integrations.connectors.msgraph.settle import settle_graph
from airflow_provider_integrations.connectors.msgraph.triggers import GraphChangesTrigger, GraphDeltaTrigger
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.dag_context import token_keys
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.airflow_home import REPO
from tests.fakes.graph.server import GraphServer
from tests.fakes.ledgers import migrated

__all__ = [
    "GraphDeployment",
    "TaskInstance",
    "connection_of",
    "context",
    "deploy",
    "event_of",
    "execute",
    "land",
    "landed_rows",
    "load",
    "read",
    "write_include",
]


@dataclass
class TaskInstance:
    """What the operators ask of Airflow's task instance."""

    dag_id: str = "graph_delta"
    run_id: str = "manual"
    task_id: str = "t"
    map_index: int = -1
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.loads(json.dumps(value))


def context(**changes: Any) -> Any:
    return {"ti": TaskInstance(**changes)}


@dataclass
class GraphDeployment:
    """One deployment; each has a ledger and a landing zone of its own, and all share the server."""

    graph: GraphServer
    folder: Path
    ledger: Ledger
    environment: dict[str, str]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log, event, error or XCom may show: keys, the client secret, and what is in links."""
        key = self.environment["AIRFLOW__INTEGRATIONS__GRAPH_STATE_KEY"]
        return key, self.graph.identity.app.secret, *self.graph.identity.given, "skiptoken=", "deltatoken="

    def enter(self, patch: pytest.MonkeyPatch) -> GraphDeployment:
        """Let what follows run in it."""
        for name, value in self.environment.items():
            patch.setenv(name, value)
        return self

    def declare(self, name: str, **changes: Any) -> None:
        """Change the source's file."""
        path = self.folder / "include" / "sources" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def connection_of(graph: GraphServer, **changes: Any) -> str:
    """The Airflow connection to the server, as JSON."""
    app = graph.identity.app
    extra = {"tenant_id": app.tenant, "authority": graph.base, "ca": str(graph.authority.ca), "timeout": 10}
    fields = {"conn_type": "msgraph_delta", "host": graph.base, "login": app.client_id, "password": app.secret}
    return json.dumps(fields | {"extra": extra} | changes)


def write_include(folder: Path, **changes: Any) -> Path:
    """Our samples of Graph alone, each source with the changes."""
    include = folder / "include"
    for kind in ("sources", "contracts", "expectations"):
        (include / kind).mkdir(parents=True, exist_ok=True)
    for name in ("entra_users", "entra_groups"):
        source = yaml.safe_load((REPO / "include" / "sources" / f"{name}.yaml").read_text())
        (include / "sources" / f"{name}.yaml").write_text(yaml.safe_dump(source | changes))
        contract = (REPO / "include" / "contracts" / f"{name}.yaml").read_text()
        (include / "contracts" / f"{name}.yaml").write_text(contract)
    return include


@contextmanager
def deploy(graph: GraphServer, folder: Path, **changes: Any) -> Iterator[GraphDeployment]:
    """A deployment in a folder, to be entered."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger = {"conn_type": "integrations_ledger", "extra": {"path": str(folder / "ledger.db")}}
    environment = {
        "AIRFLOW_CONN_MSGRAPH_ENTRA": connection_of(graph),
        "AIRFLOW_CONN_INTEGRATIONS_LEDGER": json.dumps(ledger),
        "AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER": str(write_include(folder, **changes)),
        "AIRFLOW__INTEGRATIONS__LANDING_ROOT": str(folder / "landing"),
        "AIRFLOW__INTEGRATIONS__GRAPH_STATE_KEY": Fernet.generate_key().decode(),
    }
    with Ledger.connect(f"sqlite:///{folder}/ledger.db") as opened:
        migrated(opened)
        yield GraphDeployment(graph, folder, opened, environment)


def execute(operator: Any, told: Any) -> Any:
    return type(operator).execute(operator, told)


def event_of(trigger: GraphDeltaTrigger | GraphChangesTrigger, times: int = 1) -> list[Any]:
    """The first events of a trigger, made anew from what Airflow keeps of it, as they come back from its database."""
    path, arguments = trigger.serialize()
    again = type(trigger)(**json.loads(json.dumps(arguments)))
    assert path == f"{type(trigger).__module__}.{type(trigger).__name__}"

    async def first() -> list[Any]:
        found: list[Any] = []
        async for event in again.run():
            found.append(event.payload)
            if len(found) == times:
                break
        return found

    events: list[Any] = json.loads(json.dumps(asyncio.run(first())))
    return events


def read(mode: str, source: str = "entra_users", told: Any = None, **options: Any) -> dict[str, Any]:
    told = told or context()
    operator = GraphDeltaSyncOperator(task_id="read", source=source, deferrable=mode == "deferrable", **options)
    if mode == "plain":
        found: dict[str, Any] = execute(operator, told)
        return found
    with pytest.raises(TaskDeferred) as deferred:
        execute(operator, told)
    trigger = deferred.value.trigger
    assert isinstance(trigger, GraphDeltaTrigger)
    [event] = event_of(trigger)
    return getattr(operator, deferred.value.method_name)(told, event)  # type: ignore[no-any-return]


def land(source: str = "entra_users", approved: str = "") -> dict[str, Any]:
    found: dict[str, Any] = execute(
        GraphRoundLandOperator(task_id="land", source=source, approved=approved), context(run_id="land")
    )
    return found


def load(deployment: GraphDeployment, source: str = "entra_users") -> None:
    """As if what was landed were gated, loaded, and its deletions marked."""
    for name in [each for each in (source, f"{source}__members") if each in _sources(deployment)]:
        for item in deployment.ledger.items.list(name, [State.LANDED], limit=None):
            for state, facts in ((State.GATED, {}), (State.LOADED, {"deletions_of": item.facts["batch_id"]})):
                [(_, claim)] = deployment.ledger.items.claim_all(
                    [item.id], "loader", states=[State.LANDED, State.GATED], lease=timedelta(minutes=1)
                )
                deployment.ledger.items.advance(claim, state, facts=facts)
    settle_graph(deployment.ledger, source, keys=token_keys())


def _sources(deployment: GraphDeployment) -> set[str]:
    return {item.source for item in deployment.ledger.items.list(limit=None)}


def landed_rows(deployment: GraphDeployment, source: str) -> list[dict[str, Any]]:
    """All rows of the last batch."""
    item = deployment.ledger.items.list(source, limit=None)[0]
    folder = deployment.folder / "landing" / item.facts["folder"]
    rows = [row for part in sorted(folder.glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
    return sorted(rows, key=lambda row: json.dumps(row, default=str))
