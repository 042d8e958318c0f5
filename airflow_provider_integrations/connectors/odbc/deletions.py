"""Keys that a source has told to be deleted: kept beside a batch's rows, and marked in the warehouse after its load.

They are written by the contract's types, as `deleted.arrow` (Arrow IPC) in the batch's folder, under the version of its rows. The
watermark waits for them (`settle.awaits_deletions`): a run whose deletions are not marked yet is not done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.odbc.model import ReadColumn
from airflow_provider_integrations.connectors.odbc.settle import awaits_deletions
from airflow_provider_integrations.connectors.odbc.typed import to_landed
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import StateConflictError, TransientError
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.formats.arrow import Table, pa
from airflow_provider_integrations.landing.bronze import DELETED
from airflow_provider_integrations.landing.durable import replace_durably, sync_folder
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.warehouse.soft_deletes import GoneKeys, apply_deletes

__all__ = ["keep_deletions", "mark_deletions"]


def keep_deletions(
    folder: Path, contract: Contract, columns: Sequence[ReadColumn], batches: Iterable[Any]
) -> dict[str, Any]:
    """Write deleted keys into a batch's private folder; gives what the work item is to know of them.

    A key that breaks the contract was never landed, so it is left out. The keys are held in memory, nothing else is.

    Args:
        folder: Of the shard's pages.
        contract: What the keys are typed by.
        columns: How the key's columns were read.
        batches: The keys.
    """
    keys = contract.model_copy(update={"columns": tuple(contract.column(name) for name in contract.keys)})
    typed = [to_landed(batch, keys, columns)[0] for batch in batches]
    rows = sum(table.num_rows for table in typed)
    if not rows:
        with suppress(FileNotFoundError):
            (folder / DELETED).unlink()
        return {"keys_deleted": 0, "deleted_sha256": None}
    out = pa.BufferOutputStream()
    with pa.ipc.new_file(out, typed[0].schema) as writer:
        for table in typed:
            writer.write_table(table)
    data = out.getvalue().to_pybytes()
    replace_durably(folder / DELETED, data)
    sync_folder(folder)
    return {"keys_deleted": rows, "deleted_sha256": hashlib.sha256(data).hexdigest()}


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
            gone = GoneKeys(own_id, job.source, str(item.facts["version"]), _kept(job, item))
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


def _kept(job: BatchJob, item: WorkItem) -> Table:
    data = (job.root / item.facts["folder"] / DELETED).read_bytes()
    if hashlib.sha256(data).hexdigest() != item.facts["deleted_sha256"]:
        raise StateConflictError(
            "the deleted keys of a batch were changed after they were written",
            batch_id=item.facts["batch_id"],
            next_step="Find out who changed them; then rewind the source to the position before, which reads them again.",
        )
    return pa.ipc.open_file(pa.BufferReader(data)).read_all()
