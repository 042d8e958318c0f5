"""Texts and numbers to decimals, beside Python's own: the same number or a reject, whatever the digits."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.odbc.typed_values import typed
from airflow_provider_integrations.core.contract import Column
from airflow_provider_integrations.formats.values import convert

D = Decimal
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _expected(text: str, precision: int, scale: int) -> Decimal | None:
    if not NUMBER.fullmatch(text):
        return None
    context = Context(prec=precision, traps=[Inexact, InvalidOperation])
    try:
        return D(text).quantize(D(1).scaleb(-scale), context=context)
    except ArithmeticError:
        return None


digits = st.text("0123456789", max_size=45) | st.integers(0, 45).map("0".__mul__)
point = st.sampled_from(["", "."])
exponent = (
    st.just("") | st.integers(-90, 90).map(lambda n: f"e{n}") | st.sampled_from(["E+005", "e99999", "e-12345678901"])
)
texts = st.tuples(st.sampled_from(["", "+", "-"]), digits, digits, point, digits, digits, exponent).map("".join)
shape = st.integers(1, 38).flatmap(lambda p: st.tuples(st.just(p), st.integers(0, p)))


@settings(max_examples=600, deadline=None)
@given(st.lists(texts | st.none(), max_size=6), shape)
@example(["1" + "0" * 40 + ".00000"], (38, 5))
@example(["12345678901234567890123456789012345678"], (38, 5))
@example(["1234567890123456789012345678901234567e5"], (38, 0))
@example(["0.00012e40", "12e36", "0e99", "1" + "0" * 60 + "e-60"], (38, 0))
@example(["0." + "0" * 90, "0" * 90 + "1." + "0" * 90, "9" * 38 + "." + "9" * 38], (38, 19))
def test_a_text_is_the_decimal_that_python_makes_of_it_or_a_reject(
    values: list[str | None], shape: tuple[int, int]
) -> None:
    precision, scale = shape
    column = Column(name="v", type=f"decimal({precision},{scale})")
    found = convert(column, pa.array(values, pa.string()), ())
    expected = [None if text is None else _expected(text, precision, scale) for text in values]
    assert found.values.to_pylist() == expected
    refused = [text is not None and value is None for text, value in zip(values, expected, strict=True)]
    assert [any(mask[at] for _, mask in found.refused) for at in range(len(values))] == refused


@settings(max_examples=300, deadline=None)
@given(st.integers(-(10**38) + 1, 10**38 - 1), st.integers(0, 38), shape)
@example(10**38 - 1, 0, (38, 5))
def test_a_number_of_another_scale_is_the_same_number_or_a_reject(
    number: int, of_scale: int, shape: tuple[int, int]
) -> None:
    precision, scale = shape
    value = D(number).scaleb(-of_scale, Context(prec=60))
    column = Column(name="v", type=f"decimal({precision},{scale})")
    found = typed(column, pa.array([value], pa.decimal128(38, of_scale)))
    assert found.values.to_pylist() == [_expected(str(value).replace("E", "e"), precision, scale)]


@pytest.mark.parametrize("neighbour", ["1.5", "1e2", "x", "9" * 50])
def test_a_neighbour_changes_nothing(neighbour: str) -> None:
    column = Column(name="v", type="decimal(38,5)")
    found = convert(column, pa.array(["-" + "9" * 33 + ".99999", neighbour, None]), ())
    assert found.values.to_pylist()[::2] == [D("-" + "9" * 33 + ".99999"), None]
