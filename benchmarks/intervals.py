"""A year of quarters of many meters, by the clock on the wall, to UTC intervals in Parquet: beside pandas' `tz_localize` recipe.

All ways read the same files and write Parquet. What the recipe gets wrong is counted: rows at an instant that is not that of
their reading. Rates are of readings a second.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks import intervals_world as world
from benchmarks.machine import Goal, Options, apart, main, medians, save

__all__ = ["measure"]

FULL = {"meters": 571, "rounds": 3, "large_meters": 2_854}
QUICK = {"meters": 8, "rounds": 1, "large_meters": 0}

_WAYS = {
    "ours": (world.ours, "parquet"), "recipe": (world.recipe, "parquet"),
    "recipe_without_text": (world.recipe_without_text, "parquet"), "bare": (world.bare, "parquet"),
    "ours_csv": (world.ours, "csv"), "recipe_csv": (world.recipe, "csv"),
}  # fmt: skip


def measure(options: Options) -> dict[str, Any]:
    """Run all ways in turns, check their rows, then ours with many more meters."""
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in _WAYS}
    with tempfile.TemporaryDirectory(prefix="intervals-", dir="/var/tmp") as folder:
        apart(world.make_world, folder, options["meters"])
        for _ in range(options["rounds"]):
            for way, (work, form) in _WAYS.items():
                runs[way].append(apart(work, f"{folder}/readings.{form}", f"{folder}/{way}.parquet"))
        figures = {way: medians(found) for way, found in runs.items()}
        for way in ("ours", "recipe"):
            figures[way] |= world.wrong_rows(f"{folder}/{way}.parquet")
        if options["large_meters"]:
            for path in Path(folder).iterdir():
                path.unlink()
            apart(world.make_world, folder, options["large_meters"])
            figures["ours_large"] = medians(
                [apart(world.ours, f"{folder}/readings.parquet", f"{folder}/large.parquet")]
            )
    for figure in figures.values():
        figure["rows_per_s"] = round(figure["rows"] / figure["seconds"])
    return save("intervals", _goals(figures), figures, options)


def _goals(figures: dict[str, Any]) -> list[Goal]:
    def times(way: str, under: str, what: str = "rows_per_s") -> float:
        return float(figures[way][what]) / float(figures[under][what])

    def rows(what: str, way: str) -> float:
        return float(sum(figures[way][f"{what}_{kind}"] for kind in world.KINDS))

    goals = [
        # The plain recipe is the peer: ours has the local clock as text besides, which would cost pandas most of its time.
        Goal("times the rate of pandas' plain tz_localize recipe", times("ours", "recipe_without_text"), least=5),
        Goal("times its rate with the same columns as ours", times("ours", "recipe")),
        Goal("times its rate from CSV", times("ours_csv", "recipe_csv")),
        Goal("times the rate of tz_localize alone, with neither slot nor date", times("ours", "bare")),
        Goal("share of the plain recipe's CPU time", times("ours", "recipe_without_text", "cpu")),
        Goal("share of the plain recipe's memory", times("ours", "recipe_without_text", "peak_mb")),
        Goal("rows at a wrong instant", rows("wrong", "ours"), most=0),
        Goal("rows that the recipe puts at a wrong instant", rows("wrong", "recipe")),
        Goal("readings that the recipe loses or misplaces", rows("absent", "recipe")),
        Goal("readings refused since nothing tells their instant", rows("absent", "ours")),
    ]
    if "ours_large" in figures:
        large = f"{figures['ours_large']['rows'] / 1e6:.0f} million readings"
        goals.append(Goal(f"million readings a second with {large}", figures["ours_large"]["rows_per_s"] / 1e6))
        goals.append(Goal(f"times the memory with {large}", times("ours_large", "ours", "peak_mb"), most=1.5))
    return goals


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK, doc=__doc__)
