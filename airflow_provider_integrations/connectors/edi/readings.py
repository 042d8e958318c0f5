"""A document that is read again: what only an earlier reading gave is marked as deleted, so that the last reading is the truth.

    BatchJob(..., mark_deletions=mark_superseded, settle=settle_rows)

A replay and a release read a document anew, by the guides and the agreement of the day. Rows that it gives again have the same
keys and a newer version. Rows that it gives no more are of an older version, and by that they are found in the warehouse after
the load of the new ones. A table that the new reading leaves empty has an item all the same, which waits for that.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.edi.row_contract import DOCUMENT
from airflow_provider_integrations.core.identifiers import quote
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.formats.arrow import pa
from airflow_provider_integrations.formats.schema import arrow_type
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.warehouse.database import Database, ensure_schema
from airflow_provider_integrations.warehouse.soft_deletes import GoneKeys, apply_deletes
from airflow_provider_integrations.warehouse.tables import Tables

__all__ = ["mark_superseded", "read_before", "rows_path"]

log = logging.getLogger(__name__)

_IN_WAREHOUSE = (State.LOADED, State.ARCHIVED)


def rows_path(item_id: str, table: str, releases: int) -> str:
    """The path of the item of one table's rows of a document; one that was released is read anew, so its rows are new items."""
    return f"{item_id}/{table}" + (f"/{releases}" if releases else "")


def read_before(ledger: Ledger, item: WorkItem) -> set[str]:
    """The tables of which earlier readings of a document told, whether they gave rows or none any more.

    Args:
        ledger: Where the readings are.
        item: The document; its own facts are of the reading before a release.
    """
    if item.replay_of is None and not item.facts.get("releases"):
        return set()
    [readings] = ledger.items.readings([item.id])
    return {table for reading in readings for table in reading.facts.get("tables", {})}


def mark_superseded(job: BatchJob, connection: Any) -> None:
    """Mark the rows of loaded documents that their newest reading does not give, each once; nothing is removed.

    It also finds rows of an earlier reading that are loaded after the newer one, as after a release of theirs. A reading whose
    rows are not in the warehouse yet, as while the gate holds them back, takes the place of none.

    Args:
        job: One table of a source.
        connection: A DB-API connection to the warehouse.

    Raises:
        TransientError: when the warehouse could not finish; again is harmless, and the items wait for it.
    """
    loaded = job.ledger.items.list(job.source, [State.LOADED], limit=None)
    versions = _newest_versions(job, [str(item.facts["parent"]) for item in loaded if "parent" in item.facts])
    if not versions:
        return
    database = Database(connection)
    database.autocommit(True)
    # The table may be older than its columns for deletions.
    ensure_schema(database, job.contract, job.load)
    for document, version in sorted(versions.items()):
        if not (gone := _gone(database, job, document, version)).num_rows:
            continue
        own_id = _own_id(job, version, gone)
        done = apply_deletes(
            connection, GoneKeys(own_id, job.source, version, gone), job.contract, job.load, run_id=job.owner
        )
        log.info("%s: %d rows are not in the last reading of %s", job.source, done.updated, document)
        job.boundary("superseded rows marked")


def _newest_versions(job: BatchJob, parents: Sequence[str]) -> dict[str, str]:
    """Of documents that were read more than once: the version of the newest reading that the warehouse has, by digest."""
    found: dict[str, str] = {}
    for readings in job.ledger.items.readings(parents):
        if len(readings) == 1 and not readings[0].facts.get("releases"):
            continue
        told = [one for reading in readings for one in _rows_of(job, reading) if one.state in _IN_WAREHOUSE]
        if told:
            newest = max(told, key=lambda one: str(one.facts["version"]))
            document = next(one for one in readings if one.id == newest.facts["parent"])
            found[str(document.facts["plaintext_sha256"])] = str(newest.facts["version"])
    return found


def _rows_of(job: BatchJob, reading: WorkItem) -> Iterable[WorkItem]:
    """The items of this table's rows of one document, also those before its releases."""
    table = job.source.partition("__")[2]
    for releases in range(int(reading.facts.get("releases", 0)) + 1):
        if (item := job.ledger.items.latest(job.source, rows_path(reading.id, table, releases))) is not None:
            yield item


def _gone(database: Database, job: BatchJob, document: str, version: str) -> Any:
    """The keys of a document's rows that are older than its newest reading."""
    keys = ", ".join(quote(key.upper()) for key in job.contract.keys)
    statement = (
        f"SELECT {keys} FROM {Tables.from_policy(job.load).target} "  # noqa: S608 names are quoted, values are bound
        f'WHERE {quote(DOCUMENT.upper())} = %(document)s AND "_VERSION" < %(version)s AND "_DELETED_VERSION" IS NULL'
    )
    bound = {"document": document, "version": version}
    rows = list(database.stream("looking for rows of an earlier reading", statement, bound))
    columns = zip(*rows, strict=True) if rows else [()] * len(job.contract.keys)
    typed = {
        name: pa.array([str(value) if name == DOCUMENT else int(value) for value in column], _type(job, name))
        for name, column in zip(job.contract.keys, columns, strict=True)
    }
    return pa.table(typed)


def _type(job: BatchJob, name: str) -> Any:
    return arrow_type(job.contract.column(name))


def _own_id(job: BatchJob, version: str, gone: Any) -> str:
    """Another one for other keys: what is loaded late is marked too, and what is marked is not marked again."""
    digest = GoneKeys("", job.source, version, gone.sort_by([(name, "ascending") for name in gone.column_names])).digest
    return hashlib.sha256(f"{job.source}:{digest}".encode()).hexdigest()[:24]
