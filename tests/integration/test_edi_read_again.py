"""A document that is read again under other guides: the warehouse ends with what the last reading gave, whatever came before."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlglot

from airflow_provider_integrations.connectors.edi.documents import GuideBook
from airflow_provider_integrations.connectors.edi.under_way import tables_under_way
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.expectations.step import gate_items
from airflow_provider_integrations.include import read_guides
from airflow_provider_integrations.warehouse.step import load_items
from tests.fakes.edi_documents import ROOT, Documents
from tests.fakes.edi_loading import job_of, load_rows
from tests.fakes.fakesnow_server import Warehouse
from tests.unit.connectors.edi.test_inbound import BAD, GOOD, OTHER
from tests.unit.connectors.edi.x12_streams import stream

pytestmark = pytest.mark.integration

ALIVE = 'WHERE "_DELETED_VERSION" IS NULL'
ORDERS = 'SELECT "SET_NUMBER", "ORDER_NUMBER" FROM {db}.SILVER.EDI_ORDERS'
LINES = 'SELECT "SET_NUMBER", "ROW" FROM {db}.SILVER.EDI_ORDER_LINES'
TABLES = ("orders", "order_lines", "segments", "sets")


@dataclass
class Strictly(Documents):
    """As `Documents`, with guides of its own; `strict` lets an order have one line."""

    strict: bool = False

    def job(self) -> Any:
        include = self.folder / "include"
        shutil.rmtree(include, ignore_errors=True)
        shutil.copytree(ROOT / "include" / "edi", include / "edi")
        if self.strict:
            guide = include / "edi" / "x12_850.yaml"
            text = guide.read_text()
            assert text.count("loop: PO1 M 100000") == 1
            guide.write_text(text.replace("loop: PO1 M 100000", "loop: PO1 M 1"))
        return replace(super().job(), book=GuideBook(tuple(read_guides(include, name) for name in self.guides)))


@pytest.fixture
def documents(tmp_path: Path) -> Strictly:
    return Strictly(tmp_path, guides=("x12_850",))


def again(documents: Strictly, data: bytes, request: str = "r") -> WorkItem:
    """The document is replayed and parsed."""
    documents.clock.step(hours=1)
    today = documents.clock().date()
    [made] = documents.ledger.items.replay("acme_edi", today, today, request=request, who="ann")
    [item] = documents.parse(documents.land_item(made, data))
    return item


def load(documents: Documents, warehouse: Warehouse, *tables: str) -> None:
    load_rows(documents, warehouse, *tables)
    assert tables_under_way(documents.ledger, "acme_edi", tables) == []


def gate_and_load(documents: Documents, warehouse: Warehouse, item_ids: list[str]) -> None:
    """Of the lines of orders, those that are named."""
    job = job_of(documents, "order_lines", warehouse)
    gate_items(job, (), item_ids)
    load_items(job, warehouse.connect())


def alive(warehouse: Warehouse, sql: str) -> list[tuple[Any, ...]]:
    return sorted(warehouse.rows(f"{sql} {ALIVE}"))


def marked(warehouse: Warehouse, sql: str) -> list[tuple[Any, ...]]:
    return sorted(warehouse.rows(f'{sql} WHERE "_DELETED_VERSION" IS NOT NULL'))


def test_what_a_stricter_guide_refuses_is_marked_in_every_table_and_seen_in_no_view(
    documents: Strictly, warehouse: Warehouse
) -> None:
    connection = warehouse.connect()
    for name in ("edi_order_tables", "edi_orders"):
        text = (ROOT / "include/sql/silver" / f"{name}.sql").read_text().replace("INTEGRATIONS", warehouse.database)
        for statement in sqlglot.parse(text, read="snowflake"):
            assert statement is not None
            connection.cursor().execute(statement.sql(dialect="snowflake", comments=False))
    data = stream(GOOD, OTHER)
    documents.parse(documents.land(data))
    load(documents, warehouse, *TABLES)
    seen = "SELECT ORDER_NUMBER FROM {db}.SILVER.EDI_ORDERS_CURRENT ORDER BY 1"
    seen_lines = "SELECT ORDER_NUMBER, LINE_NUMBER FROM {db}.SILVER.EDI_ORDER_LINES_CURRENT ORDER BY 1, 2"
    assert warehouse.rows(seen) == [("PO1",), ("PO2",)]
    assert len(warehouse.rows(seen_lines)) == 3

    documents.strict = True
    again(documents, data)
    load(documents, warehouse, *TABLES)
    assert alive(warehouse, ORDERS) == [(1, "PO1")]
    assert marked(warehouse, ORDERS) == [(2, "PO2")]
    assert alive(warehouse, LINES) == [(1, 1)]
    assert marked(warehouse, LINES) == [(2, 1), (2, 2)]
    assert warehouse.rows(seen) == [("PO1",)]
    assert warehouse.rows(seen_lines) == [("PO1", "1")]

    # The guide was mended: what it gives again is alive again.
    documents.strict = False
    again(documents, data, "mended")
    load(documents, warehouse, *TABLES)
    assert alive(warehouse, ORDERS) == [(1, "PO1"), (2, "PO2")]
    assert marked(warehouse, LINES) == []
    assert len(warehouse.rows(seen_lines)) == 3


def test_a_table_that_the_last_reading_leaves_empty_is_emptied(documents: Strictly, warehouse: Warehouse) -> None:
    """Syntax alone, then by guide: the segments go, and the orders come."""
    data = stream(GOOD, BAD)
    documents.guides = ()
    documents.parse(documents.land(data))
    load(documents, warehouse, *TABLES)
    segments = 'SELECT "SET_NUMBER", "POSITION" FROM {db}.SILVER.EDI_SEGMENTS'
    assert {number for number, _ in alive(warehouse, segments)} == {1, 2}
    documents.guides = ("x12_850",)
    item = again(documents, data)
    assert item.facts["tables"]["segments"] == 0
    assert "segments" in tables_under_way(documents.ledger, "acme_edi", TABLES)
    load(documents, warehouse, *TABLES)
    assert alive(warehouse, segments) == []
    assert alive(warehouse, ORDERS) == [(1, "PO1")]


def test_rows_of_an_earlier_reading_that_come_late_are_marked_too(documents: Strictly, warehouse: Warehouse) -> None:
    data = stream(GOOD, OTHER)
    documents.parse(documents.land(data))
    [early] = documents.ledger.items.list("acme_edi__order_lines", [State.LANDED])
    other = documents.ledger.items.claim(early.id, "another", states=[State.LANDED], lease=timedelta(days=1))
    assert other is not None
    documents.strict = True
    again(documents, data)
    # Their gate is another worker's, and it is slow.
    waiting = [item.id for item in documents.ledger.items.list("acme_edi__order_lines", [State.LANDED])]
    gate_and_load(documents, warehouse, [item for item in waiting if item != early.id])
    assert alive(warehouse, LINES) == [(1, 1)]
    documents.ledger.items.give_back(other[1], error="slow")
    gate_and_load(documents, warehouse, [early.id])
    assert alive(warehouse, LINES) == [(1, 1)]
    assert marked(warehouse, LINES) == [(2, 1), (2, 2)]


def test_a_reading_that_the_gate_holds_back_takes_the_place_of_none(documents: Strictly, warehouse: Warehouse) -> None:
    data = stream(GOOD, OTHER)
    documents.parse(documents.land(data))
    load(documents, warehouse, "order_lines")
    again(documents, data, "as it was")
    [second] = documents.ledger.items.list("acme_edi__order_lines", [State.LANDED])
    documents.strict = True
    again(documents, data, "strictly")
    gate_and_load(documents, warehouse, [second.id])
    assert len(alive(warehouse, LINES)) == 3


class Killed(Exception):
    """Stands for a kill between two steps."""


def test_killed_after_the_marks_it_marks_nothing_twice(documents: Strictly, warehouse: Warehouse) -> None:
    data = stream(GOOD, OTHER)
    documents.parse(documents.land(data))
    load(documents, warehouse, *TABLES)
    documents.strict = True
    again(documents, data)

    def die(step: str) -> None:
        if step == "superseded rows marked":
            raise Killed

    documents.boundary = die
    with pytest.raises(Killed):
        load_rows(documents, warehouse, "order_lines")
    found = warehouse.rows('SELECT "_DELETED_VERSION", "_LOADED_AT" FROM {db}.SILVER.EDI_ORDER_LINES ORDER BY 1, 2')
    assert sum(version is not None for version, _ in found) == 2
    documents.boundary = lambda _: None
    load(documents, warehouse, "order_lines")
    later = warehouse.rows('SELECT "_DELETED_VERSION", "_LOADED_AT" FROM {db}.SILVER.EDI_ORDER_LINES ORDER BY 1, 2')
    assert later == found


@pytest.mark.parametrize("where", ["noted", "rows entered"])
def test_killed_before_a_table_is_told_to_be_empty_it_is_emptied_all_the_same(
    documents: Strictly, warehouse: Warehouse, where: str
) -> None:
    data = stream(GOOD)
    documents.guides = ()
    documents.parse(documents.land(data))
    load(documents, warehouse, "segments")

    def die(step: str) -> None:
        emptied = documents.ledger.items.list("acme_edi__segments", [State.DISCOVERED])
        if step == where and (where == "noted" or emptied):
            raise Killed

    documents.guides, documents.boundary = ("x12_850",), die
    with pytest.raises(Killed):
        again(documents, data)
    documents.boundary = lambda _: None
    documents.parse()
    load(documents, warehouse, "segments")
    assert alive(warehouse, 'SELECT "POSITION" FROM {db}.SILVER.EDI_SEGMENTS') == []
    assert len(marked(warehouse, 'SELECT "POSITION" FROM {db}.SILVER.EDI_SEGMENTS')) == 5
