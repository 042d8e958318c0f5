"""What kind of file of meter readings it is, by its content, and its readings in blocks."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet

from airflow_provider_integrations.connectors.historian.green_button import green_button_readings
from airflow_provider_integrations.connectors.historian.intervals import Readings, Refusal
from airflow_provider_integrations.connectors.historian.intervals_spool import Intake
from airflow_provider_integrations.connectors.historian.intervals_stamps import check_form
from airflow_provider_integrations.connectors.historian.intervals_table import BlockReader, columns_of
from airflow_provider_integrations.connectors.historian.nem12 import nem12_readings
from airflow_provider_integrations.core.errors import RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.formats.arrow import pa, pa_csv
from airflow_provider_integrations.formats.transcode import Transcoder

__all__ = ["Source", "open_source"]

pq: Any = pyarrow.parquet

_BLOCK = 8 << 20
_HEADER = 1 << 16
_ROWS = 262_144
_FEW = ("service_point", "channel", "unit", "quality", "offset", "dst")
"""Columns that have few different texts."""

_PACKED = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2"}


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is open.

    Args:
        form: `csv`, `parquet`, `nem12` or `green_button`.
        ending: Whether its stamps end intervals.
        blocks: Its readings.
    """

    form: str
    ending: bool
    blocks: Iterator[Readings]


@contextmanager
def open_source(path: Path, minutes: int, ending: bool | None, form: str | None, intake: Intake) -> Iterator[Source]:
    """Open a file of readings.

    Args:
        minutes: Length of an interval; NEM12 and Green Button say theirs, and others are refused.
        ending: As in `Rules`; NEM12 and Green Button say it themselves.
        form: Of stamps as text.
        intake: Numbers series and traits, and takes refusals.

    Raises:
        RejectedError: EMPTY_FILE, UNREADABLE, WRONG_TYPE, TRUNCATED or COLUMNS_MISSING; some only when blocks are read.
    """
    if form is not None:
        check_form(form)
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        start = file.read(_HEADER)
        file.seek(0)
        if not start:
            raise RejectedError(Reason.EMPTY_FILE, file=path.name)
        for magic, packed in _PACKED.items():
            if start.startswith(magic):
                raise RejectedError(
                    Reason.WRONG_TYPE,
                    "the file is packed",
                    packed=packed,
                    next_step="Unpack it, and give what was in it.",
                )
        if start.startswith(b"PAR1"):
            yield _parquet(path, ending, form, intake)
            return
        encoding = _encoding(start)
        text = start.decode(encoding, "ignore").lstrip("\ufeff \t\r\n")
        if text.startswith("<"):
            yield Source("green_button", False, green_button_readings(file, minutes, intake))
        elif text.upper().startswith("100,NEM1"):
            yield Source("nem12", False, nem12_readings(_plain(file, encoding), minutes, intake))
        else:
            yield _csv(_plain(file, encoding), text, ending, form, intake)


def _encoding(start: bytes) -> str:
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    return next((name for mark, name in marks.items() if start.startswith(mark)), "utf-8")


def _plain(file: Any, encoding: str) -> Any:
    """A stream of UTF-8 without a mark."""
    if encoding == "utf-8":
        return file
    if encoding == "utf-8-sig":
        file.seek(len(codecs.BOM_UTF8))
        return file
    return Transcoder(file, encoding)


class _Readable:
    """What Arrow asks of a file, over a stream of bytes."""

    closed = False

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size if size >= 0 else _BLOCK)
        return data

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


def _csv(stream: Any, text: str, ending: bool | None, form: str | None, intake: Intake) -> Source:
    lines = text.splitlines()
    if not lines or (len(lines) == 1 and len(text) >= _HEADER // 2):
        raise RejectedError(Reason.UNREADABLE, "there is no first line with the columns' names")
    delimiter = max(",;\t|", key=lines[0].count)

    def malformed(row: Any) -> str:
        # Arrow does not know its place when it reads ahead.
        intake.rejects.add(
            Refusal.RECORD, -1, detail=f"{row.actual_columns} of {row.expected_columns} columns: {row.text}"
        )
        return "skip"

    options = pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=malformed)
    header = next(_parsed(lines[0], delimiter))
    columns = columns_of(header)
    names = [f"f{place}" for place in range(len(header))]
    few = {columns[role] for role in _FEW} - {-1}
    types = {
        name: pa.dictionary(pa.int32(), pa.string()) if place in few else pa.string()
        for place, name in enumerate(names)
    }
    ends = bool(columns.ending) if ending is None else ending
    reader = BlockReader(columns, form, ends, intake)

    def blocks() -> Iterator[Readings]:
        try:
            batches = pa_csv.open_csv(
                pa.PythonFile(_Readable(stream), mode="r") if not hasattr(stream, "fileno") else stream,
                read_options=pa_csv.ReadOptions(block_size=_BLOCK, column_names=names, skip_rows=1),
                parse_options=options,
                convert_options=pa_csv.ConvertOptions(column_types=types, strings_can_be_null=False),
            )
            for batch in batches:
                yield reader.read(batch)
        except pa.ArrowInvalid as error:
            if len(lines) == 1 and not intake.rows:
                return
            raise RejectedError(
                Reason.UNREADABLE, "the file is no table", error=str(error)[:160], rows=intake.rows
            ) from None

    return Source("csv", ends, blocks())


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """The same, of which the next one is read while one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def _parsed(line: str, delimiter: str) -> Iterator[list[str]]:
    import csv

    return iter(csv.reader([line], delimiter=delimiter))


def _parquet(path: Path, ending: bool | None, form: str | None, intake: Intake) -> Source:
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise RejectedError(Reason.UNREADABLE, "the file is no whole Parquet file", error=str(error)[:160]) from None
    names = file.schema_arrow.names
    columns = columns_of(names)
    few = [names[columns[role]] for role in _FEW if columns[role] >= 0]
    file = pq.ParquetFile(path, read_dictionary=few)
    ends = bool(columns.ending) if ending is None else ending
    reader = BlockReader(columns, form, ends, intake)

    def blocks() -> Iterator[Readings]:
        try:
            for batch in _ahead(file.iter_batches(batch_size=_ROWS, use_threads=False)):
                yield reader.read(batch)
        except (pa.ArrowInvalid, OSError) as error:
            raise RejectedError(
                Reason.UNREADABLE, "a part of the file cannot be read", error=str(error)[:160]
            ) from None

    return Source("parquet", ends, blocks())
