"""Packs the files of many batches into few, since each PUT is a round trip and Snowflake wants 100 to 250 MB a file.

Each row carries its batch id, so that counts reconcile by batch; each file's SHA-256 is checked against what the gate
recorded while it is read, so that what is packed is provably what passed. The packed file also carries what COPY
cannot add by itself: the id of this attempt, and from when a row is valid. Columns get the names and types that the
tables have: upper case, by contract, nothing inferred.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError, StateConflictError
from airflow_provider_integrations.formats.decimals import widened
from airflow_provider_integrations.formats.schema import later_fields
from airflow_provider_integrations.warehouse.batches import PublishedBatch, batch_digest, business_instant
from airflow_provider_integrations.warehouse.control_sums import add, exact_sum

__all__ = ["Packed", "check_columns", "pack", "staged_schema", "write_plan"]

_READ_WHOLE = 16 * 1024 * 1024
"""Files up to this size are read once, for digest and content; larger ones twice, in pieces."""

_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "uuid": pa.string(),
}
_BATCH: dict[str, pa.DataType] = {
    "_batch_id": pa.string(),
    "_line": pa.int64(),
    "_version": pa.string(),
    "_dq_valid": pa.bool_(),
    "_dq_flags": pa.string(),
}


@dataclass(slots=True)
class Packed:
    """What was packed: files with their rows, digests and control sums by batch, and the digest of all."""

    files: dict[Path, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    sums: dict[str, dict[str, Decimal]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over all batches and their digests, in order."""
        text = "\n".join(f"{batch} {digest}" for batch, digest in self.digests.items())
        return hashlib.sha256(text.encode()).hexdigest()


def staged_schema(contract: Contract) -> pa.Schema:
    """Columns of a packed file, named and typed as the staging table."""
    own = [(column.name.upper(), _arrow_type(column)) for column in contract.columns]
    batch = [(name.upper(), kind) for name, kind in _BATCH.items()]
    return pa.schema([*own, *batch, ("_VALID_FROM", pa.timestamp("us")), ("_LOAD_ID", pa.string())])


def pack(
    batches: Sequence[PublishedBatch],
    contract: Contract,
    folder: Path,
    *,
    load_id: str,
    history: bool,
    file_bytes: int = 128 * 1024 * 1024,
    rows_at_once: int = 131_072,
) -> Packed:
    """Write `folder/<load_id>-0000.parquet` and so on; no more than one row group of each is in memory.

    Args:
        batches: In the order that they shall have.
        contract: What the files were decoded by.
        folder: An empty folder of this attempt.
        load_id: Id of this attempt.
        history: Whether validity instants are needed (type 2).
        file_bytes: A new file begins when one has this size.
        rows_at_once: Rows of a row group, which is what is held in memory.

    Raises:
        StateConflictError: when a file is not the one that passed the gate.
        ReconciliationError: when a batch does not have the rows that its manifest says.
        ConfigError: when columns are missing, in another case, or of a type that does not fit.
    """
    known = {column.name for column in contract.columns}
    if unknown := sorted({name for batch in batches for name in batch.control} - known):
        raise ConfigError("control columns are not in the contract", columns=unknown, next_step="Correct the source.")
    packed = Packed()
    schema = staged_schema(contract)
    writer = _Writer(folder, load_id, schema, file_bytes, rows_at_once)
    try:
        for batch in batches:
            constants = {
                "_VALID_FROM": business_instant(batch.version, batch.manifest) if history else None,
                "_LOAD_ID": load_id,
            }
            digests, rows = [], 0
            sums = packed.sums.setdefault(batch.batch_id, {name.upper(): Decimal(0) for name in batch.control})
            for number, path in enumerate(batch.files):
                expected = batch.digests[number] if batch.digests else None
                digest, tables = _open(path, expected, batch.batch_id)
                digests.append(digest)
                for table in tables:
                    rows += table.num_rows
                    conformed = _conform(table, contract, schema, batch, constants)
                    for name in sums:
                        sums[name] = add(sums[name], exact_sum(conformed[name]))
                    writer.write(conformed)
            if rows != batch.rows:
                raise ReconciliationError(
                    "a batch has not the rows that were published",
                    batch_id=batch.batch_id,
                    published=batch.rows,
                    in_files=rows,
                    next_step="Gate the batch again; nothing was loaded.",
                )
            packed.digests[batch.batch_id] = batch_digest(digests)
    finally:
        writer.close()
    packed.files = writer.files
    return packed


def check_columns(batches: Sequence[PublishedBatch], contract: Contract) -> None:
    """Refuse batches of an earlier contract that lack what this one requires, before any table is brought to it.

    Raises:
        ConfigError: that names the columns.
    """
    for batch in batches:
        if batch.manifest is None or batch.manifest.contract_digest == contract.digest:
            continue
        for path in batch.files:
            schema = pq.read_schema(path)
            found = [*schema.names, *(gained.name for gained in later_fields(schema, contract))]
            _check_names(found, [column.name for column in contract.columns], batch.batch_id)


def write_plan(batches: Sequence[PublishedBatch], packed: Packed, path: Path, *, load_id: str, target: str) -> None:
    """One row for each batch: what the load ledger will take over."""
    rows: dict[str, pa.Array[Any]] = {
        "LOAD_ID": pa.array([load_id] * len(batches), pa.string()),
        "TARGET": pa.array([target] * len(batches), pa.string()),
        "BATCH_ID": pa.array([batch.batch_id for batch in batches], pa.string()),
        "SOURCE": pa.array([batch.source for batch in batches], pa.string()),
        "VERSION": pa.array([batch.version for batch in batches], pa.string()),
        "DIGEST": pa.array([packed.digests[batch.batch_id] for batch in batches], pa.string()),
        "ROWS_PUBLISHED": pa.array([batch.rows for batch in batches], pa.int64()),
    }
    pq.write_table(pa.table(rows), path)


def _arrow_type(column: Column) -> pa.DataType:
    return pa.decimal128(*column.decimal) if column.decimal else _ARROW[column.type]


def _open(path: Path, expected: str | None, batch_id: str) -> tuple[str, Iterator[pa.Table]]:
    """The file's digest, checked, and its content; the digest is known before any row is handed out."""
    source: BytesIO | Path
    if path.stat().st_size <= _READ_WHOLE:
        data = path.read_bytes()
        digest, source = hashlib.sha256(data).hexdigest(), BytesIO(data)
    else:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        source = path
    if expected is not None and digest != expected:
        raise StateConflictError(
            "a file is not the one that passed the gate",
            batch_id=batch_id,
            file=path.name,
            expected=expected,
            found=digest,
            next_step="Find out who changed it, then gate the batch again; nothing was loaded.",
        )
    # One thread: the files are small, and others want the cores as well.
    file = pq.ParquetFile(source)
    return digest, (file.read_row_group(number, use_threads=False) for number in range(file.num_row_groups))


def _conform(
    table: pa.Table, contract: Contract, schema: pa.Schema, batch: PublishedBatch, constants: Mapping[str, object]
) -> pa.Table:
    batch_id = batch.batch_id
    if batch.manifest is not None and batch.manifest.contract_digest != contract.digest:
        table = _with_later_columns(table, contract)
    wanted = [*(column.name for column in contract.columns), *_BATCH]
    _check_names(table.column_names, wanted, batch_id)
    ids = pc.unique(table["_batch_id"]).to_pylist()
    if ids not in ([], [batch_id]):
        raise ReconciliationError("a file holds rows of another batch", batch_id=batch_id, others=len(ids) - 1)
    columns = []
    for target in schema:
        if target.name in constants:
            columns.append(pa.repeat(pa.scalar(constants[target.name], target.type), table.num_rows))
            continue
        source = table[wanted[len(columns)]]
        try:
            columns.append(_cast(source, target.type))
        except pa.ArrowInvalid:
            raise ConfigError(
                "a column does not fit its type in the contract",
                batch_id=batch_id,
                column=target.name,
                found=str(source.type),
                wanted=str(target.type),
                next_step="Decode the batch by the contract that is in force.",
            ) from None
    return pa.Table.from_arrays(columns, schema=schema)


def _check_names(found: Sequence[str], wanted: Sequence[str], batch_id: str) -> None:
    if missing := [name for name in wanted if name not in found]:
        raise ConfigError(
            "published files lack columns of the contract, or have them in another case",
            batch_id=batch_id,
            missing=missing,
            next_step="Put the earlier contract back until what was gated under it is loaded, then change it again.",
        )


def _with_later_columns(table: pa.Table, contract: Contract) -> pa.Table:
    for gained in later_fields(table.schema, contract):
        table = table.append_column(gained, pa.array([None] * table.num_rows, gained.type))
    return table


def _cast(source: pa.ChunkedArray[Any], kind: pa.DataType) -> pa.ChunkedArray[Any]:
    if source.type == kind:
        return source
    if pa.types.is_decimal(source.type) and pa.types.is_decimal(kind):
        exact: pa.ChunkedArray[Any] = widened(source, kind)  # By itself Arrow lets digits beyond 128 bits wrap around.
        return exact
    return source.cast(kind)  # A zoned timestamp becomes its UTC wall time; anything lossy raises.


class _Writer:
    """Gathers small tables into large row groups and starts a new file when one is full."""

    def __init__(self, folder: Path, load_id: str, schema: pa.Schema, file_bytes: int, rows_at_once: int) -> None:
        self.files: dict[Path, int] = {}
        self._folder, self._load_id, self._schema, self._file_bytes = folder, load_id, schema, file_bytes
        self._rows_at_once = rows_at_once
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._path: Path | None = None
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Take rows; they are on disk at the latest after `close`."""
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= self._rows_at_once:
            self._flush()

    def close(self) -> None:
        """Write what waits and end the file."""
        self._flush()
        self._end_file()

    def _flush(self) -> None:
        if not self._rows:
            return
        if self._writer is None or self._path is None:
            self._path = self._folder / f"{self._load_id}-{len(self.files):04d}.parquet"
            self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd", compression_level=1)
            self.files[self._path] = 0
        self._writer.write_table(pa.concat_tables(self._waiting))
        self.files[self._path] += self._rows
        self._waiting, self._rows = [], 0
        if self._path.stat().st_size >= self._file_bytes:
            self._end_file()

    def _end_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None
