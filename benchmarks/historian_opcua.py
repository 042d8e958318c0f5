"""OPC UA history to Parquet: `integrations historian backfill` beside asyncua's own `read_raw_history`, pandas and Parquet.

The server is asyncua's, in a process of its own, with pages that are ready; it is the same for both. Ours keeps every value's
code, resumes where it was killed and writes durable parts on the way; the library's own way does none of it.
"""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks import historian_opcua_world as world
from benchmarks.machine import Goal, Options, apart, main, medians, save

__all__ = ["measure"]

FULL = {"values": 5_000_000, "cap": 10_000, "rounds": 3}
QUICK = {"values": 100_000, "cap": 10_000, "rounds": 1}


def measure(options: Options) -> dict[str, Any]:
    """Both ways in turns."""
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "asyncua_own": []}
    with world.server(options["values"], options["cap"]) as told:
        for _ in range(options["rounds"]):
            for way, found in runs.items():
                with tempfile.TemporaryDirectory(prefix="historian-opcua-") as folder:
                    found.append(apart(getattr(world, way), told, folder))
    counts = {run["rows"] for found in runs.values() for run in found}
    if counts != {options["values"]}:
        raise RuntimeError(f"not all ways found all values: {counts}")
    figures = {way: medians(found) for way, found in runs.items()}
    for figure in figures.values():
        figure["values_per_s"] = round(figure["rows"] / figure["seconds"])
    ours, theirs = figures["ours"], figures["asyncua_own"]
    goals = [
        Goal("times the rate of asyncua's read_raw_history to pandas to Parquet",
             ours["values_per_s"] / theirs["values_per_s"], least=1.5),
        Goal("share of its memory", ours["peak_mb"] / theirs["peak_mb"], most=0.1),
    ]  # fmt: skip
    return save("historian_opcua", goals, figures, options)


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK, doc=__doc__)
