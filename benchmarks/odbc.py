"""Extraction over ODBC from PostgreSQL on loopback to zstd Parquet, beside its peers.

Peers of other packages have an environment of their own, made under `.cache/` when this runs; a way that cannot run is
named in the result and has no figure. Fast ways take turns for `rounds`; those that take half a minute run `slow_rounds` times.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import odbc_world as world
from benchmarks.machine import Goal, Options, apart, main, medians, save
from benchmarks.peers import python_with

__all__ = ["measure"]

FULL = {"rows": 2_000_000, "rounds": 3, "slow_rounds": 1, "growth": 4, "page_rows": 250_000}
QUICK = {"rows": 100_000, "rounds": 1, "slow_rounds": 1, "growth": 0, "page_rows": 25_000}

Way = tuple[Callable[..., dict[str, Any]], tuple[Any, ...]]


def measure(options: Options) -> dict[str, Any]:
    """Run all ways on one table, then the increments, then the larger table."""
    figures: dict[str, Any] = {}
    python = python_with("odbc")
    with tempfile.TemporaryDirectory(prefix="odbc-") as name, world.database(Path(name)) as port:
        world.fill(port, options["rows"])
        fast: dict[str, Way] = {
            "copy_binary": (world.copy_floor, (port,)),
            "arrow_odbc_floor": (world.arrow_odbc_floor, (port,)),
            "ours": (_ours, (port, 1, options["page_rows"])),
            "ours_2_shards": (_ours, (port, 2, options["page_rows"])),
            "dlt_connectorx": (world.peer, (python, "connectorx", port)),
        }
        slow: dict[str, Way] = {
            "pyodbc_pages": (world.pyodbc_pages, (port,)),
            "dlt_pyarrow": (world.peer, (python, "pyarrow", port)),
            "pandas": (world.pandas_chunks, (port,)),
            "airflow_get_df": (world.airflow_frame, (port,)),
            "offset_pages": (world.offset_pages, (port,)),
        }
        figures |= _in_turns(fast, options["rounds"]) | _in_turns(slow, options["slow_rounds"])
        figures |= _increments(port, python, options)
        if options["growth"]:
            figures |= _larger(port, python, options)
    for figure in figures.values():
        if figure.get("rows") and figure.get("seconds"):
            figure["rows_per_s"] = round(figure["rows"] / figure["seconds"])
    return save("odbc", _goals(figures, options), figures, options)


def _in_turns(ways: dict[str, Way], rounds: int) -> dict[str, Any]:
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        for way, (work, arguments) in ways.items():
            if way in failed:
                continue
            with tempfile.TemporaryDirectory(prefix="out-") as folder:
                needs_folder = work not in (world.copy_floor, world.arrow_odbc_floor, _ours)
                try:
                    runs[way].append(apart(work, *arguments, *([folder] if needs_folder else [])))
                except RuntimeError as error:
                    failed[way] = str(error)
                    print(f"{way}: {error}", file=sys.stderr)
    done = {way: medians(found) for way, found in runs.items() if found and way not in failed}
    for figure in done.values():
        figure["peak_mb"] = figure.pop("child_mb", figure["peak_mb"])
    return done | {way: {"failed": why} for way, why in failed.items()}


def _ours(port: int, shards: int, page_rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ours-") as folder:
        return world.ours(port, folder, shards, page_rows)


def _increments(port: int, python: str, options: Options) -> dict[str, Any]:
    """One state each for us and for dlt: all rows, then nothing new, then one row in a hundred changed.

    Ours reads, by its strongest guarantee, late rows too: once through the table. dlt promises no such thing, so ours is
    measured without the promise as well.
    """
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="increments-") as folder:
        page_rows = options["page_rows"]
        steps: dict[str, Way] = {
            "ours": (world.ours, (port, f"{folder}/ours", 1, page_rows)),
            "ours_best_effort": (world.ours, (port, f"{folder}/best", 1, page_rows, "best_effort")),
            "dlt_pyarrow": (world.peer, (python, "pyarrow", port, f"{folder}/dlt")),
        }
        for step in ("all", "nothing", "one_in_100"):
            if step == "one_in_100":
                world.touch(port, 0.01)
            for way, (work, arguments) in steps.items():
                try:
                    result = apart(work, *arguments)
                except RuntimeError as error:
                    result = {"failed": str(error)}
                if step != "all":
                    found[f"{way}_{step}"] = result
    return found


def _larger(port: int, python: str, options: Options) -> dict[str, Any]:
    """The same on a table that is larger by `growth`, and what each page of ours cost there."""
    rows = options["rows"] * options["growth"]
    world.fill(port, rows)
    ways: dict[str, Way] = {
        "arrow_odbc_floor_large": (world.arrow_odbc_floor, (port,)),
        "ours_large": (_ours, (port, 1, options["page_rows"])),
        "ours_2_shards_large": (_ours, (port, 2, options["page_rows"])),
        "dlt_connectorx_large": (world.peer, (python, "connectorx", port)),
        "offset_pages_large": (world.offset_pages, (port,)),
    }
    found = _in_turns(ways, 1)
    with tempfile.TemporaryDirectory(prefix="pages-") as folder:
        pages = apart(world.page_costs, port, folder, options["page_rows"])
    return found | {"pages_large": pages}


def _goals(figures: dict[str, Any], options: Options) -> list[Goal]:
    def seconds(way: str) -> float | None:
        found = figures.get(way, {}).get("seconds")
        return float(found) if found else None

    def times(what: str, over: str, under: str, *, least: float | None = None, most: float | None = None) -> list[Goal]:
        a, b = seconds(over), seconds(under)
        return [Goal(what, a / b, least=least, most=most)] if a and b else []

    goals = [
        *times("times the driver's floor", "ours", "arrow_odbc_floor", most=1.1),
        *times("times as fast as dlt pyarrow", "dlt_pyarrow", "ours", least=4.5),
        *times("times as fast as pandas", "pandas", "ours", least=4.5),
        *times("times as fast as Airflow's get_df", "airflow_get_df", "ours", least=5),
        *times("times as fast as dlt connectorx", "dlt_connectorx", "ours", least=1),
        *times("2 shards: times as fast as dlt pyarrow", "dlt_pyarrow", "ours_2_shards", least=6),
        *times("2 shards: times as fast as dlt connectorx", "dlt_connectorx", "ours_2_shards", least=1.5),
        *times("2 shards: share of one connection's time", "ours_2_shards", "ours", most=0.75),
        *times("1 % changed: times as fast as dlt", "dlt_pyarrow_one_in_100", "ours_one_in_100", least=8),
        *times(
            "1 % changed, best effort: times as fast as dlt", "dlt_pyarrow_one_in_100", "ours_best_effort_one_in_100"
        ),
        *times("nothing new: times as fast as dlt", "dlt_pyarrow_nothing", "ours_nothing", least=20),
        Goal("MB with one connection", figures["ours"]["peak_mb"], most=260),
        Goal("MB with 2 shards", figures["ours_2_shards"]["peak_mb"], most=350),
    ]
    if "ours_large" in figures and "seconds" in figures["ours_large"]:
        rate = figures["ours_large"]["rows_per_s"] / figures["ours"]["rows_per_s"]
        goals += [
            Goal(f"rows/s at {options['growth']} times the rows, as a share", rate, least=0.9),
            Goal("MB with one connection, large", figures["ours_large"]["peak_mb"], most=260),
            Goal("MB with 2 shards, large", figures["ours_2_shards_large"]["peak_mb"], most=350),
            Goal("last page's cost to the first's", figures["pages_large"]["last_to_first"], most=1.3),
        ]
    return goals


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK, doc=__doc__)
