"""The extraction template that comes with the project, through the whole extraction on real engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from upath import UPath

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.land_shards import extract_items
from airflow_provider_integrations.connectors.odbc.model import Edge, KeyRange
from airflow_provider_integrations.connectors.odbc.run import Asked, RunJob, connected, plan_items
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.settle import settle
from airflow_provider_integrations.core.table_source import TableSource
from airflow_provider_integrations.core.watermark import Bound
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.include import read_source_contract, read_table_source, read_template
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

INCLUDE = Path(__file__).parents[2] / "include"
ROWS = 6_000
TYPES = {
    "PostgreSQL": ("timestamptz", "boolean", f"generate_series(1, {ROWS})", "g"),
    "MariaDB": ("datetime(6)", "tinyint(1)", f"seq_1_to_{ROWS}", "seq"),
    "SQLite3": ("timestamp", "boolean", "s", "g"),
}
STAMPS = {
    "PostgreSQL": "timestamptz '2025-01-01 00:00:00+00' + (g / 40) * interval '1 minute'",
    "MariaDB": "'2025-01-01 00:00:00' + INTERVAL (seq DIV 40) MINUTE",
    "SQLite3": "strftime('%Y-%m-%d %H:%M:%S', '2025-01-01 00:00:00', (g / 40) || ' minutes')",
}


@pytest.fixture
def job(odbc_database: OdbcDatabase, tmp_path: Path) -> Iterator[RunJob]:
    """The ERP's two tables with an order of each status, and a source that reads them by the template."""
    engine = next(name for name in TYPES if name in odbc_database.connection_string)
    stamp, flag, numbers, at = TYPES[engine]
    before = f"WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < {ROWS}) " if at == "g" else ""
    before = before if engine == "SQLite3" else ""
    numbers = f"{numbers} g" if engine == "PostgreSQL" else numbers
    status = f"CASE {at} % 5 WHEN 0 THEN 'open' WHEN 1 THEN 'shipped' WHEN 2 THEN 'paid' WHEN 3 THEN 'cancelled' ELSE 'draft' END"
    odbc_database.execute(
        "CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(60) NOT NULL)",
        f"CREATE TABLE sales_orders (id bigint PRIMARY KEY, updated_at {stamp} NOT NULL, customer_id bigint,"
        f" status varchar(10) NOT NULL, amount decimal(18,4) NOT NULL, ordered_on date NOT NULL, note varchar(40),"
        f" is_express {flag} NOT NULL)",
        "CREATE INDEX sales_orders_order ON sales_orders (updated_at, id)",
        "INSERT INTO customers VALUES (1, 'Åse'), (2, 'Björn')",
        f"{before}INSERT INTO sales_orders SELECT {at}, {STAMPS[engine]}, 1 + {at} % 2, {status}, 1.25, '2025-01-01', NULL,"
        f" {at} % 2 = 0 FROM {numbers}",
        {"MariaDB": "ANALYZE TABLE sales_orders"}.get(engine, "ANALYZE"),
    )
    base = read_table_source(INCLUDE, "erp_orders")
    source = TableSource.model_validate(
        {
            **base.model_dump(exclude_unset=True),
            "table": None,
            "template": "erp_orders.sql",
            "page_rows": 700,
            "shards": 1,
        }
    )
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        migrated(ledger)
        yield RunJob(
            source=source,
            contract=read_source_contract(INCLUDE, source),
            settings=OdbcSettings.from_string(odbc_database.connection_string),
            ledger=ledger,
            root=UPath(tmp_path / "landing"),
            scratch=tmp_path / "scratch",
            owner="dag/run/task/0",
            template=read_template(INCLUDE, source),
        )


def _run(job: RunJob) -> WorkItem:
    (item,) = plan_items(job, Asked("run"))
    extract_items(job, [item.id])
    for old, new in ((State.LANDED, State.GATED), (State.GATED, State.LOADED)):
        for found in job.ledger.items.list(job.source.source, [old], limit=None):
            taken = job.ledger.items.claim(found.id, "load", states=[old], lease=job.lease)
            assert taken is not None
            job.ledger.items.advance(taken[1], new)
    settle(job.ledger, job.source.source)
    return job.ledger.items.get(item.id)


def _rows(job: RunJob, item: WorkItem) -> list[tuple[Any, ...]]:
    files = job.root / item.facts["folder"] / "*.parquet"
    return duckdb.sql(f"SELECT id, customer, status FROM '{files}' ORDER BY _line").fetchall()


def test_the_template_gives_a_table_and_its_increments(job: RunJob, odbc_database: OdbcDatabase) -> None:
    item = _run(job)
    rows = _rows(job, item)
    kept = [number for number in range(1, ROWS + 1) if number % 5 != 4]
    assert [row[0] for row in rows] == kept
    assert {row[1] for row in rows if row[0] % 2} == {"Björn"}
    assert (item.facts["guarantee"], item.facts["pages"]) == ("lag", -(-len(kept) // 700))
    odbc_database.execute(
        "UPDATE sales_orders SET status = 'paid', updated_at = '2025-02-01 00:00:00' WHERE id IN (4, 5)",
        "UPDATE sales_orders SET customer_id = NULL, updated_at = '2025-02-01 00:00:00' WHERE id = 7",
        "UPDATE sales_orders SET status = 'draft', updated_at = '2025-02-01 00:00:00' WHERE id = 8",
    )
    item = _run(replace(job, contract=job.contract.model_copy(update={"max_reject_share": 0.5})))
    assert (4, "Åse", "paid") in _rows(job, item)
    assert (5, "Björn", "paid") in _rows(job, item)
    assert item.facts["rows_rejected"] == 1, "an order without a customer is seen"
    assert item.facts["rows_landed"] - item.facts["rows_late"] == 2


def test_a_page_of_the_template_is_read_from_the_index(job: RunJob) -> None:
    with connected(job) as (session, query, _):
        (mark,) = session.rows(statements.bookmark_of(session.dialect, query, (str(ROWS // 2),)))
        low = Edge(tuple(str(value) for value in mark), Bound.OPEN)
        page = statements.page(session.dialect, query, KeyRange(low), 50)
        explain = session.dialect.explain(page)
        assert explain is not None
        plan = session.rows(explain)
        text = " ".join(str(value) for row in plan for value in row)
        assert "sales_orders_order" in text
        assert session.dialect.plan_serves_order(plan) is True, text
