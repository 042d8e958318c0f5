"""The shards of a run, read and landed as batches: pages in a scratch folder, then bronze, then the ledger."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.odbc.extract import ShardJob, extract_shard
from airflow_provider_integrations.connectors.odbc.model import NullPolicy, PageMark, TableQuery
from airflow_provider_integrations.connectors.odbc.plan import RunPlan
from airflow_provider_integrations.connectors.odbc.report import ShardReport, too_many_rejects
from airflow_provider_integrations.connectors.odbc.run import RunJob, connected, digest_of, of_same_rows
from airflow_provider_integrations.connectors.odbc.selection import rows_of
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.sweep_stamp import read_version
from airflow_provider_integrations.connectors.odbc.tracked_run import increment_of
from airflow_provider_integrations.core.errors import StateConflictError, TransientError
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing import quarantine
from airflow_provider_integrations.landing.bronze import MANIFEST, batch_key, promote
from airflow_provider_integrations.ledger.holding import Holder, holding

__all__ = ["extract_items", "outcome"]

_KEPT = 3 * 86_400
"""Seconds for which a shard that writes no page keeps those that it has on this disk."""


def extract_items(job: RunJob, item_ids: Sequence[str]) -> list[WorkItem]:
    """Read and land shards; those that are not `discovered` are left alone. Gives all of them as they are then.

    Raises:
        TransientError: the source failed, or another worker holds an item; it goes on after its last page.
    """
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        items = held.take_all(item_ids, State.DISCOVERED)
        _sweep(job)
        if items:
            with connected(job) as (session, query, _):
                for item in items:
                    _extract(job, session, query, held, item)
    after = [job.ledger.items.get(item_id) for item_id in item_ids]
    if busy := [item.id for item in after if item.state is State.DISCOVERED]:
        raise TransientError(
            "shards are claimed by another worker",
            items=busy,
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
    return after


def _extract(job: RunJob, session: OdbcSession, query: TableQuery, held: Holder, item: WorkItem) -> None:
    plan = RunPlan.from_json(item.facts["plan"])
    if plan.engine != session.engine:
        raise StateConflictError(
            "the run was planned on another source", planned=plan.engine, source=session.engine,
            next_step="Connect to the source that the run was planned on.",
        )  # fmt: skip
    if not of_same_rows(job, plan):
        raise StateConflictError(
            "the filter or the extraction SQL was changed since the run was planned", run=item.facts["run"],
            next_step="Trigger the source again: this run is given up then, and another one planned.",
        )  # fmt: skip
    first = int(item.facts["shard"]) == 1
    # Of the rows that are asked for too: pages of a backfill that are there by another filter are read anew.
    asked = [job.contract.digest, *(each for each in rows_of(job.source.filter, job.template) if each)]
    batch_id = digest_of(":".join([item.id, str(item.facts.get("releases", 0)), *asked]))[:24]
    folder = job.scratch / batch_id
    manifest = _landed_before(job, item, batch_id)
    if manifest is None:
        version = _version(job, item)
        changes = increment_of(session, query, plan, job.contract, folder)
        shard_job = ShardJob(
            query=changes.query if changes is not None else query,
            contract=job.contract,
            key_range=plan.ranges[0],
            folder=folder,
            batch_id=batch_id,
            version=version,
            page_rows=job.source.page_rows,
            late=plan.late if first else None,
            # A backfill is of a span of the cursor, in which no row without one lies.
            nulls=NullPolicy(job.source.nulls) if first and (plan.advances or item.facts["all_rows"]) else None,
            control=job.source.control_columns,
            compare=first and plan.position.bookmark is None,
            ahead=first and plan.ceiling is not None,
            many=plan.position.bookmark is None,
        )
        mark = _mark(item) if item.facts.get("mark_of") == batch_id else PageMark()

        def save(moved: PageMark) -> None:
            held.note(item, {"mark": asdict(moved), "mark_of": batch_id})

        snapshot = changes.snapshot if changes is not None else None
        report = extract_shard(session, shard_job, mark, save, boundary=job.boundary, snapshot=snapshot)
        if _refused(job, held, item, report, folder):
            return
        manifest = _manifest(job, item, report, batch_id, version)
        deleted = changes.facts if changes is not None else {}
        held.note(item, _facts(report, batch_id, manifest) | deleted)
        job.boundary("report noted")
        if report.rows_read or deleted.get("keys_deleted"):
            promote(folder, job.root, manifest)
            job.boundary("promoted")
    if manifest.rows_landed:
        held.advance(item, State.LANDED, facts={"folder": batch_key(manifest)})
    else:  # Nothing to load: no row, or rejects or deletions alone, which are kept in bronze.
        held.advance(item, State.LOADED, facts={"rows_loaded": 0})
    job.boundary("landed")
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(job: RunJob) -> None:
    """Remove the pages of shards that died here and were brought on elsewhere, or were given up."""
    for folder in job.scratch.glob("*/"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < job.clock().timestamp() - _KEPT:
                shutil.rmtree(folder, ignore_errors=True)


def _landed_before(job: RunJob, item: WorkItem, batch_id: str) -> Manifest | None:
    """The manifest, when the process died between the landing and its note in the ledger."""
    if item.facts.get("batch_id") != batch_id or "manifest" not in item.facts:
        return None
    manifest = Manifest.from_json(item.facts["manifest"])
    return manifest if (job.root / batch_key(manifest) / MANIFEST).exists() else None


def _refused(job: RunJob, held: Holder, item: WorkItem, report: ShardReport, folder: Path) -> bool:
    if not too_many_rejects(report, job.contract.max_reject_share):
        return False
    reason = Reason.TOO_MANY_REJECTS
    detail = (
        f"{reason.meaning} (rows_read={report.rows_read}, rows_rejected={report.rows_rejected},"
        f" by_rule={report.rejects_by_rule}). Correct the source or the contract; the next run reads the rows again."
    )
    kept = quarantine.keep(job.root, item, reason, detail=detail, at=job.clock(), rejects=folder / "rejects.jsonl")
    facts = {"kept": kept, "rows_read": report.rows_read, "rows_rejected": report.rows_rejected}
    held.advance(item, State.QUARANTINED, reason=reason.value, detail=detail, facts=facts)
    shutil.rmtree(folder, ignore_errors=True)
    return True


def _version(job: RunJob, item: WorkItem) -> str:
    """Sorts what is read from here on behind all that was read before, also by a shard that goes on later than others.

    Not the plan's: a shard that is resumed after another run has read would lose its newer rows against that run's.
    """
    run = str(item.facts["run"])
    entered = str(item.facts["run_version"])
    return read_version(job.ledger, job.source.source, job.clock(), run=run, entered=entered)


def _manifest(job: RunJob, item: WorkItem, report: ShardReport, batch_id: str, version: str) -> Manifest:
    return Manifest(
        batch_id=batch_id,
        source=job.source.source,
        item_id=item.id,
        received_at=item.discovered_at.isoformat(),
        ingest_date=item.discovered_at.date().isoformat(),
        original=item.path,
        version=version,
        contract=job.contract.contract,
        contract_version=job.contract.version,
        contract_digest=job.contract.digest,
        ciphertext_sha256="",
        plaintext_sha256="",
        signers=(),
        rows_read=report.rows_read,
        rows_landed=report.rows_landed,
        rows_rejected=report.rows_rejected,
        rejects_by_rule=report.rejects_by_rule,
        files=report.files,
    )


def _facts(report: ShardReport, batch_id: str, manifest: Manifest) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "folder": batch_key(manifest),
        "manifest": manifest.to_json(),
        "version": manifest.version,
        "bookmark": list(report.bookmark) if report.bookmark is not None else None,
        "rows_read": report.rows_read,
        "rows_landed": report.rows_landed,
        "rows_rejected": report.rows_rejected,
        "rows_late": report.late,
        "rows_without_cursor": report.nulls,
        "rows_ahead": report.ahead,
        "rows_source": report.source_rows,
        "control_sums": report.sums,
        "pages": report.pages,
        "seconds": round(report.seconds, 3),
    }


def _mark(item: WorkItem) -> PageMark:
    raw = item.facts.get("mark")
    if raw is None:
        return PageMark()
    mark = PageMark(**raw)
    return replace(mark, bookmark=tuple(mark.bookmark)) if mark.bookmark is not None else mark


def outcome(items: Sequence[WorkItem]) -> dict[str, Any]:
    """What an operator returns of shards: counts, and the guarantee that was given."""
    told = {
        "states": dict(Counter(item.state.value for item in items)),
        "guarantees": sorted({str(item.facts.get("guarantee")) for item in items}),
        "rows_landed": sum(item.facts.get("rows_landed", 0) for item in items),
        "rows_rejected": sum(item.facts.get("rows_rejected", 0) for item in items),
        "rows_late": sum(item.facts.get("rows_late", 0) for item in items),
        "rows_ahead": sum(item.facts.get("rows_ahead", 0) for item in items),
        "pages": sum(item.facts.get("pages", 0) for item in items),
    }
    # A keyset knows nothing of deletions, which is not the same as none.
    deleted = [item.facts["keys_deleted"] for item in items if "keys_deleted" in item.facts]
    return told | ({"keys_deleted": sum(deleted)} if deleted else {})
