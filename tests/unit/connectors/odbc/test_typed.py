"""Values as a database gave them to the contract's types: exact, or a reject with its key and rule."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.odbc.model import ReadColumn
from airflow_provider_integrations.connectors.odbc.typed import to_landed
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.formats.schema import arrow_type

D = Decimal
REJECTED = object()


def _land(kind: str, values: pa.Array, **more: Any) -> tuple[list[Any], list[tuple[str, str]]]:
    """The landed values in the rows' places, and each reject's key and rule."""
    contract = _contract({"name": "v", "type": kind, **more})
    batch = pa.record_batch([pa.array(range(len(values)), pa.int64()), values], names=["id", "v"])
    columns = [ReadColumn("id", "id", None, pa.int64()), ReadColumn("v", "v", None, values.type)]
    table, rejects = to_landed(batch, contract, columns)
    assert table.schema.types == [pa.int64(), arrow_type(contract.column("v"))]
    assert table.num_rows + len(rejects) == len(values)
    landed: list[Any] = [REJECTED] * len(values)
    found = table.column("v")
    if pa.types.is_timestamp(found.type):
        found = found.cast(pa.timestamp("us"))
    for row, value in zip(table.column("id").to_pylist(), found.to_pylist(), strict=True):
        landed[row] = value
    return landed, [(reject.key, reject.rule) for reject in rejects]


def _contract(*columns: dict[str, Any], keys: tuple[str, ...] = ("id",)) -> Contract:
    first = {"name": "id", "type": "integer", "nullable": False}
    return Contract.from_mapping({"contract": "t", "version": "1.0.0", "keys": keys, "columns": [first, *columns]})


CASES: list[tuple[str, pa.Array, list[Any]]] = [
    ("integer", pa.array([1, 2**64 - 1, None], pa.uint64()), [1, REJECTED, None]),
    ("integer", pa.array([D("1.0"), D("1.5"), D("9" * 20), None], pa.decimal128(38, 1)), [1, REJECTED, REJECTED, None]),
    ("integer", pa.array([1.0, 1.5, 1e300, float("nan")]), [1, REJECTED, REJECTED, REJECTED]),
    ("integer", pa.array(["7", "x", "", "1.0"]), [7, REJECTED, REJECTED, REJECTED]),
    ("integer", pa.array([-(2**63), 2**63 - 1]), [-(2**63), 2**63 - 1]),
    ("decimal(20,0)", pa.array([2**64 - 1, 0, None], pa.uint64()), [D(2**64 - 1), D(0), None]),
    ("decimal(10,2)", pa.array([D("1.10"), D("1.555"), D("1e8")], pa.decimal128(38, 10)), [D("1.10"), REJECTED, REJECTED]),
    ("decimal(10,2)", pa.array([10**8 - 1, 10**8]), [D("99999999.00"), REJECTED]),
    ("decimal(10,2)", pa.array([0.1, 1.555, float("inf")]), [D("0.10"), REJECTED, REJECTED]),
    ("decimal(10,2)", pa.array(["1.10", "NaN", "1.555", "Infinity"]), [D("1.10"), REJECTED, REJECTED, REJECTED]),
    ("decimal(38,10)", pa.array([f"{'9' * 28}.{'9' * 10}", f"-{'9' * 28}.{'9' * 10}"]), [
        D(f"{'9' * 28}.{'9' * 10}"), D(f"-{'9' * 28}.{'9' * 10}")]),
    # Arrow's own cast wraps such a text around without an error.
    ("decimal(38,5)", pa.array(["1" + "0" * 40 + ".00000", "9" * 33 + ".99999", "0" * 50 + "1.5", "x" * 50, None]), [
        REJECTED, D("9" * 33 + ".99999"), D("1.50000"), REJECTED, None]),
    ("decimal(38,0)", pa.array(["1234567890" * 6, "-" + "9" * 38, "-" + "9" * 39]), [REJECTED, D("-" + "9" * 38), REJECTED]),
    ("float", pa.array([0.1, float("inf"), float("nan"), None]), [0.1, REJECTED, REJECTED, None]),
    ("float", pa.array([2**53, 2**53 + 1]), [2.0**53, REJECTED]),
    ("float", pa.array(["1e-320", "1.7976931348623157e308", "NaN"]), [1e-320, 1.7976931348623157e308, REJECTED]),
    ("boolean", pa.array([True, None]), [True, None]),
    ("boolean", pa.array([0, 1, 2, None], pa.int8()), [False, True, REJECTED, None]),
    ("boolean", pa.array(["t", "0", "maybe"]), [True, False, REJECTED]),
    ("boolean", pa.array([D(0), D(1), D(2), D(-1), None], pa.decimal128(20, 0)), [False, True, REJECTED, REJECTED, None]),
    ("boolean", pa.array([D("9" * 38), D(1)], pa.decimal128(38, 0)), [REJECTED, True]),
    ("boolean", pa.array([D("0"), D("0.1")], pa.decimal128(38, 38)), [False, REJECTED]),
    ("date", pa.array([0, -719163, 2932897], pa.date32()), [date(1970, 1, 1), REJECTED, REJECTED]),
    ("date", pa.array(["0000-00-00", "2025-02-29", "0044-03-15 BC", "infinity"]), [REJECTED] * 4),
    ("date", pa.array([datetime(2025, 1, 1), datetime(2025, 1, 1, 0, 0, 1)]), [date(2025, 1, 1), REJECTED]),
    ("timestamp", pa.array([1, 1000, -1000, -1, None], pa.timestamp("ns")), [
        REJECTED, datetime(1970, 1, 1, 0, 0, 0, 1), datetime(1969, 12, 31, 23, 59, 59, 999999), REJECTED, None]),
    ("timestamp", pa.array([2**60, 0], pa.timestamp("s")), [REJECTED, datetime(1970, 1, 1)]),
    ("timestamp", pa.array([0], pa.timestamp("us", "Asia/Kathmandu")), [datetime(1970, 1, 1)]),
    ("timestamp", pa.array(["0000-00-00 00:00:00", "2025-01-01 00:00:00.1234567", "2025-01-01 05:45:00+05:45"]), [
        REJECTED, REJECTED, datetime(2025, 1, 1)]),
    ("time", pa.array([1, 1000], pa.time64("ns")), [REJECTED, datetime(1970, 1, 1, 0, 0, 0, 1).time()]),
    ("time", pa.array(["24:00:00", "-01:00:00", "12:30:00"]), [REJECTED, REJECTED, datetime(1970, 1, 1, 12, 30).time()]),
    ("uuid", pa.array(["9EFB22DE-135B-4062-8778-41C39EC5A330", "9efb22de"]), [
        "9efb22de-135b-4062-8778-41c39ec5a330", REJECTED]),
    ("string", pa.array(["", " ", "a\0b", "é😀", None]), ["", " ", "a\0b", "é😀", None]),
    ("string", pa.array([b"\x00\xff", None]), ["00ff", None]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "expected"), CASES, ids=[f"{k}-from-{v.type}" for k, v, _ in CASES])
def test_each_value_lands_exactly_or_is_a_reject(kind: str, values: pa.Array, expected: list[Any]) -> None:
    landed, rejects = _land(kind, values)
    assert landed == expected
    assert [key for key, _ in rejects] == [f"id={at}" for at, value in enumerate(expected) if value is REJECTED]


def test_a_local_time_that_never_was_or_was_twice_is_a_reject() -> None:
    stamps = pa.array([datetime(2025, 3, 30, 2, 30), datetime(2025, 10, 26, 2, 30), datetime(2025, 7, 1, 12)])
    landed, rejects = _land("timestamp", stamps, zone="Europe/Berlin")
    assert landed == [REJECTED, REJECTED, datetime(2025, 7, 1, 10)]
    assert rejects == [("id=0", "nonexistent_time"), ("id=1", "ambiguous_time")]


def test_digits_beyond_microseconds_are_a_reject_of_their_own() -> None:
    assert _land("timestamp", pa.array([1], pa.timestamp("ns")))[1] == [("id=0", "precision")]


@pytest.mark.parametrize(
    ("rule", "more", "good", "wrong"),
    [
        ("enum", {"enum": ["new", "done"]}, "new", "lost"),
        ("pattern", {"pattern": "^[a-z]+$"}, "abc", "ABC"),
        ("max_length", {"max_length": 3}, "äöü", "äöüx"),
        ("nullable", {"nullable": False}, "", None),
    ],
)
def test_the_contracts_rules_hold_for_rows_of_a_database(
    rule: str, more: dict[str, Any], good: Any, wrong: Any
) -> None:
    landed, rejects = _land("string", pa.array([good, wrong]), **more)
    assert landed == [good, REJECTED]
    assert rejects == [("id=1", rule)]


def test_a_range_and_the_length_of_a_number_are_checked() -> None:
    assert _land("integer", pa.array([5, 50]), range={"max": 10})[1] == [("id=1", "range")]
    assert _land("integer", pa.array([5, 50]), max_length=1)[1] == [("id=1", "max_length")]


def test_personal_data_is_masked_in_the_key_and_every_value_in_a_reject() -> None:
    contract = _contract(
        {"name": "mail", "type": "string", "nullable": False, "pii": "email"},
        {"name": "n", "type": "integer"},
        keys=("id", "mail"),
    )
    batch = pa.record_batch([pa.array([7]), pa.array(["anna@example.org"]), pa.array(["secret"])], ["id", "mail", "n"])
    columns = [ReadColumn(name, name, None, pa.string()) for name in ("id", "mail", "n")]
    (reject,) = to_landed(batch, contract, columns, first_row=100)[1]
    assert reject == (100, "id=7, mail=a***(16)", "n", "type", "s***(6)")


def test_columns_come_in_the_contracts_order_whatever_was_read() -> None:
    contract = _contract({"name": "b", "type": "string"}, {"name": "a", "type": "string"})
    batch = pa.record_batch(
        [pa.array(["x"]), pa.array(["A"]), pa.array([1]), pa.array(["B"])], ["more", "A", "id", "b"]
    )
    columns = [ReadColumn(name, name, None, pa.string()) for name in ("more", "A", "id", "b")]
    table, rejects = to_landed(batch, contract, columns)
    assert (table.column_names, table.to_pylist(), rejects) == (["id", "b", "a"], [{"id": 1, "b": "B", "a": "A"}], [])


def test_a_contracts_column_that_was_not_read_is_an_error_and_no_column_of_nulls() -> None:
    contract = _contract({"name": "gone", "type": "string"})
    with pytest.raises(ConfigError, match="gone"):
        to_landed(pa.record_batch([pa.array([1])], ["id"]), contract, [ReadColumn("id", "id", None, pa.int64())])


def test_without_a_contract_rows_stay_as_they_were_read() -> None:
    batch = pa.record_batch([pa.array([1])], ["id"])
    table, rejects = to_landed(batch, None, [ReadColumn("id", "id", None, pa.int64())])
    assert (table, rejects) == (pa.Table.from_batches([batch]), [])


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12),
        ),
        max_size=30,
    )
)
def test_a_decimal_is_never_rounded(values: list[Decimal | None]) -> None:
    landed, _ = _land("decimal(12,3)", pa.array(values, pa.decimal128(38, 6)))
    for before, after in zip(values, landed, strict=True):
        fits = before is None or (before == round(before, 3) and abs(before) < 10**9)
        assert after == (before if fits else REJECTED)


def test_batches_of_no_rows_land_as_no_rows() -> None:
    for kind, values, _ in CASES:
        assert _land(kind, values.slice(0, 0)) == ([], [])
