"""How an instant is given on the command line, the same for every command of EDI."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["instant"]


def instant(text: str, name: str = "now") -> datetime:
    """The instant that an option names, in UTC.

    Args:
        text: Its value, in ISO 8601 with a zone.
        name: Of the option.

    Raises:
        ConfigError: for anything else; without a zone nobody knows which instant is meant, and a year has four digits in EDI.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None and (at := at.astimezone(UTC)).year >= 1000:
            return at
    except (ValueError, OverflowError):
        pass
    step = "Write it with its zone, as 2026-01-02T03:04:05Z or with +01:00."
    raise ConfigError("not an instant", **{name: text[:40]}, next_step=step)
