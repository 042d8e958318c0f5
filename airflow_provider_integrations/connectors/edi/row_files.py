"""The rows of a stream as Parquet files, one a table: all of them whole, or none.

What is written stands in one private folder with a temporary name until the stream is read to its end; then the files are
renamed. A run that was killed leaves no more than that folder, which the next run into the same place removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet

from airflow_provider_integrations.connectors.edi.accepted import MOST_TOLD, AcceptedSet, changed
from airflow_provider_integrations.connectors.edi.accepted_sets import read_accepted
from airflow_provider_integrations.connectors.edi.document_report import describe_finding
from airflow_provider_integrations.connectors.edi.documents import GuideBook
from airflow_provider_integrations.connectors.edi.row_batches import RowBatches
from airflow_provider_integrations.core.errors import ConfigError, TransientError
from airflow_provider_integrations.landing.durable import sync_folder

pq: Any = pyarrow.parquet

__all__ = ["PARTIAL", "digested_chunks", "write_rows"]

PARTIAL = ".edi-rows.partial"
"""Folder within the one that is written to: what stands in it is no result."""

_CHUNK = 1 << 20
_GROUP_ROWS = 65_536
_GROUP_BYTES = 8 << 20
"""Of Arrow: with these a row group is full."""


def write_rows(stream: BinaryIO, out: Path, book: GuideBook) -> dict[str, Any]:
    """Write the rows of the accepted sets and messages; files of the same names are replaced.

    Args:
        stream: A file; whatever cannot be read twice, such as a pipe, is copied to a private temporary file first.
        out: The folder for `<table>.parquet`, made if it is not there.
        book: The guides that sets are checked and turned to rows by.

    Returns:
        `verdict`, `tables` with their rows, `sets` accepted and refused, `refused` with findings, and `unread`: values
        that are null because they are not of their column's kind. `left_out` counts what is not told singly.

    Raises:
        TransientError: when the stream changed meanwhile, or another run writes to the folder.
        ConfigError: when the guides do not fit each other, or a folder has the name of a table's file.
        OSError: from the file system; nothing is left then.
    """
    unread: list[dict[str, Any]] = []
    untold = 0
    with _readable_twice(stream) as descriptor, _TableFiles(out) as files:
        batches = RowBatches(files.write)

        def take(one: AcceptedSet) -> None:
            nonlocal untold
            for finding in batches.add(one):
                if len(unread) < MOST_TOLD:
                    unread.append({"number": one.envelope.set_number, **describe_finding(finding)})
                else:
                    untold += 1

        first, second = hashlib.sha256(), hashlib.sha256()
        reading = read_accepted(digested_chunks(descriptor, first), digested_chunks(descriptor, second), book, take)
        batches.flush()
        if first.digest() != second.digest():
            raise changed()
        tables = files.finish()
    return {
        "verdict": reading.verdict.value,
        "tables": tables,
        "sets": {"accepted": reading.accepted, "refused": reading.refused},
        "refused": reading.told,
        "unread": unread,
        "left_out": reading.left_out + untold,
    }


@contextlib.contextmanager
def _readable_twice(stream: BinaryIO) -> Iterator[int]:
    if _is_file(stream):
        yield stream.fileno()
        return
    # It has no name, so that not even a kill leaves it.
    with tempfile.TemporaryFile() as spool:
        shutil.copyfileobj(stream, spool, _CHUNK)
        spool.flush()
        yield spool.fileno()


def _is_file(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode) and stream.tell() == 0
    except io.UnsupportedOperation:  # It lives in memory alone.
        return False


def digested_chunks(descriptor: int, digest: Any) -> Iterator[bytes]:
    """The whole file, whoever else reads it through the same descriptor; `digest` is fed what is given."""
    offset = 0
    while chunk := os.pread(descriptor, _CHUNK, offset):
        digest.update(chunk)
        offset += len(chunk)
        yield chunk


class _TableFile:
    """One Parquet file that is written, a row group at a time."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        # Rows are a partner's data: nobody but the owner may read them, whatever the umask.
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")
        self._pending: list[pa.RecordBatch] = []
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        self._pending.append(batch)
        self.rows += batch.num_rows
        full = sum(one.num_rows for one in self._pending) >= _GROUP_ROWS
        if full or sum(one.nbytes for one in self._pending) >= _GROUP_BYTES:
            self._flush()

    def finish(self) -> None:
        self._flush()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        # Even a full disk must not keep the file from being closed.
        with contextlib.suppress(OSError, pa.ArrowException):
            self._writer.close()
        with contextlib.suppress(OSError):
            self._file.close()

    def _flush(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending)
            self._writer.write_table(table, row_group_size=table.num_rows)
            self._pending = []
            # Arrow's allocator keeps what it freed for each of the threads that came by.
            pa.default_memory_pool().release_unused()


class _TableFiles:
    """The files of a run: `finish` puts them all in place, anything else leaves nothing."""

    def __init__(self, out: Path) -> None:
        self._out, self._partial = out, out / PARTIAL
        self._files: dict[str, _TableFile] = {}

    def __enter__(self) -> Self:
        self._made = not self._out.exists()
        self._out.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._out, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._partial.exists():
                shutil.rmtree(self._partial)
            self._partial.mkdir(mode=0o700)
        except BlockingIOError:
            os.close(self._lock)
            next_step = "Wait for it, or name another folder."
            raise TransientError("another run writes here", path=str(self._out), next_step=next_step) from None
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            for file in self._files.values():
                file.abandon()
            shutil.rmtree(self._partial, ignore_errors=True)
            if self._made:
                with contextlib.suppress(OSError):  # There is something in it.
                    self._out.rmdir()
        finally:
            os.close(self._lock)

    def write(self, name: str, batch: pa.RecordBatch) -> None:
        """A batch of a table, whose file begins with the first one."""
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = _TableFile(self._partial / f"{name}.parquet", batch.schema)
        file.write(batch)

    def finish(self) -> dict[str, int]:
        """All files whole, synced and under their names; the rows of each table."""
        for file in self._files.values():
            file.finish()
        rows = {name: file.rows for name, file in sorted(self._files.items())}
        self._files = {}
        if taken := [name for name in rows if (self._out / f"{name}.parquet").is_dir()]:
            # Looked at before the first file is in its place: all of them are new, or none.
            raise ConfigError(
                "folders have the names of files that are to be written",
                out=str(self._out),
                folders=[f"{name}.parquet" for name in taken],
                next_step="Name another folder for the rows; nothing was written.",
            )
        for name in rows:
            (self._partial / f"{name}.parquet").replace(self._out / f"{name}.parquet")
        sync_folder(self._out)
        return rows
