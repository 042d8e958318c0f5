"""A delta source by the ledger over the Graph server without a socket: what a worker has, and what bronze comes to.

Bronze is what a warehouse is loaded from, so it is replayed here as the loader would: batches in the order of versions, rows
by key, then the deleted keys of the same batch.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.fernet import Fernet
from upath import UPath

from airflow_provider_integrations.connectors.msgraph.client import Reach
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.reading import Asked, RoundReport, read_round
from airflow_provider_integrations.connectors.msgraph.rounds import land_round
from airflow_provider_integrations.connectors.msgraph.settle import settle_graph
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope
from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.graph_source import GraphSource, relation_contract, relation_source_name
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing.bronze import DELETED, batch_key, read_manifest
from airflow_provider_integrations.landing.deletions import awaits_deletions, kept_deletions
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.graph.messages import Request as Asking
from tests.fakes.graph.service import GraphService

__all__ = [
    "KEYS",
    "USERS",
    "bronze",
    "by_id",
    "graph_job",
    "load_all",
    "run_through",
    "through",
    "through_async",
    "truth",
    "zone",
]

KEYS = (Fernet.generate_key().decode(),)
USERS = Contract(
    contract="entra_users",
    version="1.0.0",
    columns=(
        Column(name="id", type="string", nullable=False),
        Column(name="display_name", type="string"),
        Column(name="city", type="string"),
    ),
    keys=("id",),
)
GROUPS = USERS.model_copy(update={"contract": "entra_groups", "columns": USERS.columns[:2]})


def graph_job(ledger: Ledger, root: UPath, scratch: Path, **changed: Any) -> GraphJob:
    """A job of users, or of groups with their members where `resource` says so, against `https://graph.test`."""
    resource, name = changed.pop("resource", "users"), changed.pop("name", "entra_users")
    declared = {"gone_share": 1.0, **changed.pop("declared", {})}
    contract = changed.pop("contract", GROUPS if resource == "groups" else USERS)
    relations = {"members": {"load": {"table": f"{name}_members"}}} if resource == "groups" else {}
    source = GraphSource.model_validate(
        {
            "source": name,
            "kind": "graph",
            "connection": "graph",
            "resource": resource,
            "contract": "c.yaml",
            "relations": relations,
            "load": {"table": name},
            **declared,
        }
    )
    query = Query(
        endpoint(changed.pop("url", "https://graph.test/v1.0"), named=("graph.test",)),
        resource,
        select=(*(source.property_of(column.name) for column in contract.columns), *relations),
        prefer=source.prefer,
    )
    values: dict[str, Any] = {
        "source": source,
        "contract": contract,
        "relations": {relation: relation_contract(name, relation) for relation in relations},
        "query": query,
        "reach": Reach(),
        "token": lambda fresh: "token",
        "scope": AppScope("global", "contoso", "app"),
        "keys": KEYS,
        "ledger": ledger,
        "root": root,
        "scratch": scratch,
        "owner": "worker",
    }
    return GraphJob(**{**values, **changed})


def through(graph: GraphService) -> Callable[..., Any]:
    """What stands for `open_client`: requests go to the service, with no socket between."""

    @contextmanager
    def opened(reach: Reach) -> Iterator[httpx.Client]:
        with httpx.Client(transport=_transport(graph)) as client:
            yield client

    return opened


def through_async(graph: GraphService) -> Callable[..., Any]:
    """The same for `open_async_client`."""

    @asynccontextmanager
    async def opened(reach: Reach) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(transport=_transport(graph)) as client:
            yield client

    return opened


def _transport(graph: GraphService) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        answered = graph.answer(Asking("GET", str(request.url), {**headers, "authorization": f"Bearer {graph.token}"}))
        if answered.cut is not None:
            raise httpx.ReadError("cut off", request=request)
        return httpx.Response(answered.status, headers=answered.headers, content=answered.content())

    return httpx.MockTransport(answer)


def load_all(ledger: Ledger, items: list[WorkItem], settle: Callable[[Ledger, str], Any]) -> None:
    """Gate, load and mark the deletions of landed items, as the steps behind this one do, and settle after each."""
    with holding(ledger, "loader") as held:
        for item in items:
            if item.state is State.LANDED and held.take(item.id, State.LANDED):
                held.advance(item, State.GATED)
            if held.take(item.id, State.GATED):
                held.advance(item, State.LOADED)
            if (
                (now := ledger.items.get(item.id)).state is State.LOADED
                and awaits_deletions(now)
                and held.take(item.id, State.LOADED)
            ):
                held.note(item, {"deletions_of": now.facts["batch_id"]})
                held.let_go()
            settle(ledger, item.source)


def run_through(job: GraphJob, asked: Asked | None = None, approved: str = "") -> RoundReport:
    """A whole round: read, landed, loaded and settled."""
    report = read_round(job, asked or Asked())
    items = land_round(job, approved)
    load_all(job.ledger, items, lambda ledger, name: settle_graph(ledger, name, keys=job.keys))
    return report


def bronze(job: GraphJob, relation: str = "") -> dict[tuple[str, ...], dict[str, Any]]:
    """What a warehouse has that has loaded all items, by key."""
    loaded = job.ledger.items.list(_name(job, relation), [State.LOADED, State.ARCHIVED], limit=None)
    batches = [item for item in loaded if "version" in item.facts]
    for item in batches:
        assert bool(item.facts.get("keys_deleted")) == (job.root / item.facts["folder"] / DELETED).exists()
        if item.facts.get("keys_deleted"):
            kept_deletions(job.root, item)
    return _replayed(job, relation, [Manifest.from_json(item.facts["manifest"]) for item in batches])


def zone(job: GraphJob, relation: str = "") -> dict[tuple[str, ...], dict[str, Any]]:
    """The same of all that lies in bronze, whatever the ledger knows of it."""
    folder = job.root / "bronze" / _name(job, relation)
    return _replayed(job, relation, [read_manifest(batch) for day in folder.iterdir() for batch in day.iterdir()])


def _name(job: GraphJob, relation: str) -> str:
    return relation_source_name(job.source.source, relation) if relation else job.source.source


def _replayed(job: GraphJob, relation: str, batches: list[Manifest]) -> dict[tuple[str, ...], dict[str, Any]]:
    contract = job.relations[relation] if relation else job.contract
    assert len({batch.version for batch in batches}) == len(batches), "two batches of one version"
    table: dict[tuple[str, ...], dict[str, Any]] = {}
    for manifest in sorted(batches, key=lambda each: each.version):
        folder = job.root / batch_key(manifest)
        rows = [row for file in manifest.files for row in read_rows(folder / file.name)]
        keys = [tuple(row[key] for key in contract.keys) for row in rows]
        assert len(set(keys)) == len(keys), "a key comes twice in a batch"
        for key, row in zip(keys, rows, strict=True):
            table[key] = {name: value for name, value in row.items() if name[0] != "_" and value is not None}
        if (folder / DELETED).exists():
            for row in pa.ipc.open_file(pa.BufferReader((folder / DELETED).read_bytes())).read_all().to_pylist():
                table.pop(tuple(row[key] for key in contract.keys), None)
    return table


def read_rows(path: UPath) -> list[dict[str, Any]]:
    """The rows of one part."""
    found: list[dict[str, Any]] = pq.read_table(pa.BufferReader(path.read_bytes())).to_pylist()
    return found


def by_id(table: dict[tuple[str, ...], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same as the server's truth names it."""
    camel = {"display_name": "displayName", "city": "city"}
    return {key: {camel[name]: row[name] for name in row if name != "id"} for (key,), row in table.items()}


def truth(graph: GraphService, path: str = "users", names: tuple[str, ...] = ("displayName", "city")) -> dict[str, Any]:
    """What the server has, empty properties left out."""
    living = graph.world.truth(path, names)
    return {each: {name: row[name] for name in row if row[name] is not None} for each, row in living.items()}
