"""One run of a table source by the ledger: plan it once, extract its shards, land them as batches.

A run is a set of work items, one for each shard, at `odbc/<run>/shard-0001`. The first of them holds the plan, and is entered by
one atomic step: of two planners at once the second finds it and takes the same plan. The name of a run that moves the
watermark follows from the watermark, and is chosen before anything is looked at, so that no two plan from one position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from itertools import count
from pathlib import Path

from upath import UPath

from airflow_provider_integrations.connectors.odbc.model import TableFacts, TableQuery
from airflow_provider_integrations.connectors.odbc.plan import Policy, RunPlan, plan_run
from airflow_provider_integrations.connectors.odbc.position import BEGINNING, position_of
from airflow_provider_integrations.connectors.odbc.query import build_query
from airflow_provider_integrations.connectors.odbc.selection import compare, rows_of, selection_of
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.settle import leads_on, settle
from airflow_provider_integrations.connectors.odbc.tracked_run import plan_tracked
from airflow_provider_integrations.core.clock import Clock
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError, TransientError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.table_source import TableSource
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.holding import LEASE, holding
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import utc_now

__all__ = ["Asked", "RunJob", "connected", "digest_of", "of_same_rows", "plan_items"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one run is asked to do beyond the source's own policy.

    Args:
        request: Id of the asking run, so that it is planned once however often it is tried.
        whole: Read all rows, and move nothing.
        span: Backfill, from the first value of the cursor to before the second.
        guarantee: Another guarantee than the source's.
    """

    request: str
    whole: bool = False
    span: tuple[str | None, str | None] | None = None
    guarantee: str | None = None


@dataclass(frozen=True, slots=True)
class RunJob:
    """What is promised, where things are, and who works.

    Args:
        source, contract: What is promised.
        settings: How to reach the source.
        ledger: Where the work items are.
        root: Landing root.
        scratch: Private folder on a local disk for pages that are not landed yet.
        owner: Who claims; also how the session is named at the source.
        template: Extraction SQL, if the source has one.
        opened: Told of each session that is opened, so that it can be cancelled.
        boundary: Called between the steps; tests kill the process there.
    """

    source: TableSource
    contract: Contract
    settings: OdbcSettings
    ledger: Ledger
    root: UPath
    scratch: Path
    owner: str
    template: str | None = None
    lease: timedelta = LEASE
    clock: Clock = utc_now
    opened: Callable[[OdbcSession], None] = lambda _: None
    boundary: Callable[[str], None] = lambda _: None


def plan_items(job: RunJob, asked: Asked) -> list[WorkItem]:
    """The work items that this run is to bring on: those that an earlier run left, and those of a new plan.

    A run that was left unfinished is finished first; a new one is planned from the position that it leads to. One that was
    planned from where the watermark no longer stands is given up, since the runs from there read its rows.

    Raises:
        ConfigError, StateConflictError, WatermarkLostError: nothing was planned.
    """
    name = job.source.source
    settle(job.ledger, name)  # A worker may have died between the last load and the watermark.
    moves, run = _next_run(job, asked)
    waiting = job.ledger.items.list(name, [State.DISCOVERED, State.LANDED, State.GATED, State.LOADED], limit=None)
    overtaken = _overtaken(job, waiting)
    _give_up(job, [item for item in overtaken if item.state is State.DISCOVERED])
    waiting = [item for item in waiting if item not in overtaken]
    for first in [item for item in waiting if item.facts["shard"] == 1]:
        _enter_shards(job, first)
    if _moves_nothing(job, asked) or not any(RunPlan.from_json(item.facts["plan"]).advances for item in waiting):
        _plan(job, asked, moves, run)
    return sorted(
        job.ledger.items.list(name, [State.DISCOVERED, State.LANDED], limit=None),
        key=lambda item: item.path,
    )


@contextmanager
def connected(job: RunJob) -> Iterator[tuple[OdbcSession, TableQuery, TableFacts]]:
    """A session of the source, what is read from it, and what its catalogue says."""
    with OdbcSession.open(job.settings, application=job.owner) as session:
        job.opened(session)
        source = job.source
        if source.table is not None:
            facts = session.facts(source.table)
        else:
            # Its columns, with no regard to where its keyset predicate belongs.
            facts = replace(
                session.facts(None, str(job.template).replace("{keyset}", "1 = 1")), table=str(source.template)
            )
        if facts.primary_key and set(facts.primary_key) != set(job.contract.keys):
            raise ConfigError(
                "the contract's keys are not the table's primary key",
                contract=job.contract.keys,
                table=facts.primary_key,
                next_step="Name the primary key as the contract's keys: without it rows cannot be told apart.",
            )
        query = build_query(
            session.dialect, facts, job.contract, source.cursor, filter=source.filter, template=job.template
        )
        yield session, query, facts


def of_same_rows(job: RunJob, plan: RunPlan) -> bool:
    """Whether the source has the filter and the extraction SQL still that a run was planned with."""
    return plan.selection is None or plan.selection.rows == rows_of(job.source.filter, job.template)


def _moves_nothing(job: RunJob, asked: Asked) -> bool:
    return asked.whole or asked.span is not None or job.source.mode == "full"


def _next_run(job: RunJob, asked: Asked) -> tuple[int, str]:
    """How often the watermark moved, and a name that no run of it has: refused and rewound runs leave theirs behind."""
    watermark = job.ledger.watermarks.get(job.source.source)
    moves = int(str(watermark.cursor[0])) if watermark is not None else 0
    if _moves_nothing(job, asked):
        return moves, f"span-{digest_of(asked.request)[:12]}"
    names = (f"{moves:08d}.{attempt}" for attempt in count())
    return moves, next(name for name in names if job.ledger.items.unknown(
        job.source.source, [_first_shard(name)], listed_at=job.clock()))  # fmt: skip


def _overtaken(job: RunJob, items: list[WorkItem]) -> list[WorkItem]:
    """Those of runs that were planned from where the watermark no longer stands, or are still to read by another filter."""
    current = job.ledger.watermarks.get(job.source.source)
    plans = [(item, RunPlan.from_json(item.facts["plan"])) for item in items]
    return [
        item
        for item, plan in plans
        if (plan.advances and not leads_on(current, plan, int(item.facts["moves"])))
        or (item.state is State.DISCOVERED and not of_same_rows(job, plan))
    ]  # fmt: skip


def _give_up(job: RunJob, items: list[WorkItem]) -> None:
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        for item in held.take_all([item.id for item in items], State.DISCOVERED):
            reason = Reason.OVERTAKEN
            detail = f"{reason.meaning} (run={item.facts['run']}). {reason.next_step}"
            held.advance(item, State.DUPLICATE, reason=reason.value, detail=detail)


def _first_shard(run: str) -> RemoteFile:
    return RemoteFile(f"odbc/{run}/shard-0001", 0, 0)


def _plan(job: RunJob, asked: Asked, moves: int, run: str) -> None:
    source, ledger = job.source, job.ledger
    policy = Policy(
        guarantee=asked.guarantee or source.guarantee,
        lag=source.lag,
        begin=source.begin,
        shards=source.shards,
        whole=asked.whole or (source.mode == "full" and asked.span is None),
        span=asked.span,
    )
    with connected(job) as (session, query, facts):
        watermark = ledger.watermarks.get(source.source)
        position, at = position_of(watermark, session.engine) if watermark is not None else (BEGINNING, 0)
        if at != moves:
            raise TransientError("another run has moved the watermark meanwhile", next_step="Plan again.")
        planned = plan_tracked if source.mode == "change_tracking" else plan_run
        selection = selection_of(query, job.contract, policy.begin)
        changed = compare(position.selection, selection) if policy.advances else ()
        plan = planned(session, query, facts, policy, position)
        if policy.advances:
            plan = replace(plan, selection=selection, warnings=(*plan.warnings, *changed))
    first = _first_shard(run)
    stamp = job.clock().astimezone(UTC)
    facts_of_run = {
        "plan": plan.to_json(),
        "run": run,
        "moves": moves,
        "run_version": f"{stamp:%Y-%m-%dT%H:%M:%S.%fZ}/{run}",
        "guarantee": plan.guarantee.value,
        "all_rows": policy.whole,
        "shard": 1,
        "shards": len(plan.ranges),
    }
    job.boundary("planned")
    found = ledger.items.discover(source.source, [first], listed_at=job.clock(), facts={first.path: facts_of_run})
    job.boundary("plan entered")
    for item in found:
        _enter_shards(job, item)


def _enter_shards(job: RunJob, first: WorkItem) -> None:
    """The other shards of a plan; again is harmless."""
    plan = RunPlan.from_json(first.facts["plan"])
    shared = {name: first.facts[name] for name in ("run", "moves", "run_version", "guarantee", "all_rows", "shards")}
    rest = {
        RemoteFile(f"odbc/{first.facts['run']}/shard-{shard:04d}", 0, 0): {
            # Its own range alone: a run of many shards would hold them all as often.
            **shared,
            "shard": shard,
            "plan": replace(
                plan,
                ranges=(plan.ranges[shard - 1],),
                late=None,
                selection=plan.selection and replace(plan.selection, columns=()),
            ).to_json(),
        }
        for shard in range(2, len(plan.ranges) + 1)
    }
    job.ledger.items.discover(
        job.source.source,
        list(rest),
        listed_at=job.clock(),
        facts={file.path: facts for file, facts in rest.items()},
    )


def digest_of(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
