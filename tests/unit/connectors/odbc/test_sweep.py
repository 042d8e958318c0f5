"""The deletes sweep without a server: texts and hashes, groups, versions, and two lists of keys."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.odbc.dialects import dialect_named
from airflow_provider_integrations.connectors.odbc.dialects.key_texts import (
    group_by_hash,
    group_by_width,
    key_number,
    key_text,
)
from airflow_provider_integrations.connectors.odbc.model import SourceColumn
from airflow_provider_integrations.connectors.odbc.sweep import choose_grouping
from airflow_provider_integrations.connectors.odbc.sweep_engine import KeyTexts, ParquetKeys
from airflow_provider_integrations.connectors.odbc.sweep_source import Extent
from airflow_provider_integrations.core.contract import Column, Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.key_groups import ByHash, ByWidth, Grouping, KeyGroup
from airflow_provider_integrations.formats.schema import arrow_type

INT64 = st.integers(-(2**63), 2**63 - 1)


def _contract(**columns: str) -> Contract:
    return Contract.from_mapping(
        {
            "contract": "orders",
            "version": "1.0.0",
            "columns": [{"name": name, "type": kind, "nullable": False} for name, kind in columns.items()],
            "keys": list(columns),
        }
    )


def _table(contract: Contract, *columns: list[Any]) -> pa.Table:
    arrays = [pa.array(values, arrow_type(c)) for values, c in zip(columns, contract.columns, strict=True)]
    return pa.table(arrays, names=list(contract.keys))


def _expected(keys: list[tuple[str, ...]], group: Any) -> dict[int, KeyGroup]:
    found: dict[int, list[int]] = defaultdict(list)
    for key in keys:
        number = int(hashlib.md5("\x1f".join(key).encode()).hexdigest()[:15], 16)
        found[group(key, number)].append(number)
    return {group: KeyGroup(len(numbers), sum(numbers)) for group, numbers in found.items()}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(INT64, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))), max_size=30),
       st.integers(1, 9))  # fmt: skip
def test_hashes_are_those_of_the_standard_library(keys: list[tuple[int, str]], groups: int) -> None:
    contract = _contract(id="integer", code="string")
    table = _table(contract, [key[0] for key in keys], [key[1] for key in keys])
    texts = [(str(number), text) for number, text in keys]
    found = KeyTexts(contract).groups(table, ByHash(groups))
    assert found == _expected(texts, lambda _, number: number % groups)


@settings(max_examples=40, deadline=None)
@given(st.lists(INT64, max_size=30), INT64, st.integers(1, 10**6))
def test_spans_are_floored_also_below_their_beginning_and_at_the_ends_of_64_bits(
    keys: list[int], low: int, width: int
) -> None:
    contract = _contract(id="integer")
    found = KeyTexts(contract).groups(_table(contract, keys), ByWidth(low, width))
    assert found == _expected([(str(key),) for key in keys], lambda key, _: (int(key[0]) - low) // width)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("integer", -(2**63), "-9223372036854775808"),
        ("decimal(38,10)", Decimal("1E-10"), "0.0000000001"),
        ("decimal(38,10)", Decimal("-9999999999999999999999999999.9999999999"), "-9999999999999999999999999999.9999999999"),
        ("decimal(5,0)", Decimal(7), "7"),
        ("date", date(1, 2, 3), "0001-02-03"),
        ("date", date(9999, 12, 31), "9999-12-31"),
        ("time", time(1, 2, 3, 40), "01:02:03.000040"),
        ("timestamp", datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00:00.000000"),
        ("timestamp", datetime(2025, 3, 30, 1, 30, 0, 7, UTC), "2025-03-30 01:30:00.000007"),
        ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("boolean", True, "true"),
        ("string", " ß😀\n", " ß😀\n"),
    ],
)  # fmt: skip
def test_each_type_has_one_text(kind: str, value: Any, text: str) -> None:
    contract = _contract(k=kind)
    found = KeyTexts(contract).texts(_table(contract, [value]), ByHash(1), [0])
    assert found.column(0).to_pylist() == [text]


def test_a_float_is_no_key() -> None:
    with pytest.raises(ConfigError, match="float"):
        KeyTexts(_contract(k="float"))


@pytest.mark.parametrize(
    ("extent", "grouping"),
    [
        (Extent(1_000_000, 1, 1_000_000), ByWidth(1, 50_000)),
        (Extent(1_000_000, -500_000, 1_499_999), ByWidth(-500_000, 100_000)),
        (Extent(1_000_000, 0, 10**12), ByHash(20)),  # Mostly holes.
        (Extent(1_000_000, -(2**63), 2**63 - 1), ByHash(20)),
        (Extent(1_000_001), ByHash(21)),  # No whole number.
        (Extent(0), ByHash(1)),
        (Extent(1, 7, 7), ByWidth(7, 50_000)),
    ],
)
def test_groups_are_spans_where_numbers_lie_closely_and_hashes_elsewhere(extent: Extent, grouping: Grouping) -> None:
    assert choose_grouping(extent, 50_000) == grouping


def test_only_keys_that_were_last_seen_before_the_sweep_count(tmp_path: Path) -> None:
    contract = _contract(id="integer")
    for day, ids in (("01", [1, 2, 3]), ("02", [2, 4])):
        table = _table(contract, ids).append_column("_version", pa.array([f"2025-01-{day}/r"] * len(ids)))
        pq.write_table(table, tmp_path / f"{day}.parquet")
    pattern = str(tmp_path / "*.parquet")
    both, first = (ParquetKeys(pattern, contract, before=f"2025-01-{day}/s") for day in ("02", "01"))
    assert sorted(both.keys(ByHash(2), 0, 1)) == [("1",), ("2",), ("3",), ("4",)]
    # What was seen again after the sweep was there after it.
    assert sorted(first.keys(ByHash(2), 0, 1)) == [("1",), ("3",)]


SOURCES = {
    "sqlserver": {
        "integer": ("bigint", "CAST(\"k\" AS nvarchar(4000))"),
        "decimal(18,4)": ("decimal(10,2)", "CAST(CAST(\"k\" AS decimal(38,4)) AS nvarchar(41))"),
        "uuid": ("uniqueidentifier", "LOWER(CONVERT(nchar(36), \"k\"))"),
        "timestamp": ("datetimeoffset(6)", "CONVERT(nvarchar(26), CAST(SWITCHOFFSET(\"k\", 0) AS datetime2(6)), 121)"),
        "date": ("date", "CONVERT(nvarchar(10), \"k\", 23)"),
    },
    "oracle": {
        "integer": ("number(10,0)", "TO_CHAR(\"k\")"),
        "decimal(18,4)": ("number(10,2)", f"TO_CHAR(\"k\", 'FM{'9' * 33}0.0000')"),
        "timestamp": ("timestamp(6) with time zone", "TO_CHAR(SYS_EXTRACT_UTC(\"k\"), 'YYYY-MM-DD HH24:MI:SS.FF6')"),
    },
    "snowflake": {
        "integer": ("number(18,0)", "CAST(\"k\" AS VARCHAR)"),
        "decimal(18,4)": ("number(10,2)", "CAST(CAST(\"k\" AS NUMBER(38,4)) AS VARCHAR)"),
        "date": ("date", "TO_VARCHAR(\"k\", 'YYYY-MM-DD')"),
    },
}  # fmt: skip


@pytest.mark.parametrize("engine", list(SOURCES))
def test_engines_that_are_not_at_hand_make_the_texts_that_their_manuals_say(engine: str) -> None:
    dialect = dialect_named(engine)
    parser = {"sqlserver": "tsql"}.get(engine, engine)
    for kind, (source, text) in SOURCES[engine].items():
        found = key_text(dialect, SourceColumn("k", source), Column(name="k", type=kind))
        assert found == text
        number = key_number(dialect, [text, text])
        for group in (group_by_hash(dialect, number, 7), group_by_width(dialect, '"k"', -5, 100)):
            assert sqlglot.parse_one(f"SELECT {group} FROM t", dialect=parser)


@pytest.mark.parametrize(
    ("engine", "source", "kind", "zone"),
    [
        ("sqlite", "bigint", "integer", "UTC"),  # It has no digests.
        ("postgresql", "numeric(10,4)", "decimal(10,2)", "UTC"),  # Rows that do not fit are no keys of the target.
        ("postgresql", "timestamp without time zone", "timestamp", "Europe/Berlin"),  # An hour that was there twice.
        ("postgresql", "numeric", "integer", "UTC"),
        ("sqlserver", "datetime2(7)", "timestamp", "UTC"),
        ("sqlserver", "datetime", "timestamp", "UTC"),
        ("mariadb", "double", "string", "UTC"),
        ("snowflake", "time(9)", "time", "UTC"),
        ("postgresql", "time with time zone", "time", "UTC"),
        ("mariadb", "bigint(20) unsigned", "integer", "UTC"),  # Beyond 64 bits with a sign.
    ],
)
def test_where_no_text_is_surely_the_same_the_keys_are_read_instead(
    engine: str, source: str, kind: str, zone: str
) -> None:
    assert key_text(dialect_named(engine), SourceColumn("k", source), Column(name="k", type=kind, zone=zone)) is None
