"""A part: one Arrow IPC file (LZ4) with a record batch for each segment of a tag, which its schema's metadata names.

`part-00000007-1f2e3d4c.arrow` is the seventh, and 1f2e3d4c is the CRC-32 of its bytes: a file that was cut or changed is none.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.connectors.historian.samples import PAGE, empty_page

ipc: Any = pyarrow.ipc

__all__ = ["OpenParts", "Segment", "joined", "new_name", "number_of", "segments_of", "write_part"]

_NAME = re.compile(r"part-(\d{8})-([0-9a-f]{8})\.arrow")
_SEGMENTS = b"segments"
_OPTIONS = ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_READING = ipc.IpcReadOptions(use_threads=False)
"""Segments are small: to hand their columns to threads, on either way, takes longer than they do."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """Samples of one tag over one span, and where they are: the batch of that number in a part."""

    tag: str
    span: Span
    rows: int
    path: Path
    batch: int


def write_part(
    folder: Path, number: int, content: Sequence[tuple[str, Span, Sequence[pa.RecordBatch]]]
) -> tuple[Path, list[Segment]]:
    """Write a part, for its owner alone and not yet durable, under a name with `.new` behind; gives the name without.

    Args:
        folder: Where it stands.
        number: Of the part, never given twice.
        content: A tag, a span, and its samples in the schema `PAGE`, for each segment.
    """
    # With one dictionary: an IPC file can have no second one.
    rows = joined([batch for _, _, each in content for batch in each])
    names = json.dumps([[tag, span.begin, span.end] for tag, span, _ in content])
    schema = PAGE.with_metadata({_SEGMENTS: names.encode()})
    sink, at, counts = pa.BufferOutputStream(), 0, []
    with ipc.new_file(sink, schema, options=_OPTIONS) as writer:
        for _, _, each in content:
            counts.append(sum(batch.num_rows for batch in each))
            writer.write_batch(rows.slice(at, counts[-1]).replace_schema_metadata(schema.metadata))
            at += counts[-1]
    data = memoryview(sink.getvalue())
    path = folder / f"part-{number:08d}-{zlib.crc32(data):08x}.arrow"
    descriptor = os.open(new_name(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    places = zip(content, counts, range(len(counts)), strict=True)
    return path, [Segment(tag, span, count, path, place) for (tag, span, _), count, place in places]


def joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of pages, in one batch."""
    if len(batches) == 1:
        return batches[0]
    whole = pa.Table.from_batches(batches, PAGE).unify_dictionaries().combine_chunks()
    return whole.to_batches()[0] if whole.num_rows else empty_page()


def new_name(path: Path) -> Path:
    """Of a part until it is durable."""
    return path.with_name(f"{path.name}.new")


def number_of(path: Path) -> int | None:
    """Of a part; none for any other file."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def segments_of(path: Path) -> list[Segment] | None:
    """What a part holds; none if it is damaged."""
    match = _NAME.fullmatch(path.name)
    if match is None or _sum(path) != int(match[2], 16):
        return None
    with pa.memory_map(str(path)) as source:
        reader = ipc.open_file(source)
        named = json.loads(reader.schema.metadata[_SEGMENTS])
        counts = [reader.get_batch(place).num_rows for place in range(reader.num_record_batches)]
    places = zip(named, counts, range(len(counts)), strict=True)
    return [Segment(tag, Span(begin, end), rows, path, place) for (tag, begin, end), rows, place in places]


class OpenParts:
    """Parts to read segments from; those that were asked for last stay open, as the next tag is in them too.

    They are read, not mapped: what of a file is mapped counts as memory of the process. Threads may share them.
    """

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._open: dict[Path, tuple[Any, Any]] = {}
        self._lock = Lock()

    def read(self, segment: Segment) -> pa.RecordBatch:
        """Its samples, in the schema `PAGE`."""
        with self._lock:
            found = self._open.pop(segment.path) if segment.path in self._open else self._opened(segment.path)
            self._open[segment.path] = found
            batch: pa.RecordBatch = found[1].get_batch(segment.batch)
        return batch

    def close(self) -> None:
        """Let go of all of them."""
        for file, _ in self._open.values():
            file.close()
        self._open.clear()

    def _opened(self, path: Path) -> tuple[Any, Any]:
        if len(self._open) >= self._most:
            self._open.pop(next(iter(self._open)))[0].close()
        file = pa.OSFile(str(path), "rb")
        return file, ipc.open_file(file, options=_READING)


def _sum(path: Path) -> int:
    found = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found = zlib.crc32(block, found)
    return found
