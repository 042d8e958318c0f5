"""Values of any length and of any type arrive whole, whatever the driver does with them, or the read fails loudly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.odbc.model import ReadColumn, Statement
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.core.errors import ConfigError, PermanentError, StateConflictError
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

ID = ReadColumn("id", "id", pa.int64(), pa.int64())
NOTE = ReadColumn("note", "note", pa.string(), pa.string())
MEGABYTE = 1 << 20


@contextmanager
def _open(database: OdbcDatabase) -> Iterator[OdbcSession]:
    with OdbcSession.open(OdbcSettings.from_string(database.connection_string)) as session:
        yield session


def _column(session: OdbcSession, table: str, name: str) -> ReadColumn:
    return session.dialect.read_column(session.facts(table).column(name))


def _read(session: OdbcSession, table: str, columns: Sequence[ReadColumn], **more: Any) -> list[dict[str, Any]]:
    selected = ", ".join(f"{column.expression} AS {column.name}" for column in columns)
    statement = Statement(f"SELECT {selected} FROM {table} ORDER BY id")
    return [row for batch in session.read(statement, columns, **more) for row in batch.to_pylist()]


def _kind(database: OdbcDatabase, **kinds: str) -> str:
    driver = {"P": "postgresql", "M": "mariadb"}.get(database.connection_string.removeprefix("Driver={")[0], "sqlite")
    return kinds[driver]


def test_a_megabyte_among_short_texts_arrives_whole_and_every_row_once(odbc_database: OdbcDatabase) -> None:
    odbc_database.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, note {_kind(odbc_database, postgresql='text', mariadb='longtext', sqlite='text')})"
    )
    notes = ["short"] * 40 + ["", None, "", "x" * 5000] + ["short"] * 16
    for at, note in enumerate(notes):
        # No parameters: MariaDB's driver garbles long texts on their way in.
        odbc_database.execute(f"INSERT INTO t VALUES ({at}, {'NULL' if note is None else repr(note)})")
    long = _kind(
        odbc_database,
        postgresql=f"repeat('ä', {MEGABYTE})",
        mariadb=f"repeat('ä', {MEGABYTE})",
        sqlite=f"replace(hex(zeroblob({MEGABYTE // 2})), '0', 'ä')",
    )
    odbc_database.execute(f"UPDATE t SET note = {long} WHERE id = 40")
    notes[40] = "ä" * MEGABYTE
    with _open(odbc_database) as session, session.snapshot():
        column = _column(session, "t", "note")
        for rows in (7, 10_000):
            # The second page starts with what the first needed.
            found = _read(session, "t", [ID, column], batch_rows=rows)
            assert [row["id"] for row in found] == list(range(len(notes)))
            assert [row["note"] for row in found] == notes


def test_large_binary_arrives_whole(odbc_database: OdbcDatabase) -> None:
    odbc_database.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, b {_kind(odbc_database, postgresql='bytea', mariadb='longblob', sqlite='blob')})"
    )
    made = _kind(
        odbc_database,
        postgresql="decode(repeat('00ff', 524288), 'hex')",
        mariadb="unhex(repeat('00ff', 524288))",
        sqlite="x'" + "00ff" * 524288 + "'",
    )
    odbc_database.execute(f"INSERT INTO t VALUES (0, {made})", "INSERT INTO t VALUES (1, NULL)")
    with _open(odbc_database) as session:
        found = [row["b"] for row in _read(session, "t", [ID, _column(session, "t", "b")])]
    assert [text.lower().removeprefix("x'").removesuffix("'") if text else text for text in found] == [
        "00ff" * 524288,
        None,
    ]


def test_a_text_that_the_driver_announces_too_short_fails_and_is_not_cut(odbc_mariadb: OdbcDatabase) -> None:
    odbc_mariadb.execute("CREATE TABLE t (id int PRIMARY KEY, at datetime(6))", "INSERT INTO t VALUES (1, now(6))")
    wrong = ReadColumn("at", "at", pa.string(), pa.string())
    with _open(odbc_mariadb) as session, pytest.raises(PermanentError, match="longer than the driver said"):
        _read(session, "t", [ID, wrong])


@pytest.mark.parametrize("sign", ["x", "ä", "😀"])
def test_a_value_as_long_as_the_buffer_is_not_cut_by_a_driver_that_does_not_tell(
    sign: str, odbc_mariadb: OdbcDatabase
) -> None:
    width = len(sign.encode())
    lengths = [1, 255, 256, 257, 1020, 1021, 1023, 1024, 1025, 1026, 1028, 3000, 8192, 9000]
    odbc_mariadb.execute("CREATE TABLE t (id int PRIMARY KEY, note longtext, more varchar(5000), b longblob)")
    for at, length in enumerate(lengths):
        text = f"concat(repeat('x', {length % width}), repeat('{sign}', {length // width}))"
        odbc_mariadb.execute(f"INSERT INTO t VALUES ({at}, {text}, left({text}, 5000), repeat('b', {length}))")
    expected = ["x" * (length % width) + sign * (length // width) for length in lengths]
    more = replace(NOTE, name="more", expression="more")
    binary = ReadColumn("b", "b", pa.binary(), pa.binary())
    with _open(odbc_mariadb) as session:
        for columns in ([ID, NOTE], [ID, more], [ID, binary], [ID, NOTE, more, binary]):
            for row, text in zip(_read(session, "t", columns), expected, strict=True):
                assert row.get("note", text) == text
                assert row.get("more", text[:5000]) == text[:5000]
                assert row.get("b", b"b" * len(text.encode())) == b"b" * len(text.encode())


def test_an_error_in_mid_stream_comes_after_rows_and_ends_the_read(odbc_postgres: OdbcDatabase) -> None:
    statement = Statement("SELECT CAST(100 / (15000 - g) AS bigint) FROM generate_series(1, 20000) g")
    with _open(odbc_postgres) as session:
        batches = session.read(statement, [replace(ID, name="n")], batch_rows=1000)
        seen = next(batches).num_rows
        with pytest.raises(PermanentError) as caught:
            seen += sum(batch.num_rows for batch in batches)
    assert 0 < seen < 15000
    assert caught.value.values["sqlstate"] == "22012"


def test_what_the_server_does_not_support_is_not_tried_again(odbc_postgres: OdbcDatabase) -> None:
    with _open(odbc_postgres) as session, pytest.raises(ConfigError) as caught:
        session.rows(Statement("SELECT 1 FROM elsewhere.public.t"))
    assert caught.value.values["sqlstate"] == "0A000"


def test_a_query_that_is_given_up_in_the_middle_leaves_the_session_usable(odbc_database: OdbcDatabase) -> None:
    numbers = " UNION ALL ".join(f"SELECT {n} AS id" for n in range(100))
    with _open(odbc_database) as session, session.snapshot():
        for _ in range(3):
            first = next(session.read(Statement(f"SELECT id FROM ({numbers}) q"), [ID], batch_rows=10))
            assert first.num_rows == 10
        assert session.rows(Statement("SELECT 7")) == [("7",)]


def test_two_drivers_must_agree_on_the_first_page(odbc_postgres: OdbcDatabase) -> None:
    odbc_postgres.execute(
        "CREATE TABLE t (id int PRIMARY KEY, n numeric(18,4), f float8, at timestamptz, d date, u uuid, b boolean, note text)",
        "INSERT INTO t SELECT g, g + 0.25, g / 3.0, timestamptz '2025-01-01 00:00:00.123456+00' + g * interval '1 hour',"
        " date '2025-01-01' + g, gen_random_uuid(), g % 2 = 0, nullif('é' || g, 'é3') FROM generate_series(1, 300) g",
    )
    with _open(odbc_postgres) as session:
        # Each by itself, since the statement is written by hand.
        columns = [replace(session.dialect.read_column(c), packed=None) for c in session.facts("t").columns]
        selected = ", ".join(f"{column.expression} AS {column.name}" for column in columns)
        statement = Statement(f"SELECT {selected} FROM t ORDER BY id")
        batch = next(session.read(statement, columns))
        assert session.check_first_page(statement, columns, batch) == 200
        # As arrow-odbc takes a float8 when it is not told otherwise.
        narrow = [replace(c, wire=pa.float32(), arrow=pa.float64()) if c.name == "f" else c for c in columns]
        batch = next(session.read(Statement(statement.sql.replace('CAST("f" AS double precision)', "f")), narrow))
        with pytest.raises(PermanentError, match=r"differently.*\['f'\]"):
            session.check_first_page(statement, narrow, batch)


def test_rows_that_change_between_two_readings_are_no_difference_of_drivers(odbc_postgres: OdbcDatabase) -> None:
    odbc_postgres.execute("CREATE TABLE t (id int PRIMARY KEY, note text)", "INSERT INTO t VALUES (1, 'old')")
    statement = Statement("SELECT id, note FROM t ORDER BY id")
    with _open(odbc_postgres) as session, session.snapshot():
        batch = next(session.read(statement, [ID, NOTE]))
        odbc_postgres.execute("UPDATE t SET note = 'new'", "INSERT INTO t VALUES (0, 'more')")
        assert session.check_first_page(statement, [ID, NOTE], batch) == 1


def test_what_only_pyodbc_reads_comes_through_it_in_the_same_snapshot(odbc_database: OdbcDatabase) -> None:
    odbc_database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, note varchar(20))", "INSERT INTO t VALUES (1, 'é'), (2, NULL)"
    )
    if odbc_database.name.endswith(".sqlite"):
        odbc_database.execute("PRAGMA journal_mode=WAL")
    slow = [ID, replace(NOTE, by="pyodbc")]
    with _open(odbc_database) as session:
        if not odbc_database.name.endswith(".sqlite"):  # which is read through pyodbc always
            with session.snapshot(), pytest.raises(StateConflictError, match="prepare"):
                _read(session, "t", slow)
        session.prepare(slow)
        with session.snapshot():
            rows = _read(session, "t", slow, batch_rows=1)
            odbc_database.execute("INSERT INTO t VALUES (3, 'late')")
            assert session.rows(Statement("SELECT count(*) FROM t")) == [("2",)]
            assert _read(session, "t", slow) == rows == [{"id": 1, "note": "é"}, {"id": 2, "note": None}]


# Each of these ends the whole process when arrow-odbc is left to choose the type.
_ABORTS = {
    "negative_scale": ("odbc_postgres", "numeric(8,-2)", "12300", "12300"),
    "bit": ("odbc_mariadb", "bit(8)", "b'10000001'", 129),
    "bit_64": ("odbc_mariadb", "bit(64)", "b'1'", 1),
    "blob": ("odbc_sqlite", "blob", "x'00ff'", "x'00FF'"),
    "zoned": ("odbc_postgres", "timestamptz", "'2025-01-01 00:00:00+00'", 1735689600_000000),
    "zoned_mariadb": ("odbc_mariadb", "timestamp", "'2025-01-01 00:00:00'", None),
}


@pytest.mark.parametrize("case", sorted(_ABORTS))
def test_a_type_that_would_abort_the_process_is_mapped_before_it_is_read(
    case: str, request: pytest.FixtureRequest
) -> None:
    fixture, kind, literal, expected = _ABORTS[case]
    database: OdbcDatabase = request.getfixturevalue(fixture)
    database.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})", f"INSERT INTO t VALUES (1, {literal})")
    child = (
        "import sys, pyarrow as pa\n"
        "from tests.integration.test_odbc_transport import OdbcDatabase, _column, _open, Statement, ID\n"
        "with _open(OdbcDatabase('', sys.argv[1])) as session:\n"
        "    column = _column(session, 't', 'v')\n"
        "    (batch,) = session.read(Statement(f'SELECT {column.expression} FROM t'), [column])\n"
        "    values = batch.column(0)\n"
        "    print(ascii((values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values).to_pylist()))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", child, database.connection_string],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    if expected is not None:
        assert ended.stdout.strip() == ascii([expected])
