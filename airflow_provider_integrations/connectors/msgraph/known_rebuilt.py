"""The objects that are known, taken from bronze again when their file is lost or the ledger is a new one.

Bronze has a row for each object that ever reached the warehouse, and the keys that were deleted: together they say what a full
enumeration may lack. Properties are not taken: an enumeration brings whole objects. What was removed from bronze by its
retention is not found again, and so is not told as gone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.known_rows import KnownRows
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.graph_source import relation_source_name
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing.bronze import DELETED, MANIFEST, read_manifest
from airflow_provider_integrations.landing.deletions import kept_deletions

__all__ = ["in_bronze", "last_version", "rebuild_known", "take_back"]

_Keys = Iterable[tuple[str, ...]]


def in_bronze(job: GraphJob) -> bool:
    """Whether anything of the source was ever landed."""
    return next(iter(_batches(job.root, job.source.source)), None) is not None


def rebuild_known(job: GraphJob, rounds: int, target: Path) -> None:
    """Write the known objects of a source and its relations, as after a round.

    Args:
        job: The source.
        rounds: The number of the round that is to be taken for the last one.
        target: The file; what is there is replaced.
    """
    target.unlink(missing_ok=True)
    with KnownRows.open(target):
        pass  # Its tables are there, and it is its owner's alone.
    with closing(sqlite3.connect(target)) as database:
        for deleted, keys in _told(job, job.source.source, job.contract):
            if deleted:
                database.executemany("DELETE FROM rows WHERE id = ?", keys)
            else:
                database.executemany("INSERT OR IGNORE INTO rows VALUES (?, '{}', 0, 0)", keys)
        for relation, contract in job.relations.items():
            for deleted, keys in _told(job, relation_source_name(job.source.source, relation), contract):
                rows = ((owner, relation, member) for owner, member in keys)
                if deleted:
                    query = "DELETE FROM relations WHERE (owner, relation, member) = (?, ?, ?)"
                else:
                    query = "INSERT OR IGNORE INTO relations VALUES (?, ?, ?, '', 0)"
                database.executemany(query, rows)
        if rounds:
            database.execute("INSERT INTO rounds VALUES (?, 0, '{}')", (rounds,))
        database.commit()


def last_version(job: GraphJob, *, besides: Collection[str]) -> str:
    """The last version of what was landed of a source and its relations; empty if nothing was.

    Args:
        job: The source.
        besides: Ids of items whose batches do not count.
    """
    names = (job.source.source, *(relation_source_name(job.source.source, relation) for relation in job.relations))
    found = (read_manifest(folder) for name in names for folder in _batches(job.root, name))
    return max((manifest.version for manifest in found if manifest.item_id not in besides), default="")


def take_back(job: GraphJob, item: WorkItem, relation: str, target: Path) -> None:
    """Take for known still what a batch that was refused behind its landing, e.g. by the gate, was to delete.

    Args:
        job: The source.
        item: Of a round that counts without it.
        relation: Whose pairs they are; empty for the objects.
        target: The known objects after that round.
    """
    if item.state in (State.LOADED, State.ARCHIVED) or not item.facts.get("keys_deleted"):
        return
    contract = job.relations[relation] if relation else job.contract
    keys = _rows(kept_deletions(job.root, item).select(list(contract.keys)))
    with closing(sqlite3.connect(target)) as database:
        if relation:
            rows = ((owner, relation, member) for owner, member in keys)
            database.executemany("INSERT OR IGNORE INTO relations VALUES (?, ?, ?, '', 0)", rows)
        else:
            query = "INSERT INTO rows VALUES (?, '{}', 0, 0) ON CONFLICT (id) DO UPDATE SET removed = 0"
            database.executemany(query, keys)
        database.commit()


def _told(job: GraphJob, name: str, contract: Contract) -> Iterator[tuple[bool, _Keys]]:
    """The keys of all batches in the order of their versions, each time whether they were deleted."""
    folders = [(read_manifest(folder), folder) for folder in _batches(job.root, name)]
    keys = list(contract.keys)
    for manifest, folder in sorted(folders, key=lambda each: each[0].version):
        for file in manifest.files:
            with (folder / file.name).open("rb") as opened, pq.ParquetFile(opened) as parquet:
                for batch in parquet.iter_batches(columns=keys):
                    yield False, _rows(batch.select(keys))
        if (folder / DELETED).exists() and _was_marked(job, manifest):
            with pa.ipc.open_file(pa.BufferReader((folder / DELETED).read_bytes())) as reader:
                yield True, _rows(reader.read_all().select(keys))


def _was_marked(job: GraphJob, manifest: Manifest) -> bool:
    """Whether a batch's deletions reached the warehouse, as far as the ledger knows: a refused batch deleted nothing."""
    try:
        item = job.ledger.items.get(manifest.item_id)
    except ConfigError:  # Another ledger's.
        return True
    return item.state in (State.LOADED, State.ARCHIVED) and item.facts.get("batch_id") == manifest.batch_id


def _rows(table: pa.Table | pa.RecordBatch) -> _Keys:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _batches(root: UPath, name: str) -> Iterator[UPath]:
    folder = root / "bronze" / name
    if not folder.exists():
        return
    for day in folder.iterdir():
        for batch in day.iterdir():
            if batch.name.startswith("batch=") and (batch / MANIFEST).exists():
                yield batch
