"""Driver errors to the error tree, by SQLSTATE; what quotes a row or a secret is not repeated."""

from __future__ import annotations

import pickle

import pytest

from airflow_provider_integrations.connectors.odbc.failures import (
    is_of_driver,
    sqlstate_of,
    translate,
    truncated_at,
)
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    PermanentError,
    RateLimitedError,
    StalledError,
    SystemicError,
    TransientError,
)


def _odbc(state: str, native: int = 1, message: str = "said") -> Exception:
    return Exception(
        f"ODBC emitted an error calling 'SQLFetch':\nState: {state}, Native error: {native}, Message: {message}"
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("08S01", ConnectionLostError),
        ("08001", ConnectionLostError),
        ("57P01", ConnectionLostError),
        ("57P03", ConnectionLostError),
        ("40001", TransientError),
        ("40P01", TransientError),
        ("55P03", TransientError),
        ("57014", StalledError),
        ("HYT00", StalledError),
        ("HYT01", StalledError),
        ("53300", RateLimitedError),
        ("28000", ConfigError),
        ("28P01", ConfigError),
        ("42P01", ConfigError),
        ("42S02", ConfigError),
        ("42601", ConfigError),
        ("42501", ConfigError),
        ("IM002", ConfigError),
        ("3D000", ConfigError),
        ("22P02", PermanentError),
        ("22003", PermanentError),
        ("22012", PermanentError),
        ("0A000", ConfigError),
        ("53400", ConfigError),
        ("53200", RateLimitedError),
        ("54001", ConfigError),
        ("21000", ConfigError),
        ("25006", ConfigError),
        ("57P04", ConfigError),
        ("HYC00", ConfigError),
        ("HY004", ConfigError),
        ("37000", ConfigError),
        ("S0022", ConfigError),
        ("23505", PermanentError),
        ("P0001", PermanentError),
        ("38000", PermanentError),
        ("XX001", SystemicError),
        ("XX002", SystemicError),
        ("HV00R", ConfigError),
        ("HV00N", ConnectionLostError),
        ("HV000", TransientError),
        ("25P02", TransientError),
        ("40000", TransientError),
        ("55000", TransientError),
        ("58030", TransientError),
        ("S1T00", StalledError),
        ("HY000", TransientError),
        ("XX000", TransientError),
    ],
)
def test_a_state_says_whether_to_try_again(state: str, expected: type[IntegrationError]) -> None:
    assert type(translate(_odbc(state), "reading")) is expected
    # pyodbc gives the state as its first argument.
    assert type(translate(Exception(state, "[x] said (1) (SQLFetch)"), "reading")) is expected


@pytest.mark.parametrize(
    ("native", "message", "expected"),
    [
        (2013, "Lost connection to server during query", ConnectionLostError),
        (2006, "Server has gone away", ConnectionLostError),
        (1927, "Connection was killed", ConnectionLostError),
        (1317, "Query execution was interrupted", StalledError),
        (1969, "Query execution was interrupted (max_statement_time exceeded)", StalledError),
        (1213, "Deadlock found when trying to get lock", TransientError),
        (1040, "Too many connections", RateLimitedError),
        (1045, "Access denied for user", ConfigError),
        (5, "[SQLite]database is locked (5)", TransientError),
        (1, "[SQLite]no such table: t (1)", ConfigError),
    ],
)
def test_what_comes_as_hy000_is_told_apart_by_number_and_text(
    native: int, message: str, expected: type[IntegrationError]
) -> None:
    assert type(translate(_odbc("HY000", native, message), "reading")) is expected


def test_what_mariadb_says_of_a_time_out_is_none_of_odbcs_meaning() -> None:
    error = Exception("State: HY018, Native error: 1969, Message: Query execution was interrupted")
    assert type(translate(error, "reading")) is StalledError


def test_a_wrong_database_is_told_from_a_server_that_is_not_there() -> None:
    error = Exception('State: 08001, Native error: 101, Message: FATAL:  database "nowhere" does not exist')
    assert type(translate(error, "connecting")) is ConfigError


def test_a_server_that_quotes_a_value_is_not_repeated() -> None:
    error = _odbc("22P02", message='ERROR: invalid input syntax for type integer: "4111-canary"')
    found = translate(error, "reading", table="orders")
    assert "canary" not in str(found)
    assert found.values == {"sqlstate": "22P02", "table": "orders"}


def test_neither_a_broken_constraint_nor_a_routine_is_repeated() -> None:
    for state in ("23000", "P0001", "38000", "44000"):
        assert "canary" not in str(translate(_odbc(state, message="Duplicate entry '4111-canary'"), "reading"))


_POSTGRESQL = (
    "08 0A 0B 0L 0P 20 21 22 23 25006 28 2B 2D 2F 39 3B 3D 3F 40001 42 44 53 54 55P03 57014 57P01 F0 HV00R P0 XX001"
)
_ODBC = "01S00 07 08 21 22 23 28 3C 3D 3F 40001 42 44 HY001 HY008 HY013 HYC00 HYT00 HYT01 IM"


@pytest.mark.parametrize("state", sorted({*_POSTGRESQL.split(), *_ODBC.split()}))
def test_each_class_of_the_manuals_that_is_no_passing_fault_has_a_meaning(state: str) -> None:
    found = translate(_odbc(state.ljust(5, "0")), "reading")
    assert found.what != "the source failed while reading"


def test_details_with_rows_in_them_are_left_out() -> None:
    error = _odbc("42501", message="ERROR: permission denied for table t\nDETAIL: Failing row contains (canary)")
    assert "canary" not in str(translate(error, "reading"))


def test_an_error_of_ours_stays_what_it_is() -> None:
    error = PermanentError("known")
    assert translate(error, "reading") is error


def test_a_mapped_error_crosses_processes() -> None:
    for state in ("08S01", "53300", "42P01", "22P02"):
        error = translate(_odbc(state), "reading", table="t")
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))


@pytest.mark.parametrize("text", ["", "State: ", "no state at all", "State: abc, Native error: x"])
def test_an_error_without_a_state_has_none(text: str) -> None:
    assert sqlstate_of(Exception(text)) == ""


def test_a_value_longer_than_its_buffer_is_known_with_its_size() -> None:
    said = "External error: A value (at least one) is too large to be written into the allocated buffer without truncation."
    assert truncated_at(Exception(f"{said} Size in bytes indicated by ODBC driver: Some(5000)")) == 5000
    assert truncated_at(Exception(f"{said} Size in bytes indicated by ODBC driver: None")) == 0
    assert truncated_at(_odbc("08S01")) is None


def test_a_mistake_in_this_package_is_not_taken_for_the_drivers() -> None:
    assert not is_of_driver(TypeError("unexpected keyword"))
    assert is_of_driver(ConnectionResetError())


@pytest.mark.parametrize(
    "message",
    [
        'ERROR: unterminated quoted string at or near "\'SECRET) ORDER BY "u" LIMIT 5";',
        'ERROR: syntax error at or near "SECRET";',
        "You have an error in your SQL syntax; check the manual near ''SECRET'\nLIMIT 5' at line 1",
        "You have an error in your SQL syntax; check the manual near ')SECRET'b'' at line 1",
        '[SQLite]near "SECRET": syntax error (1)',
        '[SQLite]unrecognized token: "\'SECRET" (1)',
        "[SQL Server]Unclosed quotation mark after the character string 'SECRET AND x'.",
        "[SQL Server]Incorrect syntax near 'SECRET",
    ],
)
def test_what_a_server_quotes_of_a_filter_is_not_shown(message: str) -> None:
    error = translate(_odbc("42000", message=message), "reading")
    assert isinstance(error, ConfigError)
    assert "SECRET" not in str(error)
    assert "..." in str(error)


def test_a_keyword_and_a_name_are_shown() -> None:
    for message in ('syntax error at or near "FROM"', 'near ",": syntax error', 'column "nope" does not exist'):
        assert message in str(translate(_odbc("42601", message=message), "reading"))


@pytest.mark.parametrize(
    "error",
    [
        _odbc("42501", message="ERROR: permission denied for table t;"),
        _odbc("42000", 1142, "SELECT command denied to user 'u'@'h' for table 't'"),
        _odbc("42000", 1143, "SELECT command denied to user 'u'@'h' for column 'a' in table 't'"),
        _odbc("42000", 1227, "Access denied; you need (at least one of) the PROCESS privilege(s) for this operation"),
        _odbc("42000", 229, "The SELECT permission was denied on the object 't', database 'd', schema 'dbo'."),
        _odbc("42000", 1031, "ORA-01031: insufficient privileges"),
    ],
)
def test_a_missing_grant_is_told_as_one(error: Exception) -> None:
    found = translate(error, "reading")
    assert isinstance(found, ConfigError)
    assert found.what == "the source does not grant what it was asked while reading"
    assert "SELECT on the table" in found.next_step


@pytest.mark.parametrize(
    "error",
    [
        _odbc("08001", 101, 'connection to server failed: FATAL:  too many connections for role "r"'),
        _odbc("08001", 101, 'connection to server failed: FATAL:  too many connections for database "d"'),
        _odbc("08001", 101, "FATAL:  sorry, too many clients already"),
        _odbc("08001", 101, "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute"),
        _odbc("42000", 1226, "User 'u' has exceeded the 'max_user_connections' resource (current value: 1)"),
        _odbc("42000", 1203, "User u already has more than 'max_user_connections' active connections"),
    ],
)
def test_too_many_connections_are_no_lost_connection_and_no_mistake(error: Exception) -> None:
    found = translate(error, "connecting")
    assert isinstance(found, RateLimitedError)
    assert found.what == "the source lets no more connections in while connecting"
    assert "three connections for each shard" in found.next_step


def test_a_path_without_a_database_is_a_mistake() -> None:
    found = translate(Exception("HY000", "[HY000] [SQLite]connect failed (14) (SQLDriverConnect)"), "connecting")
    assert isinstance(found, ConfigError)
    assert "the path of a file that is there" in found.next_step
