"""The views over a historian's samples, against values worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.model import Span, from_iso
from airflow_provider_integrations.connectors.historian.tag_tables import days_table, load_catalog
from tests.fakes.fakesnow_server import FakesnowServer, Warehouse
from tests.fakes.historian_views import Plant, sample, version

pytestmark = pytest.mark.integration

CHICAGO = "America/Chicago"
HOUR = 3_600_000_000_000
QUARTER = HOUR // 4
ENTRIES = [
    TagEntry.from_mapping(entry)
    for entry in (
        {"name": "quarter", "cadence": "PT15M", "zone": CHICAGO, "tolerance": 0},
        {"name": "lax", "cadence": "PT15M", "zone": CHICAGO, "treat_uncertain_as_bad": False},
        {"name": "silent", "exception": True, "max_silence": "PT4H"},
        {"name": "trip", "exception": True},
        {"name": "state", "kind": "state", "exception": True, "max_silence": "P1D"},
        {"name": "twice", "cadence": "PT1H"},
        {"name": "power", "cadence": "PT1H", "unit": "MW", "scaling": {"factor": 0.001, "offset": 1}},
        {"name": "daily", "cadence": "P1D", "zone": CHICAGO},
        {"name": "kolkata", "cadence": "PT1H", "zone": "Asia/Kolkata"},
    )
]
AUTUMN = ("2025-11-02T05:00:00Z", "2025-11-03T06:00:00Z")
"""The 25 hours of 2025-11-02 in Chicago."""
SPRING = ("2026-03-08T06:00:00Z", "2026-03-09T05:00:00Z")
"""The 23 hours of 2026-03-08."""
WINTER = ("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z")


def series(tag: str, begin: str, count: int, step: int = QUARTER, value: float = 10.0) -> dict[int, dict[str, Any]]:
    first = from_iso(begin)
    return {place: sample(tag, first + place * step, value) for place in range(count)}


def autumn(tag: str) -> list[dict[str, Any]]:
    """100 quarters of an hour, of which four are missing, and three are nothing to count on."""
    rows = series(tag, AUTUMN[0], 100)
    for place in (28, 29, 30, 31):  # 12:00 to 13:00 UTC
        del rows[place]
    rows[40] = {**rows[40], "value_number": None, "value_state": "I/O Timeout", "status": 0x80000000, "quality": "bad"}
    rows[41] = {**rows[41], "value_number": 1000.0, "quality": "uncertain"}
    rows[42] = {**rows[42], "value_number": float("nan")}
    rows[43] = {**rows[43], "value_number": 30.0}
    return list(rows.values())


@pytest.fixture(scope="module")
def plant(fakesnow_server: FakesnowServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with ExitStack() as stack:
        plant = Plant(Warehouse(fakesnow_server, "T_HISTORIAN_GOLD", stack), tmp_path_factory.mktemp("plant"), ENTRIES)
        night, bad = "2026-01-04T22:30:00Z", {"quality": "bad", "status": 0x80000000}
        at = "2026-01-05T{}:00Z".format
        plant.load(1, ["quarter", "lax"], *AUTUMN, *autumn("quarter"), *autumn("lax"))
        plant.load(2, ["quarter"], AUTUMN[1], "2025-11-03T12:00:00Z")
        plant.load(3, ["quarter"], *SPRING, *series("quarter", SPRING[0], 92).values())
        plant.load(4, ["silent"], night, WINTER[0], sample("silent", night, 10.0))
        later = [
            sample("silent", at("01:00"), 20.0),
            sample("silent", at("03:00"), **bad),
            sample("silent", at("06:30"), 40.0),
        ]
        plant.load(5, ["silent"], *WINTER, *later)
        plant.load(
            6,
            ["trip", "state", "twice", "power", "daily", "kolkata", "stranger"],
            *WINTER,
            *(sample("trip", at("00:00"), 0.0), sample("trip", at("00:45"), 40.0)),
            *(sample("state", at("00:00"), "ON"), sample("state", at("12:00"), "OFF")),
            *(sample("twice", at("00:00"), 1.0), sample("twice", at("00:00"), 3.0, 1)),
            sample("twice", at("00:30"), 99.0, quality_detail="bound"),
            sample("power", at("00:00"), 2500.0),
            sample("daily", at("18:00"), 7.0),
            *series("kolkata", WINTER[0], 24, HOUR).values(),
            sample("stranger", at("00:00"), 5.0),
        )
        plant.settle()
        yield plant


def hours(plant: Plant, tag: str, columns: str, day: str = "2026-01-05") -> list[tuple[Any, ...]]:
    return plant.rows(
        f"SELECT HOUR(hour), {columns} FROM {{db}}.GOLD.HISTORIAN_HOURLY "
        f"WHERE tag = '{tag}' AND TO_DATE(hour) = '{day}' ORDER BY hour"
    )


def days(plant: Plant, tag: str, columns: str) -> list[tuple[Any, ...]]:
    return plant.rows(
        f"SELECT TO_VARCHAR(day), {columns} FROM {{db}}.GOLD.HISTORIAN_DAILY WHERE tag = '{tag}' ORDER BY day"
    )


def test_days_of_25_and_23_hours_are_due_as_many_samples_as_they_are_long(plant: Plant) -> None:
    assert days(plant, "quarter", "hours, is_whole, expected, good, completeness_per_cent") == [
        ("2025-11-02", 25.0, True, 100, 93, 93.0),
        ("2025-11-03", 24.0, False, 24, 0, 0.0),
        ("2026-03-08", 23.0, True, 92, 92, 100.0),
    ]


def test_bad_values_states_and_nan_are_counted_and_in_no_average(plant: Plant) -> None:
    [autumn_day, *_] = days(plant, "quarter", "samples, uncertain, bad, value_max, value_avg")
    # 92 of 10 and one of 30.
    assert autumn_day == ("2025-11-02", 96, 1, 1, 30.0, pytest.approx(950 / 93))
    [lax] = days(plant, "lax", "good, value_max, completeness_per_cent")
    assert lax == ("2025-11-02", 94, 1000.0, 94.0)
    assert hours(plant, "quarter", "samples, good, bad, expected, completeness_per_cent, value_avg", "2025-11-02")[
        7:8
    ] == [(12, 0, 0, 0, 4, 0.0, None)]
    assert hours(plant, "quarter", "samples, good, value_avg, value_time_avg, value_last", "2025-11-02")[10:11] == [
        (15, 4, 1, 30.0, 30.0, 30.0)
    ]


def test_a_value_stands_until_the_next_one_at_most_as_long_as_silence_is_legal(plant: Plant) -> None:
    found = hours(plant, "silent", "samples, completeness_per_cent, value_time_avg")
    assert found[:12] == [
        (0, 0, 100.0, 10.0),
        (1, 1, 100.0, 20.0),
        (2, 0, 100.0, 20.0),
        (3, 1, 0.0, None),  # a bad one ends the one before it
        (4, 0, 0.0, None),
        (5, 0, 0.0, None),
        (6, 1, 50.0, 40.0),
        *((hour, 0, 100.0, 40.0) for hour in (7, 8, 9)),
        (10, 0, 50.0, 40.0),
        (11, 0, 0.0, None),
    ]
    # 1 h of 10, 2 h of 20, 4 h of 40.
    day = days(plant, "silent", "samples, expected, completeness_per_cent, value_time_avg, value_avg")[-1]
    assert day == ("2026-01-05", 3, None, pytest.approx(29.17), pytest.approx(210 / 7), 30.0)


def test_the_mean_over_time_is_not_the_mean_of_the_samples(plant: Plant) -> None:
    assert hours(plant, "trip", "value_avg, value_time_avg, completeness_per_cent")[:2] == [
        (0, 20.0, 10.0, 100.0),
        (1, None, 40.0, 100.0),
    ]


def test_states_are_there_and_are_no_numbers(plant: Plant) -> None:
    assert days(plant, "state", "good, completeness_per_cent, value_avg, value_time_avg") == [
        ("2026-01-05", 2, 100.0, None, None)
    ]


def test_two_samples_of_one_instant_are_due_once_and_the_last_one_stands(plant: Plant) -> None:
    found = hours(plant, "twice", "samples, good, expected, completeness_per_cent, value_last, value_time_avg")
    assert found[0] == (0, 3, 2, 1, 100.0, 3.0, 3.0)


def test_values_are_in_the_unit_of_the_catalog(plant: Plant) -> None:
    assert hours(plant, "power", "unit, value_avg")[0] == (0, "MW", 3.5)
    assert plant.rows("SELECT value, value_number, unit FROM {db}.GOLD.HISTORIAN_CURRENT WHERE tag = 'power'") == [
        (3.5, 2500.0, "MW")
    ]


def test_what_is_due_once_a_day_is_due_in_no_hour(plant: Plant) -> None:
    assert {row[1:] for row in hours(plant, "daily", "expected, completeness_per_cent")} == {(None, None)}
    # 18 hours of the first local day were read, and 6 of the day before.
    assert days(plant, "daily", "is_whole, expected, good") == [
        ("2026-01-04", False, None, 0),
        ("2026-01-05", False, None, 1),
    ]


def test_a_zone_of_half_hours_has_days_of_its_own(plant: Plant) -> None:
    # UTC 00:00 to 18:30 is the 5th in Kolkata, from 05:30 on.
    assert days(plant, "kolkata", "good, hours, is_whole") == [
        ("2026-01-05", 19, 24.0, False),
        ("2026-01-06", 5, 24.0, False),
    ]


def test_a_tag_without_an_entry_in_the_catalog_has_no_completeness(plant: Plant) -> None:
    assert days(plant, "stranger", "good, expected, completeness_per_cent, value_avg, value_time_avg") == [
        ("2026-01-05", 1, None, None, 5.0, None)
    ]


def test_an_estimate_stands_until_a_value_is_measured_which_is_told(plant: Plant) -> None:
    gap, other, bad = (from_iso(AUTUMN[0]) + place * QUARTER for place in (28, 0, 40))
    made = {"origin": "estimated", "method": "linear", "method_version": "1", "status": 0x00000403}
    estimates = [sample("quarter", at, 11.0, **made) for at in (gap, other, bad)]
    plant.batch("estimates", 20, "HISTORIAN_ESTIMATES", estimates)
    shown = (
        "SELECT origin, value FROM {db}.GOLD.HISTORIAN_CURRENT "
        f"WHERE tag = 'quarter' AND ts_ns IN ({gap}, {other}, {bad}) ORDER BY ts_ns"
    )
    filled = ("estimated", 11.0)  # What timed out is no reading: it is there still, and counted as bad.
    assert plant.rows(shown) == [("actual", 10.0), ("estimated", 11.0), filled]
    assert hours(plant, "quarter", "bad, estimated", "2025-11-02")[10] == (15, 1, 1)
    hour = hours(plant, "quarter", "samples, estimated, good, completeness_per_cent, value_avg", "2025-11-02")[7]
    assert hour == (12, 0, 1, 0, 0.0, None)
    plant.read(30, ["quarter"], gap, gap + 1, sample("quarter", gap, 12.0))
    assert plant.rows(shown) == [("actual", 10.0), ("actual", 12.0), filled]
    plant.batch("estimates-again", 40, "HISTORIAN_ESTIMATES", [sample("quarter", gap, 13.0, **made)])
    assert plant.rows(shown) == [("actual", 10.0), ("actual", 12.0), filled], (
        "what was measured never goes back to an estimate"
    )
    audit = f"SELECT estimate, method, value_number, origin FROM {{db}}.GOLD.HISTORIAN_REPLACED_ESTIMATES WHERE ts_ns = {gap}"
    assert plant.rows(audit) == [(13.0, "linear", 12.0, "actual")]


def test_a_catalog_that_is_changed_and_changed_back_is_as_it_was(plant: Plant) -> None:
    def unit(number: int, unit: str) -> list[tuple[Any, ...]]:
        entry = TagEntry.from_mapping({"name": "changing", "unit": unit, "zone": CHICAGO})
        span = Span(from_iso(AUTUMN[0]), from_iso(AUTUMN[1]))
        load_catalog(plant.connection, [entry], span, plant.job.load, source="plant1", version=version(number))
        return plant.rows("SELECT unit FROM {db}.SILVER.HISTORIAN_TAGS WHERE tag = 'changing'")

    assert [unit(50, "t/h"), unit(51, "kg/s"), unit(52, "t/h"), unit(51, "bar")] == [
        [("t/h",)],
        [("kg/s",)],
        [("t/h",)],
        [("t/h",)],
    ]


def test_days_that_were_left_out_or_are_half_an_hour_longer_are_in_the_calendar() -> None:
    found = days_table(["Pacific/Apia", "Australia/Lord_Howe"], Span(from_iso("2011-12-30"), from_iso("2011-12-31")))
    lengths = {(row["zone"], str(row["day"])): row["end_ns"] - row["begin_ns"] for row in found.to_pylist()}
    assert lengths["Pacific/Apia", "2011-12-30"] == 0
    assert lengths["Australia/Lord_Howe", "2011-04-03"] == 24.5 * HOUR
    assert {"2010-12-31", "2012-01-01"} <= {day for _, day in lengths}
