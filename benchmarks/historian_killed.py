"""5 million samples with 500 runs of equal timestamps, killed 50 times at random moments, for each of the caps of a server.

    python -m benchmarks.historian_killed 10000 1000 7 1

Each life is a process of its own that ends by SIGKILL, in the middle of reading, of making things durable or of writing the
files; the last one is left alone. The files have to be those of a run that nobody ended, byte by byte. The server is a model in
memory: what is looked at here is what happens to samples after they have come. The caps 1 and 7 take minutes.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.fakes.backfill_killed import World, backfill_until, reader_of
from tests.integration.test_backfill_killed import assert_truth

ROWS, RUNS, KILLS = 5_000_000, 500, 50


def digests(out: Path) -> dict[str, str]:
    """The sum of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("*.parquet")}


def killed(cap: int, folder: Path) -> dict[str, object]:
    """Kill a backfill again and again, and compare what it leaves in the end with one that went through."""
    world = World("model", ROWS, cap, runs=RUNS, keep=0.2, windows=40)
    reader_of(world)  # Before the forks, so that they share it.
    began = time.monotonic()
    backfill_until(str(folder / "once"), world)
    undisturbed = time.monotonic() - began
    assert_truth(folder / "once", world)
    expected, dice, kills, began = digests(folder / "once"), random.Random(cap), 0, time.monotonic()
    same, number = True, 0
    while kills < KILLS:
        out = folder / f"killed-{number}"
        life = multiprocessing.get_context("fork").Process(target=backfill_until, args=(str(out), world))
        life.start()
        life.join(dice.uniform(0, 3 * undisturbed / KILLS) + 0.05)
        if life.is_alive():
            kills += 1
            life.kill()
            life.join()
        else:  # It came to its end: the next one begins anew.
            same &= digests(out) == expected
            number += 1
    report = backfill_until(str(folder / f"killed-{number}"), world)
    same &= digests(folder / f"killed-{number}") == expected
    return {
        "cap": cap,
        "samples": report["samples"],
        "kills": kills,
        "whole_backfills": number + 1,
        "read_by_the_last_life": report["samples_read"],
        "undisturbed_seconds": round(undisturbed, 1),
        "killed_seconds": round(time.monotonic() - began, 1),
        "same_bytes": same,
    }


def main(caps: list[int]) -> None:
    """Print one line for each cap."""
    for cap in caps or [10_000, 1_000, 7, 1]:
        folder = Path(tempfile.mkdtemp(prefix="historian-killed-"))
        try:
            print(killed(cap, folder), flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
