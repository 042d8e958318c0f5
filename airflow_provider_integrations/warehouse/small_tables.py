"""Loads tables that are held in memory as batches of their own: what goes beside a source's rows, such as a catalog.

    load_tables(connection, {version: table}, contract, policy, source="plant1")

The batch is known by its content, so the same content is applied once, however often it is asked for.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.formats.arrow import Table, pa
from airflow_provider_integrations.formats.schema import arrow_schema
from airflow_provider_integrations.warehouse.database import Connection
from airflow_provider_integrations.warehouse.loader import LoadResult, PublishedBatch, load_batches

__all__ = ["load_tables"]


def load_tables(
    connection: Connection,
    tables: Mapping[str, Table],
    contract: Contract,
    policy: LoadPolicy,
    *,
    source: str,
    note_versions: bool = True,
    run_id: str = "",
) -> list[LoadResult]:
    """Load the rows of some tables, each once, all of them in one transaction.

    Args:
        connection: Of the Snowflake connector.
        tables: By the version of their rows, of which a later one wins: the contract's columns, in its types.
        contract, policy: What the rows are, and where they go.
        source: Kept in the load ledger.
        note_versions: Whether the same content with another version is loaded again, so that the version is noted. What was
            changed back is only then loaded again, too.
        run_id: Kept in the load ledger.

    Raises:
        TransientError: when the warehouse could not finish; a rerun is safe.
    """
    with tempfile.TemporaryDirectory(prefix="integrations-tables-") as folder:
        batches = [
            _batch(Path(folder) / f"part-{number:05d}.parquet", table, contract, policy, source, version, note_versions)
            for number, (version, table) in enumerate(sorted(tables.items()))
            if table.num_rows
        ]
        return load_batches(connection, batches, contract, policy, run_id=run_id)


def _batch(
    path: Path, table: Table, contract: Contract, policy: LoadPolicy, source: str, version: str, note_version: bool
) -> PublishedBatch:
    schema = arrow_schema(contract)
    own = pa.schema([schema.field(column.name) for column in contract.columns])
    rows = table.select(own.names).cast(own).combine_chunks()
    digest = hashlib.sha256(f"{policy.table}:{version if note_version else ''}".encode())
    for some in rows.to_batches(max_chunksize=65_536):
        digest.update(some.serialize())
    batch_id = digest.hexdigest()[:24]
    reserved: dict[str, Any] = {
        "_batch_id": pa.repeat(pa.scalar(batch_id), rows.num_rows),
        "_line": pa.array(np.arange(1, rows.num_rows + 1, dtype=np.int64)),
        "_version": pa.repeat(pa.scalar(version), rows.num_rows),
        "_dq_valid": pa.array(np.ones(rows.num_rows, np.bool_)),
        "_dq_flags": pa.nulls(rows.num_rows, pa.string()),
    }
    arrays = [reserved[name] if name in reserved else rows[name] for name in schema.names]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return PublishedBatch(batch_id, source, version, (path,), (sha256,), rows.num_rows)
