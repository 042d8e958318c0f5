"""What the load may take of a batch in which rows failed: the files without them, or with them marked.

Written to a folder of its own beside the landed files, which stay as they are, and put in place by one rename.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from airflow_provider_integrations.core.errors import ReconciliationError
from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.core.verdict import GateMode
from airflow_provider_integrations.landing.bronze import verify_files
from airflow_provider_integrations.landing.durable import sync_folder, write_durably
from airflow_provider_integrations.landing.parquet import PartWriter

__all__ = ["GATE_FOLDER", "QUARANTINED", "Published", "rewrite"]

GATE_FOLDER = "_gate"
QUARANTINED = "quarantined.parquet"
_RECORD = "_gate.json"


@dataclass(frozen=True, slots=True)
class Published:
    """Files for the load, named within the batch's folder, and where the rows are that are not in them."""

    files: tuple[DataFile, ...]
    quarantined: Path | None


def rewrite(folder: Path, manifest: Manifest, mode: GateMode, digest: str, flags: pa.Table) -> Published:
    """Write a batch's files for the load.

    Safe to repeat: the same rules and mode give the same folder, and a whole one is taken as it is.

    Args:
        folder: The landed batch.
        manifest: Its manifest.
        mode: `quarantine_rows` leaves the flagged rows out, `warn` marks them.
        digest: The suites' digest.
        flags: Columns `_line` (each line once) and `flags` (text).

    Raises:
        ReconciliationError: if the rows that were written are not those that were read.
    """
    final = folder / GATE_FOLDER / f"{mode.value}-{digest[:24]}"
    if (final / _RECORD).exists():
        return _recorded(folder, final, manifest)
    final.parent.mkdir(mode=0o700, exist_ok=True)
    with _alone_in(final.parent):
        if not (final / _RECORD).exists():
            _write_whole(folder, manifest, mode, flags, final)
    return _recorded(folder, final, manifest)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One writer at a time, so that every attempt that is found is of a dead one; the lock dies with its process."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(".attempt-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(lock)


def _write_whole(folder: Path, manifest: Manifest, mode: GateMode, flags: pa.Table, final: Path) -> None:
    attempt = Path(tempfile.mkdtemp(prefix=".attempt-", dir=final.parent))
    try:
        files, out = _write(folder, manifest, mode, flags, attempt)
        record = {"files": [asdict(file) for file in files], "quarantined": asdict(out) if out else None}
        write_durably(attempt / _RECORD, (json.dumps(record, sort_keys=True, indent=2) + "\n").encode())
        sync_folder(attempt)
        attempt.rename(final)
        sync_folder(final.parent)
    finally:
        shutil.rmtree(attempt, ignore_errors=True)


def _write(
    folder: Path, manifest: Manifest, mode: GateMode, flags: pa.Table, attempt: Path
) -> tuple[tuple[DataFile, ...], DataFile | None]:
    schema = pq.read_schema(folder / manifest.files[0].name)
    lines: Any = flags["_line"].combine_chunks()
    texts: Any = flags["flags"].combine_chunks()
    kept = PartWriter(attempt, schema, stem="gated")
    out = PartWriter(attempt, schema, stem="quarantined", part_bytes=1 << 62)
    with kept, out:
        for file in manifest.files:
            with pq.ParquetFile(folder / file.name) as source:
                for group in range(source.num_row_groups):
                    table = source.read_row_group(group)
                    bad = pc.is_in(table["_line"], value_set=lines)
                    marked = _mark(table, bad, pc.take(texts, pc.index_in(table["_line"], value_set=lines)))
                    if mode is GateMode.WARN:
                        kept.write(marked)
                    else:
                        kept.write(table.filter(pc.invert(bad)))
                        out.write(marked.filter(bad))
    written = sum(file.rows for file in (*kept.files, *out.files))
    if written != manifest.rows_landed or (mode is not GateMode.WARN and sum(f.rows for f in out.files) != len(lines)):
        raise ReconciliationError(
            "the gate wrote other rows than it read",
            batch_id=manifest.batch_id,
            read=manifest.rows_landed,
            written=written,
            flagged=len(lines),
        )
    if not out.files:
        return kept.files, None
    [file] = out.files
    os.replace(attempt / file.name, attempt / QUARANTINED)  # noqa: PTH105
    return kept.files, DataFile(QUARANTINED, file.sha256, file.size, file.rows)


def _mark(table: pa.Table, bad: Any, texts: Any) -> pa.Table:
    earlier: Any = table["_dq_flags"]
    # Not null_handling="skip": on chunked arrays it drops the rows in which both are null.
    both = pc.binary_join_element_wise(earlier, texts, "; ")
    columns: dict[str, Any] = {
        "_dq_valid": pc.and_(table["_dq_valid"], pc.invert(bad)),
        "_dq_flags": pc.if_else(bad, pc.coalesce(both, texts), earlier),
    }
    for name, values in columns.items():
        index = table.schema.get_field_index(name)
        table = table.set_column(index, table.schema.field(index), values)
    return table


def _recorded(folder: Path, final: Path, manifest: Manifest) -> Published:
    """What a whole folder says of itself, checked: it may be an earlier run's."""
    record = json.loads((final / _RECORD).read_text(encoding="utf-8"))
    prefix = final.relative_to(folder).as_posix()
    files = tuple(DataFile(**{**entry, "name": f"{prefix}/{entry['name']}"}) for entry in record["files"])
    verify_files(folder, manifest, files)
    return Published(files, final / QUARANTINED if record["quarantined"] else None)
