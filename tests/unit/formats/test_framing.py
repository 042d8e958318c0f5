"""The vectorised framing against a plain reading of the same rules, one character at a time."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.formats.framing import Framer
from airflow_provider_integrations.formats.scan import Dialect

COMMA = Dialect(ord(","), ord('"'))
PLAIN = Dialect(ord(","), None)
Row = tuple[int, str, bytes | None]


def plain_reading(data: bytes, fields: int, dialect: Dialect, bound: int) -> tuple[list[Row], int, int]:
    """Records as (line, rule or 'ok', bytes), physical lines, blank lines."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    lines = [(m.start(), m.end(1), m.end()) for m in re.finditer(rb"([^\r\n]*)(\r\n|\r|\n|\Z)", data) if m[0]]
    rows: list[Row] = []
    blank = 0
    at = 0
    while at < len(lines):
        start, end, after = lines[at]
        content = data[start:end]
        if not content:
            blank += 1
            at += 1
            continue
        if len(content) > bound:
            rows.append((at + 1, "too_long", None))
            at += 1
            continue
        last = _record(data, lines, at, fields, dialect)
        if last is not None and lines[last][1] - start > bound:
            last = None
        if last is None:
            rows.append((at + 1, "quoting", content))
            at += 1
            continue
        stop, after = lines[last][1], lines[last][2]
        found = data[stop:after]
        wrong = {"any": False, "lf": found not in (b"\n", b""), "crlf": found not in (b"\r\n", b"")}[dialect.newline]
        rows.append((at + 1, "newline" if wrong else "ok", data[start:stop]))
        at = last + 1
    return rows, len(lines), blank


def _record(data: bytes, lines: list[tuple[int, int, int]], first: int, fields: int, dialect: Dialect) -> int | None:
    state, count, line = "start", 1, first
    at = lines[first][0]
    while True:
        if at == lines[line][1] and state != "quoted":
            return line if line == first or count == fields else None
        if at >= len(data):
            return None
        if at == lines[line][1]:
            at = lines[line][2]
            line += 1
            if line == len(lines):
                return None
            continue
        byte = data[at]
        if state == "quoted":
            if byte == dialect.quote:
                state = "closed"
        elif state == "closed":
            if byte == dialect.quote:
                state = "quoted"
            elif byte == dialect.delimiter:
                state, count = "start", count + 1
            else:
                return None
        elif byte == dialect.delimiter:
            state, count = "start", count + 1
        elif dialect.quote is not None and byte == dialect.quote:
            if state == "start":
                state = "quoted"
            else:
                return None
        else:
            state = "plain"
        at += 1


def framed(data: bytes, fields: int, dialect: Dialect, bound: int, block: int) -> tuple[list[Row], int, int]:
    framer = Framer(io.BytesIO(data), dialect, block_size=block, max_record=bound)
    rows: list[Row] = []
    lines = blank = 0
    for frame in framer.frames(fields):
        lines += frame.physical_lines
        blank += frame.blank_lines
        good = zip(frame.lines.tolist(), frame.starts.tolist(), frame.ends.tolist(), strict=True)
        rows += [(line, "ok", frame.data[start:end]) for line, start, end in good]
        rows += [
            (line, rule, None if rule == "too_long" else frame.data[start:end])
            for line, rule, start, end in frame.rejected
        ]
    return sorted(rows), lines, blank


PIECES = st.sampled_from(
    [
        b'"',
        b'""',
        b",",
        b"\n",
        b"\r\n",
        b"\r",
        b"a",
        b"bc",
        b'"x"',
        b'"x\ny"',
        b'"x","y"\n',
        b"1,2\n",
        b"\xff",
        b"\0",
        b" ",
    ]
)
CSV_LIKE = st.lists(PIECES, max_size=40).map(b"".join)


@settings(max_examples=600, deadline=None)
@given(
    data=st.one_of(CSV_LIKE, st.binary(max_size=60)),
    fields=st.integers(1, 3),
    bound=st.sampled_from([3, 8, 1000]),
    block=st.sampled_from([1, 2, 3, 5, 17, 4096]),
    dialect=st.sampled_from([COMMA, PLAIN, Dialect(44, 34, "lf"), Dialect(44, 34, "crlf")]),
)
def test_any_bytes_are_framed_as_the_plain_reading_says_at_any_block_size(
    data: bytes, fields: int, bound: int, block: int, dialect: Dialect
) -> None:
    expected = plain_reading(data, fields, dialect, bound)
    assert framed(data, fields, dialect, bound, block) == (sorted(expected[0]), expected[1], expected[2])


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_a_lone_quote_costs_its_own_line_and_no_row_after_it(block: int) -> None:
    data = b'1,a\n2,"b\n3,c\n4,d\n' * 50
    rows, lines, _ = framed(data, 2, COMMA, 1 << 20, block)
    assert lines == 200
    assert [row[1] for row in rows] == ["ok", "quoting", "ok", "ok"] * 50


def test_a_lone_quote_that_a_later_one_seems_to_close_swallows_nothing() -> None:
    rows, _, _ = framed(b'"abc,d\n1,2\n3,4"\n5,6\n', 2, COMMA, 1 << 20, 4096)
    assert [(line, rule) for line, rule, _ in rows] == [(1, "quoting"), (2, "ok"), (3, "quoting"), (4, "ok")]


def test_a_line_without_an_end_is_dropped_in_flat_memory() -> None:
    class Endless(io.RawIOBase):
        left = 300

        def read(self, size: int = -1, /) -> bytes:
            self.left -= 1
            return b"x" * size if self.left > 0 else b""

    framer = Framer(Endless(), COMMA, block_size=1 << 16, max_record=1 << 16)
    kept = 0
    rejected = []
    for frame in framer.frames(2):
        kept = max(kept, len(frame.data))
        rejected += [entry[1] for entry in frame.rejected]
    assert rejected == ["too_long"]
    assert kept < 4 << 16


def test_a_crlf_cut_in_two_by_a_block_is_one_line_end() -> None:
    rows, lines, blank = framed(b"1,a\r\n2,b\r\n", 2, COMMA, 100, 4)
    assert ([row[0] for row in rows], lines, blank) == ([1, 2], 2, 0)


@pytest.mark.parametrize("block", [3, 4, 5, 4096])
def test_the_header_is_the_first_record_that_is_not_blank_also_over_two_lines(block: int) -> None:
    framer = Framer(io.BytesIO(b'\xef\xbb\xbf\r\n\n"a\nb",c\r\n1,2\r\n'), COMMA, block_size=block)
    assert framer.header() == b'"a\nb",c'
    frames = list(framer.frames(2))
    assert [line for frame in frames for line in frame.lines.tolist()] == [5]
    assert framer.header_lines == 4
