"""A table's first page is read a second time, by another driver, before anything of it counts.

The other driver reads on a connection of its own, outside the snapshot, so rows may have changed: see `comparing.agree`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from airflow_provider_integrations.connectors.odbc.comparing import agree, python_rows
from airflow_provider_integrations.connectors.odbc.connector import Connector
from airflow_provider_integrations.connectors.odbc.fetching import BufferSizes, batches
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, Statement
from airflow_provider_integrations.connectors.odbc.wire import landed_batch
from airflow_provider_integrations.formats.arrow import pa

__all__ = ["compare_first_page"]


def compare_first_page(
    connector: Connector, statement: Statement, columns: Sequence[ReadColumn], batch: Any, *, rows: int
) -> int:
    """Compare the first rows of a page with pyodbc's reading of them; how many were compared.

    Args:
        connector: Opens the other connections.
        statement: Gives these rows in their order.
        columns: What it selects.
        batch: The page's first record batch, as it is landed.
        rows: Most rows that are compared.

    Raises:
        PermanentError: the drivers read a column differently.
    """
    ours = python_rows(pa.Table.from_batches([batch]).slice(0, rows))
    if not ours:
        return 0
    with closing(connector.line()) as line:

        def theirs() -> list[tuple[Any, ...]]:
            line.rollback()
            return line.first(statement, len(ours))

        def again() -> list[tuple[Any, ...]]:
            found = batches(connector.another(), statement, columns, BufferSizes(), len(ours))
            fresh = next((landed_batch(each, columns) for each in found), None)
            return python_rows(pa.Table.from_batches([fresh])) if fresh is not None else []

        agree(ours, theirs, again, columns)
    return len(ours)
