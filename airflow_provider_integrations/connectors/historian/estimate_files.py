"""Estimates for the gaps of a folder of samples, in a folder of their own: made anew at each run from what is there by then.

Samples are read and never written. Where an actual value has taken the place of an estimate of an earlier run, a line of an audit
file says what stood there and what does now. There is one such file for each file of estimates that was replaced, named by its
content, so that a run that was killed and is run again tells it once.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.catalog_file import read_catalog
from airflow_provider_integrations.connectors.historian.estimation import METHODS, estimate
from airflow_provider_integrations.connectors.historian.gap_files import SampleFiles
from airflow_provider_integrations.connectors.historian.gap_report import span_of
from airflow_provider_integrations.connectors.historian.gaps import find_gaps
from airflow_provider_integrations.connectors.historian.model import Span, to_iso
from airflow_provider_integrations.connectors.historian.precedence import replaced, resolve
from airflow_provider_integrations.connectors.historian.samples import SAMPLES
from airflow_provider_integrations.connectors.historian.tag_files import file_name
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.gap import Gap, GapReason
from airflow_provider_integrations.landing.durable import replace_durably

pc: Any = pyarrow.compute
pq: Any = pyarrow.parquet

__all__ = ["Request", "estimate_folder"]

_FILLED = frozenset({GapReason.MISSING, GapReason.BAD_QUALITY})
_DAY = 86_400 * 1_000_000_000
_WEEK = 7 * _DAY
_TOGETHER = 3 * _WEEK


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for on the command line.

    Args:
        folder: With samples, as for `gap_report.report`.
        catalog: YAML or CSV.
        out: Folder of the estimates, not within the other one.
        method: One of `estimation.METHODS`.
        now: In nanoseconds since 1970.
        reach: How far away a reading may be to go by; see `estimation.estimate`.
        span: Where gaps are filled; without one as for `report`.
    """

    folder: Path
    catalog: Path
    out: Path
    method: str
    now: int
    reach: timedelta = timedelta(days=1)
    span: Span | None = None


def estimate_folder(request: Request) -> dict[str, Any]:
    """Fill what is missing or bad as far as the method can; gives the report as JSON values.

    Raises:
        ConfigError: the catalog, a file or the method is not valid, or the estimates would stand among the samples.
    """
    if request.method not in METHODS:
        step = f"Use one of: {', '.join(sorted(METHODS))}."
        raise ConfigError("no such method", method=request.method, next_step=step)
    if request.out.resolve().is_relative_to(request.folder.resolve()):
        raise ConfigError(
            "estimates among the samples that they are made from",
            folder=str(request.folder),
            out=str(request.out),
            next_step="Give a folder beside it; `historian gaps` looks at a folder that holds both.",
        )
    entries, files = read_catalog(request.catalog).tags, SampleFiles(request.folder)
    request = replace(request, span=request.span or span_of(request.folder, files))
    request.out.mkdir(parents=True, exist_ok=True)
    tags = [_estimated(request, entry, files) for entry in entries]
    return {
        "method": request.method,
        "method_version": METHODS[request.method].version,
        "estimates": sum(tag["estimates"] for tag in tags),
        "replaced": sum(tag["replaced"] for tag in tags),
        "tags": tags,
    }


def _estimated(request: Request, entry: TagEntry, files: SampleFiles) -> dict[str, Any]:
    assert request.span is not None, "estimate_folder has set it"
    if request.method == "linear_interpolation" and entry.kind != "number":
        return {"tag": entry.name, "estimates": 0, "lacking": 0, "replaced": 0, "why_not": "no line between states"}
    names = {entry.name, entry.address}
    gaps = [
        gap
        for gap in find_gaps(entry, files.samples(names, request.span), request.span, now=request.now).gaps
        if gap.reason in _FILLED and gap.expected
    ]
    made = [
        estimate(request.method, entry, _rows(files, names, around), pieces, reach=request.reach)
        for pieces, around in _together(_pieces(request, entry, gaps))
    ]
    fresh = pa.concat_tables([SAMPLES.empty_table(), *made]).combine_chunks()
    told = _publish(request, entry, files, fresh)
    lacking = sum(gap.expected or 0 for gap in gaps) - fresh.num_rows
    return {"tag": entry.name, "estimates": fresh.num_rows, "lacking": lacking, "replaced": told}


def _pieces(request: Request, entry: TagEntry, gaps: list[Gap]) -> Iterator[tuple[Gap, Span]]:
    """Parts of gaps that memory holds, each with the time of the samples that it may go by; no part where there are none."""
    reach, period = request.reach // timedelta(microseconds=1) * 1_000, entry.period
    profile = request.method == "same_day_last_week"
    for gap in gaps:
        if request.method == "linear_interpolation" and gap.end - gap.begin > reach:
            continue
        step = max(1, _WEEK // period) if period else gap.expected or 1
        for first in range(0, gap.expected or 0, step):
            begin = gap.begin + first * (period or 0)
            if not profile and begin - gap.begin > reach:
                break
            count = min(step, (gap.expected or 0) - first)
            end = min(gap.end, begin + count * period) if period else gap.end
            # A day more on both sides of a week, for clocks that were changed.
            around = Span(begin - _WEEK - _DAY, end - _WEEK + _DAY) if profile else Span(begin - reach, end + reach)
            yield replace(gap, begin=begin, end=end, expected=count), around


def _together(pieces: Iterator[tuple[Gap, Span]]) -> Iterator[tuple[list[Gap], Span]]:
    """Pieces that go by the same samples, so that these are read once; no more than memory holds."""
    some, whole = list[Gap](), Span(0, 0)
    for piece, around in pieces:
        if some and around.begin <= whole.end and around.end - whole.begin <= _TOGETHER:
            some.append(piece)
            whole = Span(whole.begin, max(whole.end, around.end))
            continue
        if some:
            yield some, whole
        some, whole = [piece], around
    if some:
        yield some, whole


def _rows(files: SampleFiles, names: set[str], span: Span) -> pa.Table:
    """All samples of a span, with the columns of `SAMPLES`."""
    batches = [
        batch.filter(pc.and_(pc.greater_equal(ts, span.begin), pc.less(ts, span.end)))
        for batch in files.samples(names, span, SAMPLES.names)
        for ts in [batch.column("ts").cast(pa.int64())]
    ]
    return pa.concat_tables(
        [SAMPLES.empty_table(), *(pa.Table.from_batches([batch]).cast(SAMPLES) for batch in batches)]
    )


def _publish(request: Request, entry: TagEntry, files: SampleFiles, fresh: pa.Table) -> int:
    """Replace the tag's estimates, after the audit of those that do not count any more; gives how many these are."""
    path = request.out / file_name(entry.name)
    before = path.read_bytes() if path.exists() else b""
    if not before and not fresh.num_rows:
        return 0
    sink = io.BytesIO()
    pq.write_table(fresh, sink, compression="zstd", store_schema=False)
    if sink.getvalue() == before:
        return 0
    lines = _audit(request, entry, files, pq.read_table(io.BytesIO(before)).cast(SAMPLES), fresh) if before else []
    if lines:
        name = f"{path.stem}-replaced-{hashlib.sha256(before).hexdigest()[:12]}.jsonl"
        text = "".join(f"{json.dumps(line, ensure_ascii=False, allow_nan=False)}\n" for line in lines)
        replace_durably(request.out / name, text.encode())
    replace_durably(path, sink.getvalue())
    return len(lines)


def _audit(
    request: Request, entry: TagEntry, files: SampleFiles, old: pa.Table, fresh: pa.Table
) -> list[dict[str, Any]]:
    near = int((entry.period or 0) * entry.tolerance)
    instants = old.column("ts").cast(pa.int64()).to_numpy()
    if not len(instants):
        return []
    span = Span(int(instants.min()) - near, int(instants.max()) + near + 1)
    now = [SAMPLES.empty_table(), fresh]
    for batch in files.samples({entry.name, entry.address}, span, SAMPLES.names):
        ts = batch.column("ts").cast(pa.int64()).to_numpy()
        after = np.searchsorted(instants, ts - near)  # The first estimate that may be near.
        beside = (after < len(instants)) & (instants[np.minimum(after, len(instants) - 1)] <= ts + near)
        rows = pa.Table.from_batches([batch]).cast(SAMPLES).filter(pa.array(beside))
        names = pa.repeat(pa.scalar(entry.name), rows.num_rows)
        now.append(rows.set_column(0, SAMPLES.field("tag"), names))
    after_all = resolve(pa.concat_tables(now), near=near)
    told = replaced(resolve(old, near=near), after_all, at=request.now, near=near)
    return [_line(row) for row in _plain(told)]


def _plain(told: pa.Table) -> list[dict[str, Any]]:
    for place, field in enumerate(told.schema):
        if pa.types.is_timestamp(field.type):
            told = told.set_column(place, field.name, told.column(place).cast(pa.int64()))
    return told.to_pylist()


def _line(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "tag": row["tag"],
        "ts": to_iso(row["ts"]),
        "ordinal": row["ordinal"],
        "replaced_at": to_iso(row["replaced_at"]),
        "old": {name.removeprefix("old_"): value for name, value in row.items() if name.startswith("old_")},
        "new": {
            name.removeprefix("new_"): to_iso(value) if name == "new_ts" else value
            for name, value in row.items()
            if name.startswith("new_")
        },
    }
