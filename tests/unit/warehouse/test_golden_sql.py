"""Every statement of a load as text: `UPDATE_GOLDEN=1 pytest tests/unit/warehouse` writes the files anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import sqlglot
import yaml

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.key_groups import ByHash, ByWidth
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.warehouse import snowflake_sql as sql
from airflow_provider_integrations.warehouse.changes_sql import render_changes, render_deletes
from airflow_provider_integrations.warehouse.ddl import plan_columns, render_create
from airflow_provider_integrations.warehouse.loaded_keys import render_groups, render_keys
from airflow_provider_integrations.warehouse.tables import Tables, table_specs

REPOSITORY = Path(__file__).parents[3]
GOLDEN = REPOSITORY / "tests" / "golden" / "warehouse"
SQL = REPOSITORY / "include" / "sql"
CONTRACT = Contract.from_mapping(yaml.safe_load((REPOSITORY / "include/contracts/acme_customers.yaml").read_text()))
POLICIES = {scd: LoadPolicy.model_validate({"table": "CUSTOMERS", "scd": scd}) for scd in (1, 2)}
TABLES = Tables.from_policy(POLICIES[1])
FOLDER = "acme_customers/5f0c/0a1b"
FILES = ["a1-0000.parquet", "a1-0001.parquet"]

STATEMENTS = {
    "session": ";\n".join(sql.render_session("integrations:acme_customers:it's run 1")),
    "put": sql.render_put("/data/some folder/it's/*.parquet", TABLES.stage, FOLDER),
    "copy": sql.render_copy(TABLES.staging, TABLES.stage, FOLDER, FILES),
    "copy_one": sql.render_copy_one(TABLES.staging, TABLES.stage, FOLDER, FILES[0]),
    "staged_counts": sql.render_staged_counts(TABLES),
    "staged_counts_and_sums": sql.render_staged_counts(TABLES, {"BALANCE": "NUMBER(18,2)"}),
    "change_counts": sql.render_change_counts(TABLES),
    "lock": ";\n".join([sql.render_lock_select(TABLES), sql.render_lock_insert(TABLES), sql.render_lock_move(TABLES)]),
    "ledger_select": ";\n".join([sql.render_ledger_select(TABLES, 2), sql.render_ledger_of_load(TABLES)]),
    "ledger_insert": sql.render_ledger_insert(TABLES),
    "sweep": ";\n".join(sql.render_sweep(TABLES)),
    "new_column": ";\n".join(
        plan_columns(
            "INTEGRATIONS",
            table_specs(CONTRACT, POLICIES[2])[-1],
            [
                (name, kind)
                for name, kind in table_specs(CONTRACT, POLICIES[2])[-1].columns.items()
                if name != "SEGMENT"
            ],
        )
    ),
    "ledger_insert_of_deletes": sql.render_ledger_insert_of_deletes(TABLES),
    "loaded_key_groups": render_groups(TABLES, CONTRACT, POLICIES[1], ByHash(160)),
    "loaded_keys_of_spans": render_keys(TABLES, CONTRACT, POLICIES[2], ByWidth(-5, 50_000), [0, 17]),
    **{f"deletes_scd{scd}": render_deletes(TABLES, CONTRACT, policy) for scd, policy in POLICIES.items()},
    **{f"changes_scd{scd}": render_changes(TABLES, CONTRACT, policy) for scd, policy in POLICIES.items()},
    **{f"merge_scd{scd}": sql.render_merge(TABLES, CONTRACT, policy) for scd, policy in POLICIES.items()},
    **{
        f"duplicate_keys_scd{scd}": sql.render_duplicate_keys(TABLES, CONTRACT, policy)
        for scd, policy in POLICIES.items()
    },
}


def _check(path: Path, text: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text, f"{path.name} differs: look at it, then run with UPDATE_GOLDEN=1"


def _bound(text: str) -> str:
    return re.sub(r"%\((\w+)\)s", r"'\1'", text)


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_statement_is_as_it_was(name: str) -> None:
    _check(GOLDEN / f"{name}.sql", STATEMENTS[name] + ";\n")


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_statement_is_snowflake_sql(name: str) -> None:
    parsed = sqlglot.parse(_bound(STATEMENTS[name]), read="snowflake")
    assert parsed
    # A statement that sqlglot does not know becomes a bare command: only session settings may be one.
    commands = [statement for statement in parsed if isinstance(statement, sqlglot.exp.Command)]
    assert not commands or name == "session"


@pytest.mark.parametrize("scd", [1, 2])
def test_the_tables_of_a_source_are_as_they_were(scd: int) -> None:
    specs = table_specs(CONTRACT, POLICIES[scd])
    text = ";\n\n".join(render_create("INTEGRATIONS", spec) for spec in specs) + ";\n"
    _check(GOLDEN / f"tables_scd{scd}.sql", text)
    assert all(isinstance(statement, sqlglot.exp.Create) for statement in sqlglot.parse(text, read="snowflake"))


@pytest.mark.parametrize("layer", ["CONTROL", "STAGING", "SILVER"])
def test_include_sql_holds_the_ddl_that_a_load_runs(layer: str) -> None:
    specs = [spec for spec in table_specs(CONTRACT, POLICIES[2]) if spec.schema == layer]
    creates = [f"CREATE SCHEMA IF NOT EXISTS INTEGRATIONS.{layer}"]
    creates += [render_create("INTEGRATIONS", spec) for spec in specs]
    head = "-- The load creates these by itself; they are here to be read, and for those who let only people run DDL.\n"
    name = "load_tables" if layer == "CONTROL" else "customers"
    stage = [f"CREATE STAGE IF NOT EXISTS {TABLES.stage}"] if layer == "STAGING" else []
    _check(SQL / layer.lower() / f"{name}.sql", head + ";\n".join([*creates, *stage]) + ";\n")


def test_every_file_of_include_sql_is_snowflake_sql() -> None:
    files = sorted(SQL.rglob("*.sql"))
    assert {path.parent.name for path in files} >= {"control", "bronze", "staging", "silver", "gold", "audit"}
    for path in files:
        assert sqlglot.parse(path.read_text(), read="snowflake"), path


def test_the_table_of_facts_is_clustered_by_their_date() -> None:
    assert 'CLUSTER BY (TO_DATE("VALID_FROM"))' in (SQL / "silver" / "customers.sql").read_text()


def test_merge_and_changes_compare_null_safe() -> None:
    for scd in POLICIES:
        merge = STATEMENTS[f"merge_scd{scd}"]
        assert 'EQUAL_NULL("T"."CUSTOMER_ID", "S"."CUSTOMER_ID")' in merge
        assert not re.search(r'"T"\."\w+" (=|<>) "S"\."CUSTOMER_ID"', merge)
        assert '"S"."EMAIL" IS DISTINCT FROM "T"."EMAIL"' in STATEMENTS[f"changes_scd{scd}"]


def test_names_are_quoted_in_upper_case_so_that_they_equal_unquoted_names() -> None:
    for name, text in STATEMENTS.items():
        quoted = re.findall(r'"([^"]+)"', text)
        assert [each for each in quoted if each != each.upper()] == [], name
