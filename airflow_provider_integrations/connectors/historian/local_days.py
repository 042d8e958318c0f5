"""Local days as they are: how long each one is in its zone, and the instants of its slots.

A day is all that lies between two turns of the local calendar, whatever the clocks do in between: 23, 24 or 25 hours in most
zones with summer time, 23.5 or 24.5 on Lord Howe Island, none at all where a day was left out (Samoa, 2011-12-30). The rules
are those of the IANA database that Python's `zoneinfo` finds.

>>> local_day(ZoneInfo("Europe/Berlin"), date(2025, 10, 26)).hours
Fraction(25, 1)
>>> slots_expected(ZoneInfo("Australia/Lord_Howe"), date(2025, 4, 6), timedelta(minutes=30))
Fraction(49, 1)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from fractions import Fraction
from zoneinfo import ZoneInfo

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["LocalDay", "ZoneInfo", "local_day", "slots_expected", "slots_of_day", "zone_named"]

_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LocalDay:
    """From when to when a local day lasts; both in UTC, the end is not part of it."""

    start: datetime
    end: datetime

    @property
    def hours(self) -> Fraction:
        """Its length."""
        return Fraction((self.end - self.start) // _SECOND, 3600)


def zone_named(name: str) -> ZoneInfo:
    """A zone of the IANA database, e.g. `America/Chicago`, or `Etc/GMT+6` for a meter on standard time all year.

    Raises:
        ConfigError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    raise ConfigError(
        "no such time zone",
        zone=name,
        next_step="Use a name of the IANA database, e.g. America/Chicago; for standard time all year e.g. Etc/GMT+6.",
    )


def local_day(zone: tzinfo, day: date) -> LocalDay:
    """When a local day begins and ends; one that was left out begins where it ends.

    Raises:
        ConfigError: the calendar has no day after it.
    """
    if not date.min + 2 * _DAY < day < date.max - 2 * _DAY:
        raise ConfigError("a day at the end of the calendar", day=day.isoformat(), next_step="Use another day.")
    return LocalDay(_begin(zone, day), _begin(zone, day + _DAY))


def slots_expected(zone: tzinfo, day: date, length: timedelta) -> Fraction:
    """How many slots a local day has; not a whole number where the day is no multiple of them.

    Raises:
        ConfigError: the length is no whole part of an hour, or no whole number of hours that divides a day.
    """
    _check_length(length)
    day_is = local_day(zone, day)
    return Fraction((day_is.end - day_is.start) // _SECOND, length // _SECOND)


def slots_of_day(zone: tzinfo, day: date, length: timedelta) -> Iterator[datetime]:
    """The beginnings of a local day's slots, in UTC and in order; the last one may be cut short by the day's end.

    Raises:
        ConfigError: as for `slots_expected`.
    """
    _check_length(length)
    day_is, at = local_day(zone, day), local_day(zone, day).start
    while at < day_is.end:
        yield at
        at += length


def _check_length(length: timedelta) -> None:
    if length < _SECOND or length % _SECOND or _DAY % length or (length > _HOUR and length % _HOUR):
        raise ConfigError(
            "slots that do not fill a day",
            seconds=length.total_seconds(),
            next_step="Use a length that divides a day, e.g. 15, 30 or 60 minutes.",
        )


def _begin(zone: tzinfo, day: date) -> datetime:
    """The instant at which the local date becomes `day`, or a later one where that day was left out.

    Where clocks are set back over midnight the date comes twice (St. John's until 2011: 00:01 became 23:01): the last time
    counts, so that the hour that comes again belongs to the day that it names.
    """
    midnight = datetime.combine(day, time())
    before, after = (midnight.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if before < after:
        # Clocks were set forward over midnight: it is not there, and the day begins at the turn.
        return _turn(zone, midnight - after, midnight - before)
    # Midnight comes once, or twice: the second one begins a day if the one before it is still told in between.
    second = (midnight - after).replace(tzinfo=UTC)
    if before > after and (second - _SECOND).astimezone(zone).date() >= day:
        return (midnight - before).replace(tzinfo=UTC)
    return second


def _turn(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """The second at which the offset changes between two instants, given without a zone in UTC."""
    begin, end = low.replace(tzinfo=UTC), high.replace(tzinfo=UTC)
    offset = begin.astimezone(zone).utcoffset()
    # The change may lie right at `begin`.
    if (begin - _SECOND).astimezone(zone).utcoffset() != offset:
        return begin
    while end - begin > _SECOND:
        middle = begin + (end - begin) // _SECOND // 2 * _SECOND
        begin, end = (middle, end) if middle.astimezone(zone).utcoffset() == offset else (begin, middle)
    return end
