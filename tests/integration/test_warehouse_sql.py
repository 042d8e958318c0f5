"""The SQL for people, under include/sql, on fakesnow; roles and grants are text only there."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
import yaml

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.warehouse.database import Database, ensure_schema
from tests.fakes.fakesnow_server import Warehouse

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
LAYERS = ("control/load_tables", "staging/customers", "silver/customers", "bronze/landed_batches")
VIEWS = ("gold/customers_current", "gold/customer_segments", "audit/loads", "audit/disagreements")


def test_the_files_run_in_order_and_a_load_finds_its_tables_as_they_make_them(warehouse: Warehouse) -> None:
    connection = warehouse.connect()
    for name in (*LAYERS, *VIEWS):
        text = (REPOSITORY / "include" / "sql" / f"{name}.sql").read_text().replace("INTEGRATIONS", warehouse.database)
        for statement in sqlglot.parse(text, read="snowflake"):
            assert statement is not None
            connection.cursor().execute(statement.sql(dialect="snowflake", comments=False))
    contract = yaml.safe_load((REPOSITORY / "include/contracts/acme_customers.yaml").read_text())
    policy = LoadPolicy.model_validate({"database": warehouse.database, "table": "CUSTOMERS", "scd": 2})
    ensure_schema(Database(connection), Contract.from_mapping(contract), policy)
    for view in ("BRONZE.LANDED_BATCHES", "GOLD.CUSTOMERS_CURRENT", "GOLD.CUSTOMER_SEGMENTS", "AUDIT.DISAGREEMENTS"):
        assert warehouse.rows(f"SELECT * FROM {{db}}.{view}") == [], view
