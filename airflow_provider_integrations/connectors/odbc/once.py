"""One run of a table into a folder, without Airflow and without a ledger: what `integrations odbc extract` does.

Files appear in the folder when the whole run is complete, and the state moves after them. Whoever keeps the latest row of each
key, by `_version` and `_line`, has the table.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.odbc.extract import ShardJob, extract_shard
from airflow_provider_integrations.connectors.odbc.model import NullPolicy, PageMark, TableQuery
from airflow_provider_integrations.connectors.odbc.out_files import folder_of, publish
from airflow_provider_integrations.connectors.odbc.plan import Policy, RunPlan, next_position, plan_run
from airflow_provider_integrations.connectors.odbc.query import build_query, natural_contract, split_order
from airflow_provider_integrations.connectors.odbc.report import (
    ShardReport,
    ahead_warning,
    rejects_of,
    too_many_rejects,
)
from airflow_provider_integrations.connectors.odbc.selection import compare, selection_of
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.side_by_side import Snapshot, read_side_by_side
from airflow_provider_integrations.connectors.odbc.state_file import OpenRun, State, locked, read_state, write_state
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.system import new_id, utc_now

__all__ = ["Request", "extract_once", "new_version"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for on the command line.

    Args:
        table: Dotted name.
        order: Cursor columns and then the primary key.
        out: Folder of the files.
        state: State file.
        policy: Guarantee, lag, shards, backfill.
        nulls: What becomes of NULL cursors.
        contract: What the rows are typed by; None takes the table's own types.
        page_rows: Rows of a page.
        filter: SQL condition on rows.
    """

    table: str
    order: tuple[str, ...]
    out: Path
    state: Path
    policy: Policy = field(default_factory=Policy)
    nulls: NullPolicy = NullPolicy.INCLUDE_EVERY_RUN
    contract: Contract | None = None
    page_rows: int = 250_000
    filter: str | None = None


def extract_once(
    settings: OdbcSettings,
    request: Request,
    *,
    boundary: Callable[[str], None] = lambda _: None,
    opened: Callable[[OdbcSession], None] = lambda _: None,
) -> dict[str, Any]:
    """Run once, or finish the run that was begun; gives the report as JSON values.

    Args:
        settings: How to reach the source.
        request: What is wanted.
        boundary: Called between the steps; tests kill the process there.
        opened: Told of the session that all others of the run end with, so that it can be cancelled.

    Raises:
        ConfigError, StateConflictError, TransientError, ReconciliationError: the state stays where it was.
        RejectedError: so it does, since more rows were rejected than the contract lets through.
    """
    began = time.monotonic()
    request.out.mkdir(parents=True, exist_ok=True)
    with locked(request.state), OdbcSession.open(settings) as session:
        opened(session)
        facts = session.facts(request.table)
        cursor, keys = split_order(request.order, facts.primary_key)
        contract = request.contract or natural_contract(session.dialect, facts, keys)
        if set(contract.keys) != set(keys):
            raise ConfigError(
                "the contract has other keys than the table", contract=contract.keys, table=keys,
                next_step="Give the contract the table's primary key.",
            )  # fmt: skip
        query = build_query(session.dialect, facts, contract, cursor, filter=request.filter)
        state = read_state(
            request.state, table=request.table, order=request.order, engine=_source(session), out=request.out
        )
        selection = selection_of(query, contract, request.policy.begin)
        changed = compare(state.position.selection, selection) if request.policy.advances else ()
        asked = _asked(request, contract)
        given_up = state.run is not None and state.run.asked != asked
        for run_id in (state.ended, state.run.id if state.run is not None and given_up else ""):
            if run_id:
                shutil.rmtree(folder_of(request.out, run_id), ignore_errors=True)
        resumed = state.run is not None and not given_up
        if state.run is None or given_up:
            plan = plan_run(session, query, facts, request.policy, state.position)
            if plan.advances:
                plan = replace(plan, selection=selection, warnings=(*plan.warnings, *changed))
            run = OpenRun(
                new_id()[:12], new_version(utc_now(), state.version), asked, plan, (PageMark(),) * len(plan.ranges)
            )
            state = replace(state, run=run)
        assert state.run is not None, "a run was begun"
        shards = _Shards(settings, session, request, query, contract, state, boundary)
        reports = shards.read()
        if any(too_many_rejects(report, contract.max_reject_share) for report in reports):
            raise _refused(request, contract, shards.state, reports)
        files = publish(request.out, state.run, reports)
        boundary("published")
        write_state(request.state, _ended(shards.state, state.run, reports))
        boundary("state moved")
        shutil.rmtree(folder_of(request.out, state.run.id), ignore_errors=True)
        report = _report(state.run.plan, reports, files, seconds=time.monotonic() - began, resumed=resumed)
        if request.contract is None and report["rejected"]:
            report["warnings"].append(
                f"{report['rejected']} rows were rejected, see rejects.jsonl: without a contract any number is let through"
            )
        if given_up:
            report["warnings"].append(
                "an unfinished run was asked for something else: it was given up and moved nothing"
            )
        return report


def new_version(at: datetime, last: str = "") -> str:
    """Sorts rows by the instant from which on they were read, and above the last, whatever the clock says."""
    version = _stamp(at)
    return version if version > last else _stamp(datetime.fromisoformat(last) + timedelta(microseconds=1))


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _source(session: OdbcSession) -> str:
    """What a state is of; SQLite does not know its own database's name."""
    if session.dialect.name != "sqlite":
        return session.engine
    return f"{session.engine} {Path(session.settings.keywords.get('Database', '')).resolve()}"


def _asked(request: Request, contract: Contract) -> str:
    """What decides which rows a run gives and how: a run that was begun is brought on by no other request."""
    policy = request.policy
    span = list(policy.span) if policy.span is not None else None
    wanted = [policy.guarantee, str(policy.lag), span, request.nulls.value, request.filter, contract.digest]
    return hashlib.sha256(json.dumps(wanted).encode()).hexdigest()


class _Shards:
    """The shards of one run, and the state that they move."""

    def __init__(
        self,
        settings: OdbcSettings,
        session: OdbcSession,
        request: Request,
        query: TableQuery,
        contract: Contract,
        state: State,
        boundary: Callable[[str], None],
    ) -> None:
        assert state.run is not None, "a run was begun"
        self._settings, self._session, self._request = settings, session, request
        self._query, self._contract, self._boundary = query, contract, boundary
        self._run, self.state = state.run, state
        self._lock = threading.Lock()

    def read(self) -> list[ShardReport]:
        """Read all, and keep in the state how far each has come."""
        shards = len(self._run.plan.ranges)
        versions = [self.state.version]
        for _ in range(shards):
            versions.append(new_version(utc_now(), versions[-1]))
        # In the state before any row has one: the next attempt's must be higher, whatever its clock says.
        self.state = replace(self.state, version=versions[-1])
        write_state(self._request.state, self.state)
        self._boundary("planned")
        return read_side_by_side(
            self._settings,
            self._session,
            shards,
            lambda shard, session, snapshot: self._shard(shard, session, snapshot, versions[shard + 1]),
        )

    def _shard(self, shard: int, session: OdbcSession, snapshot: Snapshot, version: str) -> ShardReport:
        plan, request = self._run.plan, self._request
        # Rows behind the mark, and those without one, are of no range: the first shard takes them.
        first = shard == 0
        job = ShardJob(
            query=self._query,
            contract=self._contract,
            key_range=plan.ranges[shard],
            folder=folder_of(request.out, self._run.id) / f"{shard + 1:04d}",
            batch_id=f"{self._run.id}-{shard + 1:04d}",
            version=version,
            page_rows=request.page_rows,
            late=plan.late if first else None,
            nulls=request.nulls if first and request.policy.span is None else None,
            compare=first and plan.position.bookmark is None,
            ahead=first and plan.ceiling is not None,
            many=plan.position.bookmark is None,
        )

        def save(mark: PageMark) -> None:
            with self._lock:
                self._run = self._run.moved(shard, mark)
                self.state = replace(self.state, run=self._run)
                write_state(request.state, self.state)

        return extract_shard(session, job, self._run.marks[shard], save, boundary=self._boundary, snapshot=snapshot)


def _ended(state: State, run: OpenRun, reports: Sequence[ShardReport]) -> State:
    bookmarks = [report.bookmark for report in reports]
    position = next_position(run.plan, bookmarks) if run.plan.advances else state.position
    return replace(state, run=None, ended=run.id, runs=state.runs + 1, position=position)


def _refused(request: Request, contract: Contract, state: State, reports: Sequence[ShardReport]) -> RejectedError:
    """End the run with nothing of it published but why rows were rejected; the next one reads them again."""
    assert state.run is not None, "a run was begun"
    kept = publish(request.out, state.run, reports, rejects_alone=True)
    write_state(request.state, replace(state, run=None, ended=state.run.id))
    shutil.rmtree(folder_of(request.out, state.run.id), ignore_errors=True)
    return RejectedError(
        Reason.TOO_MANY_REJECTS,
        next_step="Correct the source or the contract and run again: the state stays where it was, and the rows are read again.",
        rows_read=sum(report.rows_read for report in reports),
        rows_rejected=sum(report.rows_rejected for report in reports),
        by_rule=rejects_of(reports),
        max_reject_share=contract.max_reject_share,
        see=[str(request.out / name) for name in kept],
    )


def _report(
    plan: RunPlan, reports: Sequence[ShardReport], files: list[str], *, seconds: float, resumed: bool
) -> dict[str, Any]:
    position = next_position(plan, [report.bookmark for report in reports])
    return {
        "rows": sum(report.rows_landed for report in reports),
        "rejected": sum(report.rows_rejected for report in reports),
        "rejects_by_rule": rejects_of(reports),
        "late": sum(report.late for report in reports),
        "nulls": sum(report.nulls for report in reports),
        "ahead": reports[0].ahead,
        "source_rows": sum(report.source_rows for report in reports),
        "pages": sum(report.pages for report in reports),
        "bytes": sum(report.size for report in reports),
        "seconds": round(seconds, 3),
        "shards": len(reports),
        "guarantee": plan.guarantee.value,
        "promise": plan.promise,
        "bookmark": list(position.bookmark) if position.bookmark and plan.advances else None,
        "bookmark_check": plan.bookmark_check,
        "advanced": plan.advances,
        "resumed": resumed,
        "warnings": [*plan.warnings, *ahead_warning(reports[0].ahead, reports[0].ahead_rejected)],
        "files": files,
    }
