"""Loads batches into the warehouse, each once: PUT, COPY into staging, checks, MERGE, load ledger.

    with closing(hook.get_conn()) as connection:
        results = load_batches(connection, batches, contract, source.load, run_id=run_id)

Up to the MERGE an attempt writes only under an id of its own. The MERGE, the move of the target's sequence and the load
ledger's rows are one transaction. So a dead attempt leaves nothing that counts, and a rerun does either all or nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_integrations.core.clock import IdSource
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.system import new_id
from airflow_provider_integrations.warehouse import snowflake_sql as sql
from airflow_provider_integrations.warehouse.attempt import Attempt, in_ledger, until_not_overtaken
from airflow_provider_integrations.warehouse.batches import LoadResult, PublishedBatch, check_batches
from airflow_provider_integrations.warehouse.changes_sql import render_changes
from airflow_provider_integrations.warehouse.database import Connection, Database, ensure_schema
from airflow_provider_integrations.warehouse.packing import Packed, check_columns, pack, write_plan
from airflow_provider_integrations.warehouse.tables import Tables

__all__ = ["LoadResult", "PublishedBatch", "load_batches"]


def load_batches(
    connection: Connection,
    batches: Sequence[PublishedBatch],
    contract: Contract,
    policy: LoadPolicy,
    *,
    run_id: str = "",
    attempts: int = 4,
    ids: IdSource = new_id,
) -> list[LoadResult]:
    """Apply each batch to `<database>.SILVER.<table>` once, all of them in one transaction.

    Args:
        connection: Of the Snowflake connector; it must not be in use by others, since autocommit is switched.
        batches: Of one source.
        contract: What their files were decoded by.
        policy: Where they go, and whether history is kept.
        run_id: Kept in the load ledger and the query tag.
        attempts: How often to start over when another load of the same table comes in between.
        ids: Gives ids of attempts.

    Returns:
        One result for each batch, in their order.

    Raises:
        ReconciliationError: when two counts of the same rows disagree; nothing was merged.
        ConfigError: when the warehouse or its tables are not as the contract needs them.
        TransientError: when the warehouse could not finish; a rerun is safe, whatever was done.
    """
    if not batches:
        return []
    check_batches(batches)
    check_columns(batches, contract)
    database = Database(connection)
    database.autocommit(True)
    database.set_session(f"integrations:{batches[0].source}:{run_id}")
    ensure_schema(database, contract, policy)
    return until_not_overtaken(
        policy.table,
        lambda load_id: _attempt(database, batches, contract, policy, run_id=run_id, load_id=load_id),
        attempts=attempts,
        ids=ids,
    )


def _attempt(
    database: Database,
    batches: Sequence[PublishedBatch],
    contract: Contract,
    policy: LoadPolicy,
    *,
    run_id: str,
    load_id: str,
) -> list[LoadResult]:
    tables = Tables.from_policy(policy)
    loaded = in_ledger(database, tables, [batch.batch_id for batch in batches])
    new = [batch for batch in batches if batch.batch_id not in loaded]
    if new:
        counts = {batch.batch_id: batch.rows for batch in new}
        attempt = Attempt.begin(database, tables, contract, policy, counts, run_id=run_id, load_id=load_id)
        with tempfile.TemporaryDirectory(prefix="integrations-load-") as folder:
            packed = _stage(attempt, new, Path(folder), load_id)
        attempt.check_staged(packed.sums)
        written = attempt.apply(render_changes(tables, contract, policy), sql.render_ledger_insert(tables))
        loaded |= {row["batch_id"]: row for row in written}
    return [LoadResult.of(loaded[batch.batch_id], load_id) for batch in batches]


def _stage(attempt: Attempt, batches: Sequence[PublishedBatch], folder: Path, load_id: str) -> Packed:
    """PUT and COPY the rows, then the plan."""
    tables = attempt.tables
    rows, plan = folder / "rows", folder / "plan"
    rows.mkdir()
    plan.mkdir()
    packed = pack(batches, attempt.contract, rows, load_id=load_id, history=attempt.policy.scd == 2)
    write_plan(batches, packed, plan / f"{load_id}-plan.parquet", load_id=load_id, target=tables.key)
    where = _stage_folder(batches, packed)
    attempt.put_and_copy(tables.staging, f"{where}/rows", packed.files)
    attempt.put_and_copy(tables.plan, f"{where}/plan", {plan / f"{load_id}-plan.parquet": len(batches)})
    return packed


def _stage_folder(batches: Sequence[PublishedBatch], packed: Packed) -> str:
    """Holds the batch id and the digest; of a group the first batch's id and the digest of all."""
    more = f"-and-{len(batches) - 1}" if len(batches) > 1 else ""
    return f"{batches[0].source}/{batches[0].batch_id}{more}/{packed.digest}"
