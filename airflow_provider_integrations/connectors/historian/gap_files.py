"""Samples of one tag after the other from a folder of Parquet files, in the order of time and in bounded memory.

Only the row groups of a tag are read, one by one. Those that overlap in time (several backfills in one folder, several tags
in one file) are read together and sorted; a backfill's own files have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from airflow_provider_integrations.connectors.historian.gap_points import COLUMNS
from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.core.errors import ConfigError

pc: Any = pyarrow.compute
pq: Any = pyarrow.parquet

__all__ = ["SampleFiles"]

_NEEDED = ("tag", *COLUMNS)
_INSTANT = pa.timestamp("ns", tz="UTC")


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group of a file, and the first and last instant in it."""

    path: Path
    number: int
    first: int
    last: int
    mixed: bool


class SampleFiles:
    """What a folder has; files in folders whose names begin with a point are not part of it.

    Raises:
        ConfigError: there is no such folder, or a file has no samples in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            step = "Give the folder that samples were read into."
            raise ConfigError("there is no such folder", folder=str(folder), next_step=step)
        self._groups: dict[str, list[_Group]] = {}
        paths = sorted(folder.rglob("*.parquet"))
        self.paths = [
            path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        ]
        for path in self.paths:
            self._enter(path)

    @property
    def tags(self) -> list[str]:
        """Those that have samples, in order."""
        return sorted(self._groups)

    @property
    def span(self) -> Span | None:
        """From the first sample of all to the last one; none if there are no samples."""
        groups = [group for found in self._groups.values() for group in found]
        if not groups:
            return None
        return Span(min(group.first for group in groups), max(group.last for group in groups) + 1)

    def samples(self, names: set[str], span: Span, columns: Sequence[str] = COLUMNS) -> Iterator[pa.RecordBatch]:
        """Samples of a tag by any of its names, ascending, with the columns that gaps are found by, or others.

        Groups that lie outside the span are left out but for one on either side, which has its neighbours.
        """
        groups = sorted(
            {group for name in names for group in self._groups.get(name, ())}, key=lambda one: (one.first, one.last)
        )
        inside = [place for place, one in enumerate(groups) if one.last >= span.begin and one.first < span.end]
        low = min(inside, default=sum(one.last < span.begin for one in groups))
        high = max(inside, default=low - 1)
        with _Opened() as opened:
            for together in _clusters(groups[max(0, low - 1) : high + 2]):
                table = pa.concat_tables([_read(opened.file(one.path), one, names, columns) for one in together])
                yield from _in_order(table).to_batches()

    def _enter(self, path: Path) -> None:
        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise ConfigError(
                "a file that is no Parquet, or damaged",
                path=str(path),
                why=str(error)[:200],
                next_step="Read it again.",
            ) from None
        with file:
            if missing := sorted({*_NEEDED} - {*file.schema_arrow.names}):
                raise ConfigError(
                    "a file without samples",
                    path=str(path),
                    missing=missing,
                    next_step="Give a folder that holds the files of `integrations historian backfill` alone.",
                )
            for number in range(file.metadata.num_row_groups):
                if file.metadata.row_group(number).num_rows:
                    tags, first, last = _told(file, number) or _seen(file, number)
                    group = _Group(path, number, first, last, len(tags) > 1)
                    for tag in tags:
                        self._groups.setdefault(tag, []).append(group)


def _told(file: Any, number: int) -> tuple[list[str], int, int] | None:
    """The tag of a row group and its bounds by its statistics; nothing if they do not say it, or there are several tags."""
    group, schema = file.metadata.row_group(number), file.schema_arrow
    columns = {group.column(place).path_in_schema: group.column(place) for place in range(group.num_columns)}
    tags, instants = columns["tag"].statistics, columns["ts"].statistics
    if not (tags and tags.has_min_max and tags.min == tags.max and instants and instants.has_min_max):
        return None
    if not isinstance(tags.min, str) or schema.field("ts").type != _INSTANT:
        return None
    return [tags.min], instants.min_raw, instants.max_raw  # As values they would lose what is below a microsecond.


def _seen(file: Any, number: int) -> tuple[list[str], int, int]:
    table = file.read_row_group(number, columns=["tag", "ts"])
    bounds = pc.min_max(table.column("ts").cast(_INSTANT).cast(pa.int64()))
    return pc.unique(table.column("tag")).to_pylist(), bounds["min"].as_py(), bounds["max"].as_py()


class _Opened:
    """The file that was read last, since its footer may be long."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._stack = ExitStack()
        self._file: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def file(self, path: Path) -> Any:
        """The file at a path, open until another one is asked for."""
        if path != self._path:
            self._stack.close()
            self._path, self._file = path, self._stack.enter_context(pq.ParquetFile(path))
        return self._file


def _clusters(groups: Sequence[_Group]) -> Iterator[list[_Group]]:
    """Groups that overlap in time together; equal instants on both sides of a border are in order as they are."""
    some: list[_Group] = []
    for group in groups:
        if some and group.first >= max(one.last for one in some):
            yield some
            some = []
        some.append(group)
    if some:
        yield some


def _read(file: Any, group: _Group, names: set[str], columns: Sequence[str]) -> pa.Table:
    table = file.read_row_group(group.number, columns=[*dict.fromkeys((*columns, "tag"))])
    if group.mixed:
        table = table.filter(pc.is_in(table.column("tag"), pa.array(sorted(names))))
    found = {name: table.column(name) for name in columns}
    return pa.table({**found, "ts": found["ts"].cast(_INSTANT), "origin": found["origin"].cast(pa.string())})


def _in_order(table: pa.Table) -> pa.Table:
    ts = table.column("ts").cast(pa.int64()).to_numpy()
    return table if (ts[1:] >= ts[:-1]).all() else table.sort_by("ts")
