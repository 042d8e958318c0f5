"""Keys of every type on real engines: their text comes back as the very value, in the server's order, by the index."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.model import (
    Edge,
    KeyColumn,
    KeyRange,
    Keyset,
    ReadColumn,
    Statement,
    TableQuery,
)
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.watermark import Bound
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

NINES = f"{'9' * 28}.{'9' * 10}"
WORDS = [
    f"'{word}'"
    for word in ("", "-", "10", "9", "A", "B", "Z", "_", "a", "a ", "b", "e", "ss", "z", "ß", "á", "é", "😀")
]

POSTGRESQL: list[tuple[str, Sequence[str]]] = [
    ("bigint", ["9223372036854775807", "-9223372036854775808", "0"]),
    ("numeric(38,10)", [NINES, f"-{NINES}", "0.0000000001", "0", "'NaN'"]),
    ("numeric", ["1e-20", "1e30", "0.1", "'Infinity'", "'-Infinity'", "'NaN'"]),
    ("text", WORDS),
    ('text COLLATE "C"', WORDS),
    ('text COLLATE "und-x-icu"', WORDS),
    ('text COLLATE insensitive', WORDS),
    ("varchar(5)", WORDS),
    ("char(5)", ["'a'", "'a    '", "'B'", "''", "'é😀'"]),
    ("uuid", ["'ffffffff-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-ffffffffffff'"]),
    ("timestamptz", ["'2025-03-30 02:30:00.123456+05:45'", "'infinity'", "'-infinity'", "'0044-03-15 12:00:00+00 BC'",
                     "'12025-01-01 00:00:00+00'", "'2025-10-26 01:30:00.000001+00'"]),
    ("timestamp", ["'2025-10-26 02:30:00.000001'", "'2025-10-26 02:30:00'", "'infinity'", "'0001-01-01 BC'"]),
    ("timestamptz(3)", ["'2025-01-01 00:00:00.123+00'", "'2025-01-01 00:00:00.124+00'"]),
    ("date", ["'infinity'", "'0044-03-15 BC'", "'2025-02-28'", "'12025-01-01'"]),
    ("time", ["'24:00:00'", "'12:30:00.123456'", "'00:00'"]),
    ("timetz", ["'12:30:00.123456+05:45'", "'12:30:00-03'"]),
    ("interval", ["'1 day 02:00:00.5'", "'-1 mons +1 day'", "'1 year'"]),
    ("bytea", ["'\\x00ff'", "''", "'\\xff'"]),
    ("boolean", ["true", "false"]),
    ("mood", ["'sad'", "'happy'", "'bored'"]),
    ("inet", ["'10.0.0.1'", "'9.0.0.1/8'", "'::1'"]),
]  # fmt: skip

MARIADB: list[tuple[str, Sequence[str]]] = [
    ("bigint", ["9223372036854775807", "-9223372036854775808", "0"]),
    ("bigint unsigned", ["18446744073709551615", "0", "9223372036854775808"]),
    ("int(6) zerofill", ["1", "42", "999999"]),
    ("decimal(38,10)", [NINES, f"-{NINES}", "0.0000000001", "0"]),
    ("decimal(65,30)", [f"{'9' * 35}.{'9' * 30}", "0.000000000000000000000000000001"]),
    ("varchar(5)", WORDS),
    ("varchar(5) COLLATE utf8mb4_bin", WORDS),
    ("varchar(5) COLLATE utf8mb4_unicode_ci", WORDS),
    ("varchar(5) COLLATE utf8mb4_nopad_bin", WORDS),
    ("varchar(5) CHARACTER SET latin1", ["'é'", "'E'", "'e'", "'a'", "'z'", "'ß'", "'Ä'"]),
    ("char(5)", ["'a'", "'B'", "''", "'é😀'"]),
    ("uuid", ["'ffffffff-0000-1000-8000-000000000000'", "'00000000-0000-1000-8000-ffffffffffff'",
              "'00000000-ffff-4000-8000-000000000000'"]),
    ("datetime(6)", ["'2025-10-26 02:30:00.000001'", "'2025-10-26 02:30:00'", "'0000-00-00 00:00:00'",
                     "'2025-01-00 00:00:00'", "'2025-02-31 00:00:00'", "'9999-12-31 23:59:59.999999'"]),
    ("datetime", ["'2025-10-26 02:30:00'", "'2025-10-26 02:30:01'"]),
    ("timestamp(6)", ["'2025-03-30 02:30:00.000001'", "'0000-00-00 00:00:00'", "'2025-03-30 03:30:00'"]),
    ("date", ["'0000-00-00'", "'2025-00-01'", "'2025-02-28'", "'9999-12-31'"]),
    ("time(6)", ["'-838:59:59'", "'12:30:00.123456'", "'838:59:59'"]),
    ("year", ["0", "1901", "2155"]),
    ("binary(3)", ["x'00'", "x'ffff'", "x'0001'"]),
    ("varbinary(3)", ["x''", "x'ffff'", "x'00'"]),
]  # fmt: skip

SQLITE: list[tuple[str, Sequence[str]]] = [
    ("integer", ["9223372036854775807", "-9223372036854775808", "'seven'", "1.5", "0"]),
    ("numeric(18,4)", ["0.1", "12345678901234.5678", "'12.5'", "1e300", "-0.1", "100", "0.30000000000000004"]),
    ("text", WORDS),
    ("text COLLATE NOCASE", WORDS),
    ("text COLLATE RTRIM", WORDS),
    ("timestamp", ["'2025-01-01 00:00:00.123456'", "'2025-01-01T00:00:00Z'", "1735689600", "2460676.5", "''"]),
    ("date", ["'2025-02-28'", "20250228", "'x'"]),
    ("", ["1", "'1'", "1.5", "'x'", "'i:1'", "-3"]),
]  # fmt: skip


def _ids(cases: list[tuple[str, Sequence[str]]]) -> list[str]:
    return [kind.replace(" ", "_") or "no_type" for kind, _ in cases]


def _check(database: OdbcDatabase, kind: str, values: Sequence[str]) -> None:
    """Three rows of each value, paged by twos: each once, in the server's order, and each bookmark hits its row."""
    rows = [(at, literal) for at, literal in enumerate([*values, *values, *values])]
    relaxed = ["SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'"] if "MariaDB" in str(database) else []
    made = ["CREATE TYPE mood AS ENUM ('sad', 'happy', 'bored')"] if kind == "mood" else []
    if "insensitive" in kind:
        made = ["CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"]
    null = " DEFAULT 0" if kind.startswith("timestamp(") else ""
    table = [
        f"CREATE TABLE t (id bigint PRIMARY KEY, v {kind} NOT NULL{null})",
        "CREATE INDEX t_v ON t (v, id)",
        f"INSERT INTO t VALUES {', '.join(f'({at}, {literal})' for at, literal in rows)}",
    ]
    if "SQLite3" in str(database):  # Its driver breaks letters beyond 16 bits in a statement.
        path = database.connection_string.split("Database=")[1].split(";")[0]
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(";\n".join(table))
    else:
        database.execute(*relaxed, *made, *table)
    with OdbcSession.open(OdbcSettings.from_string(database.connection_string)) as session, session.snapshot():
        dialect, column = session.dialect, session.facts("t").column("v")
        keyset = Keyset((KeyColumn("v", column.type), KeyColumn("id", "bigint")), 1)
        query = TableQuery("t", (ReadColumn("id", dialect.quote("id"), pa.int64(), pa.int64()),), keyset)
        ordered = [int(str(id)) for (id,) in session.rows(Statement("SELECT id FROM t ORDER BY v, id"))]
        assert len(ordered) == len(rows)
        seen: list[int] = []
        rest = KeyRange()
        while page := session.rows(statements.page(dialect, query, rest, 2)):
            seen += [int(str(id)) for (id,) in page]
            found = session.rows(statements.bookmark_of(dialect, query, (str(seen[-1]),)))
            bookmark = tuple(str(value) for value in found[0])
            assert session.rows(statements.hit(dialect, query, bookmark)) == [("1",)], bookmark
            assert None not in session.rows(statements.echo(dialect, query, bookmark))[0], bookmark
            assert session.rows(statements.moved_up(dialect, query, bookmark)) == [("1", "0")], bookmark
            rest = KeyRange(Edge(bookmark, Bound.OPEN))
            left = str(len(rows) - len(seen))
            assert session.rows(statements.count(dialect, query, rest)) == [(left, "0")], bookmark
        assert seen == ordered


@pytest.mark.parametrize(("kind", "values"), POSTGRESQL, ids=_ids(POSTGRESQL))
def test_a_key_of_postgresql(kind: str, values: Sequence[str], odbc_postgres: OdbcDatabase) -> None:
    _check(odbc_postgres, kind, values)


@pytest.mark.parametrize(("kind", "values"), MARIADB, ids=_ids(MARIADB))
def test_a_key_of_mariadb(kind: str, values: Sequence[str], odbc_mariadb: OdbcDatabase) -> None:
    _check(odbc_mariadb, kind, values)


@pytest.mark.parametrize(("kind", "values"), SQLITE, ids=_ids(SQLITE))
def test_a_key_of_sqlite(kind: str, values: Sequence[str], odbc_sqlite: OdbcDatabase) -> None:
    _check(odbc_sqlite, kind, values)


@pytest.mark.parametrize(
    ("engine", "kind", "literal"),
    [
        ("postgres", "double precision", "0.1"),
        ("postgres", "real", "0.1"),
        ("postgres", "money", "1"),
        ("mariadb", "double", "0.1"),
        ("mariadb", "enum('b','a')", "'a'"),
        ("mariadb", "set('b','a')", "'a'"),
        ("mariadb", "bit(8)", "b'1'"),
        ("sqlite", "real", "0.1"),
        ("sqlite", "blob", "x'00'"),
    ],
)
def test_a_type_that_orders_otherwise_than_it_compares_is_refused(
    engine: str, kind: str, literal: str, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(ConfigError, match="cannot order rows"):
        _check(request.getfixturevalue(f"odbc_{engine}"), kind, [literal])


@pytest.mark.parametrize(
    ("engine", "kind", "value", "lag", "since"),
    [
        ("postgres", "timestamptz", "2025-03-30 02:05:00.5+00", timedelta(minutes=10), "2025-03-30 01:55:00.5+00"),
        ("postgres", "date", "2025-03-01", timedelta(hours=1), "2025-02-28"),
        ("postgres", "bigint", "7", 10, "-3"),
        ("mariadb", "datetime(6)", "2025-03-30 02:05:00.5", timedelta(minutes=10), "2025-03-30 01:55:00.500000"),
        ("mariadb", "date", "2025-03-01", timedelta(hours=25), "2025-02-27"),
        ("mariadb", "bigint(20)", "7", 10, "-3"),
        ("sqlite", "timestamp", "2025-03-01 00:05:00", timedelta(minutes=10), "2025-02-28 23:55:00"),
        ("sqlite", "timestamp", "1740787500", timedelta(minutes=10), None),
        ("sqlite", "integer", "7", 10, "-3"),
    ],
)
def test_a_window_is_worked_out_by_the_server_and_never_shorter_than_asked(
    engine: str, kind: str, value: str, lag: timedelta | int, since: str | None, request: pytest.FixtureRequest
) -> None:
    database: OdbcDatabase = request.getfixturevalue(f"odbc_{engine}")
    with OdbcSession.open(OdbcSettings.from_string(database.connection_string)) as session:
        query = TableQuery("t", (), Keyset((KeyColumn("v", kind),), 1))
        assert session.rows(statements.earlier(session.dialect, query, value, lag)) == [(since,)]


@pytest.mark.parametrize("kind", ["datetime(6)", "date", "binary(3)"])
def test_a_bookmark_that_mariadb_takes_for_null_is_seen(kind: str, odbc_mariadb: OdbcDatabase) -> None:
    with OdbcSession.open(OdbcSettings.from_string(odbc_mariadb.connection_string)) as session:
        query = TableQuery("t", (), Keyset((KeyColumn("v", kind),), 1))
        assert session.rows(statements.echo(session.dialect, query, ("2025-01-",))) == [(None,)]


def test_a_control_sum_is_exact(odbc_database: OdbcDatabase) -> None:
    amounts = [Decimal(at % 1000 - 700) / 10 for at in range(5000)] + [Decimal("123456789.0123"), Decimal("-0.0001")]
    odbc_database.execute("CREATE TABLE t (id bigint PRIMARY KEY, v numeric(18,4), w bigint)")
    values = ", ".join(f"({at}, {amount}, {2**62})" for at, amount in enumerate(amounts))
    odbc_database.execute(f"INSERT INTO t VALUES {values}", "UPDATE t SET w = id WHERE id > 0")
    with OdbcSession.open(OdbcSettings.from_string(odbc_database.connection_string)) as session:
        facts = session.facts("t")
        columns = tuple(session.dialect.read_column(column) for column in facts.columns)
        query = TableQuery("t", columns, Keyset((KeyColumn("id", "bigint"),), 0))
        for sign in ("v > 0", "v < 0", "v = 0", "1 = 1", "v IS NULL"):
            statement = statements.count(session.dialect, query, [(sign, ())], ("v", "w"))
            _, _, v, w = session.rows(statement)[0]
            there = [
                (amount, at or 2**62)
                for at, amount in enumerate(amounts)
                if {"v > 0": amount > 0, "v < 0": amount < 0, "v = 0": amount == 0, "1 = 1": True}.get(sign)
            ]
            assert Decimal(v or 0) == sum(amount for amount, _ in there)
            assert Decimal(w or 0) == sum(whole for _, whole in there)
