"""Orders and invoices in EDI for tests of the views over them: documents, their rows, and the load of these."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlglot

from airflow_provider_integrations.connectors.edi.accepted import AcceptedSet
from airflow_provider_integrations.connectors.edi.accepted_sets import read_accepted
from airflow_provider_integrations.connectors.edi.documents import GuideBook
from airflow_provider_integrations.connectors.edi.row_batches import RowBatches
from airflow_provider_integrations.connectors.edi.row_contract import table_contracts
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.include import read_guides
from airflow_provider_integrations.warehouse.loader import load_batches
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.warehouse_batches import batch

REPOSITORY = Path(__file__).parents[2]
NAMES = ("x12_850", "x12_810", "edifact_orders_d96a", "edifact_invoic_d96a")
GUIDES = tuple(read_guides(REPOSITORY / "include", name) for name in NAMES)
CONTRACTS = table_contracts(GUIDES)
VIEWS = (
    "silver/edi_order_tables",
    "silver/edi_invoice_tables",
    "silver/edi_orders",
    "silver/edi_invoices",
    "gold/orders_to_invoices",
)
LOADED = {
    *("orders", "order_lines", "invoices", "invoice_lines", "edifact_orders", "edifact_order_lines"),
    *("edifact_invoices", "edifact_invoice_lines", "edifact_invoice_totals"),
}
Rows = dict[str, list[dict[str, Any]]]


def interchange(*sets: str, control: int = 1, sender: str = "ACME", receiver: str = "HUB") -> bytes:
    """Sets of one group each, as `of_order` and `of_invoice` write them; two slashes end a segment."""
    head = f"ISA*00*{'':10}*00*{'':10}*ZZ*{sender:15}*ZZ*{receiver:15}*260102*0304*U*00401*{control:09d}*0*P*>~"
    groups = []
    for number, body in enumerate(sets, 1):
        segments = body.split("//")
        group = {"850": "PO", "810": "IN"}[segments[0]]
        text = "".join(f"{segment}~" for segment in segments[1:])
        groups.append(
            f"GS*{group}*{sender}*{receiver}*20260102*0304*{number}*X*004010~ST*{segments[0]}*0001~{text}"
            f"SE*{len(segments) + 1}*0001~GE*1*{number}~"
        )
    return f"{head}{''.join(groups)}IEA*{len(sets)}*{control:09d}~".encode()


def of_order(number: str, *lines: str, purpose: str = "00", release: str = "", currency: str = "") -> str:
    """An 850; a line is PO1 without its tag."""
    head = ["850", f"BEG*{purpose}*SA*{number}*{release}*20260102", *([f"CUR*BY*{currency}"] if currency else [])]
    return "//".join([*head, *(f"PO1*{line}" for line in lines)])


def of_invoice(number: str, order: str, *lines: str, kind: str = "DI", purpose: str = "00", currency: str = "") -> str:
    """An 810; a line is IT1 without its tag, and may go on with other segments."""
    head = [f"BIG*20260115*{number}*20260102*{order}***{kind}*{purpose}", *([f"CUR*SE*{currency}"] if currency else [])]
    return "//".join(["810", *head, *(f"IT1*{line}" for line in lines), "TDS*100"])


def read(stream: bytes) -> Rows:
    """The rows of a stream by table, each with its document."""
    found: Rows = defaultdict(list)

    def keep(table: str, given: pa.RecordBatch) -> None:
        found[table] += [{"document": hashlib.sha256(stream).hexdigest(), **row} for row in given.to_pylist()]

    def take(one: AcceptedSet) -> None:
        batches.add(one)

    batches = RowBatches(keep)
    reading = read_accepted([stream], [stream], GuideBook(GUIDES), take)
    batches.flush()
    assert not reading.refused, reading.told
    return found


def make_views(warehouse: Warehouse) -> None:
    """With the tables below them."""
    cursor = warehouse.connect().cursor()
    for name in VIEWS:
        text = (REPOSITORY / "include" / "sql" / f"{name}.sql").read_text().replace("INTEGRATIONS", warehouse.database)
        for statement in sqlglot.parse(text, read="snowflake"):
            assert statement is not None
            cursor.execute(statement.sql(dialect="snowflake", comments=False))


def load(warehouse: Warehouse, folder: Path, documents: Iterable[tuple[str, bytes]]) -> None:
    """Load streams, each of a version, as the children of an EDI source are loaded, into tables that are emptied first."""
    connection = warehouse.connect()
    tables = "SELECT table_schema, table_name FROM {db}.INFORMATION_SCHEMA.TABLES WHERE table_type = 'BASE TABLE'"
    for schema, table in warehouse.rows(tables):
        connection.cursor().execute(f'TRUNCATE TABLE "{warehouse.database}"."{schema}"."{table}"')
    read_ones = [(version, read(stream)) for version, stream in documents]
    for table in sorted({table for _, rows in read_ones for table in rows if rows[table] and table in LOADED}):
        contract = CONTRACTS[table]
        where = LoadPolicy.model_validate({"database": warehouse.database, "table": f"EDI_{table}"})
        given = [
            batch(folder, f"{table}-{number}", version, rows[table], of=contract)
            for number, (version, rows) in enumerate(read_ones)
            if rows[table]
        ]
        load_batches(connection, given, contract, where)


def day(number: int) -> str:
    return f"2026-01-{number:02d}/1/1"


def messages(*bodies: str, control: int = 1, sender: str = "BUYER", receiver: str = "SELLER") -> bytes:
    """EDIFACT messages, as `orders` and `invoic` write them."""
    text = "".join(
        f"UNH+{number}+{body}UNT+{body.count(chr(39)) + 1}+{number}'" for number, body in enumerate(bodies, 1)
    )
    return f"UNB+UNOC:3+{sender}:14+{receiver}:14+260102:0304+{control}'{text}UNZ+{len(bodies)}+{control}'".encode()


def orders(number: str, *lines: str, function: str = "9") -> str:
    """An ORDERS; a line is LIN without its tag, and goes on with other segments."""
    body = "".join(f"LIN+{line}'" for line in lines)
    return f"ORDERS:D:96A:UN'BGM+220+{number}+{function}'DTM+137:20260102:102'CUX+2:EUR:9'{body}UNS+S'"


def invoic(number: str, order: str, *lines: str, function: str = "9", code: str = "380") -> str:
    """An INVOIC; a line is LIN without its tag, and goes on with other segments."""
    head = f"INVOIC:D:96A:UN'BGM+{code}+{number}+{function}'DTM+137:20260115:102'RFF+ON:{order}'CUX+2:EUR:4'"
    return f"{head}{''.join(f'LIN+{line}{chr(39)}' for line in lines)}UNS+S'MOA+77:100'"
