"""Bounds of a backfill on real engines: values of the cursor, taken for what they say, or refused before anything is read."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.plan import Policy
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.errors import ConfigError
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

Span = tuple[str | None, str | None]
INSTANT = {"postgresql": "timestamptz", "mariadb": "timestamp(6)", "sqlite": "timestamp"}
LOCAL = {"postgresql": "timestamp", "mariadb": "datetime(6)", "sqlite": "timestamp"}


@pytest.fixture(params=list(INSTANT))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(engine: str, request: pytest.FixtureRequest) -> OdbcDatabase:
    """48 rows, one for each hour from 2025-03-29 on, by four cursors."""
    name = {"postgresql": "odbc_postgres", "mariadb": "odbc_mariadb", "sqlite": "odbc_sqlite"}[engine]
    database: OdbcDatabase = request.getfixturevalue(name)
    stamps = [f"{datetime(2025, 3, 29) + timedelta(hours=hour):%Y-%m-%d %H:%M:%S}" for hour in range(48)]
    rows = ", ".join(
        f"({at}, '{stamp}', '{stamp}', {at}.5, '{chr(97 + at % 26)}', '{stamp[:10]}')"
        for at, stamp in enumerate(stamps)
    )
    database.execute(
        *(["SET time_zone = '+00:00'"] if engine == "mariadb" else []),
        *(["SET timezone = 'UTC'"] if engine == "postgresql" else []),
        f"CREATE TABLE ts (id bigint PRIMARY KEY, u {INSTANT[engine]} NOT NULL{' DEFAULT 0' if engine == 'mariadb' else ''},"
        f" l {LOCAL[engine]} NOT NULL, d numeric(18,4) NOT NULL, word varchar(5) NOT NULL, day date NOT NULL)",
        f"INSERT INTO ts VALUES {rows}",
    )
    return database


def _rows(source: OdbcDatabase, folder: Path, key: str, span: Span) -> int:
    order = ("id",) if key == "id" else (key, "id")
    request = Request("ts", order, folder / "out", folder / "state.json", Policy(span=span))
    rows: int = extract_once(OdbcSettings.from_string(source.connection_string), request)["rows"]
    return rows


NO_VALUES: list[tuple[str, Span]] = [
    ("u", ("garbage", None)),
    ("u", ("2025-02-31", None)),
    ("u", (None, "2025-13-01")),
    ("u", ("2025-03-30T00:00:00+25:99", None)),
    ("u", ("", None)),
    ("u", ("", "")),
    ("l", (None, " ")),
    ("l", ("2025-03-30T00:00:00+05:45", None)),
    ("l", ("2025-03-30T00:00:00Z", None)),
    ("day", ("2025-03-30 12:00", None)),
    ("day", ("30.03.2025", None)),
    ("id", ("abc", None)),
    ("id", ("5x", None)),
    ("id", ("1e2", None)),
    ("id", ("1.5", None)),
    ("id", (None, "99999999999999999999")),
    ("d", ("one", None)),
    ("d", ("NaN", None)),
]


@pytest.mark.parametrize(("key", "span"), NO_VALUES, ids=str)
def test_a_bound_that_is_no_value_is_refused(
    source: OdbcDatabase, engine: str, tmp_path: Path, key: str, span: Span
) -> None:
    if (engine, key, span) == ("sqlite", "day", ("2025-03-30 12:00", None)):
        assert _rows(source, tmp_path, key, span) == 0, "its dates are texts, and no day is above the noon of the last"
        return
    with pytest.raises(ConfigError, match="a bound of the backfill is no value of the first cursor column") as caught:
        _rows(source, tmp_path, key, span)
    assert caught.value.values["problem"]


@pytest.mark.parametrize(
    ("key", "span", "rows"),
    [
        ("u", ("2025-03-30", None), 24),
        ("u", ("2025-03-29 06:00", "2025-03-29 07:30:00.5"), 2),
        ("l", ("2025-03-30", "2025-03-31"), 24),
        ("day", ("2025-03-30", None), 24),
        ("id", ("-5", "10"), 10),
        ("id", ("+40", None), 8),
        ("d", ("1.5", "3.50"), 2),
        ("d", ("1e1", None), 38),
        ("word", ("x", None), 3),
        ("word", (None, "c"), 4),
    ],
    ids=str,
)
def test_a_bound_that_is_a_value_is_taken(
    source: OdbcDatabase, tmp_path: Path, key: str, span: Span, rows: int
) -> None:
    assert _rows(source, tmp_path, key, span) == rows


@pytest.mark.parametrize(("offset", "hours"), [("Z", 24), ("+00:00", 24), ("+05:45", 30), ("-03", 21)])
def test_an_offset_is_honoured_or_refused_and_never_dropped(
    source: OdbcDatabase, engine: str, tmp_path: Path, offset: str, hours: int
) -> None:
    # 2025-03-30 00:00 at +05:45 is 18:15 of the day before: the rows of 19:00 and later are 5 more.
    honoured = engine == "postgresql" or (engine == "mariadb" and hours == 24)
    if not honoured:
        with pytest.raises(ConfigError, match="no value of the first cursor column"):
            _rows(source, tmp_path, "u", (f"2025-03-30T00:00:00{offset}", None))
        return
    expected = {"+05:45": 29}.get(offset, hours)
    assert _rows(source, tmp_path, "u", (f"2025-03-30T00:00:00{offset}", None)) == expected


@pytest.mark.parametrize(
    ("key", "span"),
    [
        ("u", ("2025-03-30", "2025-03-29")),
        ("u", ("2025-03-30", "2025-03-30 00:00:00")),
        ("id", ("10", "9")),
        ("id", ("9", "9")),
        ("d", ("10", "9.5")),
        ("word", ("x", "b")),
    ],
    ids=str,
)
def test_a_span_that_does_not_ascend_is_refused(
    source: OdbcDatabase, engine: str, tmp_path: Path, key: str, span: Span
) -> None:
    if engine == "sqlite" and span[1] == "2025-03-30 00:00:00":
        assert _rows(source, tmp_path, key, span) == 0, "its times are texts, of which this is the higher"
        return
    with pytest.raises(ConfigError, match="the backfill ends where it begins, or before"):
        _rows(source, tmp_path, key, span)


def test_sqlite_takes_a_bound_in_the_form_of_its_rows_alone(odbc_sqlite: OdbcDatabase, tmp_path: Path) -> None:
    odbc_sqlite.execute(
        "CREATE TABLE ts (id integer PRIMARY KEY, u timestamp NOT NULL)",
        "INSERT INTO ts VALUES (1, '2025-03-30T00:00:00Z'), (2, '2025-03-30T10:00:00Z'), (3, '2025-03-31T00:00:00Z')",
    )
    assert _rows(odbc_sqlite, tmp_path, "u", ("2025-03-30T01:00:00Z", "2025-03-31")) == 1
    with pytest.raises(
        ConfigError, match="no value"
    ) as caught:  # A blank is below every T: row 1 would be in the span.
        _rows(odbc_sqlite, tmp_path, "u", ("2025-03-30 01:00:00", None))
    assert "texts are compared" in caught.value.values["problem"]
    for number in ("20250330", "1743292800", "12025-01-01"):  # Below or above all texts of another form.
        with pytest.raises(ConfigError, match="no value"):
            _rows(odbc_sqlite, tmp_path, "u", (number, None))


@pytest.mark.parametrize("bound", ["1_0", "\u0665", "0x10", "1e"])
def test_a_number_is_of_plain_digits(bound: str, odbc_sqlite: OdbcDatabase, tmp_path: Path) -> None:
    """SQLite compares what it takes for no number as a text, which is above all numbers."""
    odbc_sqlite.execute(
        "CREATE TABLE ts (id integer PRIMARY KEY, u numeric(10,2) NOT NULL)", "INSERT INTO ts VALUES (1, 7)"
    )
    with pytest.raises(ConfigError, match="no value"):
        _rows(odbc_sqlite, tmp_path, "u", (bound, None))


def test_a_column_may_have_the_name_of_what_pages_are_merged_by(odbc_sqlite: OdbcDatabase, tmp_path: Path) -> None:
    odbc_sqlite.execute(
        'CREATE TABLE ts (id integer PRIMARY KEY, u integer NOT NULL, "_k0" int, "_K0_0" int)',
        "CREATE INDEX i ON ts (u, id)",
        "INSERT INTO ts VALUES " + ", ".join(f"({g}, {g // 5}, {-g}, {-g})" for g in range(60)),
    )
    request = Request("ts", ("u", "id"), tmp_path / "out", tmp_path / "state.json", page_rows=7)
    assert extract_once(OdbcSettings.from_string(odbc_sqlite.connection_string), request)["rows"] == 60


@pytest.mark.parametrize("begin", ["garbage", "2025-02-31", ""])
def test_a_source_that_begins_at_no_value_is_refused(source: OdbcDatabase, tmp_path: Path, begin: str) -> None:
    request = Request("ts", ("u", "id"), tmp_path / "out", tmp_path / "state.json", Policy(begin=begin))
    with pytest.raises(ConfigError, match="the source's `begin` is no value"):
        extract_once(OdbcSettings.from_string(source.connection_string), request)


def test_mariadbs_uuids_are_uuids(odbc_mariadb: OdbcDatabase, tmp_path: Path) -> None:
    odbc_mariadb.execute(
        "CREATE TABLE ts (id uuid PRIMARY KEY)", "INSERT INTO ts VALUES ('00000000-0000-4000-8000-000000000001')"
    )
    assert _rows(odbc_mariadb, tmp_path, "id", ("00000000-0000-4000-8000-000000000000", None)) == 1
    with pytest.raises(ConfigError, match="no value"):
        _rows(odbc_mariadb, tmp_path, "id", ("garbage", None))
