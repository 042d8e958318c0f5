"""A round as Parquet files of whole rows: one of its objects, and one of each relation that changed in it.

Objects: `id`, `_op`, `_round`, `_seq`, then the selected properties, all as text (`page_files` says why); an upsert is the
whole row, so that a NULL is always an empty property and never "was not sent".
Relations: `owner_id`, `member_id`, `member_type`, `_op`, `_round`, `_seq`; a removal says that the two are no longer related.

Applied in the order of `_round` and `_seq` to empty tables, they give the server's state. Rows of a relation that have the same
`_seq` came with one object, and none of them is of the same pair.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_integrations.connectors.msgraph.changes import Change, RelationChange
from airflow_provider_integrations.formats.columns import column_of
from airflow_provider_integrations.landing.durable import sync_folder

__all__ = ["PLACES", "RoundFiles", "file_name"]

_PLACE = (("_op", pa.string()), ("_round", pa.int64()), ("_seq", pa.int64()))
PLACES = frozenset(name for name, _ in _PLACE)
"""Columns that every file has, besides the selected ones."""
_RELATION = (*((name, pa.string()) for name in ("owner_id", "member_id", "member_type")), *_PLACE)
_ROWS = 5_000


def file_name(resource: str, round: int, relation: str = "") -> str:
    """What the file of a round's objects is called, or that of a relation.

    >>> file_name("groups", 7, "members")
    'groups-members-round-000007.parquet'
    """
    parts = (resource, relation) if relation else (resource,)
    return f"{'-'.join(map(_plain, parts))}-round-{round:06d}.parquet"


class RoundFiles:
    """Files that grow by row groups, whole and synced at the end; a few thousand rows of each are held at most.

    Args:
        folder: Where they are written; what an earlier try has left there is replaced.
        resource, round: Of what. The objects' file is always made, those of relations with their first row.
        columns: The selected properties.
    """

    def __init__(self, folder: Path, resource: str, round: int, columns: tuple[str, ...]) -> None:
        self._folder, self._resource, self._round, self._columns = folder, resource, round, columns
        self._relations: dict[str, _File] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        columns = [("id", pa.string()), *_PLACE, *((name, pa.string()) for name in self._columns)]
        self._objects = self._stack.enter_context(_File(self._path(), columns))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)
        sync_folder(self._folder)

    def add(self, change: Change | RelationChange) -> None:
        """Write the next change; an upsert has the whole row."""
        if isinstance(change, Change):
            values = map(change.properties.get, self._columns)
            self._objects.add((change.id, change.op, change.round, change.seq, *values))
            return
        if (file := self._relations.get(change.relation)) is None:
            made = _File(self._path(change.relation), [*_RELATION])
            file = self._relations[change.relation] = self._stack.enter_context(made)
        pair = (change.owner, change.member, change.member_type or None)
        file.add((*pair, change.op, change.round, change.seq))

    def _path(self, relation: str = "") -> Path:
        return self._folder / file_name(self._resource, self._round, relation)


class _File:
    """One of them."""

    def __init__(self, path: Path, columns: list[tuple[str, Any]]) -> None:
        self._schema = pa.schema([pa.field(name, kind) for name, kind in columns])
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        # Dictionaries of names and addresses cost memory and make the file larger: zstd alone finds what comes again.
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd", use_dictionary=False)
        self._rows: list[tuple[Any, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def add(self, row: tuple[Any, ...]) -> None:
        """Write the next row."""
        self._rows.append(row)
        if len(self._rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            columns = zip(zip(*self._rows, strict=True), self._schema.types, strict=True)
            arrays = [column_of(kind, values) for values, kind in columns]
            self._writer.write_table(pa.table(arrays, schema=self._schema))
            self._rows.clear()


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
