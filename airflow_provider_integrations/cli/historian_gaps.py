"""`integrations historian gaps`: what a folder of samples lacks, and why, without Airflow."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_provider_integrations.cli.output import reporting, say

if TYPE_CHECKING:
    from airflow_provider_integrations.connectors.historian.model import Span

__all__ = ["instants", "report_gaps"]


def report_gaps(
    folder: Annotated[Path, typer.Argument(help="Folder of Parquet files, as `historian backfill` writes them.")],
    catalog: Annotated[Path, typer.Option(help="Tag catalog, YAML or CSV, e.g. include/tags/plant1.yaml.")],
    begin: Annotated[
        str | None,
        typer.Option("--from", help="Look from this instant, in ISO 8601; without one as the backfill was asked."),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="To before this instant, likewise.")] = None,
    now: Annotated[str | None, typer.Option(help="What is due by this instant; by now without one.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Gaps of a tag that are listed; all are counted.")] = 10_000,
) -> None:
    """Show the gaps of each tag of a catalog with their reasons: missing, bad_quality, compressed_ok, not_yet_due, estimated."""
    with reporting():
        from airflow_provider_integrations.connectors.historian.gap_report import report

        span, at = instants(begin, end, now)
        say(report(folder, catalog, now=at, span=span, limit=limit))


def instants(begin: str | None, end: str | None, now: str | None) -> tuple[Span | None, int]:
    """The span that is asked for, and by when samples are due.

    Raises:
        ConfigError: one is no instant, or half a span is given.
    """
    from airflow_provider_integrations.connectors.historian.model import Span, from_iso
    from airflow_provider_integrations.core.errors import ConfigError

    if (begin is None) != (end is None):
        raise ConfigError("half a span", next_step="Give both --from and --to, or neither.")
    span = None if begin is None or end is None else Span(from_iso(begin), from_iso(end))
    return span, time.time_ns() if now is None else from_iso(now)
