"""Landed Parquet as one table in DuckDB, in bounded memory and with nothing fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_integrations.core.errors import ReconciliationError

__all__ = ["BATCH", "GROUP_ROWS", "landed_table", "same_schema"]

BATCH = "batch"
"""Name of the table."""

GROUP_ROWS = 1_000_000
"""Rows up to which files are read into memory once, instead of once for each statement."""

_MEMORY = "350MB"
_THREADS = 2  # More of them need more memory than a worker has, and gain little on one batch.


@contextmanager
def landed_table(
    paths: Sequence[Path], rows: Mapping[str, int], later: Sequence[pa.Field[pa.DataType]] = ()
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the rows of these files as the table `batch`.

    DuckDB spills to a private folder past its memory limit, and may not load extensions, which it would fetch.

    Args:
        paths: Parquet files of one schema.
        rows: How many rows of which batch they must hold.
        later: Columns that the contract has gained since the files were landed, null in every row.

    Raises:
        ReconciliationError: if they hold other rows: then a sample or another snapshot would be looked at.
    """
    with (
        TemporaryDirectory(prefix="gate-") as spill,
        duckdb.connect(
            config={
                "memory_limit": _MEMORY,
                "threads": _THREADS,
                "temp_directory": spill,
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        ) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'")
        kind = "TABLE" if sum(rows.values()) <= GROUP_ROWS else "VIEW"
        names = ", ".join(_literal(path) for path in paths)
        # Of no rows, so that the types of what is missing are those that a file of today would have.
        connection.register("later", pa.schema([pa.field("_line", pa.int64()), *later]).empty_table())
        also = " UNION ALL BY NAME SELECT * FROM later" if later else ""
        read = f"SELECT * FROM read_parquet([{names}], hive_partitioning = false)"  # noqa: S608
        connection.execute(f"CREATE {kind} {BATCH} AS {read}{also}")
        found = dict(connection.execute(f"SELECT _batch_id, count(*) FROM {BATCH} GROUP BY ALL").fetchall())  # noqa: S608
        if found != {batch: count for batch, count in rows.items() if count}:
            raise ReconciliationError(
                "the files hold other rows than their manifests say",
                expected=dict(rows),
                found=found,
                next_step="Find out who wrote them, then replay the items.",
            )
        yield connection


def same_schema(path: Path) -> str:
    """Files that give the same text can be looked at as one table."""
    schema = pq.read_schema(path)
    return ";".join(f"{field.name}:{field.type}" for field in schema)


def _literal(path: Path) -> str:
    """A path for `read_parquet`, which takes wildcards: a file name with one must mean itself."""
    text = re.sub(r"([\[*?])", r"[\1]", str(path.absolute()))
    return "'" + text.replace("'", "''") + "'"
