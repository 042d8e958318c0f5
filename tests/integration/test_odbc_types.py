"""Each value of the real engines lands exactly, or is a reject with its key and rule; never is it another value.

Left of the arrow is what the server holds, right of it what the contract's type makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.odbc.model import ReadColumn, Statement
from airflow_provider_integrations.connectors.odbc.packing import on_the_wire
from airflow_provider_integrations.connectors.odbc.pages import guarded
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.typed import to_landed
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

D = Decimal


@dataclass(frozen=True)
class Rejected:
    rule: str = "type"


NO = Rejected()
Values = list[tuple[str, Any]]
"""SQL literal and what lands."""


def _stamp(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


def _landed(database: OdbcDatabase, kind: str, contract_type: str, values: Values, **more: Any) -> list[Any]:
    """What lands of a column of these values, in their places."""
    rows = [f"({at}, {literal})" for at, (literal, _) in enumerate(values)]
    database.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    before = ["SET sql_mode = '', time_zone = '+00:00'"] if "MariaDB" in database.connection_string else []
    database.execute(*before, f"INSERT INTO t VALUES {', '.join(rows)}")
    contract = Contract.from_mapping(
        {
            "contract": "t",
            "version": "1.0.0",
            "keys": ["id"],
            "columns": [
                {"name": "id", "type": "integer", "nullable": False},
                {"name": "v", "type": contract_type, **more},
            ],
        }
    )
    with OdbcSession.open(OdbcSettings.from_string(database.connection_string)) as session, session.snapshot():
        facts = session.facts("t")
        columns = [session.dialect.read_column(column, contract.column(column.name).type) for column in facts.columns]
        suspects = " OR ".join(column.suspect for column in columns if column.suspect)
        if suspects and session.rows(Statement(f"SELECT count(*) FROM t WHERE {suspects}")) != [("0",)]:
            columns = [guarded(column) for column in columns]
        selected = ", ".join(f"{column.expression} AS {session.dialect.quote(column.name)}" for column in columns)
        statement = Statement(f"SELECT {selected} FROM t ORDER BY id")
        batches = list(session.read(statement, columns))
        table = pa.Table.from_batches(batches)
        session.check_first_page(statement, columns, batches[0])
        if all(column.packed for column in columns):
            assert repr(_packed(session, columns).to_pylist()) == repr(table.to_pylist())  # NaN is not NaN.
        landed, rejects = to_landed(table, contract, columns)
    found: dict[int, Any] = {reject.row: Rejected(reject.rule) for reject in rejects}
    assert [reject.key for reject in rejects] == [f"id={reject.row}" for reject in rejects]
    column = landed.column("v")
    texts = column.cast(pa.timestamp("us")).to_pylist() if pa.types.is_timestamp(column.type) else column.to_pylist()
    if pa.types.is_timestamp(column.type):
        texts = [None if value is None else value.replace(tzinfo=UTC) for value in texts]
    found.update(zip(landed.column("id").to_pylist(), texts, strict=True))
    return [found[at] for at in range(len(values))]


def _packed(session: OdbcSession, columns: Sequence[ReadColumn]) -> pa.Table:
    """The same, read with others of its row in one text."""
    more = [*columns, *(replace(column, name=f"again_{column.name}") for column in columns)]
    wire = on_the_wire(more, session.dialect.packed)
    assert len(wire) == 1
    statement = Statement(f"SELECT {wire[0].expression} FROM t ORDER BY id")
    found = pa.Table.from_batches(session.read(statement, more))
    names = [column.name for column in columns]
    again = found.select([f"again_{name}" for name in names]).rename_columns(names)
    assert repr(again.to_pylist()) == repr(found.select(names).to_pylist())
    return found.select(names)


def _check(database: OdbcDatabase, kind: str, contract_type: str, values: Values, **more: Any) -> None:
    landed = _landed(database, kind, contract_type, values, **more)
    for (literal, expected), value in zip(values, landed, strict=True):
        assert (literal, value, type(value)) == (literal, expected, type(expected))


NINES = f"{'9' * 28}.{'9' * 10}"

POSTGRESQL: list[tuple[str, str, Values]] = [
    ("numeric(38,10)", "decimal(38,10)", [(NINES, D(NINES)), (f"-{NINES}", D(f"-{NINES}")), ("1e-10", D("1e-10")),
                                   ("NULL", None)]),
    ("numeric(38,10)", "decimal(38,10)", [("'NaN'", NO), (NINES, D(NINES)), ("0", D("0E-10"))]),
    ("numeric", "decimal(38,10)", [(NINES, D(NINES)), ("'NaN'", NO), ("'Infinity'", NO), ("1e-11", NO), ("1e30", NO)]),
    ("numeric(8,-2)", "decimal(10,0)", [("12345", D("12300")), ("NULL", None)]),
    ("numeric(5,7)", "decimal(9,7)", [("0.0012345", D("0.0012345"))]),
    ("numeric(50,5)", "decimal(38,5)", [("1.00001", D("1.00001")), ("1e40", NO)]),
    ("bigint", "integer", [("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), ("NULL", None)]),
    ("smallint", "integer", [("32767", 32767)]),
    ("double precision", "float", [("0.1", 0.1), ("1e-320", 1e-320), ("1.7976931348623157e308", 1.7976931348623157e308),
                                   ("'NaN'", NO), ("'Infinity'", NO), ("'-0'", -0.0), ("NULL", None)]),
    ("real", "float", [("0.5", 0.5), ("'-Infinity'", NO)]),
    ("boolean", "boolean", [("true", True), ("false", False), ("NULL", None)]),
    ("uuid", "uuid", [("'9EFB22DE-135B-4062-8778-41C39EC5A330'", "9efb22de-135b-4062-8778-41c39ec5a330"), ("NULL", None)]),
    ("date", "date", [("'0001-01-01'", date(1, 1, 1)), ("'9999-12-31'", date(9999, 12, 31)), ("NULL", None)]),
    ("date", "date", [("'infinity'", NO), ("'-infinity'", NO), ("'0044-03-15 BC'", NO), ("'12025-01-01'", NO),
                      ("'2025-02-28'", date(2025, 2, 28))]),
    ("timestamptz", "timestamp", [("'2025-03-30 02:30:00.123456+05:45'", _stamp(2025, 3, 29, 20, 45, 0, 123456)),
                                  ("'0001-01-01 00:00:00+00'", _stamp(1, 1, 1)), ("NULL", None),
                                  ("'9999-12-31 23:59:59.999999+00'", _stamp(9999, 12, 31, 23, 59, 59, 999999))]),
    ("timestamptz", "timestamp", [("'infinity'", NO), ("'0044-03-15 12:00:00+00 BC'", NO), ("'12025-01-01 00:00:00+00'", NO),
                                  ("'2025-10-26 01:30:00.000001+00'", _stamp(2025, 10, 26, 1, 30, 0, 1))]),
    ("timestamp", "timestamp", [("'2025-01-01 00:00:00.123456'", _stamp(2025, 1, 1, 0, 0, 0, 123456)), ("'-infinity'", NO)]),
    ("time", "time", [("'12:30:00.123456'", time(12, 30, 0, 123456)), ("'24:00:00'", NO), ("NULL", None)]),
    ("char(5)", "string", [("'ab'", "ab   "), ("''", "     "), ("'é😀'", "é😀   "), ("NULL", None)]),
    ("varchar(4)", "string", [("'é😀é😀'", "é😀é😀"), ("''", ""), ("' a '", " a "), ("NULL", None)]),
    ("text", "string", [("U&'e\\0301'", "e\u0301"), ("E'a\\tb\\nc\\\\d'", "a\tb\nc\\d"), ("'\u200f'", "\u200f"), ("NULL", None)]),
    ("bytea", "string", [("'\\x00ff'", "00ff"), ("''", ""), ("NULL", None)]),
    ("json", "string", [("'{\"a\":  1}'", '{"a":  1}')]),
    ("interval", "string", [("'1 day 02:00:00.5'", "1 day 02:00:00.5")]),
    ("integer[]", "string", [("'{1,NULL,3}'", "{1,NULL,3}")]),
    ("timestamptz", "string", [("'2025-01-01 00:00:00.5+00'", "2025-01-01 00:00:00.500000Z")]),
]  # fmt: skip

MARIADB: list[tuple[str, str, Values]] = [
    ("decimal(38,10)", "decimal(38,10)", [(NINES, D(NINES)), (f"-{NINES}", D(f"-{NINES}")), ("0.0000000001", D("1e-10"))]),
    ("decimal(65,20)", "decimal(38,10)", [("1.0000000001", D("1.0000000001")), ("1e40", NO), ("0.00000000001", NO)]),
    ("bigint unsigned", "decimal(20,0)", [("18446744073709551615", D(2**64 - 1)), ("0", D(0)), ("NULL", None)]),
    ("bigint unsigned", "integer", [("18446744073709551615", NO), ("9223372036854775807", 2**63 - 1)]),
    ("bigint", "integer", [("-9223372036854775808", -(2**63))]),
    ("int unsigned", "integer", [("4294967295", 2**32 - 1), ("0", 0)]),
    ("smallint unsigned", "integer", [("65535", 65535)]),
    ("mediumint unsigned", "integer", [("16777215", 16777215)]),
    ("tinyint unsigned", "integer", [("255", 255)]),
    ("int(6) zerofill", "integer", [("42", 42)]),
    ("tinyint(1)", "boolean", [("1", True), ("0", False), ("2", NO), ("NULL", None)]),
    ("tinyint", "integer", [("-128", -128)]),
    ("bit(1)", "boolean", [("b'1'", True), ("b'0'", False), ("NULL", None)]),
    ("bit(8)", "integer", [("b'10000001'", 129)]),
    ("year", "integer", [("2025", 2025), ("0", 0)]),
    ("double", "float", [("0.1", 0.1), ("1.7976931348623157e308", 1.7976931348623157e308), ("NULL", None)]),
    ("float", "float", [("0.5", 0.5)]),
    ("date", "date", [("'0000-00-00'", NO), ("'2025-00-01'", NO), ("'2025-02-28'", date(2025, 2, 28)), ("NULL", None)]),
    ("date", "date", [("'1000-01-01'", date(1000, 1, 1)), ("'9999-12-31'", date(9999, 12, 31))]),
    ("datetime(6)", "timestamp", [("'0000-00-00 00:00:00'", NO), ("'2025-01-00 00:00:00'", NO), ("NULL", None),
                                  ("'2025-01-01 00:00:00.123456'", _stamp(2025, 1, 1, 0, 0, 0, 123456))]),
    ("datetime(6)", "timestamp", [("'9999-12-31 23:59:59.999999'", _stamp(9999, 12, 31, 23, 59, 59, 999999))]),
    ("timestamp(6) NULL", "timestamp", [("'2025-03-30 01:30:00.000001'", _stamp(2025, 3, 30, 1, 30, 0, 1)),
                                        ("'0000-00-00 00:00:00'", NO), ("NULL", None)]),
    ("time(6)", "time", [("'12:30:00.123456'", time(12, 30, 0, 123456)), ("'-838:59:59'", NO), ("'25:00:00'", NO)]),
    ("char(5)", "string", [("'ab'", "ab"), ("'é😀'", "é😀"), ("''", ""), ("NULL", None)]),
    ("varchar(4)", "string", [("'é😀é😀'", "é😀é😀"), ("'ab  '", "ab  "), ("NULL", None)]),
    ("varchar(20)", "string", [("concat('a', char(0), 'b')", "a\0b"), ("'Ä'", "Ä")]),
    ("varchar(20) character set latin1", "string", [("'é€'", "é€")]),
    ("longtext", "string", [("concat('a', char(0), 'b')", "a\0b"), ("'\\n\\t'", "\n\t"), ("NULL", None)]),
    ("uuid", "uuid", [("'9EFB22DE-135B-4062-8778-41C39EC5A330'", "9efb22de-135b-4062-8778-41c39ec5a330")]),
    ("enum('new','done')", "string", [("'done'", "done")]),
    ("set('a','b')", "string", [("'a,b'", "a,b")]),
    ("json", "string", [("'{\"a\":  1}'", '{"a":  1}')]),
    ("blob", "string", [("x'00ff'", "00ff"), ("''", ""), ("NULL", None)]),
    ("binary(3)", "string", [("x'00'", "000000")]),
]  # fmt: skip

SQLITE: list[tuple[str, str, Values]] = [
    ("integer", "integer", [("9223372036854775807", 2**63 - 1), ("'7'", 7), ("'seven'", NO),
                            ("1.5", NO), ("x'00'", NO), ("NULL", None)]),
    ("numeric(18,4)", "decimal(18,4)", [("0.5", D("0.5000")), ("'1.00005'", NO), ("12345678.125", D("12345678.1250"))]),
    ("real", "float", [("0.1", 0.1), ("1e308", 1e308), ("9e999", NO), ("'x'", NO), ("3", 3.0)]),
    ("boolean", "boolean", [("1", True), ("0", False), ("'true'", True), ("2", NO)]),
    ("date", "date", [("'2025-02-28'", date(2025, 2, 28)), ("'2025-02-30'", NO), ("''", NO), ("20250228", NO)]),
    ("timestamp", "timestamp", [("'2025-01-01 00:00:00.123456'", _stamp(2025, 1, 1, 0, 0, 0, 123456)),
                                ("'2025-01-01T05:45:00+05:45'", _stamp(2025, 1, 1)), ("1735689600", NO), ("NULL", None)]),
    ("text", "string", [("char(233, 128512)", "é😀"), ("''", ""), ("5", "5"),
                        ("'a' || replace(hex(zeroblob(400)), '0', 'ä')", "a" + "ä" * 800)]),
    ("varchar(3)", "string", [("'longer than declared'", "longer than declared"), ("'ab  '", "ab  ")]),
    ("uuid", "uuid", [("'9EFB22DE-135B-4062-8778-41C39EC5A330'", "9efb22de-135b-4062-8778-41c39ec5a330"), ("'x'", NO)]),
    ("", "integer", [("1", 1), ("'1'", 1), ("'x'", NO)]),
    ("text", "string", [("char(97, 0, 228, 128512)", "a\0ä😀"), ("char(0)", "\0"), ("'ab'", "ab"), ("''", ""), ("5", "5"),
                        ("x'00ff'", "x'00FF'"), ("NULL", None)]),
    ("integer", "integer", [("'1' || char(0)", NO), ("7", 7), ("NULL", None)]),
    ("timestamp", "timestamp", [("'2025-01-01 00:00:00' || char(0)", NO), ("'2025-01-01 00:00:00'", _stamp(2025, 1, 1))]),
    ("real", "float", [("'0.1' || char(0)", NO), ("0.1", 0.1)]),
]  # fmt: skip


def _ids(cases: Sequence[tuple[str, str, Values]]) -> list[str]:
    return [f"{kind}-as-{contract_type}".replace(" ", "_") for kind, contract_type, _ in cases]


@pytest.mark.parametrize(("kind", "contract_type", "values"), POSTGRESQL, ids=_ids(POSTGRESQL))
def test_a_value_of_postgresql(kind: str, contract_type: str, values: Values, odbc_postgres: OdbcDatabase) -> None:
    _check(odbc_postgres, kind, contract_type, values)


@pytest.mark.parametrize(("kind", "contract_type", "values"), MARIADB, ids=_ids(MARIADB))
def test_a_value_of_mariadb(kind: str, contract_type: str, values: Values, odbc_mariadb: OdbcDatabase) -> None:
    _check(odbc_mariadb, kind, contract_type, values)


@pytest.mark.parametrize(("kind", "contract_type", "values"), SQLITE, ids=_ids(SQLITE))
def test_a_value_of_sqlite(kind: str, contract_type: str, values: Values, odbc_sqlite: OdbcDatabase) -> None:
    _check(odbc_sqlite, kind, contract_type, values)


def test_a_real_of_sqlite_is_the_decimal_that_was_put_in(odbc_sqlite: OdbcDatabase) -> None:
    _check(odbc_sqlite, "numeric(18,4)", "decimal(18,4)", [("0.1", D("0.1000")), ("1234567.8912", D("1234567.8912"))])


@pytest.mark.parametrize("engine", ["odbc_postgres", "odbc_mariadb"])
def test_a_local_time_that_was_twice_or_never_is_a_reject(engine: str, request: pytest.FixtureRequest) -> None:
    kind = {"odbc_postgres": "timestamp", "odbc_mariadb": "datetime(6)"}[engine]
    values: Values = [
        ("'2025-03-30 02:30:00'", Rejected("nonexistent_time")),
        ("'2025-10-26 02:30:00'", Rejected("ambiguous_time")),
        ("'2025-07-01 12:00:00'", _stamp(2025, 7, 1, 10)),
    ]
    _check(request.getfixturevalue(engine), kind, "timestamp", values, zone="Europe/Berlin")


def test_a_templates_columns_are_read_exactly_whatever_the_driver_says_of_them(odbc_database: OdbcDatabase) -> None:
    big = {"P": "numeric(38,10)", "M": "decimal(38,10)"}.get(odbc_database.connection_string[8], "text")
    whole = "bigint unsigned" if "MariaDB" in odbc_database.connection_string else "bigint"
    odbc_database.execute(
        f"CREATE TABLE t (id {whole} PRIMARY KEY, n {big}, note varchar(50))",
        f"INSERT INTO t VALUES (9223372036854775807, '{NINES}', 'longer than the driver may say')",
    )
    contract = Contract.from_mapping(
        {
            "contract": "t",
            "version": "1.0.0",
            "keys": ["id"],
            "columns": [
                {"name": "id", "type": "integer", "nullable": False},
                {"name": "n", "type": "decimal(38,10)"},
                {"name": "twice", "type": "string"},
            ],
        }
    )
    template = "SELECT t.id, t.n, t.note AS twice FROM t"
    with OdbcSession.open(OdbcSettings.from_string(odbc_database.connection_string)) as session:
        facts = session.facts(None, template)
        assert [column.name for column in facts.columns] == ["id", "n", "twice"]
        columns = [session.dialect.read_column(c, contract.column(c.name).type) for c in facts.columns]
        selected = ", ".join(f"{column.expression} AS {column.name}" for column in columns)
        table = pa.Table.from_batches(session.read(Statement(f"SELECT {selected} FROM ({template}) q"), columns))
        if session.dialect.name != "sqlite":  # which renames them
            with pytest.raises(ConfigError, match=r"names of their own|Duplicate column"):
                session.facts(None, "SELECT 1 AS a, 2 AS a")
        with pytest.raises(ConfigError, match="no such table"):
            session.facts("nothing_here")
    landed, rejects = to_landed(table, contract, columns)
    assert rejects == []
    assert landed.to_pylist() == [{"id": 2**63 - 1, "n": D(NINES), "twice": "longer than the driver may say"}]
