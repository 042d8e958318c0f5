"""A table with change tracking, and all that a run of it needs: by the ledger alone, or into the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.odbc.dialects import DIALECTS
from airflow_provider_integrations.connectors.odbc.land_shards import extract_items
from airflow_provider_integrations.connectors.odbc.position import Position, position_of, watermark_of
from airflow_provider_integrations.connectors.odbc.run import Asked, RunJob, plan_items
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.settle import settle
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.table_source import TableSource
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.expectations.step import gate_items
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.warehouse.deletions import mark_deletions
from airflow_provider_integrations.warehouse.step import load_items
from tests.fakes.ledgers import migrated
from tests.fakes.odbc_servers import OdbcDatabase
from tests.fakes.odbc_tracked import TRACKED, track

__all__ = ["CONTRACT", "Killed", "World", "make_orders", "make_source", "make_world"]

CONTRACT = {
    "contract": "orders",
    "version": "1.0.0",
    "columns": [
        {"name": "id", "type": "integer", "nullable": False},
        {"name": "note", "type": "string"},
        {"name": "amount", "type": "integer", "range": {"min": 0}},
    ],
    "keys": ["id"],
    "max_reject_share": 0.5,
}


class Killed(BaseException):
    """The process died."""


@dataclass
class World:
    """A source of orders; at a step of its runs it dies, or something happens."""

    source: OdbcDatabase
    job: RunJob
    at: tuple[str, int] | None = None
    then: Callable[[], None] | None = None
    connect: Callable[[], Any] | None = None

    def boundary(self, name: str) -> None:
        """Told of each step."""
        if self.at is None or self.at[0] != name:
            return
        self.at = (name, self.at[1] - 1)
        if not self.at[1]:
            self.at = None
            if self.then is None:
                raise Killed
            self.then()

    def insert(self, ids: range, note: str = "first") -> None:
        with self.source.connect(autocommit=False) as connection:
            rows = [(number, note, 1) for number in ids]
            connection.cursor().executemany("INSERT INTO orders (id, note, amount) VALUES (?, ?, ?)", rows)
            connection.commit()

    def plan(self, **asked: Any) -> list[WorkItem]:
        return plan_items(replace(self.job, boundary=self.boundary), Asked(asked.pop("request", "run"), **asked))

    def extract(self, items: list[WorkItem]) -> list[WorkItem]:
        for item in items:
            extract_items(replace(self.job, boundary=self.boundary), [item.id])
        return [self.job.ledger.items.get(item.id) for item in items]

    def load(self) -> None:
        """What the gate and the warehouse do to the ledger, without either; deletions are noted as marked."""
        ledger = self.job.ledger.items
        for old, new in ((State.LANDED, State.GATED), (State.GATED, State.LOADED)):
            for item in ledger.list("orders", [old], limit=None):
                taken = ledger.claim(item.id, "load", states=[old], lease=timedelta(minutes=1))
                assert taken is not None
                ledger.advance(taken[1], new)
        with holding(self.job.ledger, "load") as held:
            for item in held.take_all([item.id for item in ledger.list("orders", [State.LOADED])], State.LOADED):
                held.note(item, {"deletions_of": item.facts["batch_id"]})
        settle(self.job.ledger, "orders")

    def run(self, **asked: Any) -> list[WorkItem]:
        items = self.plan(**asked)
        self.extract(items)
        self.load()
        return [self.job.ledger.items.get(item.id) for item in items]

    def whole_run(self) -> None:
        """One DAG run, through the gate into the warehouse."""
        assert self.connect is not None
        items = self.plan()
        self.extract(items)
        batch = BatchJob(
            source="orders", contract=self.job.contract, gate=self.job.source.gate, load=self.job.source.load,
            ledger=self.job.ledger, root=self.job.root, owner=self.job.owner, settle=settle,
            mark_deletions=mark_deletions, boundary=self.boundary,
        )  # fmt: skip
        gate_items(batch, [], [item.id for item in items])
        with closing(self.connect()) as connection:
            load_items(batch, connection)

    def position(self) -> tuple[Position, int]:
        watermark = self.job.ledger.watermarks.get("orders")
        assert watermark is not None
        return position_of(watermark, watermark.engine)

    def rewind(self, position: Position, moves: int) -> None:
        watermark = self.job.ledger.watermarks.get("orders")
        assert watermark is not None
        to = watermark_of(position, moves, watermark.engine)
        self.job.ledger.watermarks.rewind("orders", to, why="test", who="test")

    def rows(self, item: WorkItem) -> dict[int, str]:
        folder = Path(str(self.job.root / item.facts["folder"]))
        rows = [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
        return {row["id"]: row["note"] for row in rows}

    def deleted(self, item: WorkItem) -> list[int]:
        path = Path(str(self.job.root / item.facts["folder"])) / "deleted.arrow"
        found: list[int] = pa.ipc.open_file(path).read_all()["id"].to_pylist() if path.exists() else []
        assert len(found) == item.facts.get("keys_deleted", 0)
        return found

    def version(self) -> int:
        return int(self.source.execute("SELECT version FROM tracking WHERE name = ''")[0][0])


def make_source(**changes: Any) -> TableSource:
    data = {
        "source": "orders", "kind": "odbc", "connection": "erp", "contract": "orders", "table": "orders",
        "mode": "change_tracking", "page_rows": 5, "load": {"table": "ORDERS"},
    }  # fmt: skip
    return TableSource.from_mapping(data | changes)


def make_orders(database: OdbcDatabase, engine: str) -> OdbcDatabase:
    database.execute("CREATE TABLE orders (id bigint PRIMARY KEY, note varchar(20), amount integer)")
    track(database, engine, "orders")
    return database


def make_world(database: OdbcDatabase, ledger: Ledger, folder: Path, **changes: Any) -> World:
    job = RunJob(
        source=make_source(**changes),
        contract=Contract.from_mapping(CONTRACT),
        settings=OdbcSettings.from_string(database.connection_string),
        ledger=ledger,
        root=UPath(folder / "landing"),
        scratch=folder / "scratch",
        owner="dag/run/task/0",
    )
    return World(database, job)


@pytest.fixture
def tracked_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of its own."""
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        migrated(ledger)
        yield ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def tracked_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine in turn, with change tracking."""
    monkeypatch.setitem(DIALECTS, request.param, TRACKED[request.param])
    return str(request.param)


@pytest.fixture
def tracked(tracked_engine: str, request: pytest.FixtureRequest, tracked_ledger: Ledger, tmp_path: Path) -> World:
    """An empty table of orders on each engine in turn."""
    name = {"postgresql": "odbc_postgres", "sqlite": "odbc_sqlite"}[tracked_engine]
    return make_world(make_orders(request.getfixturevalue(name), tracked_engine), tracked_ledger, tmp_path)


@pytest.fixture
def tracked_postgres(
    odbc_postgres: OdbcDatabase, tracked_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> World:
    """On PostgreSQL alone, where a writer and a reader do not wait for each other."""
    monkeypatch.setitem(DIALECTS, "postgresql", TRACKED["postgresql"])
    return make_world(make_orders(odbc_postgres, "postgresql"), tracked_ledger, tmp_path)
