"""Silver orders and invoices and the gold view over them, on fakesnow: EDI documents read, loaded and asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fakes.edi_views import day, interchange, invoic, load, make_views, messages, of_invoice, of_order, orders
from tests.fakes.fakesnow_server import FakesnowServer, Warehouse

pytestmark = pytest.mark.integration

GOLDEN = Path(__file__).parents[1] / "golden" / "edi" / "guided"


@pytest.fixture(scope="module")
def warehouse(fakesnow_server: FakesnowServer) -> Iterator[Warehouse]:
    """With the views, which are made once; `load` empties the tables for each test."""
    with ExitStack() as stack:
        made = Warehouse(fakesnow_server, "T_EDI_SQL", stack)
        make_views(made)
        yield made


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


def test_the_newest_word_on_an_edifact_order_counts_and_bgm03_says_what_it_does(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    line = "{}++{}:EN'QTY+21:{}:PCE'PRI+AAA:{}"
    first = messages(
        orders("REPLACED", line.format(1, 111, 10, 5)),
        orders("CANCELLED", line.format(1, 111, 10, 5)),
        orders("CHANGED", line.format(1, 111, 10, 5), line.format(2, 222, 1, 5), line.format(3, 333, 1, 5)),
        orders("FORECAST", line.format(1, 111, 10, 5), function="25"),
    )
    deleted = "3+2+333:EN'QTY+21:1:PCE'PRI+AAA:5"
    second = messages(
        orders("REPLACED", line.format(1, 111, 12, "500::NTP:100:PCE"), function="5"),
        orders("CANCELLED", line.format(1, 111, 10, 5), function="1"),
        orders("CHANGED", line.format(1, 111, 11, 5), deleted, function="4"),
        control=2,
    )
    third = messages(orders("CHANGED", line.format(2, 222, 1, 5), function="3"), control=3)
    load(warehouse, tmp_path, [(day(1), first), (day(2), second), (day(3), third)])
    asked = "SELECT ORDER_NUMBER, STATUS, VERSIONS, CURRENCY FROM {db}.SILVER.EDI_ORDERS_CURRENT ORDER BY 1"
    assert warehouse.rows(asked) == [
        ("CANCELLED", "CANCELLED", 2, "EUR"),
        ("CHANGED", "OPEN", 3, "EUR"),
        ("REPLACED", "OPEN", 2, "EUR"),
    ]
    lines = (
        "SELECT ORDER_NUMBER, LINE_KEY, GTIN, CAST(QUANTITY AS NUMBER(9,0)), CAST(PRICE AS NUMBER(12,2)), AMOUNT "
        "FROM {db}.SILVER.EDI_ORDER_LINES_CURRENT WHERE STATUS = 'OPEN' ORDER BY 1, 2"
    )
    assert warehouse.rows(lines) == [
        # Line 2 was deleted by a message of deletions (1225 code 3), line 3 by its own action (1229 code 2).
        ("CHANGED", "1", "111", 11, Decimal("5.00"), Decimal("55.00")),
        ("REPLACED", "1", "111", 12, Decimal("5.00"), Decimal("60.00")),
    ]


def test_edifact_orders_stand_beside_their_invoices_and_credit_notes(warehouse: Warehouse, tmp_path: Path) -> None:
    line = "{}++{}:EN'QTY+{}:{}:PCE'PRI+AAA:{}"
    ordered = messages(*(orders(name, line.format(1, 111, 21, 10, 5)) for name in ("AGREES", "CREDITED", "BY ITEM")))
    invoiced = messages(
        invoic("I1", "AGREES", line.format(1, 111, 47, 10, 5)),
        invoic("I2", "CREDITED", line.format(1, 111, 47, 12, 5)),
        invoic("C2", "CREDITED", line.format(1, 111, 47, 3, 5), code="381"),
        invoic("I3", "BY ITEM", line.format(9, 111, 47, 10, 5)),
        invoic("P4", "BY ITEM", line.format(1, 111, 47, 10, 5), code="325"),
        sender="SELLER",
        receiver="BUYER",
    )
    load(warehouse, tmp_path, [(day(1), ordered), (day(2), invoiced)])
    asked = (
        "SELECT ORDER_NUMBER, VERDICT, CAST(QUANTITY_DIFFERENCE AS NUMBER(9,0)), AMOUNT_DIFFERENCE, INVOICE_NUMBERS "
        "FROM {db}.GOLD.ORDERS_TO_INVOICES ORDER BY 1"
    )
    assert warehouse.rows(asked) == [
        ("AGREES", "AGREES", 0, Decimal("0.00"), "I1"),
        ("BY ITEM", "AGREES", 0, Decimal("0.00"), "I3"),
        ("CREDITED", "QUANTITY_SHORT", -1, Decimal("-5.00"), "C2, I2"),
    ]
    totals = (
        "SELECT INVOICE_NUMBER, TOTAL FROM {db}.SILVER.EDI_INVOICES_CURRENT WHERE ORDER_NUMBER = 'CREDITED' ORDER BY 1"
    )
    assert [(number, int(total)) for number, total in warehouse.rows(totals)] == [("C2", -100), ("I2", 100)]
