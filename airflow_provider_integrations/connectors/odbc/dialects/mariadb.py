"""MariaDB and MySQL, through MariaDB's driver."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect, Rows, refuse_key, whole
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, SourceColumn, Statement
from airflow_provider_integrations.connectors.odbc.written import name_parts
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["MariaDb"]

_WHOLE = re.compile(r"(tinyint|smallint|mediumint|int|bigint|integer)(\(\d+\))?( unsigned)?( zerofill)?$")
_CHARACTERS = re.compile(r"(var)?char\((\d+)\)")
_BINARY = re.compile(r"(var)?binary|(tiny|medium|long)?blob")


class MariaDb(Dialect):
    """Without a horizon: open transactions are not shown by their rows, so the strongest guarantee is the lag."""

    name: ClassVar[str] = "mariadb"
    comparison: ClassVar[str] = "ranges"  # Row values scan the whole table; ranges of one index are merged and ordered.
    text: ClassVar[str] = "char"

    def quote(self, name: str) -> str:
        """In backticks, whatever the SQL mode is."""
        super().quote(name)
        return "`" + name.replace("`", "``") + "`"

    def cast(self, sql: str, kind: str) -> str:
        """Text stays bare: a literal gives way to the column's own collation, a cast would not."""
        _refuse_unordered(kind)
        if match := _WHOLE.match(kind):
            return f"CAST({sql} AS {'UNSIGNED' if match[3] else 'SIGNED'})"
        if kind.startswith("year"):
            return f"CAST({sql} AS SIGNED)"
        if kind.startswith(("datetime", "timestamp")):
            return f"CAST({sql} AS DATETIME(6))"
        if kind.startswith(("decimal", "date", "time")):
            return f"CAST({sql} AS {kind.removesuffix(' unsigned')})"
        if _BINARY.match(kind):
            return f"UNHEX({sql})"
        return sql

    def text_of(self, sql: str, kind: str) -> str:
        """Binary as hexadecimal."""
        _refuse_unordered(kind)
        return f"HEX({sql})" if _BINARY.match(kind) else f"CAST({sql} AS CHAR)"

    def minus(self, sql: str, kind: str, lag: timedelta | int) -> str:
        """Microseconds from instants, days from dates, units from numbers."""
        if isinstance(lag, int):
            return f"({sql} - {lag})"
        if kind == "date":
            return f"DATE_SUB({sql}, INTERVAL {whole(lag, timedelta(days=1))} DAY)"
        return f"DATE_SUB({sql}, INTERVAL {lag // timedelta(microseconds=1)} MICROSECOND)"

    def read_column(self, column: SourceColumn, wanted: str | None = None) -> ReadColumn:
        """Natural types; what the driver would change (unsigned numbers, bits, zero dates) goes through text."""
        name, kind, sql = column.name, column.type, self.quote(column.name)
        text = f"CAST({sql} AS CHAR)"
        if match := _WHOLE.match(kind):
            if match[1] == "bigint" and match[3]:
                exact = pa.decimal128(20, 0)
                return ReadColumn(name, f"CAST({sql} AS DECIMAL(20,0))", exact, exact, lossless=True)
            return ReadColumn(name, sql, pa.int64(), pa.int64(), lossless=True)
        if kind.startswith("bit"):
            return ReadColumn(name, f"CAST({sql} AS UNSIGNED)", pa.int64(), pa.int64())
        if kind.startswith("year"):
            return ReadColumn(name, f"CAST({sql} AS SIGNED)", pa.int64(), pa.int64())
        if match := re.match(r"decimal\((\d+),(\d+)\)", kind):
            if int(match[1]) <= 38:
                exact = pa.decimal128(int(match[1]), int(match[2]))
                return ReadColumn(name, sql, exact, exact, lossless=True)
            return ReadColumn(name, text, pa.string(), pa.string())
        if kind.startswith(("float", "double")):
            return ReadColumn(name, sql, pa.float64(), pa.float64())
        if kind == "date":
            return ReadColumn(name, sql, pa.date32(), pa.date32(), suspect=_zero_date(sql), guarded=text)
        if kind.startswith(("datetime", "timestamp")):
            zone = "UTC" if kind.startswith("timestamp") else None
            return ReadColumn(
                name, sql, pa.timestamp("us"), pa.timestamp("us", zone), suspect=_zero_date(sql), guarded=text
            )
        if _BINARY.match(kind):
            return ReadColumn(name, f"LOWER(HEX({sql}))", pa.string(), pa.string())
        if match := _CHARACTERS.match(kind):
            return ReadColumn(name, sql, pa.string(), pa.string(), text_size=int(match[2]), lossless=True)
        if kind.endswith("text"):
            return ReadColumn(name, sql, pa.string(), pa.string(), lossless=True)
        return ReadColumn(name, text, pa.string(), pa.string())  # time, enum, set, uuid, json, inet, ...

    def columns_of(self, table: str) -> Statement:
        """`COLUMN_TYPE` has signs and lengths."""
        where, parameters = _where(table)
        return Statement(
            "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, CAST(CHARACTER_MAXIMUM_LENGTH AS CHAR),"
            " CAST(NUMERIC_PRECISION AS CHAR), CAST(COALESCE(NUMERIC_SCALE, DATETIME_PRECISION) AS CHAR), COLLATION_NAME"
            f" FROM information_schema.COLUMNS WHERE {where} ORDER BY ORDINAL_POSITION",
            parameters,
        )

    def primary_key_of(self, table: str) -> Statement:
        """In the key's order."""
        where, parameters = _where(table)
        return Statement(
            "SELECT COLUMN_NAME FROM information_schema.STATISTICS"
            f" WHERE {where} AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
            parameters,
        )

    def indexes_of(self, table: str) -> Statement:
        """B-trees."""
        where, parameters = _where(table)
        return Statement(
            "SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS"
            f" WHERE {where} AND INDEX_TYPE = 'BTREE' AND SUB_PART IS NULL ORDER BY INDEX_NAME, SEQ_IN_INDEX",
            parameters,
        )

    def estimate_of(self, table: str) -> Statement:
        """InnoDB's estimate."""
        where, parameters = _where(table)
        return Statement(
            f"SELECT CAST(TABLE_ROWS AS CHAR), '0' FROM information_schema.TABLES WHERE {where}", parameters
        )

    def session_setup(self, application: str, statement_timeout: float | None) -> tuple[str, ...]:
        """MariaDB has no application name for a session; its time-out is in seconds."""
        return (
            "SET time_zone = '+00:00'",
            # Zero dates are there whatever the mode is now, and a bookmark's text must be cast back to one.
            "SET SESSION sql_mode = CONCAT('ALLOW_INVALID_DATES,',"
            " REPLACE(REPLACE(REPLACE(@@sql_mode, 'NO_ZERO_IN_DATE', ''), 'NO_ZERO_DATE', ''), 'TRADITIONAL', ''))",
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "SET SESSION TRANSACTION READ ONLY",
            # Of two indexes that fit it would merge the rows and sort them, which costs each page the whole rest.
            "SET SESSION optimizer_switch = 'index_merge=off'",
            f"SET SESSION lock_wait_timeout = {self.lock_timeout}",
            *((f"SET max_statement_time = {statement_timeout:.3f}",) if statement_timeout else ()),
        )

    def begin_snapshot(self) -> tuple[str, ...]:
        """At once, and not with the first row that is read."""
        return ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",)

    def engine(self) -> Statement:
        """Product, major version, database and its collation."""
        return Statement(
            "SELECT CONCAT('mariadb ', SUBSTRING_INDEX(VERSION(), '.', 1), ' ', COALESCE(DATABASE(), ''), ' ',"
            " @@collation_database)"
        )

    def backend(self) -> Statement | None:
        """The connection's number."""
        return Statement("SELECT CAST(CONNECTION_ID() AS CHAR)")

    def cancel(self, backend: str) -> str | None:
        """Ends the statement and not the connection."""
        return f"KILL QUERY {int(backend)}"

    def explain(self, statement: Statement) -> Statement | None:
        """As a table."""
        return Statement(f"EXPLAIN {statement.sql}", statement.parameters)

    def plan_serves_order(self, rows: Rows) -> bool | None:
        """`Using filesort` says that it sorts."""
        return not any("filesort" in str(row[-1]) for row in rows)

    def hashed(self, sql: str) -> str:
        """By CONV, which counts in 64 bits."""
        return f"CAST(CONV(LEFT(MD5({sql}), 15), 16, 10) AS DECIMAL(20,0))"


def _refuse_unordered(kind: str) -> None:
    refuse_key(kind)
    if re.match(r"(enum|set|bit)\b", kind):
        # ORDER BY takes the number of an enum's word, and a comparison with a text its letters: rows would be lost.
        raise ConfigError(
            "a column of this type cannot order rows",
            type=kind,
            next_step="Order by another column, or by its text in a template.",
        )


def _zero_date(sql: str) -> str:
    return f"({sql} = 0 OR MONTH({sql}) = 0 OR DAYOFMONTH({sql}) = 0 OR YEAR({sql}) = 0)"


def _where(table: str) -> tuple[str, tuple[str, ...]]:
    *schemas, name = name_parts(table)
    schema = ".".join(schemas)
    if schema:
        return "TABLE_SCHEMA = ? AND TABLE_NAME = ?", (schema, name)
    return "TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?", (name,)
