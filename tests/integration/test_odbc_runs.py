"""Runs of a table by the ledger alone, from SQLite over ODBC: what is planned, given up, resumed and settled."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner
from upath import UPath

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.connectors.odbc.land_shards import extract_items
from airflow_provider_integrations.connectors.odbc.plan import RunPlan, next_position
from airflow_provider_integrations.connectors.odbc.position import Position, position_of, watermark_of
from airflow_provider_integrations.connectors.odbc.run import Asked, RunJob, plan_items
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.settle import settle
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import StateConflictError, TransientError, WatermarkLostError
from airflow_provider_integrations.core.table_source import TableSource
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing.quarantine import read_kept
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

CONTRACT: dict[str, Any] = {
    "contract": "orders",
    "version": "1.0.0",
    "columns": [
        {"name": "id", "type": "integer", "nullable": False},
        {"name": "updated_at", "type": "timestamp"},
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
    url: str
    kill_at: str = ""
    times: int = 1

    def boundary(self, name: str) -> None:
        if name == self.kill_at:
            self.times -= 1
            if not self.times:
                self.kill_at = ""
                raise Killed

    def insert(self, ids: range, at: str | None, amount: int = 1) -> None:
        with self.source.connect(autocommit=False) as connection:
            rows = [(number, at, amount) for number in ids]
            connection.cursor().executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
            connection.commit()

    def plan(self, request: str = "run", **asked: Any) -> list[WorkItem]:
        return plan_items(replace(self.job, boundary=self.boundary), Asked(request, **asked))

    def extract(self, items: list[WorkItem]) -> None:
        for item in items:
            extract_items(replace(self.job, boundary=self.boundary), [item.id])

    def load(self, *, dies_before_the_watermark: bool = False) -> None:
        """What the gate and the warehouse do to the ledger."""
        ledger = self.job.ledger.items
        for old, new in ((State.LANDED, State.GATED), (State.GATED, State.LOADED)):
            for item in ledger.list("orders", [old], limit=None):
                taken = ledger.claim(item.id, "load", states=[old], lease=timedelta(minutes=1))
                assert taken is not None
                ledger.advance(taken[1], new)
        if not dies_before_the_watermark:
            settle(self.job.ledger, "orders")

    def run(self, request: str = "run", **asked: Any) -> list[WorkItem]:
        items = self.plan(request, **asked)
        self.extract(items)
        self.load()
        return [self.job.ledger.items.get(item.id) for item in items]

    def position(self) -> tuple[Position, int]:
        watermark = self.job.ledger.watermarks.get("orders")
        assert watermark is not None
        return position_of(watermark, watermark.engine)

    def rewind(self, position: Position, moves: int, engine: str | None = None) -> None:
        watermark = self.job.ledger.watermarks.get("orders")
        assert watermark is not None
        to = watermark_of(position, moves, engine or watermark.engine)
        self.job.ledger.watermarks.rewind("orders", to, why="test", who="test")

    def rows(self, item: WorkItem) -> list[dict[str, Any]]:
        folder = Path(str(self.job.root / item.facts["folder"]))
        return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def make_source(**changes: Any) -> TableSource:
    data = {
        "source": "orders", "kind": "odbc", "connection": "erp", "contract": "orders", "table": "orders",
        "cursor": ["updated_at"], "page_rows": 5, "lag": "PT1S", "load": {"table": "ORDERS"},
    }  # fmt: skip
    return TableSource.from_mapping(data | changes)


@pytest.fixture
def world(odbc_sqlite: OdbcDatabase, tmp_path: Path) -> Iterator[World]:
    odbc_sqlite.execute(
        "CREATE TABLE orders (id integer PRIMARY KEY, updated_at timestamp, amount integer)",
        "CREATE INDEX by_update ON orders (updated_at, id)",
    )
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger.connect(url) as ledger:
        migrated(ledger)
        job = RunJob(
            source=make_source(),
            contract=Contract.from_mapping(CONTRACT),
            settings=OdbcSettings.from_string(odbc_sqlite.connection_string),
            ledger=ledger,
            root=UPath(tmp_path / "landing"),
            scratch=tmp_path / "scratch",
            owner="dag/run/task/0",
        )
        yield World(odbc_sqlite, job, url)


def test_an_empty_table_moves_the_watermark_and_lands_nothing(world: World) -> None:
    (item,) = world.run()
    assert (item.state, item.facts["rows_read"]) == (State.ARCHIVED, 0)
    assert world.position() == (Position(), 1)
    world.insert(range(3), "2025-01-01 00:00:00")
    (item,) = world.run()
    assert (len(world.rows(item)), world.position()[1]) == (3, 2)


def test_a_full_read_has_the_rows_without_a_cursor_too(world: World) -> None:
    world.insert(range(7), "2025-01-01 00:00:00")
    world.insert(range(7, 9), None)
    (item,) = world.run("full", whole=True)
    assert sorted(row["id"] for row in world.rows(item)) == list(range(9))
    assert world.job.ledger.watermarks.get("orders") is None
    world.job = replace(world.job, source=make_source(mode="full", cursor=[], lag=None))
    (item,) = world.run("a source in full mode")
    assert sorted(row["id"] for row in world.rows(item)) == list(range(9))


def test_after_a_rewind_a_run_of_the_same_number_is_planned_anew(world: World) -> None:
    world.insert(range(4), "2025-01-01 00:00:00")
    world.run()
    after_one, moves = world.position()
    world.insert(range(4, 8), "2025-01-02 00:00:00")
    world.run()
    world.rewind(after_one, moves)
    (item,) = world.run()
    assert [row["id"] for row in world.rows(item)][-4:] == [4, 5, 6, 7]
    assert world.position()[1] == 2


def test_a_run_that_a_rewind_has_overtaken_is_given_up_and_never_moves_the_watermark(world: World) -> None:
    world.insert(range(4), "2025-01-01 00:00:00")
    world.run()
    after_one, moves = world.position()
    world.insert(range(4, 8), "2025-01-02 00:00:00")
    world.run()
    world.insert(range(8, 9), "2025-01-03 00:00:00")
    (waiting,) = world.plan()
    world.rewind(after_one, moves)
    (item,) = world.run()
    assert item.id != waiting.id
    given_up = world.job.ledger.items.get(waiting.id)
    assert (given_up.state, given_up.reason) == (State.DUPLICATE, "overtaken")
    assert {4, 5, 6, 7, 8} <= {row["id"] for row in world.rows(item)}
    assert world.position()[0].bookmark == ("2025-01-03 00:00:00", "8")


def test_shards_of_an_overtaken_run_that_were_loaded_are_closed_without_moving_anything(world: World) -> None:
    world.insert(range(4), "2025-01-01 00:00:00")
    world.run()
    after_one, moves = world.position()
    world.insert(range(4, 8), "2025-01-02 00:00:00")
    items = world.plan()
    world.extract(items)
    world.rewind(after_one, moves + 5)
    world.load()
    assert world.job.ledger.items.get(items[0].id).state is State.ARCHIVED
    assert world.position() == (after_one, moves + 5)


def test_a_released_shard_and_its_successors_never_share_a_name(world: World) -> None:
    world.insert(range(4), "2025-01-01 00:00:00", amount=-1)
    refused = [world.run()[0] for _ in range(2)]
    assert [item.state for item in refused] == [State.QUARANTINED] * 2
    kept = read_kept(world.job.root / str(refused[0].facts["kept"]))
    assert (kept.original, kept.commands["again"]) == (None, "airflow dags trigger odbc_extract__orders")
    assert world.job.ledger.watermarks.get("orders") is None
    world.job.ledger.items.release(refused[0].id, who="test", why="corrected")
    world.source.execute("UPDATE orders SET amount = 1")
    (item,) = world.run()
    assert (item.id, item.state) == (refused[0].id, State.ARCHIVED)
    assert world.position()[1] == 1
    world.insert(range(4, 5), "2025-01-02 00:00:00")
    (item,) = world.run()
    assert (item.facts["rows_landed"], world.position()[1]) == (5, 2), "one new, and the lag"


def test_rows_of_a_shard_that_is_resumed_later_win_against_a_backfill_made_meanwhile(world: World) -> None:
    world.insert(range(12), "2025-01-01 00:00:00")
    items = world.plan()
    world.kill_at = "page saved"
    with pytest.raises(Killed):
        world.extract(items)
    assert next(item.id for item in world.plan("backfill", span=("2025-01-01", None))) == items[0].id
    (backfill,) = [item for item in world.job.ledger.items.list("orders") if "span-" in item.path]
    world.extract([backfill])
    world.source.execute("UPDATE orders SET amount = 7 WHERE id = 11")
    world.extract(items)
    old, new = (
        next(row for row in world.rows(world.job.ledger.items.get(item.id)) if row["id"] == 11)
        for item in (backfill, items[0])
    )
    assert (old["amount"], new["amount"]) == (1, 7)
    assert new["_version"] > old["_version"]


@pytest.mark.parametrize("shards", [1, 3])
def test_a_row_committed_while_a_run_lay_still_is_found_by_the_next_though_the_bookmark_is_far_ahead(
    world: World, monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    """The lag counts from where the run began: what it read later, on other snapshots, must not push the window on."""
    monkeypatch.setattr("airflow_provider_integrations.connectors.odbc.shards.LEAST_ROWS", 5)
    world.job = replace(world.job, source=make_source(shards=shards, lag="PT10M"))
    for minute in range(20):
        world.insert(range(minute * 10, minute * 10 + 2), f"2025-01-01 10:{minute:02}:00")
    items = world.plan()
    assert len(items) == shards
    world.extract(items[:-1])
    if shards == 1:
        world.kill_at, world.times = "page saved", 8
        with pytest.raises(Killed):
            world.extract(items)
    world.insert(range(501, 502), "2025-01-01 10:10:30")  # Began before the run, committed after it had passed.
    world.insert(range(600, 700), "2025-01-01 15:00:00")
    world.extract(items)
    world.load()
    assert world.position()[0].bookmark == ("2025-01-01 15:00:00", "699")
    world.run()
    landed = {row["id"] for item in world.job.ledger.items.list("orders") for row in world.rows(item)}
    assert {501, *range(600, 700)} <= landed


def test_a_guarantee_may_change_between_two_runs(world: World) -> None:
    world.insert(range(4), "2025-01-01 00:00:00")
    for guarantee in ("best_effort", "lag", "best_effort", "lag"):
        world.run(guarantee=guarantee)
        world.insert(range(world.position()[1] * 10, world.position()[1] * 10 + 1), "2025-01-02 00:00:00")
    assert world.position()[0].horizon == "lag:2025-01-02 00:00:00"


def test_rejects_are_kept_where_no_row_was_landed(world: World) -> None:
    world.job = replace(world.job, contract=Contract.from_mapping(CONTRACT | {"max_reject_share": 1}))
    world.insert(range(2), "2025-01-01 00:00:00", amount=-1)
    (item,) = world.run()
    assert (item.state, item.facts["rows_landed"], item.facts["rows_rejected"]) == (State.ARCHIVED, 0, 2)
    rejects = (Path(str(world.job.root / item.facts["folder"])) / "rejects.jsonl").read_text().splitlines()
    assert [json.loads(line)["key"] for line in rejects] == ["id=0", "id=1"]
    assert world.position()[1] == 1


def test_rejects_that_are_ahead_of_the_clock_in_every_run_refuse_none(world: World) -> None:
    world.insert(range(4), "2025-01-01 00:00:00")
    world.insert(range(90, 97), "2999-99-99 00:00:00")
    (item,) = world.run()
    assert (item.state, item.facts["rows_ahead"], item.facts["rows_rejected"]) == (State.ARCHIVED, 7, 7)
    assert world.position()[0].bookmark == ("2025-01-01 00:00:00", "3")
    world.insert(range(4, 5), "2025-01-02 00:00:00")
    (item,) = world.run()
    assert (item.state, item.facts["rows_ahead"], item.facts["rows_landed"]) == (State.ARCHIVED, 7, 5)
    world.insert(range(5, 15), "2025-01-03 00:00:00", amount=-1)
    (item,) = world.run()
    assert item.state is State.QUARANTINED, "too many of the others"


def test_a_worker_that_dies_between_the_load_and_the_watermark_is_made_good_by_the_next_plan(world: World) -> None:
    world.insert(range(4), "2025-01-01 00:00:00")
    (item,) = world.plan()
    world.extract([item])
    world.load(dies_before_the_watermark=True)
    assert world.job.ledger.watermarks.get("orders") is None
    world.insert(range(4, 6), "2025-01-02 00:00:00")
    (after,) = world.run()
    assert world.job.ledger.items.get(item.id).state is State.ARCHIVED
    assert ([row["id"] for row in world.rows(after)][-2:], world.position()[1]) == ([4, 5], 2)


def test_a_worker_that_dies_between_the_watermark_and_the_closing_moves_it_once(world: World) -> None:
    world.insert(range(4), "2025-01-01 00:00:00")
    (item,) = world.plan()
    world.extract([item])
    world.load(dies_before_the_watermark=True)
    done = world.job.ledger.items.get(item.id)
    plan = RunPlan.from_json(done.facts["plan"])
    new = watermark_of(next_position(plan, [tuple(done.facts["bookmark"])]), 1, plan.engine)
    world.job.ledger.watermarks.begin("orders", new)
    settle(world.job.ledger, "orders")
    assert world.job.ledger.items.get(item.id).state is State.ARCHIVED
    assert world.job.ledger.watermarks.get("orders") == new


def test_the_watermark_waits_for_the_last_shard_of_a_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_integrations.connectors.odbc.shards.LEAST_ROWS", 10)
    world.insert(range(60), "2025-01-01 00:00:00")
    world.job = replace(world.job, source=make_source(shards=3))
    first, *others = world.plan()
    assert len(others) == 2
    world.extract([first])
    world.load()
    assert world.job.ledger.items.get(first.id).state is State.LOADED
    assert world.job.ledger.watermarks.get("orders") is None
    assert {item.id for item in world.plan()} == {item.id for item in others}, "the run is finished first"
    world.extract(others)
    world.load()
    assert sum(len(world.rows(world.job.ledger.items.get(item.id))) for item in (first, *others)) == 60
    assert world.position()[0].bookmark == ("2025-01-01 00:00:00", "59")


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlite"])
@pytest.mark.parametrize("place", ["", " AND {keyset}"])
def test_a_template_is_read_by_keyset_like_a_table(
    world: World, request: pytest.FixtureRequest, engine: str, place: str
) -> None:
    name = {"postgresql": "odbc_postgres", "mariadb": "odbc_mariadb", "sqlite": "odbc_sqlite"}[engine]
    database: OdbcDatabase = request.getfixturevalue(name)
    if engine != "sqlite":
        database.execute("CREATE TABLE orders (id bigint PRIMARY KEY, updated_at timestamp(6), amount integer)")
    world.source = database
    template = f"SELECT o.id, o.updated_at, o.amount + 1 AS amount FROM orders o WHERE o.id < 100{place}"
    world.job = replace(
        world.job,
        source=make_source(table=None, template="orders.sql"),
        settings=OdbcSettings.from_string(database.connection_string),
        template=template,
    )
    world.insert(range(12), "2025-01-01 00:00:00.123456")
    world.insert(range(12, 13), None)
    world.insert(range(100, 101), "2025-01-01 00:00:00")
    (item,) = world.run()
    assert item.facts["guarantee"] == "lag"
    assert sorted((row["id"], row["amount"]) for row in world.rows(item)) == [(number, 2) for number in range(13)]
    world.insert(range(20, 22), "2025-01-02 00:00:00")
    (item,) = world.run()
    assert {row["id"] for row in world.rows(item)} >= {12, 20, 21}


def test_a_lost_watermark_is_never_read_as_from_the_beginning(world: World) -> None:
    world.insert(range(2), "2025-01-01 00:00:00")
    world.run()
    with create_engine(world.url).begin() as connection:
        connection.execute(text("DELETE FROM watermark"))
    with pytest.raises(WatermarkLostError):
        world.plan()
    assert len(world.job.ledger.items.list("orders")) == 1


def test_another_database_behind_the_same_connection_is_refused_until_it_is_rewound_to(
    world: World, tmp_path: Path
) -> None:
    world.insert(range(2), "2025-01-01 00:00:00")
    world.run()
    world.insert(range(2, 4), "2025-01-02 00:00:00")
    (waiting,) = world.plan()
    position, moves = world.position()
    watermark = world.job.ledger.watermarks.get("orders")
    assert watermark is not None
    world.rewind(position, moves, engine="another")
    with pytest.raises(StateConflictError, match="not the one that the watermark is of"):
        world.plan()
    world.rewind(position, moves + 1, engine=watermark.engine)
    (item,) = world.run()
    assert item.id != waiting.id
    assert {2, 3} <= {row["id"] for row in world.rows(item)}


def test_a_position_is_set_by_hand_as_the_errors_say(world: World) -> None:
    world.insert(range(4), "2025-01-01 00:00:00")
    world.run()
    after_one, _ = world.position()
    world.insert(range(4, 8), "2025-01-02 00:00:00")
    world.run()

    def rewind(*arguments: str) -> None:
        command = ["ledger", "watermark", "orders", "--ledger", world.url, "--why", "test", "--rewind-to", *arguments]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output

    rewind(after_one.to_json())
    assert world.position() == (after_one, 3)
    (item,) = world.run()
    assert {row["id"] for row in world.rows(item)} >= {4, 5, 6, 7}
    rewind("beginning")
    assert len(world.rows(world.run()[0])) == 8
    rewind(after_one.to_json(), "--engine", "sqlite 4")
    watermark = world.job.ledger.watermarks.get("orders")
    assert watermark is not None
    assert watermark.engine == "sqlite 4"


def test_planners_at_the_same_moment_make_one_plan(world: World) -> None:
    world.insert(range(20), "2025-01-01 00:00:00")
    barrier, found = threading.Barrier(4), list[list[str]]()

    def wait(name: str) -> None:
        if name == "planned":
            barrier.wait(10)

    def plan(number: int) -> None:
        job = replace(world.job, owner=f"planner {number}", boundary=wait)
        found.append([item.id for item in plan_items(job, Asked(f"run {number}"))])

    threads = [threading.Thread(target=plan, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 4
    assert len({tuple(ids) for ids in found}) == 1
    assert len(world.job.ledger.items.list("orders")) == 1


def test_a_shard_that_another_worker_holds_is_waited_for(world: World) -> None:
    world.insert(range(2), "2025-01-01 00:00:00")
    (item,) = world.plan()
    world.job.ledger.items.claim(item.id, "another", states=[State.DISCOVERED], lease=timedelta(minutes=1))
    with pytest.raises(TransientError, match="claimed by another worker"):
        world.extract([item])


def test_there_is_nothing_to_replay_of_a_table(world: World) -> None:
    world.insert(range(2), "2025-01-01 00:00:00")
    world.run()
    today = datetime.now(UTC).date()
    replayed = world.job.ledger.items.replay("orders", date(2025, 1, 1), today, request="r", who="test")
    assert replayed == []


def test_keys_that_begin_anew_take_the_watermark_back_to_the_highest_row(world: World) -> None:
    world.job = replace(world.job, source=make_source(cursor=[], lag=None, shards=2))
    world.insert(range(1, 41), "2025-01-01 00:00:00")
    world.run("first")
    assert world.position()[0].bookmark == ("40",)
    world.source.execute("DELETE FROM orders")
    world.insert(range(1, 31), "2025-02-01 00:00:00")
    items = world.run("second")
    assert sum(item.facts["rows_landed"] for item in items) == 30
    assert {RunPlan.from_json(item.facts["plan"]).bookmark_check for item in items} == {"anew"}
    assert (world.position()[0].bookmark, world.position()[1]) == (("30",), 2)
    world.source.execute("DELETE FROM orders")
    world.run("third")
    assert (world.position()[0].bookmark, world.position()[1]) == (None, 3)
    world.insert(range(1, 61), "2025-03-01 00:00:00")
    assert sum(item.facts["rows_landed"] for item in world.run("fourth")) == 60
