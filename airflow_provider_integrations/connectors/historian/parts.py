"""What a backfill has read so far, on disk: files that are whole or not there, whatever is killed, and say what they hold.

A part holds samples of several tags, each from one instant to another (a segment). What is read is what the parts say, and
nothing else does: a part that is lost, damaged or not finished is read again.

    with Parts(folder) as parts:
        parts.add(begin, page)
        parts.keep()
        for table in parts.tables("pump", rows=131_072):
            ...
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from airflow_provider_integrations.connectors.historian.model import Page, Span, to_iso
from airflow_provider_integrations.connectors.historian.part_files import (
    OpenParts,
    Segment,
    joined,
    new_name,
    number_of,
    segments_of,
    write_part,
)
from airflow_provider_integrations.connectors.historian.samples import PAGE, samples_table
from airflow_provider_integrations.connectors.historian.windows import merged
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.landing.durable import sync_files, sync_folder
from airflow_provider_integrations.system import go_on

__all__ = ["Parts"]

_HELD_ROWS = 131_072
_HELD_BYTES = 16 << 20
"""What is held in memory at most before it becomes a file, which need not be durable yet."""

_LOOSE = 64
"""Pages of fewer rows than this are held one by one, up to so many of them."""


@dataclass(slots=True)
class _Held:
    """Pages of one tag that follow each other and are no file yet."""

    span: Span
    batches: list[pa.RecordBatch] = field(default_factory=list)
    loose: int = 0

    def add(self, samples: pa.RecordBatch) -> None:
        """Take a page's samples. Small pages are joined: each batch takes some kilobytes, however few rows it has."""
        self.batches.append(samples)
        self.loose += 1
        if samples.num_rows >= _LOOSE or self.loose >= _LOOSE:
            self.batches[-self.loose :] = [joined(self.batches[-self.loose :])]
            self.loose = 0


@dataclass(slots=True)
class _Seen:
    """What a folder holds: whole parts by tag, those that are none, and the highest number of all."""

    index: defaultdict[str, list[Segment]] = field(default_factory=lambda: defaultdict(list))
    damaged: list[Path] = field(default_factory=list)
    number: int = 0


class Parts:
    """The parts in a folder: to read them at once, to write in a `with`, which keeps others out until it ends.

    Args:
        folder: Its own, for its owner alone; made with the first part. The lock stands beside it.

    Raises:
        StateConflictError: two parts hold the same time of a tag; by each method that looks.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[tuple[str, int], _Held] = {}
        self._rows = self._bytes = 0
        self._written: list[tuple[Path, list[Segment]]] = []
        self._ready = False
        self._lock = -1
        self._seen: _Seen | None = None
        self._open = OpenParts()

    def __enter__(self) -> Self:
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.folder.with_name(f"{self.folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise StateConflictError(
                "another run is at work here", parts=str(self.folder), next_step="Wait until it has ended."
            ) from None
        self._lock, self._seen = lock, None  # Another run may have ended since it was looked.
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()
        os.close(self._lock)  # The kernel does so too when the process ends, however it ends.

    @property
    def damaged(self) -> tuple[str, ...]:
        """Parts that were found and are none, whose time counts as unread."""
        return tuple(path.name for path in self._here.damaged)

    def read_spans(self, tag: str) -> tuple[Span, ...]:
        """Of which time the samples of a tag are here for good, in order."""
        return merged(segment.span for segment in self._here.index.get(tag, ()))

    def rows(self, tag: str) -> int:
        """How many samples of a tag are here for good."""
        return sum(segment.rows for segment in self._here.index.get(tag, ()))

    def tables(self, tag: str, *, rows: int) -> Iterator[pa.Table]:
        """What is here of a tag in the order of time, in the schema `SAMPLES`.

        Every table but the last one has `rows` rows, in one piece, however the parts were cut.
        """
        pending, count = list[pa.Table](), 0
        for segment in sorted(self._here.index.get(tag, ()), key=lambda one: one.span):
            if not segment.rows:
                continue
            page = pa.Table.from_batches([self._open.read(segment)], PAGE)
            while count + page.num_rows >= rows:
                head, page = page.slice(0, rows - count), page.slice(rows - count)
                yield _rows_of(tag, _in_one_piece([*pending, head]))
                pending, count = [], 0
            if page.num_rows:
                pending.append(page)
                count += page.num_rows
        if count:
            yield _rows_of(tag, _in_one_piece(pending))

    def add(self, begin: int, page: Page) -> None:
        """Take a page whose samples lie from `begin` to before its `read_to`; it is durable after the next `keep`."""
        held = self._held.pop((page.tag, begin), None) or _Held(Span(begin, begin))
        held.span = Span(held.span.begin, page.read_to)
        if page.samples.num_rows:
            held.add(page.samples)
            self._rows += page.samples.num_rows
            if not held.loose:
                self._bytes += held.batches[-1].nbytes
        self._held[page.tag, page.read_to] = held
        if self._rows >= _HELD_ROWS or self._bytes >= _HELD_BYTES:
            self._write()

    def keep(self, boundary: Callable[[str], None] = go_on) -> None:
        """Make all that was taken durable; a process that dies in between keeps some of it, and never a part of a file."""
        self._write()
        if not self._written:
            return
        boundary("part written")
        sync_files(new_name(path) for path, _ in self._written)
        boundary("part synced")
        while self._written:
            path, segments = self._written[0]
            new_name(path).rename(path)
            # One by one, so that who goes on after an error here finds what is left to do.
            self._written.pop(0)
            for segment in segments:
                self._here.index[segment.tag].append(segment)
            boundary("part named")
        sync_folder(self.folder)

    def clear(self) -> None:
        """Throw all of it away."""
        self._open.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._held.clear()
        self._written.clear()
        self._ready, self._seen = False, None

    def _write(self) -> None:
        held = [
            (tag, each.span, each.batches) for (tag, _), each in self._held.items() if each.span.begin < each.span.end
        ]
        if held:
            self._make_ready()
            self._here.number += 1
            self._written.append(write_part(self.folder, self._here.number, held))
        self._held.clear()
        self._rows = self._bytes = 0
        # Arrow's allocator keeps what it freed: some 15 MB here.
        pa.default_memory_pool().release_unused()

    def _make_ready(self) -> None:
        """Before the first part of this process: a folder without what another one has left."""
        if self._ready:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (*self._here.damaged, *self.folder.glob("part-*.new")):
            path.unlink(missing_ok=True)
        self._ready = True

    @property
    def _here(self) -> _Seen:
        """What is here, read once."""
        if self._seen is None:
            self._seen = _look(self.folder)
        return self._seen


def _in_one_piece(pages: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(pages).unify_dictionaries().combine_chunks()


def _rows_of(tag: str, pages: pa.Table) -> pa.Table:
    return pa.concat_tables([samples_table(tag, batch) for batch in pages.to_batches()])


def _look(folder: Path) -> _Seen:
    seen = _Seen()
    for path in sorted(folder.glob("part-*.arrow")):
        seen.number = max(seen.number, number_of(path) or 0)
        segments = segments_of(path)
        if segments is None:
            seen.damaged.append(path)
        for segment in segments or ():
            seen.index[segment.tag].append(segment)
    for tag, found in seen.index.items():
        for one, other in pairwise(sorted(found, key=lambda each: each.span)):
            if other.span.begin < one.span.end:
                raise StateConflictError(
                    "two parts hold the same time of a tag",
                    tag=tag,
                    at=to_iso(other.span.begin),
                    parts=(one.path.name, other.path.name),
                    next_step="Remove the folder of the parts and run again: all is read anew.",
                )
    return seen
