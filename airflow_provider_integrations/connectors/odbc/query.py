"""From a table, its contract and its order to the query that reads it; without a contract, to the natural one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.dialects import Dialect
from airflow_provider_integrations.connectors.odbc.model import (
    KeyColumn,
    Keyset,
    ReadColumn,
    SourceColumn,
    TableFacts,
    TableQuery,
)
from airflow_provider_integrations.connectors.odbc.written import checked_filter
from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["build_query", "natural_contract", "split_order"]


def split_order(names: Sequence[str], primary_key: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Cursor columns and key columns of an order, e.g. `updated_at,id`: its last columns must be the primary key.

    Raises:
        ConfigError: when they are not, since rows of one tuple could then be lost between two pages.
    """
    size = len(primary_key)
    if not size:
        return tuple(names[:-1]), tuple(names[-1:])
    if set(names[-size:]) != set(primary_key) or len(names) < size:
        raise ConfigError(
            "the order does not end with the primary key",
            order=tuple(names),
            primary_key=tuple(primary_key),
            next_step="Name the cursor columns first and all columns of the primary key after them.",
        )
    return tuple(names[:-size]), tuple(names[-size:])


def build_query(
    dialect: Dialect,
    facts: TableFacts,
    contract: Contract,
    cursor: Sequence[str],
    *,
    filter: str | None = None,
    template: str | None = None,
) -> TableQuery:
    """What is read: the contract's columns alone, and those of the order.

    Raises:
        ConfigError: the source lacks columns, or the filter is no condition that stands by itself.
    """
    names = _resolved(facts, [*cursor, *contract.keys])
    wanted = {name: column for column in contract.columns for name in _resolved(facts, [column.name])}
    columns: list[ReadColumn] = []
    for name in dict.fromkeys([*wanted, *names]):
        column = wanted.get(name)
        read = dialect.read_column(facts.column(name), column.type if column is not None else None)
        columns.append(replace(read, name=column.name) if column is not None else read)
    keyset = Keyset(tuple(_key(facts.column(name), facts.primary_key) for name in names), len(cursor))
    condition = checked_filter(dialect.name, filter)
    return TableQuery(facts.table, tuple(columns), keyset, condition, template, unproved=not facts.primary_key)


def natural_contract(dialect: Dialect, facts: TableFacts, keys: Sequence[str]) -> Contract:
    """The contract that a table's own types make, for a run without one."""
    name = re.sub(r"[^a-z0-9_]+", "_", facts.table.lower()).strip("_")
    columns = tuple(
        Column(
            name=column.name,
            type=_natural(dialect, column),
            nullable=column.nullable and column.name not in keys,
        )
        for column in facts.columns
    )
    return Contract.from_mapping(
        {
            "contract": name if name[:1].isalpha() else f"t_{name}",
            "version": "1.0.0",
            "columns": [column.model_dump() for column in columns],
            "keys": tuple(keys),
            "max_reject_share": 1,
        },
        where=f"table {facts.table}",
    )


def _key(column: SourceColumn, primary_key: Sequence[str]) -> KeyColumn:
    # A primary key is never NULL, whatever SQLite lets a table declare; a key that only the contract names may well be.
    return KeyColumn(column.name, column.type, column.nullable and column.name not in primary_key)


def _resolved(facts: TableFacts, names: Sequence[str]) -> list[str]:
    """The source's own spelling of each name."""
    exact = {column.name for column in facts.columns}
    folded = {column.name.casefold(): column.name for column in facts.columns}
    found = [name if name in exact else folded.get(name.casefold()) for name in names]
    if missing := sorted(name for name, there in zip(names, found, strict=True) if there is None):
        raise ConfigError(
            "the source has no such columns",
            table=facts.table,
            columns=missing,
            next_step="Correct the contract or the cursor, or give the columns by a template.",
        )
    return [name for name in found if name is not None]


def _natural(dialect: Dialect, column: SourceColumn) -> str:
    kind = dialect.read_column(column).arrow
    if dialect.name == "sqlite":
        return _declared(column.type)
    if pa.types.is_int64(kind):
        return "integer"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_float64(kind):
        return "float"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_date(kind):
        return "date"
    return "timestamp" if pa.types.is_timestamp(kind) else "string"


def _declared(kind: str) -> str:
    """The meaning of a declaration in SQLite; by its affinity where it says no more (datatype3.html, 3.1)."""
    if match := re.match(r"(?:numeric|decimal)\((\d+),\s*(\d+)\)", kind):
        return f"decimal({match[1]},{match[2]})"
    for part, meaning in (
        ("int", "integer"),
        ("bool", "boolean"),
        ("real", "float"),
        ("floa", "float"),
        ("doub", "float"),
    ):
        if part in kind:
            return meaning
    return "timestamp" if kind.startswith(("timestamp", "datetime")) else "date" if kind == "date" else "string"
