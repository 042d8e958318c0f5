"""X12 and EDIFACT: checking and acknowledging long streams, beside the floor and beside pyx12 and pydifact.

Rates are of segments a second, since peers are given smaller documents: theirs do not depend on the size.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import edi_world as world
from benchmarks.machine import Goal, Options, in_turns, main, medians, save
from benchmarks.peers import python_with

__all__ = ["measure"]

FULL = {"segments": 4_000_000, "guided": 400_000, "peer": 100_000, "large": 40_000_000, "rounds": 3}
QUICK = {"segments": 200_000, "guided": 40_000, "peer": 10_000, "large": 0, "rounds": 1}


def measure(options: Options) -> dict[str, Any]:
    """Run all ways in turns."""
    python = python_with("edi")
    with tempfile.TemporaryDirectory(prefix="edi-") as name:
        folder = Path(name)

        def made(file: str, write: Callable[[Path, int], int], segments: int) -> str:
            write(folder / file, segments)
            return str(folder / file)

        long = made("long.x12", world.write_purchases, options["segments"])
        guided = made("guided.x12", world.write_purchases, options["guided"])
        enrolment = made("peer.834", world.write_enrolment, options["peer"] // 4)
        purchases = made("peer.x12", world.write_purchases, options["peer"])
        orders = made("orders.edi", world.write_orders, options["peer"])
        ways: dict[str, tuple[Any, ...]] = {
            "split_floor": (world.split_floor, long),
            "ours": (world.ours, long, "997", ""),
            "ours_by_guide_997": (world.ours, guided, "997", "x12_850"),
            "ours_by_guide_999": (world.ours, guided, "999", "x12_850"),
            "pyx12_reader": (world.peer, python, "pyx12_reader", purchases),
            "pyx12_valid": (world.peer, python, "pyx12_valid", enrolment),
            "ours_edifact": (world.ours_edifact, orders),
            "pydifact": (world.peer, python, "pydifact", orders),
        }
        runs = in_turns(ways, options["rounds"])
        figures = {way: medians(found) for way, found in runs.items()}
        if options["large"]:
            large = made("large.x12", world.write_purchases, options["large"])
            small = made("small.x12", world.write_purchases, options["large"] // 100)
            more = {"ours_small": (world.ours, small, "997", ""), "ours_large": (world.ours, large, "997", "")}
            figures |= {way: medians(found) for way, found in in_turns(more, 1).items()}
    for figure in figures.values():
        figure["peak_mb"] = figure.pop("child_mb", figure["peak_mb"])
        figure["segments_per_s"] = round(figure["segments"] / figure["seconds"])
    return save("edi", _goals(figures), figures, options)


def _goals(figures: dict[str, Any]) -> list[Goal]:
    def times(over: str, under: str) -> float:
        return float(figures[over]["segments_per_s"]) / float(figures[under]["segments_per_s"])

    goals = [
        Goal("envelope, syntax and 997: times the time of str.split", times("split_floor", "ours"), most=3),
        Goal("the same: times the rate of pyx12's X12Reader", times("ours", "pyx12_reader"), least=6),
        Goal("by guide with 997: times the rate of x12valid", times("ours_by_guide_997", "pyx12_valid"), least=20),
        Goal("by guide with 999: times the rate of x12valid", times("ours_by_guide_999", "pyx12_valid"), least=20),
        Goal("EDIFACT to messages: times the rate of pydifact", times("ours_edifact", "pydifact"), least=10),
    ]
    if "ours_large" in figures:
        grown = figures["ours_large"]["peak_mb"] / figures["ours_small"]["peak_mb"]
        goals += [
            Goal("times the memory of a hundredth of the stream", grown, most=1.25),
            Goal("MB at the most for the long stream", figures["ours"]["peak_mb"], most=100),
        ]
    return goals


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK, doc=__doc__)
