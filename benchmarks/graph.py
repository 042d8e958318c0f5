"""Users of Microsoft Graph to Parquet: a full enumeration and the round after it, beside Airflow's operator and Microsoft's SDK.

The server is the one that the tests use, in a process of its own; `plain_loop` shows how fast it can be. Rates are of users a
second. The SDK's time is the same for each user, so that fewer are enough for it; the operator's grows with their square.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import graph_world as world
from benchmarks.machine import Goal, Options, apart, main, medians, save
from benchmarks.peers import python_with

__all__ = ["measure"]

FULL = {"users": 200_000, "rounds": 3, "operator_users": 200_000, "sdk_users": 10_000, "changes": 100, "growth": 5}
QUICK = {"users": 4_000, "rounds": 1, "operator_users": 1_000, "sdk_users": 200, "changes": 100, "growth": 0}


def measure(options: Options) -> dict[str, Any]:
    """Run all ways in turns, then the rounds after the first, then what takes minutes, then a larger tenant."""
    python = python_with("graph")
    users = options["users"]
    with world.server(users) as served:
        ways = ("plain_loop", "ours", "airflow_hook", "airflow_operator_pages")
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        for _ in range(options["rounds"]):
            for way in ways:
                runs[way].append(_fresh(way, served.told))
        figures = {way: medians(found) for way, found in runs.items()} | _later(served, options)
    with world.server(options["operator_users"]) as served:
        figures["airflow_operator"] = medians([_fresh("airflow_operator", served.told)])
    with world.server(options["sdk_users"]) as served:
        figures["msgraph_sdk"] = medians([_fresh("peer", python, served.told) for _ in range(options["rounds"])])
    if options["growth"]:
        with world.server(users * options["growth"]) as served:
            figures["ours_large"] = medians([_fresh("ours", served.told)])
    for figure in figures.values():
        figure["peak_mb"] = figure.pop("child_mb", figure["peak_mb"])
        figure["users_per_s"] = round(figure["rows"] / figure["seconds"])
    return save("graph", _goals(figures, options), figures, options)


def _fresh(way: str, *given: Any) -> dict[str, Any]:
    """One run with a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="graph-") as folder:
        return apart(getattr(world, way), *given, folder)


def _later(served: world.Served, options: Options) -> dict[str, Any]:
    """Some users change, round by round: what ours asks for, beside an enumeration of all that is compared with the last one."""
    runs: dict[str, list[dict[str, Any]]] = {"ours_later": [], "plain_and_diff": []}
    with tempfile.TemporaryDirectory(prefix="graph-") as name:
        kept = Path(name)
        for folder in ("ours", "before"):
            (kept / folder).mkdir()
        apart(world.ours, served.told, str(kept / "ours"))
        apart(world.plain_loop, served.told, str(kept / "before"))
        for number in range(options["rounds"]):
            served.obey(f"change {options['changes']}")
            after = kept / f"after-{number}"
            after.mkdir()
            runs["ours_later"].append(apart(world.ours, served.told, str(kept / "ours")))
            runs["plain_and_diff"].append(apart(world.plain_and_diff, served.told, str(after), str(kept / "before")))
    found = {run["rows"] for way in runs.values() for run in way}
    if found != {options["changes"]}:
        print(f"changes found: {found}", file=sys.stderr)
        raise RuntimeError("not all ways found the changes")
    return {way: medians(each) for way, each in runs.items()}


def _goals(figures: dict[str, Any], options: Options) -> list[Goal]:
    def times(under: str) -> float:
        return float(figures["ours"]["users_per_s"]) / float(figures[under]["users_per_s"])

    theirs, many = figures["airflow_operator"], f"{options['operator_users']:,} users"
    goals = [
        Goal(f"times the rate of Airflow's MSGraphAsyncOperator with {many}", times("airflow_operator"), least=3),
        Goal("times the rate of the operator with a function that writes each page", times("airflow_operator_pages")),
        Goal("times the rate of Airflow's hook, all pages in memory", times("airflow_hook")),
        Goal("times the rate of msgraph-sdk-python's PageIterator", times("msgraph_sdk"), least=2),
        Goal("share of the rate of a bare loop that keeps nothing", times("plain_loop")),
        Goal(f"share of the operator's memory with {many}", figures["ours"]["peak_mb"] / theirs["peak_mb"], most=0.1),
        Goal("100 changes: times as fast as all and a diff",
             figures["plain_and_diff"]["seconds"] / figures["ours_later"]["seconds"], least=100),
    ]  # fmt: skip
    if "ours_large" in figures:
        large = figures["ours_large"]
        goals += [
            Goal("times the memory with 5 times the users", large["peak_mb"] / figures["ours"]["peak_mb"], most=1.25),
            Goal("share of the rate with 5 times the users", large["users_per_s"] / figures["ours"]["users_per_s"]),
        ]
    return goals


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK, doc=__doc__)
