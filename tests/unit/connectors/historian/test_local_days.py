"""Days of zones that do what clocks do: summer time, half hours, midnight that is not there or comes twice, a day left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.local_days import (
    local_day,
    slots_expected,
    slots_of_day,
    zone_named,
)
from airflow_provider_integrations.core.errors import ConfigError

QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/Chicago", "2025-03-08", 24),
        ("America/Chicago", "2025-03-09", 23),
        ("America/Chicago", "2025-11-02", 25),
        ("Europe/Berlin", "2025-03-30", 23),
        ("Europe/Berlin", "2025-10-26", 25),
        ("Australia/Lord_Howe", "2025-04-06", 24.5),
        ("Australia/Lord_Howe", "2025-10-05", 23.5),
        ("Asia/Kolkata", "2025-10-26", 24),
        ("America/Phoenix", "2025-03-09", 24),
        ("Etc/GMT+6", "2025-03-09", 24),
        ("Pacific/Apia", "2011-12-29", 24),
        ("Pacific/Apia", "2011-12-30", 0),
        ("Pacific/Apia", "2011-12-31", 24),
        # Midnight is not there.
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("Asia/Beirut", "2025-03-30", 23),
        # Midnight comes twice, and the hour after it.
        ("America/Havana", "2025-11-02", 25),
        ("America/Havana", "2025-11-01", 24),
        # At midnight it became 23:00 again.
        ("America/Sao_Paulo", "2019-02-16", 25),
        ("America/Sao_Paulo", "2019-02-17", 24),
        # At 00:01 it became 23:01 again.
        ("America/St_Johns", "2010-11-06", 25),
        ("America/St_Johns", "2010-11-07", 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(zone: str, day: str, hours: float) -> None:
    assert local_day(ZoneInfo(zone), date.fromisoformat(day)).hours == Fraction(hours)


@pytest.mark.parametrize(
    ("zone", "day", "minutes", "slots"),
    [
        ("America/Chicago", "2025-03-09", 15, 92),
        ("America/Chicago", "2025-06-01", 15, 96),
        ("America/Chicago", "2025-11-02", 15, 100),
        ("Europe/Berlin", "2025-10-26", 60, 25),
        ("Australia/Lord_Howe", "2025-04-06", 15, 98),
        ("Australia/Lord_Howe", "2025-04-06", 60, 24.5),
        ("Pacific/Apia", "2011-12-30", 15, 0),
    ],
)
def test_slots_of_a_day(zone: str, day: str, minutes: int, slots: float) -> None:
    place, on, length = ZoneInfo(zone), date.fromisoformat(day), timedelta(minutes=minutes)
    assert slots_expected(place, on, length) == Fraction(slots)
    found = list(slots_of_day(place, on, length))
    assert len(found) == -(-Fraction(slots) // 1)
    assert all(b - a == length for a, b in pairwise(found))


def test_a_day_begins_where_its_date_does() -> None:
    assert local_day(ZoneInfo("America/Sao_Paulo"), date(2018, 11, 4)).start == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert local_day(ZoneInfo("America/Havana"), date(2025, 11, 2)).start == datetime(2025, 11, 2, 4, tzinfo=UTC)
    assert local_day(ZoneInfo("Asia/Kolkata"), date(2025, 11, 2)).start == datetime(2025, 11, 1, 18, 30, tzinfo=UTC)


ZONES = [
    "Africa/Casablanca", "America/Chicago", "America/Havana", "America/Sao_Paulo", "America/St_Johns", "Asia/Beirut",
    "Asia/Gaza", "Asia/Tehran", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia", "Pacific/Chatham", "UTC",
]  # fmt: skip


@given(st.sampled_from(ZONES), st.dates(date(1975, 1, 1), date(2037, 12, 30)))
def test_days_follow_each_other_and_hold_their_own_instants(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    today, tomorrow = local_day(zone, day), local_day(zone, day + timedelta(days=1))
    assert today.end == tomorrow.start
    assert today.start <= today.end
    told = {at.astimezone(zone).date() for at in slots_of_day(zone, day, timedelta(minutes=30))}
    # A minute of the day after is told before the clocks go back over midnight; slots of half an hour may meet it.
    assert told <= {day, day + timedelta(days=1)}
    assert day in told or today.start == today.end


@pytest.mark.parametrize("minutes", [0, -15, 7, 90, 1441, 0.001])
def test_a_length_that_fills_no_day_is_refused(minutes: float) -> None:
    with pytest.raises(ConfigError, match="do not fill a day"):
        slots_expected(ZoneInfo("UTC"), date(2025, 1, 1), timedelta(minutes=minutes))


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "\0", "America"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="no such time zone"):
        zone_named(name)


@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_calendar_ends(day: date) -> None:
    with pytest.raises(ConfigError, match="end of the calendar"):
        local_day(ZoneInfo("UTC"), day)
