"""Loads batches into the warehouse, each once: PUT, COPY into staging, checks, MERGE, load ledger.

    with closing(hook.get_conn()) as connection:
        results = load_batches(connection, batches, contract, source.load, run_id=run_id)

Up to the MERGE an attempt writes only under an id of its own. The MERGE, the move of the target's sequence and the load
ledger's rows are one transaction. So a dead attempt leaves nothing that counts, and a rerun does either all or nothing.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_integrations.core.clock import IdSource
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ReconciliationError, TransientError
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.system import new_id
from airflow_provider_integrations.warehouse import snowflake_sql as sql
from airflow_provider_integrations.warehouse.batches import LoadResult, PublishedBatch, check_batches
from airflow_provider_integrations.warehouse.changes_sql import render_changes
from airflow_provider_integrations.warehouse.database import Connection, Database, ensure_schema
from airflow_provider_integrations.warehouse.outcomes import check_copy, check_counts, check_put
from airflow_provider_integrations.warehouse.packing import Packed, check_columns, pack, write_plan
from airflow_provider_integrations.warehouse.tables import Tables

__all__ = ["LoadResult", "PublishedBatch", "load_batches"]

log = logging.getLogger(__name__)

_INSERTED = ("INSERT", "VERSION")


class _OvertakenError(TransientError):
    """Another load of the same table came in between; this one was undone and starts over."""


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
    for attempt in range(1, attempts + 1):
        try:
            return _attempt(database, batches, contract, policy, run_id=run_id, load_id=ids())
        except _OvertakenError:
            if attempt == attempts:
                raise
            log.info("another load of %s came in between; attempt %d starts over", policy.table, attempt)
    raise AssertionError("unreachable")


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
    values = {"target": tables.key, "load_id": load_id, "run_id": run_id}
    loaded = _in_ledger(database, tables, batches)
    new = [batch for batch in batches if batch.batch_id not in loaded]
    if new:
        sequence = _sequence(database, tables, values)
        with tempfile.TemporaryDirectory(prefix="integrations-load-") as folder:
            _stage(database, tables, new, contract, policy, Path(folder), load_id)
        _check_staged(database, tables, new, values)
        expected = _work_out_changes(database, tables, contract, policy, values)
        _publish(database, tables, contract, policy, len(new), expected, {**values, "sequence": sequence})
        written = database.query("reading the load ledger", sql.render_ledger_of_load(tables), values)
        loaded |= {row["batch_id"]: row for row in written}
        _sweep(database, tables, values)
    results = []
    for batch in batches:
        row = loaded[batch.batch_id]
        results.append(
            LoadResult(
                batch.batch_id,
                staged=int(row["rows_staged"]),
                inserted=int(row["rows_inserted"]),
                updated=int(row["rows_updated"]),
                unchanged=int(row["rows_unchanged"]),
                already_loaded=row["load_id"] != load_id,
            )
        )
    return results


def _in_ledger(database: Database, tables: Tables, batches: Sequence[PublishedBatch]) -> dict[str, dict[str, Any]]:
    found = {}
    for start in range(0, len(batches), 1000):
        some = batches[start : start + 1000]
        values = {f"batch_{number}": batch.batch_id for number, batch in enumerate(some)}
        select = sql.render_ledger_select(tables, len(some))
        for row in database.query("reading the load ledger", select, {"target": tables.key, **values}):
            if row["batch_id"] in found:
                raise ReconciliationError("the load ledger has a batch twice", batch_id=row["batch_id"])
            found[row["batch_id"]] = row
    return found


def _sequence(database: Database, tables: Tables, values: Mapping[str, Any]) -> int:
    """The target's sequence as it is before anything of the target is read."""
    for _ in range(2):
        rows = database.query("reading the lock", sql.render_lock_select(tables), {"target": tables.key})
        if rows and rows[0]["sequence"] is not None:
            return int(rows[0]["sequence"])
        database.count("creating the lock", sql.render_lock_insert(tables), values)
    raise ReconciliationError("the lock of the table cannot be created", target=tables.key)


def _stage(
    database: Database,
    tables: Tables,
    batches: Sequence[PublishedBatch],
    contract: Contract,
    policy: LoadPolicy,
    folder: Path,
    load_id: str,
) -> None:
    """PUT and COPY the rows, then the plan."""
    rows, plan = folder / "rows", folder / "plan"
    rows.mkdir()
    plan.mkdir()
    packed = pack(batches, contract, rows, load_id=load_id, history=policy.scd == 2)
    write_plan(batches, packed, plan / f"{load_id}-plan.parquet", load_id=load_id, target=tables.key)
    where = _stage_folder(batches, packed)
    _put_and_copy(database, tables, tables.staging, f"{where}/rows", packed.files)
    _put_and_copy(database, tables, tables.plan, f"{where}/plan", {plan / f"{load_id}-plan.parquet": len(batches)})


def _stage_folder(batches: Sequence[PublishedBatch], packed: Packed) -> str:
    """Holds the batch id and the digest; of a group the first batch's id and the digest of all."""
    more = f"-and-{len(batches) - 1}" if len(batches) > 1 else ""
    return f"{batches[0].source}/{batches[0].batch_id}{more}/{packed.digest}"


def _put_and_copy(database: Database, tables: Tables, table: str, where: str, files: Mapping[Path, int]) -> None:
    if not files:
        return  # Batches of no rows at all: only the ledger hears of them.
    folder = next(iter(files)).parent
    answer = database.query("PUT", sql.render_put(f"{folder}/*.parquet", tables.stage, where))
    check_put(answer, {path.name: path.stat().st_size for path in files})
    names = sorted(path.name for path in files)
    expected = {path.name: count for path, count in files.items()}
    for start in range(0, len(names), sql.MOST_FILES):
        some = names[start : start + sql.MOST_FILES]
        copied = database.copy(
            sql.render_copy(table, tables.stage, where, some),
            [sql.render_copy_one(table, tables.stage, where, name) for name in some],
        )
        check_copy(copied, {name: expected[name] for name in some})


def _check_staged(
    database: Database, tables: Tables, batches: Sequence[PublishedBatch], values: Mapping[str, Any]
) -> None:
    found = database.query("counting staged rows", sql.render_staged_counts(tables), values)
    staged = {str(row["_batch_id"]): int(row["rows_staged"]) for row in found}
    try:
        check_counts("staged rows differ from those published", staged, {b.batch_id: b.rows for b in batches})
    except ReconciliationError:
        if _in_ledger(database, tables, batches):
            raise _OvertakenError("another load applied a batch and swept its staging rows") from None
        raise


def _work_out_changes(
    database: Database, tables: Tables, contract: Contract, policy: LoadPolicy, values: Mapping[str, Any]
) -> dict[str, int]:
    """Fill the table of changes; gives how many the MERGE must insert and update."""
    database.count("working out changes", render_changes(tables, contract, policy), values)
    twice = database.count("looking for keys twice", sql.render_duplicate_keys(tables, contract, policy), values)
    if twice:
        raise ReconciliationError(
            "keys stand twice in what is to be merged, which Snowflake would settle at random",
            target=tables.key,
            keys=twice,
            next_step="The target itself holds these keys twice: remove the extra rows, then load again.",
        )
    rows = database.query("counting changes", sql.render_change_counts(tables), values)
    actions = {str(row["_action"]): int(row["rows_changed"]) for row in rows}
    inserted = sum(actions.get(name, 0) for name in _INSERTED)
    return {"inserted": inserted, "updated": sum(actions.values()) - inserted}


def _publish(
    database: Database,
    tables: Tables,
    contract: Contract,
    policy: LoadPolicy,
    batches: int,
    expected: Mapping[str, int],
    values: Mapping[str, Any],
) -> None:
    """The one transaction. MERGE stands first: the emulator commits what was written before a MERGE."""
    database.autocommit(False)
    try:
        merged = database.query("MERGE", sql.render_merge(tables, contract, policy), values)[0]
        counts = {name: int(merged.get(f"number of rows {name}") or 0) for name in ("inserted", "updated")}
        if not database.count("moving the lock", sql.render_lock_move(tables), values):
            raise _OvertakenError("another load of the same table came in between", target=tables.key)
        check_counts("merged rows differ from the changes", counts, expected)
        noted = database.count("writing the load ledger", sql.render_ledger_insert(tables), values)
        if noted != batches:
            raise _OvertakenError("another load applied one of the batches", target=tables.key)
        database.commit()
    except TransientError as error:
        database.rollback()
        # The emulator answers a write conflict with an internal error, so what is transient here may be just that.
        raise error if isinstance(error, _OvertakenError) else _OvertakenError(error.what, **error.values) from error
    except BaseException:
        database.rollback()
        raise
    finally:
        database.autocommit(True)


def _sweep(database: Database, tables: Tables, values: Mapping[str, Any]) -> None:
    """Housekeeping after the fact; it may fail, the next load does it again."""
    try:
        for statement in sql.render_sweep(tables):
            database.count("sweeping staging", statement, values)
    except Exception as error:
        log.warning("sweeping the staging tables failed (%s); the next load does it again", error)
