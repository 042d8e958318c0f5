"""Intervals of meters as samples of a historian, so that the same rules hold for both: which row counts, what is estimated, and
what a later file changed.

A series is the tag `service_point/channel`, and a sample stands where its interval begins. Estimates fill the slots that nobody
reported; they are rows of their own, and an actual value that comes later takes their place with an audit row.

    samples = interval_samples(june)
    estimates = estimate_missing("same_day_last_week", june, missing, "America/Chicago", 15)
    counts = precedence.resolve(pa.concat_tables([samples, estimates]))
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.estimation import estimate
from airflow_provider_integrations.connectors.historian.samples import SAMPLES, Origin, Quality
from airflow_provider_integrations.core.gap import Gap, GapReason
from airflow_provider_integrations.formats.arrow import Array, Table, pa, pc

__all__ = ["estimate_missing", "interval_samples", "tag_name"]

_UNCERTAIN, _SUBSTITUTE, _BAD, _NO_DATA = 0x40000000, 0x40910000, 0x80000000, 0x809B0000
"""Uncertain, UncertainSubstituteValue, Bad, BadNoData (OPC 10000-6, A.2)."""

_INSTANT = pa.timestamp("ns", "UTC")


def tag_name(point: str, channel: str) -> str:
    """The tag of a series.

    >>> tag_name("SP1", "E1"), tag_name("SP1", "")
    ('SP1/E1', 'SP1')
    """
    return f"{point}/{channel}" if channel else point


def interval_samples(intervals: Table) -> Table:
    """Rows in the schema `SAMPLES`, in the order of the intervals; one without a value is bad, and counts for nothing.

    Args:
        intervals: In the schema `INTERVALS`.
    """
    rows = len(intervals)
    nothing = pa.nulls(rows, pa.string())
    quality, origin = intervals.column("quality"), intervals.column("origin")
    status = np.full(rows, _UNCERTAIN, np.uint32)
    status[_is(quality, Quality.GOOD)] = 0
    status[_is(quality, Quality.UNCERTAIN) & _is(origin, Origin.SUBSTITUTED)] = _SUBSTITUTE
    status[_is(quality, Quality.BAD)] = _BAD
    empty = intervals.column("value").is_null().to_numpy()
    status[empty] = _NO_DATA
    points, channels = (
        intervals.column("service_point").cast(pa.string()),
        intervals.column("channel").cast(pa.string()),
    )
    columns = {
        "tag": pc.if_else(pc.equal(channels, ""), points, pc.binary_join_element_wise(points, channels, "/")),
        "ts": intervals.column("ts_begin").cast(_INSTANT),
        "ordinal": pa.array(np.zeros(rows, np.int32)),
        "value_number": intervals.column("value"),
        "value_text": nothing,
        "value_state": nothing,
        "status": pa.array(status),
        "quality": pc.if_else(pa.array(empty), Quality.BAD.value, quality.cast(pa.string())),
        "origin": origin.cast(pa.string()),
        "quality_detail": intervals.column("quality_detail").cast(pa.string()),
        "method": nothing,
        "method_version": nothing,
    }
    return pa.table([columns[name] for name in SAMPLES.names], schema=SAMPLES)


def estimate_missing(
    method: str, intervals: Table, missing: Table, zone: str, minutes: int, *, reach: timedelta | None = None
) -> Table:
    """Estimates for slots that nobody reported, in the schema `SAMPLES`, with the method's name and version.

    Args:
        method: One of `estimation.METHODS`.
        intervals: In the schema `INTERVALS`, in order; with as much around the gaps as the method needs.
        missing: In the schema `MISSING`.
        zone: Of the local days.
        minutes: Length of an interval.
        reach: As for `estimation.estimate`.
    """
    samples = interval_samples(intervals)
    gaps: dict[str, list[Gap]] = {}
    for run in missing.to_pylist():
        tag = tag_name(run["service_point"], run["channel"])
        begin, end = (int(run[name].timestamp()) * 1_000_000_000 for name in ("ts_begin", "ts_end"))
        gaps.setdefault(tag, []).append(Gap(tag, begin, end, GapReason.MISSING, expected=run["slots"], found=0))
    made: list[Any] = [
        estimate(method, TagEntry(name=tag, cadence=timedelta(minutes=minutes), zone=zone),
                 samples.filter(pc.equal(samples.column("tag"), tag)), found, reach=reach)
        for tag, found in gaps.items()
    ]  # fmt: skip
    return pa.concat_tables([SAMPLES.empty_table(), *made])


def _is(column: Array, word: str) -> Any:
    return pc.equal(column.cast(pa.string()), word).to_numpy()
