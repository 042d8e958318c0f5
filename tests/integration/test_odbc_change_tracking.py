"""Runs by change tracking, on engines that answer its questions from shadow tables: what is read, deleted, refused, resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from upath import UPath

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.odbc.deletions import mark_deletions
from airflow_provider_integrations.connectors.odbc.dialects import DIALECTS
from airflow_provider_integrations.connectors.odbc.land_shards import extract_items, outcome
from airflow_provider_integrations.connectors.odbc.plan import RunPlan
from airflow_provider_integrations.connectors.odbc.position import Position, position_of, watermark_of
from airflow_provider_integrations.connectors.odbc.probe import anything_new
from airflow_provider_integrations.connectors.odbc.run import Asked, RunJob, plan_items
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.settle import settle
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError, TransientError
from airflow_provider_integrations.core.table_source import TableSource
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.dag_context import batch_job
from airflow_provider_integrations.expectations.step import gate_items
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.warehouse.step import load_items
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.odbc_servers import OdbcDatabase
from tests.fakes.odbc_tracked import TRACKED, clean_up, track

pytestmark = pytest.mark.integration

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
    pass


@dataclass
class World:
    source: OdbcDatabase
    job: RunJob
    at: tuple[str, int] | None = None
    then: Callable[[], None] | None = None
    connect: Callable[[], Any] | None = None

    def boundary(self, name: str) -> None:
        """At the wanted step, the n-th time: die, or do something."""
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
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.migrate()
        yield ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(DIALECTS, request.param, TRACKED[request.param])
    return str(request.param)


@pytest.fixture
def world(engine: str, request: pytest.FixtureRequest, ledger: Ledger, tmp_path: Path) -> World:
    name = {"postgresql": "odbc_postgres", "sqlite": "odbc_sqlite"}[engine]
    return make_world(make_orders(request.getfixturevalue(name), engine), ledger, tmp_path)


@pytest.fixture
def on_postgres(odbc_postgres: OdbcDatabase, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Where a writer and a reader do not wait for each other."""
    monkeypatch.setitem(DIALECTS, "postgresql", TRACKED["postgresql"])
    return make_world(make_orders(odbc_postgres, "postgresql"), ledger, tmp_path)


def test_the_first_run_reads_the_table_and_the_next_what_changed_and_what_is_gone(world: World) -> None:
    world.insert(range(12))
    began = world.version()
    (item,) = world.run()
    assert world.rows(item) == dict.fromkeys(range(12), "first")
    assert (world.deleted(item), world.position()) == ([], (Position(None, f"version:{began}"), 1))
    world.insert(range(20, 22), "new")
    world.source.execute(
        "UPDATE orders SET note = 'changed' WHERE id = 3",
        "DELETE FROM orders WHERE id IN (5, 11)",
        "UPDATE orders SET id = 30 WHERE id = 7",
        "DELETE FROM orders WHERE id = 9",
        "INSERT INTO orders VALUES (9, 'again', 1)",
    )
    (item,) = world.run()
    assert world.rows(item) == {3: "changed", 9: "again", 20: "new", 21: "new", 30: "first"}
    assert world.deleted(item) == [5, 7, 11]
    assert world.position() == (Position(None, f"version:{world.version()}"), 2)
    assert outcome([item]) == {
        "states": {"archived": 1}, "guarantees": ["safe_upper_bound"], "rows_landed": 5, "rows_rejected": 0,
        "rows_late": 0, "pages": item.facts["pages"], "keys_deleted": 3,
    }  # fmt: skip
    plan = RunPlan.from_json(item.facts["plan"])
    assert ("however late" in plan.promise, "deleted is marked" in plan.promise) == (True, True)


def test_the_first_run_has_the_shards_of_its_source_and_an_increment_has_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_integrations.connectors.odbc.shards.LEAST_ROWS", 10)
    world.insert(range(60))
    if world.job.settings.family == "postgresql":
        world.source.execute("ANALYZE orders")
    world.job = replace(world.job, source=make_source(shards=3))
    items = world.plan()
    assert len(items) == 3
    world.extract(items[1:])
    # Between two shards; the first has not read its rows yet, the last has.
    world.source.execute(
        "UPDATE orders SET note = 'changed' WHERE id IN (0, 59)", "DELETE FROM orders WHERE id IN (1, 58)"
    )
    world.extract(items[:1])
    world.load()
    assert sum(len(world.rows(world.job.ledger.items.get(item.id))) for item in items) == 59
    (item,) = world.run()
    assert (world.rows(item), world.deleted(item)) == ({0: "changed", 59: "changed"}, [1, 58])


def test_nothing_changed_reads_nothing_and_wakes_nobody(world: World) -> None:
    assert anything_new(world.job)
    world.insert(range(3))
    world.run()
    position, _ = world.position()
    assert not anything_new(world.job)
    (item,) = world.run()
    assert (item.state, item.facts["rows_read"], item.facts["keys_deleted"]) == (State.ARCHIVED, 0, 0)
    assert world.position() == (position, 2)
    world.source.execute("DELETE FROM orders WHERE id = 1")
    assert anything_new(world.job)
    (item,) = world.run()
    assert (world.deleted(item), item.facts["rows_landed"], item.state) == ([1], 0, State.ARCHIVED)
    assert not anything_new(world.job)


def test_a_row_that_leaves_the_filter_is_gone_and_one_that_enters_is_read(world: World) -> None:
    world.job = replace(world.job, source=make_source(filter="note <> 'draft'"))
    world.insert(range(3))
    world.insert(range(3, 5), "draft")
    (item,) = world.run()
    assert sorted(world.rows(item)) == [0, 1, 2]
    world.source.execute("UPDATE orders SET note = 'draft' WHERE id = 1", "UPDATE orders SET note = 'x' WHERE id = 3")
    (item,) = world.run()
    assert (world.rows(item), world.deleted(item)) == ({3: "x"}, [1])


def test_changes_that_were_cleaned_up_stop_the_source_until_it_is_read_in_full(world: World, engine: str) -> None:
    world.insert(range(4))
    world.run()
    before = world.position()
    world.source.execute("UPDATE orders SET note = 'lost' WHERE id = 2")
    clean_up(world.source, engine, "orders")
    with pytest.raises(StateConflictError, match="in full once"):
        world.plan()
    with pytest.raises(StateConflictError, match="cleaned up"):
        anything_new(world.job)
    assert (world.position(), len(world.job.ledger.items.list("orders"))) == (before, 1)
    world.rewind(Position(), before[1] + 1)
    (item,) = world.run()
    assert world.rows(item) == {0: "first", 1: "first", 2: "lost", 3: "first"}
    assert world.position()[0] == Position(None, f"version:{world.version()}")


@pytest.mark.parametrize("step", ["", "page saved"])
def test_a_cleanup_before_or_while_the_pages_are_read_refuses_the_increment(on_postgres: World, step: str) -> None:
    world = on_postgres
    world.insert(range(7))
    (first,) = world.run()
    world.source.execute("UPDATE orders SET note = 'changed'", "DELETE FROM orders WHERE id = 5")
    (item,) = world.plan()
    world.at, world.then = (step, 1), lambda: clean_up(world.source, "postgresql", "orders")
    world.boundary("")
    for _ in range(2):
        with pytest.raises(StateConflictError, match="before they were read"):
            world.extract([item])
    assert world.at is None, "it was cleaned up"
    assert world.job.ledger.items.get(item.id).state is State.DISCOVERED
    landed = [path.parent for path in Path(str(world.job.root)).rglob("_manifest.json")]
    assert landed == [Path(str(world.job.root / first.facts["folder"]))]


def test_a_version_that_is_ahead_of_the_source_is_an_older_copy(world: World) -> None:
    world.insert(range(4))
    world.run()
    world.source.execute("UPDATE tracking SET version = 7 WHERE name = ''")
    with pytest.raises(StateConflictError, match="restored copy"):
        world.plan()


def test_what_is_committed_while_the_pages_are_read_is_for_the_next_run(on_postgres: World) -> None:
    world = on_postgres
    world.insert(range(30))
    world.run()
    world.source.execute("UPDATE orders SET note = 'changed'")

    def write() -> None:
        world.source.execute(
            "UPDATE orders SET note = 'later' WHERE id IN (1, 28)",
            "DELETE FROM orders WHERE id IN (2, 29)",
            "INSERT INTO orders VALUES (40, 'later', 1)",
        )

    world.at, world.then = ("page saved", 2), write
    (item,) = world.run()
    assert (world.rows(item), world.deleted(item)) == (dict.fromkeys(range(30), "changed"), [])
    (item,) = world.run()
    assert world.rows(item) == {1: "later", 28: "later", 40: "later"}
    assert world.deleted(item) == [2, 29]


def test_a_transaction_that_commits_late_is_never_lost(on_postgres: World) -> None:
    """T1 writes first and commits after two runs, behind which its keys lie."""
    world = on_postgres
    world.insert(range(10))
    world.run()
    with closing(world.source.connect(autocommit=False)) as slow:
        slow.execute("INSERT INTO orders VALUES (-5, 'late', 1)")
        slow.execute("UPDATE orders SET note = 'late' WHERE id = 3")
        slow.execute("DELETE FROM orders WHERE id = 4")
        for number in (20, 21):
            world.insert(range(number, number + 1), "quick")
            (item,) = world.run()
            assert (world.rows(item), world.deleted(item)) == ({number: "quick"}, [])
        slow.commit()
    (item,) = world.run()
    assert (world.rows(item), world.deleted(item)) == ({-5: "late", 3: "late"}, [4])


@pytest.mark.parametrize("first", [True, False])
def test_a_run_that_goes_on_in_a_later_snapshot_leaves_nothing_behind(world: World, first: bool) -> None:
    world.insert(range(23))
    if not first:
        world.run()
        world.source.execute("UPDATE orders SET note = 'changed'")
    items = world.plan()
    world.at = ("page saved", 2)
    with pytest.raises(Killed):
        world.extract(items)
    # Of the first ten, which are read already, and of the others.
    world.source.execute(
        "UPDATE orders SET note = 'later' WHERE id IN (2, 20)",
        "DELETE FROM orders WHERE id IN (3, 21)",
    )
    (item,) = world.run()
    assert item.id == items[0].id
    known = world.rows(item)
    assert (known[2], known[20]) == ("first" if first else "changed", "later")
    assert world.deleted(item) == ([] if first else [3, 21])
    (item,) = world.run()
    assert world.rows(item) == {2: "later", 20: "later"}
    assert world.deleted(item) == [3, 21]


def test_a_full_read_and_a_backfill_move_no_version(world: World) -> None:
    world.insert(range(6))
    world.run()
    before = world.position()
    world.insert(range(6, 8))
    (item,) = [item for item in world.run(request="full", whole=True) if "span-" in item.path]
    assert len(world.rows(item)) == 8
    (item,) = [item for item in world.run(request="back", span=("2", "5")) if "span-" in item.path]
    assert sorted(world.rows(item)) == [2, 3, 4]
    assert world.position() == before
    (item,) = world.run()
    assert sorted(world.rows(item)) == [6, 7]


def test_the_watermark_waits_for_the_deletions(world: World) -> None:
    world.insert(range(6))
    world.run()
    before = world.position()
    world.source.execute("DELETE FROM orders WHERE id = 1")
    (item,) = world.extract(world.plan())
    assert item.state is State.LOADED
    settle(world.job.ledger, "orders")
    assert world.position() == before
    assert world.plan() == [], "no run goes on from a version whose deletions are not marked"
    world.load()
    assert world.position()[1] == before[1] + 1


def test_another_modes_watermark_is_refused_and_its_way_back_reads_in_full(world: World) -> None:
    world.insert(range(6))
    world.job = replace(world.job, source=make_source(mode="incremental"))
    world.run()
    world.job = replace(world.job, source=make_source())
    with pytest.raises(StateConflictError, match="another mode"):
        world.plan()
    world.rewind(Position(), 9)
    world.run()
    world.job = replace(world.job, source=make_source(mode="incremental"))
    (item,) = world.run()
    assert len(world.rows(item)) == 6


@pytest.mark.parametrize("horizon", ["version:", "version:1 OR 1=1", "version:-3", "version:٣"])
def test_a_version_that_is_none_never_comes_into_a_statement(world: World, horizon: str) -> None:
    world.insert(range(6))
    world.run()
    world.rewind(Position(None, horizon), 9)
    with pytest.raises(ConfigError, match="not a version"):
        world.plan()


def test_an_untracked_table_and_a_lesser_guarantee_are_refused(world: World) -> None:
    with pytest.raises(ConfigError, match="no other guarantee"):
        world.plan(guarantee="best_effort")
    world.source.execute("DELETE FROM tracking WHERE name = 'orders'")
    with pytest.raises(ConfigError, match="no change tracking that this login may see"):
        world.plan()


@pytest.mark.parametrize(
    ("kind", "wanted", "values"),
    [
        ("uuid", "uuid", ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'00000000-0000-0000-0000-000000000001'"]),
        ("numeric(12,4)", "decimal(14,6)", ["-1.5", "12345678.9999"]),
        ("varchar(20)", "string", ["'É''s 😀'", "'tab\t\"x\"'"]),
        ("timestamptz", "timestamp", ["'2025-01-01 00:00:00.000001+00'", "'1999-12-31 23:59:59+05'"]),
    ],
)
def test_deleted_keys_are_those_of_the_rows_whatever_their_type(
    odbc_postgres: OdbcDatabase,
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    wanted: str,
    values: list[str],
) -> None:
    monkeypatch.setitem(DIALECTS, "postgresql", TRACKED["postgresql"])
    rows = ", ".join(f"({value}, 'x', 1)" for value in values)
    odbc_postgres.execute(f"CREATE TABLE orders (id {kind} PRIMARY KEY, note varchar(20), amount integer)")
    track(odbc_postgres, "postgresql", "orders", kind)
    odbc_postgres.execute(f"INSERT INTO orders VALUES {rows}")
    world = make_world(odbc_postgres, ledger, tmp_path)
    columns = [{"name": "id", "type": wanted, "nullable": False}, {"name": "note", "type": "string"}]
    world.job = replace(world.job, contract=Contract.from_mapping(CONTRACT | {"columns": columns}))
    (item,) = world.run()
    read = sorted(world.rows(item))
    odbc_postgres.execute("DELETE FROM orders")
    (item,) = world.run()
    assert sorted(world.deleted(item)) == read
    assert len(read) == 2


def test_a_deployments_load_marks_the_deletions_of_a_table(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source().model_dump(mode="json", exclude_none=True)
    for kind, content in (("sources", source), ("contracts", CONTRACT)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "orders.yaml").write_text(yaml.safe_dump(content))
    connection = {"conn_type": "integrations_ledger", "extra": {"path": str(tmp_path / "ledger.db")}}
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATIONS_LEDGER", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__LANDING_ROOT", str(tmp_path / "landing"))
    assert batch_job("orders", "owner").mark_deletions is mark_deletions


@pytest.mark.parametrize("name", ["odbc_postgres", "odbc_mariadb", "odbc_sqlite"])
def test_engines_without_change_tracking_refuse_the_mode(
    request: pytest.FixtureRequest, name: str, ledger: Ledger, tmp_path: Path
) -> None:
    database: OdbcDatabase = request.getfixturevalue(name)
    database.execute("CREATE TABLE orders (id bigint PRIMARY KEY, note varchar(20), amount integer)")
    job = RunJob(
        make_source(), Contract.from_mapping(CONTRACT), OdbcSettings.from_string(database.connection_string), ledger,
        UPath(tmp_path / "landing"), tmp_path / "scratch", "owner",
    )  # fmt: skip
    with pytest.raises(ConfigError, match="the engine has no change tracking"):
        plan_items(job, Asked("run"))
    assert ledger.items.list("orders") == []


def test_rejected_rows_beyond_the_share_hold_the_version_and_the_deletions(world: World) -> None:
    world.insert(range(6))
    world.run()
    before = world.position()
    world.source.execute("UPDATE orders SET amount = -1 WHERE id < 3", "DELETE FROM orders WHERE id = 5")
    (item,) = world.run()
    assert (item.state, world.position()) == (State.QUARANTINED, before)
    world.source.execute("UPDATE orders SET amount = 1")
    (item,) = world.run()
    assert (sorted(world.rows(item)), world.deleted(item)) == ([0, 1, 2, 3, 4], [5])


# --- into the warehouse ---------------------------------------------------------------------------------------------


@pytest.fixture
def chain(
    odbc_sqlite: OdbcDatabase, warehouse: Warehouse, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> World:
    monkeypatch.setitem(DIALECTS, "sqlite", TRACKED["sqlite"])
    load = {"table": "ORDERS", "database": warehouse.database}
    world = make_world(make_orders(odbc_sqlite, "sqlite"), ledger, tmp_path, load=load, gate={"mode": "block"})
    world.connect = warehouse.connect
    return world


def _alive(warehouse: Warehouse, current: str = "_deleted_version IS NULL") -> list[tuple[Any, ...]]:
    return warehouse.rows('SELECT id, note FROM "{db}"."SILVER"."ORDERS" WHERE ' + f"{current} ORDER BY id")


def _there(world: World) -> list[tuple[Any, ...]]:
    return [(int(number), note) for number, note in world.source.execute("SELECT id, note FROM orders ORDER BY id")]


POINTS = (
    "planned", "plan entered", "page written", "page saved", "shard done", "report noted", "promoted", "landed",
    "claimed for the gate", "gated", "verdict stored", "verdict settled", "claimed for the load", "loaded",
    "noted as loaded", "deletions marked", "deletions noted",
)  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_an_increment_that_dies_anywhere_converges(chain: World, warehouse: Warehouse, point: str) -> None:
    chain.insert(range(20))
    chain.whole_run()
    assert _alive(warehouse) == _there(chain)
    chain.insert(range(20, 32), "new")
    chain.source.execute("UPDATE orders SET note = 'changed' WHERE id = 2", "DELETE FROM orders WHERE id IN (3, 17)")
    chain.at = (point, 2 if point.startswith("page") else 1)
    with pytest.raises(Killed):
        chain.whole_run()
    assert chain.position()[1] == 1
    # Also of what was read before it died.
    chain.source.execute("DELETE FROM orders WHERE id IN (4, 20)", "INSERT INTO orders VALUES (3, 'back', 1)")
    chain.whole_run()
    chain.whole_run()
    assert _alive(warehouse) == _there(chain)
    kept = warehouse.rows('SELECT COUNT(*) FROM "{db}"."SILVER"."ORDERS" WHERE id < 20')
    assert kept == [(20,)], "nothing is removed"
    assert chain.position()[0] == Position(None, f"version:{chain.version()}")


@pytest.mark.parametrize("scd", [1, 2])
def test_deletions_alone_are_marked_once_and_a_key_that_comes_back_is_alive(
    chain: World, warehouse: Warehouse, scd: int
) -> None:
    load = chain.job.source.load.model_copy(update={"scd": scd})
    chain.job = replace(chain.job, source=chain.job.source.model_copy(update={"load": load}))
    current = "is_current" if scd == 2 else "_deleted_version IS NULL"
    chain.insert(range(5))
    chain.whole_run()
    chain.source.execute("DELETE FROM orders WHERE id IN (1, 2)")
    chain.whole_run()
    (item,) = [item for item in chain.job.ledger.items.list("orders") if item.facts.get("keys_deleted") == 2]
    assert (item.state, item.facts["rows_deleted"], item.facts["rows_landed"]) == (State.ARCHIVED, 2, 0)
    assert _alive(warehouse, current) == _there(chain)
    chain.insert(range(1, 2), "back")
    chain.whole_run()
    assert _alive(warehouse, current) == _there(chain) == [(0, "first"), (1, "back"), (3, "first"), (4, "first")]


def test_keys_that_were_changed_on_disk_are_not_marked(chain: World, warehouse: Warehouse) -> None:
    chain.insert(range(5))
    chain.whole_run()
    chain.source.execute("DELETE FROM orders WHERE id = 1")
    chain.at = ("landed", 1)
    with pytest.raises(Killed):
        chain.whole_run()
    (path,) = Path(str(chain.job.root)).rglob("bronze/**/deleted.arrow")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(StateConflictError, match="changed after they were written"):
        chain.whole_run()
    assert len(_alive(warehouse)) == 5


def test_deletions_that_another_worker_marks_are_waited_for(chain: World) -> None:
    chain.insert(range(5))
    chain.whole_run()
    chain.source.execute("DELETE FROM orders WHERE id = 1")
    (item,) = chain.extract(chain.plan())
    chain.job.ledger.items.claim(item.id, "another", states=[State.LOADED], lease=timedelta(minutes=1))
    with pytest.raises(TransientError, match="claimed by another worker"):
        chain.whole_run()
