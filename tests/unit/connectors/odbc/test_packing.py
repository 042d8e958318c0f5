"""Values of a row in one text come out as they went in, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.odbc.model import ReadColumn
from airflow_provider_integrations.connectors.odbc.packing import LONGEST, UnpackableError, on_the_wire, unpacked

KINDS = {
    "whole": pa.int64(),
    "amount": pa.decimal128(38, 10),
    "share": pa.float64(),
    "day": pa.date32(),
    "at": pa.timestamp("us"),
    "paid": pa.bool_(),
    "token": pa.string(),
}
COLUMNS = tuple(ReadColumn(name, f'"{name}"', kind, kind, packed=f'"{name}"') for name, kind in KINDS.items())
NOTE = ReadColumn("note", '"note"', pa.string(), pa.string())


def _joined(expressions: Sequence[str]) -> str:
    return "+".join(expressions)


def _text(value: Any) -> str:
    """As PostgreSQL writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime):
        whole = f"{value:%H:%M:%S}"
        return f"{value.date().isoformat()} {whole}" + (
            f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
        )
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _batch(rows: list[tuple[Any, ...]]) -> Any:
    texts = [",".join(map(_text, row)) + "\n" for row in rows]
    return pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=["0"])


ROW = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.decimals(-(10**27), 10**27, places=10, allow_nan=False),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.dates(),
    st.none() | st.datetimes(),
    st.none() | st.booleans(),
    st.none() | st.uuids().map(str),
)


@given(st.lists(ROW, max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_what_was_packed_comes_out_the_same(rows: list[tuple[Any, ...]], offset: int, length: int) -> None:
    found = unpacked(_batch(rows).slice(offset, length), COLUMNS)
    assert [column.type for column in found.columns] == list(KINDS.values())
    assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == rows[offset : offset + length]


def test_columns_come_in_their_own_order_and_others_are_read_alone() -> None:
    columns = (NOTE, *COLUMNS[:2], replace(NOTE, name="more"), *COLUMNS[2:])
    wire = on_the_wire(columns, _joined)
    assert [column.name for column in wire] == ["packed_0", "note", "more"]
    assert wire[0].expression == '"whole"+"amount"+"share"+"day"+"at"+"paid"+"token"'
    values = (1, Decimal("1.5"), 2.5, date(2025, 11, 5), datetime(2025, 11, 5, 10), True, "t")
    texts = [pa.array([text]) for text in (",".join(map(_text, values)) + "\n", "n", None)]
    found = unpacked(pa.RecordBatch.from_arrays(texts, names=list("012")), columns)
    assert [column.to_pylist()[0] for column in found.columns] == ["n", *values[:2], None, *values[2:]]


def test_few_columns_are_read_alone() -> None:
    assert on_the_wire((*COLUMNS[:2], NOTE), _joined) == (*COLUMNS[:2], NOTE)


def test_no_text_is_longer_than_its_buffer() -> None:
    columns = [replace(COLUMNS[at % 7], name=str(at)) for at in range(500)]
    wire = on_the_wire(columns, _joined)
    assert sum(text.expression.count("+") + 1 for text in wire) == 500
    assert all(text.expression.count("+") < 45 for text in wire)
    longest = [ReadColumn(str(at), "", pa.decimal128(38, 0), pa.decimal128(38, 0), packed="x") for at in range(100)]
    assert all((text.expression.count("+") + 1) * 42 <= LONGEST for text in on_the_wire(longest, _joined))


@pytest.mark.parametrize(
    "text",
    [
        *("NaN,1,1", "1.23456,1,1", "99999999999999999,1,1", "1,infinity,1", "1,0044-03-15 BC,1", "1,2025-02-30,1"),
        *("1,2025-01-01,yes", "1,2025-01-01", "1,2025-01-01,t,1", '"1",2025-01-01,t', "1,2025-01-01,t\n1,2025-01-01,t"),
        "1,20250101,t",
    ],
)
def test_what_does_not_fit_is_refused_and_not_shown(text: str) -> None:
    kinds = {"amount": pa.decimal128(18, 4), "day": pa.date32(), "paid": pa.bool_()}
    columns = [ReadColumn(name, name, kind, kind, packed=name) for name, kind in kinds.items()]
    batch = pa.RecordBatch.from_arrays([pa.array([f"{text}\n"])], names=["0"])
    with pytest.raises(UnpackableError, match="does not fit the planned type") as refused:
        unpacked(batch, columns)
    assert text not in str(refused.value)


def test_a_text_that_is_missing_is_refused() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(["1,2,3\n", None])], names=["0"])
    columns = [ReadColumn(str(at), "x", pa.int64(), pa.int64(), packed="x") for at in range(3)]
    with pytest.raises(UnpackableError):
        unpacked(batch, columns)
