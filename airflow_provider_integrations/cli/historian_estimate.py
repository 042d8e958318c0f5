"""`integrations historian estimate`: estimates for what a folder of samples lacks, in a folder of their own, without Airflow."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_integrations.cli.historian_gaps import instants
from airflow_provider_integrations.cli.output import reporting, say

__all__ = ["estimate_gaps"]


def estimate_gaps(
    folder: Annotated[Path, typer.Argument(help="Folder of samples, which are not changed.")],
    catalog: Annotated[Path, typer.Option(help="Tag catalog, YAML or CSV, e.g. include/tags/plant1.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder of the estimates, beside the samples.")],
    method: Annotated[str, typer.Option(help="last_good_value, linear_interpolation or same_day_last_week.")],
    reach: Annotated[float, typer.Option(min=0, max=1_000_000, help="Hours that a reading may be away to go by.")] = 24,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="From this instant, in ISO 8601; without one as the backfill was asked."),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="To before this instant, likewise.")] = None,
    now: Annotated[str | None, typer.Option(help="What is due by this instant; by now without one.")] = None,
) -> None:
    """Fill gaps with estimates that say how they were made; an actual value that came since takes its place, and it is told."""
    with reporting():
        from airflow_provider_integrations.connectors.historian.estimate_files import Request, estimate_folder

        span, at = instants(begin, end, now)
        say(estimate_folder(Request(folder, catalog, out, method, at, timedelta(hours=reach), span)))
