"""Names, types and drift of tables; driver errors; paths in the stage."""

from __future__ import annotations

import pytest
import snowflake.connector.errors as driver

from airflow_provider_integrations.core.contract import Column
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    PermanentError,
    RateLimitedError,
    TransientError,
)
from airflow_provider_integrations.warehouse import snowflake_sql as sql
from airflow_provider_integrations.warehouse.ddl import UNKNOWN_TEXT, plan_columns
from airflow_provider_integrations.warehouse.driver_errors import map_driver_error, translated
from airflow_provider_integrations.warehouse.tables import Tables, snowflake_type, table_specs
from tests.fakes.warehouse_batches import contract, policy


@pytest.mark.parametrize(
    ("kind", "length", "wanted"),
    [
        ("string", None, "VARCHAR"),
        ("string", 40, "VARCHAR(40)"),
        ("integer", None, "NUMBER(19,0)"),
        ("decimal(38,10)", None, "NUMBER(38,10)"),
        ("float", None, "FLOAT"),
        ("boolean", None, "BOOLEAN"),
        ("date", None, "DATE"),
        ("time", None, "TIME(6)"),
        ("timestamp", None, "TIMESTAMP_NTZ(6)"),
        ("uuid", None, "VARCHAR(36)"),
    ],
)
def test_each_contract_type_has_its_snowflake_type(kind: str, length: int | None, wanted: str) -> None:
    assert snowflake_type(Column(name="x", type=kind, max_length=length)) == wanted


def test_a_contract_column_that_the_load_needs_for_itself_is_refused() -> None:
    taken = contract({"name": "valid_from", "type": "date"})
    table_specs(taken, policy("D", 1))
    with pytest.raises(ConfigError, match="VALID_FROM"):
        table_specs(taken, policy("D", 2))


@pytest.mark.parametrize("name", ["my db", "x;drop", "1x", "ü"])
def test_a_database_that_would_need_quotes_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="without quotes"):
        Tables.from_policy(policy(name))


def test_drift_adds_columns_and_names_every_other_difference() -> None:
    spec = table_specs(contract(), policy("D"))[-1]
    fits = [*spec.columns.items()]
    assert plan_columns("D", spec, fits) == []
    assert plan_columns("D", spec, [(name, UNKNOWN_TEXT if "CHAR" in kind else kind) for name, kind in fits]) == []
    assert plan_columns("D", spec, [column for column in fits if column[0] != "NAME"]) == [
        'ALTER TABLE "D"."SILVER"."CUSTOMERS" ADD COLUMN IF NOT EXISTS "NAME" VARCHAR(40)'
    ]
    wrong = [("name", "VARCHAR(40)") if name == "NAME" else (name, kind) for name, kind in fits]
    wrong = [(name, "NUMBER(18,4)" if name == "BALANCE" else kind) for name, kind in wrong]
    with pytest.raises(ConfigError) as caught:
        plan_columns("D", spec, [*wrong, ("OLD", "DATE")])
    for said in ("name was created in quotes", "BALANCE is NUMBER(18,4)", "OLD is in the table and not"):
        assert said in str(caught.value)


def test_what_a_compatible_contract_widens_is_widened_in_the_table() -> None:
    spec = table_specs(contract(), policy("D"))[-1]
    narrow = {**spec.columns, "NAME": "VARCHAR(20)", "BALANCE": "NUMBER(10,2)"}
    assert plan_columns("D", spec, [*narrow.items()]) == [
        'ALTER TABLE "D"."SILVER"."CUSTOMERS" ALTER COLUMN "NAME" SET DATA TYPE VARCHAR(40)',
        'ALTER TABLE "D"."SILVER"."CUSTOMERS" ALTER COLUMN "BALANCE" SET DATA TYPE NUMBER(18,2)',
    ]
    for name, kind in {"NAME": "VARCHAR(41)", "BALANCE": "NUMBER(19,2)", "CUSTOMER_ID": "NUMBER(19,1)"}.items():
        with pytest.raises(ConfigError, match=f"{name} is"):
            plan_columns("D", spec, [*{**spec.columns, name: kind}.items()])


@pytest.mark.parametrize("files", [0, 1001])
def test_copy_takes_1_to_1000_files(files: int) -> None:
    with pytest.raises(ConfigError, match="1 to 1000"):
        sql.render_copy("T", "D.S.L", "a/b", ["x"] * files)


@pytest.mark.parametrize("folder", ["a//b", "../a", "a/../b", "a b", "a'b", "/a", "a;b", "a\nb", ""])
def test_a_stage_path_cannot_carry_sql_or_leave_its_folder(folder: str) -> None:
    with pytest.raises(ConfigError, match="path in a stage"):
        sql.render_put("/x", "D.S.L", folder)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (driver.ProgrammingError(msg="gone", errno=2003, sqlstate="02000"), ConfigError),
        (driver.ProgrammingError(msg="Numeric value 'secret' is wrong", errno=100038), PermanentError),
        (driver.ProgrammingError(msg="cancelled", errno=604, sqlstate="57014"), TransientError),
        (driver.OperationalError(msg="no route", errno=250003), ConnectionLostError),
        (driver.InternalServerError(), TransientError),
        (driver.ServiceUnavailableError(), ConnectionLostError),
        (driver.TooManyRequests(), RateLimitedError),
        (driver.ForbiddenError(), PermanentError),
        (driver.DatabaseError(msg="bad key", errno=390144), ConfigError),
        (ConnectionResetError("x"), ConnectionLostError),
    ],
)
def test_driver_errors_have_their_class_and_no_values(error: Exception, wanted: type[IntegrationError]) -> None:
    mapped = map_driver_error(error, "COPY")
    assert type(mapped) is wanted
    assert "secret" not in str(mapped)


def test_the_drivers_message_does_not_travel_with_the_error() -> None:
    with pytest.raises(PermanentError) as caught, translated("COPY"):
        raise driver.ProgrammingError(msg="value 'secret'", errno=100038)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_other_errors_pass_untouched() -> None:
    with pytest.raises(KeyError), translated("COPY"):
        raise KeyError("x")
