"""Type 2 loads: each version that differs is a row with its time span, whatever the order of arrival."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.warehouse.loader import load_batches
from airflow_provider_integrations.warehouse.totals import Totals, describe_totals
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.warehouse_batches import batch, contract, customer, policy

pytestmark = pytest.mark.integration

# fakesnow hands NULL timestamps to the driver as 1970-01-01, so they are told apart in SQL.
HISTORY = (
    'SELECT CUSTOMER_ID, "NAME", CAST(CAST(VALID_FROM AS DATE) AS VARCHAR), '
    "CASE WHEN VALID_TO IS NULL THEN 'open' ELSE CAST(CAST(VALID_TO AS DATE) AS VARCHAR) END, IS_CURRENT "
    "FROM {db}.SILVER.CUSTOMERS ORDER BY CUSTOMER_ID, _VERSION"
)


def _load(warehouse: Warehouse, connection: Any, folder: Path, *days: tuple[int, dict[int, str | None]]) -> Any:
    batches = [
        batch(
            folder,
            f"d{day:02d}-{random.getrandbits(32):08x}",
            f"2025-11-{day:02d}/1",
            [customer(key, name) for key, name in rows.items()],
        )
        for day, rows in days
    ]
    return load_batches(connection, batches, contract(), policy(warehouse.database, 2))


def _day(day: int | None) -> str:
    return f"2025-11-{day:02d}" if day else "open"


def _history(key: int, *versions: tuple[str | None, int, int | None]) -> list[tuple[Any, ...]]:
    return [(key, name, _day(first), _day(last), last is None) for name, first, last in versions]


def test_a_change_closes_the_old_row_and_opens_a_new_one(warehouse: Warehouse, tmp_path: Path) -> None:
    connection = warehouse.connect()
    _load(warehouse, connection, tmp_path, (1, {1: "a", 2: None}))
    (result,) = _load(warehouse, connection, tmp_path, (2, {1: "b", 2: None, 3: "c"}))
    assert (result.inserted, result.updated, result.unchanged) == (1, 1, 1)
    assert warehouse.rows(HISTORY) == [
        *_history(1, ("a", 1, 2), ("b", 2, None)),
        *_history(2, (None, 1, None)),
        *_history(3, ("c", 2, None)),
    ]
    assert describe_totals(connection, policy(warehouse.database, 2)) == Totals(rows=4, current=3, batches=2)


def test_several_versions_in_one_group_each_become_history(warehouse: Warehouse, tmp_path: Path) -> None:
    _load(warehouse, warehouse.connect(), tmp_path, (3, {1: "c"}), (1, {1: "a"}), (2, {1: "a"}))
    assert warehouse.rows(HISTORY) == _history(1, ("a", 1, 3), ("c", 3, None))


def test_a_late_version_takes_its_place_in_history(warehouse: Warehouse, tmp_path: Path) -> None:
    connection = warehouse.connect()
    _load(warehouse, connection, tmp_path, (1, {1: "a"}))
    _load(warehouse, connection, tmp_path, (5, {1: "e"}))
    (late,) = _load(warehouse, connection, tmp_path, (3, {1: "c"}))
    assert (late.inserted, late.updated) == (0, 1)
    _load(warehouse, connection, tmp_path, (4, {1: "c"}))
    assert warehouse.rows(HISTORY) == _history(1, ("a", 1, 3), ("c", 3, 5), ("e", 5, None))


def test_a_late_version_does_not_outlive_a_newer_one_that_confirmed_the_older(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    connection = warehouse.connect()
    for day, name in ((1, "a"), (3, "a"), (2, "b")):
        _load(warehouse, connection, tmp_path, (day, {1: name}))
    assert warehouse.rows(HISTORY) == _history(1, ("a", 1, 2), ("b", 2, 3), ("a", 3, None))


def test_a_replay_changes_nothing_and_a_corrected_replay_corrects_in_place(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    connection = warehouse.connect()
    for day, name in ((1, "a"), (2, "a"), (3, "c")):
        _load(warehouse, connection, tmp_path, (day, {1: name}))
    for day, name in ((1, "a"), (2, "a"), (3, "c")):
        (result,) = _load(warehouse, connection, tmp_path, (day, {1: name}))
        assert (result.inserted, result.updated, result.unchanged) == (0, 0, 1)
    assert warehouse.rows(HISTORY) == _history(1, ("a", 1, 3), ("c", 3, None))
    (corrected,) = _load(warehouse, connection, tmp_path, (3, {1: "C"}))
    assert (corrected.inserted, corrected.updated) == (0, 1)
    assert warehouse.rows(HISTORY) == _history(1, ("a", 1, 3), ("C", 3, None))


def test_two_versions_of_one_day_are_told_apart_by_their_sequence(warehouse: Warehouse, tmp_path: Path) -> None:
    batches = [batch(tmp_path, f"s{number}", f"2025-11-01/{number}", [customer(1, f"s{number}")]) for number in (2, 1)]
    load_batches(warehouse.connect(), batches, contract(), policy(warehouse.database, 2))
    assert warehouse.rows(HISTORY) == _history(1, ("s1", 1, 1), ("s2", 1, None))


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_arrival_and_grouping_gives_the_same_history(
    seed: int, warehouse: Warehouse, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    observed = {day: {key: f"{key}-{day}" for key in range(12) if chance.random() < 0.6} for day in range(1, 9)}
    days = list(observed)
    chance.shuffle(days)
    connection = warehouse.connect()
    while days:
        group = [days.pop() for _ in range(min(len(days), chance.randint(1, 3)))]
        _load(warehouse, connection, tmp_path, *((day, observed[day]) for day in group))
    wanted = []
    for key in range(12):
        seen = [day for day in sorted(observed) if key in observed[day]]
        spans = zip(seen, [*seen[1:], None], strict=False)
        wanted += _history(key, *((f"{key}-{first}", first, last) for first, last in spans))
    assert warehouse.rows(HISTORY) == wanted
