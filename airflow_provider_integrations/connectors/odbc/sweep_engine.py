"""The work of a deletes sweep that is done here: keys to texts and hashes, and two lists of keys compared on disk.

DuckDB makes the very texts and hashes that the source and the warehouse make, so a folder of landed Parquet files can stand
for the warehouse (`ParquetKeys`), and a source without digests can be hashed here.
"""

# ruff: noqa: S608 every name is quoted and every value is a number of ours or bound
from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.identifiers import literal, quote
from airflow_provider_integrations.core.key_groups import ByHash, Grouping, KeyGroup

__all__ = ["KeyLists", "KeyTexts", "ParquetKeys"]

_CHUNK = 10_000
_MEMORY = "100MB"  # Beyond it DuckDB goes to its folder.


class KeyTexts:
    """Typed keys to texts, hashes and groups.

    Args:
        contract: Its key columns are what is looked at.

    Raises:
        ConfigError: for a float among the keys, whose text is not exact.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._connection = _connection(None)
        _texts(contract)

    def groups(self, table: Any, grouping: Grouping) -> dict[int, KeyGroup]:
        """Count and hash sum of each group of an Arrow table of keys."""
        self._connection.register("keys_given", _plain(table))
        return _groups(self._connection, _hashed(self._contract, grouping, "keys_given"))

    def texts(self, table: Any, grouping: Grouping, groups: Sequence[int]) -> Any:
        """Texts `k1`, `k2`, ... of the keys that lie in some groups."""
        self._connection.register("keys_given", _plain(table))
        hashed = _hashed(self._contract, grouping, "keys_given")
        return self._connection.sql(_listed(self._contract, hashed, groups)).to_arrow_table()


class ParquetKeys:
    """Landed files as the loaded side of a sweep: the latest row of each key, if it was seen before the sweep.

    Args:
        pattern: Of the files, e.g. `out/*.parquet`.
        contract: What they were landed by.
        before: The sweep's version; a key with a row of it or of a later one is left out.
    """

    def __init__(self, pattern: str, contract: Contract, *, before: str) -> None:
        self._contract = contract
        folder = Path(tempfile.mkdtemp(prefix="integrations-sweep-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._connection = _connection(folder)
        keys = ", ".join(quote(name) for name in contract.keys)
        self._relation = (
            f"(SELECT {keys} FROM read_parquet({literal(pattern)}, union_by_name = true)"
            f" GROUP BY {keys} HAVING max(_version) < {literal(before)})"
        )

    def groups(self, grouping: Grouping) -> dict[int, KeyGroup]:
        """Count and hash sum of each group that has keys."""
        return _groups(self._connection, _hashed(self._contract, grouping, self._relation))

    def keys(self, grouping: Grouping, group: int, *more: int) -> Iterator[tuple[str, ...]]:
        """The keys of one group or of several as texts."""
        hashed = _hashed(self._contract, grouping, self._relation)
        found = self._connection.execute(_listed(self._contract, hashed, [group, *more]))
        while rows := found.fetchmany(_CHUNK):
            yield from rows


class KeyLists:
    """Two lists of keys as texts, of any length, in a file that goes when this is closed.

    with KeyLists(width=2) as lists:
        lists.add_source(batch)
        lists.add_loaded(keys)
        lists.gone()
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._names = [f"k{at}" for at in range(1, width + 1)]

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="integrations-sweep-")
        self._connection = _connection(Path(self._folder.name), on_disk=True)
        columns = ", ".join(f"{name} VARCHAR" for name in self._names)
        for table in ("source", "loaded"):
            self._connection.execute(f"CREATE TABLE {table} ({columns})")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._folder.cleanup()

    def add_source(self, batch: Any) -> None:
        """A record batch or table of texts, one column for each key column."""
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        self._add("source", table)

    def add_loaded(self, keys: Iterable[tuple[str, ...]]) -> None:
        """Keys as texts."""
        chunk: list[tuple[str, ...]] = []
        for key in keys:
            chunk.append(key)
            if len(chunk) == _CHUNK:
                self._add_rows(chunk)
                chunk = []
        self._add_rows(chunk)

    def count_gone(self) -> int:
        """How many keys were loaded and are not at the source."""
        return self._count("gone", "loaded", "source")

    def count_missing(self) -> int:
        """How many keys are at the source and were not loaded."""
        return self._count("missing", "source", "loaded")

    def gone(self) -> tuple[tuple[str, ...], ...]:
        """Those that were loaded and are not at the source, in the order of their texts."""
        self.count_gone()
        return tuple(self._connection.execute("SELECT * FROM gone ORDER BY ALL").fetchall())

    def missing(self, rows: int) -> tuple[tuple[str, ...], ...]:
        """The first of those that are at the source and were not loaded."""
        self.count_missing()
        return tuple(self._connection.execute(f"SELECT * FROM missing ORDER BY ALL LIMIT {int(rows)}").fetchall())

    def _add_rows(self, rows: list[tuple[str, ...]]) -> None:
        if rows:
            columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            self._add("loaded", pa.Table.from_arrays(columns, names=self._names))

    def _add(self, name: str, table: Any) -> None:
        self._connection.register("given", table.rename_columns(self._names))
        self._connection.execute(f"INSERT INTO {name} SELECT * FROM given")
        self._connection.unregister("given")

    def _count(self, name: str, have: str, others: str) -> int:
        """Compared once, when all keys are there."""
        names = ", ".join(self._names)
        apart = f"SELECT DISTINCT {names} FROM {have} ANTI JOIN {others} USING ({names})"
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {name} AS {apart}")
        [(found,)] = self._connection.execute(f"SELECT count(*) FROM {name}").fetchall()
        return int(found)


def _connection(folder: Path | None, *, on_disk: bool = False) -> duckdb.DuckDBPyConnection:
    """Spills into the folder; without one it holds a batch at a time and must not need to."""
    connection = duckdb.connect(str(folder / "keys.duckdb") if folder is not None and on_disk else ":memory:")
    # Nobody orders what has no order, and threads each hold memory of their own.
    for setting in (
        f"memory_limit = '{_MEMORY}'",
        "threads = 2",
        "preserve_insertion_order = false",
        "TimeZone = 'UTC'",
    ):
        connection.execute(f"SET {setting}")
    connection.execute(f"SET temp_directory = {literal(str(folder / 'spill') if folder is not None else '')}")
    return connection


def _plain(table: Any) -> Any:
    return table if isinstance(table, pa.Table) else pa.Table.from_batches([table])


def _hashed(contract: Contract, grouping: Grouping, relation: str) -> str:
    """Each key of a relation with its texts, its number `h` and its group `g`."""
    texts = _texts(contract)
    named = ", ".join(f"{text} AS k{at}" for at, text in enumerate(texts, 1))
    whole = " || chr(31) || ".join(f"k{at}" for at in range(1, len(texts) + 1))
    first = quote(contract.keys[0])
    if isinstance(grouping, ByHash):
        group = f"h % {int(grouping.groups)}"
    else:
        # Exact floor division: DuckDB's // cuts towards zero.
        above = f"(CAST(first AS HUGEINT) - ({int(grouping.low)}))"
        width = int(grouping.width)
        group = f"(({above} - ((({above} % {width}) + {width}) % {width})) // {width})"
    return (
        f"SELECT *, {group} AS g FROM (SELECT *, CAST('0x' || substr(md5({whole}), 1, 15) AS BIGINT) AS h"
        f" FROM (SELECT {named}, {first} AS first FROM {relation}))"
    )


def _groups(connection: duckdb.DuckDBPyConnection, hashed: str) -> dict[int, KeyGroup]:
    found = connection.execute(f"SELECT g, count(*), CAST(sum(h) AS VARCHAR) FROM ({hashed}) GROUP BY g").fetchall()
    return {int(group): KeyGroup(int(rows), int(total)) for group, rows, total in found}


def _listed(contract: Contract, hashed: str, groups: Sequence[int]) -> str:
    names = ", ".join(f"k{at}" for at in range(1, len(contract.keys) + 1))
    return f"SELECT {names} FROM ({hashed}) WHERE g IN ({', '.join(str(int(group)) for group in groups)})"


def _texts(contract: Contract) -> list[str]:
    return [_text(contract.column(name)) for name in contract.keys]


def _text(column: Column) -> str:
    """As `warehouse.loaded_keys.key_text`, in DuckDB's words."""
    sql = quote(column.name)
    if column.type == "float":
        raise ConfigError(
            "a float is no exact key, so its deletions cannot be swept",
            column=column.name,
            next_step="Make it a decimal in the contract, or take `deletes` out of the source.",
        )
    if column.type == "timestamp":
        return f"strftime({sql} AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')"
    if column.type == "time":
        return f"strftime(DATE '1970-01-01' + {sql}, '%H:%M:%S.%f')"
    if column.type == "uuid":
        return f"lower({sql})"
    # A date of the calendar's years and a decimal with its scale have one text each.
    return sql if column.type == "string" else f"CAST({sql} AS VARCHAR)"
