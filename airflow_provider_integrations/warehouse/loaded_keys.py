"""What the warehouse holds of a source's keys, for the deletes sweep: counted and hashed there, listed where they differ.

    loaded = LoadedKeys(connection, contract, source.load, before=version)
    loaded.groups(ByHash(64))            # {0: KeyGroup(rows=15, hash=...), ...}
    list(loaded.keys(ByHash(64), 7))     # [("17",), ("42",)]

Keys are compared as texts that every engine can make alike (`key_text`), and hashed to the first 15 hexadecimal digits of
their MD5 as a whole number, so that a sum of them needs no order. Only rows count that the sweep may mark as deleted: those
that are not deleted yet and were seen before it.
"""

# ruff: noqa: S608 every name is quoted by core.identifiers and every value is bound
from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.identifiers import quote
from airflow_provider_integrations.core.key_groups import ByHash, Grouping, KeyGroup, check_keys
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.formats.arrow import Array, DataType, Table, pa, pc
from airflow_provider_integrations.formats.schema import arrow_type
from airflow_provider_integrations.warehouse.database import Connection, Database, ensure_schema
from airflow_provider_integrations.warehouse.tables import Tables

__all__ = [
    "LoadedKeys",
    "key_text",
    "render_groups",
    "render_keys",
    "typed_keys",
]

_DIGITS = 15
_PIECE = 10_000
_HASH = '"K"."KEY_MD5"'
_SEPARATOR = "CHR(31)"
"""Stands between the parts of a key that is hashed: the unit separator, which is what it is for."""


class LoadedKeys:
    """The keys of one target, as a sweep sees them.

    Args:
        connection: Of the Snowflake connector.
        contract, policy: What was loaded, and where to.
        before: The sweep's version; rows that were seen by it or by a later one are left out.

    Raises:
        ConfigError: for a float among the keys.
    """

    def __init__(self, connection: Connection, contract: Contract, policy: LoadPolicy, *, before: str) -> None:
        check_keys(contract)
        self._contract, self._policy, self._before = contract, policy, before
        self._tables = Tables.from_policy(policy)
        self._database = Database(connection)
        self._database.autocommit(True)
        self._database.set_session(f"integrations:sweep:{self._tables.key}")
        # The table may be older than its columns for deletions, or not be there before the first load.
        ensure_schema(self._database, contract, policy)

    def groups(self, grouping: Grouping) -> dict[int, KeyGroup]:
        """Count and hash sum of each group that has keys: one scan."""
        statement = render_groups(self._tables, self._contract, self._policy, grouping)
        rows = self._database.query("hashing the loaded keys", statement, {"before": self._before})
        return {int(row["key_group"]): KeyGroup(int(row["keys"]), int(row["hash_sum"])) for row in rows}

    def keys(self, grouping: Grouping, group: int, *more: int) -> Iterator[tuple[str, ...]]:
        """The keys of one group or of several as texts, one for each key column: one scan, fetched in pieces."""
        statement = render_keys(self._tables, self._contract, self._policy, grouping, [group, *more])
        for row in self._database.stream("listing loaded keys", statement, {"before": self._before}):
            yield tuple(str(value) for value in row)


def key_text(column: Column, sql: str) -> str:
    """SQL for the text of a key column: digits without signs of thousands, all decimals, ISO 8601 with microseconds.

    A float has none: `core.key_groups.check_keys`.
    """
    if column.type == "date":
        return f"TO_VARCHAR(CAST({sql} AS DATE), 'YYYY-MM-DD')"
    if column.type == "timestamp":
        # The cast says the type to the emulator, which knows formats of literals and casts only.
        return f"TO_VARCHAR(CAST({sql} AS TIMESTAMP_NTZ(6)), 'YYYY-MM-DD HH24:MI:SS.FF6')"
    if column.type == "time":
        # A time alone has no format in the emulator.
        return f"TO_VARCHAR(TIMESTAMP_NTZ_FROM_PARTS(CAST('1970-01-01' AS DATE), {sql}), 'HH24:MI:SS.FF6')"
    if column.type == "boolean":
        return f"CASE WHEN {sql} THEN 'true' ELSE 'false' END"
    # A uuid was landed in lower case.
    return sql if column.type in ("string", "uuid") else f"CAST({sql} AS VARCHAR)"


def typed_keys(contract: Contract, keys: Table) -> Table:
    """Keys as texts, one column for each key column in order, in the contract's types: what `GoneKeys` takes."""
    typed: dict[str, Array] = {}
    for place, name in enumerate(contract.keys):
        kind, texts = arrow_type(contract.column(name)), keys.column(place)
        # Arrow's own cast of a text to a decimal refuses none and rounds none, but knows 38 digits only.
        typed[name] = _decimals(texts, kind) if pa.types.is_decimal(kind) else _cast(texts, kind)
    return pa.table(typed)


def _decimals(texts: Array, kind: DataType) -> Array:
    # A piece at a time: Python's decimals are large.
    pieces = (texts.slice(start, _PIECE) for start in range(0, len(texts), _PIECE))
    return pa.chunked_array([pa.array([Decimal(text) for text in piece.to_pylist()], kind) for piece in pieces], kind)


def _cast(texts: Array, kind: DataType) -> Array:
    if pa.types.is_time(kind):  # Arrow reads none by itself.
        return pc.binary_join_element_wise("1970-01-01", texts, " ").cast(pa.timestamp("us")).cast(kind)
    if pa.types.is_timestamp(kind):
        # Arrow makes a zone of the text's own, and the texts have none.
        plain = texts.cast(pa.timestamp("us"))
        return pa.chunked_array([chunk.view(kind) for chunk in plain.chunks], kind)
    return texts.cast(kind)


def render_groups(tables: Tables, contract: Contract, policy: LoadPolicy, grouping: Grouping) -> str:
    """Count and hash sum by group (bound: `before`); sums travel as text, since they outgrow 64 bits."""
    total = 'CAST(SUM(CAST("G"."KEY_HASH" AS NUMBER(38,0))) AS VARCHAR)'
    return (
        f'SELECT "G"."KEY_GROUP" AS "KEY_GROUP", COUNT(*) AS "KEYS", {total} AS "HASH_SUM"\n'
        f"FROM (\n{_hashed(tables, contract, policy, grouping)}\n"
        ') AS "G"\nGROUP BY "G"."KEY_GROUP"'
    )


def render_keys(
    tables: Tables, contract: Contract, policy: LoadPolicy, grouping: Grouping, groups: Sequence[int]
) -> str:
    """The keys of some groups as texts (bound: `before`)."""
    wanted = ", ".join(str(int(group)) for group in groups)
    names = ", ".join(f'"G".{quote(f"KEY_{place}")}' for place in range(1, len(contract.keys) + 1))
    return (
        f"SELECT {names}\nFROM (\n{_hashed(tables, contract, policy, grouping)}\n"
        f') AS "G"\nWHERE "G"."KEY_GROUP" IN ({wanted})'
    )


def _hashed(tables: Tables, contract: Contract, policy: LoadPolicy, grouping: Grouping) -> str:
    """Each key with its texts, hash and group."""
    texts = [key_text(contract.column(key), f'"T".{quote(key.upper())}') for key in contract.keys]
    named = ", ".join(f"{text} AS {quote(f'KEY_{place}')}" for place, text in enumerate(texts, 1))
    whole = f" || {_SEPARATOR} || ".join(texts)
    alive, seen = (
        ('"T"."IS_CURRENT"', "_SEEN_VERSION") if policy.scd == 2 else ('"T"."_DELETED_VERSION" IS NULL', "_VERSION")
    )
    first = "NULL"
    if isinstance(grouping, ByHash):
        group = f'MOD("H"."KEY_HASH", {int(grouping.groups)})'
    else:
        if contract.column(contract.keys[0]).type != "integer":
            raise ConfigError("only whole numbers have spans", column=contract.keys[0], next_step="Group keys by hash.")
        first = f'CAST("T".{quote(contract.keys[0].upper())} AS NUMBER(38,0))'
        above, width = f'("H"."FIRST_KEY" - ({int(grouping.low)}))', int(grouping.width)
        # The dividend is a multiple of the width, so that no engine's rounding of a division matters; also below `low`.
        multiple = f"({above} - MOD(MOD({above}, {width}) + {width}, {width}))"
        group = f"CAST(ROUND({multiple} / {width}) AS NUMBER(38,0))"
    return (
        f'  SELECT "H".*, {group} AS "KEY_GROUP"\n  FROM (\n'
        f'    SELECT "K".*, {_number()} AS "KEY_HASH"\n    FROM (\n'
        f'      SELECT {named}, {first} AS "FIRST_KEY", MD5({whole}) AS "KEY_MD5"\n'
        f'      FROM {tables.target} AS "T"\n'
        f'      WHERE {alive}\n        AND "T".{quote(seen)} < %(before)s\n'
        '    ) AS "K"\n  ) AS "H"'
    )


def _number() -> str:
    """The first hexadecimal digits as a number, digit by digit: the emulator reads no hexadecimal format."""
    return " + ".join(
        f"(POSITION(SUBSTR({_HASH}, {place}, 1) IN '0123456789abcdef') - 1) * {16 ** (_DIGITS - place)}"
        for place in range(1, _DIGITS + 1)
    )
