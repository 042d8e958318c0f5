"""Rows written by a guide and read by it are the same rows, and nothing is written that the guide refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.check_set import check_raw
from airflow_provider_integrations.connectors.edi.guide_notation import ElementType
from airflow_provider_integrations.connectors.edi.guide_rules import Column, ElementRule, Guide, SegmentUse, Table
from airflow_provider_integrations.connectors.edi.model import Delimiters, Syntax
from airflow_provider_integrations.connectors.edi.rows import to_rows
from airflow_provider_integrations.connectors.edi.write import render, write_set
from airflow_provider_integrations.core.errors import PermanentError
from tests.unit.connectors.edi.guided import EDIFACT, NAMES, X12, guide, guides, signs, split, text

GUIDES = [found for name in NAMES.values() for found in guides(name).versions.values()]
Tables = dict[str, list[dict[str, Any]]]


def read_again(of: Guide, segments: Any, by: Delimiters, encoding: str = "latin-1") -> Any:
    """Through the bytes, as a partner would."""
    raw = render(segments, by)
    assert check_raw(of, raw, by, encoding=encoding) == []
    found = to_rows(of, split(raw.decode("latin-1"), by), by, encoding=encoding)
    assert found.findings == []
    return found.tables


@pytest.mark.parametrize("document", NAMES)
def test_rows_of_a_document_written_and_read_are_the_same(document: str) -> None:
    of = guide(document)
    tables = to_rows(of, split(text(document), signs(of)), signs(of)).tables
    assert read_again(of, write_set(of, tables, "0001", signs(of)), signs(of)) == tables


def rule_of(of: Guide, column: Column) -> tuple[SegmentUse, ElementRule, ElementRule]:
    """Segment, element, and the simple element or component of a column."""
    [use] = [use for use in of.uses() if use.number == column.place.use]
    assert use.rule is not None
    element = use.rule.elements[column.place.element - (0 if column.place.paired else 1)]
    return use, element, element.components[column.place.component - 1] if column.place.component else element


def may_be_left_out(of: Guide, column: Column) -> bool:
    """Whether the segment stays sound without this value alone."""
    use, element, inner = rule_of(of, column)
    assert use.rule is not None
    at = column.place.element
    bound = any(at in condition.positions for condition in use.rule.conditions)
    same = [other for table in of.tables for other in table.columns if other.place.use == column.place.use]
    if use.mandatory and same[0] == column:
        return False  # The segment itself must stand.
    if len(same) == 1:
        return True
    if column.place.paired:
        return use.tag not in ("LIN",)
    if column.place.component:
        return inner.usage != "M" and element.usage != "M"
    return inner.usage != "M" and not bound


def values(kind: str, type_: ElementType, by: Delimiters, decimals: int) -> st.SearchStrategy[Any]:
    if type_.codes:
        return st.sampled_from(sorted(type_.codes))
    digits = min(type_.most, 15)
    match kind:
        case "integer":
            return st.integers(-(10**digits) + 1, 10**digits - 1)
        case "decimal" if decimals:
            return st.integers(-(10**digits) + 1, 10**digits - 1).map(lambda n: Decimal(n).scaleb(-decimals))
        case "decimal":
            whole = max(digits - 2, 1)
            return st.decimals(-(10**whole) + 1, 10**whole - 1, places=2 if digits > 2 else 0)
        case "date" | "edifact_date":
            return st.dates(date(1, 1, 1), date(9999, 12, 31))
        case "time":
            return st.times().map(lambda t: t.replace(microsecond=t.microsecond // 10_000 * 10_000))
    signs_ = [by.element, by.component, by.terminator, by.repetition or ""] if by.release is None else []
    letters = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters=["\x7f", *signs_])
    return st.text(letters, min_size=type_.least, max_size=min(type_.most, 12)).filter(
        lambda value: bool(value.strip(" "))
    )


def row(draw: st.DrawFn, of: Guide, table: Table, by: Delimiters) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for column in table.columns:
        left_out = may_be_left_out(of, column) and draw(st.booleans())
        _, _, inner = rule_of(of, column)
        assert inner.type is not None
        made[column.name] = None if left_out else draw(values(column.kind, inner.type, by, column.decimals))
    return made


def stacked(draw: st.DrawFn, levels: list[dict[str, Any]]) -> None:
    """Make a hierarchy of levels: HL01 is another one each time, HL02 one that came before, HL04 says what stands below."""
    for number, level in enumerate(levels):
        earlier = st.sampled_from([None, *(one["level_id"] for one in levels[:number])])
        level |= {"level_id": f"L{number}", "above_id": draw(earlier)}
    above = {level["above_id"] for level in levels}
    for level in levels:
        level["has_levels_below"] = draw(st.sampled_from([None, "1" if level["level_id"] in above else "0"]))


@st.composite
def documents(draw: st.DrawFn) -> tuple[Guide, Tables]:
    of = draw(st.sampled_from(GUIDES))
    tables: Tables = {}
    for table in of.tables:
        above: list[Any] = [None] if table.parent is None else [one["row"] for one in tables[table.parent]]
        made: list[dict[str, Any]] = []
        for parent in above:
            least = 1 if table.loop is None or (table.loop.mandatory and table.parent is None) else 0
            most = 1 if table.loop is None else min(2, table.loop.most)
            for _ in range(draw(st.integers(least, most))):
                one = {"row": len(made) + 1, "parent": parent, **row(draw, of, table, signs(of))}
                made.append(one)
        if "level_id" in (made[0] if made else {}):
            stacked(draw, made)
        tables[table.name] = made
    return of, tables


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(case=documents())
def test_write_then_read_is_the_identity(case: tuple[Guide, Tables]) -> None:
    of, tables = case
    segments = write_set(of, tables, "0001", signs(of))
    assert read_again(of, segments, signs(of)) == tables
    assert render(write_set(of, tables, "0001", signs(of)), signs(of)) == render(segments, signs(of))


def minimal(**changes: Any) -> Tables:
    order = {"purpose": "00", "order_type": "SA", "order_number": "1", "ordered_on": date(2026, 1, 2)} | changes
    return {"orders": [order], "order_lines": [{"quantity": Decimal(1), "unit": "EA"}]}


def test_header_and_trailer_count_what_stands_between_them() -> None:
    segments = write_set(guide("850"), minimal(), "0042", X12)
    assert render(segments, X12) == b"ST*850*0042~BEG*00*SA*1**20260102~PO1**1*EA~SE*4*0042~"
    assert [(segment.number, segment.offset) for segment in segments] == [(1, 0), (2, 12), (3, 34), (4, 44)]
    new = write_set(guide("850", "005010"), minimal(), "0042", X12, convention="005010X1")
    assert new[0].elements == ("850", "0042", "005010X1")
    orders = guide("orders")
    tables: Tables = {"edifact_orders": [{"order_number": "1", "ordered_on": date(2026, 1, 2), "section": "S"}]}
    raw = render(write_set(orders, tables, "7", EDIFACT, convention="EAN008"), EDIFACT)
    assert raw == b"UNH+7+ORDERS:D:96A:UN:EAN008'BGM++1'DTM+137:20260102:102'UNS+S'UNT+5+7'"


def test_empty_elements_at_the_end_are_left_out() -> None:
    for segment in write_set(guide("850"), minimal(), "1", X12):
        assert segment.elements[-1]


def test_a_text_in_the_character_set_of_the_interchange() -> None:
    of = guide("orders")
    party = {"role": "BY", "name": "Łódź?+'"}
    tables: Tables = {
        "edifact_orders": [{"order_number": "1", "ordered_on": date(2026, 1, 2), "section": "S"}],
        "edifact_order_parties": [party],
    }
    segments = write_set(of, tables, "1", EDIFACT, encoding="utf-8")
    assert read_again(of, segments, EDIFACT, "utf-8")["edifact_order_parties"][0]["name"] == "Łódź?+'"
    with pytest.raises(PermanentError, match="characters that latin-1 does not have"):
        write_set(of, tables, "1", EDIFACT)


def broken() -> Iterator[tuple[Tables, str]]:
    yield minimal(order_number="a*b"), "holds a delimiter"
    yield minimal(order_number="x" * 23), "element_too_long at BEG"
    yield minimal(order_number="a\tb"), "character_invalid at BEG"
    yield minimal(purpose="99"), "code_unknown at BEG"
    yield minimal(order_number=None), "element_missing at BEG"
    yield minimal(order_number=5), "is a int"
    yield minimal(ordered_on=time(1)), "is a time"
    yield minimal(ordered_by="x"), "ordered_by"
    yield {"orders": minimal()["orders"]}, "segment_missing at PO1"
    yield minimal() | {"ordrs": []}, "ordrs"
    yield {**minimal(), "orders": minimal()["orders"] * 2}, "stands twice"
    yield minimal() | {"order_schedules": [{"parent": 2, "quantity": Decimal(1)}]}, "no row of the table above"
    yield minimal() | {"order_schedules": [{"quantity": Decimal(1)}]}, "no row of the table above"
    yield minimal() | {"order_charges": [{"indicator": "A", "code": "C310", "amount": Decimal("1.005")}]}, "implies"


@pytest.mark.parametrize(("tables", "said"), list(broken()), ids=lambda value: value if isinstance(value, str) else "")
def test_rows_that_make_no_valid_set_are_refused_and_nothing_is_written(tables: Tables, said: str) -> None:
    with pytest.raises(PermanentError, match=said) as raised:
        write_set(guide("850"), tables, "0001", X12)
    assert raised.value.next_step


def test_a_refusal_tells_no_values() -> None:
    with pytest.raises(PermanentError) as raised:
        write_set(guide("850"), minimal(order_number="CANARY*7"), "0001", X12)
    assert "CANARY" not in str(raised.value)
    with pytest.raises(PermanentError) as raised:
        write_set(guide("850"), minimal(order_number="CANARY" * 9), "0001", X12)
    assert "CANARY" not in str(raised.value)


def test_no_more_pairs_than_the_segment_has() -> None:
    """Eight columns of qualified products into a segment of ten pairs, each beside its qualifier and in no other order."""
    line = {"quantity": Decimal(1), "unit": "EA", "upc": "1", "sku": "2", "buyer_part": "3"}
    segments = write_set(guide("850"), minimal() | {"order_lines": [line]}, "1", X12)
    assert segments[2].elements == ("", "1", "EA", "", "", "BP", "3", "UP", "1", "SK", "2")


def test_the_syntax_of_each_guide_is_told() -> None:
    assert {of.syntax for of in GUIDES} == set(Syntax)
