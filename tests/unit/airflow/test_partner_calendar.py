"""The timetable as the scheduler uses it: registered by the plugin, serialized, and asked for run after run."""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pendulum
import pytest

REPO = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    """Loaded as Airflow does it: by its file's name, which becomes the module's name."""
    spec = importlib.util.spec_from_file_location("partner_calendar", REPO / "plugins" / "partner_calendar.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["partner_calendar"] = module
    spec.loader.exec_module(module)
    return module


def at(text: str) -> pendulum.DateTime:
    return pendulum.instance(datetime.fromisoformat(text).replace(tzinfo=UTC))


def restriction(earliest: str | None, *, latest: str | None = None, catchup: bool = True) -> Any:
    from airflow.timetables.base import TimeRestriction

    return TimeRestriction(at(earliest) if earliest else None, at(latest) if latest else None, catchup)


def runs(timetable: Any, count: int, limits: Any) -> list[str]:
    found: list[str] = []
    last = None
    for _ in range(count):
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=limits)
        if info is None:
            break
        found.append(info.run_after.isoformat())
        assert info.data_interval.end == info.run_after
        assert last is None or info.data_interval.start == last.end, "intervals have no gap and no overlap"
        last = info.data_interval
    return found


def test_runs_follow_the_working_days_over_thanksgiving_and_the_end_of_summer_time(plugin: ModuleType) -> None:
    timetable = plugin.PartnerCalendarTimetable(country="US", cut_off="06:00", zone="America/New_York")
    assert runs(timetable, 3, restriction("2025-11-26T00:00")) == [
        "2025-11-26T11:00:00+00:00",
        "2025-11-28T11:00:00+00:00",
        "2025-12-01T11:00:00+00:00",
    ]
    assert runs(timetable, 2, restriction("2025-10-31T00:00")) == [
        "2025-10-31T10:00:00+00:00",
        "2025-11-03T11:00:00+00:00",
    ]


def test_a_cut_off_in_the_doubled_hour_runs_once(plugin: ModuleType) -> None:
    timetable = plugin.PartnerCalendarTimetable(country="SA", cut_off="01:30", zone="America/New_York")
    sunday = [run for run in runs(timetable, 3, restriction("2025-11-01T22:00")) if run.startswith("2025-11-02")]
    assert sunday == ["2025-11-02T05:30:00+00:00"]


def test_start_and_end_dates_are_inclusive(plugin: ModuleType) -> None:
    timetable = plugin.PartnerCalendarTimetable(cut_off="06:00")
    limits = restriction("2025-11-05T06:00", latest="2025-11-06T06:00")
    assert runs(timetable, 5, limits) == ["2025-11-05T06:00:00+00:00", "2025-11-06T06:00:00+00:00"]


def test_a_new_dag_waits_for_its_first_cut_off_and_a_late_scheduler_makes_up_for_one(plugin: ModuleType) -> None:
    timetable = plugin.PartnerCalendarTimetable(cut_off="06:00")
    now = pendulum.now("UTC")
    limits = restriction("2024-01-01T00:00", catchup=False)
    first = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=limits)
    assert first.run_after > now.subtract(minutes=1)
    old = timetable.infer_manual_data_interval(run_after=at("2025-01-15T12:00"))
    missed = timetable.next_dagrun_info(last_automated_data_interval=old, restriction=limits)
    assert missed.run_after <= now
    following = timetable.next_dagrun_info(last_automated_data_interval=missed.data_interval, restriction=limits)
    assert following.run_after > now


def test_a_manual_run_covers_the_last_whole_interval(plugin: ModuleType) -> None:
    timetable = plugin.PartnerCalendarTimetable(cut_off="06:00")
    interval = timetable.infer_manual_data_interval(run_after=at("2025-11-10T05:59"))
    assert (interval.start, interval.end) == (at("2025-11-06T06:00"), at("2025-11-07T06:00"))


def test_without_a_start_date_nothing_is_scheduled(plugin: ModuleType) -> None:
    assert runs(plugin.PartnerCalendarTimetable(), 1, restriction(None)) == []


def test_it_survives_serialization(plugin: ModuleType) -> None:
    made = plugin.PartnerCalendarTimetable(country="DE", subdivision="BY", cut_off="18:30", zone="Europe/Berlin")
    read = plugin.PartnerCalendarTimetable.deserialize(json.loads(json.dumps(made.serialize())))
    assert read.serialize() == made.serialize()
    assert (read.summary, read.description) == (made.summary, made.description)


@pytest.mark.parametrize("wrong", [{"country": "XX"}, {"zone": "Mars/Olympus"}, {"country": "US", "subdivision": "ZZ"}])
def test_a_wrong_calendar_is_refused_when_the_dag_is_read(plugin: ModuleType, wrong: dict[str, str]) -> None:
    from airflow.exceptions import AirflowTimetableInvalid

    with pytest.raises(AirflowTimetableInvalid):
        plugin.PartnerCalendarTimetable(**wrong).validate()
