"""One attempt to change a target: what every change shares, whatever it is worked out from.

Rows are staged under the attempt's own id, changes are worked out from them, and one transaction merges the changes, moves
the target's sequence and writes the load ledger. An attempt that was overtaken by another starts over with a fresh look.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from airflow_provider_integrations.core.clock import IdSource
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ReconciliationError, TransientError
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.warehouse import snowflake_sql as sql
from airflow_provider_integrations.warehouse.database import Database
from airflow_provider_integrations.warehouse.outcomes import check_copy, check_counts, check_put
from airflow_provider_integrations.warehouse.tables import Tables, snowflake_type

__all__ = ["Attempt", "OvertakenError", "in_ledger", "until_not_overtaken"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_INSERTED = ("INSERT", "VERSION")


class OvertakenError(TransientError):
    """Another load of the same table came in between; this one was undone and starts over."""


def until_not_overtaken(table: str, once: Callable[[str], Result], *, attempts: int, ids: IdSource) -> Result:
    """Call `once` with a new attempt's id until no other load comes in between.

    Raises:
        OvertakenError: when that happens `attempts` times.
    """
    for attempt in range(1, attempts + 1):
        try:
            return once(ids())
        except OvertakenError:
            if attempt == attempts:
                raise
            log.info("another load of %s came in between; attempt %d starts over", table, attempt)
    raise AssertionError("unreachable")


def in_ledger(database: Database, tables: Tables, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The load ledger's rows of those of the batches that were applied, by batch id.

    Raises:
        ReconciliationError: when it has one twice.
    """
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), 1000):
        some = ids[start : start + 1000]
        values = {f"batch_{number}": batch_id for number, batch_id in enumerate(some)}
        select = sql.render_ledger_select(tables, len(some))
        for row in database.query("reading the load ledger", select, {"target": tables.key, **values}):
            if row["batch_id"] in found:
                raise ReconciliationError("the load ledger has a batch twice", batch_id=row["batch_id"])
            found[row["batch_id"]] = row
    return found


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, begun at a known sequence of its target; `counts` are the rows of each batch that it applies."""

    database: Database
    tables: Tables
    contract: Contract
    policy: LoadPolicy
    values: Mapping[str, Any]
    counts: Mapping[str, int]

    @classmethod
    def begin(
        cls,
        database: Database,
        tables: Tables,
        contract: Contract,
        policy: LoadPolicy,
        counts: Mapping[str, int],
        *,
        run_id: str,
        load_id: str,
    ) -> Attempt:
        """Note the target's sequence, before anything of the target is read."""
        values: dict[str, Any] = {"target": tables.key, "load_id": load_id, "run_id": run_id}
        for _ in range(2):
            rows = database.query("reading the lock", sql.render_lock_select(tables), {"target": tables.key})
            if rows and rows[0]["sequence"] is not None:
                values["sequence"] = int(rows[0]["sequence"])
                return cls(database, tables, contract, policy, values, counts)
            database.count("creating the lock", sql.render_lock_insert(tables), values)
        raise ReconciliationError("the lock of the table cannot be created", target=tables.key)

    def put_and_copy(self, table: str, where: str, files: Mapping[Path, int]) -> None:
        """Bring local Parquet files of one folder, with their rows, into a table of the staging schema."""
        if not files:
            return  # Batches of no rows at all: only the ledger hears of them.
        folder, stage = next(iter(files)).parent, self.tables.stage
        answer = self.database.query("PUT", sql.render_put(f"{folder}/*.parquet", stage, where))
        check_put(answer, {path.name: path.stat().st_size for path in files})
        names = sorted(path.name for path in files)
        expected = {path.name: count for path, count in files.items()}
        for start in range(0, len(names), sql.MOST_FILES):
            some = names[start : start + sql.MOST_FILES]
            copied = self.database.copy(
                sql.render_copy(table, stage, where, some),
                [sql.render_copy_one(table, stage, where, name) for name in some],
            )
            check_copy(copied, {name: expected[name] for name in some})

    def check_staged(self, sums: Mapping[str, Mapping[str, Decimal]] | None = None) -> None:
        """What is staged is what was to be: rows, and the sums of control columns (upper case) by batch.

        Raises:
            ReconciliationError: when it is not.
        """
        summed = {name for batch in (sums or {}).values() for name in batch}
        types = {column.name.upper(): snowflake_type(column) for column in self.contract.columns}
        control = {name: types[name] for name in sorted(summed)}
        counting = sql.render_staged_counts(self.tables, control)
        found = self.database.query("counting staged rows", counting, self.values)
        self._check_counts(found)
        for row in found:
            batch_id = str(row["_batch_id"])
            totals = {name: Decimal(str(row[f"sum_{n}"] or 0)) for n, name in enumerate(control)}
            wanted = (sums or {}).get(batch_id, {})
            if wrong := [name for name, total in wanted.items() if totals[name] != total]:
                raise ReconciliationError(
                    "control sums of staged rows differ from those of the files",
                    batch_id=batch_id,
                    columns=wrong,
                    next_step="Nothing was merged; look at how COPY reads these columns.",
                )

    def _check_counts(self, found: Sequence[Mapping[str, Any]]) -> None:
        staged = {str(row["_batch_id"]): int(row["rows_staged"]) for row in found}
        try:
            check_counts("staged rows differ from those published", staged, self.counts)
        except ReconciliationError:
            if in_ledger(self.database, self.tables, list(self.counts)):
                raise OvertakenError("another load applied a batch and swept its staging rows") from None
            raise

    def apply(self, changes: str, ledger: str) -> list[dict[str, Any]]:
        """Work out the changes, publish them, and sweep; gives the rows of the load ledger.

        Args:
            changes: The INSERT that works them out from what is staged.
            ledger: The INSERT of the load ledger's rows.
        """
        expected = self._work_out(changes)
        self._publish(ledger, expected)
        written = self.database.query("reading the load ledger", sql.render_ledger_of_load(self.tables), self.values)
        self._sweep()
        return written

    def _work_out(self, changes: str) -> dict[str, int]:
        """Fill the table of changes; gives how many the MERGE must insert and update."""
        self.database.count("working out changes", changes, self.values)
        duplicates = sql.render_duplicate_keys(self.tables, self.contract, self.policy)
        if twice := self.database.count("looking for keys twice", duplicates, self.values):
            raise ReconciliationError(
                "keys stand twice in what is to be merged, which Snowflake would settle at random",
                target=self.tables.key,
                keys=twice,
                next_step="The target itself holds these keys twice: remove the extra rows, then load again.",
            )
        rows = self.database.query("counting changes", sql.render_change_counts(self.tables), self.values)
        actions = {str(row["_action"]): int(row["rows_changed"]) for row in rows}
        inserted = sum(actions.get(name, 0) for name in _INSERTED)
        return {"inserted": inserted, "updated": sum(actions.values()) - inserted}

    def _publish(self, ledger: str, expected: Mapping[str, int]) -> None:
        """The one transaction. MERGE stands first: the emulator commits what was written before a MERGE."""
        database, tables, values = self.database, self.tables, self.values
        database.autocommit(False)
        try:
            merged = database.query("MERGE", sql.render_merge(tables, self.contract, self.policy), values)[0]
            counts = {name: int(merged.get(f"number of rows {name}") or 0) for name in ("inserted", "updated")}
            if not database.count("moving the lock", sql.render_lock_move(tables), values):
                raise OvertakenError("another load of the same table came in between", target=tables.key)
            check_counts("merged rows differ from the changes", counts, expected)
            if database.count("writing the load ledger", ledger, values) != len(self.counts):
                raise OvertakenError("another load applied one of the batches", target=tables.key)
            database.commit()
        except TransientError as error:
            database.rollback()
            # The emulator answers a write conflict with an internal error, so what is transient here may be just that.
            raise error if isinstance(error, OvertakenError) else OvertakenError(error.what, **error.values) from error
        except BaseException:
            database.rollback()
            raise
        finally:
            database.autocommit(True)

    def _sweep(self) -> None:
        """Housekeeping after the fact; it may fail, the next load does it again."""
        try:
            for statement in sql.render_sweep(self.tables):
                self.database.count("sweeping staging", statement, self.values)
        except Exception as error:
            log.warning("sweeping the staging tables failed (%s); the next load does it again", error)
