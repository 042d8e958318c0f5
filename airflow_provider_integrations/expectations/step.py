"""The gate as a step of every source: landed items in, gated or quarantined items out.

The verdict is in the ledger before anything else happens with it. A verdict that does not pass is a result: the item goes to
quarantine with its reason, and the step goes on with the others.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from upath import UPath

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.expectations.gate import GateOutcome, LandedBatch, run_gate
from airflow_provider_integrations.expectations.suites import Suite
from airflow_provider_integrations.landing import quarantine
from airflow_provider_integrations.landing.bronze import local_folder, read_manifest
from airflow_provider_integrations.ledger.holding import Holder, holding

__all__ = ["gate_items"]

log = logging.getLogger(__name__)


def gate_items(job: BatchJob, suites: Sequence[Suite], item_ids: Sequence[str]) -> list[WorkItem]:
    """Gate those of the items that are landed; gives all of them as they are afterwards.

    Data docs are built under `docs/` of the landing root; a result names its page below that.

    Args:
        job: The source.
        suites: What must hold beside what the contract implies.
        item_ids: Work items; those in another state than `landed` are left alone.

    Raises:
        TransientError: if an item is claimed by a worker that may have died; all others are done by then.
    """
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        items = held.take_all(item_ids, State.LANDED)
        job.boundary("claimed for the gate")
        # Folders are closed before an item moves on: only then are the gate's files in an object store.
        with ExitStack() as folders:
            docs = folders.enter_context(_docs_folder(job.root))
            batches = [_batch(job, folders, item) for item in items]
            outcomes = run_gate(batches, job.contract, suites, job.gate.mode, docs=docs) if batches else []
        job.boundary("gated")
        for item, outcome in zip(items, outcomes, strict=True):
            if page := outcome.result.docs:
                outcome = replace(outcome, result=replace(outcome.result, docs=Path(page).relative_to(docs).as_posix()))
            job.ledger.records.gate(item.id, outcome.result)
            job.boundary("verdict stored")
            _settle(job, held, item, outcome)
            job.boundary("verdict settled")
    after = [job.ledger.items.get(item_id) for item_id in item_ids]
    if busy := [item.id for item in after if item.state is State.LANDED]:
        raise TransientError(
            "items are claimed by another worker",
            items=busy,
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
    return after


@contextmanager
def _docs_folder(root: UPath) -> Iterator[Path]:
    """The docs' folder as a local path; for an object store, what was written there is put up at the end."""
    folder = root / "docs"
    if folder.protocol in ("", "file"):
        yield Path(folder.path)
        return
    with tempfile.TemporaryDirectory(prefix="docs-") as name:
        yield Path(name)
        for path in sorted(Path(name).rglob("*")):
            if path.is_file():
                (folder / path.relative_to(name).as_posix()).write_bytes(path.read_bytes())


def _batch(job: BatchJob, folders: ExitStack, item: WorkItem) -> LandedBatch:
    folder = job.root / item.facts["folder"]
    return LandedBatch(read_manifest(folder), folders.enter_context(local_folder(folder)))


def _settle(job: BatchJob, held: Holder, item: WorkItem, outcome: GateOutcome) -> None:
    result = outcome.result
    facts: dict[str, Any] = {
        "verdict": result.verdict.value,
        "suite_digest": result.suite_digest,
        "docs": result.docs,
        "rows_failed": result.rows_failed,
    }
    if result.verdict.passes:
        facts["publish"] = [asdict(file) for file in outcome.publish]
        facts["rows_gated"] = sum(file.rows for file in outcome.publish)
        held.advance(item, State.GATED, facts=facts)
        return
    reason = result.verdict.reason
    assert reason is not None, "a verdict that does not pass has a reason"
    failed = [f"{e.get('type')}({e.get('column') or 'table'})" for e in result.expectations if not e.get("success")]
    detail = f"{reason.meaning} (verdict={result.verdict.value}, failed={failed}). {reason.next_step}"
    kept = quarantine.keep(
        job.root,
        item,
        reason,
        detail=detail,
        original=job.root / item.facts["folder"] / "original.pgp",
        at=job.clock(),
    )
    log.warning("%s: %s: %s", job.source, item.name, detail)
    held.advance(item, State.QUARANTINED, reason=reason.value, detail=detail, facts={**facts, "kept": kept})
