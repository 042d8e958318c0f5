"""`include/sql/silver/historian_tables.sql` is the DDL that the loads of samples, estimates, windows, tags and days run.

`UPDATE_GOLDEN=1 pytest tests/unit/warehouse/test_historian_tables_sql.py` writes it anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import sqlglot

from airflow_provider_integrations.warehouse.ddl import render_create
from airflow_provider_integrations.warehouse.tables import table_specs
from tests.fakes.historian_views import TABLES

SQL = Path(__file__).parents[3] / "include" / "sql"
HEAD = """\
-- The load creates these by itself, each with the first rows for it; they are here so that the views over them can be made first.
-- HISTORIAN_ESTIMATES has what was estimated from samples, and is never loaded into the table of what was measured.
CREATE SCHEMA IF NOT EXISTS INTEGRATIONS.SILVER;
"""
VIEWS = ("historian_current", "historian_periods")


def test_the_file_holds_the_ddl_that_the_loads_run() -> None:
    creates = [
        f"{render_create('INTEGRATIONS', table_specs(contract, load)[-1])};\n" for contract, load in TABLES.values()
    ]
    path, text = SQL / "silver" / "historian_tables.sql", HEAD + "".join(creates)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text, "historian_tables.sql differs: look at it, then run with UPDATE_GOLDEN=1"


def test_the_views_read_these_tables_alone_and_snowflake_could_parse_them() -> None:
    read = set()
    for name in VIEWS:
        text = (SQL / "gold" / f"{name}.sql").read_text()
        read |= set(re.findall(r"SILVER\.(\w+)", text))
        for statement in sqlglot.parse(text, read="snowflake"):
            assert statement is not None
    assert read == set(TABLES)
