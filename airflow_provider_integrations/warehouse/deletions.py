"""Marks what sources told to be deleted, after the load of the batches that it came with.

The position of a source waits for it (`landing.deletions.awaits_deletions`): a run whose deletions are not marked is not done.
"""

from __future__ import annotations

import hashlib
from typing import Any

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.landing.deletions import awaits_deletions, kept_deletions
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.warehouse.soft_deletes import GoneKeys, apply_deletes

__all__ = ["mark_deletions"]


def mark_deletions(job: BatchJob, connection: Any) -> None:
    """Mark the deleted keys of what was loaded, each batch's once, in the order of versions; nothing is removed.

    Args:
        job: The source.
        connection: A DB-API connection to the warehouse.

    Raises:
        StateConflictError: the keys are not those that were landed.
        TransientError: the warehouse could not finish, or another worker holds an item; again is harmless.
    """
    loaded = job.ledger.items.list(job.source, [State.LOADED], limit=None)
    waiting = sorted(filter(awaits_deletions, loaded), key=lambda item: str(item.facts["version"]))
    if not waiting:
        return
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        items = held.take_all([item.id for item in waiting], State.LOADED)
        for item in items:
            batch_id = str(item.facts["batch_id"])
            own_id = hashlib.sha256(f"{batch_id}:deleted".encode()).hexdigest()[:24]
            gone = GoneKeys(own_id, job.source, str(item.facts["version"]), kept_deletions(job.root, item))
            done = apply_deletes(connection, gone, job.contract, job.load, run_id=job.owner)
            job.boundary("deletions marked")
            held.note(item, {"deletions_of": batch_id, "rows_deleted": done.updated})
            job.boundary("deletions noted")
    if len(items) < len(waiting):
        raise TransientError(
            "loaded items with deletions are claimed by another worker",
            items=len(waiting) - len(items),
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
