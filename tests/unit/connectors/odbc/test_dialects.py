"""What dialects answer beside their statements: which engine it is, what a plan says, which values are taken."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.dialects import (
    DIALECTS,
    change_tracking,
    dialect_for,
    dialect_named,
)
from airflow_provider_integrations.connectors.odbc.model import (
    Edge,
    KeyColumn,
    KeyRange,
    Keyset,
    Late,
    SourceColumn,
    TableQuery,
)
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.watermark import Bound

ROWS: dict[str, tuple[list[tuple[str | None, ...]], list[tuple[str | None, ...]]]] = {
    "postgresql": (
        [("Limit  (cost=0.29..3.55 rows=50 width=16)",), ("  ->  Index Scan using t_u_id on t  (cost=0.29 rows=9)",)],
        [("Limit  (cost=8.1 rows=50)",), ("  ->  Sort  (cost=8.1 rows=99)",), ("        Sort Key: u, id",)],
    ),
    "mariadb": (
        [("1", "SIMPLE", "t", "range", "t_u_id", "t_u_id", "16", None, "50", "Using where; Using index")],
        [("1", "SIMPLE", "t", "ALL", None, None, None, None, "9", "Using where; Using filesort")],
    ),
    "sqlite": (
        [("4", "0", "0", "SEARCH t USING INDEX t_u_id ((u,id)>(?,?))")],
        [("4", "0", "0", "SCAN t"), ("28", "0", "0", "USE TEMP B-TREE FOR ORDER BY")],
    ),
}


@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("PostgreSQL", "postgresql"),
        ("MariaDB", "mariadb"),
        ("MySQL", "mariadb"),
        ("SQLite", "sqlite"),
        ("Microsoft SQL Server", "sqlserver"),
        ("Oracle", "oracle"),
        ("Snowflake", "snowflake"),
    ],
)
def test_a_product_is_known_by_the_name_that_its_driver_gives(product: str, name: str) -> None:
    assert dialect_for(product, "any.so").name == name
    assert dialect_named(name) is DIALECTS[name]


def test_an_unknown_product_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match="Known are: postgresql, mariadb"):
        dialect_for("Access", "mdb.so")
    with pytest.raises(ConfigError, match="no such dialect"):
        dialect_named("mysql")


@pytest.mark.parametrize("name", ROWS)
def test_a_plan_that_sorts_is_told_from_one_that_does_not(name: str) -> None:
    served, sorts = ROWS[name]
    assert dialect_named(name).plan_serves_order(served) is True
    assert dialect_named(name).plan_serves_order(sorts) is False


def test_an_engine_without_a_plan_says_that_it_does_not_know() -> None:
    assert dialect_named("snowflake").plan_serves_order([]) is None


def test_facts_are_put_together_from_the_catalogues_answers() -> None:
    facts = dialect_named("postgresql").facts_from(
        "erp.orders",
        [("id", "BIGINT", "NO", None, None, None, None), ("note", "varchar(9)", "YES", "9", None, None, "de_DE")],
        [("id",)],
        [("a", "u"), ("a", "id"), ("b", "id")],
        [("1.5e6", "1")],
    )
    assert facts.columns == (
        SourceColumn("id", "bigint", nullable=False),
        SourceColumn("note", "varchar(9)", size=9, collation="de_DE"),
    )
    assert (facts.primary_key, facts.indexes) == (("id",), (("u", "id"), ("id",)))
    assert (facts.rows, facts.horizon) == (1_500_000, True)


def test_a_table_of_which_nothing_is_estimated_has_no_horizon() -> None:
    facts = dialect_named("sqlite").facts_from("t", [], [], [], [])
    assert (facts.rows, facts.horizon) == (None, False)


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize(
    "kind", ["float", "real", "double precision", "binary_double", "money", "json", "xml", "clob", "variant"]
)
def test_a_float_is_no_cursor_nor_anything_else_without_an_exact_text(name: str, kind: str) -> None:
    dialect = dialect_named(name)
    for made in (dialect.cast, dialect.text_of):
        with pytest.raises(ConfigError, match="cannot order rows"):
            made("x", kind)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_name_with_a_quote_stays_one_name(name: str) -> None:
    dialect = dialect_named(name)
    mark = dialect.quote("a")[0]
    assert dialect.quote(f"a{mark}; DROP TABLE t") == f"{mark}a{mark}{mark}; DROP TABLE t{mark}"
    assert dialect.table("erp.orders") == f"{mark}erp{mark}.{mark}orders{mark}"


@pytest.mark.parametrize("name", DIALECTS)
def test_an_applications_name_cannot_leave_its_quotes(name: str) -> None:
    for sql in dialect_named(name).session_setup("it's; DROP TABLE t\\'", 1):
        assert "it's" not in sql
        assert sql.count("'") % 2 == 0


@pytest.mark.parametrize("name", DIALECTS)
def test_another_sessions_number_is_a_number(name: str) -> None:
    if name in ("sqlite", "oracle"):
        assert dialect_named(name).cancel("1") is None
    else:
        with pytest.raises(ValueError, match="invalid literal"):
            dialect_named(name).cancel("1; DROP TABLE t")


@pytest.mark.parametrize(
    ("name", "horizon"), [("postgresql", "12x"), ("postgresql", ""), ("oracle", "-1"), ("sqlserver", "7D1")]
)
def test_a_horizon_of_another_engine_is_refused(name: str, horizon: str) -> None:
    with pytest.raises(ConfigError, match="not a horizon"):
        dialect_named(name).late_rows(horizon)


@pytest.mark.parametrize("name", ["mariadb", "sqlite", "snowflake"])
def test_an_engine_without_a_horizon_says_so(name: str) -> None:
    assert dialect_named(name).horizon() is None
    with pytest.raises(ConfigError, match="no horizon"):
        dialect_named(name).late_rows("1")


def test_postgresqls_horizon_is_compared_by_its_low_32_bits() -> None:
    assert dialect_named("postgresql").late_rows(str(2**32 + 704))[1] == ("704",)


def test_rows_that_sql_server_numbers_come_never_late() -> None:
    assert dialect_named("sqlserver").late_rows("00000000000007D1") == ("1 = 0", ())


@pytest.mark.parametrize(
    ("kind", "value", "bound"),
    [
        ("timestamp(6)", "2025-01-01", "2025-01-01 00:00:00.000000000"),
        ("timestamp(6)", "2025-01-01T10:00:00.5Z", "2025-01-01 10:00:00.500000000"),
        ("timestamp(6) with time zone", "2025-01-01", "2025-01-01 00:00:00.000000000 +00:00"),
        ("timestamp(6) with time zone", "2025-01-01T10:00+05:45", "2025-01-01 10:00:00.000000000 +05:45"),
        (
            "timestamp(9) with time zone",
            "2025-01-01 10:00:00.123456789 -03:00",
            "2025-01-01 10:00:00.123456789 -03:00",
        ),
        ("date", "2025-01-01", "2025-01-01 00:00:00"),
        ("date", "2025-01-01 10:00:00", "2025-01-01 10:00:00"),
        ("varchar2(20)", "2025-01-01", "2025-01-01"),
        ("date", "yesterday", "yesterday"),
    ],
)
def test_oracle_gets_a_time_of_its_formats_whole_length(kind: str, value: str, bound: str) -> None:
    keyset = Keyset((KeyColumn("u", kind),), 0)
    assert statements.above(dialect_named("oracle"), keyset, Edge((value,), Bound.CLOSED))[1] == (bound,)


def test_the_legacy_datetime_is_cast_through_a_type_that_does_not_round() -> None:
    dialect = dialect_named("sqlserver")
    assert dialect.cast("?", "datetime") == "CAST(CAST(? AS datetime2(3)) AS datetime)"
    assert dialect.minus("v", "datetime2(7)", timedelta(microseconds=1)) == (
        "DATEADD(millisecond, -1, DATEADD(second, -0, v))"
    )


def test_a_clients_language_does_not_part_oracles_order_from_its_comparison() -> None:
    setup = dialect_named("oracle").session_setup("a", None)
    assert {"ALTER SESSION SET NLS_SORT = BINARY", "ALTER SESSION SET NLS_COMP = BINARY"} <= set(setup)


def test_late_rows_of_the_lag_never_lie_before_the_sources_begin() -> None:
    query = TableQuery("t", (), Keyset((KeyColumn("u", "integer"), KeyColumn("id", "integer")), 1))
    late = Late(("9", "1"), since="5", floor="7")
    conditions = statements.late_conditions(dialect_named("sqlite"), query, late)
    assert [values for _, values in conditions] == [("9", "1"), ("5",), ("7",)]


def test_change_tracking_ends_a_run_at_the_version_of_its_beginning() -> None:
    for since in ("41", "57", None):
        assert change_tracking.check_version("t", since, current="57", lowest="41") == "57"


@pytest.mark.parametrize(
    ("since", "current", "lowest", "error", "what"),
    [
        ("40", "57", "41", StateConflictError, "cleaned up"),
        ("58", "57", "41", StateConflictError, "restored copy"),
        ("41", "57", None, ConfigError, "no change tracking"),
        ("41", None, None, ConfigError, "no change tracking"),
    ],
)
def test_changes_that_are_no_longer_kept_are_refused(
    since: str, current: str | None, lowest: str | None, error: type[Exception], what: str
) -> None:
    with pytest.raises(error, match=what):
        change_tracking.check_version("t", since, current, lowest)


def test_a_template_has_no_change_tracking() -> None:
    query = TableQuery("t", (), Keyset((KeyColumn("id", "int"),), 0), template="SELECT 1 AS id")
    with pytest.raises(ConfigError, match="template"):
        change_tracking.changed(dialect_named("sqlserver"), query, "1")
    with pytest.raises(ValueError, match="invalid literal"):
        change_tracking.deleted(dialect_named("sqlserver"), TableQuery("t", (), query.keyset), "1) AS c; --", ())


@pytest.mark.parametrize("name", DIALECTS)
def test_no_value_stands_in_the_sql(name: str) -> None:
    dialect = dialect_named(name)
    kind = "number(18,0)" if name in ("oracle", "snowflake") else "bigint"
    query = TableQuery("t", (), Keyset((KeyColumn("u", kind), KeyColumn("id", kind)), 1))
    edge = Edge(("'; DROP TABLE t; --", "4711"), Bound.OPEN)
    for statement in (
        statements.page(dialect, query, KeyRange(edge, edge), 10),
        statements.hit(dialect, query, edge.at),
        statements.earlier(dialect, query, edge.at[0], 5),
    ):
        assert "DROP" not in statement.sql
        assert "4711" not in statement.sql
        assert statement.sql.count("?") == len(statement.parameters)
