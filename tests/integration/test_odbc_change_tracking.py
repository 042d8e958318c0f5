"""Runs by change tracking, on engines that answer its questions from shadow tables: what is read, and when it is gone on from."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from airflow_provider_integrations.connectors.odbc.dialects import DIALECTS
from airflow_provider_integrations.connectors.odbc.land_shards import outcome
from airflow_provider_integrations.connectors.odbc.plan import RunPlan
from airflow_provider_integrations.connectors.odbc.position import Position
from airflow_provider_integrations.connectors.odbc.probe import anything_new
from airflow_provider_integrations.connectors.odbc.settle import settle
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.dag_context import batch_job
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.warehouse.deletions import mark_deletions
from tests.fakes.odbc_servers import OdbcDatabase
from tests.fakes.odbc_tracked import TRACKED, track
from tests.fakes.odbc_tracked_world import CONTRACT, Killed, World, make_source, make_world

pytestmark = pytest.mark.integration


def test_the_first_run_reads_the_table_and_the_next_what_changed_and_what_is_gone(tracked: World) -> None:
    tracked.insert(range(12))
    began = tracked.version()
    (item,) = tracked.run()
    assert tracked.rows(item) == dict.fromkeys(range(12), "first")
    assert (tracked.deleted(item), tracked.position()) == ([], (Position(None, f"version:{began}"), 1))
    tracked.insert(range(20, 22), "new")
    tracked.source.execute(
        "UPDATE orders SET note = 'changed' WHERE id = 3",
        "DELETE FROM orders WHERE id IN (5, 11)",
        "UPDATE orders SET id = 30 WHERE id = 7",
        "DELETE FROM orders WHERE id = 9",
        "INSERT INTO orders VALUES (9, 'again', 1)",
    )
    (item,) = tracked.run()
    assert tracked.rows(item) == {3: "changed", 9: "again", 20: "new", 21: "new", 30: "first"}
    assert tracked.deleted(item) == [5, 7, 11]
    assert tracked.position() == (Position(None, f"version:{tracked.version()}"), 2)
    told = outcome([item])
    assert (told["guarantees"], told["rows_landed"], told["keys_deleted"]) == (["safe_upper_bound"], 5, 3)
    plan = RunPlan.from_json(item.facts["plan"])
    assert ("however late" in plan.promise, "deleted is marked" in plan.promise) == (True, True)


def test_the_first_run_has_the_shards_of_its_source_and_an_increment_has_one(
    tracked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_integrations.connectors.odbc.shards.LEAST_ROWS", 10)
    tracked.insert(range(60))
    if tracked.job.settings.family == "postgresql":
        tracked.source.execute("ANALYZE orders")
    tracked.job = replace(tracked.job, source=make_source(shards=3))
    items = tracked.plan()
    assert len(items) == 3
    tracked.extract(items[1:])
    # Between two shards; the first has not read its rows yet, the last has.
    tracked.source.execute(
        "UPDATE orders SET note = 'changed' WHERE id IN (0, 59)", "DELETE FROM orders WHERE id IN (1, 58)"
    )
    tracked.extract(items[:1])
    tracked.load()
    assert sum(len(tracked.rows(tracked.job.ledger.items.get(item.id))) for item in items) == 59
    (item,) = tracked.run()
    assert (tracked.rows(item), tracked.deleted(item)) == ({0: "changed", 59: "changed"}, [1, 58])


def test_nothing_changed_reads_nothing_and_wakes_nobody(tracked: World) -> None:
    assert anything_new(tracked.job)
    tracked.insert(range(3))
    tracked.run()
    position, _ = tracked.position()
    assert not anything_new(tracked.job)
    (item,) = tracked.run()
    assert (item.state, item.facts["rows_read"], item.facts["keys_deleted"]) == (State.ARCHIVED, 0, 0)
    assert tracked.position() == (position, 2)
    tracked.source.execute("DELETE FROM orders WHERE id = 1")
    assert anything_new(tracked.job)
    (item,) = tracked.run()
    assert (tracked.deleted(item), item.facts["rows_landed"], item.state) == ([1], 0, State.ARCHIVED)
    assert not anything_new(tracked.job)


def test_a_row_that_leaves_the_filter_is_gone_and_one_that_enters_is_read(tracked: World) -> None:
    tracked.job = replace(tracked.job, source=make_source(filter="note <> 'draft'"))
    tracked.insert(range(3))
    tracked.insert(range(3, 5), "draft")
    (item,) = tracked.run()
    assert sorted(tracked.rows(item)) == [0, 1, 2]
    tracked.source.execute("UPDATE orders SET note = 'draft' WHERE id = 1", "UPDATE orders SET note = 'x' WHERE id = 3")
    (item,) = tracked.run()
    assert (tracked.rows(item), tracked.deleted(item)) == ({3: "x"}, [1])


def test_what_is_committed_while_the_pages_are_read_is_for_the_next_run(tracked_postgres: World) -> None:
    tracked_postgres.insert(range(30))
    tracked_postgres.run()
    tracked_postgres.source.execute("UPDATE orders SET note = 'changed'")

    def write() -> None:
        tracked_postgres.source.execute(
            "UPDATE orders SET note = 'later' WHERE id IN (1, 28)",
            "DELETE FROM orders WHERE id IN (2, 29)",
            "INSERT INTO orders VALUES (40, 'later', 1)",
        )

    tracked_postgres.at, tracked_postgres.then = ("page saved", 2), write
    (item,) = tracked_postgres.run()
    assert (tracked_postgres.rows(item), tracked_postgres.deleted(item)) == (dict.fromkeys(range(30), "changed"), [])
    (item,) = tracked_postgres.run()
    assert tracked_postgres.rows(item) == {1: "later", 28: "later", 40: "later"}
    assert tracked_postgres.deleted(item) == [2, 29]


def test_a_transaction_that_commits_late_is_never_lost(tracked_postgres: World) -> None:
    """T1 writes first and commits after two runs, behind which its keys lie."""
    tracked_postgres.insert(range(10))
    tracked_postgres.run()
    with closing(tracked_postgres.source.connect(autocommit=False)) as slow:
        slow.execute("INSERT INTO orders VALUES (-5, 'late', 1)")
        slow.execute("UPDATE orders SET note = 'late' WHERE id = 3")
        slow.execute("DELETE FROM orders WHERE id = 4")
        for number in (20, 21):
            tracked_postgres.insert(range(number, number + 1), "quick")
            (item,) = tracked_postgres.run()
            assert (tracked_postgres.rows(item), tracked_postgres.deleted(item)) == ({number: "quick"}, [])
        slow.commit()
    (item,) = tracked_postgres.run()
    assert (tracked_postgres.rows(item), tracked_postgres.deleted(item)) == ({-5: "late", 3: "late"}, [4])


@pytest.mark.parametrize("first", [True, False])
def test_a_run_that_goes_on_in_a_later_snapshot_leaves_nothing_behind(tracked: World, first: bool) -> None:
    tracked.insert(range(23))
    if not first:
        tracked.run()
        tracked.source.execute("UPDATE orders SET note = 'changed'")
    items = tracked.plan()
    tracked.at = ("page saved", 2)
    with pytest.raises(Killed):
        tracked.extract(items)
    # Of the first ten, which are read already, and of the others.
    tracked.source.execute(
        "UPDATE orders SET note = 'later' WHERE id IN (2, 20)",
        "DELETE FROM orders WHERE id IN (3, 21)",
    )
    (item,) = tracked.run()
    assert item.id == items[0].id
    known = tracked.rows(item)
    assert (known[2], known[20]) == ("first" if first else "changed", "later")
    assert tracked.deleted(item) == ([] if first else [3, 21])
    (item,) = tracked.run()
    assert tracked.rows(item) == {2: "later", 20: "later"}
    assert tracked.deleted(item) == [3, 21]


@pytest.mark.parametrize("point", ["shard done", "report noted"])
def test_a_key_that_comes_back_before_the_run_goes_on_is_not_among_the_deleted(tracked: World, point: str) -> None:
    tracked.insert(range(4))
    tracked.run()
    tracked.source.execute("DELETE FROM orders WHERE id = 2")
    items = tracked.plan()
    tracked.at = (point, 1)
    with pytest.raises(Killed):
        tracked.extract(items)
    tracked.insert(range(2, 3), "back")
    (item,) = tracked.run()
    assert item.id == items[0].id
    assert (tracked.rows(item), tracked.deleted(item)) == ({2: "back"}, [])


def test_a_full_read_and_a_backfill_move_no_version(tracked: World) -> None:
    tracked.insert(range(6))
    tracked.run()
    before = tracked.position()
    tracked.insert(range(6, 8))
    (item,) = [item for item in tracked.run(request="full", whole=True) if "span-" in item.path]
    assert (len(tracked.rows(item)), RunPlan.from_json(item.facts["plan"]).horizon) == (8, None)
    (item,) = [item for item in tracked.run(request="back", span=("2", "5")) if "span-" in item.path]
    assert sorted(tracked.rows(item)) == [2, 3, 4]
    assert tracked.position() == before
    (item,) = tracked.run()
    assert sorted(tracked.rows(item)) == [6, 7]


def test_the_watermark_waits_for_the_deletions(tracked: World) -> None:
    tracked.insert(range(6))
    tracked.run()
    before = tracked.position()
    tracked.source.execute("DELETE FROM orders WHERE id = 1")
    (item,) = tracked.extract(tracked.plan())
    assert item.state is State.LOADED
    settle(tracked.job.ledger, "orders")
    assert tracked.position() == before
    assert tracked.plan() == [], "no run goes on from a version whose deletions are not marked"
    tracked.load()
    assert tracked.position()[1] == before[1] + 1


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
    tracked_ledger: Ledger,
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
    tracked = make_world(odbc_postgres, tracked_ledger, tmp_path)
    columns = [{"name": "id", "type": wanted, "nullable": False}, {"name": "note", "type": "string"}]
    tracked.job = replace(tracked.job, contract=Contract.from_mapping(CONTRACT | {"columns": columns}))
    (item,) = tracked.run()
    read = sorted(tracked.rows(item))
    odbc_postgres.execute("DELETE FROM orders")
    (item,) = tracked.run()
    assert sorted(tracked.deleted(item)) == read
    assert len(read) == 2


def test_a_deployments_load_marks_the_deletions_of_a_table(
    tracked_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
