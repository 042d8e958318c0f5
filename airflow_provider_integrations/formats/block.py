"""One frame of records to a typed table and its rejects; pure, so that blocks can be worked on beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ReconciliationError
from airflow_provider_integrations.core.redaction import mask
from airflow_provider_integrations.formats.arrow import Array, pa, pa_csv
from airflow_provider_integrations.formats.framing import Frame
from airflow_provider_integrations.formats.layout import Layout
from airflow_provider_integrations.formats.rules import ColumnRules, broken
from airflow_provider_integrations.formats.scan import Dialect
from airflow_provider_integrations.formats.schema import arrow_type
from airflow_provider_integrations.formats.values import convert

__all__ = ["Block", "BlockReader", "Reject"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_BOM = b"\xef\xbb\xbf"


class Reject(NamedTuple):
    """A row that is kept out: its first physical line, the column (None: the whole record), the rule, the masked value."""

    line: int
    column: str | None
    rule: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """The good rows of a frame with their lines, and the rejects in the order of their lines."""

    columns: list[Array]
    lines: Ints
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class BlockReader:
    """Everything that is the same for each block of one file."""

    contract: Contract
    dialect: Dialect
    layout: Layout
    rules: tuple[ColumnRules, ...]

    def read(self, frame: Frame) -> Block:
        """Type the frame's rows and take out those that break a rule; the first broken rule of a row counts."""
        rejects = [
            Reject(line, None, rule, None if rule == "too_long" else _shown(frame.data[start:end]))
            for line, rule, start, end in frame.rejected
        ]
        starts, ends, nexts, lines = frame.starts, frame.ends, frame.nexts, frame.lines
        unreadable = _unreadable(frame.data, starts, ends)
        if unreadable:
            keep = np.ones(len(starts), np.bool_)
            for at, rule in unreadable:
                keep[at] = False
                rejects.append(Reject(int(lines[at]), None, rule, _shown(frame.data[starts[at] : ends[at]])))
            starts, ends, nexts, lines = starts[keep], ends[keep], nexts[keep], lines[keep]
        data, offsets = _joined(frame.data, starts, nexts)
        table, miscounted = self._parse(data)
        if miscounted:
            wrong = self._wrong_counts(data, offsets)
            if int(np.count_nonzero(wrong)) != miscounted:
                raise ReconciliationError("two counts of fields disagree", arrow=miscounted, counted=int(wrong.sum()))
            for at in np.flatnonzero(wrong).tolist():
                rejects.append(Reject(int(lines[at]), None, "field_count", _shown(frame.data[starts[at] : ends[at]])))
            lines = lines[~wrong]
        if len(table[0] if table else lines) != len(lines):
            raise ReconciliationError("two counts of rows disagree", arrow=len(table[0]), framed=len(lines))
        return self._judge(table, lines, rejects)

    def _parse(self, data: bytes | memoryview) -> tuple[list[Array], int]:
        """Columns as text, in the contract's order, and how many records had a wrong number of fields."""
        positions = self.layout.positions
        wanted = [f"f{at}" for at in positions if at is not None]
        skipped = 0

        def skip(_: object) -> str:
            nonlocal skipped
            skipped += 1
            return "skip"

        if not data:
            return [pa.array([], pa.string()) for _ in positions], 0
        if data[:3] == _BOM:
            # Arrow would drop these bytes at the start of any block; an empty line before them is ignored.
            data = b"\n" + bytes(data)
        table = pa_csv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=len(data) + 1, column_names=[f"f{at}" for at in range(self.layout.fields)]
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self.contract.delimiter,
                quote_char=self.contract.quote or False,
                newlines_in_values=False,
                invalid_row_handler=skip,
            ),
            convert_options=pa_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(wanted, pa.string()),
                include_columns=wanted,
                null_values=list(self.contract.null_values),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        rows = table.num_rows
        columns = [pa.nulls(rows, pa.string()) if at is None else _single(table.column(f"f{at}")) for at in positions]
        return columns, skipped

    def _wrong_counts(self, data: bytes | memoryview, offsets: Ints) -> Flags:
        array = np.frombuffer(data, np.uint8)
        delimiters = np.flatnonzero(array == self.dialect.delimiter)
        if self.dialect.quote is not None:
            quotes = np.flatnonzero(array == self.dialect.quote)
            delimiters = delimiters[(np.searchsorted(quotes, delimiters) & 1) == 0]
        found = np.diff(np.searchsorted(delimiters, offsets)) + 1
        result: Flags = found != self.layout.fields
        return result

    def _judge(self, texts: list[Array], lines: Ints, rejects: list[Reject]) -> Block:
        bad: Flags | None = None
        columns: list[Array] = []
        for rules, text in zip(self.rules, texts, strict=True):
            converted = convert(rules.column, text, self.contract.null_values)
            columns.append(converted.values)
            for rule, fails in broken(rules, text, converted):
                if bad is None:
                    bad = np.zeros(len(lines), np.bool_)
                fresh = np.flatnonzero(fails & ~bad)
                bad |= fails
                shown = text.take(pa.array(fresh)).to_pylist()
                rejects.extend(
                    Reject(line, rules.column.name, rule, mask(value))
                    for line, value in zip(lines[fresh].tolist(), shown, strict=True)
                )
        if bad is not None:
            good = pa.array(~bad)
            columns = [column.filter(good) for column in columns]
            lines = lines[~bad]
        if rejects:
            rejects.sort(key=lambda reject: reject.line)
        expected = [arrow_type(rules.column) for rules in self.rules]
        assert [column.type for column in columns] == expected
        return Block(columns, lines, rejects)


def _single(column: Array) -> Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], pa.string())])


def _shown(raw: bytes) -> str | None:
    return mask(raw.decode("utf-8", "replace"))


def _joined(data: bytes, starts: Ints, nexts: Ints) -> tuple[bytes | memoryview, Ints]:
    """The bytes of the records alone, and where each begins in them, with the end as the last offset."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(nexts - starts, out=offsets[1:])
    if not len(starts):
        return b"", offsets
    gaps = np.flatnonzero(starts[1:] != nexts[:-1])
    firsts = starts[np.concatenate(([0], gaps + 1))].tolist()
    stops = nexts[np.concatenate((gaps, [len(nexts) - 1]))].tolist()
    view = memoryview(data)
    if len(firsts) == 1:
        return view[firsts[0] : stops[0]], offsets
    return b"".join(view[first:stop] for first, stop in zip(firsts, stops, strict=True)), offsets


def _unreadable(data: bytes, starts: Ints, ends: Ints) -> list[tuple[int, str]]:
    """Records that hold a NUL byte or no valid UTF-8, by their place in `starts`."""
    found: dict[int, str] = {}
    array = np.frombuffer(data, np.uint8)
    if b"\0" in data:
        found.update(dict.fromkeys(_holders(np.flatnonzero(array == 0), starts, ends), "nul_byte"))
    if not data.isascii() and not _is_utf8(data):
        for at in _holders(np.flatnonzero(array >= 0x80), starts, ends):
            try:
                data[starts[at] : ends[at]].decode("utf-8")
            except UnicodeDecodeError:
                found[at] = "encoding"
    return sorted(found.items())


def _holders(offsets: Ints, starts: Ints, ends: Ints) -> list[int]:
    """The records in which these offsets are."""
    if not len(starts):
        return []
    at = np.searchsorted(starts, offsets, side="right") - 1
    inside = (at >= 0) & (offsets < ends[np.maximum(at, 0)])
    result: list[int] = np.unique(at[inside]).tolist()
    return result


def _is_utf8(data: bytes) -> bool:
    bounds = pa.py_buffer(np.array([0, len(data)], np.int32).tobytes())
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, bounds, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
