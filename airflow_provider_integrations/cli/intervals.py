"""`integrations intervals`: smart-meter intervals by the clocks of their zone, without Airflow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from airflow_provider_integrations.cli.output import reporting

__all__ = ["intervals_app"]

intervals_app = typer.Typer(no_args_is_help=True, help="Intervals of meters, by the clocks of their zone.")


@intervals_app.callback()
def _intervals() -> None:
    """Intervals of meters, by the clocks of their zone."""


@intervals_app.command("expected")
def expected(
    zone: Annotated[
        str, typer.Option(help="Name of the IANA database; Etc/GMT+6 is UTC-6 all year, as meters without summer time.")
    ],
    date: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The local day.")],
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="Length of an interval, e.g. 15, 30 or 60.")],
) -> None:
    """Print how many intervals a local day has, e.g. 92, 96 or 100; 24.5 for hours on Lord Howe Island's longest day."""
    with reporting():
        from airflow_provider_integrations.connectors.historian.local_days import slots_expected, zone_named

        slots = slots_expected(zone_named(zone), date.date(), timedelta(minutes=minutes))
        typer.echo(slots.numerator if slots.denominator == 1 else float(slots))
