"""Queries of outbound documents are read with their source, and are single SELECTs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlglot

from airflow_provider_integrations.connectors.edi.outbound_rows import check_queries
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.include import read_edi_outbound
from airflow_provider_integrations.include_edi import read_guides
from airflow_provider_integrations.include_outbound import outbound_job, read_queries
from airflow_provider_integrations.ledger.ledger import Ledger

OURS = Path(__file__).parents[2] / "include"


@pytest.fixture
def include(tmp_path: Path) -> Path:
    for folder in ("edi", "sql", "sources"):
        shutil.copytree(OURS / folder, tmp_path / folder)
    return tmp_path


def test_the_shipped_queries_fit_their_guide() -> None:
    source = read_edi_outbound(OURS, "acme_orders_out")
    queries = read_queries(OURS, source)
    columns = {}
    for table, query in queries.items():
        parsed = sqlglot.parse_one(query, read="snowflake")
        assert isinstance(parsed, sqlglot.exp.Select)
        columns[table] = parsed.named_selects
        assert "--" not in query
    check_queries(read_guides(OURS, source.guide).of(source.version), source.document, columns)


def test_a_job_has_all_that_its_source_names(include: Path) -> None:
    from upath import UPath

    with Ledger.connect("sqlite://") as ledger:
        job = outbound_job(include, "acme_orders_out", ledger, UPath(include / "landing"))
    assert set(job.queries) == {"orders", "order_parties", "order_lines"}
    assert (job.pair.ours, job.pair.partner, job.guide.version) == ("ZZ:HUB", "ZZ:ACME", "004010")


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM t",
        "SELECT 1; DELETE FROM t",
        "",
        "-- SELECT 1",
        "CREATE TABLE t AS SELECT 1",
        "selection",
        "CALL p()",
    ],
)
def test_what_is_no_single_select_is_refused(include: Path, text: str) -> None:
    (include / "sql" / "outbound" / "acme_orders.sql").write_text(text)
    with pytest.raises(ConfigError, match="one SELECT"):
        read_queries(include, read_edi_outbound(include, "acme_orders_out"))


@pytest.mark.parametrize("text", ["SELECT ';' AS a;\n", "with a as (select 1) select * from a", "-- why\nSELECT 1"])
def test_a_select_is_taken_as_it_is(include: Path, text: str) -> None:
    (include / "sql" / "outbound" / "acme_orders.sql").write_text(text)
    found = read_queries(include, read_edi_outbound(include, "acme_orders_out"))["orders"]
    assert found in ("SELECT ';' AS a", "with a as (select 1) select * from a", "SELECT 1")


def test_a_query_that_is_not_there_is_named(include: Path) -> None:
    (include / "sql" / "outbound" / "acme_orders.sql").unlink()
    with pytest.raises(ConfigError, match=r"acme_orders\.sql"):
        read_queries(include, read_edi_outbound(include, "acme_orders_out"))
