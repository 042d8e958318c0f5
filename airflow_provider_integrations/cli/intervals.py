"""`integrations intervals`: smart-meter intervals by the clocks of their zone, without Airflow."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_integrations.cli.output import reporting, say

__all__ = ["Stamps", "intervals_app"]

intervals_app = typer.Typer(no_args_is_help=True, help="Intervals of meters, by the clocks of their zone.")


class Stamps(StrEnum):
    """What a stamp tells of its interval."""

    BEGINNING = "beginning"
    ENDING = "ending"


Zone = Annotated[
    str, typer.Option(help="Name of the IANA database; Etc/GMT+6 is UTC-6 all year, as meters without summer time.")
]
Minutes = Annotated[int, typer.Option(min=1, max=1440, help="Length of an interval, e.g. 15, 30 or 60.")]


@intervals_app.callback()
def _intervals() -> None:
    """Intervals of meters, by the clocks of their zone."""


@intervals_app.command("expected")
def expected(
    zone: Zone,
    date: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The local day.")],
    minutes: Minutes,
) -> None:
    """Print how many intervals a local day has, e.g. 92, 96 or 100; 24.5 for hours on Lord Howe Island's longest day."""
    with reporting():
        from airflow_provider_integrations.connectors.historian.local_days import slots_expected, zone_named

        slots = slots_expected(zone_named(zone), date.date(), timedelta(minutes=minutes))
        typer.echo(slots.numerator if slots.denominator == 1 else float(slots))


@intervals_app.command("normalize")
def normalize(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet, NEM12 or Green Button; told by its content.")],
    zone: Zone,
    minutes: Minutes,
    out: Annotated[
        Path,
        typer.Option(help="Parquet file of the intervals; *.rejects.parquet and *.missing.parquet stand beside it."),
    ],
    stamps: Annotated[
        Stamps | None,
        typer.Option(help="What stamps tell; without it what the file says, or else the beginning of the interval."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="Form of stamps that are not ISO 8601, as %m/%d/%Y %H:%M."),
    ] = None,
    max_reject_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="With more of the readings refused, nothing is written but the refusals."),
    ] = 1.0,
) -> None:
    """Turn meter readings into UTC intervals with their slot in the local day; print what became of each of them."""
    with reporting():
        from airflow_provider_integrations.connectors.historian.intervals_file import Rules, normalize_file
        from airflow_provider_integrations.connectors.historian.local_days import zone_named

        ending = None if stamps is None else stamps is Stamps.ENDING
        say(normalize_file(file, out, Rules(zone_named(zone), minutes, ending, form, max_reject_share)))
