"""`include/sql/silver/edi_*_tables.sql` is the DDL that the loads of EDI rows run: with it the views over them can be made first.

`UPDATE_GOLDEN=1 pytest tests/unit/warehouse/test_edi_tables_sql.py` writes it anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.edi.row_contract import table_contracts
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.include import read_guides
from airflow_provider_integrations.warehouse.ddl import render_create
from airflow_provider_integrations.warehouse.tables import table_specs

REPOSITORY = Path(__file__).parents[3]
SQL = REPOSITORY / "include" / "sql"
GUIDES = ("x12_850", "x12_810", "edifact_orders_d96a", "edifact_invoic_d96a")
TABLES = {
    "edi_order_tables": ("orders", "order_lines", "edifact_orders", "edifact_order_lines"),
    "edi_invoice_tables": (
        *("invoices", "invoice_lines"),
        *("edifact_invoices", "edifact_invoice_totals", "edifact_invoice_lines"),
    ),
}
HEAD = """\
-- The load creates these by itself, each with the first rows for it; they are here so that the views over them can be made first.
CREATE SCHEMA IF NOT EXISTS INTEGRATIONS.SILVER;
"""


@pytest.mark.parametrize("name", TABLES)
def test_the_file_holds_the_ddl_that_the_loads_run(name: str) -> None:
    contracts = table_contracts(read_guides(REPOSITORY / "include", guide) for guide in GUIDES)
    creates = []
    for table in TABLES[name]:
        policy = LoadPolicy.model_validate({"table": f"EDI_{table}"})
        creates.append(f"{render_create('INTEGRATIONS', table_specs(contracts[table], policy)[-1])};\n")
    path, text = SQL / "silver" / f"{name}.sql", HEAD + "".join(creates)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text, f"{name}.sql differs: look at it, then run with UPDATE_GOLDEN=1"


@pytest.mark.parametrize("kind", ["order", "invoice"])
def test_every_table_that_the_views_read_is_among_them(kind: str) -> None:
    views = (SQL / "silver" / f"edi_{kind}s.sql").read_text()
    read = {name for name in re.findall(r"SILVER\.(EDI_\w+)", views) if not name.endswith(("_CURRENT", "_VERSIONS"))}
    assert read == {f"EDI_{table.upper()}" for table in TABLES[f"edi_{kind}_tables"]}
