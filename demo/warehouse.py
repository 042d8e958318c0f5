"""Looks into the warehouse as anybody with a Snowflake client would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.environment import warehouse_options
from demo.home import Home

__all__ = ["TABLE", "Totals", "read_totals"]

TABLE = "INTEGRATIONS.SILVER.CUSTOMERS"
LOADS = "INTEGRATIONS.CONTROL.LOAD_LEDGER"


@dataclass(frozen=True, slots=True)
class Totals:
    """Versions of customers (SCD 2), current customers, the sum of their balances, and batches applied."""

    versions: int
    customers: int
    balance: str
    batches: int


def read_totals(home: Home) -> Totals:
    """The totals now; zeros before the first load has made the table."""
    import snowflake.connector

    current = f"SELECT COUNT(*), COUNT_IF(is_current), SUM(CASE WHEN is_current THEN balance END) FROM {TABLE}"  # noqa: S608
    with snowflake.connector.connect(**warehouse_options(home)) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(current)
            versions, customers, balance = _row(cursor)
            cursor.execute(f"SELECT COUNT(*) FROM {LOADS} WHERE source = 'acme_customers'")  # noqa: S608
            (batches,) = _row(cursor)
        except snowflake.connector.errors.ProgrammingError as error:
            if error.errno != 2003:  # The object does not exist.
                raise
            return Totals(0, 0, "0.00", 0)
    # The emulator adds decimals up as floats.
    return Totals(int(versions), int(customers), f"{float(balance or 0):.2f}", int(batches))


def _row(cursor: Any) -> tuple[Any, ...]:
    return tuple(cursor.fetchone())
