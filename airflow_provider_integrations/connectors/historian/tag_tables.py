"""The tag catalog and the days of its zones as tables of the warehouse, so that its views know what is due and how long a day is.

    load_catalog(connection, entries, span, load, source="plant1", version=version)

Days come from `local_days`, so that a view counts 23, 24 or 25 hours (24.5 on Lord Howe Island) as everything else here does,
whatever the warehouse's own database of zones says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.local_days import local_day, zone_named
from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.formats.arrow import Table, pa
from airflow_provider_integrations.formats.schema import arrow_schema
from airflow_provider_integrations.warehouse.database import Connection
from airflow_provider_integrations.warehouse.small_tables import load_tables

__all__ = ["DAYS", "TAGS", "days_table", "load_catalog", "tags_table"]

_SECOND = 1_000_000_000
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CENTURY = 36_525 * 86_400.0


def _contract(name: str, keys: Sequence[str], columns: Sequence[tuple[str, str, bool]]) -> Contract:
    named = [{"name": name, "type": kind, "nullable": nullable} for name, kind, nullable in columns]
    return Contract.from_mapping({"contract": name, "version": "1.0.0", "keys": list(keys), "columns": named})


TAGS = _contract(
    "historian_tags",
    ["tag"],
    [
        ("tag", "string", False),
        ("unit", "string", True),
        ("kind", "string", False),
        ("zone", "string", False),
        ("asset", "string", True),
        ("factor", "float", False),
        ("offset_value", "float", False),
        ("low", "float", True),
        ("high", "float", True),
        ("cadence_seconds", "float", True),
        ("is_daily", "boolean", False),
        ("is_exception", "boolean", False),
        ("hold_seconds", "float", False),
        ("uncertain_counts", "boolean", False),
    ],
)
"""One row for each tag of a catalog.

A value in `unit` is `value_number * factor + offset_value`. `hold_seconds` is how long a value stands at most where no other
follows: the cadence with its tolerance, the longest legal silence (a century where any is), or 0 where neither is known.
"""

DAYS = _contract(
    "historian_days",
    ["zone", "day"],
    [("zone", "string", False), ("day", "date", False), ("begin_ns", "integer", False), ("end_ns", "integer", False)],
)
"""From when to before when the days of a zone last, in nanoseconds since 1970-01-01 UTC; one that was left out has no length."""


def load_catalog(
    connection: Connection,
    entries: Sequence[TagEntry],
    span: Span,
    load: LoadPolicy,
    *,
    source: str,
    version: str,
    run_id: str = "",
) -> None:
    """Bring the tags, and the days of their zones and of UTC in the years of the span; what is there already is left alone.

    Args:
        connection: Of the Snowflake connector.
        entries: Of the catalog.
        span: What was read.
        load: Where the samples are; the tables `HISTORIAN_TAGS` and `HISTORIAN_DAYS` are in the same database.
        source, version, run_id: Kept in the load ledger; of two catalogs with one tag the later version counts.

    Raises:
        TransientError: when the warehouse could not finish; again is harmless.
    """
    tags = load.model_copy(update={"table": "HISTORIAN_TAGS", "scd": 1})
    load_tables(connection, {version: tags_table(entries)}, TAGS, tags, source=source, run_id=run_id)
    days = days_table({"UTC", *(entry.zone for entry in entries)}, span)
    policy = load.model_copy(update={"table": "HISTORIAN_DAYS", "scd": 1})
    load_tables(connection, {version: days}, DAYS, policy, source=source, run_id=run_id, note_versions=False)


def tags_table(entries: Iterable[TagEntry]) -> Table:
    """The catalog in the columns of `TAGS`."""
    return pa.Table.from_pylist([_row(entry) for entry in entries], _schema(TAGS))


def days_table(zones: Iterable[str], span: Span) -> Table:
    """All days of the years that a span touches, in the columns of `DAYS`; whole years, so that runs seldom bring new ones."""
    first, last = (
        _EPOCH + timedelta(microseconds=instant // 1_000) for instant in (span.begin, max(span.begin, span.end - 1))
    )
    # Zones are up to a day away from UTC.
    begin, end = date(first.year - 1, 12, 31), date(last.year + 1, 1, 1)
    rows = []
    for name in sorted(zones):
        zone, day = zone_named(name), begin
        while day <= end:
            at = local_day(zone, day)
            rows.append({"zone": name, "day": day, "begin_ns": _ns(at.start), "end_ns": _ns(at.end)})
            day += _DAY
    return pa.Table.from_pylist(rows, _schema(DAYS))


def _row(entry: TagEntry) -> dict[str, Any]:
    cadence = None if entry.period is None else entry.period / _SECOND
    due = 86_400.0 if entry.daily else cadence
    if entry.exception:
        hold = _CENTURY if entry.silence is None else entry.silence / _SECOND
    else:
        hold = 0.0 if due is None else due * (1 + entry.tolerance)
    return {
        "tag": entry.name,
        "unit": entry.unit or None,
        "kind": entry.kind,
        "zone": entry.zone,
        "asset": entry.asset or None,
        "factor": entry.scaling.factor,
        "offset_value": entry.scaling.offset,
        "low": entry.limits.low,
        "high": entry.limits.high,
        "cadence_seconds": cadence,
        "is_daily": entry.daily,
        "is_exception": entry.exception,
        "hold_seconds": hold,
        "uncertain_counts": not entry.treat_uncertain_as_bad,
    }


def _schema(contract: Contract) -> Any:
    schema = arrow_schema(contract)
    return pa.schema([schema.field(column.name) for column in contract.columns])


def _ns(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1_000
