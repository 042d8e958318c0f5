"""Recorded values of many PI points to Parquet, beside a loop of `recorded` calls with requests and pandas.

The loop is the vendor's published pattern: a call for each point, the next one from the last timestamp on until a page is short,
then one table. It is run with pages of the default count (1,000) and with the largest that the service allows (150,000). The
server is the one that the tests use, in a process of its own, its answers rendered before. Rates are of values a second.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import Goal, Options, apart, clock, main, medians, save

__all__ = ["loop", "measure", "ours", "reader_alone"]

ROOT = Path(__file__).parents[1]
BEGIN, END = "2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z"
FULL = {"points": 200, "values": 10_000, "rounds": 3}
QUICK = {"points": 20, "values": 2_000, "rounds": 1}


def measure(options: Options) -> dict[str, Any]:
    """Run all ways in turns."""
    with _server(options["points"], options["values"]) as url:
        ways = {
            "ours": (ours, url, options["points"]),
            "reader_alone": (reader_alone, url, options["points"]),
            "loop": (loop, url, options["points"], 1_000),
            "loop_largest": (loop, url, options["points"], 150_000),
        }
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        for _ in range(options["rounds"]):
            for way, (work, *given) in ways.items():
                with tempfile.TemporaryDirectory(prefix="pi-") as folder:
                    runs[way].append(apart(work, *given, folder))
    figures = {way: medians(found) for way, found in runs.items()}
    for way, figure in figures.items():
        if figure["rows"] != options["points"] * options["values"]:
            raise RuntimeError(f"{way} brought {figure['rows']} rows")
        figure["values_per_s"] = round(figure["rows"] / figure["seconds"])
    return save("historian_pi", _goals(figures), figures, options)


def ours(url: str, points: int, folder: str) -> dict[str, Any]:
    """What `integrations historian backfill` does: durable parts, then one file a tag."""
    from airflow_provider_integrations.connectors.historian.backfill import Limits, Order
    from airflow_provider_integrations.connectors.historian.model import Span, from_iso
    from airflow_provider_integrations.connectors.historian.once import Request, backfill_once
    from airflow_provider_integrations.connectors.historian.pi_client import open_pi
    from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings

    order = Order(_tags(points), Span(from_iso(BEGIN), from_iso(END)))
    request = Request(order, url, Path(folder) / "out", Path(folder) / "state.json", Limits())
    settings = PiSettings.from_url(url)
    with clock() as spent:
        told = backfill_once(request, lambda: open_pi(settings))
    return {**spent, "rows": told["samples"]}


def reader_alone(url: str, points: int, folder: str) -> dict[str, Any]:
    """Pages are counted and let go: what of the time is reading."""
    from airflow_provider_integrations.connectors.historian.model import Span, from_iso
    from airflow_provider_integrations.connectors.historian.pi_client import open_pi
    from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings

    async def read() -> int:
        async with open_pi(PiSettings.from_url(url)) as reader:
            span = Span(from_iso(BEGIN), from_iso(END))
            return sum([page.samples.num_rows async for page in reader.read(_tags(points), span)])

    with clock() as spent:
        rows = asyncio.run(read())
    return {**spent, "rows": rows}


def loop(url: str, points: int, most: int, folder: str) -> dict[str, Any]:
    """requests and pandas, point by point."""
    import pandas as pd
    import requests

    with clock() as spent, requests.Session() as session:
        frames = []
        for tag in _tags(points):
            found = session.get(f"{url}/points", params={"path": tag.address}, timeout=100).json()
            start, more = BEGIN, True
            while more:
                asked = {"startTime": start, "endTime": END, "maxCount": str(most)}
                answer = session.get(f"{url}/streams/{found['WebId']}/recorded", params=asked, timeout=100)
                answer.raise_for_status()
                items = answer.json()["Items"]
                more = len(items) >= most
                frame = pd.DataFrame(items)
                frame["tag"] = tag.name
                frames.append(frame[:-1] if more else frame)
                start = items[-1]["Timestamp"]
        table = pd.concat(frames, ignore_index=True)
        table["Timestamp"] = pd.to_datetime(table["Timestamp"], format="ISO8601")
        table.to_parquet(Path(folder) / "all.parquet")
    return {**spent, "rows": len(table)}


def _tags(points: int) -> tuple[Any, ...]:
    from airflow_provider_integrations.connectors.historian.model import Tag

    return tuple(Tag(f"T{at:04}", rf"\\PISRV\T{at:04}") for at in range(points))


@contextmanager
def _server(points: int, values: int) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.fakes.pi", "--points", str(points), "--values", str(values)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(30)


def _goals(figures: dict[str, Any]) -> list[Goal]:
    def times(under: str) -> float:
        return float(figures[under]["seconds"]) / float(figures["ours"]["seconds"])

    return [
        Goal("times the rate of a loop of recorded calls with requests and pandas", times("loop"), least=5),
        Goal("times the rate of the loop with the largest pages", times("loop_largest")),
        Goal("share of the memory of the loop", figures["ours"]["peak_mb"] / figures["loop"]["peak_mb"]),
    ]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK, doc=__doc__)
