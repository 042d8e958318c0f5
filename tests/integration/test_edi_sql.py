"""Silver orders and invoices and the gold view over them, on fakesnow: EDI documents read, loaded and asked."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
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

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
GOLDEN = REPOSITORY / "tests" / "golden" / "edi" / "guided"
GUIDES = tuple(read_guides(REPOSITORY / "include", name) for name in ("x12_850", "x12_810"))
CONTRACTS = table_contracts(GUIDES)
TABLES = ("orders", "order_lines", "invoices", "invoice_lines")
VIEWS = ("silver/edi_orders", "silver/edi_invoices", "gold/orders_to_invoices")
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


def load(warehouse: Warehouse, folder: Path, documents: Iterable[tuple[str, bytes]]) -> None:
    """Load streams, each of a version, as the children of an EDI source are loaded; then make the views."""
    connection = warehouse.connect()
    read_ones = [(version, read(stream)) for version, stream in documents]
    for table in TABLES:
        contract = CONTRACTS[table]
        where = LoadPolicy.model_validate({"database": warehouse.database, "table": f"EDI_{table}"})
        given = [
            batch(folder, f"{table}-{number}", version, rows[table], of=contract)
            for number, (version, rows) in enumerate(read_ones)
        ]
        load_batches(connection, given, contract, where)
    for name in VIEWS:
        text = (REPOSITORY / "include" / "sql" / f"{name}.sql").read_text().replace("INTEGRATIONS", warehouse.database)
        for statement in sqlglot.parse(text, read="snowflake"):
            assert statement is not None
            connection.cursor().execute(statement.sql(dialect="snowflake", comments=False))


def day(number: int) -> str:
    return f"2026-01-{number:02d}/1/1"


def test_the_newest_word_on_an_order_counts_and_beg01_says_what_it_does(warehouse: Warehouse, tmp_path: Path) -> None:
    first = interchange(
        of_order("REPLACED", "1*10*EA*9.25**VP*A", "2*5*EA*1**VP*B"),
        of_order("CANCELLED", "1*10*EA*9.25**VP*A"),
        of_order("CHANGED", "1*10*EA*9.25**VP*A", "02*5*EA*1**VP*B", "2*6*EA*1**VP*C", "*7*EA*1**VP*D"),
        of_order("COPIED", "1*10*EA*9.25**VP*A"),
        of_order("ONLY A COPY", "1*1*EA*1**VP*A", purpose="07"),
        of_order("PROPOSED", "1*1*EA*1**VP*A", purpose="16"),
        of_order("BLANKET", "1*1*EA*1**VP*A", release="R1"),
        of_order("BLANKET", "1*2*EA*1**VP*A", release="R2"),
    )
    second = interchange(
        of_order("REPLACED", "1*11*EA*9.25**VP*A", purpose="05"),
        of_order("CANCELLED", "1*10*EA*9.25**VP*A", purpose="01"),
        of_order("CHANGED", "2*8*EA*1**VP*B", "3*9*EA*1**VP*E", purpose="04"),
        of_order("COPIED", "1*99*EA*9.25**VP*A", purpose="22"),
        control=2,
    )
    other_partner = interchange(of_order("REPLACED", "1*77*EA*1**VP*A"), sender="BETA")
    # The later document was loaded first: what counts is its version.
    load(warehouse, tmp_path, [(day(2), second), (day(1), first), (day(3), other_partner)])
    orders = "SELECT SENDER, ORDER_NUMBER, RELEASE_NUMBER, STATUS, VERSIONS FROM {db}.SILVER.EDI_ORDERS_CURRENT"
    assert sorted(warehouse.rows(orders)) == [
        ("ZZ/ACME", "BLANKET", "R1", "OPEN", 1),
        ("ZZ/ACME", "BLANKET", "R2", "OPEN", 1),
        ("ZZ/ACME", "CANCELLED", "", "CANCELLED", 2),
        ("ZZ/ACME", "CHANGED", "", "OPEN", 2),
        ("ZZ/ACME", "COPIED", "", "OPEN", 2),
        ("ZZ/ACME", "ONLY A COPY", "", "OPEN", 1),
        ("ZZ/ACME", "REPLACED", "", "OPEN", 2),
        ("ZZ/BETA", "REPLACED", "", "OPEN", 1),
    ]
    lines = (
        "SELECT SENDER, ORDER_NUMBER, LINE_NUMBER, VENDOR_PART, CAST(QUANTITY AS NUMBER(9,0)) "
        "FROM {db}.SILVER.EDI_ORDER_LINES_CURRENT WHERE ORDER_NUMBER IN ('REPLACED', 'CHANGED', 'COPIED')"
    )
    assert sorted(warehouse.rows(lines), key=str) == [
        ("ZZ/ACME", "CHANGED", "1", "A", 10),
        # PO101 stands twice in the first document: the change names the first of the two, and 02 is 2.
        ("ZZ/ACME", "CHANGED", "2", "B", 8),
        ("ZZ/ACME", "CHANGED", "2", "C", 6),
        ("ZZ/ACME", "CHANGED", "3", "E", 9),
        ("ZZ/ACME", "CHANGED", None, "D", 7),
        ("ZZ/ACME", "COPIED", "1", "A", 10),
        ("ZZ/ACME", "REPLACED", "1", "A", 11),
        ("ZZ/BETA", "REPLACED", "1", "A", 77),
    ]


def test_a_price_is_for_one_unit_whatever_its_basis(warehouse: Warehouse, tmp_path: Path) -> None:
    lines = ("1*300*EA*12.5*HP*VP*A", "2*24*EA*6*PD*VP*B", "3*2*DZ*6*PD*VP*C", "4*2000*EA*1.5*TP*VP*D", "5*3*EA*0.335")
    load(warehouse, tmp_path, [(day(1), interchange(of_order("PO1", *lines), of_invoice("I1", "PO1", *lines)))])
    for view in ("EDI_ORDER_LINES_CURRENT", "EDI_INVOICE_LINES_CURRENT"):
        asked = f"SELECT LINE_NUMBER, CAST(PRICE AS NUMBER(12,4)), AMOUNT FROM {{db}}.SILVER.{view} ORDER BY 1"
        assert warehouse.rows(asked) == [
            ("1", Decimal("0.1250"), Decimal("37.50")),
            ("2", Decimal("0.5000"), Decimal("12.00")),
            ("3", Decimal("6.0000"), Decimal("12.00")),
            ("4", Decimal("0.0015"), Decimal("3.00")),
            ("5", Decimal("0.3350"), Decimal("1.01")),
        ]


def test_the_newest_word_on_an_invoice_counts_and_a_credit_is_negative(warehouse: Warehouse, tmp_path: Path) -> None:
    first = interchange(
        of_invoice("REPLACED", "PO1", "1*10*EA*9.25**VP*A"),
        of_invoice("CANCELLED", "PO1", "1*10*EA*9.25**VP*A"),
        of_invoice("COPIED", "PO1", "1*10*EA*9.25**VP*A"),
        of_invoice("CREDITED", "PO1", "1*10*EA*9.25**VP*A"),
        of_invoice("SEVERAL", "PO1", "1*1*EA*1**VP*A//REF*PO*PO2", "2*1*EA*1**VP*B"),
    )
    second = interchange(
        of_invoice("REPLACED", "PO1", "1*4*EA*9.25**VP*A", purpose="05"),
        of_invoice("CANCELLED", "PO1", "1*10*EA*9.25**VP*A", purpose="01"),
        of_invoice("COPIED", "PO1", "1*99*EA*9.25**VP*A", kind="DU"),
        of_invoice("CREDITED", "PO1", "1*2*EA*9.25**VP*A", kind="CR"),
        control=2,
    )
    load(warehouse, tmp_path, [(day(1), first), (day(2), second)])
    invoices = "SELECT INVOICE_NUMBER, IS_CREDIT, STATUS, VERSIONS, TOTAL FROM {db}.SILVER.EDI_INVOICES_CURRENT"
    assert sorted(warehouse.rows(invoices)) == [
        ("CANCELLED", False, "CANCELLED", 2, Decimal("1.00")),
        ("COPIED", False, "OPEN", 2, Decimal("1.00")),
        ("CREDITED", False, "OPEN", 1, Decimal("1.00")),
        ("CREDITED", True, "OPEN", 1, Decimal("-1.00")),
        ("REPLACED", False, "OPEN", 2, Decimal("1.00")),
        ("SEVERAL", False, "OPEN", 1, Decimal("1.00")),
    ]
    lines = (
        "SELECT INVOICE_NUMBER, ORDER_NUMBER, LINE_KEY, CAST(QUANTITY AS NUMBER(9,0)), AMOUNT "
        "FROM {db}.SILVER.EDI_INVOICE_LINES_CURRENT"
    )
    assert sorted(warehouse.rows(lines)) == [
        ("COPIED", "PO1", "1", 10, Decimal("92.50")),
        ("CREDITED", "PO1", "1", -2, Decimal("-18.50")),
        ("CREDITED", "PO1", "1", 10, Decimal("92.50")),
        ("REPLACED", "PO1", "1", 4, Decimal("37.00")),
        ("SEVERAL", "PO1", "2", 1, Decimal("1.00")),
        ("SEVERAL", "PO2", "1", 1, Decimal("1.00")),
    ]


def test_what_was_ordered_stands_beside_what_was_invoiced(warehouse: Warehouse, tmp_path: Path) -> None:
    ordered = interchange(
        of_order("AGREES", "1*10*EA*9.25**VP*A", "2*3*EA*2**VP*B"),
        of_order("NOT", "1*10*EA*9.25**VP*A"),
        of_order("TWICE", "1*10*EA*9.25**VP*A"),
        of_order("PARTS", "1*10*EA*9.25**VP*A"),
        of_order("OVER", "1*10*EA*9.25**VP*A"),
        of_order("SHORT", "1*10*EA*9.25**VP*A"),
        of_order("PRICE", "1*10*EA*9.25**VP*A"),
        of_order("UNITS", "1*10*CA*9.25**VP*A"),
        of_order("CURRENCIES", "1*10*EA*9.25**VP*A", currency="EUR"),
        of_order("RETURNED", "1*10*EA*9.25**VP*A"),
        of_order("UNLISTED", "1*10*EA*9.25**VP*A"),
        of_order("OTHER ITEM", "1*10*EA*9.25**VP*A"),
        of_order("SAME ITEM", "1*10*EA*9.25**VP*A", "2*5*EA*9.25**VP*A"),
        of_order("GONE", "1*10*EA*9.25**VP*A", purpose="01"),
        of_order("GONE AND BILLED", "1*10*EA*9.25**VP*A", purpose="01"),
    )
    # The seller's invoices, some from the other side: two partners belong together whoever of them writes.
    invoiced = interchange(
        of_invoice("I1", "AGREES", "0001*10*EA*9.25**VP*A", "9*3*EA*2**VP*B"),
        of_invoice("I2", "TWICE", "1*10*EA*9.25**VP*A"),
        of_invoice("I3", "TWICE", "1*10*EA*9.25**VP*A"),
        of_invoice("I4", "PARTS", "1*4*EA*9.25**VP*A"),
        of_invoice("I5", "PARTS", "1*6*EA*9.25**VP*A"),
        of_invoice("I6", "OVER", "1*12*EA*9.25**VP*A"),
        of_invoice("I7", "SHORT", "1*4*EA*9.25**VP*A"),
        of_invoice("I8", "PRICE", "1*10*EA*9.30**VP*A"),
        of_invoice("I9", "UNITS", "1*120*EA*.77**VP*A"),
        of_invoice("I17", "CURRENCIES", "1*10*EA*9.25**VP*A", currency="USD"),
        of_invoice("I10", "RETURNED", "1*12*EA*9.25**VP*A"),
        of_invoice("I11", "RETURNED", "1*2*EA*9.25**VP*A", kind="CR"),
        of_invoice("I12", "UNLISTED", "7*1*EA*5**VP*Z"),
        of_invoice("I13", "OTHER ITEM", "1*10*EA*9.25**VP*Z"),
        of_invoice("I14", "SAME ITEM", "2*5*EA*9.25**VP*A", "1*10*EA*9.25**VP*A"),
        of_invoice("I15", "GONE AND BILLED", "1*10*EA*9.25**VP*A"),
        of_invoice("I16", "NEVER ORDERED", "1*1*EA*1**VP*A"),
        sender="HUB",
        receiver="ACME",
    )
    load(warehouse, tmp_path, [(day(1), ordered), (day(2), invoiced)])
    asked = (
        "SELECT ORDER_NUMBER, LINE_NUMBER, VERDICT, CAST(QUANTITY_DIFFERENCE AS NUMBER(9,0)), "
        "CAST(PRICE_DIFFERENCE AS NUMBER(9,2)), CAST(AMOUNT_DIFFERENCE AS NUMBER(9,2)), INVOICE_NUMBERS "
        "FROM {db}.GOLD.ORDERS_TO_INVOICES"
    )
    none, same = Decimal("0.00"), (0, Decimal("0.00"), Decimal("0.00"))
    assert sorted(warehouse.rows(asked), key=str) == [
        ("AGREES", "1", "AGREES", *same, "I1"),
        ("AGREES", "2", "AGREES", *same, "I1"),
        ("CURRENCIES", "1", "UNITS_DIFFER", *same, "I17"),
        ("GONE AND BILLED", "1", "INVOICED_CANCELLED", *same, "I15"),
        ("GONE", "1", "CANCELLED", -10, None, Decimal("-92.50"), None),
        ("NEVER ORDERED", "1", "NO_ORDER", 1, None, Decimal("1.00"), "I16"),
        ("NOT", "1", "NOT_INVOICED", -10, None, Decimal("-92.50"), None),
        ("OTHER ITEM", "1", "NOT_INVOICED", -10, None, Decimal("-92.50"), None),
        ("OTHER ITEM", "1", "NOT_ON_ORDER", 10, None, Decimal("92.50"), "I13"),
        ("OVER", "1", "QUANTITY_OVER", 2, none, Decimal("18.50"), "I6"),
        ("PARTS", "1", "AGREES", *same, "I4, I5"),
        ("PRICE", "1", "PRICE_DIFFERS", 0, Decimal("0.05"), Decimal("0.50"), "I8"),
        ("RETURNED", "1", "AGREES", *same, "I10, I11"),
        ("SAME ITEM", "1", "AGREES", *same, "I14"),
        ("SAME ITEM", "2", "AGREES", *same, "I14"),
        ("SHORT", "1", "QUANTITY_SHORT", -6, none, Decimal("-55.50"), "I7"),
        ("TWICE", "1", "INVOICED_TWICE", 10, none, Decimal("92.50"), "I2, I3"),
        ("UNITS", "1", "UNITS_DIFFER", 110, Decimal("-8.48"), Decimal("-0.10"), "I9"),
        ("UNLISTED", "1", "NOT_INVOICED", -10, None, Decimal("-92.50"), None),
        ("UNLISTED", "7", "NOT_ON_ORDER", 1, None, Decimal("5.00"), "I12"),
    ]


def test_an_order_and_its_invoice_as_partners_send_them_agree(warehouse: Warehouse, tmp_path: Path) -> None:
    """The documents of the golden files, in envelopes."""
    sets = []
    for name in ("850", "810"):
        segments = (GOLDEN / f"{name}.edi").read_text().split("~")[1:-2]
        sets.append("//".join([name, *segments]))
    load(warehouse, tmp_path, [(day(1), interchange(*sets))])
    asked = (
        "SELECT ORDER_NUMBER, LINE_NUMBER, DESCRIPTION, VERDICT, INVOICE_NUMBERS FROM {db}.GOLD.ORDERS_TO_INVOICES "
        "ORDER BY LINE_NUMBER"
    )
    assert warehouse.rows(asked) == [
        ("4500012345", "1", "Widget, blue", "AGREES", "INV-1"),
        ("4500012345", "2", "Bolts", "AGREES", "INV-1"),
    ]
