"""Marks keys that are gone at the source as deleted, each sweep once; nothing is ever removed from a target.

    apply_deletes(connection, sweep, contract, source.load, run_id=run_id)

The keys travel as a staged Parquet file and are merged by the loader's own transaction, with one row of the load ledger for
the sweep. A deletion is a point in the order of versions: a row with a later version brings its key back, one that was read
before the sweep and comes late does not.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from airflow_provider_integrations.core.clock import IdSource
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.formats.arrow import Table, pa
from airflow_provider_integrations.system import new_id
from airflow_provider_integrations.warehouse import snowflake_sql as sql
from airflow_provider_integrations.warehouse.attempt import Attempt, in_ledger, until_not_overtaken
from airflow_provider_integrations.warehouse.batches import (
    LoadResult,
    PublishedBatch,
    batch_digest,
    business_instant,
    check_batches,
)
from airflow_provider_integrations.warehouse.changes_sql import render_deletes
from airflow_provider_integrations.warehouse.database import Connection, Database, ensure_schema
from airflow_provider_integrations.warehouse.packing import Packed, staged_schema, write_plan
from airflow_provider_integrations.warehouse.tables import Tables

__all__ = ["GoneKeys", "apply_deletes"]

_AT_ONCE = 50_000
"""Keys in one row group: a contract may have many columns, which are all null."""


@dataclass(frozen=True, slots=True)
class GoneKeys:
    """What one sweep found to be gone.

    Args:
        batch_id: Unique for each sweep; it is applied to a table once, whatever happens.
        source: Name of the source.
        version: Of the sweep, with the instant of its snapshot (`YYYY-MM-DDTHH:MM:SS.ffffffZ/run`). Rows of this version
            and later ones stay. A run that is planned and not loaded yet may have read its rows before or after the
            sweep: while there is one, give its version and not a later one.
        keys: One column for each key of the contract, under its name, of its type; each key once.
    """

    batch_id: str
    source: str
    version: str
    keys: Table

    @property
    def digest(self) -> str:
        """SHA-256 of the keys and the version, so that the load ledger proves what was applied."""
        content = hashlib.sha256(self.version.encode())
        for batch in self.keys.combine_chunks().to_batches(max_chunksize=65_536):
            content.update(batch.serialize())
        return content.hexdigest()


def apply_deletes(
    connection: Connection,
    sweep: GoneKeys,
    contract: Contract,
    policy: LoadPolicy,
    *,
    run_id: str = "",
    attempts: int = 4,
    ids: IdSource = new_id,
) -> LoadResult:
    """Mark the keys' current rows as deleted (`_DELETED_VERSION`, `_DELETED_AT`); a type 2 row also ends there.

    Args:
        connection: Of the Snowflake connector; it must not be in use by others, since autocommit is switched.
        sweep: What is gone.
        contract: What the rows were decoded by.
        policy: Where they went.
        run_id: Kept in the load ledger and the query tag.
        attempts: How often to start over when a load of the same table comes in between.
        ids: Gives ids of attempts.

    Returns:
        `updated`: rows that were marked; `unchanged`: keys that are not there, or came back since, or were deleted before.

    Raises:
        ConfigError: when the keys do not fit the contract, or the version says no instant.
        ReconciliationError: when a key stands twice, or counts disagree; nothing was merged.
        TransientError: when the warehouse could not finish; a rerun is safe, whatever was done.
    """
    batch = PublishedBatch(sweep.batch_id, sweep.source, sweep.version, (), (), sweep.keys.num_rows)
    check_batches([batch])
    keys = _checked(sweep, contract)
    business_instant(sweep.version, None)
    database = Database(connection)
    database.autocommit(True)
    database.set_session(f"integrations:{sweep.source}:{run_id}")
    ensure_schema(database, contract, policy)
    tables = Tables.from_policy(policy)

    def once(load_id: str) -> LoadResult:
        if known := in_ledger(database, tables, [sweep.batch_id]):
            return LoadResult.of(known[sweep.batch_id], load_id)
        counts = {sweep.batch_id: sweep.keys.num_rows}
        attempt = Attempt.begin(database, tables, contract, policy, counts, run_id=run_id, load_id=load_id)
        with tempfile.TemporaryDirectory(prefix="integrations-sweep-") as folder:
            _stage(attempt, sweep, batch, keys, Path(folder), load_id)
        attempt.check_staged()
        ledger = sql.render_ledger_insert_of_deletes(tables)
        [row] = attempt.apply(render_deletes(tables, contract, policy), ledger)
        return LoadResult.of(row, load_id)

    return until_not_overtaken(policy.table, once, attempts=attempts, ids=ids)


def _checked(sweep: GoneKeys, contract: Contract) -> Table:
    """The keys under their names in the staging table and of its types."""
    if sorted(sweep.keys.column_names) != sorted(contract.keys):
        raise ConfigError(
            "the keys of a sweep are not the contract's",
            found=sweep.keys.column_names,
            wanted=contract.keys,
            next_step="Sweep by the contract's keys, under their names.",
        )
    types = {field.name: field.type for field in staged_schema(contract)}
    columns: dict[str, Any] = {}
    for name in contract.keys:
        column, wanted = sweep.keys[name], types[name.upper()]
        try:
            columns[name.upper()] = column.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise ConfigError(
                "a key of a sweep is not of its type in the contract",
                column=name,
                found=str(column.type),
                wanted=str(wanted),
                next_step="List the keys in the contract's types.",
            ) from None
    table = pa.table(columns)
    if nulls := [name for name in columns if table[name].null_count]:
        raise ConfigError("a key of a sweep is null", columns=nulls, next_step="Keys are never null.")
    if (once := table.group_by(list(columns)).aggregate([]).num_rows) != table.num_rows:
        raise ReconciliationError(
            "a sweep lists keys twice", keys=once, listed=table.num_rows, next_step="Run the sweep again."
        )
    return table


def _stage(attempt: Attempt, sweep: GoneKeys, batch: PublishedBatch, keys: Table, folder: Path, load_id: str) -> None:
    """PUT and COPY the keys, then the plan."""
    packed = Packed(digests={sweep.batch_id: batch_digest([sweep.digest])})
    for name in ("rows", "plan"):
        (folder / name).mkdir()
    if keys.num_rows:
        path = folder / "rows" / f"{load_id}-0000.parquet"
        _write(sweep, attempt.contract, keys, path, load_id)
        packed.files[path] = keys.num_rows
    plan = folder / "plan" / f"{load_id}-plan.parquet"
    write_plan([batch], packed, plan, load_id=load_id, target=attempt.tables.key)
    where = f"{sweep.source}/{sweep.batch_id}/{packed.digest}"
    attempt.put_and_copy(attempt.tables.staging, f"{where}/rows", packed.files)
    attempt.put_and_copy(attempt.tables.plan, f"{where}/plan", {plan: 1})


def _write(sweep: GoneKeys, contract: Contract, keys: Table, path: Path, load_id: str) -> None:
    """The keys as rows of the staging table, a piece at a time: every other column of the contract is null."""
    schema = staged_schema(contract)
    constants: dict[str, Any] = {
        "_BATCH_ID": sweep.batch_id,
        "_VERSION": sweep.version,
        "_VALID_FROM": business_instant(sweep.version, None),
        "_LOAD_ID": load_id,
    }
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, keys.num_rows, _AT_ONCE):
            some = keys.slice(start, _AT_ONCE)
            columns = [
                some[field.name]
                if field.name in keys.column_names
                else pa.repeat(pa.scalar(constants.get(field.name), field.type), some.num_rows)
                for field in schema
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
