"""What a target holds, for the demo and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.warehouse.database import Connection, Database
from airflow_provider_integrations.warehouse.tables import Tables

__all__ = ["Totals", "describe_totals"]


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows in the target, rows that are current (in a type 1 table: not deleted), batches in the load ledger."""

    rows: int
    current: int
    batches: int


def describe_totals(connection: Connection, policy: LoadPolicy) -> Totals:
    """Count; a table that is not there yet counts as an error of the caller's.

    Raises:
        ConfigError: when nothing was ever loaded, so that the tables are not there.
    """
    tables, database = Tables.from_policy(policy), Database(connection)
    current = 'COUNT_IF("IS_CURRENT")' if policy.scd == 2 else 'COUNT_IF("_DELETED_VERSION" IS NULL)'
    row = database.query(
        "counting rows", f'SELECT COUNT(*) AS "ALL_ROWS", {current} AS "CURRENT_ROWS"\nFROM {tables.target}'
    )[0]
    batches = database.count(
        "counting batches",
        f'SELECT COUNT(*) AS "BATCHES"\nFROM {tables.ledger}\nWHERE "TARGET" = %(target)s',
        {"target": tables.key},
    )
    return Totals(int(row["all_rows"] or 0), int(row["current_rows"] or 0), batches)
