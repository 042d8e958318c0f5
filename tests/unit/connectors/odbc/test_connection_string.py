"""Connection strings: what is rendered is read back, whatever signs a password is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.odbc.connection_string import parse, quote_value, render
from airflow_provider_integrations.core.errors import ConfigError

VALUES = st.one_of(
    st.text(st.sampled_from(list("ab;{}=[]() '\"%+\\,?*!@é😀")), max_size=12),
    st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=12),
)


@given(VALUES, VALUES)
def test_any_password_comes_back_whole_and_so_does_what_follows(password: str, database: str) -> None:
    keywords = {"Driver": "PostgreSQL Unicode", "PWD": password, "Database": database, "UID": "etl"}
    assert parse(render(keywords)) == keywords


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("plain-1.2_x", "plain-1.2_x"),
        ("a;b", "{a;b}"),
        ("a}b", "{a}}b}"),
        ("{ab}", "{{ab}}}"),
        ("a%20b+c", "{a%20b+c}"),  # psqlodbc decodes these in a bare value
        ("", ""),
    ],
)
def test_special_signs_are_put_in_braces_and_closing_ones_doubled(value: str, quoted: str) -> None:
    assert quote_value(value) == quoted


def test_a_password_is_always_in_braces() -> None:
    assert render({"Driver": "SQLite3", "PWD": "plain"}) == "Driver={SQLite3};PWD={plain}"


@pytest.mark.parametrize("value", ["a\0b", "a\nb", "a\rb"])
def test_a_value_that_would_end_early_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        quote_value(value)
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("", {}),
        (" ; ;", {}),
        ("DSN=erp", {"DSN": "erp"}),
        ("DSN=erp;", {"DSN": "erp"}),
        (" Driver = {SQLite3} ; Database = /a b/c.db ", {"Driver": "SQLite3", "Database": "/a b/c.db"}),
        ("UID=;PWD={};A={x}}}", {"UID": "", "PWD": "", "A": "x}"}),
        ("PWD=a{b", {"PWD": "a{b"}),
        ("PWD=a=b", {"PWD": "a=b"}),
    ],
)
def test_what_people_write_is_read(text: str, keywords: dict[str, str]) -> None:
    assert parse(text) == keywords


@pytest.mark.parametrize("text", ["erp", "=x", "PWD={open;UID=a", "PWD={a}b;UID=c", "A=1;b"])
def test_what_is_no_connection_string_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert "open" not in str(caught.value)


def test_a_keyword_that_stands_twice_is_refused_because_drivers_differ() -> None:
    with pytest.raises(ConfigError, match="twice"):
        parse("UID=a;uid=b")
