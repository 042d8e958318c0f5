"""One run of a historian's source by the ledger: planned once as work items, each some tags over a span.

A run is the items at `historian/<run>/item-0001` and so on. The first holds the plan and is entered by one atomic step: of two
planners at once the second finds it and takes the same plan. A run on the schedule reads from the watermark to the end of its
data interval, and is named by the watermark, so that no two plan from one position. Any other run is named by who asks, so that
it is planned once however often it is tried, and moves nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from fnmatch import fnmatchcase
from itertools import count

from airflow_provider_integrations.connectors.historian.catalog_changes import new_tags
from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.model import Span, Tag, from_iso
from airflow_provider_integrations.connectors.historian.run_plan import MOST, RunPlan, Work, plan_work
from airflow_provider_integrations.connectors.historian.settle import leads_on, position_of
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.holding import holding

__all__ = ["Asked", "enter_plan", "plan_items", "plan_of", "tags_named"]

_LEFT_ALONE = timedelta(hours=1)
"""After so long without a step a run on the schedule takes up what other runs have left."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one run is asked to do.

    Args:
        request: Id of the asking run.
        until: Where a run on the schedule ends, in nanoseconds; it begins where the last one ended.
        span: Read this span, and move nothing.
        tags: Names or patterns, of the source's tags; all of them without one.
        newest_first: Another order than the source's.
    """

    request: str
    until: int | None = None
    span: Span | None = None
    tags: tuple[str, ...] = ()
    newest_first: bool | None = None


def tags_named(job: HistorianJob, patterns: Sequence[str] = ()) -> tuple[Tag, ...]:
    """The source's tags that patterns name, in the catalog's order; all without one.

    Raises:
        ConfigError: a pattern names none: what would not be read is told, and not left out.
    """
    tags = tuple(Tag(entry.name, entry.address) for entry in job.entries)
    if idle := [each for each in patterns if not any(fnmatchcase(tag.name, each) for tag in tags)]:
        raise ConfigError(
            "a pattern names no tag of the source",
            source=job.source.source,
            patterns=idle,
            tags=len(tags),
            next_step="Compare it with the catalog of the source and with its `tags`.",
        )
    return tuple(tag for tag in tags if not patterns or any(fnmatchcase(tag.name, each) for each in patterns))


def plan_of(job: HistorianJob, asked: Asked) -> RunPlan:
    """What a run would read now, if nothing of it was planned before; nothing is written.

    Raises:
        ConfigError: a pattern names no tag, or neither a span nor an end is given.
        WatermarkLostError: the source had a position and has none.
    """
    source = job.source
    newest = source.order == "newest" if asked.newest_first is None else asked.newest_first
    tags = tags_named(job, asked.tags)
    if asked.span is not None:
        return RunPlan(_works(job, tags, asked.span, newest), newest_first=newest)
    if asked.until is None:
        raise ConfigError("a run without an end", source=source.source, next_step="Give a span, or where it ends.")
    begin, position = from_iso(source.begin.isoformat()), position_of(job.ledger.watermarks.get(source.source))
    if position is None and begin >= asked.until:
        return RunPlan((), why="schedule")
    if position is not None and position >= asked.until:
        return RunPlan((), position=position, why="schedule")  # Read before; a span reads it again.
    back = source.reread // timedelta(microseconds=1) * 1_000
    start = begin if position is None else max(begin, position - back)
    late = () if position is None or start == begin else new_tags(job, tags, position)
    if not late:
        return RunPlan(_works(job, tags, Span(start, asked.until), newest), asked.until, position, newest, "schedule")
    # What is new comes after the others, and takes no more than half of a run.
    others = tuple(tag for tag in tags if tag not in late)
    works = _works(job, others, Span(start, asked.until), newest, most=MOST // 2)
    works += _works(job, late, Span(begin, asked.until), newest, most=MOST // 2)
    return RunPlan(works, asked.until, position, newest, "schedule")


def plan_items(job: HistorianJob, asked: Asked) -> list[WorkItem]:
    """The work items that this run is to bring on: its own, and on the schedule those that others left.

    A run on the schedule that was left unfinished is finished first, and a new one is planned when it is. One that was planned
    from where the watermark no longer stands is given up, since the run from there reads its samples.

    Raises:
        ConfigError, WatermarkLostError: nothing was planned.
    """
    # Nothing is settled here: that comes after the load, when it is marked what is gone of what was read.
    name = job.source.source
    if asked.span is not None:
        run = f"span-{hashlib.sha256(asked.request.encode()).hexdigest()[:12]}"
        _enter(job, run, asked)
        return _open_items(job, {run})
    waiting = job.ledger.items.list(name, [State.DISCOVERED, State.LANDED, State.GATED, State.LOADED], limit=None)
    overtaken = {item.id for item in waiting if item.facts["advances"] and not leads_on(job.ledger, item)}
    _give_up(job, [item.id for item in waiting if item.id in overtaken and item.state is State.DISCOVERED])
    runs = {str(item.facts["run"]) for item in waiting if item.facts["advances"] and item.id not in overtaken}
    before = job.clock() - _LEFT_ALONE
    idle = {str(item.facts["run"]) for item in waiting if item.updated_at < before and item.id not in overtaken}
    wanted = idle | (runs or {_next_run(job)})
    for run in sorted(wanted):
        _enter(job, run, asked)
    return _open_items(job, wanted)


def enter_plan(job: HistorianJob, run: str, plan: RunPlan) -> list[WorkItem]:
    """Enter the items of a plan; gives all of the run that are to be read or landed. Again is harmless.

    The first one holds the plan: if it is there, its plan counts and not this one.
    """
    if plan.works:
        stamp = job.clock().astimezone(UTC)
        shared = {
            "run": run,
            "why": plan.why,
            "run_version": f"{stamp:%Y-%m-%dT%H:%M:%S.%fZ}/{run}",
            "advances": plan.advances,
            "position": plan.position,
            "items": len(plan.works),
            "newest_first": plan.newest_first,
        }
        facts = {**shared, "item": 1, **plan.works[0].to_json(), "plan": plan.to_json()}
        job.boundary("planned")
        first = job.ledger.items.enter(job.source.source, RemoteFile(_path(run, 1), 0, 0), facts=facts)
        job.boundary("plan entered")
        _enter_rest(job, first)
    return _open_items(job, {run})


def _enter(job: HistorianJob, run: str, asked: Asked) -> None:
    first = job.ledger.items.latest(job.source.source, _path(run, 1))
    if first is not None:
        _enter_rest(job, first)
    else:
        enter_plan(job, run, plan_of(job, asked))


def _enter_rest(job: HistorianJob, first: WorkItem) -> None:
    """The other items of the plan that the first one holds."""
    plan = RunPlan.from_json(first.facts["plan"])
    of_run = ("run", "why", "run_version", "advances", "position", "items", "newest_first")
    shared = {name: first.facts[name] for name in of_run}
    rest = {
        _path(str(first.facts["run"]), place): {**shared, "item": place, **work.to_json()}
        for place, work in enumerate(plan.works[1:], start=2)
    }
    files = [RemoteFile(path, 0, 0) for path in rest]
    job.ledger.items.discover(job.source.source, files, listed_at=job.clock(), facts=rest)


def _open_items(job: HistorianJob, runs: Collection[object]) -> list[WorkItem]:
    items = job.ledger.items.list(job.source.source, [State.DISCOVERED, State.LANDED], limit=None)
    return sorted((item for item in items if item.facts["run"] in runs), key=lambda item: item.path)


def _next_run(job: HistorianJob) -> str:
    """A name that no run from this position has: those that were refused or rewound leave theirs behind."""
    position = position_of(job.ledger.watermarks.get(job.source.source))
    names = (f"{'begin' if position is None else position}.{attempt}" for attempt in count())
    return next(name for name in names if _unused(job, name))


def _unused(job: HistorianJob, run: str) -> bool:
    return job.ledger.items.latest(job.source.source, _path(run, 1)) is None


def _give_up(job: HistorianJob, ids: Sequence[str]) -> None:
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        for item in held.take_all(ids, State.DISCOVERED):
            reason = Reason.OVERTAKEN
            detail = f"{reason.meaning} (run={item.facts['run']}). {reason.next_step}"
            held.advance(item, State.DUPLICATE, reason=reason.value, detail=detail)


def _works(job: HistorianJob, tags: Sequence[Tag], span: Span, newest: bool, *, most: int = MOST) -> tuple[Work, ...]:
    source = job.source
    return plan_work(
        tags, span, window=source.window, tags_per_item=source.tags_per_item, newest_first=newest, most=most
    )


def _path(run: str, item: int) -> str:
    return f"historian/{run}/item-{item:04d}"
