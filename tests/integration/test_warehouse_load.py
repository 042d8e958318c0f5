"""Type 1 loads on fakesnow over HTTP, through the real snowflake-connector."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError, StateConflictError
from airflow_provider_integrations.warehouse.loader import LoadResult, load_batches
from airflow_provider_integrations.warehouse.totals import Totals, describe_totals
from tests.fakes.fakesnow_server import FakesnowServer, Warehouse
from tests.fakes.warehouse_batches import COLUMNS, batch, contract, customer, policy

pytestmark = pytest.mark.integration

NAMES = 'SELECT CUSTOMER_ID, "NAME", _BATCH_ID FROM {db}.SILVER.CUSTOMERS ORDER BY CUSTOMER_ID'
LEFT = (
    "SELECT (SELECT COUNT(*) FROM {db}.STAGING.CUSTOMERS), (SELECT COUNT(*) FROM {db}.STAGING.CUSTOMERS__CHANGES), "
    "(SELECT COUNT(*) FROM {db}.CONTROL.LOAD_PLAN)"
)


def test_rows_arrive_with_their_types_flags_and_ledger_row(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = [customer(1), customer(2, None, balance=None, _dq_valid=False, _dq_flags="range:balance")]
    given = batch(tmp_path, "b1", "2025-11-05/1", rows)
    results = load_batches(warehouse.connect(), [given], contract(), policy(warehouse.database), run_id="run-1")
    assert results == [LoadResult("b1", staged=2, inserted=2, updated=0, unchanged=0)]
    assert warehouse.rows("SELECT * FROM {db}.SILVER.CUSTOMERS WHERE CUSTOMER_ID = 1")[0][:10] == (
        1,
        "Anna",
        Decimal("12.50"),
        rows[0]["signed_up"],
        datetime(2025, 11, 1, 2, 3, 4, 567891),
        "b1",
        2,
        "2025-11-05/1",
        True,
        None,
    )
    flagged = 'SELECT "NAME", BALANCE, _DQ_VALID, _DQ_FLAGS FROM {db}.SILVER.CUSTOMERS WHERE CUSTOMER_ID = 2'
    assert warehouse.rows(flagged) == [(None, None, False, "range:balance")]
    ledger = (
        "SELECT TARGET, BATCH_ID, SOURCE, VERSION, DIGEST, RUN_ID, ROWS_STAGED, ROWS_INSERTED, ROWS_UPDATED, "
        "ROWS_UNCHANGED, LOADED_AT IS NOT NULL FROM {db}.CONTROL.LOAD_LEDGER"
    )
    assert warehouse.rows(ledger) == [
        ("SILVER.CUSTOMERS", "b1", "customers", "2025-11-05/1", given.digests[0], "run-1", 2, 2, 0, 0, True)
    ]
    assert warehouse.rows(LEFT) == [(0, 0, 0)]


def test_a_batch_is_applied_once_and_a_second_load_says_so(warehouse: Warehouse, tmp_path: Path) -> None:
    connection, given = warehouse.connect(), batch(tmp_path, "b1", "2025-11-05/1", [customer(1)])
    load_batches(connection, [given], contract(), policy(warehouse.database))
    again = load_batches(connection, [given], contract(), policy(warehouse.database))
    assert again == [LoadResult("b1", staged=1, inserted=1, updated=0, unchanged=0, already_loaded=True)]
    assert describe_totals(connection, policy(warehouse.database)) == Totals(rows=1, current=1, batches=1)


def test_the_latest_version_wins_within_and_across_batches(warehouse: Warehouse, tmp_path: Path) -> None:
    connection, where = warehouse.connect(), policy(warehouse.database)
    new = batch(tmp_path, "new", "2025-11-06/2", [customer(1, "new")])
    old = batch(tmp_path, "old", "2025-11-05/1", [customer(1, "old"), customer(2, "first"), customer(2, "second")])
    results = load_batches(connection, [new, old], contract(), where)
    assert warehouse.rows(NAMES) == [(1, "new", "new"), (2, "second", "old")]
    assert [(r.staged, r.inserted, r.updated, r.unchanged) for r in results] == [(1, 1, 0, 0), (3, 1, 0, 2)]


def test_the_replay_of_an_older_file_changes_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    connection, where = warehouse.connect(), policy(warehouse.database)
    load_batches(connection, [batch(tmp_path, "b1", "2025-11-05/1", [customer(1, "old")])], contract(), where)
    load_batches(connection, [batch(tmp_path, "b2", "2025-11-06/1", [customer(1, "new")])], contract(), where)
    (result,) = load_batches(
        connection, [batch(tmp_path, "again", "2025-11-05/1", [customer(1, "old")])], contract(), where
    )
    assert (result.inserted, result.updated, result.unchanged, result.already_loaded) == (0, 0, 1, False)
    assert warehouse.rows(NAMES) == [(1, "new", "b2")]


def test_an_older_version_stays_older_when_the_newer_one_changed_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    connection, where = warehouse.connect(), policy(warehouse.database)
    for name, version, value in (("b1", "2025-11-01/1", "A"), ("b3", "2025-11-03/1", "A"), ("b2", "2025-11-02/1", "B")):
        load_batches(connection, [batch(tmp_path, name, version, [customer(1, value)])], contract(), where)
    assert warehouse.rows(NAMES) == [(1, "A", "b3")]


def test_a_change_from_and_to_null_is_a_change_and_null_to_null_is_none(warehouse: Warehouse, tmp_path: Path) -> None:
    connection, where = warehouse.connect(), policy(warehouse.database)
    first = [customer(1, None), customer(2, "x"), customer(3, None)]
    load_batches(connection, [batch(tmp_path, "b1", "2025-11-01/1", first)], contract(), where)
    second = [customer(1, "y"), customer(2, None), customer(3, None)]
    (result,) = load_batches(connection, [batch(tmp_path, "b2", "2025-11-02/1", second)], contract(), where)
    assert (result.inserted, result.updated, result.unchanged) == (0, 2, 1)
    assert [row[1] for row in warehouse.rows(NAMES)] == ["y", None, None]


def test_keys_twice_in_the_target_stop_the_load_before_the_merge(warehouse: Warehouse, tmp_path: Path) -> None:
    connection, where = warehouse.connect(), policy(warehouse.database)
    load_batches(connection, [batch(tmp_path, "b1", "2025-11-01/1", [customer(1)])], contract(), where)
    warehouse.rows("INSERT INTO {db}.SILVER.CUSTOMERS SELECT * FROM {db}.SILVER.CUSTOMERS")
    with pytest.raises(ReconciliationError, match="keys stand twice"):
        load_batches(connection, [batch(tmp_path, "b2", "2025-11-02/1", [customer(1, "x")])], contract(), where)
    assert warehouse.rows("SELECT BATCH_ID FROM {db}.CONTROL.LOAD_LEDGER") == [("b1",)]


def test_a_new_nullable_column_is_added_and_older_rows_have_null(warehouse: Warehouse, tmp_path: Path) -> None:
    connection, where = warehouse.connect(), policy(warehouse.database)
    load_batches(connection, [batch(tmp_path, "b1", "2025-11-01/1", [customer(1), customer(2)])], contract(), where)
    wider = contract({"name": "segment", "type": "string", "max_length": 9})
    rows = [customer(2, segment="public")]
    load_batches(connection, [batch(tmp_path, "b2", "2025-11-02/1", rows, of=wider)], wider, where)
    found = warehouse.rows("SELECT CUSTOMER_ID, SEGMENT FROM {db}.SILVER.CUSTOMERS ORDER BY 1")
    assert found == [(1, None), (2, "public")]


def test_a_column_that_a_compatible_contract_widens_is_widened(warehouse: Warehouse, tmp_path: Path) -> None:
    connection, where = warehouse.connect(), policy(warehouse.database)
    columns = [{**column, "max_length": 60} if column["name"] == "name" else column for column in COLUMNS]
    wider = Contract.from_mapping({**contract().model_dump(exclude={"columns"}), "columns": columns})
    load_batches(connection, [batch(tmp_path, "b1", "2025-11-01/1", [customer(1)])], contract(), where)
    long = batch(tmp_path, "b2", "2025-11-02/1", [customer(1, "x" * 60)], of=wider)
    load_batches(connection, [long], wider, where)
    assert warehouse.rows('SELECT LENGTH("NAME") FROM {db}.SILVER.CUSTOMERS') == [(60,)]


def test_any_other_drift_is_an_error_that_names_it_and_changes_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    connection, where = warehouse.connect(), policy(warehouse.database)
    wider = contract({"name": "segment", "type": "string", "max_length": 9})
    rows = [customer(1, segment="public")]
    load_batches(connection, [batch(tmp_path, "b1", "2025-11-01/1", rows, of=wider)], wider, where)
    with pytest.raises(ConfigError, match="SEGMENT is in the table and not in the contract"):
        load_batches(connection, [batch(tmp_path, "b2", "2025-11-02/1", [customer(1)])], contract(), where)
    other = contract({"name": "segment", "type": "date"})
    with pytest.raises(ConfigError, match=r"SEGMENT is VARCHAR\(9\) and should be DATE"):
        load_batches(connection, [batch(tmp_path, "b3", "2025-11-02/1", [customer(1)], of=other)], other, where)


def test_a_table_made_in_quotes_in_another_case_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.rows("CREATE SCHEMA {db}.SILVER")
    warehouse.rows('CREATE TABLE {db}.SILVER."CUSTOMERS" ("customer_id" NUMBER(19,0))')
    with pytest.raises(ConfigError, match="another case"):
        load_batches(
            warehouse.connect(),
            [batch(tmp_path, "b1", "2025-11-01/1", [customer(1)])],
            contract(),
            policy(warehouse.database),
        )


def test_files_whose_columns_are_in_another_case_are_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    wrong = batch(tmp_path, "b1", "2025-11-01/1", [customer(1)], rename={"name": "Name"})
    with pytest.raises(ConfigError, match="another case"):
        load_batches(warehouse.connect(), [wrong], contract(), policy(warehouse.database))


def test_a_file_changed_after_the_gate_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    given = batch(tmp_path, "b1", "2025-11-01/1", [customer(1)])
    batch(tmp_path, "b1", "2025-11-01/1", [customer(1, "changed")])
    with pytest.raises(StateConflictError, match="not the one that passed the gate"):
        load_batches(warehouse.connect(), [given], contract(), policy(warehouse.database))


def test_a_batch_without_rows_is_noted_as_loaded(warehouse: Warehouse, tmp_path: Path) -> None:
    connection, where = warehouse.connect(), policy(warehouse.database)
    results = load_batches(
        connection,
        [batch(tmp_path, "none", "2025-11-01/1", []), batch(tmp_path, "some", "2025-11-01/2", [customer(1)])],
        contract(),
        where,
    )
    assert [(r.staged, r.already_loaded) for r in results] == [(0, False), (1, False)]
    (again,) = load_batches(connection, [batch(tmp_path, "none", "2025-11-01/1", [])], contract(), where)
    assert again.already_loaded


def test_no_batches_ask_nothing_of_the_warehouse() -> None:
    class Untouchable:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    assert load_batches(Untouchable(), [], contract(), policy("X")) == []


def test_a_batch_of_several_files_is_loaded_whole(warehouse: Warehouse, tmp_path: Path) -> None:
    given = batch(tmp_path, "b1", "2025-11-01/1", [customer(number) for number in range(50)], files=4)
    (result,) = load_batches(warehouse.connect(), [given], contract(), policy(warehouse.database))
    assert (result.staged, result.inserted) == (50, 50)


def test_composite_keys_are_compared_together(warehouse: Warehouse, tmp_path: Path) -> None:
    of = contract({"name": "site", "type": "string", "nullable": False, "max_length": 5}, keys=("customer_id", "site"))
    connection, where = warehouse.connect(), policy(warehouse.database)
    first = [customer(1, site="a"), customer(1, site="b")]
    load_batches(connection, [batch(tmp_path, "b1", "2025-11-01/1", first, of=of)], of, where)
    second = batch(tmp_path, "b2", "2025-11-02/1", [customer(1, "x", site="b")], of=of)
    (result,) = load_batches(connection, [second], of, where)
    assert (result.inserted, result.updated) == (0, 1)


def test_totals_of_a_table_that_is_not_there_are_a_clear_error(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        describe_totals(warehouse.connect(), policy(warehouse.database))


def test_what_was_loaded_outlives_the_server(tmp_path: Path) -> None:
    where = policy("KEPT")
    for round_number in range(2):
        server = FakesnowServer.start(tmp_path / "server")
        try:
            import snowflake.connector

            connection = snowflake.connector.connect(**server.options("KEPT"))
            given = batch(tmp_path, "b1", "2025-11-01/1", [customer(1)])
            (result,) = load_batches(connection, [given], contract(), where)
            assert result.already_loaded is bool(round_number)
            assert describe_totals(connection, where) == Totals(1, 1, 1)
            connection.close()
        finally:
            server.stop()
