"""A server for benchmarks and other processes: `python -m tests.fakes.opcua --values 5000000`; tells its endpoint and node.

    {"url": "opc.tcp://127.0.0.1:40123/history", "node": "ns=2;i=3", "begin": "...", "end": "..."}

It runs until its standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

import numpy as np
from asyncua import Server

from airflow_provider_integrations.connectors.historian.model import from_iso, to_iso
from tests.fakes.opcua.server import History, records, running

BEGIN = from_iso("2026-01-01T00:00:00Z")
STEP = 100_000_000  # A value every 100 ms.


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=int, default=100_000)
    parser.add_argument("--cap", type=int, default=10_000, help="the most values of a page")
    parser.add_argument("--runs", type=int, default=0, help="so many instants have several values")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    places = np.arange(given.values)
    if given.runs:
        # Three values at each of some instants, spread over all.
        begins = np.linspace(0, given.values - 4, given.runs).astype(np.int64)
        for offset in (1, 2):
            places[begins + offset] = places[begins]
    history = History({3: records(BEGIN + places * STEP)}, cap=given.cap)

    async def prepare(server: Server) -> None:
        server.iserver.history_manager.read_history = history.read_history

    async with running([3], prepare, port=given.port) as (_, index, url):
        told = {
            "url": url, "node": f"ns={index};i=3", "begin": to_iso(BEGIN), "end": to_iso(BEGIN + given.values * STEP),
        }  # fmt: skip
        print(json.dumps(told), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
