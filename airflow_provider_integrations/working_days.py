"""Working days by country and subdivision, from the `holidays` library (weekends, observed days, swapped days)."""

from __future__ import annotations

from functools import lru_cache

from airflow_provider_integrations.core.calendar import WorkingDay
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["working_days"]


@lru_cache(maxsize=64)
def working_days(country: str, subdivision: str | None = None) -> WorkingDay:
    """Tells working days apart; ISO 3166-1 country and ISO 3166-2 subdivision codes.

    Weekends are the country's own (Friday and Saturday in Saudi Arabia), a holiday that is observed on another day
    counts there, and a Sunday that is worked in exchange for a bridge day is a working day.

    Raises:
        ConfigError: for a country or subdivision that the library does not know.
    """
    # Half a second to import, so not while a DAG file is parsed.
    import holidays

    try:
        calendar = holidays.country_holidays(country, subdiv=subdivision)
    except NotImplementedError:
        raise ConfigError(
            "no holiday calendar for this country or subdivision",
            country=country,
            subdivision=subdivision,
            next_step="Use ISO 3166 codes that the holidays library lists.",
        ) from None
    return lambda day: bool(calendar.is_working_day(day))
