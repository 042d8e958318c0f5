"""Values that share a text on their way from PostgreSQL, among them such as no number or day can hold."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from airflow_provider_integrations.connectors.odbc.extract import extract_shard
from airflow_provider_integrations.connectors.odbc.model import KeyRange, PageMark
from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.pages import ShardJob
from airflow_provider_integrations.connectors.odbc.query import build_query, natural_contract
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

_TABLE = (
    "CREATE TABLE t AS SELECT i AS id, timestamptz '2025-01-01 00:00Z' + i * interval '1 s' AS u, i * 1.25 AS plain,"
    " CAST(i * 1.25 AS numeric(18,4)) AS net, date '2025-01-01' + i AS due, i % 2 = 0 AS paid, 'text ' || i AS note,"
    " CASE WHEN i % 3 > 0 THEN i / 7.0::float8 END AS share FROM generate_series(1, 100) i"
)


@pytest.fixture
def table(odbc_postgres: OdbcDatabase) -> OdbcDatabase:
    odbc_postgres.execute(_TABLE, "ALTER TABLE t ADD PRIMARY KEY (id)", "CREATE INDEX ON t (u, id)")
    return odbc_postgres


@pytest.mark.parametrize("at", [3, 35, 100], ids=["first page", "middle page", "last row"])
@pytest.mark.parametrize("change", ["net = 'NaN'", "due = 'infinity'", "due = '0044-03-15 BC'", "u = '-infinity'"])
def test_a_value_that_nothing_can_hold_rejects_its_row_alone(
    change: str, at: int, table: OdbcDatabase, tmp_path: Path
) -> None:
    table.execute(f"UPDATE t SET {change} WHERE id = {at}")
    settings = OdbcSettings.from_string(table.connection_string)
    report = extract_once(settings, Request("t", ("u", "id"), tmp_path, tmp_path / "state.json", page_rows=10))
    assert (report["rows"], report["rejected"], report["source_rows"]) == (99, 1, 100)
    [rejects] = tmp_path.glob("*rejects.jsonl")
    assert json.loads(rejects.read_text())["key"] == f"id={at}"
    columns = "id, plain, net, due, CAST(paid AS int), note, share"
    truth = table.execute(f"SELECT {columns} FROM t WHERE id <> {at} ORDER BY id")
    landed = duckdb.sql(f"SELECT {columns} FROM '{tmp_path}/*.parquet' ORDER BY id").fetchall()
    assert [(*row[:1], str(row[1]), *row[2:]) for row in landed] == [(*row[:1], str(row[1]), *row[2:]) for row in truth]


def test_the_sums_are_those_of_all_pages_when_one_is_read_again(table: OdbcDatabase, tmp_path: Path) -> None:
    """The page with the value comes as text; what was added up before it stays."""
    table.execute("UPDATE t SET due = 'infinity' WHERE id = 35")
    marks: list[PageMark] = []
    with OdbcSession.open(OdbcSettings.from_string(table.connection_string)) as session:
        facts = session.facts("t")
        contract = natural_contract(session.dialect, facts, ["id"])
        query = build_query(session.dialect, facts, contract, ["u"])
        job = ShardJob(query, contract, KeyRange(), tmp_path / "pages", "b", "v", page_rows=10, control=("net", "id"))
        report = extract_shard(session, job, PageMark(), marks.append)
    assert report.sums == {"net": "6312.5000", "id": "5050"}
    assert (report.rows_read, report.rows_rejected, len(marks)) == (100, 1, 12)
