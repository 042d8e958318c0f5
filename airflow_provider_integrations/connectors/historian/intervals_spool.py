"""Readings of a source on their way to their slots: kept in a file of columns, and given back by series, so that memory holds a
few million of them however many there are and in whatever order they came.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from airflow_provider_integrations.connectors.historian.intervals import Readings, Refusal, Trait
from airflow_provider_integrations.formats.arrow import pa
from airflow_provider_integrations.landing.parquet import ROW_GROUP

__all__ = ["REJECTS", "Intake", "RejectLog", "Spool"]

_COLUMNS: dict[str, Any] = {
    "series": np.int32, "stamp": np.int64, "kind": np.int8, "value": np.float64, "trait": np.int32, "row": np.int64,
    "version": np.int64,
}  # fmt: skip
_NAMES = list(_COLUMNS)
REJECTS: Any = pa.schema(
    [("row", pa.int64()), ("service_point", pa.string()), ("channel", pa.string()), ("timestamp", pa.string()),
     ("value", pa.string()), ("reason", pa.string()), ("detail", pa.string())]
)  # fmt: skip
"""Of what is refused: where in the source (line, or record of data), what it said, and the `Refusal`."""

_TEXT = 200
"""Letters that are kept of what is refused."""


@dataclass(slots=True)
class RejectLog:
    """Counts refusals and writes them to a Parquet file, which is there only if there are some.

    Args:
        path: Of the file.
        counts: By reason.
    """

    path: Path
    counts: dict[Refusal, int] = field(default_factory=dict)
    _held: list[dict[str, Any]] = field(default_factory=list)
    _writer: Any = None

    def add(
        self, reason: Refusal, row: int, *, point: str | None = None, channel: str | None = None,
        stamp: str | None = None, value: str | None = None, detail: str | None = None, readings: int = 1,
    ) -> None:  # fmt: skip
        """Note one; `readings` says for how many it stands."""
        self.counts[reason] = self.counts.get(reason, 0) + readings
        texts = {"service_point": point, "channel": channel, "timestamp": stamp, "value": value, "detail": detail}
        cut = {name: None if text is None else text[:_TEXT] for name, text in texts.items()}
        self._held.append({"row": row, "reason": reason.value, **cut})
        if len(self._held) >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is held."""
        if self._held:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        import pyarrow.parquet

        parquet: Any = pyarrow.parquet
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self.path, REJECTS, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._held, schema=REJECTS))
        self._held.clear()


@dataclass(slots=True)
class Intake:
    """What a source names: its series and traits by number, in the order in which they appear, and what it refuses itself."""

    rejects: RejectLog
    series: dict[tuple[str, str], int] = field(default_factory=dict)
    traits: dict[Trait, int] = field(default_factory=dict)
    rows: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    def series_number(self, point: str, channel: str) -> int:
        """Of a channel of a service point."""
        return self.series.setdefault((point, channel), len(self.series))

    def trait_number(self, trait: Trait) -> int:
        """Of what readings have in common."""
        return self.traits.setdefault(trait, len(self.traits))


@dataclass(frozen=True, slots=True)
class _Block:
    """Where the columns of some readings are: a place in the file, or the value that one counts from that needs no place.

    Args:
        low: The least number of a series.
        high: The greatest.
        together: Series are in the order of their numbers, each in one piece.
    """

    count: int
    low: int
    high: int
    together: bool
    columns: tuple[tuple[str, int | float], ...]


class Spool:
    """A file without a name that holds readings until all have come; `low` and `high` are the bounds of their stamps.

    Args:
        folder: Where there is room for 40 bytes a reading.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".intervals-")  # noqa: SIM115  Closed by `__exit__`.
        self._counts = np.zeros(1024, np.int64)
        self._blocks: list[_Block] = []
        self._size = 0
        self.low, self.high = 0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, readings: Readings) -> None:
        """Keep a block."""
        if not len(readings):
            return
        series = readings.series
        edges = np.flatnonzero(series[1:] != series[:-1]) + 1
        firsts = series[np.append(0, edges)]
        together = bool((firsts[1:] > firsts[:-1]).all())
        counts = np.zeros(int(firsts.max()) + 1, np.int64)
        np.add.at(counts, firsts, np.diff(np.append(0, np.append(edges, len(series)))))
        if len(counts) > len(self._counts):
            self._counts = np.pad(self._counts, (0, 2 * len(counts) - len(self._counts)))
        self._counts[: len(counts)] += counts
        first, last = int(readings.stamp.min()), int(readings.stamp.max())
        self.low, self.high = (min(self.low, first), max(self.high, last)) if self._blocks else (first, last)
        columns = tuple(self._kept(getattr(readings, name)) for name in _COLUMNS)
        self._blocks.append(_Block(len(readings), int(firsts.min()), int(firsts.max()), together, columns))

    def portions(self, most: int) -> Iterator[Readings]:
        """All readings, whole series at a time, in the order of their numbers; rows of one series as they came.

        Args:
            most: Readings in one portion; more where one series alone has more.
        """
        if not self._blocks:
            return
        self._file.flush()
        # Read and not mapped: pages of a map would count as memory of this process.
        for first, last in _ranges(self._counts, most):
            portion = _portion(self._file.fileno(), self._blocks, first, last)
            if len(portion):
                yield portion

    def _kept(self, column: npt.NDArray[Any]) -> tuple[str, int | float]:
        begin = column[0].item()
        if column[-1] == begin and (column == begin).all():
            return "same", begin
        if column.dtype == np.int64 and column[-1] - begin == len(column) - 1 and (np.diff(column) == 1).all():
            return "next", begin
        place = self._size
        self._size += self._file.write(np.ascontiguousarray(column).data)
        return "file", place


def _ranges(counts: npt.NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Numbers of series from first to last, whose readings are not too many."""
    total = np.cumsum(counts)
    first, before = 0, 0
    while first < len(counts):
        last = max(int(np.searchsorted(total, before + most, "right")) - 1, first)
        yield first, last
        first, before = last + 1, int(total[last])


def _portion(file: int, blocks: list[_Block], first: int, last: int) -> Readings:
    parts: list[list[npt.NDArray[Any]]] = []
    for block in blocks:
        if block.high < first or block.low > last:
            continue
        columns = [_read(file, block, number) for number in range(len(_COLUMNS))]
        if block.low < first or block.high > last:
            series = columns[0]
            inside: Any
            if block.together:
                inside = slice(int(np.searchsorted(series, first)), int(np.searchsorted(series, last, "right")))
            else:
                inside = np.flatnonzero((series >= first) & (series <= last))
            columns = [column[inside] for column in columns]
        parts.append(columns)
    if not parts:
        return _NOTHING
    readings = Readings(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    if (readings.series[1:] < readings.series[:-1]).any():
        readings = readings.at(np.argsort(readings.series, kind="stable"))
    return readings


def _read(file: int, block: _Block, number: int) -> npt.NDArray[Any]:
    how, told = block.columns[number]
    kind = _COLUMNS[_NAMES[number]]
    if how == "same":
        return np.broadcast_to(kind(told), (block.count,))
    if how == "next":
        return np.arange(told, told + block.count, dtype=kind)
    return np.frombuffer(os.pread(file, block.count * np.dtype(kind).itemsize, int(told)), kind)


_NOTHING = Readings(*(np.zeros(0, kind) for kind in _COLUMNS.values()))
