"""Which columns are bounded by the source's clock, and how each engine is asked for it."""

from __future__ import annotations

import pytest
import sqlglot

from airflow_provider_integrations.connectors.odbc.clock_bound import now_of
from airflow_provider_integrations.connectors.odbc.dialects import dialect_named
from airflow_provider_integrations.connectors.odbc.model import KeyColumn, Keyset, TableQuery

READ = {"postgresql": "postgres", "mariadb": "mysql", "sqlserver": "tsql"}
TIMES = {
    "postgresql": ["timestamp with time zone", "timestamp(3) with time zone", "timestamp without time zone", "date"],
    "mariadb": ["timestamp(6)", "timestamp", "datetime(6)", "datetime", "date"],
    "sqlite": ["timestamp", "datetime", "date", "datetime(6)", "timestamp(3)", "datetime2(7)"],
    "sqlserver": ["datetimeoffset(7)", "datetime2(7)", "datetime", "smalldatetime", "date"],
    "oracle": ["timestamp(6) with time zone", "timestamp(6) with local time zone", "timestamp(6)", "date"],
    "snowflake": ["timestamp_tz", "timestamp_ltz", "timestamp_ntz", "date"],
}
OTHERS = {
    "postgresql": ["bigint", "text", "uuid", "time without time zone"],
    "mariadb": ["bigint(20)", "time(6)", "varchar(20)"],
    "sqlite": ["integer", "text", "any"],
    "sqlserver": ["timestamp", "rowversion", "bigint", "time(7)"],
    "oracle": ["number(18,0)", "varchar2(20)"],
    "snowflake": ["number(18,0)", "time"],
}
ZONED = ("with", "timestamp_tz", "timestamp_ltz", "datetimeoffset")


def _query(kind: str) -> TableQuery:
    return TableQuery("t", (), Keyset((KeyColumn("u", kind), KeyColumn("id", "bigint")), 1))


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in TIMES.items() for kind in kinds])
def test_a_time_is_bounded_by_the_servers_own_clock(name: str, kind: str) -> None:
    statement = now_of(dialect_named(name), _query(kind))
    assert statement is not None, kind
    sqlglot.parse_one(statement.sql, READ.get(name, name))
    instant = (any(part in kind for part in ZONED) and "without" not in kind) or (name, kind[:9]) == (
        "mariadb",
        "timestamp",
    )
    # Local time of a zone that is not known may be 14 hours ahead of UTC.
    assert (
        " 300" in statement.sql or "+300 " in statement.sql or "'300 " in statement.sql or "(300" in statement.sql
    ) == instant
    assert ("50700" in statement.sql) == (not instant)


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in OTHERS.items() for kind in kinds])
def test_what_is_no_time_is_not_bounded(name: str, kind: str) -> None:
    assert now_of(dialect_named(name), _query(kind)) is None
