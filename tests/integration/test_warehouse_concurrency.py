"""Two loaders at once: each batch is applied once, and nobody's rows are lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.warehouse.loader import LoadResult, PublishedBatch, load_batches
from tests.fakes.dying_connection import DyingConnection
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.warehouse_batches import batch, contract, customer, policy

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("scd", [1, 2])
def test_the_same_batch_by_two_loaders_at_once_is_applied_once(scd: int, warehouse: Warehouse, tmp_path: Path) -> None:
    where = policy(warehouse.database, scd)
    load_batches(warehouse.connect(), [batch(tmp_path, "b0", "2025-11-01/0", [customer(1)])], contract(), where)
    given = batch(tmp_path, "b1", "2025-11-02/0", [customer(1, "x"), customer(2)])
    connections = [warehouse.connect() for _ in range(3)]

    def load(connection: Any) -> LoadResult | None:
        try:
            return load_batches(connection, [given], contract(), where, attempts=8)[0]
        except TransientError:
            return None  # The task would be tried again.

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(load, connections))
    assert sum(result is not None and not result.already_loaded for result in results) == 1
    assert warehouse.rows("SELECT COUNT(*) FROM {db}.CONTROL.LOAD_LEDGER WHERE BATCH_ID = 'b1'") == [(1,)]
    assert warehouse.rows("SELECT COUNT(*) FROM {db}.SILVER.CUSTOMERS") == [(2 if scd == 1 else 3,)]


class _Interrupted(DyingConnection):
    """Runs something else just before the first statement that begins so, once rows are staged."""

    def __init__(self, real: Any, statement: str, meanwhile: Callable[[], None]) -> None:
        super().__init__(real)
        self.statement, self.meanwhile, self.done = statement, meanwhile, False

    def call(self, what: str, action: Any) -> Any:
        if what.startswith(self.statement) and not self.done and any("COPY" in text for text in self.seen):
            self.done = True
            self.meanwhile()
        return super().call(what, action)


def _three(warehouse: Warehouse, folder: Path, where: LoadPolicy) -> list[PublishedBatch]:
    load_batches(warehouse.connect(), [batch(folder, "b0", "2025-11-01/0", [customer(1)])], contract(), where)
    return [
        batch(folder, "b1", "2025-11-02/0", [customer(1, "x")]),
        batch(folder, "b2", "2025-11-03/0", [customer(1, "y"), customer(2)]),
        batch(folder, "b3", "2025-11-04/0", [customer(1, "z"), customer(2, "z")]),
    ]


def _check_all_is_in_once(warehouse: Warehouse, scd: int) -> None:
    current = "IS_CURRENT" if scd == 2 else "TRUE"
    names = f'SELECT CUSTOMER_ID, "NAME" FROM {{db}}.SILVER.CUSTOMERS WHERE {current} ORDER BY 1'
    assert warehouse.rows(names) == [(1, "z"), (2, "z")]
    ledger = "SELECT COUNT(*), COUNT(DISTINCT BATCH_ID) FROM {db}.CONTROL.LOAD_LEDGER"
    assert warehouse.rows(ledger) == [(4, 4)]
    if scd == 2:
        assert warehouse.rows("SELECT COUNT(*) FROM {db}.SILVER.CUSTOMERS") == [(6,)]


@pytest.mark.parametrize("scd", [1, 2])
@pytest.mark.parametrize("statement", ["INSERT INTO", "MERGE INTO"])
def test_a_load_that_comes_in_between_makes_the_other_start_over(
    statement: str, scd: int, warehouse: Warehouse, tmp_path: Path
) -> None:
    where = policy(warehouse.database, scd)
    shared, own, other = _three(warehouse, tmp_path, where)

    def meanwhile() -> None:
        load_batches(warehouse.connect(), [shared, other], contract(), where)

    connection = _Interrupted(warehouse.connect(), statement, meanwhile)
    results = load_batches(connection, [shared, own], contract(), where)
    assert connection.done
    assert [result.already_loaded for result in results] == [True, False]
    _check_all_is_in_once(warehouse, scd)


@pytest.mark.parametrize("scd", [1, 2])
@pytest.mark.parametrize("statement", ["UPDATE", "COMMIT"])
def test_a_load_that_has_merged_already_wins_and_the_other_comes_after(
    statement: str, scd: int, warehouse: Warehouse, tmp_path: Path
) -> None:
    where = policy(warehouse.database, scd)
    shared, own, other = _three(warehouse, tmp_path, where)

    def meanwhile() -> None:
        with pytest.raises(TransientError):
            load_batches(warehouse.connect(), [shared, other], contract(), where, attempts=1)

    connection = _Interrupted(warehouse.connect(), statement, meanwhile)
    results = load_batches(connection, [shared, own], contract(), where)
    assert connection.done
    assert [result.already_loaded for result in results] == [False, False]
    results = load_batches(warehouse.connect(), [shared, other], contract(), where)
    assert [result.already_loaded for result in results] == [True, False]
    _check_all_is_in_once(warehouse, scd)
