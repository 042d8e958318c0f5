"""Keys that a source has told to be deleted, kept beside a batch's rows as `deleted.arrow` (Arrow IPC) under their version.

They are marked in the warehouse after the batch's load (`warehouse.deletions`), and the source's position waits for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from upath import UPath

from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.work_item import WorkItem
from airflow_provider_integrations.landing.bronze import DELETED
from airflow_provider_integrations.landing.durable import replace_durably, sync_folder

__all__ = ["awaits_deletions", "keep_deletions", "kept_deletions"]


def keep_deletions(folder: Path, tables: Sequence[pa.Table]) -> dict[str, Any]:
    """Write deleted keys into a batch's private folder; gives what the work item is to know of them.

    Args:
        folder: Of the batch, before it is promoted.
        tables: The keys in the contract's types, all of one schema; they are held in memory, nothing else is.
    """
    rows = sum(table.num_rows for table in tables)
    if not rows:
        with suppress(FileNotFoundError):
            (folder / DELETED).unlink()
        return {"keys_deleted": 0, "deleted_sha256": None}
    out = pa.BufferOutputStream()
    with pa.ipc.new_file(out, tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table)
    data = out.getvalue().to_pybytes()
    replace_durably(folder / DELETED, data)
    sync_folder(folder)
    return {"keys_deleted": rows, "deleted_sha256": hashlib.sha256(data).hexdigest()}


def awaits_deletions(item: WorkItem) -> bool:
    """Whether keys that were read as deleted are not marked in the warehouse yet."""
    facts = item.facts
    return bool(facts.get("keys_deleted")) and facts.get("deletions_of") != facts["batch_id"]


def kept_deletions(root: UPath, item: WorkItem) -> pa.Table:
    """The keys as they were written.

    Raises:
        StateConflictError: they are not those that were landed.
    """
    data = (root / item.facts["folder"] / DELETED).read_bytes()
    if hashlib.sha256(data).hexdigest() != item.facts["deleted_sha256"]:
        raise StateConflictError(
            "the deleted keys of a batch were changed after they were written",
            batch_id=item.facts["batch_id"],
            next_step="Find out who changed them; then rewind the source to the position before, which reads them again.",
        )
    return pa.ipc.open_file(pa.BufferReader(data)).read_all()
