"""Backfills that are killed: whatever the server's cap and wherever it happens, the files are those of an undisturbed run."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.fakes.backfill_killed import World, backfill_until, series_of
from tests.fakes.model_historian import instants_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

KILLS = 50
READING = ("page read", "part written", "part synced", "part named", "kept")
BOUNDARIES = (
    "begun", "answered", "page read", "part written", "part synced", "part named", "kept", "all read", "file written",
    "file published", "ended",
)  # fmt: skip

# A server of PI Web API that caps below the longest run of one instant can only be told so: there is no way to the rest.
WORLDS = [
    World("opcua", 1_000, 1, runs=20),
    World("opcua", 4_000, 7, runs=80),
    World("opcua", 50_000, 1_000),
    World("opcua", 150_000, 10_000, windows=5),
    World("pi", 5_000, 1_000, runs=100, tags=2, windows=2),
    World("pi", 12_000, 10_000, runs=240, windows=1),
]


class KilledError(BaseException):
    """Ends a run as SIGKILL does, as far as one process can: nobody takes what is no `Exception`."""


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("*.parquet")}


def undisturbed(out: Path, world: World) -> tuple[dict[str, bytes], Counter[str]]:
    """The files of a run that nobody ends, which are the server's truth, and the boundaries that it passes."""
    seen = Counter[str]()
    backfill_until(str(out), world, boundaries=lambda name: seen.update([name]))
    assert_truth(out, world)
    return content(out), seen


def assert_truth(out: Path, world: World) -> None:
    for tag, samples in series_of(world).items():
        [path] = out.glob(f"{tag}-*.parquet")
        found = pq.read_table(path)
        ts = found["ts"].combine_chunks().cast(pa.int64()).to_numpy()
        assert ts.tolist() == instants_of(samples).tolist(), "a row is lost, doubled or out of place"
        for column in ("ordinal", "value_number"):
            assert found[column].combine_chunks().equals(samples.column(column)), column
        assert pc.all(pc.equal(found["tag"], tag)).as_py()


class Ending:
    """Ends a run at the `after`-th boundary of a kind, and whatever would still go on after it."""

    def __init__(self, kind: str, after: int) -> None:
        self.kind, self.left, self.ended = kind, after, False

    def __call__(self, name: str) -> None:
        self.left -= name == self.kind
        if self.left <= 0:
            self.ended = True
            raise KilledError


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: f"{world.protocol}-{world.cap}")
def test_fifty_ends_at_random_places_leave_the_bytes_of_an_undisturbed_run(tmp_path: Path, world: World) -> None:
    expected, passed = undisturbed(tmp_path / "once", world)
    dice, kills, folders = random.Random(world.cap), 0, (tmp_path / f"killed-{number}" for number in count())
    out = next(folders)
    while kills < KILLS:
        # Few of them late, as each of those needs all of the reading before it.
        kind = dice.choice(sorted(passed) if dice.random() < 0.2 else ["answered", *READING])
        ending = Ending(kind, dice.randrange(1, max(passed[kind] // 12, 3)))
        with suppress(KilledError):
            backfill_until(str(out), world, boundaries=ending)
        kills += ending.ended
        if not ending.ended or ending.kind == "ended":
            assert content(out) == expected
            out = next(folders)
    backfill_until(str(out), world)
    assert content(out) == expected


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_kill_at_any_boundary_loses_no_row_and_doubles_none(tmp_path: Path, boundary: str) -> None:
    processes, world = multiprocessing.get_context("forkserver"), World("opcua", 6_000, 100, runs=60, tags=2)
    processes.set_forkserver_preload(["tests.fakes.backfill_killed"])
    expected, _ = undisturbed(tmp_path / "once", world)
    out = tmp_path / "killed"
    for after in (1, 2) if boundary in ("answered", "page read", "part named", "file published") else (1,):
        process = processes.Process(target=backfill_until, args=(str(out), world, boundary, after))
        process.start()
        process.join(60)
        assert process.exitcode == -9, "it was to die there"
        # Either all of the files are there or it can be seen that they are not all there.
        assert set(content(out)) < set(expected) or boundary in ("file published", "ended")
    report = backfill_until(str(out), world)
    assert report["resumed"]
    assert content(out) == expected
    assert not (out / ".backfill.parts").exists()


def test_real_kills_at_random_moments_leave_the_bytes_of_an_undisturbed_run(tmp_path: Path) -> None:
    processes, world = multiprocessing.get_context("forkserver"), World("opcua", 20_000, 7, runs=200, keep=0.002)
    processes.set_forkserver_preload(["tests.fakes.backfill_killed"])
    expected, _ = undisturbed(tmp_path / "once", world)
    dice, out = random.Random(11), tmp_path / "killed"
    for _ in range(12):
        process = processes.Process(target=backfill_until, args=(str(out), world))
        process.start()
        process.join(dice.uniform(0.0, 0.6))
        process.kill()
        process.join(60)
    backfill_until(str(out), world)
    assert content(out) == expected
