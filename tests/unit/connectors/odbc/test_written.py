"""What owners write in SQL: the names of tables, and filters that must stay one condition among others."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.odbc.dialects import DIALECTS, dialect_named
from airflow_provider_integrations.connectors.odbc.written import checked_filter, name_parts
from airflow_provider_integrations.core.errors import ConfigError


@pytest.mark.parametrize(
    ("dotted", "parts"),
    [
        ("orders", ("orders",)),
        ("erp.orders", ("erp", "orders")),
        ("Mixed Case", ("Mixed Case",)),
        ('"Mixed Case.x"', ("Mixed Case.x",)),
        ('erp."or""ders.x"', ("erp", 'or"ders.x')),
        ('"e.r".t', ("e.r", "t")),
        ('we"ird', ('we"ird',)),
    ],
)
def test_a_quoted_part_of_a_name_may_hold_a_dot(dotted: str, parts: tuple[str, ...]) -> None:
    assert name_parts(dotted) == parts


@pytest.mark.parametrize("dotted", ["", ".", "erp.", ".orders", "a..b", 'erp."orders', 'erp.""', '"a"b', '"a"."b'])
def test_a_name_with_an_empty_or_unclosed_part_is_refused(dotted: str) -> None:
    with pytest.raises(ConfigError, match="not the name of a table"):
        name_parts(dotted)


def test_the_catalogue_is_asked_for_the_same_table_that_is_read() -> None:
    assert dialect_named("postgresql").table('erp."a.b"') == '"erp"."a.b"'
    assert dialect_named("mariadb").table('erp."a.b"') == "`erp`.`a.b`"
    for name in ("mariadb", "oracle", "snowflake"):
        assert dialect_named(name).columns_of('erp."a.b"').parameters == ("erp", "a.b")
    assert dialect_named("sqlite").columns_of('"a.b"').parameters == ("a.b",)


@pytest.mark.parametrize("engine", sorted(DIALECTS))
@pytest.mark.parametrize(
    "condition",
    [
        "status = 'open'",
        "(a = 1 OR b = 2) AND (c IN (1, 2))",
        "name = 'O''Brien (it''s; -- not a comment)'",
        '"odd ) name" = 1',
        "a - -1 > 0",
        "x BETWEEN 1 AND 2 OR y IS NULL",
    ],
)
def test_a_condition_stays_as_it_is(engine: str, condition: str) -> None:
    assert checked_filter(engine, f"\n {condition} ") == condition


@pytest.mark.parametrize("engine", sorted(DIALECTS))
@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("1=1) or (1=1", "a bracket is closed"),
        ("(a = 1", "a bracket is not closed"),
        ("a = ')' )", "a bracket is closed"),
        ("a = 1; DELETE FROM t", "a semicolon"),
        ("a = 1 -- and more", "a comment"),
        ("a = 1 /* and more", "a comment"),
        ("a = 'open", "a quote is not closed"),
        ('"a = 1', "a quote is not closed"),
        ("a = 'x'' OR (1=1", "a quote is not closed"),
        ("a = 'it's'", "a quote is not closed"),
        ("a = 1\0", "a NUL"),
    ],
)
def test_a_condition_that_would_not_stay_by_itself_is_refused(engine: str, condition: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as refused:
        checked_filter(engine, condition)
    assert condition not in str(refused.value), "literals of a filter are nobody's business"


@pytest.mark.parametrize(
    ("engine", "condition"),
    [
        ("mariadb", r"a = 'it\'s (' AND `b)` = 1"),
        ("mariadb", r'a = "it\"s ("'),
        ("postgresql", r"a = E'it\'s (' AND b = 'C:\'"),
        ("postgresql", "a = $$it's ($$ OR a = $x$ $$ ( $x$ OR b[1] = 2 OR c #>> '{a}' = ''"),
        ("snowflake", r"a = 'it\'s (' OR b = $$'($$"),
        ("sqlserver", "[odd ) ' name] = 1 OR a = N'('"),
        ("sqlite", "[odd ) ' name] = 1"),
        ("oracle", "a = q'[it's (]' OR b = nq'!it's )!' OR c = 'C:\\'"),
    ],
)
def test_each_engine_quotes_in_its_own_way(engine: str, condition: str) -> None:
    assert checked_filter(engine, condition) == condition


@pytest.mark.parametrize(
    ("engine", "condition"),
    [
        ("mariadb", r"a = 'C:\' OR b = ') --'' '"),
        ("mariadb", "a = 1 # and more"),
        ("mariadb", r"a = '\'"),
        ("snowflake", "a = 1 // and more"),
        ("postgresql", "a[1) = 2"),
        ("sqlserver", "[odd = 1"),
        ("sqlite", "`odd = 1"),
    ],
)
def test_what_one_engine_quotes_is_bare_in_another(engine: str, condition: str) -> None:
    with pytest.raises(ConfigError):
        checked_filter(engine, condition)


def test_a_backslash_escapes_nothing_where_the_standard_holds() -> None:
    condition = r"a = 'C:\' OR b = ') --'' '"
    assert checked_filter("postgresql", condition) == condition


def test_no_condition_is_none() -> None:
    assert [checked_filter("sqlite", text) for text in (None, "", " \n")] == [None, None, None]
