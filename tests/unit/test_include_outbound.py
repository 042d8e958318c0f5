"""Queries of outbound documents are read with their source, and are single SELECTs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml

from airflow_provider_integrations.connectors.edi.outbound_rows import check_queries
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.include import read_edi_outbound, read_sources
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


def changed(include: Path, **changes: Any) -> None:
    """The shipped source with other values."""
    path = include / "sources" / "acme_orders_out.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def refused(include: Path) -> str:
    """What is said of the source where DAGs are made, and at each use."""
    (found,) = [one for name, one in read_sources(include, "edi_outbound") if name == "acme_orders_out"]
    assert isinstance(found, ConfigError), found
    with pytest.raises(ConfigError):
        read_edi_outbound(include, "acme_orders_out")
    return str(found)


EDIFACT = {
    "guide": "edifact_orders_d96a",
    "version": "D96A",
    "rows": {"edifact_orders": "acme_orders.sql"},
}
ROWS = {"orders": "acme_orders.sql", "order_parties": "acme_order_parties.sql", "order_lines": "acme_order_lines.sql"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"acknowledged_within": "PT0S"}, "acknowledged_within"),
        ({"acknowledged_within": "-PT24H"}, "acknowledged_within"),
        ({"outbox": {"folder": "../x"}}, "outbox.folder"),
        ({"outbox": {"folder": "/in/../../x"}}, "outbox.folder"),
        ({"outbox": {"folder": "in\nx"}}, "outbox.folder"),
        ({"document": "row"}, "row and parent"),
        ({"document": "PARENT"}, "row and parent"),
        ({"document": "order number"}, "document"),
        ({"document": ""}, "document"),
        ({"ours": "ZZ:ACME"}, "same identity"),
        ({"ours": "QQ:HUB"}, "qualifier of the sender"),
        ({"ours": "ZZ:H"}, "sender of the group"),
        ({"partner": "ZZ:SEVENTEEN-LETTERS"}, "name of the receiver"),
        ({"partner": "ZZ: ACME"}, "qualifier:name"),
        ({"partner": "ZZ:" + "A" * 36}, "qualifier:name"),
        ({"group_ours": "A" * 16}, "sender of the group"),
        ({"group_partner": "\u00c4CME"}, "receiver of the group"),
        ({"group_partner": "A"}, "receiver of the group"),
        ({"rows": ROWS | {"ordrs": "acme_orders.sql"}}, "no such tables.*ordrs"),
        ({"rows": {"order_lines": "acme_order_lines.sql"}}, "no query of the head table"),
        ({"rows": ROWS | {"order_schedules": "acme_orders.sql"} | {"order_lines": "."}}, "rows"),
        ({"rows": ROWS | {"orders": ""}}, "rows"),
        ({"rows": ROWS | {"orders": "../outbound/acme_orders.sql"}}, "rows"),
        ({"rows": ROWS | {"orders": "/etc/hostname"}}, "rows"),
        ({"rows": ROWS | {"orders": "gone.sql"}}, "gone.sql"),
        ({"rows": ROWS | {"orders": "folder"}}, "folder"),
        ({"rows": {"orders": "acme_orders.sql", "order_schedules": "acme_orders.sql"}}, "above another.*order_lines"),
        ({"guide": "nope"}, "no such guides.*x12_850"),
        ({"guide": "x12"}, "x12.yaml"),
        ({"version": "009010"}, "no such version.*004010"),
        ({"name": ".{control}"}, "begins with a letter"),
        ({"name": "a..{control}"}, "begins with a letter"),
        ({"name": "a" * 190 + "{control}"}, "begins with a letter"),
        (EDIFACT | {"group_partner": "ACME"}, "without groups"),
        (EDIFACT | {"ours": "ZZZZZ:HUB"}, "qualifier:name"),
        (EDIFACT | {"partner": "ZZ:\u0416"}, "characters"),
    ],
    ids=repr,
)
def test_a_source_that_could_not_send_is_refused_when_it_is_read(
    include: Path, changes: dict[str, Any], said: str
) -> None:
    """So that its DAG shows it, and not the first order that is to go out."""
    (include / "sql" / "outbound" / "folder").mkdir()
    changed(include, **changes)
    assert re.search(said, refused(include))


@pytest.mark.parametrize(
    "changes",
    [
        {"group_partner": "acme orders"},
        {"partner": "ZZ:A", "group_partner": "AB"},
        {"document": "Order_No$1"},
        {"name": "{control}.x12"},
        {"outbox": {"folder": "in/..x"}},
        {"acknowledged_within": None},
        EDIFACT | {"partner": "ZZ:" + "A" * 35, "ours": ":B"},
    ],
    ids=repr,
)
def test_what_has_a_place_is_taken(include: Path, changes: dict[str, Any]) -> None:
    changed(include, **changes)
    assert read_edi_outbound(include, "acme_orders_out").kind == "edi_outbound"


def test_a_query_that_is_no_select_breaks_its_source(include: Path) -> None:
    (include / "sql" / "outbound" / "acme_orders.sql").write_text("DELETE FROM t")
    assert "one SELECT" in refused(include)


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
    source = read_edi_outbound(include, "acme_orders_out")
    (include / "sql" / "outbound" / "acme_orders.sql").write_text(text)
    with pytest.raises(ConfigError, match="one SELECT"):
        read_queries(include, source)


@pytest.mark.parametrize("text", ["SELECT ';' AS a;\n", "with a as (select 1) select * from a", "-- why\nSELECT 1"])
def test_a_select_is_taken_as_it_is(include: Path, text: str) -> None:
    (include / "sql" / "outbound" / "acme_orders.sql").write_text(text)
    found = read_queries(include, read_edi_outbound(include, "acme_orders_out"))["orders"]
    assert found in ("SELECT ';' AS a", "with a as (select 1) select * from a", "SELECT 1")


def test_a_query_that_is_not_there_is_named(include: Path) -> None:
    source = read_edi_outbound(include, "acme_orders_out")
    (include / "sql" / "outbound" / "acme_orders.sql").unlink()
    with pytest.raises(ConfigError, match=r"acme_orders\.sql"):
        read_queries(include, source)
