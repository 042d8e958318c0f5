"""A position knows the filter, the columns and the contract that it was read with: by the state file and by the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.plan import Policy, RunPlan
from airflow_provider_integrations.connectors.odbc.position import BEGINNING
from airflow_provider_integrations.connectors.odbc.probe import anything_new
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.state_file import sum_of
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import PermanentError, StateConflictError
from airflow_provider_integrations.core.work_item import State
from tests.fakes.odbc_servers import OdbcDatabase
from tests.integration.test_odbc_runs import CONTRACT, Killed, World, make_source, world

__all__ = ["world"]

pytestmark = pytest.mark.integration

Run = Callable[..., dict[str, Any]]
COLUMNS = [{"name": "u", "type": "integer"}, {"name": "id", "type": "integer", "nullable": False}]


@pytest.fixture
def source(odbc_database: OdbcDatabase) -> OdbcDatabase:
    """100 rows, half of each region."""
    rows = ", ".join(f"({number}, {number}, '{'AB'[number % 2]}')" for number in range(100))
    odbc_database.execute(
        "CREATE TABLE f (id bigint PRIMARY KEY, u bigint NOT NULL, region varchar(5))",
        "CREATE INDEX f_order ON f (u, id)",
        f"INSERT INTO f VALUES {rows}",
    )
    return odbc_database


@pytest.fixture
def run(source: OdbcDatabase, tmp_path: Path) -> Run:
    def once(policy: Policy | None = None, **asked: Any) -> dict[str, Any]:
        request = Request("f", ("u", "id"), tmp_path / "out", tmp_path / "state.json", policy or Policy())
        return extract_once(OdbcSettings.from_string(source.connection_string), replace(request, **asked))

    return once


def _contract(version: str = "1.0.0", *more: dict[str, Any]) -> Contract:
    return Contract.from_mapping({"contract": "f", "version": version, "columns": [*COLUMNS, *more], "keys": ["id"]})


@pytest.mark.parametrize(("before", "now"), [("region = 'A'", None), (None, "region = 'A'"), ("u < 9", "u < 99")])
def test_another_filter_is_refused_and_moves_nothing(run: Run, tmp_path: Path, before: str, now: str) -> None:
    first = run(filter=before)["rows"]
    state = (tmp_path / "state.json").read_bytes()
    with pytest.raises(StateConflictError, match="the filter was changed") as caught:
        run(filter=now)
    assert (caught.value.values["read_with"], caught.value.values["asked_for"]) == (before, now)
    assert (tmp_path / "state.json").read_bytes() == state
    assert run(filter=before)["warnings"] == []
    assert first in (50, 100, 9)


def test_a_backfill_and_a_full_read_may_have_any_filter(run: Run) -> None:
    run(filter="region = 'A'")
    assert run(Policy(whole=True))["rows"] == 100
    assert run(Policy(span=("10", "20")), filter="region = 'B'")["rows"] == 5
    assert run(filter="region = 'A'")["bookmark_check"] == "hit"


def test_an_empty_source_has_read_nothing_by_its_filter(run: Run) -> None:
    assert run(filter="u > 1000")["rows"] == 0
    assert run()["rows"] == 100


def test_a_column_that_is_new_in_the_table_is_told_once(run: Run, source: OdbcDatabase) -> None:
    run()
    source.execute("ALTER TABLE f ADD COLUMN y integer DEFAULT 7")
    (told,) = run()["warnings"]
    assert told.startswith("new columns are y: rows read before lack them until the table is read in full")
    assert run()["warnings"] == []


def test_a_contract_with_a_new_column_and_one_with_other_rules_are_told(run: Run) -> None:
    run(contract=_contract())
    (told,) = run(contract=_contract("1.1.0", {"name": "region", "type": "string"}))["warnings"]
    assert told.startswith("new columns are region")
    (told,) = run(contract=_contract("1.2.0", {"name": "region", "type": "string", "max_length": 3}))["warnings"]
    assert told.startswith("the contract")


def test_a_state_of_a_version_that_kept_none_stays_valid_and_learns(run: Run, tmp_path: Path) -> None:
    run(filter="region = 'A'")
    path = tmp_path / "state.json"
    raw = json.loads(path.read_text())
    del raw["position"]["selection"]
    body = {name: value for name, value in raw.items() if name not in ("format", "sum")}
    path.write_text(json.dumps({**body, "format": raw["format"], "sum": sum_of(body)}))
    assert run(filter="region = 'B'")["warnings"] == []
    with pytest.raises(StateConflictError, match="the filter was changed"):
        run(filter="region = 'A'")


def test_an_unfinished_run_is_kept_when_another_filter_is_refused(
    run: Run, source: OdbcDatabase, tmp_path: Path
) -> None:
    run(filter="region = 'A'")
    source.execute("INSERT INTO f VALUES (200, 200, 'A')")
    request = Request("f", ("u", "id"), tmp_path / "out", tmp_path / "state.json", filter="region = 'A'")

    def die(name: str) -> None:
        if name == "shard done":
            raise Killed

    with pytest.raises(Killed):
        extract_once(OdbcSettings.from_string(source.connection_string), request, boundary=die)
    with pytest.raises(StateConflictError, match="the filter was changed"):
        run()
    assert list((tmp_path / "out").glob(".run-*/0001/*.parquet"))
    report = run(filter="region = 'A'")
    assert (report["resumed"], report["rows"]) == (True, 1)


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_filter_is_told_in_the_servers_words(
    run: Run, source: OdbcDatabase, tmp_path: Path, known: bool
) -> None:
    """`known`: there is a state, which no other filter was kept in."""
    if known:
        run()
        path = tmp_path / "state.json"
        raw = json.loads(path.read_text())
        del raw["position"]["selection"]
        body = {name: value for name, value in raw.items() if name not in ("format", "sum")}
        path.write_text(json.dumps({**body, "format": raw["format"], "sum": sum_of(body)}))
    with pytest.raises(PermanentError) as caught:
        run(filter="nope = 1")
    assert "nope" in str(caught.value.values.get("said"))
    assert "bookmark" not in str(caught.value)


# --- by the ledger ---------------------------------------------------------------------------------------------------


def _changed(world: World, **changes: Any) -> None:
    world.job = replace(world.job, source=make_source(**changes))


def test_the_ledgers_position_refuses_another_filter_until_it_is_rewound(world: World) -> None:
    world.insert(range(6), "2025-01-01 00:00:00")
    _changed(world, filter="id < 3")
    world.run()
    moves = world.position()[1]
    _changed(world)
    with pytest.raises(StateConflictError, match="the filter was changed") as caught:
        world.plan()
    assert caught.value.values["read_with"] == "id < 3"
    with pytest.raises(StateConflictError, match="the filter was changed"):  # No sensor waits for rows in silence.
        anything_new(world.job)
    assert world.position()[1] == moves
    world.rewind(BEGINNING, moves + 1)
    (item,) = world.run()
    assert {row["id"] for row in world.rows(item)} == set(range(6))


def test_a_position_that_was_set_by_hand_takes_any_filter(world: World) -> None:
    world.insert(range(6), "2025-01-01 00:00:00")
    world.run()
    position, moves = world.position()
    _changed(world, filter="id > 3")
    world.rewind(replace(position, selection=None), moves + 1)
    world.insert(range(6, 7), "2025-01-01 01:00:00")
    (item,) = world.run()
    assert {row["id"] for row in world.rows(item)} <= {4, 5, 6}
    _changed(world)
    with pytest.raises(StateConflictError, match="the filter was changed"):
        world.plan()


def test_a_template_that_was_changed_is_refused(world: World) -> None:
    world.insert(range(6), "2025-01-01 00:00:00")
    template = "SELECT id, updated_at, amount FROM orders WHERE id < 3"
    world.job = replace(world.job, source=make_source(table=None, template="orders.sql"), template=template)
    world.run()
    world.job = replace(world.job, template=template.replace("3", "5"))
    with pytest.raises(StateConflictError, match="the extraction SQL was changed"):
        world.plan()


def test_a_contracts_new_column_is_a_warning_of_the_plan(world: World) -> None:
    world.insert(range(6), "2025-01-01 00:00:00")
    world.run()
    world.source.execute("ALTER TABLE orders ADD COLUMN extra integer DEFAULT 7")
    columns = [*CONTRACT["columns"], {"name": "extra", "type": "integer"}]
    contract = Contract.from_mapping(CONTRACT | {"version": "1.1.0", "columns": columns})
    world.job = replace(world.job, contract=contract)
    told = [RunPlan.from_json(world.run()[0].facts["plan"]).warnings for _ in range(2)]
    assert told[0] == ("new columns are extra: rows read before lack them until the table is read in full",)
    assert told[1] == ()


def test_a_run_that_is_still_to_be_read_is_given_up_for_another_filter(world: World) -> None:
    world.insert(range(12), "2025-01-01 00:00:00")
    _changed(world, filter="id < 6")
    (waiting,) = world.plan()
    world.kill_at, world.times = "page saved", 2
    with pytest.raises(Killed):
        world.extract([waiting])
    _changed(world)
    with pytest.raises(StateConflictError, match="since the run was planned"):
        world.extract([waiting])
    (item,) = world.run()
    assert item.id != waiting.id
    assert world.job.ledger.items.get(waiting.id).state is State.DUPLICATE
    assert {row["id"] for row in world.rows(item)} == set(range(12))


def test_a_backfills_pages_of_another_filter_are_not_gone_on_with(world: World) -> None:
    world.insert(range(12), "2025-01-01 00:00:00")
    _changed(world, filter="id < 11")
    (item,) = world.plan("backfill", span=("2025-01-01", None))[:1]
    world.kill_at, world.times = "page saved", 2  # The first is of the rows behind the mark.
    with pytest.raises(Killed):
        world.extract([item])
    _changed(world, filter="id > 2")
    (item,) = [each for each in world.run("backfill", span=("2025-01-01", None)) if each.id == item.id]
    assert {row["id"] for row in world.rows(item)} == set(range(3, 12))
