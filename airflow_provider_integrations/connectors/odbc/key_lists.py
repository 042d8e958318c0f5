"""Two lists of keys, of any length, compared in little memory: both are split by the same hash, and compared part by part.

    with KeyLists(width=2) as lists:
        lists.add_source(batch)
        lists.add_loaded(keys)
        lists.gone()

A join of all at once would need room for one whole list, and a database that is given less room than it needs fails.
"""

# ruff: noqa: S608 every name is a constant of ours
from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from airflow_provider_integrations.connectors.odbc.duck import opened
from airflow_provider_integrations.formats.arrow import Table, pa, pc

__all__ = ["KeyLists"]

_PARTS = 64  # Each is an open file on each side.
_CHUNK = 10_000
_AT_ONCE = 50_000  # Keys that are split together; a split costs a write for each part.
_SAMPLE = 100


class KeyLists:
    """Two lists of keys as texts, in files that go when this is closed.

    Args:
        width: Columns of a key.
    """

    def __init__(self, width: int) -> None:
        self._schema = pa.schema([(f"k{at}", pa.string()) for at in range(1, width + 1)])
        self._found: tuple[Table, int, list[tuple[str, ...]]] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="integrations-sweep-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self._connection = stack.enter_context(opened(folder / "spill"))
            self._source, self._loaded = (
                stack.enter_context(_Parts(self._connection, folder / name, self._schema)) for name in ("s", "l")
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add_source(self, batch: Any) -> None:
        """A record batch or table of texts, one column for each key column."""
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        self._source.add(table.rename_columns(self._schema.names).cast(self._schema))

    def add_loaded(self, keys: Iterable[tuple[str, ...]]) -> None:
        """Keys as texts."""
        chunk: list[tuple[str, ...]] = []
        for key in keys:
            chunk.append(key)
            if len(chunk) == _CHUNK:
                self._loaded.add(self._table(chunk))
                chunk = []
        self._loaded.add(self._table(chunk))

    def gone(self) -> Table:
        """Texts `k1`, `k2`, ... of those that were loaded and are not at the source, each once, in no order."""
        return self._compared()[0]

    def count_missing(self) -> int:
        """How many keys are at the source and were not loaded."""
        return self._compared()[1]

    def missing(self, rows: int) -> tuple[tuple[str, ...], ...]:
        """The first, in the order of their texts, of those that are at the source and were not loaded; at most 100."""
        return tuple(self._compared()[2][:rows])

    def _compared(self) -> tuple[Table, int, list[tuple[str, ...]]]:
        """Compared once, when all keys are there."""
        if self._found is None:
            gone: list[Table] = [self._schema.empty_table()]
            missing = 0
            sample: list[tuple[str, ...]] = []
            for part in range(_PARTS):
                source, loaded = self._source.part(part), self._loaded.part(part)
                gone.append(self._beyond(loaded, source))
                apart = self._beyond(source, loaded)
                missing += apart.num_rows
                order = [(name, "ascending") for name in self._schema.names]
                first = apart.sort_by(order).slice(0, _SAMPLE)
                sample = sorted([*sample, *zip(*(column.to_pylist() for column in first.columns), strict=True)])[
                    :_SAMPLE
                ]
            self._found = pa.concat_tables(gone), missing, sample
        return self._found

    def _beyond(self, have: Table, others: Table) -> Table:
        if not have.num_rows:
            return have
        names = ", ".join(self._schema.names)
        self._connection.register("have", have)
        self._connection.register("others", others)
        apart = f"SELECT DISTINCT {names} FROM have ANTI JOIN others USING ({names})"
        return self._connection.sql(apart).to_arrow_table().cast(self._schema)

    def _table(self, rows: Sequence[tuple[str, ...]]) -> Table:
        columns = zip(*rows, strict=True) if rows else ([] for _ in self._schema)
        return pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], schema=self._schema)


class _Parts:
    """One list, split by the hash of its keys into files."""

    def __init__(self, connection: Any, folder: Path, schema: pa.Schema) -> None:
        self._connection, self._folder, self._schema = connection, folder, schema
        self._waiting: list[Table] = []
        self._rows = 0

    def __enter__(self) -> Self:
        self._folder.mkdir()
        with ExitStack() as stack:
            # A writer that is given a path leaves its file open.
            files = [stack.enter_context(pa.OSFile(str(self._path(part)), "wb")) for part in range(_PARTS)]
            self._writers = [stack.enter_context(pa.ipc.new_stream(file, self._schema)) for file in files]
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, table: Table) -> None:
        """Keys, in any number."""
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= _AT_ONCE:
            self._split()

    def part(self, number: int) -> Table:
        """The keys of one part; nothing is added after it."""
        if self._waiting:
            self._split()
        self._stack.close()
        with pa.ipc.open_stream(str(self._path(number))) as stream:
            return stream.read_all()

    def _split(self) -> None:
        given, self._waiting, self._rows = pa.concat_tables(self._waiting), [], 0
        self._connection.register("given", given)
        hashed = f"hash({', '.join(self._schema.names)}) % {_PARTS}"
        split = self._connection.sql(f"SELECT *, CAST({hashed} AS INTEGER) AS part FROM given ORDER BY part")
        table = split.to_arrow_table().combine_chunks()
        self._connection.unregister("given")
        if not table.num_rows:
            return
        runs = pc.run_end_encode(table["part"].chunk(0))
        begin = 0
        for part, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            self._writers[part].write_table(
                table.slice(begin, end - begin).select(self._schema.names).cast(self._schema)
            )
            begin = end

    def _path(self, part: int) -> Path:
        return self._folder / f"{part:03d}.arrows"
