"""Rules that only the whole file can answer: uniqueness and references, by DuckDB over the written parts, with spill.

Rows that earlier rules rejected do not count. Of equal values the first row stays and the later ones are rejected; a
null equals nothing. A reference with a null among its columns is not looked up (SQL: MATCH SIMPLE).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from airflow_provider_integrations.core.contract import Contract, Reference
from airflow_provider_integrations.core.errors import ConfigError, SystemicError
from airflow_provider_integrations.core.identifiers import quote
from airflow_provider_integrations.core.redaction import mask
from airflow_provider_integrations.formats.arrow import Array, Table, pa
from airflow_provider_integrations.formats.block import Reject

if TYPE_CHECKING:
    import duckdb

__all__ = ["SPILL", "Ascending", "Lookup", "late_rejects"]

SPILL = ".spill"
"""The folder beside the parts that DuckDB spills to; what is in it is as private as the parts."""

Lookup = Callable[[Reference], pa.Table | None]
"""The rows that a reference may point at, with the columns `to_columns`; None where that entity is not known here."""

_MEMORY = "64MB"


class Ascending:
    """Watches whether a column only rises: then it is unique, and nothing else needs to look at it."""

    def __init__(self) -> None:
        self.holds = True
        self._last: int | None = None

    def see(self, values: Array) -> None:
        """Take the next values of the column."""
        if not self.holds or not len(values):
            return
        if values.null_count or not pa.types.is_int64(values.type):
            self.holds = False
            return
        numbers: NDArray[np.int64] = values.to_numpy()
        rises = bool((numbers[1:] > numbers[:-1]).all())
        self.holds = rises and (self._last is None or int(numbers[0]) > self._last)
        self._last = int(numbers[-1])


def late_rejects(
    contract: Contract, folder: Path, files: list[Path], unique: list[str], lookup: Lookup | None
) -> Iterator[Reject]:
    """The rows that break `unique` (for the columns named) or a reference, each row once, by its first broken rule."""
    references = [(ref, table) for ref in contract.references if lookup and (table := lookup(ref)) is not None]
    if not files or not (unique or references):
        return
    import duckdb

    # What the decoding held goes back first, so that the two never stand beside each other in memory.
    pa.default_memory_pool().release_unused()
    try:
        with duckdb.connect(":memory:", config={"memory_limit": _MEMORY, "threads": 2}) as connection:
            connection.execute("SET temp_directory = $1", [str(folder / SPILL)])
            connection.execute("SET preserve_insertion_order = false")
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("CREATE TEMP TABLE gone (_line BIGINT)")
            connection.read_parquet([str(path) for path in files]).create_view("parts")
            for name in unique:
                yield from _repeated(connection, name)
            for reference, table in references:
                yield from _dangling(connection, reference, table)
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise SystemicError(
            "uniqueness and references could not be checked", contract=contract.contract, error=type(error).__name__,
            next_step="Give the worker more memory or disk, then let the item run again.",
        ) from None  # fmt: skip
    except duckdb.Error as error:
        raise ConfigError(
            "a reference does not fit the entity it points at", contract=contract.contract, error=type(error).__name__,
            next_step="Compare the columns and types on both sides of the contract's references.",
        ) from None  # fmt: skip


def _repeated(connection: duckdb.DuckDBPyConnection, name: str) -> Iterator[Reject]:
    column = quote(name)
    # Eight bytes for each distinct value are all that this keeps; equal hashes are compared by value below.
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE suspects AS SELECT hash({column}) AS h FROM parts "  # noqa: S608 quoted
        f"WHERE {column} IS NOT NULL AND _line NOT IN (SELECT _line FROM gone) GROUP BY 1 HAVING count(*) > 1"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE found AS SELECT _line, v FROM (SELECT _line, {column}::VARCHAR AS v, "  # noqa: S608
        f"row_number() OVER (PARTITION BY {column} ORDER BY _line) AS n FROM parts WHERE {column} IS NOT NULL "
        f"AND hash({column}) IN (SELECT h FROM suspects) AND _line NOT IN (SELECT _line FROM gone)) WHERE n > 1"
    )
    yield from _report(connection, name, "unique")


def _dangling(connection: duckdb.DuckDBPyConnection, reference: Reference, table: Table) -> Iterator[Reject]:
    connection.register("targets", table.select(list(reference.to_columns)))
    pairs = [
        (f"parts.{quote(own)}", f"targets.{quote(other)}")
        for own, other in zip(reference.columns, reference.to_columns, strict=True)
    ]
    same = " AND ".join(f"{own} = {other}" for own, other in pairs)
    known = " AND ".join(f"{own} IS NOT NULL" for own, _ in pairs)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE found AS SELECT parts._line, {pairs[0][0]}::VARCHAR AS v FROM parts "  # noqa: S608
        f"ANTI JOIN targets ON {same} WHERE {known} AND parts._line NOT IN (SELECT _line FROM gone)"
    )
    yield from _report(connection, reference.columns[0], "reference")
    connection.unregister("targets")


def _report(connection: duckdb.DuckDBPyConnection, column: str, rule: str) -> Iterator[Reject]:
    connection.execute("INSERT INTO gone SELECT _line FROM found")
    cursor = connection.execute("SELECT _line, v FROM found ORDER BY _line")
    while rows := cursor.fetchmany(10_000):
        for line, value in rows:
            yield Reject(line, column, rule, mask(value))
