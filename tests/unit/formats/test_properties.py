"""Properties: any bytes are accounted for, rows survive writing and reading, and blocks do not show in the result."""

from __future__ import annotations

import re
import tempfile
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import RejectedError
from tests.unit.formats.decoding import Result, contract, read_back

EVERY_TYPE = contract(
    {"name": "k", "type": "string"},
    {"name": "s", "type": "string"},
    {"name": "i", "type": "integer"},
    {"name": "f", "type": "float"},
    {"name": "m", "type": "decimal(20,4)"},
    {"name": "b", "type": "boolean"},
    {"name": "d", "type": "date"},
    {"name": "t", "type": "time"},
    {"name": "ts", "type": "timestamp", "zone": "Europe/Berlin"},
)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
ROWS = st.lists(
    st.tuples(
        TEXT,
        st.none() | TEXT,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.decimals(-(10**15), 10**15, places=4),
        st.none() | st.booleans(),
        st.none() | st.dates(),
        st.none() | st.times(),
        st.none() | st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)),
    ),
    max_size=8,
)


def encode(rows: list[tuple[Any, ...]], by: Contract, newline: str) -> bytes:
    """Write rows as the contract says; a null is the unquoted empty text."""

    def one(value: Any) -> str:
        if value is None:
            return ""
        text = (
            value.isoformat()
            if isinstance(value, date | time)
            else format(value, "f")
            if isinstance(value, Decimal)
            else str(value)
        )
        if text == "" or re.search('[",\r\n]', text):
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = [",".join(column.name for column in by.columns), *(",".join(map(one, row)) for row in rows)]
    return "".join(line + newline for line in lines).encode(by.encoding)


def decoded(data: bytes, by: Contract, block: int) -> Result | RejectedError:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return read_back(data, by, Path(folder), block=block)
        except RejectedError as error:
            return error


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, newline=st.sampled_from(["\n", "\r\n", "\r"]), block=st.sampled_from([3, 64, 1 << 20]))
def test_rows_written_by_a_contract_and_read_by_it_are_the_same_rows(
    rows: list[tuple[Any, ...]], newline: str, block: int
) -> None:
    result = decoded(encode(rows, EVERY_TYPE, newline), EVERY_TYPE, block)
    assert isinstance(result, Result)
    assert result.rejects == []
    names = [column.name for column in EVERY_TYPE.columns]
    assert [tuple(row[name] for name in names) for row in result.table.to_pylist()] == rows


PIECES = st.sampled_from(
    ["1", "23", "x", "-5", "1.5", "true", "2024-01-31", "2024-02-30", "2024-03-31T02:30:00", "10:00", '"', '""', ",", ",", ",,",
     "\n", "\n", "\r\n", "\r", '"a\nb"', "é", "\ufeff", "\0", " ", "0x1F", "1e400"]
)  # fmt: skip
CSV_LIKE = st.lists(PIECES, max_size=60).map(lambda pieces: "".join(pieces).encode())
THREE = Contract.from_mapping(
    {
        "contract": "probe", "version": "1.0.0", "keys": ["k"], "header": False, "max_reject_share": 1,
        "columns": [
            {"name": "k", "type": "string", "nullable": False, "unique": True},
            {"name": "a", "type": "integer", "unique": True},
            {"name": "d", "type": "timestamp", "zone": "Europe/Berlin"},
        ],
    }
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(data=st.one_of(CSV_LIKE, st.binary(max_size=80)), block=st.sampled_from([1, 4, 13]))
def test_any_bytes_are_accounted_for_and_blocks_do_not_show(data: bytes, block: int) -> None:
    one, other = decoded(data, THREE, 1 << 20), decoded(data, THREE, block)
    if isinstance(one, RejectedError):
        assert isinstance(other, RejectedError)
        assert one.reason is other.reason
        return
    assert isinstance(other, Result)
    assert one.table.equals(other.table)
    order = lambda entry: (entry["line"], entry["rule"])  # noqa: E731
    assert sorted(one.rejects, key=order) == sorted(other.rejects, key=order)
    counted, again = one.decoded, other.decoded
    assert (counted.lines, counted.blank_lines) == (again.lines, again.blank_lines)
    body = data.removeprefix(b"\xef\xbb\xbf")
    physical = len(re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", body))
    assert counted.lines == physical
    assert counted.rows_read + counted.blank_lines <= physical


@settings(max_examples=40, deadline=None)
@given(
    data=st.one_of(CSV_LIKE, st.binary(max_size=80)), encoding=st.sampled_from(["utf-8", "utf-16", "cp1252", "latin-1"])
)
def test_any_bytes_with_a_header_in_any_encoding_never_crash(data: bytes, encoding: str) -> None:
    by = EVERY_TYPE.model_copy(update={"encoding": encoding})
    decoded("k,s,i,f,m,b,d,t,ts\n".encode(encoding) + data, by, 1 << 20)
    decoded(data, by, 16)
