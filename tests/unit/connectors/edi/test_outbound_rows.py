"""What a warehouse gives becomes what a guide's columns hold, or is refused: nothing is guessed and nothing is lost."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_integrations.connectors.edi.outbound_rows import QueryRows, documents_of
from airflow_provider_integrations.connectors.edi.outbound_values import document_key, to_kind, to_number
from airflow_provider_integrations.core.errors import ConfigError
from tests.unit.connectors.edi.guided import guide

TAKEN: list[tuple[Any, str, Any]] = [
    (None, "text", None),
    ("", "decimal", None),
    ("x", "text", "x"),
    (" x ", "text", " x "),
    (4711, "text", "4711"),
    (Decimal("4711.000"), "text", "4711"),
    (Decimal(5), "integer", 5),
    (5, "decimal", Decimal(5)),
    (Decimal("1.50"), "decimal", Decimal("1.50")),
    (date(2026, 1, 2), "date", date(2026, 1, 2)),
    (datetime(2026, 1, 2), "date", date(2026, 1, 2)),
    (datetime(2026, 1, 2), "edifact_date", date(2026, 1, 2)),
    (time(1, 2), "time", time(1, 2)),
]
REFUSED: list[tuple[Any, str, str]] = [
    (True, "text", "truth value"),
    (1.5, "decimal", "float"),
    (1.0, "text", "float"),
    (Decimal("4711.5"), "text", "decimals"),
    (Decimal("1.5"), "integer", "decimals"),
    (Decimal("NaN"), "decimal", "finite"),
    (Decimal("Infinity"), "text", "decimals, or none"),
    ("1.5", "decimal", "is a str"),
    ("2026-01-02", "date", "is a str"),
    (datetime(2026, 1, 2, 3), "date", "time of day"),
    (date(2026, 1, 2), "text", "is a date"),
    (date(2026, 1, 2), "time", "is a date"),
    (b"x", "text", "is a bytes"),
]


@pytest.mark.parametrize(("value", "kind", "wanted"), TAKEN)
def test_values_of_a_warehouse_are_taken_without_loss(value: Any, kind: str, wanted: Any) -> None:
    found = to_kind(value, kind)
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(("value", "kind", "said"), REFUSED)
def test_values_that_would_lose_something_are_refused_unnamed(value: Any, kind: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        to_kind(value, kind)
    assert str(value) not in str(raised.value)


def test_numbers_of_rows_are_whole_and_from_1() -> None:
    assert (to_number(None), to_number(Decimal(3)), to_number(1)) == (None, 3, 1)
    for wrong in (0, -1, "1", 1.0, True, Decimal("1.5")):
        with pytest.raises(ValueError, match=r"is a|less than 1"):
            to_number(wrong)


def test_a_key_is_the_same_from_whichever_query() -> None:
    assert document_key(Decimal("4711.00")) == document_key(4711) == document_key(" 4711 ") == "4711"
    assert document_key(date(2026, 1, 2)) == "2026-01-02"
    for none in (None, True, 1.5, b"A", bytearray(b"A"), ["A"], {"A": 1}):
        assert document_key(none) == ""
    assert [document_key(nothing) for nothing in (None, "", " ", True, 1.5)] == [""] * 5


@pytest.mark.parametrize("key", ["A\0", "A\nB", "A\x7f", "A" * 256], ids=repr)
def test_a_key_that_no_ledger_could_hold_is_none(key: str) -> None:
    """PostgreSQL refuses a NUL, and would refuse all documents that are looked up with it."""
    assert document_key(key) == ""


def test_a_key_may_have_any_characters_that_can_be_written() -> None:
    for key in ("A" * 255, "\u00c4-1", "A\u00a0B"):
        assert document_key(key) == key


def columns(*names: str) -> QueryRows:
    return QueryRows(names, [])


def test_inner_rows_are_tied_by_numbers_that_the_queries_must_have() -> None:
    head, lines = columns("key", "order_number"), columns("key", "row", "quantity")
    schedules = columns("key", "parent", "quantity")
    of = guide("850")
    documents_of(of, "key", {"orders": head, "order_lines": lines, "order_schedules": schedules})
    for tables in (
        {"orders": head, "order_lines": columns("key", "quantity"), "order_schedules": schedules},
        {"orders": head, "order_lines": lines, "order_schedules": columns("key", "quantity")},
        {"orders": head, "order_schedules": schedules},
    ):
        with pytest.raises(ConfigError) as raised:
            documents_of(of, "key", tables)
        assert raised.value.next_step


def test_inner_rows_of_each_document_count_for_themselves() -> None:
    of = guide("850")
    found = documents_of(
        of,
        "KEY",
        {
            "orders": QueryRows(("KEY", "ORDER_NUMBER"), [("b", "B"), ("a", "A")]),
            "order_lines": QueryRows(
                ("KEY", "ROW", "QUANTITY"), [("a", Decimal(2), 4), ("b", 1, 5), ("a", Decimal(1), 3)]
            ),
            "order_schedules": QueryRows(("KEY", "PARENT", "QUANTITY"), [("a", 2, 4)]),
        },
    )
    assert list(found.rows) == ["b", "a"]
    assert found.rows["a"] == {
        "orders": [{"order_number": "A"}],
        "order_lines": [{"row": 1, "quantity": Decimal(3)}, {"row": 2, "quantity": Decimal(4)}],
        "order_schedules": [{"parent": 2, "quantity": Decimal(4)}],
    }
    assert (dict(found.refused), dict(found.astray)) == ({}, {})


def test_the_column_of_the_key_may_be_one_of_the_guide() -> None:
    """In an 810 each line has an order number of its own; in an 850 none."""
    order = {"orders": QueryRows(("order_number",), [("A",)]), "order_lines": QueryRows(("order_number",), [("A",)])}
    assert documents_of(guide("850"), "order_number", order).rows["A"] == {
        "orders": [{"order_number": "A"}],
        "order_lines": [{}],
    }
