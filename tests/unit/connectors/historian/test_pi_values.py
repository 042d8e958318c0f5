"""Values of PI as samples: each in its place, none invented, none made a number that is none."""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.model import from_iso
from airflow_provider_integrations.connectors.historian.pi_status import SYSTEM_STATES
from airflow_provider_integrations.connectors.historian.pi_values import (
    Decoded,
    PageError,
    decode_items,
    decode_page,
)
from airflow_provider_integrations.connectors.historian.pi_values import Item as TimedValue
from airflow_provider_integrations.connectors.historian.samples import quality_of
from tests.fakes.pi.archive import Value, render_time, state, system_state

TIME = "2026-01-01T00:00:00Z"
BEGIN = from_iso(TIME)


def _decoded(*values: Value, numeric: bool | None = True) -> Decoded:
    items = [value.fields("degC") for value in values]
    return decode_page(json.dumps({"Items": items}).encode(), numeric=numeric)


def _row(value: Any, numeric: bool | None = True, **flags: Any) -> dict[str, Any]:
    [row] = _decoded(Value(BEGIN, value, **flags), numeric=numeric).rows.to_pylist()
    found: dict[str, Any] = row
    return found


@pytest.mark.parametrize(
    ("name", "number", "status"),
    [
        ("Pt Created", 253, 0x8032_0000),
        ("No Data", 248, 0x809B_0000),
        ("I/O Timeout", 246, 0x8031_0000),
        ("Bad Input", 255, 0x808B_0000),
        ("Shutdown", 254, 0x808D_0000),
        ("Intf Shut", 311, 0x808D_0000),
        ("Calc Failed", 249, 0x8000_0000),
        ("Some state of a site", 321, 0x8000_0000),
    ],
)
@pytest.mark.parametrize("good", [True, False])
def test_a_system_state_is_a_state_and_never_zero_or_a_good_null(
    name: str, number: int, status: int, good: bool
) -> None:
    row = _row(system_state(name, number), good=good)
    assert (row["value_number"], row["value_text"], row["value_state"]) == (None, None, name)
    assert row["status"] == status
    assert quality_of(pa.array([row["status"]], pa.uint32())).to_pylist() == ["bad"]
    assert row["quality_detail"] == "system"


def test_a_system_state_is_told_by_its_number_as_its_name_may_be_translated() -> None:
    assert _row(system_state("Zeitüberschreitung", 246), good=False)["status"] == SYSTEM_STATES[246]


def test_a_digital_state_keeps_its_name_and_is_no_number() -> None:
    row = _row(state("Open", 1), numeric=False)
    assert (row["value_number"], row["value_state"], row["status"]) == (None, "Open", 0)
    assert _row(state("", 7), numeric=False)["value_state"] == "7"


@pytest.mark.parametrize(
    ("flags", "status", "origin", "detail"),
    [
        ({}, 0, "actual", None),
        ({"questionable": True}, 0x4000_0000, "actual", "questionable"),
        ({"substituted": True}, 0x0096_0000, "substituted", "substituted"),
        ({"questionable": True, "substituted": True}, 0x4091_0000, "substituted", "questionable,substituted"),
        ({"annotated": True}, 0, "actual", "annotated"),
        ({"good": False}, 0x8000_0000, "actual", None),
        ({"good": False, "questionable": True}, 0x8000_0000, "actual", "questionable"),
    ],
)
def test_annotations_questionable_and_substituted_values_are_kept_as_such(
    flags: dict[str, bool], status: int, origin: str, detail: str | None
) -> None:
    row = _row(12.5, **flags)
    assert (row["value_number"], row["status"], row["origin"], row["quality_detail"]) == (12.5, status, origin, detail)


@pytest.mark.parametrize(
    ("value", "numeric", "number", "text", "said"),
    [
        (12, True, 12.0, None, None),
        (2**53, True, 2.0**53, None, None),
        (2**53 + 1, True, 2.0**53, "9007199254740993", None),
        (-(2**63), True, -(2.0**63), "-9223372036854775808", None),
        (10**400, True, None, str(10**400), None),
        (True, None, 1.0, None, "true"),
        (False, None, 0.0, None, "false"),
        ("NaN", True, math.nan, None, None),
        ("-Infinity", True, -math.inf, None, None),
        ("NaN", False, None, "NaN", None),
        ("NaN", None, None, "NaN", None),
        ("ready", False, None, "ready", None),
        ("2026-01-01T00:00:00Z", False, None, "2026-01-01T00:00:00Z", None),
        ([1, 2.5], None, None, "[1,2.5]", None),
    ],
)
def test_each_kind_of_value_has_its_place(
    value: Any, numeric: bool | None, number: float | None, text: str | None, said: str | None
) -> None:
    row = _row(value, numeric)
    assert row["value_text"] == text
    assert row["value_state"] == said
    found = row["value_number"]
    assert found == number or (number is not None and math.isnan(number) and math.isnan(found))


def test_a_null_is_no_good_value() -> None:
    row = _row(None)
    assert (row["value_number"], row["status"]) == (None, 0x809B_0000)


@pytest.mark.parametrize("decimals", ["", ".1", ".12", ".123", ".1234567", ".0000001"])
def test_all_ticks_of_a_timestamp_are_kept(decimals: str) -> None:
    text = f"2026-01-01T00:00:00{decimals}Z"
    page = json.dumps({"Items": [{"Timestamp": text, "Good": True, "Value": 1}]})
    assert decode_page(page.encode(), numeric=True).ts.tolist() == [from_iso(text)]


def test_an_error_without_a_time_cuts_the_page_and_says_so() -> None:
    found = _decoded(Value(0, 1.0), Value(1, None, good=False, errors=("x",), untimed=True), Value(200, 2.0))
    assert (found.ts.tolist(), found.broken) == ([0], True)


def test_an_error_within_the_value_is_one_as_well() -> None:
    row = _row({"Errors": ["a, b"]}, good=False)
    assert (row["value_text"], row["status"], row["quality_detail"]) == (None, 0x8000_0000, "rejected: a; b")


@pytest.mark.parametrize(
    "page",
    [
        {"Items": [{"Timestamp": TIME, "Value": 1}]},
        {"Items": [{"Timestamp": "*-1d", "Value": 1, "Good": True}]},
        {"Items": [{"Timestamp": "2026-01-01T00:00:00", "Value": 1, "Good": True}]},
        {"Items": [{"Value": 1, "Good": True}]},
        {"Links": {}},
    ],
)
def test_what_is_no_page_is_refused(page: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_page(json.dumps(page).encode(), numeric=True)


def test_errors_of_the_page_are_told_though_its_status_was_200() -> None:
    for page, status in (
        ({"Errors": ["x"], "Items": []}, 0),
        ({"Items": [], "WebException": {"StatusCode": 502}}, 502),
    ):
        with pytest.raises(PageError) as caught:
            decode_page(json.dumps(page).encode(), numeric=True)
        assert caught.value.status == status


_VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63),
    st.just("NaN"),
    st.booleans(),
    st.none(),
    st.builds(state, st.text(max_size=5), st.integers(0, 9)),
    st.builds(
        system_state, st.sampled_from(["I/O Timeout", '},{"Timestamp":"', '"Good":true']), st.sampled_from([246, 1])
    ),
    st.text(max_size=8),
    st.just('"Good":true,"Questionable":false,"Substituted":false,"Annotated":false'),
)
_TIMED = st.builds(
    Value,
    st.integers(0, 2**40).map(lambda ticks: ticks * 100),
    _VALUES,
    good=st.sampled_from([True, True, True, False]),
    questionable=st.sampled_from([False, False, False, True]),
    annotated=st.sampled_from([False, False, False, True]),
)
_PLAIN = st.builds(
    Value, st.integers(0, 2**40).map(lambda ticks: ticks * 100), st.floats(-1e9, 1e9) | st.integers(-5, 5)
)


@given(st.lists(_PLAIN, max_size=20) | st.lists(_TIMED | _PLAIN, max_size=20), st.booleans())
def test_the_fast_way_gives_what_the_careful_one_gives(values: list[Value], spaced: bool) -> None:
    values.sort(key=lambda value: value.ts)
    fields = [value.fields("") for value in values]
    page = json.dumps({"Items": fields}, separators=(", ", ": ") if spaced else (",", ":")).encode()
    found = decode_page(page, numeric=True)
    items = [
        TimedValue(
            each["Timestamp"], each["Good"], each["Value"], each["Questionable"], each["Substituted"], each["Annotated"]
        )
        for each in fields
    ]
    careful = decode_items(items, numeric=True)
    assert found.ts.tolist() == [value.ts for value in values] == careful.ts.tolist()
    assert _bits(found.rows) == _bits(careful.rows)


def _bits(rows: pa.RecordBatch) -> list[str]:
    return [repr(row) for row in rows.to_pylist()]


def test_times_are_rendered_by_the_server_with_as_many_decimals_as_they_need() -> None:
    assert [render_time(ts) for ts in (0, 100, 120_000_000)] == [
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.0000001Z",
        "1970-01-01T00:00:00.12Z",
    ]
