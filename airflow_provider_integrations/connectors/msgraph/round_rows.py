"""Rows of a round as other sources land theirs: typed by contract, with the reserved columns, what does not fit kept apart.

A row that the contract rejects is known all the same: a later change of one property completes it, and it is judged again.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.manifest import DataFile
from airflow_provider_integrations.core.redaction import mask
from airflow_provider_integrations.formats.arrow import Table, pa, pc
from airflow_provider_integrations.formats.rules import broken, compile_rules
from airflow_provider_integrations.formats.schema import arrow_schema, arrow_type
from airflow_provider_integrations.formats.values import convert
from airflow_provider_integrations.landing.parquet import PartWriter

__all__ = ["LandedRows", "typed_keys", "write_rows"]

Columns = Sequence[Sequence[str | None]]
"""The texts of each column of a contract, in its order."""

_FINE = r"(\.\d{6})\d+"
"""Microsoft's instants have seven digits of a second; six are kept, as every warehouse does."""


@dataclass(frozen=True, slots=True)
class LandedRows:
    """What was written: the parts, the rows that were read, and the rejected ones by the rule that they broke."""

    files: tuple[DataFile, ...]
    rows_read: int
    rejects: dict[str, int]

    @property
    def rows_landed(self) -> int:
        """Rows in the parts."""
        return sum(file.rows for file in self.files)

    @property
    def rows_rejected(self) -> int:
        """Rows that were kept out."""
        return sum(self.rejects.values())


def write_rows(
    folder: Path, contract: Contract, chunks: Iterable[Columns], *, batch_id: str, version: str
) -> LandedRows:
    """Write a batch into a private folder: its parts, and `rejects.jsonl` if rows were rejected.

    Args:
        folder: Empty.
        contract: What the rows are typed by.
        chunks: Texts, in a few thousand rows at a time.
        batch_id, version: Of every row.
    """
    typing = _Typing(contract)
    read, rejects = 0, Counter[str]()
    with PartWriter(folder, arrow_schema(contract), durable=False) as out, _Rejects(folder, contract) as kept_out:
        for columns in chunks:
            texts = [pa.array(column, pa.string()) for column in columns]
            rows = len(texts[0])
            values, bad, found = typing.judge(texts)
            lines = np.arange(read + 1, read + rows + 1, dtype=np.int64)
            for row, column, rule, value in found:
                rejects[rule] += 1
                kept_out.write(int(lines[row]), [column_texts[row] for column_texts in columns], column, rule, value)
            if bad is not None:
                good = pa.array(~bad)
                values, lines = [column.filter(good) for column in values], lines[~bad]
            out.write(_stamped(contract, values, lines, batch_id, version))
            read += rows
    return LandedRows(out.files, read, dict(rejects))


def typed_keys(contract: Contract, chunks: Iterable[Sequence[Sequence[str]]]) -> list[Table]:
    """Keys in the contract's types; one that breaks the contract was never landed, and is left out.

    Args:
        contract: Of the rows.
        chunks: Rows of texts, one for each column of the key.
    """
    keys = contract.model_copy(update={"columns": tuple(contract.column(name) for name in contract.keys)})
    typing, tables = _Typing(keys), []
    schema = pa.schema([pa.field(c.name, arrow_type(c), nullable=c.nullable) for c in keys.columns])
    for rows in chunks:
        values, bad, _ = typing.judge([pa.array(column, pa.string()) for column in zip(*rows, strict=True)])
        table = pa.Table.from_arrays(values, schema=schema)
        tables.append(table if bad is None else table.filter(pa.array(~bad)))
    return tables


class _Typing:
    """The rules of a contract, compiled once."""

    def __init__(self, contract: Contract) -> None:
        self._rules = compile_rules(contract)

    def judge(self, texts: Sequence[Any]) -> tuple[list[Any], Any, list[tuple[int, str, str, str | None]]]:
        """Typed columns, which rows are bad if any, and of each of those the first rule that it broke, by its row."""
        bad: Any = None
        values, found = [], []
        for rules, sent in zip(self._rules, texts, strict=True):
            text = pc.replace_substring_regex(sent, _FINE, r"\1") if rules.column.type == "timestamp" else sent
            converted = convert(rules.column, text, ())
            values.append(converted.values)
            for rule, fails in broken(rules, text, converted):
                if bad is None:
                    bad = np.zeros(len(text), np.bool_)
                fresh = np.flatnonzero(fails & ~bad)
                bad |= fails
                shown = text.take(pa.array(fresh)).to_pylist()
                found += [
                    (row, rules.column.name, rule, mask(value))
                    for row, value in zip(fresh.tolist(), shown, strict=True)
                ]
        return values, bad, sorted(found)


class _Rejects:
    """`rejects.jsonl`, which appears with the first reject; it names the object, masked where its key is personal."""

    def __init__(self, folder: Path, contract: Contract) -> None:
        self._path = folder / "rejects.jsonl"
        names = [column.name for column in contract.columns]
        self._keys = [(name, names.index(name), contract.column(name).pii is not None) for name in contract.keys]
        self._file: IO[str] | None = None

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def write(self, line: int, row: Sequence[str | None], column: str, rule: str, value: str | None) -> None:
        if self._file is None:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(handle, "w", encoding="utf-8", newline="\n")
        key = ", ".join(f"{name}={mask(row[at]) if hidden else row[at]}" for name, at, hidden in self._keys)
        entry = {"column": column, "key": key, "line": line, "rule": rule, "value": value}
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _stamped(contract: Contract, values: Sequence[Any], lines: Any, batch_id: str, version: str) -> Table:
    rows = len(lines)
    constants = [
        pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
        for text in (batch_id, version)
    ]
    arrays = [
        *values,
        constants[0],
        pa.array(lines),
        constants[1],
        pa.array(np.ones(rows, np.bool_)),
        pa.nulls(rows, pa.string()),
    ]
    fields = [field.with_type(array.type) for field, array in zip(arrow_schema(contract), arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
