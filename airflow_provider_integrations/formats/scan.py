"""The strict reading of one quoted record, byte by byte: what the vectorised framing falls back on.

RFC 4180: a quoted field opens right after a delimiter or at the record's start, a quote inside it is doubled, and its
closing quote stands right before a delimiter or a line's end. Everything else about quotes is malformed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

__all__ = ["Dialect", "Scan", "scan_record", "split_record"]

_CR, _LF = 13, 10


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written, in UTF-8 bytes; `quote` is None where quotes are plain data."""

    delimiter: int
    quote: int | None
    newline: str = "any"


class Scan(Enum):
    """How the scan of a record ended."""

    WHOLE = auto()
    MALFORMED = auto()
    INCOMPLETE = auto()


def scan_record(data: bytes, start: int, limit: int, dialect: Dialect) -> tuple[Scan, int, int]:
    """Read one record of `data[start:limit]`.

    Returns:
        How it ended, the offset of the record's line end (or of `limit`), and how many fields were read.
    """
    at, fields = start, 1
    quote, stop = dialect.quote, _stops(dialect)
    while True:
        if quote is not None and at < limit and data[at] == quote:
            at = _closing_quote(data, at + 1, limit, quote)
            if at < 0:
                return Scan.INCOMPLETE, limit, fields
            at += 1
            if at < limit and data[at] not in (dialect.delimiter, _CR, _LF):
                return Scan.MALFORMED, at, fields
        found = stop.search(data, at, limit)
        at = found.start() if found else limit
        if at < limit and data[at] == quote:
            return Scan.MALFORMED, at, fields
        if at >= limit or data[at] != dialect.delimiter:
            return Scan.WHOLE, at, fields
        at, fields = at + 1, fields + 1


def split_record(record: bytes, dialect: Dialect) -> list[bytes] | None:
    """The fields of one whole record without its line end, unquoted; None where its quoting is malformed."""
    fields: list[bytes] = []
    at, limit, quote = 0, len(record), dialect.quote
    while True:
        if quote is not None and at < limit and record[at] == quote:
            end = _closing_quote(record, at + 1, limit, quote)
            if end < 0 or (end + 1 < limit and record[end + 1] != dialect.delimiter):
                return None
            fields.append(record[at + 1 : end].replace(bytes((quote, quote)), bytes((quote,))))
            at = end + 1
        else:
            end = record.find(dialect.delimiter, at)
            end = limit if end < 0 else end
            if quote is not None and quote in record[at:end]:
                return None
            fields.append(record[at:end])
            at = end
        if at >= limit:
            return fields
        at += 1


@cache
def _stops(dialect: Dialect) -> re.Pattern[bytes]:
    """What an unquoted field can end at, or must not hold."""
    marks = bytes([dialect.delimiter, _CR, _LF] + ([] if dialect.quote is None else [dialect.quote]))
    return re.compile(b"[" + re.escape(marks) + b"]")


def _closing_quote(data: bytes, at: int, limit: int, quote: int) -> int:
    """Offset of the quote that closes the field whose content starts at `at`, or -1."""
    while True:
        at = data.find(quote, at, limit)
        if at < 0:
            return -1
        if at + 1 < limit and data[at + 1] == quote:
            at += 2
            continue
        return at
