"""When a partner's next delivery is due: pure, with the working days as an argument.

A delivery is due at `cut_off` on each working day, on the clock of the partner's zone. Where that clock jumps, the
due instant stays well defined: a cut-off inside the spring gap is due when the gap ends, a cut-off inside the doubled
hour is due when the clock shows it first, and a day that the zone skipped has no delivery at all.

    >>> schedule = Schedule(cut_off="06:00", zone="America/New_York")
    >>> next_delivery(datetime(2025, 11, 7, 12, tzinfo=UTC), schedule, lambda day: day.weekday() < 5).isoformat()
    '2025-11-10T11:00:00+00:00'
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.source import Schedule

__all__ = ["WorkingDay", "due_at", "next_delivery", "previous_delivery"]

WorkingDay = Callable[[date], bool]
"""Says whether a partner works on that day."""

_LONGEST = 400
"""Days to look for a working day: a calendar without one in a year is a mistake, not a schedule."""

_DAY = timedelta(days=1)


def next_delivery(after: datetime, schedule: Schedule, is_working_day: WorkingDay) -> datetime:
    """The first due instant strictly later than `after` (aware), in UTC.

    Raises:
        ConfigError: for an unknown zone, and for a calendar without a working day in over a year.
    """
    zone = _zone(schedule.zone)
    # One day early: the local date of `after` may be ahead of a cut-off that a skipped day moved.
    day = after.astimezone(zone).date() - _DAY
    for _ in range(_LONGEST):
        due = due_at(day, schedule) if is_working_day(day) else None
        if due is not None and due > after:
            return due
        day += _DAY
    raise _no_working_day(schedule, after)


def previous_delivery(at: datetime, schedule: Schedule, is_working_day: WorkingDay) -> datetime:
    """The last due instant not later than `at` (aware), in UTC; raises as `next_delivery` does."""
    zone = _zone(schedule.zone)
    day = at.astimezone(zone).date() + _DAY
    for _ in range(_LONGEST):
        due = due_at(day, schedule) if is_working_day(day) else None
        if due is not None and due <= at:
            return due
        day -= _DAY
    raise _no_working_day(schedule, at)


def due_at(day: date, schedule: Schedule) -> datetime | None:
    """The instant in UTC at which that day's delivery is due; None for a day that the zone skipped (Samoa, 2011)."""
    zone = _zone(schedule.zone)
    if _instant(day, time.min, zone) >= _instant(day + _DAY, time.min, zone):
        return None
    return _instant(day, time.fromisoformat(schedule.cut_off), zone)


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """When the zone's clock first shows that time, or first passes it where the clock jumps over it."""
    local = datetime.combine(day, clock, tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # PEP 495: in a gap, fold=1 takes the offset from after the jump and so gives an instant before it. Offsets change
    # on whole seconds in the tz database, so that halving ends at the jump exactly.
    before = local.replace(fold=1).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    while instant - before > timedelta(seconds=1):
        middle = (before + (instant - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            instant = middle
    return instant


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            "unknown time zone", zone=name, next_step="Use a name of the tz database, e.g. Europe/Berlin."
        ) from None


def _no_working_day(schedule: Schedule, near: datetime) -> ConfigError:
    return ConfigError(
        f"the calendar has no working day within {_LONGEST} days",
        country=schedule.country,
        near=near.isoformat(),
        next_step="Correct the source's schedule.",
    )
