"""Local days of seven kinds of meters: counts of slots, order, and the way to local stamps and back, all exact."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.local_days import local_day
from tests.unit.connectors.historian.interval_files import by_the_clock, csv_of, normalized, slots, utc

METERS = [
    ("America/Chicago", "2025-03-08", {"2025-03-08": 96, "2025-03-09": 92, "2025-03-10": 96}),
    ("America/Chicago", "2025-11-01", {"2025-11-01": 96, "2025-11-02": 100, "2025-11-03": 96}),
    ("Europe/Berlin", "2025-03-29", {"2025-03-29": 96, "2025-03-30": 92, "2025-03-31": 96}),
    ("Europe/Berlin", "2025-10-25", {"2025-10-25": 96, "2025-10-26": 100, "2025-10-27": 96}),
    ("Australia/Lord_Howe", "2025-04-05", {"2025-04-05": 96, "2025-04-06": 98, "2025-04-07": 96}),
    ("Australia/Lord_Howe", "2025-10-04", {"2025-10-04": 96, "2025-10-05": 94, "2025-10-06": 96}),
    ("Asia/Kolkata", "2025-10-25", {"2025-10-25": 96, "2025-10-26": 96, "2025-10-27": 96}),
    ("America/Phoenix", "2025-03-08", {"2025-03-08": 96, "2025-03-09": 96, "2025-03-10": 96}),
    ("Pacific/Apia", "2011-12-29", {"2011-12-29": 96, "2011-12-31": 96}),
    ("Etc/GMT+6", "2025-03-08", {"2025-03-08": 96, "2025-03-09": 96, "2025-03-10": 96}),
    # Midnight is not there, and comes twice.
    ("America/Sao_Paulo", "2018-11-03", {"2018-11-03": 96, "2018-11-04": 92, "2018-11-05": 96}),
    ("America/Havana", "2025-11-01", {"2025-11-01": 96, "2025-11-02": 100, "2025-11-03": 96}),
]


@pytest.mark.parametrize(("zone", "first", "counts"), METERS)
@pytest.mark.parametrize("minutes", [15, 30])
@pytest.mark.parametrize("ending", [False, True])
def test_a_meter_s_days_go_to_local_stamps_and_back(
    zone: str, first: str, counts: dict[str, int], minutes: int, ending: bool, tmp_path: Path
) -> None:
    begins = slots(zone, first, 3, minutes)
    told = [at + timedelta(minutes=minutes) for at in begins] if ending else begins
    found = normalized(tmp_path, csv_of(by_the_clock(told, zone)), zone, minutes, ending=ending)
    assert found.begins == begins
    assert found.values == [float(place) for place in range(len(begins))]
    assert all(row["ts_end"] - row["ts_begin"] == timedelta(minutes=minutes) for row in found.rows)
    per_day = {day: count * 15 // minutes for day, count in counts.items()}
    for day, count in per_day.items():
        assert [row["slot"] for row in found.rows if row["local_date"] == date.fromisoformat(day)] == list(range(count))
    assert found.report["slots"] == sum(per_day.values())
    assert (found.report["missing"], found.report["days_unexpected"], found.report["rejected"]) == (0, 0, 0)
    for row in found.rows:
        local = datetime.fromisoformat(row["local_begin"])
        assert local == row["ts_begin"]
        assert local.utcoffset() == row["ts_begin"].astimezone(ZoneInfo(zone)).utcoffset()


@pytest.mark.parametrize(
    ("zone", "first", "count"),
    [("America/Chicago", "2025-03-09", 23), ("America/Chicago", "2025-11-02", 25), ("Europe/Berlin", "2025-10-26", 25)],
)
def test_hours(zone: str, first: str, count: int, tmp_path: Path) -> None:
    begins = slots(zone, first, 1, 60)
    found = normalized(tmp_path, csv_of(by_the_clock(begins, zone)), zone, 60)
    assert (found.begins, len(found.rows), found.report["days_unexpected"]) == (begins, count, 0)


def test_hours_of_lord_howe_s_longest_day_end_in_half_an_hour(tmp_path: Path) -> None:
    """24.5 hours: the hours are counted from midnight, and the last one is cut short by the day's end."""
    begins = slots("Australia/Lord_Howe", "2025-04-06", 1, 60)
    stamps = [f"{at:%Y-%m-%dT%H:%M}Z" for at in begins]
    found = normalized(tmp_path, csv_of(stamps), "Australia/Lord_Howe", 60)
    assert (found.begins, len(found.rows)) == (begins, 25)
    assert found.rows[-1]["ts_end"] - found.rows[-1]["ts_begin"] == timedelta(minutes=30)


@pytest.mark.parametrize(("flag", "slots_found"), [("", 25), (",0", 25), (",1", 24)])
def test_an_hour_that_begins_at_one_of_two_instants_means_that_one(flag: str, slots_found: int, tmp_path: Path) -> None:
    """01:30 comes twice on Lord Howe's longest day and begins an hour once; a flag that says the other is believed."""
    begins = slots("Australia/Lord_Howe", "2025-04-06", 1, 60)
    stamps = [at.astimezone(ZoneInfo("Australia/Lord_Howe")) for at in begins]
    lines = [f"M1,{at:%Y-%m-%dT%H:%M},1{flag and (flag if at.hour == 1 and at.minute else ',')}" for at in stamps]
    text = "\n".join([f"service_point,timestamp,value{flag and ',dst'}", *lines]) + "\n"
    found = normalized(tmp_path, text, "Australia/Lord_Howe", 60)
    assert (len(found.rows), found.report["rejects"]) == (slots_found, {} if slots_found == 25 else {"off_grid": 1})
    assert found.begins == (begins if slots_found == 25 else begins[:2] + begins[3:])


def _turn(zone: str, day: date) -> date:
    """Two days before the next one that is no 24 hours long, or the day itself where none comes for months."""
    days = (day + timedelta(days=more) for more in range(250))
    found = next((one for one in days if local_day(ZoneInfo(zone), one).hours != 24), day)
    return found - timedelta(days=2)


ZONES = ["America/Chicago", "Australia/Lord_Howe", "Europe/Berlin", "America/Havana", "Pacific/Apia", "Africa/Casablanca",
         "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham"]  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(2006, 1, 1), date(2029, 12, 1)),
    minutes=st.sampled_from([5, 15, 30]),
    ending=st.booleans(),
    backward=st.booleans(),
)
def test_whole_days_of_any_zone_come_back(
    zone: str, day: date, minutes: int, ending: bool, backward: bool, tmp_path: Path
) -> None:
    begins = slots(zone, _turn(zone, day).isoformat(), 4, minutes)
    told = [at + timedelta(minutes=minutes) for at in begins] if ending else begins
    # A slot that its day's end cuts short has no stamp of its own (St. John's turned its clocks at 00:01).
    if any(later - at != timedelta(minutes=minutes) for at, later in pairwise(begins)):
        return
    stamps = by_the_clock(told, zone)
    found = normalized(tmp_path, csv_of(stamps[::-1] if backward else stamps), zone, minutes, ending=ending)
    assert found.begins == begins
    assert (found.report["missing"], found.report["rejected"], found.report["duplicates"]) == (0, 0, 0)


def test_portions_change_nothing(tmp_path: Path) -> None:
    begins = slots("America/Chicago", "2025-11-01", 3, 15)
    lines = [f"SP{point},{stamp},{point}" for stamp in by_the_clock(begins, "America/Chicago") for point in range(7)]
    content = "\n".join(["service_point,timestamp,value", *lines])
    whole, few = normalized(tmp_path, content), normalized(tmp_path, content, portion=1)
    assert whole.rows == few.rows
    assert [row["service_point"] for row in whole.rows] == [f"SP{point}" for point in range(7) for _ in begins]
    assert whole.report == few.report


def test_years_apart_have_a_clock_for_each_portion(tmp_path: Path) -> None:
    content = "service_point,timestamp,value\nA,1975-06-01 00:00,1\nB,2090-06-01 00:00,2\n"
    found = normalized(tmp_path, content, portion=1)
    assert found.begins == [utc("1975-06-01T05:00"), utc("2090-06-01T05:00")]
