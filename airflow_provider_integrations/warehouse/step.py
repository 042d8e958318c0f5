"""The load as a step of every source: gated items in, loaded items out, and the watermark after them.

The warehouse is written first, idempotently by batch id; the ledger follows. A crash between the two repeats the load,
which the warehouse's own load ledger answers with "already loaded".
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing.bronze import local_folder, read_manifest
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.warehouse.loader import LoadResult, PublishedBatch, load_batches
from airflow_provider_integrations.warehouse.reconcile import note_row_counts, reconcile

__all__ = ["load_items"]

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Batches in one COPY and one MERGE; Snowflake takes up to 1,000 files in a FILES list."""


def load_items(job: BatchJob, connection: Any) -> list[tuple[WorkItem, LoadResult, Manifest]]:
    """Load every gated item of the source, oldest version first, and bring the watermark after them.

    Args:
        job: The source.
        connection: A DB-API connection to the warehouse.

    Raises:
        ReconciliationError: if rows of the manifest, of the COPY and of the MERGE differ; nothing was published.
        TransientError: if the warehouse is away, or a worker that may have died holds an item; it stays gated.
    """
    loaded = []
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        waiting = job.ledger.items.list(job.source, [State.GATED], limit=None)
        waiting.sort(key=lambda item: str(item.facts.get("version", "")))
        for first in range(0, len(waiting), AT_ONCE):
            chunk = waiting[first : first + AT_ONCE]
            items = held.take_all([item.id for item in chunk], State.GATED)
            job.boundary("claimed for the load")
            for item, result, manifest in _load(job, connection, items):
                reconcile(item.facts, manifest, result)
                facts = {
                    "rows_loaded": result.staged,
                    "rows_inserted": result.inserted,
                    "rows_updated": result.updated,
                    "rows_unchanged": result.unchanged,
                }
                loaded.append((held.advance(item, State.LOADED, facts=facts), result, manifest))
                job.boundary("noted as loaded")
    job.mark_deletions(job, connection)
    # Before they are closed, and also those that had nothing to load.
    runs = job.ledger.items.runs_in(job.source, [State.LOADED])
    job.settle(job.ledger, job.source)
    job.boundary("watermark moved")
    _warn_of_unusual_runs(job, runs)
    if len(loaded) < len(waiting):
        raise TransientError(
            "gated items are claimed by another worker",
            items=len(waiting) - len(loaded),
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
    return loaded


def _warn_of_unusual_runs(job: BatchJob, runs: Sequence[str]) -> None:
    """Of tables alone: how many rows a partner puts into a file is the partner's affair."""
    for run, found in note_row_counts(job.ledger, job.source, runs).items():
        log.warning(
            "%s: run %s has %d rows, where %d to %d were usual by the %d runs before it", job.source, run, found.rows,
            found.low, found.high, found.runs,
        )  # fmt: skip


def _load(job: BatchJob, connection: Any, items: Sequence[WorkItem]) -> list[tuple[WorkItem, LoadResult, Manifest]]:
    if not items:
        return []
    with ExitStack() as stack:
        manifests = [read_manifest(job.root / item.facts["folder"]) for item in items]
        batches = [_published(job, stack, item, manifest) for item, manifest in zip(items, manifests, strict=True)]
        done = load_batches(connection, batches, job.contract, job.load, run_id=job.owner)
        results = {result.batch_id: result for result in done}
        job.boundary("loaded")
    return [(item, results[manifest.batch_id], manifest) for item, manifest in zip(items, manifests, strict=True)]


def _published(job: BatchJob, stack: ExitStack, item: WorkItem, manifest: Manifest) -> PublishedBatch:
    files = tuple(DataFile(**entry) for entry in item.facts["publish"])
    published = [file.name for file in files]
    folder = stack.enter_context(local_folder(job.root / item.facts["folder"], files=published))
    return PublishedBatch(
        batch_id=manifest.batch_id,
        source=manifest.source,
        version=manifest.version,
        files=tuple(folder / file.name for file in files),
        digests=tuple(file.sha256 for file in files),
        rows=sum(file.rows for file in files),
        manifest=manifest,
        control=job.control,
    )
