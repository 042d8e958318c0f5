"""Keys to texts, hashes and groups, as the source and the warehouse make them.

DuckDB makes the very texts and hashes that the source and the warehouse make, so a folder of landed Parquet files can stand
for the warehouse (`ParquetKeys`), and a source without digests can be hashed here.
"""

# ruff: noqa: S608 every name is quoted and every value is a number of ours or bound
from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.duck import connect
from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.identifiers import literal, quote
from airflow_provider_integrations.core.key_groups import ByHash, Grouping, KeyGroup, check_keys

__all__ = ["KeyTexts", "ParquetKeys"]

_CHUNK = 10_000
_PART = 250_000


class KeyTexts:
    """Typed keys to texts, hashes and groups.

    Args:
        contract: Its key columns are what is looked at.

    Raises:
        ConfigError: for a float among the keys.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        check_keys(contract)
        self._connection = connect(None)

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
        self._connection = connect(folder / "spill")
        keys = ", ".join(quote(name) for name in contract.keys)
        landed = f"read_parquet({literal(pattern)}, union_by_name = true)"
        [(rows,)] = self._connection.execute(f"SELECT count(*) FROM {landed}").fetchall()
        parts = 1 + int(rows) // _PART
        for part in range(parts):
            # A part at a time: grouping them all needs room for them all.
            latest = (
                f"SELECT {keys} FROM {landed} WHERE hash({keys}) % {parts} = {part}"
                f" GROUP BY {keys} HAVING max(_version) < {literal(before)}"
            )
            self._connection.execute(f"COPY ({latest}) TO {literal(str(folder / f'{part:05d}.parquet'))}")
        self._relation = f"read_parquet({literal(str(folder / '*.parquet'))})"

    def groups(self, grouping: Grouping) -> dict[int, KeyGroup]:
        """Count and hash sum of each group that has keys."""
        return _groups(self._connection, _hashed(self._contract, grouping, self._relation))

    def keys(self, grouping: Grouping, group: int, *more: int) -> Iterator[tuple[str, ...]]:
        """The keys of one group or of several as texts."""
        hashed = _hashed(self._contract, grouping, self._relation)
        found = self._connection.execute(_listed(self._contract, hashed, [group, *more]))
        while rows := found.fetchmany(_CHUNK):
            yield from rows


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
    if column.type == "timestamp":
        return f"strftime({sql} AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')"
    if column.type == "time":
        return f"strftime(DATE '1970-01-01' + {sql}, '%H:%M:%S.%f')"
    if column.type == "uuid":
        return f"lower({sql})"
    # A date of the calendar's years and a decimal with its scale have one text each.
    return sql if column.type == "string" else f"CAST({sql} AS VARCHAR)"
