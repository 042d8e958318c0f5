"""Decodes CSV and TSV by contract into Parquet, in one pass and in memory that does not grow with the file.

    with path.open("rb") as stream:
        decoded = decode(stream, contract, folder, batch_id="b1", version="2025-11-05/00023/0")
    decoded.rows_read == decoded.rows_landed + decoded.rows_rejected

A bad row never stops the file: it goes to `rejects.jsonl` with its physical line, column, rule and masked value. The
rules are `quoting`, `field_count`, `encoding`, `nul_byte`, `newline`, `too_long` for a record as a whole, and `type`,
`format`, `nullable`, `enum`, `pattern`, `range`, `max_length`, `unique`, `reference`, `nonexistent_time` and
`ambiguous_time` for a value.
An unquoted text among `null_values` is null; a quoted one is that text in a string column and null in any other.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.manifest import DataFile
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.formats.arrow import Array, Table, pa
from airflow_provider_integrations.formats.block import Block, BlockReader
from airflow_provider_integrations.formats.framing import BLOCK, MAX_RECORD, Frame, Framer, dialect_of
from airflow_provider_integrations.formats.layout import Layout, match_header, without_header
from airflow_provider_integrations.formats.pipeline import ahead, in_order
from airflow_provider_integrations.formats.rejects import RejectsFile
from airflow_provider_integrations.formats.rules import compile_rules
from airflow_provider_integrations.formats.scan import split_record
from airflow_provider_integrations.formats.schema import arrow_schema
from airflow_provider_integrations.formats.transcode import SupportsRead, Transcoder
from airflow_provider_integrations.formats.whole_file import SPILL, Ascending, Lookup, late_rejects
from airflow_provider_integrations.landing.parquet import PART_BYTES, PartWriter, without_lines

__all__ = ["Decoded", "Tuning", "decode", "decode_all", "refusal_of"]

REJECTS = "rejects.jsonl"


@dataclass(frozen=True, slots=True)
class Tuning:
    """Sizes that change speed and memory, never the rows.

    Args:
        block_bytes: Bytes read and worked on at a time.
        max_record: Bytes that one record may have.
        workers: Threads that type rows, beside the one that reads and the one that writes.
        part_bytes: Where a Parquet part ends.
    """

    block_bytes: int = BLOCK
    max_record: int = MAX_RECORD
    workers: int = 1
    part_bytes: int = PART_BYTES


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of a file; every physical line is the header's, blank, or in one of the `rows_read` records."""

    rows_read: int
    rows_landed: int
    rows_rejected: int
    rejects_by_rule: dict[str, int]
    drift: dict[str, list[str]]
    files: tuple[DataFile, ...]
    rejects: Path | None
    lines: int = 0
    header_lines: int = 0
    blank_lines: int = 0


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    lines: int = 0
    blank: int = 0
    late: list[int] = field(default_factory=list)


def decode(
    stream: SupportsRead,
    contract: Contract,
    folder: Path,
    *,
    batch_id: str,
    version: str,
    lookup: Lookup | None = None,
    tuning: Tuning = Tuning(),
) -> Decoded:
    """Write `part-*.parquet` and `rejects.jsonl` into `folder`, which must be private to this run.

    Args:
        stream: The plaintext; only `read(n)` is called, from one thread of ours.
        lookup: Gives the rows that a reference may point at, or None to leave that reference unchecked.

    Raises:
        RejectedError: EMPTY_FILE, UNREADABLE, COLUMNS_MISSING, COLUMNS_UNKNOWN, NO_ROWS, or TOO_MANY_REJECTS; the last
            leaves `rejects.jsonl` (as does NO_ROWS), and none leaves a Parquet file.
        ConfigError: a bound, an enum value or a pattern of the contract cannot be used.
    """
    decoded = decode_all(stream, contract, folder, batch_id=batch_id, version=version, lookup=lookup, tuning=tuning)
    reason = refusal_of(decoded, contract)
    if reason is None:
        return decoded
    for file in decoded.files:
        (folder / file.name).unlink()
    raise RejectedError(
        reason,
        rows_read=decoded.rows_read,
        rows_rejected=decoded.rows_rejected,
        allowed_share=contract.max_reject_share,
        rejects_by_rule=decoded.rejects_by_rule,
    )


def refusal_of(decoded: Decoded, contract: Contract) -> Reason | None:
    """Why a decoded file as a whole is refused; None if it is not."""
    if decoded.rows_read == 0:
        return Reason.NO_ROWS
    # As a decimal: in binary 0.29 of 100 rows is a little less than 29.
    if decoded.rows_rejected > Decimal(str(contract.max_reject_share)) * decoded.rows_read:
        return Reason.TOO_MANY_REJECTS
    return None


def decode_all(
    stream: SupportsRead,
    contract: Contract,
    folder: Path,
    *,
    batch_id: str,
    version: str,
    lookup: Lookup | None = None,
    tuning: Tuning = Tuning(),
) -> Decoded:
    """`decode` without a limit on rejects and with no rows allowed: what `contract check` wants to know."""
    _clear(folder)
    rules = compile_rules(contract)
    dialect = dialect_of(contract)
    framer = Framer(
        Transcoder(stream, contract.encoding), dialect, block_size=tuning.block_bytes, max_record=tuning.max_record
    )
    if framer.empty:
        raise RejectedError(Reason.EMPTY_FILE)
    layout = _layout(contract, framer)
    reader = BlockReader(contract, dialect, layout, rules)
    rejects = RejectsFile(folder / REJECTS)
    tally = _Tally()
    watched = {rule.column.name: Ascending() for rule in rules if rule.column.unique}
    try:
        with PartWriter(folder, arrow_schema(contract), part_bytes=tuning.part_bytes, durable=False) as writer:
            with ahead(framer.frames(layout.fields)) as frames:
                counted = _counted(frames, tally)
                for block in in_order(reader.read, counted, tuning.workers):
                    rejects.write(block.rejects)
                    for name, watch in watched.items():
                        watch.see(block.columns[_index(contract, name)])
                    writer.write(_table(contract, block, batch_id, version))
            writer.close()
            files = writer.files
            doubtful = [name for name, watch in watched.items() if not watch.holds]
            paths = [folder / file.name for file in files]
            for reject in late_rejects(contract, folder, paths, doubtful, lookup):
                rejects.write((reject,))
                tally.late.append(reject.line)
            if tally.late:
                files = without_lines(folder, files, np.array(tally.late, np.int64))
    except BaseException:
        rejects.remove()
        raise
    landed = sum(file.rows for file in files)
    return Decoded(
        rows_read=tally.rows,
        rows_landed=landed,
        rows_rejected=sum(rejects.by_rule.values()),
        rejects_by_rule=dict(sorted(rejects.by_rule.items())),
        drift=layout.drift,
        files=files,
        rejects=rejects.close(),
        lines=tally.lines + framer.header_lines,
        header_lines=framer.header_lines,
        blank_lines=tally.blank,
    )


def _clear(folder: Path) -> None:
    """Remove what a run that was killed has left, so that no stale part is taken for one of this run."""
    for path in (*folder.glob("part-*.parquet"), *folder.glob(".part-*.parquet"), folder / REJECTS):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / SPILL, ignore_errors=True)


def _layout(contract: Contract, framer: Framer) -> Layout:
    if not contract.header:
        return without_header(contract)
    raw = framer.header()
    fields = None if raw is None else split_record(raw, dialect_of(contract))
    if fields is None:
        raise RejectedError(Reason.UNREADABLE, "the header is missing or its quoting is malformed")
    try:
        names = [name.decode("utf-8") for name in fields]
    except UnicodeDecodeError:
        raise RejectedError(
            Reason.UNREADABLE, "the header is not in the contract's encoding", encoding=contract.encoding
        ) from None
    return match_header(contract, names)


def _counted(frames: Iterator[Frame], tally: _Tally) -> Iterator[Frame]:
    for frame in frames:
        tally.rows += frame.rows
        tally.lines += frame.physical_lines
        tally.blank += frame.blank_lines
        yield frame


def _index(contract: Contract, name: str) -> int:
    return [column.name for column in contract.columns].index(name)


def _table(contract: Contract, block: Block, batch_id: str, version: str) -> Table:
    rows = len(block.lines)
    schema = arrow_schema(contract)
    same = [_constant(batch_id, rows), pa.array(block.lines), _constant(version, rows)]
    arrays = [*block.columns, *same, pa.array(np.ones(rows, np.bool_)), pa.nulls(rows, pa.string())]
    fields = [
        schema.field(at).with_type(array.type) if pa.types.is_dictionary(array.type) else schema.field(at)
        for at, array in enumerate(arrays)
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _constant(text: str, rows: int) -> Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text], pa.string()))
