"""DuckDB as a sweep uses it: little memory, one thread, no order that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from airflow_provider_integrations.core.identifiers import literal

__all__ = ["connect", "opened"]

_MEMORY = "64MB"  # Beyond it DuckDB goes to its folder; a query that finds no room there either fails.


def connect(spill: Path | None) -> duckdb.DuckDBPyConnection:
    """A connection in memory that spills into a folder; without one it holds a batch at a time and must not need to."""
    connection = duckdb.connect(":memory:")
    for setting in (
        f"memory_limit = '{_MEMORY}'",
        # Threads each hold memory of their own.
        "threads = 1",
        "preserve_insertion_order = false",
        "TimeZone = 'UTC'",
        f"temp_directory = {literal(str(spill) if spill is not None else '')}",
    ):
        connection.execute(f"SET {setting}")
    return connection


@contextmanager
def opened(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same, closed at the end."""
    connection = connect(spill)
    try:
        yield connection
    finally:
        connection.close()
