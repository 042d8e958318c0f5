"""`include/sql/silver/entra_tables.sql` is the DDL that the loads of users, groups and members run.

`UPDATE_GOLDEN=1 pytest tests/unit/warehouse/test_entra_tables_sql.py` writes it anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import sqlglot

from airflow_provider_integrations.warehouse.ddl import render_create
from airflow_provider_integrations.warehouse.tables import table_specs
from tests.fakes.entra_views import SOURCES

SQL = Path(__file__).parents[3] / "include" / "sql"
HEAD = """\
-- The load creates these by itself, each with the first rows for it; they are here so that the views over them can be made first.
CREATE SCHEMA IF NOT EXISTS INTEGRATIONS.SILVER;
"""


def test_the_file_holds_the_ddl_that_the_loads_run() -> None:
    creates = [
        f"{render_create('INTEGRATIONS', table_specs(contract, load)[-1])};\n" for contract, load in SOURCES.values()
    ]
    path, text = SQL / "silver" / "entra_tables.sql", HEAD + "".join(creates)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text, "entra_tables.sql differs: look at it, then run with UPDATE_GOLDEN=1"


def test_the_views_read_these_tables_and_columns_that_they_have() -> None:
    columns = {load.table: {column.name.upper() for column in contract.columns} for contract, load in SOURCES.values()}
    for name in ("current_users_with_groups", "users_as_of"):
        text = (SQL / "gold" / f"{name}.sql").read_text()
        read = set(re.findall(r"SILVER\.(\w+)", text))
        assert read <= columns.keys(), name
        for statement in sqlglot.parse(text, read="snowflake"):
            assert statement is not None
    users = sqlglot.parse((SQL / "gold" / "users_as_of.sql").read_text(), read="snowflake")[1]
    assert users is not None
    named = {column.name for column in users.find_all(sqlglot.exp.Column) if not column.name.startswith(("_", "VALID"))}
    assert named == columns["ENTRA_USERS"], "a column of the contract is missing in the history, or is not there"
