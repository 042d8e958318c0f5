"""The schedule of this deployment's intake DAGs: at the partner's cut-off time on the partner's working days.

    DAG("intake", schedule=PartnerCalendarTimetable(country="US", cut_off="06:00", zone="America/New_York"))

Each run covers the time from one cut-off to the next and starts at the latter. A new DAG waits for its first cut-off;
a scheduler that was down over cut-offs makes up for the last one at once, and for all of them with `catchup=True`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.exceptions import AirflowTimetableInvalid
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

from airflow_provider_integrations.core.calendar import WorkingDay, next_delivery, previous_delivery
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.source import Schedule
from airflow_provider_integrations.system import utc_now
from airflow_provider_integrations.working_days import working_days

if TYPE_CHECKING:
    from airflow.timetables.base import TimeRestriction

__all__ = ["PartnerCalendarPlugin", "PartnerCalendarTimetable"]

_INSTANT = timedelta(microseconds=1)


class PartnerCalendarTimetable(Timetable):
    """One run at each cut-off; see `core.calendar` for what happens where the partner's clock jumps.

    Args:
        country: ISO 3166-1 code, e.g. `US`.
        subdivision: ISO 3166-2 code without the country, e.g. `BY`.
        cut_off: Time of day, HH:MM.
        zone: Name in the tz database.
    """

    def __init__(
        self, country: str = "US", subdivision: str | None = None, cut_off: str = "06:00", zone: str = "UTC"
    ) -> None:
        self._schedule = Schedule(country=country, subdivision=subdivision, cut_off=cut_off, zone=zone)
        where = f"{country}-{subdivision}" if subdivision else country
        self.description = f"At {cut_off} {zone} on working days of {where}"

    def serialize(self) -> dict[str, Any]:
        """What `deserialize` takes."""
        return self._schedule.model_dump()

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PartnerCalendarTimetable:
        """The timetable that was serialized."""
        return cls(**data)

    @property
    def summary(self) -> str:
        """Short enough for the list of DAGs."""
        return f"{self._schedule.country} working days {self._schedule.cut_off}"

    def validate(self) -> None:
        """Refuse an unknown country, subdivision or zone when the DAG is read, not when it is scheduled."""
        try:
            next_delivery(utc_now(), self._schedule, self._working_day)
        except ConfigError as error:
            raise AirflowTimetableInvalid(str(error)) from None

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """The last whole interval before the run."""
        end = previous_delivery(run_after, self._schedule, self._working_day)
        return self._interval_to(end)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next cut-off after the last run's, within the restriction."""
        if last_automated_data_interval is not None:
            due = self._next(last_automated_data_interval.end)
            if not restriction.catchup:
                due = max(due, previous_delivery(utc_now(), self._schedule, self._working_day))
        elif restriction.earliest is None:
            return None
        else:
            earliest: datetime = restriction.earliest
            due = self._next((earliest if restriction.catchup else max(earliest, utc_now())) - _INSTANT)
        if restriction.latest is not None and due > restriction.latest:
            return None
        interval = self._interval_to(due)
        return DagRunInfo.interval(start=interval.start, end=interval.end)

    @property
    def _working_day(self) -> WorkingDay:
        return working_days(self._schedule.country, self._schedule.subdivision)

    def _next(self, after: datetime) -> datetime:
        return next_delivery(after, self._schedule, self._working_day)

    def _interval_to(self, due: datetime) -> DataInterval:
        start = previous_delivery(due - _INSTANT, self._schedule, self._working_day)
        return DataInterval(start=pendulum.instance(start), end=pendulum.instance(due))


class PartnerCalendarPlugin(AirflowPlugin):
    """Registers the timetable, so that a scheduler may read it back."""

    name = "partner_calendar"
    timetables = [PartnerCalendarTimetable]  # noqa: RUF012 Airflow declares it so
