"""From a landed document through the parse, the gate and the load to rows in the warehouse; a replay changes none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.edi.documents import GuideBook
from airflow_provider_integrations.connectors.edi.inbound import parse_items
from airflow_provider_integrations.core.work_item import State
from tests.fakes.edi_documents import Documents
from tests.fakes.edi_loading import load_rows
from tests.fakes.fakesnow_server import Warehouse
from tests.unit.connectors.edi.test_inbound import BAD, GOOD, OTHER
from tests.unit.connectors.edi.x12_streams import stream

pytestmark = pytest.mark.integration

GUIDES = ("x12_850",)
ORDERS = 'SELECT "SET_NUMBER", "ROW", "ORDER_NUMBER", "ORDERED_ON", "SENDER" FROM {db}.SILVER.EDI_ORDERS ORDER BY 1'
LINES = 'SELECT "SET_NUMBER", "ROW", "QUANTITY", "UNIT", "UNIT_PRICE" FROM {db}.SILVER.EDI_ORDER_LINES ORDER BY 1, 2'
SETS = 'SELECT "SET_NUMBER", "LEVEL", "SET_CONTROL", "VERDICT", "FINDINGS" IS NULL FROM {db}.SILVER.EDI_SETS ORDER BY 1'


@pytest.fixture
def load(warehouse: Warehouse) -> Callable[..., dict[str, list[int]]]:
    """Gates and loads what waits, and gives for each table what each load inserted."""

    def run(documents: Documents, *tables: str) -> dict[str, list[int]]:
        inserted = load_rows(documents, warehouse, *tables)
        for table in tables:
            found = documents.ledger.items.list(f"acme_edi__{table}", limit=None)
            assert {item.state for item in found} == {State.ARCHIVED}
        return inserted

    return run


def test_accepted_sets_are_rows_of_the_warehouse_once_and_with_their_values(
    load: Callable[..., dict[str, list[int]]], warehouse: Warehouse, tmp_path: Path
) -> None:
    documents = Documents(tmp_path, guides=GUIDES)
    data = stream(GOOD, BAD) + stream(OTHER, control="000000008") + stream(GOOD)
    [item] = documents.parse(documents.land(data))
    assert load(documents, "orders", "order_lines", "sets") == {"orders": [2], "order_lines": [3], "sets": [3]}

    def found() -> list[list[tuple[Any, ...]]]:
        return [warehouse.rows(sql) for sql in (ORDERS, LINES, SETS)]

    day = date(2026, 1, 2)
    loaded = found()
    assert loaded == [
        [(1, 1, "PO1", day, "ZZ/ACME"), (3, 1, "PO2", day, "ZZ/ACME")],
        [
            (1, 1, Decimal(10), "EA", Decimal("9.25")),
            (3, 1, Decimal("2.5"), "LB", Decimal(1)),
            (3, 2, Decimal(3), "EA", Decimal(2)),
        ],
        [
            (1, "set", "0001", "accepted", True),
            (2, "set", "0002", "rejected", False),
            (3, "set", "0003", "accepted", True),
        ],
    ]
    [[document]] = warehouse.rows('SELECT DISTINCT "DOCUMENT" FROM {db}.SILVER.EDI_ORDER_LINES')
    assert document == item.facts["plaintext_sha256"]

    documents.clock.step(hours=1)
    today = item.discovered_at.date()
    [made] = documents.ledger.items.replay("acme_edi", today, today, request="r", who="ann")
    documents.parse(documents.land_item(made, data))
    again = load(documents, "orders", "order_lines", "sets")
    assert again["orders"] == [0]
    assert again["order_lines"] == [0]
    assert found()[:2] == loaded[:2]
    assert [row for row in found()[2] if row[0] > 0] == loaded[2]


def test_a_release_corrects_what_the_warehouse_was_told(
    load: Callable[..., dict[str, list[int]]], warehouse: Warehouse, tmp_path: Path
) -> None:
    documents = Documents(tmp_path, {"partners": ["ZZ:NEW"]}, guides=GUIDES)
    data = stream(GOOD)
    [item] = documents.parse(documents.land(data))
    load(documents, "sets")
    assert [(row[0], row[3]) for row in warehouse.rows(SETS)] == [(-2, "rejected"), (-1, "rejected"), (1, "rejected")]
    [after] = documents.answer(item.id)
    assert after.state is State.QUARANTINED
    documents.ledger.items.release(item.id, who="ann", why="the agreement was wrong")
    documents.land_item(documents.ledger.items.get(item.id), data)
    documents.agreement = {}
    documents.parse(item.id)
    load(documents, "sets", "orders")
    assert [(row[0], row[3]) for row in warehouse.rows(SETS)] == [(-2, "accepted"), (-1, "accepted"), (1, "accepted")]
    assert [row[2] for row in warehouse.rows(ORDERS)] == ["PO1"]


def test_sets_without_a_guide_are_loaded_as_segments(
    load: Callable[..., dict[str, list[int]]], warehouse: Warehouse, tmp_path: Path
) -> None:
    documents = Documents(tmp_path)
    job = replace(documents.job(), book=GuideBook())
    parse_items(job, [documents.land(stream(GOOD))])
    assert load(documents, "segments") == {"segments": [5]}
    sql = 'SELECT "POSITION", "TAG", "ELEMENTS" FROM {db}.SILVER.EDI_SEGMENTS ORDER BY 1'
    assert warehouse.rows(sql)[2] == (3, "PO1", '["1", "10", "EA", "9.25", "", "VP", "A1"]')
