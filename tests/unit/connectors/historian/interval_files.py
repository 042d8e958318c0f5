"""Files of meter readings for tests, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from airflow_provider_integrations.connectors.historian.intervals_file import Rules, normalize_file
from airflow_provider_integrations.connectors.historian.intervals_outputs import beside
from airflow_provider_integrations.connectors.historian.local_days import slots_of_day


@dataclass(frozen=True)
class Normalized:
    """A report, and the rows of the three files."""

    report: dict[str, Any]
    rows: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    missing: list[dict[str, Any]]

    @property
    def begins(self) -> list[datetime]:
        return [row["ts_begin"] for row in self.rows]

    @property
    def values(self) -> list[float | None]:
        return [row["value"] for row in self.rows]

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """Of each refusal the stamp and why."""
        return [(row["timestamp"], row["reason"]) for row in self.rejects]


def normalized(
    folder: Path,
    content: bytes | str,
    zone: str = "America/Chicago",
    minutes: int = 15,
    *,
    portion: int = 500_000,
    **rules: Any,
) -> Normalized:
    source, out = folder / "readings", folder / "intervals.parquet"
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    report = normalize_file(source, out, Rules(ZoneInfo(zone), minutes, **rules), portion=portion)
    return Normalized(report, rows_of(out), rows_of(beside(out, "rejects")), rows_of(beside(out, "missing")))


def rows_of(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist() if path.exists() else []


def csv_of(stamps: Iterable[str], point: str = "SP1", header: str = "service_point,timestamp,value") -> str:
    """A reading for each stamp; its value is its place."""
    return "".join([f"{header}\n", *(f"{point},{stamp},{place}\n" for place, stamp in enumerate(stamps))])


def slots(zone: str, first: str, days: int, minutes: int) -> list[datetime]:
    """The beginnings of all slots of some local days."""
    begin, length = date.fromisoformat(first), timedelta(minutes=minutes)
    return [at for day in range(days) for at in slots_of_day(ZoneInfo(zone), begin + timedelta(days=day), length)]


def by_the_clock(instants: Sequence[datetime], zone: str) -> list[str]:
    """What the clock on the wall shows."""
    return [f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" for at in instants]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
