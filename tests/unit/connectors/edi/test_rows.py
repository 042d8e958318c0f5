"""Sets as rows: `UPDATE_GOLDEN=1 pytest tests/unit/connectors/edi` writes the expected rows anew."""

from __future__ import annotations

import json
import os
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.guide_rules import Column, Place, Table
from airflow_provider_integrations.connectors.edi.model import FindingCode, Segment
from airflow_provider_integrations.connectors.edi.row_schema import SEGMENTS, table_schema
from airflow_provider_integrations.connectors.edi.row_values import Value, read_value, write_value
from airflow_provider_integrations.connectors.edi.rows import Rows, segment_rows, to_rows
from tests.unit.connectors.edi.guided import EDIFACT, GOLDEN, NAMES, X12, guide, signs, split, text

pa: Any = pyarrow  # Its stubs know fewer signatures than the library has.


def rows(document: str, body: str | None = None, encoding: str = "latin-1") -> Rows:
    of = guide(document)
    return to_rows(of, split(text(document) if body is None else body, signs(of)), signs(of), encoding=encoding)


def shown(found: Rows) -> str:
    """JSON with what is null left out; a decimal as its text, a date as ISO 8601."""
    tables = {
        name: [{column: value for column, value in row.items() if value is not None} for row in table]
        for name, table in found.tables.items()
    }
    return json.dumps(tables, indent=1, default=str) + "\n"


@pytest.mark.parametrize("document", NAMES)
def test_rows_are_as_the_golden_file_has_them(document: str) -> None:
    found = rows(document)
    assert found.findings == []
    path = GOLDEN / f"{document}.rows.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(shown(found))
    assert shown(found) == path.read_text()


def test_amounts_are_exact_decimals_and_implied_ones_have_their_places() -> None:
    """Traps: signed and implied decimals (N2) and R."""
    found = rows("810", text("810").replace("TDS*12063*11175", "TDS*-12063*5")).tables
    [invoice] = found["invoices"]
    assert (invoice["total"], invoice["total_discountable"]) == (Decimal("-120.63"), Decimal("0.05"))
    assert found["invoice_lines"][1]["unit_price"] == Decimal(".5")
    assert isinstance(found["invoice_lines"][0]["quantity"], Decimal)
    assert found["invoice_charges"][0]["amount"] == Decimal("12.50")


@pytest.mark.parametrize("mark", [",", "."])
def test_the_decimal_mark_of_edifact_may_be_either(mark: str) -> None:
    """Trap: the decimal mark from UNA. ISO 9735-1, 8.1 lets comma and point stand."""
    found = rows("orders", text("orders").replace("12,5", f"12{mark}5")).tables
    assert found["edifact_order_lines"][0]["quantity"] == Decimal("12.5")


def test_released_signs_belong_to_the_value() -> None:
    """Trap: the release of the release character."""
    [order] = rows("orders", text("orders").replace("PO?+4711", "a?+b??c?:")).tables["edifact_orders"]
    assert order["order_number"] == "a+b?c:"


def test_inner_rows_know_the_row_they_belong_to() -> None:
    found = rows("850").tables
    assert [(row["row"], row["parent"], row["quantity"]) for row in found["order_schedules"]] == [
        (1, 2, Decimal(1)),
        (2, 2, Decimal("0.5")),
    ]
    assert [(row["parent"], row["role"]) for row in found["order_parties"]] == [(None, "BY"), (None, "ST")]
    assert [(row["parent"], row["role"]) for row in found["order_line_parties"]] == [(1, "MA")]


def test_levels_of_a_ship_notice_keep_their_order_and_what_they_hang_on() -> None:
    levels = rows("856").tables["shipment_levels"]
    assert [(row["level_id"], row["above_id"], row["level"]) for row in levels] == [
        ("1", None, "S"),
        ("2", "1", "O"),
        ("3", "2", "P"),
        ("4", "3", "I"),
    ]


def test_the_first_of_several_values_counts() -> None:
    body = text("850").replace("REF*DP*038~", "REF*DP*038~REF*DP*039~")
    assert rows("850", body).tables["orders"][0]["department"] == "038"


@pytest.mark.parametrize(
    ("document", "old", "new", "table", "column", "code"),
    [
        ("850", "SA*4500012345**20260102", "SA*1**20261302", "orders", "ordered_on", FindingCode.DATE_INVALID),
        ("850", "PO1*1*12*", "PO1*1*many*", "order_lines", "quantity", FindingCode.ELEMENT_TYPE),
        ("850", "PO1*1*12*", "PO1*1*1,5*", "order_lines", "quantity", FindingCode.ELEMENT_TYPE),
        ("810", "TDS*12063", "TDS*120.63", "invoices", "total", FindingCode.ELEMENT_TYPE),
        ("856", "*153045*", "*993045*", "shipments", "created_at", FindingCode.TIME_INVALID),
        ("orders", "137:20260102:102", "137:2026-01-02:102", "edifact_orders", "ordered_on", FindingCode.DATE_INVALID),
        ("orders", "137:20260102:102", "137:20260102:718", "edifact_orders", "ordered_on", FindingCode.DATE_INVALID),
        ("orders", "137:20260102:102", "137:310226:2", "edifact_orders", "ordered_on", FindingCode.DATE_INVALID),
    ],
)
def test_a_value_that_is_none_of_its_kind_is_null_and_a_finding(
    document: str, old: str, new: str, table: str, column: str, code: FindingCode
) -> None:
    body = text(document)
    assert old in body
    found = rows(document, body.replace(old, new, 1))
    assert found.tables[table][0][column] is None
    [finding] = found.findings
    assert (finding.code, finding.detail.split(":")[0]) == (code, column)


def test_values_are_decoded_by_the_character_set_of_the_interchange() -> None:
    body = text("orders").replace("Springfield", "Mülheim").encode("utf-8").decode("latin-1")
    assert rows("orders", body, "utf-8").tables["edifact_order_parties"][1]["city"] == "Mülheim"
    broken = rows("orders", text("orders").replace("Springfield", "M\xfclheim"), "utf-8")
    assert broken.tables["edifact_order_parties"][1]["city"] is None
    assert [finding.code for finding in broken.findings] == [FindingCode.CHARACTER_INVALID]


def test_what_has_no_place_in_the_guide_is_passed_over() -> None:
    body = text("850").replace("REF*WH*17~", "ZZZ*1~PO9*1~")
    assert rows("850", body).tables == rows("850").tables


def test_a_set_without_a_guide_is_a_row_for_each_segment() -> None:
    segments = [Segment("UNH", ("1", "DESADV:D:96A:UN"), 1, 0), Segment("FTX", ("a?+b", "\xc3\xbc", "\xff"), 2, 0)]
    assert list(segment_rows(segments, EDIFACT, encoding="utf-8")) == [
        {"position": 1, "tag": "UNH", "elements": ["1", "DESADV:D:96A:UN"]},
        {"position": 2, "tag": "FTX", "elements": ["a+b", "ü", "�"]},
    ]
    [row] = segment_rows([Segment("N1", ("a?+b",), 1, 0)], X12)
    assert row["elements"] == ["a?+b"]


@pytest.mark.parametrize(
    ("raw", "kind", "decimals", "value"),
    [
        ("-0105", "decimal", 2, Decimal("-1.05")),
        ("5", "decimal", 2, Decimal("0.05")),
        ("-.5", "decimal", 0, Decimal("-0.5")),
        ("12345678901234567890.123", "decimal", 0, Decimal("12345678901234567890.123")),
        ("007", "integer", 0, 7),
        ("490102", "date", 0, date(2049, 1, 2)),
        ("500102", "date", 0, date(1950, 1, 2)),
        ("0930", "time", 0, time(9, 30)),
        ("0930151", "time", 0, time(9, 30, 15, 100_000)),
        ("09301507", "time", 0, time(9, 30, 15, 70_000)),
    ],
)
def test_values_read(raw: str, kind: str, decimals: int, value: Value) -> None:
    assert read_value(raw, kind, decimals, ".") == value


@pytest.mark.parametrize(
    ("value", "kind", "decimals", "said"),
    [
        (Decimal("1.005"), "decimal", 2, "more than the 2 decimals"),
        (Decimal("NaN"), "decimal", 0, "not a value of kind decimal"),
        (1.5, "decimal", 0, "is a float"),
        (Decimal(1), "integer", 0, "is a Decimal"),
        (time(1, 2, 3, 4), "time", 0, "hundredths"),
        (5, "text", 0, "is a int"),
    ],
)
def test_values_that_would_be_bent_are_refused(value: Value, kind: str, decimals: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        write_value(value, kind, decimals)


def test_large_and_small_numbers_are_written_in_full() -> None:
    assert write_value(Decimal("1E+3"), "decimal", 0) == "1000"
    assert write_value(Decimal("0.0000001"), "decimal", 0) == "0.0000001"
    assert write_value(Decimal("-0.00"), "decimal", 0) == "0"
    assert write_value(Decimal("-1.50"), "decimal", 2) == "-150"


@pytest.mark.parametrize("document", NAMES)
def test_rows_fit_the_schema_of_their_table(document: str) -> None:
    found = rows(document).tables
    for table in guide(document).tables:
        arrow = pa.Table.from_pylist(found[table.name], schema=table_schema(table))
        assert arrow.to_pylist() == found[table.name]
        arrow.validate(full=True)


HOSTILE = [
    "9" * 500,
    "0." + "0" * 20 + "1",
    "1E99",
    "1E-99",
    "-" + "9" * 18,
    "9" * 18 + "." + "9" * 12,
    "0",
    "-.5",
    "1.",
]


@given(
    text_=st.sampled_from(HOSTILE) | st.from_regex(r"-?[0-9]{0,40}\.?[0-9]{0,40}(E-?[0-9]{1,3})?", fullmatch=True),
    kind=st.sampled_from(["decimal", "integer"]),
    decimals=st.integers(0, 9),
)
def test_any_number_is_held_exactly_or_refused(text_: str, kind: str, decimals: int) -> None:
    try:
        value = read_value(text_, kind, decimals, ".")
    except ValueError:
        return
    column = Column("n", Place(1, 1, None, None, None), kind, decimals)
    schema = table_schema(Table("t", None, None, (column,)))
    [held] = pa.Table.from_pylist([{"row": 1, "parent": None, "n": value}], schema=schema)["n"].to_pylist()
    implied = decimals if kind == "decimal" else 0
    assert held == Fraction(Decimal(text_)) / 10**implied


def test_segments_of_a_set_without_a_guide_fit_their_schema() -> None:
    found = list(segment_rows(split(text("850"), X12), X12))
    assert pa.Table.from_pylist(found, schema=SEGMENTS).to_pylist() == found


CELL = st.sampled_from(
    ["", "1", "BY", "20260230", "20260203", "12,5", "a:b:c", "137:20260102:102", "79:1E99", "VP", "\xff", "?"]
)
PARTS = st.lists(
    st.tuples(st.sampled_from(["BEG", "N1", "PO1", "PID", "DTM", "LIN", "MOA", "QQ", ""]), st.lists(CELL, max_size=9))
)


@given(parts=PARTS, document=st.sampled_from(sorted(NAMES)), encoding=st.sampled_from(["latin-1", "utf-8", "ascii"]))
def test_any_segments_give_rows_that_fit_and_never_an_error(
    parts: list[tuple[str, list[str]]], document: str, encoding: str
) -> None:
    of = guide(document)
    segments = [Segment(tag, tuple(elements), number, 0) for number, (tag, elements) in enumerate(parts, 1)]
    found = to_rows(of, segments, signs(of), encoding=encoding)
    for table in of.tables:
        pa.Table.from_pylist(found.tables[table.name], schema=table_schema(table)).validate(full=True)
    list(segment_rows(segments, signs(of), encoding=encoding))
