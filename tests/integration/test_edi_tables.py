"""Every table of the shipped guides goes through the gate and into the warehouse, whatever its columns are named.

`row`, `usage`, `function`, `date`, `level` and their like are words of SQL.
"""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.edi_source import EdiTableSource
from airflow_provider_integrations.core.verdict import GateMode, Verdict
from airflow_provider_integrations.expectations.gate import run_gate
from airflow_provider_integrations.include import read_edi_source
from airflow_provider_integrations.include_edi import edi_table_sources
from airflow_provider_integrations.warehouse.loader import load_batches
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.warehouse_batches import batch
from tests.unit.expectations.landed import land

pytestmark = pytest.mark.integration

INCLUDE = Path(__file__).parents[2] / "include"
TABLES = edi_table_sources(INCLUDE, read_edi_source(INCLUDE, "acme_edi"))
VALUES: dict[str, Any] = {
    "string": "x",
    "integer": 999_999_999_999_999_999,
    "date": date(2026, 1, 2),
    "time": time(3, 4, 5, 670_000),
    "decimal(38,12)": Decimal("-99999999999999999999999999.999999999999"),
}
HARDEST = ("orders", "invoices", "acknowledgment_line_statuses", "shipments", "edifact_orders", "segments", "sets")
"""With each of the types and with the words; loading all of them would take half a minute more."""


def rows(contract: Contract, document: str = "d1") -> list[dict[str, Any]]:
    """A full row, and one with nothing but what it must have."""
    number = contract.keys[-1]
    full = {column.name: VALUES[column.type] for column in contract.columns} | {"document": document, number: 1}
    needed = {column.name for column in contract.columns if not column.nullable}
    return [full, {name: value if name in needed else None for name, value in full.items()} | {number: 2}]


def test_the_hardest_have_every_type() -> None:
    assert {column.type for name in HARDEST for column in TABLES[name].contract.columns} == set(VALUES)


@pytest.mark.parametrize("source", TABLES.values(), ids=list(TABLES))
def test_the_gate_takes_sound_rows_and_blocks_a_key_that_stands_twice(source: EdiTableSource, tmp_path: Path) -> None:
    one, other = rows(source.contract)
    good, twice = (
        land(tmp_path, name, given, contract=source.contract)
        for name, given in (("good", [one, other]), ("twice", [one, one]))
    )
    verdicts = [
        run_gate([each], source.contract, (), GateMode.BLOCK, docs=None)[0].result.verdict for each in (good, twice)
    ]
    assert verdicts == [Verdict.PASSED, Verdict.FAILED]


@pytest.mark.parametrize("table", HARDEST)
def test_rows_are_loaded_once_however_often_their_document_is_read(
    table: str, warehouse: Warehouse, tmp_path: Path
) -> None:
    source, connection = TABLES[table], warehouse.connect()
    policy = source.load.model_copy(update={"database": warehouse.database})
    given = rows(source.contract)
    first, again = (batch(tmp_path, name, "v1", given, of=source.contract) for name in ("first", "again"))
    other = batch(tmp_path, "other", "v1", rows(source.contract, "d2"), of=source.contract)
    results = load_batches(connection, [first, other], source.contract, policy)
    results += load_batches(connection, [again], source.contract, policy)
    assert [(found.staged, found.inserted) for found in results] == [(2, 2), (2, 2), (2, 0)]
    columns = [column.name for column in source.contract.columns]
    shown = ", ".join(f'"{name.upper()}"' for name in columns)
    keys = ", ".join(f'"{name.upper()}"' for name in source.contract.keys)
    found = warehouse.rows(f"SELECT {shown} FROM {{db}}.SILVER.EDI_{table.upper()} ORDER BY {keys}")
    assert [dict(zip(columns, row, strict=True)) for row in found][:2] == given
    assert len(found) == 4
