"""Looks into the warehouse as anybody with a Snowflake client would."""

from __future__ import annotations

from dataclasses import dataclass

from demo.home import Home
from demo.servers import warehouse_options

__all__ = ["TABLE", "Totals", "read_totals"]

TABLE = "INTEGRATIONS.SILVER.CUSTOMERS"
LOADS = "INTEGRATIONS.CONTROL.LOADS"


@dataclass(frozen=True, slots=True)
class Totals:
    """What the warehouse holds: versions of customers (SCD 2), current customers, the sum of their balances, batches."""

    versions: int
    customers: int
    balance: str
    batches: int


def read_totals(home: Home) -> Totals:
    """The totals now; zeros before the first load has made the table."""
    import snowflake.connector

    current = f"SELECT COUNT(*), COUNT_IF(is_current), SUM(IFF(is_current, balance, 0)) FROM {TABLE}"  # noqa: S608
    with snowflake.connector.connect(**warehouse_options(home)) as connection, connection.cursor() as cursor:
        try:
            versions, customers, balance = cursor.execute(current).fetchone()
            (batches,) = cursor.execute(f"SELECT COUNT(*) FROM {LOADS}").fetchone()  # noqa: S608
        except snowflake.connector.errors.ProgrammingError as error:
            if error.errno != 2003:  # The object does not exist.
                raise
            return Totals(0, 0, "0", 0)
    return Totals(int(versions), int(customers), str(balance or 0), int(batches))
