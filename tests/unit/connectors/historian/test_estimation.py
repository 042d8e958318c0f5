"""Estimates: each says what it is, goes by readings alone, and gives nothing where it has nothing to go by."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.estimation import METHODS, estimate, instants_of
from airflow_provider_integrations.connectors.historian.gaps import find_gaps
from airflow_provider_integrations.connectors.historian.model import Span, from_iso, to_iso
from airflow_provider_integrations.connectors.historian.samples import SAMPLES
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.gap import Gap, GapReason

MIN = 60_000_000_000
HOUR = 60 * MIN
BAD, UNCERTAIN = 0x80000000, 0x40000000
ENTRY = TagEntry.from_mapping({"name": "pump", "cadence": "PT1M"})


def samples(*rows: dict[str, Any]) -> pa.Table:
    """Samples at `at`; good and actual unless they say otherwise."""
    filled = [
        {"tag": "pump", "ordinal": 0, "status": 0, "quality": "good", "origin": "actual", **row, "ts": row["at"]}
        for row in rows
    ]
    return pa.table(
        [pa.array([row.get(field.name) for row in filled], field.type) for field in SAMPLES], schema=SAMPLES
    )


def numbers(values: dict[float, float], **more: Any) -> pa.Table:
    return samples(*({"at": int(minute * MIN), "value_number": value, **more} for minute, value in values.items()))


def gap(begin: float, count: int, step: int = MIN) -> Gap:
    return Gap("pump", int(begin * MIN), int(begin * MIN) + count * step, GapReason.MISSING, count, 0)


def made(table: pa.Table) -> dict[float, float]:
    instants = table.column("ts").cast(pa.int64()).to_pylist()
    return {at / MIN: value for at, value in zip(instants, table.column("value_number").to_pylist(), strict=True)}


def test_the_last_good_value_is_carried_on() -> None:
    known = numbers({0: 5, 1: 7, 4: 9})
    assert made(estimate("last_good_value", ENTRY, known, [gap(2, 2)])) == {2: 7, 3: 7}
    assert made(estimate("last_good_value", ENTRY, known, [gap(-2, 2)])) == {}
    assert made(estimate("last_good_value", ENTRY, known, [gap(5, 4)], reach=timedelta(minutes=2))) == {5: 9, 6: 9}


def test_a_line_is_drawn_between_readings_and_nowhere_else() -> None:
    known = numbers({0: 5, 4: 9})
    assert made(estimate("linear_interpolation", ENTRY, known, [gap(1, 3)])) == {1: 6, 2: 7, 3: 8}
    assert made(estimate("linear_interpolation", ENTRY, known, [gap(5, 3)])) == {}
    assert made(estimate("linear_interpolation", ENTRY, known, [gap(1, 3)], reach=timedelta(minutes=3))) == {}


def test_a_line_holds_its_digits_at_instants_of_today() -> None:
    begin = from_iso("2026-01-01T00:00:00Z") // MIN
    known = numbers({begin: 0.0, begin + 3: 3e-9})
    assert list(made(estimate("linear_interpolation", ENTRY, known, [gap(begin + 1, 2)])).values()) == pytest.approx(
        [1e-9, 2e-9]
    )


def test_a_line_between_numbers_of_any_size_stays_between_them() -> None:
    known = numbers({0: -1.7e308, 4: 1.7e308})
    assert made(estimate("linear_interpolation", ENTRY, known, [gap(2, 1)])) == {2: 0}


@pytest.mark.parametrize(
    "value", [{"status": BAD}, {"status": UNCERTAIN}, {"origin": "estimated"}, {"value_number": float("nan")}]
)
def test_no_estimate_goes_by_what_is_no_reading(value: dict[str, Any]) -> None:
    rows = [{"at": 0, "value_number": 5.0}, {"at": MIN, "value_number": 7.0, **value}]
    assert made(estimate("last_good_value", ENTRY, samples(*rows), [gap(2, 1)])) == {2: 5}


def test_an_estimate_is_no_better_than_what_it_goes_by() -> None:
    entry = TagEntry.from_mapping({"name": "pump", "cadence": "PT1M", "treat_uncertain_as_bad": False})
    known = samples({"at": 0, "value_number": 5.0}, {"at": 2 * MIN, "value_number": 7.0, "status": UNCERTAIN})
    row = estimate("linear_interpolation", entry, known, [gap(1, 1)]).to_pylist()[0]
    assert (row["status"], row["quality"]) == (UNCERTAIN | 0x402, "uncertain")


@pytest.mark.parametrize(
    ("method", "status", "detail"),
    [
        ("last_good_value", 0x401, "calculated"),
        ("linear_interpolation", 0x402, "interpolated"),
        ("same_day_last_week", 0x401, "calculated"),
    ],
)
def test_an_estimate_says_how_it_was_made(method: str, status: int, detail: str) -> None:
    week = 7 * 24 * 60
    known = numbers({0: 5, week - 1: 1, week + 1: 3})
    (row,) = estimate(method, ENTRY, known, [gap(week, 1)]).to_pylist()
    assert (row["status"], row["quality_detail"], row["method"], row["method_version"]) == (status, detail, method, "1")
    assert (row["tag"], row["ordinal"], row["quality"], row["origin"]) == ("pump", 0, "good", "estimated")
    assert row["value_number"] == {"last_good_value": 1, "linear_interpolation": 2, "same_day_last_week": 5}[method]


def test_texts_and_states_are_carried_on_and_have_no_line() -> None:
    entry = TagEntry.from_mapping({"name": "pump", "cadence": "PT1M", "kind": "state"})
    known = samples({"at": 0, "value_state": "Open"}, {"at": MIN, "value_state": "I/O Timeout", "status": BAD})
    (row,) = estimate("last_good_value", entry, known, [gap(2, 1)]).to_pylist()
    assert (row["value_state"], row["value_number"]) == ("Open", None)
    with pytest.raises(ConfigError, match="no line"):
        estimate("linear_interpolation", entry, known, [gap(2, 1)])


def test_a_method_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="linear_interpolation"):
        estimate("guess", ENTRY, SAMPLES.empty_table(), [])


def test_nothing_is_made_of_nothing() -> None:
    for method in METHODS:
        assert estimate(method, ENTRY, SAMPLES.empty_table(), [gap(0, 3)]) == SAMPLES.empty_table()
        assert estimate(method, ENTRY, numbers({0: 1}), []) == SAMPLES.empty_table()


def hourly(zone: str) -> TagEntry:
    return TagEntry.from_mapping({"name": "pump", "cadence": "PT30M", "zone": zone})


@pytest.mark.parametrize(
    ("zone", "at", "then"),
    [
        ("America/Chicago", "2025-11-01T15:00:00Z", "2025-10-25T15:00:00Z"),
        # 09:00 of the clock, an hour more in between.
        ("America/Chicago", "2025-11-03T15:00:00Z", "2025-10-27T14:00:00Z"),
        ("America/Chicago", "2026-03-09T14:00:00Z", "2026-03-02T15:00:00Z"),
        # The hour that comes twice takes both times what its clock showed a week before.
        ("America/Chicago", "2025-11-02T06:30:00Z", "2025-10-26T06:30:00Z"),
        ("America/Chicago", "2025-11-02T07:30:00Z", "2025-10-26T06:30:00Z"),
        # Half an hour on Lord Howe Island.
        ("Australia/Lord_Howe", "2025-04-07T00:00:00Z", "2025-03-30T23:30:00Z"),
        ("Asia/Kolkata", "2025-11-03T15:00:00Z", "2025-10-27T15:00:00Z"),
        ("Etc/GMT+6", "2025-11-03T15:00:00Z", "2025-10-27T15:00:00Z"),
        # No clock showed it a week before: 02:30 in spring, and a day that was left out.
        ("America/Chicago", "2026-03-15T07:30:00Z", None),
        ("Pacific/Apia", "2012-01-06T00:00:00Z", None),
    ],
)
def test_the_same_time_of_the_clock_a_week_before(zone: str, at: str, then: str | None) -> None:
    begin = from_iso(at) // MIN
    known = samples(
        *(
            {"at": (begin - minutes) * MIN, "value_number": float(begin - minutes)}
            for minutes in range(9 * 1440, 5 * 1440, -30)
        )
    )
    found = made(estimate("same_day_last_week", hourly(zone), known, [gap(begin, 1, 30 * MIN)]))
    assert [to_iso(int(value) * MIN) for value in found.values()] == ([] if then is None else [then])


def test_of_the_readings_near_that_time_the_nearest_one_counts() -> None:
    week = 7 * 24 * 60
    known = numbers({-0.6: 1, -0.3: 2, 0.2: 3, 0.9: 4})
    assert made(estimate("same_day_last_week", ENTRY, known, [gap(week, 1)])) == {week: 3}
    assert made(estimate("same_day_last_week", ENTRY, numbers({0.6: 3}), [gap(week, 1)])) == {}


def test_a_daily_value_takes_that_of_the_local_day_a_week_before() -> None:
    entry = TagEntry.from_mapping({"name": "pump", "cadence": "P1D", "zone": "America/Chicago"})
    span = Span(from_iso("2025-11-02T05:00:00Z"), from_iso("2025-11-04T06:00:00Z"))
    known = samples(
        {"at": from_iso("2025-10-26T20:00:00Z"), "value_number": 5.0},
        {"at": from_iso("2025-10-28T04:59:59Z"), "value_number": 6.0},
    )
    gaps = find_gaps(entry, [], span, now=span.end).gaps
    found = estimate("same_day_last_week", entry, known, gaps)
    assert [to_iso(ts) for ts in found.column("ts").cast(pa.int64()).to_pylist()] == [
        "2025-11-02T05:00:00Z",
        "2025-11-03T06:00:00Z",
    ]
    assert found.column("value_number").to_pylist() == [5, 6]


@given(
    st.dictionaries(st.integers(0, 30), st.floats(-1e6, 1e6), min_size=1),
    st.sampled_from(["last_good_value", "linear_interpolation"]),
)
def test_what_is_estimated_is_no_longer_missing_and_estimates_change_no_reading(
    values: dict[int, float], method: str
) -> None:
    known = numbers(dict(sorted(values.items())))
    span = Span(0, 31 * MIN)
    gaps = find_gaps(ENTRY, known.to_batches(), span, now=span.end).gaps
    rows = estimate(method, ENTRY, known, gaps)
    asked = {at for one in gaps for at in instants_of(ENTRY, one)}
    assert {int(minute * MIN) for minute in made(rows)} <= asked
    both = pa.concat_tables([known, rows]).sort_by("ts")
    after = find_gaps(ENTRY, both.to_batches(), span, now=span.end)
    assert after.readings == len(values)
    estimated = sum(one.expected or 0 for one in after.gaps if one.reason is GapReason.ESTIMATED)
    assert estimated == rows.num_rows
    assert all(min(values.values()) <= value <= max(values.values()) for value in made(rows).values())
