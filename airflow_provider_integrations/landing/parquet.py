"""Writes Parquet parts: explicit schema, zstd, row groups of 131,072 rows, a new part at a size bound.

The digest and the size are taken while the bytes are written, so that no part is read again. Row groups are cut by
rows, however the rows arrive.

    with PartWriter(folder, schema) as writer:
        writer.write(table)
    writer.files
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from numpy.typing import NDArray

from airflow_provider_integrations.core.manifest import DataFile

pq: Any = pyarrow.parquet

__all__ = ["PART_BYTES", "ROW_GROUP", "PartWriter", "without_lines"]

ROW_GROUP = 131_072
PART_BYTES = 256 << 20
"""A part is closed at the first row group that takes it past this; Snowflake advises 100 to 250 MB per file."""

_SAMPLE = 16_384


class _Digesting:
    """A file that hashes what is written to it."""

    closed = False

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._durable = durable
        # Rows are plaintext: nobody but the owner may read them, whatever the umask.
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=0)
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._sha256.update(view)
        done = 0
        while done < len(view):
            done += self._file.write(view[done:])
        self.size += done
        return done

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        if not self._file.closed:
            if self._durable:
                os.fsync(self._file.fileno())
            self._file.close()
        self.closed = True

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


class PartWriter:
    """Writes `<stem>-00000.parquet` and so on into `folder`; on an exception inside the `with`, none of them remain.

    String columns may arrive dictionary-encoded; they are strings to every reader all the same. Parts are synced to disk
    when they are closed, unless `durable` is false because `promote` will do it. `few` says of columns whether they have few
    values and so are worth a dictionary; in the others the first rows' are counted.
    """

    def __init__(
        self, folder: Path, schema: pa.Schema, *, stem: str = "part", part_bytes: int = PART_BYTES,
        row_group: int = ROW_GROUP, durable: bool = True, few: Mapping[str, bool] | None = None,
    ) -> None:  # fmt: skip
        self._durable, self._few = durable, few or {}
        self._folder, self._schema, self._stem = folder, schema, stem
        self._part_bytes, self._row_group = part_bytes, row_group
        self._pending: list[pa.Table] = []
        self._rows_pending = 0
        self._out: _Digesting | None = None
        self._writer: Any = None
        self._rows = 0
        self._dictionary: list[str] | None = None
        self._names: list[str] = []
        self.files: tuple[DataFile, ...] = ()

    def write(self, table: pa.Table) -> None:
        """Take rows; they are written as soon as they fill a row group."""
        if not table.num_rows:
            return
        self._pending.append(table)
        self._rows_pending += table.num_rows
        while self._rows_pending >= self._row_group:
            self._flush(self._row_group)

    def close(self) -> tuple[DataFile, ...]:
        """Write what is left and say what there is; no rows, no part."""
        if self._rows_pending:
            self._flush(self._rows_pending)
        self._end_part()
        return self.files

    def abort(self) -> None:
        """Remove every part that was begun."""
        if self._writer is not None and self._out is not None:
            # Even a full disk must not keep the files from being removed.
            with contextlib.suppress(OSError, pa.ArrowException):
                self._writer.close()
            with contextlib.suppress(OSError):
                self._out.close()
        self._writer = self._out = None
        for name in self._names:
            (self._folder / name).unlink(missing_ok=True)
        self.files = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _flush(self, rows: int) -> None:
        table = pa.concat_tables(self._pending)
        group, rest = table.slice(0, rows), table.slice(rows)
        self._pending = [rest] if rest.num_rows else []
        self._rows_pending = rest.num_rows
        if self._writer is None:
            self._begin_part(group)
        assert self._writer is not None
        assert self._out is not None
        self._writer.write_table(group, row_group_size=rows)
        self._rows += rows
        # Arrow's allocator keeps what it freed for each of the threads that came by: some 60 MB over a large file.
        pa.default_memory_pool().release_unused()
        if self._out.size >= self._part_bytes:
            self._end_part()

    def _begin_part(self, first: pa.Table) -> None:
        if self._dictionary is None:
            self._dictionary = _few_values(first, self._few)
        name = f"{self._stem}-{len(self._names):05d}.parquet"
        self._names.append(name)
        self._out = _Digesting(self._folder / name, durable=self._durable)
        self._writer = pq.ParquetWriter(
            self._out, first.schema, compression="zstd", use_dictionary=self._dictionary, store_schema=False
        )  # fmt: skip
        self._rows = 0

    def _end_part(self) -> None:
        if self._writer is None or self._out is None:
            return
        self._writer.close()
        self._out.close()
        self.files = (*self.files, DataFile(self._names[-1], self._out.sha256, self._out.size, self._rows))
        self._writer = self._out = None


def without_lines(folder: Path, files: Iterable[DataFile], lines: NDArray[np.int64]) -> tuple[DataFile, ...]:
    """The files without the rows whose `_line` is among `lines`; a file that holds none of them stays as it is."""
    gone = pa.array(lines, pa.int64())
    kept: list[DataFile] = []
    for file in files:
        path = folder / file.name
        with pq.ParquetFile(path) as source:
            held = pc.is_in(source.read(["_line"]).column("_line"), value_set=gone)
            if not pc.any(held).as_py():
                kept.append(file)
                continue
            with PartWriter(
                folder, source.schema_arrow, stem=f".{path.stem}", part_bytes=1 << 62, durable=False
            ) as writer:
                for group in range(source.num_row_groups):
                    table = source.read_row_group(group)
                    writer.write(table.filter(pc.invert(pc.is_in(table.column("_line"), value_set=gone))))
        if writer.files:
            written = writer.files[0]
            (folder / written.name).replace(path)
            kept.append(DataFile(file.name, written.sha256, written.size, written.rows))
        else:
            path.unlink()
    return tuple(kept)


def _few_values(table: pa.Table, known: Mapping[str, bool]) -> list[str]:
    """Columns worth a dictionary; for the others hashing each value costs more than it saves."""
    sample = table.slice(0, _SAMPLE)
    return [name for name in sample.column_names if _is_few(sample.column(name), known.get(name))]


def _is_few(column: pa.ChunkedArray[Any], known: bool | None) -> bool:
    if pa.types.is_boolean(column.type):
        return False
    if known is not None or pa.types.is_dictionary(column.type):
        return known is not False
    if column.null_count == len(column):
        return True
    # In most columns of many values the first eighth has too many.
    parts = (column.slice(0, len(column) // 8 + 1), column)
    return all(pc.count_distinct(part).as_py() * 8 <= len(column) for part in parts)
