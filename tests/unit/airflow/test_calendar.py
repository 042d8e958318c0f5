"""Traps of time: gaps, doubled hours, days that never were, holidays that are observed elsewhere, year ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.core.calendar import due_at, next_delivery, previous_delivery
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.source import Schedule
from airflow_provider_integrations.working_days import working_days


def every_day(_: date) -> bool:
    return True


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "cut_off", "day", "due"),
    [
        pytest.param("America/New_York", "02:30", "2025-03-09", "2025-03-09T07:00", id="spring gap: due when it ends"),
        pytest.param("America/New_York", "02:00", "2025-03-09", "2025-03-09T07:00", id="first minute of the gap"),
        pytest.param("America/New_York", "03:00", "2025-03-09", "2025-03-09T07:00", id="first minute after the gap"),
        pytest.param("America/New_York", "01:30", "2025-11-02", "2025-11-02T05:30", id="doubled hour: shown first"),
        pytest.param("America/New_York", "06:00", "2025-11-02", "2025-11-02T11:00", id="after the doubled hour"),
        pytest.param("Australia/Lord_Howe", "02:15", "2025-10-05", "2025-10-04T15:30", id="a gap of half an hour"),
        pytest.param("America/Sao_Paulo", "00:00", "2018-11-04", "2018-11-04T03:00", id="midnight does not exist"),
        pytest.param("Asia/Kathmandu", "06:00", "2025-11-05", "2025-11-05T00:15", id="quarter-hour zone"),
    ],
)
def test_the_cut_off_is_one_instant_where_the_clock_jumps(zone: str, cut_off: str, day: str, due: str) -> None:
    assert due_at(date.fromisoformat(day), Schedule(cut_off=cut_off, zone=zone)) == utc(due)


def test_the_day_that_samoa_skipped_has_no_delivery() -> None:
    schedule = Schedule(cut_off="06:00", zone="Pacific/Apia")
    assert due_at(date(2011, 12, 30), schedule) is None
    first = next_delivery(utc("2011-12-29T00:00"), schedule, every_day)
    second = next_delivery(first, schedule, every_day)
    assert (first, second) == (utc("2011-12-29T16:00"), utc("2011-12-30T16:00"))
    assert previous_delivery(second - timedelta(seconds=1), schedule, every_day) == first


def test_a_holiday_on_a_weekend_is_observed_on_a_weekday() -> None:
    schedule = Schedule(country="US", cut_off="06:00", zone="America/New_York")
    after_thursday = next_delivery(utc("2026-07-02T12:00"), schedule, working_days("US"))
    assert after_thursday == utc("2026-07-06T10:00"), "Independence Day 2026 is a Saturday, observed on Friday the 3rd"


def test_a_holiday_of_next_year_can_be_observed_in_this_one() -> None:
    schedule = Schedule(country="US", cut_off="06:00", zone="America/New_York")
    due = next_delivery(utc("2021-12-30T12:00"), schedule, working_days("US"))
    assert due == utc("2022-01-03T11:00"), "New Year 2022 is a Saturday, observed on 31 December 2021"


def test_weekends_and_swapped_days_are_those_of_the_country() -> None:
    assert not working_days("SA")(date(2025, 11, 7)), "Friday in Saudi Arabia"
    assert working_days("SA")(date(2025, 11, 9)), "Sunday in Saudi Arabia"
    assert working_days("CN")(date(2025, 9, 28)), "a Sunday worked for the Golden Week"


def test_a_subdivision_has_holidays_of_its_own() -> None:
    epiphany = date(2025, 1, 6)
    assert working_days("DE")(epiphany)
    assert not working_days("DE", "BY")(epiphany)


@pytest.mark.parametrize(("country", "subdivision"), [("XX", None), ("US", "ZZ")])
def test_an_unknown_country_is_refused_by_name(country: str, subdivision: str | None) -> None:
    with pytest.raises(ConfigError, match="ISO 3166"):
        working_days(country, subdivision)


def test_an_unknown_zone_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="Mars/Olympus"):
        next_delivery(utc("2025-11-05T00:00"), Schedule(zone="Mars/Olympus"), every_day)


def test_a_calendar_without_working_days_ends_with_an_error_and_not_in_a_loop() -> None:
    with pytest.raises(ConfigError, match="no working day"):
        next_delivery(utc("2025-11-05T00:00"), Schedule(), lambda _: False)


@given(
    at=st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1)),
    zone=st.sampled_from(["UTC", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo"]),
    cut_off=st.times().map(lambda clock: clock.strftime("%H:%M")),
)
@settings(max_examples=300, deadline=None)
def test_next_and_previous_are_neighbours(at: datetime, zone: str, cut_off: str) -> None:
    now = at.replace(tzinfo=UTC)
    schedule = Schedule(cut_off=cut_off, zone=zone)
    before, after = previous_delivery(now, schedule, every_day), next_delivery(now, schedule, every_day)
    assert before <= now < after
    assert next_delivery(before, schedule, every_day) == after
    assert timedelta(hours=22) <= after - before <= timedelta(hours=26), "a day, an hour more or less"
