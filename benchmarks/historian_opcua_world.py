"""A server of OPC UA history in a process of its own, and the ways to take its values to Parquet."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.machine import clock

__all__ = ["asyncua_own", "ours", "server"]

_ROOT = Path(__file__).parents[1]


@contextmanager
def server(values: int, cap: int) -> Iterator[dict[str, str]]:
    """asyncua's server; its pages are ready, so that it answers as fast as asyncua can send."""
    command = [sys.executable, "-m", "tests.fakes.opcua", "--values", str(values), "--cap", str(cap)]
    process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate(timeout=30)


def ours(told: dict[str, str], folder: str) -> dict[str, Any]:
    """What `integrations historian backfill` runs, its parts and its durable files included."""
    from airflow_provider_integrations.connectors.historian.backfill import Limits, Order
    from airflow_provider_integrations.connectors.historian.model import Span, Tag, from_iso
    from airflow_provider_integrations.connectors.historian.once import Request, backfill_once
    from airflow_provider_integrations.connectors.historian.opcua_client import open_opcua
    from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings

    out, settings = Path(folder), OpcUaSettings.from_url(told["url"])
    with clock() as spent:
        span = Span(from_iso(told["begin"]), from_iso(told["end"]))
        order = Order((Tag("level", told["node"]),), span)
        report = backfill_once(
            Request(order, told["url"], out, out / ".backfill.json", Limits()), lambda: open_opcua(settings)
        )
    return {"rows": report["samples"], **spent}


def asyncua_own(told: dict[str, str], folder: str) -> dict[str, Any]:
    """asyncua's `read_raw_history` to a list, that to a data frame, and that to Parquet."""
    import pandas as pd
    from asyncua import Client

    async def read() -> list[Any]:
        async with Client(told["url"], timeout=60, watchdog_intervall=600) as client:
            begin, end = (datetime.fromisoformat(told[name]) for name in ("begin", "end"))
            node = client.get_node(told["node"])
            return await node.read_raw_history(begin, end - timedelta(microseconds=1), return_bounds=False)

    with clock() as spent:
        found = asyncio.run(read())
        frame = pd.DataFrame(
            {
                "ts": [value.SourceTimestamp for value in found],
                "value": [value.Value.Value for value in found],
                "status": [value.StatusCode.value if value.StatusCode else 0 for value in found],
            }
        )
        frame.to_parquet(Path(folder) / "level.parquet", compression="zstd")
    return {"rows": len(frame), **spent}
