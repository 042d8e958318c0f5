"""One run of a table into a folder, without Airflow and without a ledger: what `integrations odbc extract` does.

Files appear in the folder when the whole run is complete, and the state moves after them. Whoever keeps the latest row of each
key, by `_version` and `_line`, has the table.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.odbc.extract import ShardJob, extract_shard
from airflow_provider_integrations.connectors.odbc.model import NullPolicy, PageMark, TableQuery
from airflow_provider_integrations.connectors.odbc.plan import Policy, RunPlan, next_position, plan_run
from airflow_provider_integrations.connectors.odbc.query import build_query, natural_contract, split_order
from airflow_provider_integrations.connectors.odbc.report import ShardReport
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.state_file import OpenRun, State, locked, read_state, write_state
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.landing.durable import sync_folder
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
    settings: OdbcSettings, request: Request, *, boundary: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Run once, or finish the run that was begun; gives the report as JSON values.

    Raises:
        ConfigError, StateConflictError, TransientError, ReconciliationError: the state stays where it was.
    """
    began = time.monotonic()
    request.out.mkdir(parents=True, exist_ok=True)
    with locked(request.state), OdbcSession.open(settings) as session:
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
            request.state, table=request.table, order=request.order, engine=session.engine, out=request.out
        )
        resumed = state.run is not None
        if state.run is None:
            plan = plan_run(session, query, facts, request.policy, state.position)
            run = OpenRun(new_id()[:12], new_version(utc_now()), plan, (PageMark(),) * len(plan.ranges))
            state = replace(state, run=run)
            write_state(request.state, state)
            boundary("planned")
        reports = _Shards(settings, session, request, query, contract, state, boundary).read()
        assert state.run is not None, "a run was begun"
        files = _publish(request.out, state.run, reports)
        boundary("published")
        write_state(request.state, _ended(state, state.run.plan, reports))
        boundary("state moved")
        shutil.rmtree(_folder(request.out, state.run), ignore_errors=True)
        return _report(state.run.plan, reports, files, seconds=time.monotonic() - began, resumed=resumed)


def new_version(at: datetime) -> str:
    """Sorts runs by the instant at which they began."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


class _Shards:
    """The shards of one run, each on its own connection; the first takes the one that is open."""

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
        self._run, self._state = state.run, state
        self._lock = threading.Lock()

    def read(self) -> list[ShardReport]:
        """Read all; the first error ends the run when the others have stopped at their next page."""
        shards = range(len(self._run.plan.ranges))
        if len(shards) == 1:
            return [self._shard(0, self._session)]
        with ThreadPoolExecutor(len(shards), thread_name_prefix="shard") as pool:
            return [future.result() for future in [pool.submit(self._connected, shard) for shard in shards]]

    def _connected(self, shard: int) -> ShardReport:
        if shard == 0:
            return self._shard(0, self._session)
        with OdbcSession.open(self._settings) as session:
            return self._shard(shard, session)

    def _shard(self, shard: int, session: OdbcSession) -> ShardReport:
        plan, request = self._run.plan, self._request
        # Rows behind the mark, and those without one, are of no range: the first shard takes them.
        first = shard == 0
        job = ShardJob(
            query=self._query,
            contract=self._contract,
            key_range=plan.ranges[shard],
            folder=_folder(request.out, self._run) / f"{shard + 1:04d}",
            batch_id=f"{self._run.id}-{shard + 1:04d}",
            version=self._run.version,
            page_rows=request.page_rows,
            late=plan.late if first else None,
            nulls=request.nulls if first and request.policy.span is None else None,
            compare=first and plan.position.bookmark is None,
        )

        def save(mark: PageMark) -> None:
            with self._lock:
                self._run = self._run.moved(shard, mark)
                self._state = replace(self._state, run=self._run)
                write_state(request.state, self._state)

        return extract_shard(session, job, self._run.marks[shard], save, boundary=self._boundary)


def _ended(state: State, plan: RunPlan, reports: Sequence[ShardReport]) -> State:
    position = next_position(plan, [report.bookmark for report in reports]) if plan.advances else state.position
    return replace(state, run=None, runs=state.runs + 1, position=position)


def _publish(out: Path, run: OpenRun, reports: Sequence[ShardReport]) -> list[str]:
    """Give the files their place; a second name first, so that a process that dies here can do it again."""
    names = []
    stamp = "".join(char for char in run.version if char.isalnum())
    for shard, report in enumerate(reports, start=1):
        folder = _folder(out, run) / f"{shard:04d}"
        found = [file.name for file in report.files]
        if (folder / "rejects.jsonl").exists():
            found.append("rejects.jsonl")
        for name in found:
            target = out / f"{stamp}-{run.id}-{shard:04d}-{name}"
            if not target.exists():
                target.hardlink_to(folder / name)
            names.append(target.name)
    sync_folder(out)
    return names


def _folder(out: Path, run: OpenRun) -> Path:
    return out / f".run-{run.id}"


def _report(
    plan: RunPlan, reports: Sequence[ShardReport], files: list[str], *, seconds: float, resumed: bool
) -> dict[str, Any]:
    position = next_position(plan, [report.bookmark for report in reports])
    rejects: dict[str, int] = {}
    for report in reports:
        for rule, number in report.rejects_by_rule.items():
            rejects[rule] = rejects.get(rule, 0) + number
    return {
        "rows": sum(report.rows_landed for report in reports),
        "rejected": sum(report.rows_rejected for report in reports),
        "rejects_by_rule": rejects,
        "late": sum(report.late for report in reports),
        "nulls": sum(report.nulls for report in reports),
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
        "warnings": list(plan.warnings),
        "files": files,
    }
