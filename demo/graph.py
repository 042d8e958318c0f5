"""The demo's tenant: users, and groups with members, followed by their deltas through changes, deletions and a lost link."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from airflow_provider_integrations.core.work_item import WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from demo.airflow_api import AirflowApi
from demo.environment import warehouse_options
from demo.graph_server import digest_of
from demo.home import DemoError, Home

__all__ = ["DAG_IDS", "GraphRun", "records", "run_graph", "show"]

SOURCES = ("entra_users", "entra_groups")
DAG_IDS = tuple(f"graph_delta__{source}" for source in SOURCES)
RUN_SECONDS = 300
_SILVER = "INTEGRATIONS.SILVER"
_HELD = {
    "users": f"SELECT id, user_principal_name, job_title, department FROM {_SILVER}.ENTRA_USERS WHERE is_current",  # noqa: S608
    "groups": f"SELECT id, display_name FROM {_SILVER}.ENTRA_GROUPS WHERE _deleted_version IS NULL",  # noqa: S608
    "members": f"SELECT owner_id, member_id FROM {_SILVER}.ENTRA_GROUP_MEMBERS WHERE _deleted_version IS NULL",  # noqa: S608
}


@dataclass(frozen=True, slots=True)
class GraphRun:
    """One run of the DAGs: what it brought, and what tenant and warehouse hold after it.

    Args:
        title: What happened in the tenant before it.
        reset: Sources whose links the tenant had forgotten.
        upserts, removals: Rows that were landed and ids that went, memberships among them.
        resync: Why everything was enumerated again, by source.
        tenant, warehouse: Count and digest of users, groups and memberships.
    """

    title: str
    reset: tuple[str, ...]
    upserts: int
    removals: int
    resync: dict[str, list[str]]
    tenant: dict[str, tuple[int, str]]
    warehouse: dict[str, tuple[int, str]]

    @property
    def as_expected(self) -> bool:
        """Whether both sides hold the same, and a lost link led to a resync."""
        return self.tenant == self.warehouse and set(self.reset) <= set(self.resync)


def run_graph(home: Home, api: AirflowApi, ledger: Ledger, progress: Progress) -> list[GraphRun]:
    """Run the DAGs on the tenant as it is, if they never were; after a day's work; and after it has lost links."""
    for dag_id in DAG_IDS:
        for run_id in api.active_runs(dag_id):
            api.end_run(dag_id, run_id)
        api.unpause(dag_id)
    if any(ledger.items.list(source, limit=1) for source in SOURCES):
        steps = [("another day's work, and the users' link lost", ["day", "reset"])]
    else:
        steps = [
            ("as the tenant is", []),
            ("after a day's work", ["day"]),
            ("the users' link lost, 4 of them gone unseen", ["reset"]),
        ]
    return [_run(home, api, ledger, progress, *step) for step in steps]


def show(console: Console, runs: list[GraphRun]) -> None:
    """The runs, and whether both sides agree."""
    table = Table(
        title="Users and groups of Microsoft Entra ID", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for name in ("run", "brought", "resync", "tenant = warehouse"):
        table.add_column(name)
    for run in runs:
        brought = f"{run.upserts:,} rows, {run.removals:,} gone"
        reasons = sorted({reason for each in run.resync.values() for reason in each})
        there, held = (", ".join(f"{count:,} {name}" for name, (count, _) in side.items())
                       for side in (run.tenant, run.warehouse))  # fmt: skip
        both = there if run.tenant == run.warehouse else f"[bold red]{there} is not {held}[/]"
        table.add_row(run.title, brought, ", ".join(reasons), both)
    console.print()
    console.print(table)


def records(runs: list[GraphRun]) -> list[dict[str, Any]]:
    """For the result file."""
    return [asdict(run) for run in runs]


def _run(home: Home, api: AirflowApi, ledger: Ledger, progress: Progress, title: str, steps: list[str]) -> GraphRun:
    tenant = [_tenant(home, step) for step in ("", *steps)][-1]
    known = {item.id for item in _items(ledger)}
    run_id = f"demo__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    bar = progress.add_task(f"Users and groups, {title}", total=100, note="")
    for dag_id in DAG_IDS:
        api.trigger(dag_id, {}, run_id)
    deadline = time.monotonic() + RUN_SECONDS
    while set(states := [api.run_state(dag_id, run_id) for dag_id in DAG_IDS]) - {"success", "failed"}:
        tasks = [task for dag_id in DAG_IDS for task in api.tasks(dag_id, run_id)]
        share = 100 * sum(task.ended for task in tasks) / max(len(tasks), 1)
        progress.update(bar, completed=share, note=", ".join(sorted(set(states))))
        if time.monotonic() > deadline:
            raise DemoError(f"the runs {run_id} of {', '.join(DAG_IDS)} take longer than {RUN_SECONDS} s.")
        time.sleep(0.7)
    progress.update(bar, completed=100, note=", ".join(sorted(set(states))))
    for dag_id, state in zip(DAG_IDS, states, strict=True):
        if state != "success":
            raise DemoError(f"the run {run_id} failed. Look at {api.url}/dags/{dag_id}/runs/{run_id}")
    fresh = [item for item in _items(ledger) if item.id not in known]
    return GraphRun(
        title=title,
        reset=SOURCES[:1] if "reset" in steps else (),
        upserts=sum(item.facts.get("upserts", 0) for item in fresh),
        removals=sum(item.facts.get(name, 0) for item in fresh for name in ("removals_soft", "removals_hard")),
        resync={item.source: found for item in fresh if (found := item.facts.get("resync")) and item.source in SOURCES},
        tenant=tenant,
        warehouse=_warehouse(home),
    )


def _items(ledger: Ledger) -> list[WorkItem]:
    names = (*SOURCES, "entra_groups__members")
    return [item for name in names for item in ledger.items.list(name, limit=None)]


def _tenant(home: Home, step: str) -> dict[str, tuple[int, str]]:
    """Do a step in the tenant, or none; what it holds then."""
    request = urllib.request.Request(
        f"https://127.0.0.1:{home.port('graph')}/demo/{step or 'truth'}",
        method="POST" if step else "GET",
        headers={"X-Demo-Token": home.token},
    )
    trust = ssl.create_default_context(cafile=home / "graph" / "ca.pem")
    # No proxy stands between a machine and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    try:
        with opener.open(request, timeout=60) as answer:
            found = json.load(answer)
    except (urllib.error.URLError, OSError) as error:
        raise DemoError(f"the tenant does not answer: {error}") from None
    return {name: (count, digest) for name, (count, digest) in found.items()}


def _warehouse(home: Home) -> dict[str, tuple[int, str]]:
    """The same of the warehouse's current rows."""
    import snowflake.connector

    found: dict[str, tuple[int, str]] = {}
    with snowflake.connector.connect(**warehouse_options(home)) as connection, connection.cursor() as cursor:
        for name, query in _HELD.items():
            cursor.execute(query)
            rows = [tuple(row) for row in cursor.fetchall()]
            found[name] = (len(rows), digest_of(rows))
    return found
