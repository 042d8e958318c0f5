"""Rows as they were read to rows as the contract types them, vectorised; what does not fit is a reject with its key.

The first broken rule of a row counts, in the contract's order of columns. Good rows are never touched one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from airflow_provider_integrations.connectors.odbc.model import ReadColumn
from airflow_provider_integrations.connectors.odbc.typed_values import as_text, typed
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.redaction import mask
from airflow_provider_integrations.formats.arrow import Array, Table, pa
from airflow_provider_integrations.formats.rules import ColumnRules, broken, compile_rules
from airflow_provider_integrations.formats.schema import arrow_type

__all__ = ["RowReject", "to_landed"]

Flags = NDArray[np.bool_]


class RowReject(NamedTuple):
    """A row that is kept out.

    Args:
        row: Its ordinal among the rows that were read.
        key: The contract's key as text, `column=value` with commas; the values of personal data are masked.
        column: The column that broke the rule.
        rule: `type`, `nullable`, `enum`, `pattern`, `range`, `max_length`, `precision`, `nonexistent_time`, ...
        value: The value, masked.
    """

    row: int
    key: str
    column: str
    rule: str
    value: str | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where each column of a contract stands in what was read."""

    rules: tuple[ColumnRules, ...]
    at: tuple[int, ...]
    keys: tuple[int, ...]
    schema: object


def to_landed(
    batch: object, contract: Contract | None, columns: Sequence[ReadColumn], *, first_row: int = 0
) -> tuple[Table, list[RowReject]]:
    """Type a record batch or table by a contract and take out the rows that break it.

    Args:
        batch: With the columns of `columns`, in their order.
        contract: Without one the rows stay as they were read.
        columns: What was read; those that the contract does not know are left out.
        first_row: Ordinal of the batch's first row.

    Returns:
        The good rows with exactly the contract's columns and types, and the rejects in the order of their rows.

    Raises:
        ConfigError: a column of the contract was not read.
    """
    table: Table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
    if contract is None:
        return table, []
    plan = _plan(contract, tuple(column.name for column in columns))
    values: list[Array] = []
    bad: Flags | None = None
    found: list[tuple[int, str, str, str | None]] = []
    for rules, at in zip(plan.rules, plan.at, strict=True):
        raw = _single(table.column(at))
        converted = typed(rules.column, raw)
        values.append(converted.values)
        needs_text = rules.column.pattern is not None or rules.column.max_length is not None
        texts = as_text(raw) if needs_text else converted.values
        for rule, fails in broken(rules, texts, converted):
            if bad is None:
                bad = np.zeros(table.num_rows, np.bool_)
            fresh = np.flatnonzero(fails & ~bad)
            bad |= fails
            shown = as_text(raw.take(pa.array(fresh))).to_pylist()
            found.extend(
                (row, rules.column.name, rule, mask(value)) for row, value in zip(fresh.tolist(), shown, strict=True)
            )
    rejects = _with_keys(table, contract, plan, found, first_row) if found else []
    if bad is not None:
        good = pa.array(~bad)
        values = [column.filter(good) for column in values]
    return pa.Table.from_arrays(values, schema=plan.schema), rejects


@lru_cache(maxsize=16)
def _plan(contract: Contract, read: tuple[str, ...]) -> _Plan:
    places = {name: at for at, name in reversed(list(enumerate(read)))}
    folded = {name.casefold(): at for name, at in places.items()}
    where = {column.name: places.get(column.name, folded.get(column.name.casefold())) for column in contract.columns}
    if missing := sorted(name for name, at in where.items() if at is None):
        raise ConfigError(
            "columns of the contract were not read",
            contract=contract.contract,
            columns=missing,
            next_step="Select them in the template, or take them out of the contract.",
        )
    found = {name: at for name, at in where.items() if at is not None}
    return _Plan(
        compile_rules(contract),
        tuple(found[column.name] for column in contract.columns),
        tuple(found[name] for name in contract.keys),
        pa.schema([pa.field(c.name, arrow_type(c), nullable=c.nullable) for c in contract.columns]),
    )


def _with_keys(
    table: Table, contract: Contract, plan: _Plan, found: list[tuple[int, str, str, str | None]], first_row: int
) -> list[RowReject]:
    found.sort(key=lambda reject: reject[0])
    rows = pa.array([reject[0] for reject in found], pa.int64())
    parts = []
    for name, at in zip(contract.keys, plan.keys, strict=True):
        texts = as_text(_single(table.column(at)).take(rows)).to_pylist()
        hidden = contract.column(name).pii is not None
        parts.append([f"{name}={mask(text) if hidden else text}" for text in texts])
    keys = [", ".join(row) for row in zip(*parts, strict=True)]
    return [
        RowReject(first_row + row, key, column, rule, value)
        for (row, column, rule, value), key in zip(found, keys, strict=True)
    ]


def _single(column: Array) -> Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.nulls(0, column.type)])
