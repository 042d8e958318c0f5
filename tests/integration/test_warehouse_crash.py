"""The loader dies at each statement boundary; a rerun gives what one load gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.warehouse.batches import PublishedBatch
from airflow_provider_integrations.warehouse.loader import load_batches
from tests.fakes.dying_connection import DyingConnection, KilledError
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.warehouse_batches import batch, contract, customer, policy

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def _batches(folder: Path, point: int) -> list[PublishedBatch]:
    """Two versions of one key and one of another; keys and ids of their own for each crash point."""
    return [
        batch(folder, f"p{point}-a", f"2025-11-01/{point}", [customer(10 * point, "old"), customer(10 * point + 1)]),
        batch(folder, f"p{point}-b", f"2025-11-02/{point}", [customer(10 * point, "new")]),
    ]


def _load(connection: Any, folder: Path, point: int, where: LoadPolicy) -> None:
    load_batches(connection, _batches(folder, point), contract(), where, attempts=10)


def _wanted(scd: int, point: int) -> list[tuple[Any, ...]]:
    key = 10 * point
    if scd == 1:
        return [(key, "new"), (key + 1, "Anna")]
    return [(key, "old"), (key, "new"), (key + 1, "Anna")]


@pytest.mark.parametrize("scd", [1, 2])
def test_a_death_at_any_statement_then_a_rerun_applies_each_batch_once(
    scd: int, warehouse: Warehouse, tmp_path: Path
) -> None:
    where = policy(warehouse.database, scd)
    _load(warehouse.connect(), tmp_path, 0, where)
    counting = DyingConnection(warehouse.connect())
    _load(counting, tmp_path, 1, where)
    statements = len(counting.seen)
    assert {"COMMIT", "AUTOCOMMIT False", "AUTOCOMMIT True"} <= set(counting.seen)
    point, check = 1, warehouse.connect().cursor()
    # Dead after a statement is, for the server, dead before the next one: once for each boundary is enough.
    for number in range(statements):
        point += 1
        dying = DyingConnection(warehouse.connect(), at=number, after=True)
        with pytest.raises(KilledError):
            _load(dying, tmp_path, point, where)
        rerun = warehouse.connect()
        _load(rerun, tmp_path, point, where)
        rerun.close()
        found = check.execute(
            f'SELECT CUSTOMER_ID, "NAME" FROM {warehouse.database}.SILVER.CUSTOMERS '
            f"WHERE CUSTOMER_ID BETWEEN {10 * point} AND {10 * point + 9} ORDER BY CUSTOMER_ID, _VERSION"
        ).fetchall()
        assert found == _wanted(scd, point), dying.seen[-1]
    ledger = f"SELECT COUNT(*), COUNT(DISTINCT BATCH_ID) FROM {warehouse.database}.CONTROL.LOAD_LEDGER"
    assert check.execute(ledger).fetchall() == [(2 * (point + 1), 2 * (point + 1))]
    left = f"SELECT COUNT(*) FROM {warehouse.database}.STAGING.CUSTOMERS"
    assert check.execute(left).fetchall() == [(0,)], "a later load sweeps what dead attempts left"


def test_a_death_while_the_schema_is_made_does_not_stop_the_next_load(warehouse: Warehouse, tmp_path: Path) -> None:
    where = policy(warehouse.database, 2)
    for number in range(2, 12):
        with pytest.raises(KilledError):
            _load(DyingConnection(warehouse.connect(), at=number, after=True), tmp_path, 1, where)
    _load(warehouse.connect(), tmp_path, 1, where)
    rows = warehouse.rows('SELECT CUSTOMER_ID, "NAME" FROM {db}.SILVER.CUSTOMERS ORDER BY CUSTOMER_ID, _VERSION')
    assert rows == _wanted(2, 1)


def test_a_put_again_with_new_content_under_the_same_batch_loads_the_new_content(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    where = policy(warehouse.database)
    _load(warehouse.connect(), tmp_path, 0, where)
    counting = DyingConnection(warehouse.connect())
    load_batches(counting, [batch(tmp_path, "x", "2025-11-05/0", [customer(7, "x")])], contract(), where)
    at = next(number for number, text in enumerate(counting.seen) if text.startswith("MERGE"))
    first = batch(tmp_path, "again", "2025-11-05/1", [customer(7, "first")])
    with pytest.raises(KilledError):
        load_batches(DyingConnection(warehouse.connect(), at=at), [first], contract(), where)
    second = batch(tmp_path, "again", "2025-11-05/1", [customer(7, "second")])
    load_batches(warehouse.connect(), [second], contract(), where)
    assert warehouse.rows('SELECT "NAME" FROM {db}.SILVER.CUSTOMERS WHERE CUSTOMER_ID = 7') == [("second",)]
