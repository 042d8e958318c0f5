"""A Graph server in a process of its own, and the ways to bring its users to Parquet that are compared.

All ways ask the delta function for the same pages, of 200 users, over HTTPS. A peer that keeps no state reads everything.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import clock

__all__ = ["NAMES", "Served", "Told", "airflow_hook", "airflow_operator", "airflow_operator_pages", "ours", "peer",
           "plain_and_diff", "plain_loop", "server"]  # fmt: skip

ROOT = Path(__file__).parents[1]
NAMES = ("id", "displayName", "givenName", "surname", "userPrincipalName", "mail", "department", "jobTitle",
         "accountEnabled", "businessPhones", "mobilePhone")  # fmt: skip

Told = dict[str, str]


class Served:
    """A running server: `told` is where it is, `obey` gives it a command."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.told: Told = self._line()

    def obey(self, command: str) -> None:
        """Such as `change 100`; done when it returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        self._line()

    def _line(self) -> Told:
        assert self._process.stdout is not None
        found: Told = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def server(users: int) -> Iterator[Served]:
    """A tenant with that many users, until the block ends."""
    command = [sys.executable, "-m", "tests.fakes.graph", "--users", str(users), "--groups", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Served(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


def ours(told: Told, folder: str) -> dict[str, Any]:
    """What the command line does, with its state; every page and the file are on disk and synced."""
    import httpx  # noqa: F401  Imports are not counted.
    import pyarrow.parquet  # noqa: F401

    from airflow_provider_integrations.connectors.msgraph.client import Reach
    from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
    from airflow_provider_integrations.connectors.msgraph.once import Order, delta_once
    from airflow_provider_integrations.connectors.msgraph.query import Query
    from airflow_provider_integrations.connectors.msgraph.state_file import StateFile

    out = Path(folder)
    query = Query(endpoint(told["base_url"], named=("127.0.0.1",)), "users", select=NAMES)
    with clock() as spent:
        report = delta_once(
            Order(query, out), StateFile(out / "_state"), Reach(ca=Path(told["ca"])), lambda fresh: told["token"]
        )
    return {**spent, "rows": report["upserts"], "pages": report["pages"], "known_mb": _mb(out, "_state.known")}


def plain_loop(told: Told, folder: str) -> dict[str, Any]:
    """The floor: the pages, parsed, to Parquet as they come; nothing is checked, kept, retried or synced."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, rows, writer = _schema(), 0, None
    with _client(told) as client, clock() as spent:
        url = _first(told)
        writer = pq.ParquetWriter(Path(folder) / "plain.parquet", schema, compression="zstd")
        held: list[dict[str, Any]] = []
        while url:
            page = json.loads(client.get(url).raise_for_status().content)
            held += page["value"]
            url = page.get("@odata.nextLink")
            if len(held) >= 10_000 or not url:
                writer.write_table(pa.Table.from_pylist(held, schema=schema))
                rows += len(held)
                held = []
        writer.close()
    return {**spent, "rows": rows}


def plain_and_diff(told: Told, folder: str, before: str) -> dict[str, Any]:
    """The floor's enumeration, compared row by row with the one before it, in DuckDB."""
    import duckdb

    found = plain_loop(told, folder)
    with clock() as spent:
        names = ", ".join(f'"{name}"' for name in NAMES)
        kept, fresh = Path(before) / "plain.parquet", Path(folder) / "plain.parquet"
        changed = duckdb.sql(f"SELECT {names} FROM '{fresh}' EXCEPT SELECT {names} FROM '{kept}'").fetchall()
        gone = duckdb.sql(f"SELECT id FROM '{kept}' EXCEPT SELECT id FROM '{fresh}'").fetchall()
    return {name: found[name] + spent[name] for name in spent} | {"rows": len(changed), "gone": len(gone)}


def peer(python: str, told: Told, folder: str) -> dict[str, Any]:
    """Microsoft's SDK, by a Python that has it; it tells its seconds, rows and memory itself."""
    script = Path(__file__).with_name("graph_peers.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    given = (told["base_url"], told["ca"], told["token"], ",".join(NAMES), folder)
    done = subprocess.run([python, script, *given], check=True, capture_output=True, text=True, env=environment)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def airflow_operator(told: Told, folder: str) -> dict[str, Any]:
    """`MSGraphAsyncOperator` as its guide shows it: pages pile up in XCom, and a next task writes them."""
    return _operator(told, folder, pages=False)


def airflow_operator_pages(told: Told, folder: str) -> dict[str, Any]:
    """The most that it can do: a `result_processor` writes each page and gives its count to XCom."""
    return _operator(told, folder, pages=True)


def airflow_hook(told: Told, folder: str) -> dict[str, Any]:
    """`KiotaRequestAdapterHook.paginated_run` within one task, then one Parquet file."""
    import asyncio

    _connect(told)
    from airflow.providers.microsoft.azure.hooks.msgraph import KiotaRequestAdapterHook

    async def read() -> Any:
        hook = KiotaRequestAdapterHook(conn_id="graph_bench", timeout=60)
        return await hook.paginated_run(url="users/delta", query_parameters={"$select": ",".join(NAMES)})

    with clock() as spent:
        pages = asyncio.run(read())
        rows = _write(Path(folder) / "hook.parquet", [user for page in pages for user in page["value"]])
    return {**spent, "rows": rows}


class _TaskInstance:
    """XCom without the way to Airflow's database: the value as JSON, which is what is sent there."""

    map_index = -1

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def xcom_pull(self, *, key: str, **_: Any) -> Any:
        """The value, read anew."""
        return json.loads(self._kept.get(key, "null"))

    def xcom_push(self, *, key: str, value: Any) -> None:
        """Keep the value."""
        self._kept[key] = json.dumps(value)


def _operator(told: Told, folder: str, *, pages: bool) -> dict[str, Any]:
    """Defer, run the trigger, resume, until no page is left; Airflow's scheduler and triggerer are left out."""
    import asyncio

    _connect(told)
    from airflow.providers.microsoft.azure.operators.msgraph import MSGraphAsyncOperator
    from airflow.sdk.exceptions import TaskDeferred

    context: Any = {"ti": _TaskInstance()}
    count = 0

    def land(page: dict[str, Any], **_: Any) -> Any:
        nonlocal count
        count += 1
        return _write(Path(folder) / f"page-{count:06d}.parquet", page["value"])

    options: dict[str, Any] = {"result_processor": land} if pages else {}
    read = MSGraphAsyncOperator(
        task_id="read", conn_id="graph_bench", url="users/delta", timeout=60,
        query_parameters={"$select": ",".join(NAMES)}, **options,
    )  # fmt: skip

    def step(work: Any, *given: Any, **named: Any) -> Any:
        try:
            return work(context, *given, **named)
        except TaskDeferred as deferred:
            return deferred

    async def converse() -> Any:  # One loop for all, as the triggerer has it.
        found = step(read.execute)
        while isinstance(found, TaskDeferred):
            event = await anext(aiter(found.trigger.run()))
            found = step(read.execute_complete, event.payload, **(found.kwargs or {}))
        return found

    with clock() as spent:
        found = asyncio.run(converse())
        if pages:
            rows = sum(found)
        else:
            rows = _write(Path(folder) / "operator.parquet", [user for page in found for user in page["value"]])
    return {**spent, "rows": rows}


def _connect(told: Told) -> None:
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"  # Else it logs all that it has got at each page.
    extra = {
        "tenant_id": told["tenant"], "authority": told["authority"], "verify": told["ca"], "api_version": "v1.0",
        "disable_instance_discovery": True, "base_url": told["base_url"],
        "allowed_hosts": f"127.0.0.1,{told['authority'].removeprefix('https://')}",
    }  # fmt: skip
    os.environ["AIRFLOW_CONN_GRAPH_BENCH"] = json.dumps(
        {"conn_type": "msgraph", "host": "127.0.0.1", "login": told["client_id"], "password": told["client_secret"],
         "extra": extra}
    )  # fmt: skip


def _write(path: Path, users: list[dict[str, Any]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(users, schema=_schema()), path, compression="zstd")
    return len(users)


def _schema() -> Any:
    import pyarrow as pa

    special = {"accountEnabled": pa.bool_(), "businessPhones": pa.list_(pa.string())}
    return pa.schema([(name, special.get(name, pa.string())) for name in NAMES])


def _first(told: Told) -> str:
    return f"{told['base_url']}/users/delta?$select={','.join(NAMES)}"


def _client(told: Told) -> Any:
    import httpx

    trust = ssl.create_default_context(cafile=told["ca"])
    return httpx.Client(verify=trust, headers={"Authorization": f"Bearer {told['token']}"})


def _mb(folder: Path, name: str) -> float:
    path = folder / name
    return round(path.stat().st_size / 2**20, 1) if path.exists() else 0.0
