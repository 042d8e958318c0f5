"""What change tracking cannot go on from, or not promise: it is refused, and nothing is moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from upath import UPath

from airflow_provider_integrations.connectors.odbc.position import Position
from airflow_provider_integrations.connectors.odbc.probe import anything_new
from airflow_provider_integrations.connectors.odbc.run import Asked, RunJob, plan_items
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.odbc_servers import OdbcDatabase
from tests.fakes.odbc_tracked import clean_up
from tests.fakes.odbc_tracked_world import CONTRACT, World, make_source

pytestmark = pytest.mark.integration


def test_changes_that_were_cleaned_up_stop_the_source_until_it_is_read_in_full(
    tracked: World, tracked_engine: str
) -> None:
    tracked.insert(range(4))
    tracked.run()
    before = tracked.position()
    tracked.source.execute("UPDATE orders SET note = 'lost' WHERE id = 2")
    clean_up(tracked.source, tracked_engine, "orders")
    with pytest.raises(StateConflictError, match="in full once"):
        tracked.plan()
    with pytest.raises(StateConflictError, match="cleaned up"):
        anything_new(tracked.job)
    assert (tracked.position(), len(tracked.job.ledger.items.list("orders"))) == (before, 1)
    tracked.rewind(Position(), before[1] + 1)
    (item,) = tracked.run()
    assert tracked.rows(item) == {0: "first", 1: "first", 2: "lost", 3: "first"}
    assert tracked.position()[0] == Position(None, f"version:{tracked.version()}")


@pytest.mark.parametrize("step", ["", "page saved"])
def test_a_cleanup_before_or_while_the_pages_are_read_refuses_the_increment(tracked_postgres: World, step: str) -> None:
    tracked_postgres.insert(range(7))
    (first,) = tracked_postgres.run()
    tracked_postgres.source.execute("UPDATE orders SET note = 'changed'", "DELETE FROM orders WHERE id = 5")
    (item,) = tracked_postgres.plan()
    tracked_postgres.at, tracked_postgres.then = (
        (step, 1),
        lambda: clean_up(tracked_postgres.source, "postgresql", "orders"),
    )
    tracked_postgres.boundary("")
    for _ in range(2):
        with pytest.raises(StateConflictError, match="before they were read"):
            tracked_postgres.extract([item])
    assert tracked_postgres.at is None, "it was cleaned up"
    assert tracked_postgres.job.ledger.items.get(item.id).state is State.DISCOVERED
    landed = [path.parent for path in Path(str(tracked_postgres.job.root)).rglob("_manifest.json")]
    assert landed == [Path(str(tracked_postgres.job.root / first.facts["folder"]))]


def test_a_version_that_is_ahead_of_the_source_is_an_older_copy(tracked: World) -> None:
    tracked.insert(range(4))
    tracked.run()
    tracked.source.execute("UPDATE tracking SET version = 7 WHERE name = ''")
    with pytest.raises(StateConflictError, match="restored copy"):
        tracked.plan()


def test_another_modes_watermark_is_refused_and_its_way_back_reads_in_full(tracked: World) -> None:
    tracked.insert(range(6))
    tracked.job = replace(tracked.job, source=make_source(mode="incremental"))
    tracked.run()
    tracked.job = replace(tracked.job, source=make_source())
    with pytest.raises(StateConflictError, match="another mode"):
        tracked.plan()
    tracked.rewind(Position(), 9)
    tracked.run()
    tracked.job = replace(tracked.job, source=make_source(mode="incremental"))
    (item,) = tracked.run()
    assert len(tracked.rows(item)) == 6


@pytest.mark.parametrize("horizon", ["version:", "version:1 OR 1=1", "version:-3", "version:٣"])
def test_a_version_that_is_none_never_comes_into_a_statement(tracked: World, horizon: str) -> None:
    tracked.insert(range(6))
    tracked.run()
    tracked.rewind(Position(None, horizon), 9)
    with pytest.raises(ConfigError, match="not a version"):
        tracked.plan()


def test_an_untracked_table_and_a_lesser_guarantee_are_refused(tracked: World) -> None:
    with pytest.raises(ConfigError, match="no other guarantee"):
        tracked.plan(guarantee="best_effort")
    tracked.source.execute("DELETE FROM tracking WHERE name = 'orders'")
    with pytest.raises(ConfigError, match="no change tracking that this login may see"):
        tracked.plan()


@pytest.mark.parametrize("name", ["odbc_postgres", "odbc_mariadb", "odbc_sqlite"])
def test_engines_without_change_tracking_refuse_the_mode(
    request: pytest.FixtureRequest, name: str, tracked_ledger: Ledger, tmp_path: Path
) -> None:
    database: OdbcDatabase = request.getfixturevalue(name)
    database.execute("CREATE TABLE orders (id bigint PRIMARY KEY, note varchar(20), amount integer)")
    job = RunJob(
        make_source(), Contract.from_mapping(CONTRACT), OdbcSettings.from_string(database.connection_string), tracked_ledger,
        UPath(tmp_path / "landing"), tmp_path / "scratch", "owner",
    )  # fmt: skip
    with pytest.raises(ConfigError, match="the engine has no change tracking"):
        plan_items(job, Asked("run"))
    assert tracked_ledger.items.list("orders") == []


def test_rejected_rows_beyond_the_share_hold_the_version_and_the_deletions(tracked: World) -> None:
    tracked.insert(range(6))
    tracked.run()
    before = tracked.position()
    tracked.source.execute("UPDATE orders SET amount = -1 WHERE id < 3", "DELETE FROM orders WHERE id = 5")
    (item,) = tracked.run()
    assert (item.state, tracked.position()) == (State.QUARANTINED, before)
    tracked.source.execute("UPDATE orders SET amount = 1")
    (item,) = tracked.run()
    assert (sorted(tracked.rows(item)), tracked.deleted(item)) == ([0, 1, 2, 3, 4], [5])


def test_another_filter_is_refused_since_rows_that_it_lets_through_did_not_change(tracked: World) -> None:
    tracked.insert(range(3))
    tracked.insert(range(3, 5), "draft")
    tracked.job = replace(tracked.job, source=make_source(filter="note <> 'draft'"))
    tracked.run()
    tracked.job = replace(tracked.job, source=make_source())
    with pytest.raises(StateConflictError, match="filter was changed"):
        tracked.plan()
    tracked.rewind(Position(), 9)
    (item,) = tracked.run()
    assert sorted(tracked.rows(item)) == [0, 1, 2, 3, 4]
