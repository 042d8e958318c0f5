"""Looks for gaps in what was landed of a source, keeps the ledger's gaps, and plans to read what is missing and nothing besides.

    look_for_gaps(job, by="historian_gaps__plant1/scheduled__...")
    items = plan_fill(job, request="...")

It goes by what was read: up to the watermark, or to the end of the last item where there is none. Of two readings of one time the
newer one counts. What the historian does not have is asked for ever more seldom, and at last no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet

from airflow_provider_integrations.connectors.historian.gaps import find_gaps, spans_to_read
from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.model import Span, Tag, from_iso
from airflow_provider_integrations.connectors.historian.run_plan import RunPlan, Work, plan_gaps
from airflow_provider_integrations.connectors.historian.runs import enter_plan
from airflow_provider_integrations.connectors.historian.settle import position_of
from airflow_provider_integrations.connectors.historian.windows import without
from airflow_provider_integrations.core.errors import ConfigError, TransientError
from airflow_provider_integrations.core.gap import Gap, GapChanges, KnownGap, gaps_to_try, merge_gaps, widen
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.formats.arrow import Table, pa, pc
from airflow_provider_integrations.landing.bronze import local_folder, read_manifest

__all__ = ["due_gaps", "look_for_gaps", "plan_fill"]

pq: Any = pyarrow.parquet

_READ = (State.LANDED, State.GATED, State.LOADED, State.ARCHIVED)
_COLUMNS = ["tag", "ts_ns", "value_number", "value_text", "value_state", "status", "origin", "quality_detail"]
_TOGETHER = 50
"""Tags whose samples are held in memory at once."""

_Looked = dict[str, tuple[int, int]]


def look_for_gaps(job: HistorianJob, *, by: str) -> GapChanges:
    """Bring the ledger's gaps to what is landed; the same again changes nothing.

    Args:
        job: The source.
        by: The run that looks, for gaps that are filled.

    Raises:
        TransientError: another run has changed the gaps meanwhile.
    """
    found, looked = _look(job)

    def judge(known: Sequence[KnownGap]) -> GapChanges:
        return merge_gaps(known, found, looked, at=job.clock(), by=by)

    try:
        return job.ledger.historian.merge_gaps(job.source.source, judge)
    except ConfigError as error:
        raise TransientError(
            "another run has changed the gaps meanwhile", source=job.source.source, next_step="Look again."
        ) from error


def due_gaps(job: HistorianJob) -> tuple[KnownGap, ...]:
    """Gaps that are worth a backfill now, by what is landed; nothing is written."""
    found, looked = _look(job)
    known = job.ledger.historian.gaps(job.source.source)
    changes = merge_gaps(known, found, looked, at=job.clock())
    ended = {one.number for one in (*changes.closed, *changes.changed)}
    now_open = [*(one for one in known if one.number not in ended), *changes.changed, *changes.opened]
    return _to_try(job, now_open)


def plan_fill(job: HistorianJob, *, request: str) -> list[WorkItem]:
    """Work items for the gaps that are due, of the ledger; planned once for a request.

    Args:
        job: The source.
        request: Id of the asking run.
    """
    run = f"gaps-{hashlib.sha256(request.encode()).hexdigest()[:12]}"
    entries = {entry.name: entry for entry in job.entries}
    due = [one for one in _to_try(job, job.ledger.historian.gaps(job.source.source)) if one.gap.tag in entries]
    wanted = [
        (Tag(name, entries[name].address), span)
        for name in dict.fromkeys(one.gap.tag for one in due)
        for span in spans_to_read(entries[name], [one.gap for one in due if one.gap.tag == name])
    ]
    works = plan_gaps(wanted, tags_per_item=job.source.tags_per_item)
    items = enter_plan(job, run, RunPlan(works, newest_first=job.source.order == "newest", why="gaps"))
    job.ledger.historian.tried([one.number for one in due if one.number is not None and _is_in(one.gap, works)])
    return items


def _to_try(job: HistorianJob, known: Iterable[KnownGap]) -> tuple[KnownGap, ...]:
    policy = job.source.gaps
    longest = max(policy.wait, timedelta(days=7))
    return gaps_to_try(known, job.clock(), wait=policy.wait, longest_wait=longest, attempts=policy.attempts)


def _is_in(gap: Gap, works: Iterable[Work]) -> bool:
    return any(
        work.span.begin < gap.end and gap.begin < work.span.end and any(tag.name == gap.tag for tag in work.tags)
        for work in works
    )


def _look(job: HistorianJob) -> tuple[list[Gap], _Looked]:
    """The gaps that are there now, and over which span each tag was looked at."""
    items = [item for item in job.ledger.items.list(job.source.source, _READ, limit=None) if "version" in item.facts]
    position = position_of(job.ledger.watermarks.get(job.source.source))
    ends = [position] if position is not None else [int(item.facts["end"]) for item in items]
    if not ends:
        return [], {}
    end, begin = max(ends), from_iso(job.source.begin.isoformat())
    begin = max(begin, end - job.source.gaps.look_back // timedelta(microseconds=1) * 1_000)
    known = job.ledger.historian.gaps(job.source.source)
    looked = {entry.name: _span_of(job, known, entry.name, begin, end) for entry in job.entries}
    now, found = _nanoseconds(job.clock()), list[Gap]()
    for first in range(0, len(job.entries), _TOGETHER):
        some = job.entries[first : first + _TOGETHER]
        tables = _samples(job, items, {entry.name: Span(*looked[entry.name]) for entry in some})
        for entry in some:
            found += find_gaps(entry, tables[entry.name], Span(*looked[entry.name]), now=now).gaps
    return found, looked


def _span_of(job: HistorianJob, known: Sequence[KnownGap], tag: str, begin: int, end: int) -> tuple[int, int]:
    """Also over older gaps that are asked for still, so that they are seen to be filled."""
    asked = [one.gap.begin for one in known if one.gap.tag == tag and one.attempts < job.source.gaps.attempts]
    return widen(known, tag, min([begin, *asked]), max(end, begin))


def _samples(job: HistorianJob, items: Sequence[WorkItem], spans: dict[str, Span]) -> dict[str, list[Any]]:
    """Of each tag the samples of its span as the newest readings have them, in the order of time."""
    left: dict[str, tuple[Span, ...]] = {tag: (span,) for tag, span in spans.items()}
    pieces: dict[str, list[tuple[Span, Table]]] = {tag: [] for tag in spans}
    for item in sorted(items, key=lambda one: str(one.facts["version"]), reverse=True):
        work = Work.from_json(item.facts)
        parts = {
            tag.name: [cut for hole in left[tag.name] if (cut := _common(hole, work.span)) is not None]
            for tag in work.tags
            if tag.name in left
        }
        parts = {tag: cuts for tag, cuts in parts.items() if cuts}
        if not parts:
            continue
        rows = _rows(job, item, parts)
        for tag, cuts in parts.items():
            left[tag] = tuple(rest for hole in left[tag] for rest in without(hole, [work.span]))
            if rows is not None:
                own = rows.filter(pc.equal(rows.column("tag"), tag))
                pieces[tag] += [(cut, piece) for cut in cuts if (piece := _within(own, cut)).num_rows]
    return {tag: list(_batches(found)) for tag, found in pieces.items()}


def _rows(job: HistorianJob, item: WorkItem, tags: Collection[str]) -> Table | None:
    if not item.facts["rows_landed"]:
        return None
    wanted = [("tag", "in", list(tags))]
    folder = job.root / item.facts["folder"]
    names = [file.name for file in read_manifest(folder).files]
    with local_folder(folder) as local:
        return pa.concat_tables([pq.read_table(local / name, columns=_COLUMNS, filters=wanted) for name in names])


def _batches(pieces: Iterable[tuple[Span, Table]]) -> Iterator[Any]:
    for _, piece in sorted(pieces, key=lambda each: each[0]):
        instants = piece.column("ts_ns").cast(pa.timestamp("ns", tz="UTC"))
        yield from piece.append_column("ts", instants).drop_columns(["ts_ns", "tag"]).combine_chunks().to_batches()


def _within(rows: Table, span: Span) -> Table:
    ts = rows.column("ts_ns")
    return rows.filter(pc.and_(pc.greater_equal(ts, span.begin), pc.less(ts, span.end)))


def _common(one: Span, other: Span) -> Span | None:
    begin, end = max(one.begin, other.begin), min(one.end, other.end)
    return Span(begin, end) if begin < end else None


def _nanoseconds(moment: datetime) -> int:
    return from_iso(moment.astimezone(UTC).isoformat())
