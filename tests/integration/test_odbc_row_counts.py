"""How many rows a run brought, against the runs before it, from the source to the verdict in the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_integrations.core.verdict import Verdict
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.warehouse.reconcile import ROW_COUNT
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.odbc_servers import OdbcDatabase
from tests.fakes.odbc_swept import Place

pytestmark = pytest.mark.integration


def test_a_run_that_finds_nothing_has_a_verdict_like_any_other(
    odbc_postgres: OdbcDatabase, warehouse: Warehouse, tmp_path: Path
) -> None:
    odbc_postgres.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, updated_at timestamptz)", "CREATE INDEX ON orders (updated_at, id)"
    )
    place = Place(odbc_postgres.connection_string, warehouse.server.options(warehouse.database), str(tmp_path))
    for day in range(4):
        odbc_postgres.execute(
            f"INSERT INTO orders SELECT {day} * 100 + n, timestamptz '2025-01-01Z' + interval '{day} days'"
            " FROM generate_series(1, 60) n"
        )
        place.run(f"day {day}")
    place.run("nothing came")
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        found = [
            [(gate.rows, gate.verdict) for gate in ledger.records.gates(item.id) if gate.suite == ROW_COUNT]
            for item in ledger.items.list("erp_orders")
        ]
    assert found == [[(0, Verdict.PASSED_WITH_WARNINGS)], [(60, Verdict.PASSED)], [], [], []]
