"""Cuts a stream of bytes into records, each with the physical line it starts on; vectorised, in flat memory.

Every physical line (it ends with LF, CRLF, CR or the end of the stream) is the header's, blank, or in exactly one
record. A record whose quoting is malformed costs one line and never more: its first line is rejected and reading goes
on at the next one, so that a lone quote does not swallow the rows after it. The same holds for a record over several
lines that has the wrong number of fields, or that is longer than `MAX_RECORD`. The result does not depend on how the
stream is cut into blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.formats.lines import Flags, Ints, count_lines, extent, physical_lines, wrong_newline
from airflow_provider_integrations.formats.scan import Dialect, Scan, scan_record
from airflow_provider_integrations.formats.transcode import SupportsRead, read_block

__all__ = ["MAX_RECORD", "Frame", "Framer", "dialect_of"]

MAX_RECORD = 1 << 20
"""Bytes that one record may have; it bounds what an unclosed quote or a missing line end can hold in memory."""

BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"
_CR, _LF = 13, 10


@dataclass(frozen=True, slots=True)
class Frame:
    """The whole records of one block.

    `starts`, `ends` and `nexts` are offsets into `data`: a record's first byte, its line end, the byte after that;
    `lines` are physical line numbers from 1. `rejected` holds `(line, rule, start, end)`; its rows are not in `starts`.
    """

    data: bytes
    starts: Ints
    ends: Ints
    nexts: Ints
    lines: Ints
    rejected: tuple[tuple[int, str, int, int], ...]
    physical_lines: int
    blank_lines: int

    @property
    def rows(self) -> int:
        """Records read, whole and rejected."""
        return len(self.starts) + len(self.rejected)


def dialect_of(contract: Contract) -> Dialect:
    """The contract's dialect in bytes."""
    return Dialect(ord(contract.delimiter), ord(contract.quote) if contract.quote else None, contract.newline)


class Framer:
    """Reads `stream`; first `header()` if there is one, then iterate over the frames."""

    def __init__(
        self, stream: SupportsRead, dialect: Dialect, *, block_size: int = BLOCK, max_record: int = MAX_RECORD
    ) -> None:
        self._stream, self._dialect = stream, dialect
        self._block_size, self._bound = block_size, max_record
        self._carry = read_block(stream, max(block_size, len(_BOM)))
        self._ended = not self._carry
        self.empty = self._ended
        self._carry = self._carry.removeprefix(_BOM)
        self._line = 1
        self._discarding = False
        self.header_lines = 0
        self._fields = 0

    def header(self) -> bytes | None:
        """The first record that is not blank, without its line end; None if there is none or it is malformed."""
        start = 0
        while True:
            while start < len(self._carry) and self._carry[start] in (_CR, _LF):
                start += 1
            data = self._carry
            status, end, _ = scan_record(data, start, len(data), self._dialect)
            # The last byte may be half of a CRLF, and the record may go on in the next block.
            if (status is Scan.INCOMPLETE or end + 1 >= len(data)) and not self._ended:
                if max(start, len(data) - start) > self._bound:
                    return None
                self._more()
                continue
            break
        if status is not Scan.WHOLE or start >= len(data) or max(start, end - start) > self._bound:
            return None
        after = end + 2 if data[end : end + 2] == b"\r\n" else end + 1
        self._line += count_lines(data[:after]) + (end == len(data))
        self.header_lines = self._line - 1
        self._carry = data[after:]
        return data[start:end]

    def _more(self) -> None:
        block = read_block(self._stream, self._block_size)
        self._ended = len(block) == 0
        self._carry += block

    def frames(self, fields: int) -> Iterator[Frame]:
        """The rest of the stream, where each record must have `fields` fields."""
        self._fields = fields
        while True:
            if self._discarding:
                self._discard()
            if self._carry:
                yield from self._cut()
            if self._ended:
                return
            self._more()

    def _discard(self) -> None:
        """Skip the rest of a line that is too long, without keeping it."""
        data = self._carry
        cuts = [at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0]
        if not cuts:
            self._carry = b""
            if self._ended:
                self._line += 1
            return
        at = min(cuts)
        if data[at] == _CR and at + 1 == len(data) and not self._ended:
            self._carry = b"\r"
            return
        self._carry = data[at + (2 if data[at : at + 2] == b"\r\n" else 1) :]
        self._line += 1
        self._discarding = False

    def _cut(self) -> Iterator[Frame]:
        data = self._carry
        array = np.frombuffer(data, np.uint8)
        starts, ends, nexts = physical_lines(array, data, final=self._ended)
        whole = int(nexts[-1]) if len(nexts) else 0
        codes, last, used = self._classify(array, data, starts, ends, whole)
        # used: how many physical lines are in records that are whole; the others wait for more bytes.
        at = int(nexts[used - 1]) if used else 0
        heads = np.flatnonzero(codes[:used] >= 0)
        tails = last[heads]
        rest = extent(data) - at
        frame = self._frame(data, starts, ends, nexts, codes, heads, tails, used)
        self._line += used
        self._carry = data[at:]
        overlong = used == len(starts) and rest > self._bound
        if overlong:
            # A line that is already too long and has no end yet: one reject now, its bytes are not kept.
            extra = (self._line, "too_long", at, at)
            frame = Frame(
                data, frame.starts, frame.ends, frame.nexts, frame.lines, (*frame.rejected, extra),
                frame.physical_lines + 1, frame.blank_lines,
            )  # fmt: skip
            self._discarding = True
            self._carry = b"\r" if data.endswith(b"\r") else b""
        if frame.physical_lines:
            yield frame

    def _frame(
        self, data: bytes, starts: Ints, ends: Ints, nexts: Ints, codes: NDArray[np.int8],
        heads: Ints, tails: Ints, used: int,
    ) -> Frame:  # fmt: skip
        first, stop, after = starts[heads], ends[tails], nexts[tails]
        lines = heads + self._line
        code = codes[heads]
        blank = (stop == first) & (code == 0)
        if self._dialect.newline != "any":
            code = np.where((code == 0) & ~blank & wrong_newline(self._dialect.newline, stop, after, data), 3, code)
        good = (code == 0) & ~blank
        bad = np.flatnonzero(code > 0)
        rejected = tuple((int(lines[i]), _RULES[int(code[i])], int(first[i]), int(stop[i])) for i in bad.tolist())
        if good.all():
            return Frame(data, first, stop, after, lines, rejected, used, 0)
        return Frame(
            data, first[good], stop[good], after[good], lines[good], rejected, used, int(np.count_nonzero(blank))
        )

    def _classify(
        self, array: NDArray[np.uint8], data: bytes, starts: Ints, ends: Ints, whole: int
    ) -> tuple[NDArray[np.int8], Ints, int]:
        """For each physical line: -1 inside a record that began before, 0 a record's first line, else a rule's code.

        Also the last line of the record that each line starts, and how many lines are settled.
        """
        count = len(starts)
        codes = np.zeros(count, np.int8)
        last = np.arange(count, dtype=np.int64)
        long = (ends - starts) > self._bound
        has_long = bool(long.any())
        quote = self._dialect.quote
        if quote is None or data.find(quote, 0, whole) < 0:
            if has_long:
                codes[long] = 1
            return codes, last, count
        quotes = np.flatnonzero(array[:whole] == quote)
        if not has_long:
            fast = self._all_well_formed(array, data, quotes, starts, ends, whole)
            if fast is not None:
                inside, tails, used = fast
                codes[inside] = -1
                return codes, tails, used
        return self._line_by_line(array, data, quotes, starts, ends, whole, long)

    def _all_well_formed(
        self, array: NDArray[np.uint8], data: bytes, quotes: Ints, starts: Ints, ends: Ints, whole: int
    ) -> tuple[Flags, Ints, int] | None:
        """The parity reading of a block without a malformed quote; None sends it to the slower reading."""
        opening, closing = quotes[0::2], quotes[1::2]
        before = array[np.maximum(opening - 1, 0)]
        good = (before == self._dialect.delimiter) | (before == _LF) | (before == _CR) | (opening == 0)
        good[1:] |= opening[1:] == closing[: len(opening) - 1] + 1
        if not good.all():
            return None
        after = array[np.minimum(closing + 1, whole - 1)]
        good = (after == self._dialect.delimiter) | (after == _LF) | (after == _CR) | (closing + 1 == whole)
        paired = min(len(closing), len(opening) - 1)
        good[:paired] |= opening[1 : paired + 1] == closing[:paired] + 1
        if not good.all():
            return None
        count = len(starts)
        is_open = (np.searchsorted(quotes, ends) & 1).astype(bool)
        tails = np.arange(count, dtype=np.int64)
        inside = np.zeros(count, np.bool_)
        if not is_open.any():
            return inside, tails, count
        inside[1:] = is_open[:-1]
        closes = np.flatnonzero(~is_open)
        used = int(closes[-1]) + 1 if len(closes) else 0
        if used < count and (self._ended or extent(data) - int(starts[used]) > self._bound):
            return None
        heads = np.flatnonzero(~inside[:used])
        tails[heads] = closes[np.searchsorted(closes, heads)]
        several = heads[tails[heads] > heads]
        first, stop = starts[several], ends[tails[several]]
        if len(several):
            if int((stop - first).max()) > self._bound:
                return None
            delimiters = np.flatnonzero(array[:whole] == self._dialect.delimiter)
            delimiters = delimiters[(np.searchsorted(quotes, delimiters) & 1) == 0]
            found = np.searchsorted(delimiters, stop) - np.searchsorted(delimiters, first)
            if bool((found + 1 != self._fields).any()):
                return None
        return inside, tails, used

    def _line_by_line(
        self, array: NDArray[np.uint8], data: bytes, quotes: Ints, starts: Ints, ends: Ints, whole: int, long: Flags
    ) -> tuple[NDArray[np.int8], Ints, int]:
        """Judge each line as if a record started on it; then follow, one by one, those that a quote leaves open."""
        count = len(starts)
        codes = np.zeros(count, np.int8)
        last = np.arange(count, dtype=np.int64)
        owner = np.searchsorted(starts, quotes, side="right") - 1
        rank = np.arange(len(quotes)) - np.searchsorted(quotes, starts)[owner]
        before = array[np.maximum(quotes - 1, 0)]
        after = array[np.minimum(quotes + 1, whole - 1)]
        twin = np.zeros(len(quotes), np.bool_)
        twin[1:] = quotes[1:] == quotes[:-1] + 1
        next_twin = np.zeros(len(quotes), np.bool_)
        next_twin[:-1] = twin[1:]
        opens = (quotes == starts[owner]) | (before == self._dialect.delimiter) | ((rank > 0) & twin)
        closes = (quotes + 1 == ends[owner]) | (after == self._dialect.delimiter) | next_twin
        good = np.where(rank & 1, closes, opens)
        codes[owner[~good]] = 2
        codes[long] = 1
        odd = (np.bincount(owner, minlength=count) & 1).astype(bool)
        settled = -1
        for line in np.flatnonzero(odd & (codes == 0)).tolist():
            if line <= settled:
                continue
            start = int(starts[line])
            status, end, found = scan_record(data, start, whole, self._dialect)
            if status is Scan.INCOMPLETE and not self._ended and extent(data) - start <= self._bound:
                return codes, last, line
            if status is Scan.WHOLE and found == self._fields and end - start <= self._bound:
                settled = int(np.searchsorted(starts, end, side="right")) - 1
                last[line] = settled
                codes[line + 1 : settled + 1] = -1
            else:
                codes[line] = 2
        return codes, last, count


_RULES = {1: "too_long", 2: "quoting", 3: "newline"}
