"""Settings: an allow-list for each driver, secrets that are never shown, and what a driver needs to stream and type."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_integrations.connectors.odbc.connection_string import parse
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.errors import ConfigError

SECRET = "s3cr;et}canary"


def _settings(extras: dict[str, Any] | None = None, conn_type: str = "odbc_keyset") -> OdbcSettings:
    given = {"driver": "PostgreSQL Unicode", **(extras or {})}
    return OdbcSettings.from_connection("db", 5432, "etl", SECRET, "erp", given, conn_type)


def test_a_driver_gets_the_keywords_that_make_it_stream_and_type_rightly() -> None:
    keywords = parse(_settings({"sslmode": "require"}).connection_string)
    assert keywords["Driver"] == "PostgreSQL Unicode"
    assert keywords["PWD"] == SECRET
    assert keywords["sslmode"] == "require"
    assert (keywords["UseDeclareFetch"], keywords["Fetch"], keywords["BoolsAsChar"]) == ("1", "10000", "0")
    assert keywords["Protocol"] == "7.4-2"


def test_what_the_connection_says_stands_before_our_defaults() -> None:
    assert parse(_settings({"fetch": 500}).connection_string)["Fetch"] == "500"


def test_sqlite_steps_through_its_result_instead_of_holding_it() -> None:
    settings = OdbcSettings.from_string("Driver=SQLite3;Database=/tmp/a.db")
    assert parse(settings.connection_string)["StepAPI"] == "1"


def test_a_secret_is_in_the_connection_string_alone() -> None:
    settings = _settings()
    shown = [repr(settings), str(settings), settings.shown, repr([settings]), f"{settings}"]
    assert SECRET in settings.secrets
    assert not [text for text in shown if "canary" in text]


@pytest.mark.parametrize(
    ("extras", "said"),
    [
        ({"sslmod": "require"}, "did you mean sslmode"),
        ({"ConnSettings": "SET x=1"}, "ConnSettings"),  # would run SQL at each login
        ({"Trace": "1", "Debug": "1"}, "Debug, Trace"),
        ({"driver": "/tmp/evil.so"}, "by path"),
        ({"driver": "..\\evil.dll"}, "by path"),
        ({"dsn": "erp"}, "either a driver or a DSN"),
        ({"driver": ""}, "either a driver or a DSN"),
        ({"login-timeout": "soon"}, "login_timeout"),
        ({"BoolsAsChar": 1}, "BoolsAsChar"),
        ({"uid": "else"}, "twice"),
    ],
)
def test_what_is_not_allowed_is_named_and_no_value_is_shown(extras: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _settings(extras)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "evil" not in str(caught.value)


def test_the_allow_list_is_that_of_the_driver() -> None:
    with pytest.raises(ConfigError, match="unknown keywords: sslmode"):
        OdbcSettings.from_string("Driver=SQLite3;Database=a.db;sslmode=require")


def test_a_dsn_may_have_any_known_keyword_because_its_driver_is_not_known_yet() -> None:
    settings = OdbcSettings.from_connection(None, None, "etl", "pw", None, {"dsn": "erp", "SSLCA": "/ca.pem"})
    assert settings.family is None
    assert parse(settings.connection_string) == {"DSN": "erp", "SSLCA": "/ca.pem", "UID": "etl", "PWD": "pw"}
    assert parse(settings.with_defaults("mariadb"))["CharSet"] == "utf8mb4"


def test_a_connection_of_the_odbc_provider_works_as_it_is() -> None:
    extras = {
        "driver": "MariaDB Unicode",
        "connect_kwargs": {"timeout": 7, "autocommit": False},
        "sqlalchemy_scheme": "mysql+pyodbc",
        "SSLCA": "/ca.pem",
        "login-timeout": "",
    }
    settings = OdbcSettings.from_connection("db", 3306, "etl", "pw", "erp", extras, "odbc")
    assert settings.login_timeout == 7
    assert settings.shown == ("Driver={MariaDB Unicode};Server=db;Port=3306;Database=erp;SSLCA=/ca.pem;UID=etl")


def test_pyodbcs_other_arguments_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="attrs_before"):
        _settings({"connect_kwargs": {"attrs_before": {1256: b"token"}}}, "odbc")


def test_mariadbs_driver_would_cut_blanks_off_a_password() -> None:
    with pytest.raises(ConfigError, match="blanks"):
        OdbcSettings.from_connection("db", 1, "etl", " pw", None, {"driver": "MariaDB Unicode"})


def test_spellings_of_other_drivers_are_the_same_keyword() -> None:
    settings = OdbcSettings.from_string("Driver=SQLite3;DBName=a.db")
    assert settings.keywords == {"Driver": "SQLite3", "Database": "a.db"}
