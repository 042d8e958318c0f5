"""Rows of a document's tables as other sources land theirs: by contract, with the reserved columns, in Parquet parts.

Each table has a folder of its own in a private stage, which is what `landing.bronze.promote` takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from airflow_provider_integrations.connectors.edi.row_contract import DOCUMENT
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.manifest import DataFile
from airflow_provider_integrations.formats.arrow import pa
from airflow_provider_integrations.formats.schema import arrow_schema
from airflow_provider_integrations.landing.parquet import PartWriter

__all__ = ["LandedTables"]

_ROW_GROUP = 1 << 15
"""Smaller than other sources': all tables of a document are open at once, and each holds as many rows."""


class LandedTables:
    """The tables of one document while it is read; on an exception inside the `with`, no part of them remains.

    Args:
        stage: Private folder.
        contracts: By the name of the table.
        document: SHA-256 of the document's plaintext, which is in every row.
        version: Of every row.
        batch_ids: Of the batch of each table.
    """

    def __init__(
        self,
        stage: Path,
        contracts: Mapping[str, Contract],
        *,
        document: str,
        version: str,
        batch_ids: Mapping[str, str],
    ) -> None:
        self._stage, self._contracts = stage, contracts
        self._document, self._version, self._batch_ids = document, version, batch_ids
        self._tables: dict[str, _Table] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            for table in self._tables.values():
                table.out.abort()

    def write(self, name: str, batch: Any) -> None:
        """Take rows of a table: a batch or table of Arrow with the contract's columns but `document`."""
        if not batch.num_rows:
            return
        if name not in self._tables:
            folder = self._stage / name
            folder.mkdir(mode=0o700)
            constants = (self._document, self._batch_ids[name], self._version)
            self._tables[name] = _Table(folder, self._contracts[name], *constants)
        self._tables[name].write(batch)

    def finish(self) -> dict[str, tuple[DataFile, ...]]:
        """The parts of each table that has rows."""
        return {name: table.out.close() for name, table in sorted(self._tables.items())}


class _Table:
    def __init__(self, folder: Path, contract: Contract, document: str, batch_id: str, version: str) -> None:
        self._schema = arrow_schema(contract)
        self._constants = {DOCUMENT: document, "_batch_id": batch_id, "_version": version}
        self._rows = 0
        # `promote` syncs them.
        self.out = PartWriter(folder, self._schema, row_group=_ROW_GROUP, durable=False)

    def write(self, batch: Any) -> None:
        n = batch.num_rows
        reserved = {
            "_line": pa.array(np.arange(self._rows + 1, self._rows + n + 1, dtype=np.int64)),
            "_dq_valid": pa.array(np.ones(n, np.bool_)),
            "_dq_flags": pa.nulls(n, pa.string()),
        }
        self._rows += n
        arrays = []
        for field in self._schema:
            if field.name in self._constants:
                indices, value = pa.array(np.zeros(n, np.int8)), pa.array([self._constants[field.name]])
                arrays.append(pa.DictionaryArray.from_arrays(indices, value))
            elif field.name in reserved:
                arrays.append(reserved[field.name])
            else:
                arrays.append(_as_text(batch.column(field.name)))
        fields = [
            pa.field(field.name, array.type, nullable=field.nullable)
            for field, array in zip(self._schema, arrays, strict=True)
        ]
        self.out.write(pa.Table.from_arrays(arrays, schema=pa.schema(fields)))


def _as_text(column: Any) -> Any:
    """A list of texts as a JSON array; anything else as it is."""
    if not pa.types.is_list(column.type):
        return column
    return pa.array([json.dumps(texts, ensure_ascii=False) for texts in column.to_pylist()], pa.string())
