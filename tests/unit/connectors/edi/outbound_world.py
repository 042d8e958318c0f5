"""A small warehouse of orders, a ledger and a landing root, for the tests of what goes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from upath import UPath

from airflow_provider_integrations.connectors.edi.outbound import Written, write_documents
from airflow_provider_integrations.connectors.edi.outbound_job import OutboundJob
from airflow_provider_integrations.core.edi_source import EdiOutbound, outbox_name
from airflow_provider_integrations.core.work_item import WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.unit.connectors.edi.guided import guides

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

SOURCE: dict[str, Any] = {
    "source": "acme_orders_out",
    "kind": "edi_outbound",
    "connection": "sftp_pgp_acme",
    "guide": "x12_850",
    "version": "004010",
    "ours": "ZZ:HUB",
    "partner": "ZZ:ACME",
    "rows": {"orders": "orders.sql", "order_lines": "lines.sql"},
    "document": "document",
    "name": "acme_850_{control}.x12",
    "outbox": {"folder": "/inbound/edi"},
    "acknowledged_within": "PT24H",
}
QUERIES = {
    "orders": "SELECT n AS DOCUMENT, '00' AS PURPOSE, 'SA' AS ORDER_TYPE, n AS ORDER_NUMBER, ordered_on AS ORDERED_ON "
    "FROM orders ORDER BY n",
    "order_lines": "SELECT n AS DOCUMENT, line AS \"row\", line AS LINE_NUMBER, quantity AS QUANTITY, 'EA' AS UNIT, "
    "price AS UNIT_PRICE FROM lines",
}
EDIFACT_SOURCE = {
    "guide": "edifact_orders_d96a",
    "version": "D96A",
    "rows": {"edifact_orders": "orders.sql", "edifact_order_lines": "lines.sql"},
    "name": "acme_orders_{control}.edi",
}
EDIFACT_QUERIES = {
    "edifact_orders": "SELECT n AS DOCUMENT_KEY, '220' AS document_code, n AS order_number, ordered_on, 'S' AS section "
    "FROM orders",
    "edifact_order_lines": "SELECT n AS DOCUMENT_KEY, line AS line_number, quantity FROM lines ORDER BY line",
}


@dataclass(frozen=True)
class World:
    """The parts, and a clock that moves by a minute at each look."""

    warehouse: duckdb.DuckDBPyConnection
    ledger: Ledger
    job: OutboundJob

    def run(self, **changes: Any) -> Written:
        return write_documents(replace(self.job, **changes), self.warehouse)

    def order(self, number: str, *quantities: Any) -> None:
        """An order with its lines."""
        self.warehouse.execute("INSERT INTO orders VALUES (?, DATE '2026-01-02')", [number])
        for line, quantity in enumerate(quantities, 1):
            self.warehouse.execute("INSERT INTO lines VALUES (?, ?, ?, 9.95)", [number, line, quantity])

    def outbox(self) -> list[WorkItem]:
        """The items, the first first."""
        return self.ledger.items.list(outbox_name(self.job.source.source), limit=None)[::-1]

    def data(self, item: WorkItem) -> bytes:
        return (self.job.root / item.facts["kept"]).read_bytes()

    def kept(self) -> list[str]:
        root = Path(self.job.root.path)
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def ticking() -> Callable[[], datetime]:
    looks = iter(range(10**9))
    return lambda: START + timedelta(minutes=next(looks))


def make_world(folder: Path, url: str = "sqlite://", **changes: Any) -> World:
    warehouse = duckdb.connect()
    warehouse.execute("CREATE TABLE orders (n VARCHAR, ordered_on DATE)")
    warehouse.execute("CREATE TABLE lines (n VARCHAR, line INTEGER, quantity DECIMAL(15, 3), price DECIMAL(17, 4))")
    queries = changes.pop("queries", QUERIES)
    source = EdiOutbound.from_mapping(SOURCE | changes)
    ledger = Ledger.connect(url, clock=ticking())
    migrated(ledger)
    job = OutboundJob(source, guides(source.guide), queries, ledger, UPath(folder / "landing"))
    return World(warehouse, ledger, job)
