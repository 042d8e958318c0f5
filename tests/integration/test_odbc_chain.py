"""A table from the source to the warehouse, through the ledger, the landing and the gate; killed anywhere, it converges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from upath import UPath

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.odbc.land_shards import extract_items
from airflow_provider_integrations.connectors.odbc.position import position_of
from airflow_provider_integrations.connectors.odbc.probe import anything_new
from airflow_provider_integrations.connectors.odbc.run import Asked, RunJob, plan_items
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.settle import settle
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.table_source import TableSource
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.expectations.step import gate_items
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.warehouse.step import load_items
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.ledgers import migrated
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

CONTRACT = {
    "contract": "erp_orders",
    "version": "1.0.0",
    "columns": [
        {"name": "id", "type": "integer", "nullable": False},
        {"name": "updated_at", "type": "timestamp"},
        {"name": "amount", "type": "decimal(18,4)", "range": {"min": 0}},
        {"name": "note", "type": "string"},
    ],
    "keys": ["id"],
    "max_reject_share": 0.5,
}


class Killed(BaseException):
    pass


@dataclass
class World:
    """A source of orders, and all that a run of it needs."""

    source: OdbcDatabase
    warehouse: Warehouse
    connect: Callable[[], Any]
    job: RunJob
    kill_at: tuple[str, int] | None = None
    seen: int = 0

    def boundary(self, name: str) -> None:
        if self.kill_at is not None and self.kill_at[0] == name:
            self.seen += 1
            if self.seen == self.kill_at[1]:
                self.kill_at = None
                raise Killed

    def run(self, **asked: Any) -> list[State]:
        """One DAG run: plan, extract each shard, gate, load; gives the states of what it planned."""
        job = replace(self.job, boundary=self.boundary)
        items = plan_items(job, Asked(request=asked.pop("request", "run"), **asked))
        for item in items:
            extract_items(job, [item.id])
        batch = BatchJob(
            source="erp_orders",
            contract=job.contract,
            gate=job.source.gate,
            load=job.source.load,
            ledger=job.ledger,
            root=job.root,
            owner=job.owner,
            settle=settle,
            control=job.source.control_columns,
            boundary=self.boundary,
        )
        gate_items(batch, [], [item.id for item in items])
        with closing(self.connect()) as connection:
            load_items(batch, connection)
        return [job.ledger.items.get(item.id).state for item in items]

    def insert(self, ids: range, at: str, amount: str = "1.5000") -> None:
        with self.source.connect(autocommit=False) as connection:
            rows = [(number, at, amount, f"note {number}") for number in ids]
            connection.cursor().executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
            connection.commit()

    def there(self) -> list[tuple[Any, ...]]:
        rows = self.source.execute("SELECT id, note FROM orders ORDER BY id")
        return [(int(number), note) for number, note in rows]

    def loaded(self) -> list[tuple[Any, ...]]:
        return self.warehouse.rows('SELECT id, note FROM "{db}"."SILVER"."ORDERS" ORDER BY id')

    def moves(self) -> int:
        watermark = self.job.ledger.watermarks.get("erp_orders")
        return position_of(watermark, watermark.engine)[1] if watermark else 0


@pytest.fixture
def world(odbc_postgres: OdbcDatabase, warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    odbc_postgres.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, updated_at timestamptz, amount numeric(18,4), note text)",
        "CREATE INDEX ON orders (updated_at, id)",
    )
    source = TableSource.from_mapping(
        {
            "source": "erp_orders",
            "kind": "odbc",
            "connection": "odbc_erp",
            "contract": "erp_orders",
            "table": "orders",
            "cursor": ["updated_at"],
            "page_rows": 20,
            "shards": 3,
            "lag": "PT5M",
            "control_columns": ["amount"],
            "gate": {"mode": "block"},
            "load": {"table": "ORDERS", "database": warehouse.database},
        }
    )
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        migrated(ledger)
        job = RunJob(
            source=source,
            contract=Contract.from_mapping(CONTRACT),
            settings=OdbcSettings.from_string(odbc_postgres.connection_string),
            ledger=ledger,
            root=UPath(tmp_path / "landing"),
            scratch=tmp_path / "scratch",
            owner="dag/run/task/0",
        )
        yield World(odbc_postgres, warehouse, warehouse.connect, job)


def test_runs_move_the_watermark_when_their_shards_are_loaded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_integrations.connectors.odbc.shards.LEAST_ROWS", 10)
    world.insert(range(100), "2025-01-01 10:00:00")
    world.source.execute("ANALYZE orders")
    assert anything_new(world.job)
    assert world.run() == [State.ARCHIVED] * 3
    assert (world.moves(), world.loaded()) == (1, world.there())
    assert not anything_new(world.job)
    world.insert(range(200, 250), "2025-01-02 10:00:00")
    world.source.execute("UPDATE orders SET note = 'changed behind the mark' WHERE id = 5")
    assert anything_new(world.job)
    world.run()
    assert (world.moves(), world.loaded()) == (2, world.there())
    world.run()
    assert (world.moves(), world.loaded()) == (3, world.there())
    assert not list(world.job.scratch.glob("*"))


def test_a_backfill_and_a_full_read_move_no_watermark(world: World) -> None:
    for month in (1, 2, 3):
        world.insert(range(month * 10, month * 10 + 10), f"2025-0{month}-01 00:00:00")
    world.run()
    before = world.job.ledger.watermarks.get("erp_orders")
    for _ in range(2):
        world.run(request="backfill", span=("2025-02-01", "2025-03-01"))
    world.run(request="full", whole=True)
    assert world.job.ledger.watermarks.get("erp_orders") == before
    rows = [item.facts["rows_read"] for item in world.job.ledger.items.list("erp_orders")]
    assert sum(rows) == 30 + 10 + 30, "the same request is planned once"
    assert world.loaded() == world.there()


def test_two_planners_at_once_take_the_same_plan(world: World) -> None:
    world.insert(range(50), "2025-01-01 10:00:00")
    first = plan_items(world.job, Asked("one"))
    second = plan_items(replace(world.job, owner="another"), Asked("two"))
    assert [item.id for item in first] == [item.id for item in second]


def test_rows_off_contract_are_rejected_with_their_keys_and_too_many_hold_the_watermark(world: World) -> None:
    world.insert(range(10), "2025-01-01 10:00:00")
    world.insert(range(10, 12), "2025-01-01 10:00:00", amount="-1")
    world.source.execute("UPDATE orders SET amount = 'NaN' WHERE id = 3")
    world.job = replace(world.job, source=world.job.source.model_copy(update={"shards": 1}))
    assert world.run() == [State.ARCHIVED]
    (item,) = world.job.ledger.items.list("erp_orders")
    assert (item.facts["rows_landed"], item.facts["rows_rejected"]) == (9, 3)
    folder = Path(str(world.job.root / item.facts["folder"]))
    rejects = [yaml.safe_load(line) for line in (folder / "rejects.jsonl").read_text().splitlines()]
    assert sorted((reject["key"], reject["rule"]) for reject in rejects) == [
        ("id=10", "range"), ("id=11", "range"), ("id=3", "type"),
    ]  # fmt: skip
    world.insert(range(20, 30), "2025-01-02 10:00:00", amount="-1")
    assert world.run() == [State.QUARANTINED]
    assert world.moves() == 1
    world.source.execute("UPDATE orders SET amount = 1 WHERE id >= 20")
    world.run()
    assert world.moves() == 2
    assert {20, 29} <= {row[0] for row in world.loaded()}


POINTS = (
    "planned", "plan entered", "page written", "page saved", "shard done", "report noted", "promoted", "landed",
    "claimed for the gate", "gated", "verdict stored", "verdict settled", "claimed for the load", "loaded",
    "noted as loaded",
)  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_dies_anywhere_converges(world: World, point: str) -> None:
    world.insert(range(70), "2025-01-01 10:00:00")
    world.kill_at = (point, 2 if point.startswith("page") else 1)
    with pytest.raises(Killed):
        world.run()
    assert world.moves() == 0
    world.insert(range(100, 110), "2025-01-02 10:00:00")
    world.run()
    world.run()
    assert world.loaded() == world.there()
    read = [item.facts["rows_read"] for item in world.job.ledger.items.list("erp_orders") if "rows_read" in item.facts]
    assert sum(read) <= 80 + 20 + 10, "no more than a page is read again, and what was written since the last run"
