"""Runs and sweeps of one table in each other's way, or killed: what is at the source is in the warehouse, and nothing else."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.odbc_servers import OdbcDatabase
from tests.fakes.odbc_swept import Place, die

pytestmark = pytest.mark.integration

RUN = ("planned", "plan entered", "page written", "gated", "after the commit", "noted as loaded")
SWEEP = ("sweep stamped", "open runs listed", "sweep snapshot begun", "swept")
# Deaths within a transaction are in test_warehouse_deletes: the emulator does not see that a client was killed.
KILLS = {
    "run": ("after the commit", "noted as loaded", "watermark written", "watermark moved"),
    "sweep": (*SWEEP, "after the commit", "marked"),
}


@dataclass
class World:
    """A table, and what is made of it."""

    source: OdbcDatabase
    warehouse: Warehouse
    place: Place
    days: count[int] = field(default_factory=count)

    def insert(self, *ids: int) -> None:
        """Rows that no run has seen."""
        day = next(self.days)
        rows = ", ".join(f"({number}, timestamptz '2025-01-01Z' + interval '{day} days')" for number in ids)
        self.source.execute(f"INSERT INTO orders VALUES {rows}")

    def delete(self, *ids: int) -> None:
        self.source.execute(f"DELETE FROM orders WHERE id IN ({', '.join(map(str, ids))})")

    def there(self) -> list[int]:
        return [int(number) for (number,) in self.source.execute("SELECT id FROM orders ORDER BY id")]

    def loaded(self, *, deleted: bool = False) -> list[int]:
        how = "IS NOT NULL" if deleted else "IS NULL"
        rows = self.warehouse.rows(
            f'SELECT id FROM "{{db}}"."SILVER"."ORDERS" WHERE _DELETED_VERSION {how} ORDER BY id'
        )
        return [int(number) for (number,) in rows]


@pytest.fixture
def world(odbc_postgres: OdbcDatabase, warehouse: Warehouse, tmp_path: Path) -> World:
    odbc_postgres.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, updated_at timestamptz)", "CREATE INDEX ON orders (updated_at, id)"
    )
    options = warehouse.server.options(warehouse.database)
    world = World(odbc_postgres, warehouse, Place(odbc_postgres.connection_string, options, str(tmp_path)))
    world.insert(*range(100))
    world.place.run("first")
    return world


def test_a_sweep_in_the_middle_of_a_run_marks_no_row_that_the_run_reads_after_it(world: World) -> None:
    """The run's clock is an hour behind, and a key that was gone comes back when the sweep has compared."""
    gone = set()
    for number, point in enumerate(RUN):
        back, never = 2 * number, 2 * number + 1
        world.delete(back, never)
        world.insert(1000 + number)
        gone.add(never)
        left = [point]

        def sweep_once(
            name: str, left: list[str] = left, back: int = back, point: str = point
        ) -> None:  # The loop's values, bound now.
            if left and name == left[0]:
                left.clear()
                world.place.sweep(point, lambda at: world.insert(back) if at == "swept" else None)

        world.place.run(point, sweep_once, slow=timedelta(hours=1))
        assert not left, f"there is no {point}"
        world.place.run(f"after {point}", slow=timedelta(hours=1))
        assert set(world.there()) <= set(world.loaded()), f"lost at {point}"
    world.place.sweep("last")
    assert world.loaded() == world.there()
    assert set(world.loaded(deleted=True)) == gone


def test_a_run_in_the_middle_of_a_sweep_is_not_undone_by_it(world: World) -> None:
    gone = set()
    for number, point in enumerate(SWEEP):
        back, never = 2 * number, 2 * number + 1
        world.delete(back, never)
        gone.add(never)
        left = [point]

        def run_once(name: str, left: list[str] = left, back: int = back, point: str = point) -> None:
            if left and name == left[0]:
                left.clear()
                world.insert(back)
                world.place.run(point, slow=timedelta(hours=1))

        world.place.sweep(point, run_once)
        assert not left, f"there is no {point}"
        assert set(world.there()) <= set(world.loaded()), f"lost at {point}"
    world.place.sweep("last")
    assert world.loaded() == world.there()
    assert set(world.loaded(deleted=True)) == gone


@pytest.mark.parametrize("step", ["run", "sweep"])
def test_a_kill_anywhere_between_the_sweep_and_the_watermark_converges(world: World, step: str) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.fakes.odbc_swept", "pyarrow.parquet", "arrow_odbc", "duckdb"])
    gone = set()
    for number, point in enumerate(KILLS[step]):
        world.delete(number)
        gone.add(number)
        world.insert(1000 + number)
        process = processes.Process(target=die, args=(world.place, step, f"dies {point}", point))
        process.start()
        process.join(120)
        assert process.exitcode == -9, f"there is no {point}"
        world.place.run(f"after {point}")
        told = world.place.sweep(f"after {point}")
        assert told["gone"] <= 1, "what was marked is not marked again"
        assert world.loaded() == world.there(), f"killed at {point}"
    assert set(world.loaded(deleted=True)) == gone
