"""Snowflake, as a source."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect, refuse_key, whole
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, SourceColumn, Statement
from airflow_provider_integrations.connectors.odbc.written import name_parts

__all__ = ["Snowflake"]

_STAMP = "YYYY-MM-DD HH24:MI:SS.FF9"


class Snowflake(Dialect):
    """No snapshot over statements and no horizon: the strongest guarantee is the lag."""

    name: ClassVar[str] = "snowflake"
    comparison: ClassVar[str] = "nested"
    text: ClassVar[str] = "varchar"

    def cast(self, sql: str, kind: str) -> str:
        """Binary from hexadecimal."""
        refuse_key(kind)
        return f"TO_BINARY({sql}, 'HEX')" if kind.startswith("binary") else f"CAST({sql} AS {kind})"

    def text_of(self, sql: str, kind: str) -> str:
        """With all nine digits, whatever the session's formats are."""
        refuse_key(kind)
        if kind.startswith("binary"):
            return f"TO_CHAR({sql}, 'HEX')"
        if kind.startswith(("timestamp_tz", "timestamp_ltz")):
            return f"TO_CHAR(CONVERT_TIMEZONE('UTC', {sql}), '{_STAMP} TZH:TZM')"
        if kind.startswith("timestamp"):
            return f"TO_CHAR({sql}, '{_STAMP}')"
        if kind.startswith(("date", "time")):
            return f"TO_CHAR({sql}, '{'YYYY-MM-DD' if kind == 'date' else 'HH24:MI:SS.FF9'}')"
        return super().text_of(sql, kind)

    def minus(self, sql: str, kind: str, lag: timedelta | int) -> str:
        """Microseconds from instants, days from dates."""
        if isinstance(lag, int):
            return f"({sql} - {lag})"
        if kind == "date":
            return f"DATEADD(day, -{whole(lag, timedelta(days=1))}, {sql})"
        return f"DATEADD(microsecond, -{whole(lag, timedelta(microseconds=1))}, {sql})"

    def read_column(self, column: SourceColumn, wanted: str | None = None) -> ReadColumn:
        """Whole numbers and decimals as they are, instants as text."""
        name, kind, sql = column.name, column.type, self.quote(column.name)
        if match := re.fullmatch(r"number\((\d+),(\d+)\)", kind):
            exact = pa.decimal128(int(match[1]), int(match[2]))
            return ReadColumn(name, sql, exact, exact, lossless=True)
        if kind == "float":
            return ReadColumn(name, sql, pa.float64(), pa.float64())
        if kind == "boolean":
            return ReadColumn(name, sql, pa.bool_(), pa.bool_())
        if kind == "date":
            return ReadColumn(name, sql, pa.date32(), pa.date32(), lossless=True)
        if kind.startswith(("time", "binary")):
            return ReadColumn(name, self.text_of(sql, kind), pa.string(), pa.string())
        if kind in ("variant", "object", "array"):
            return ReadColumn(name, f"TO_JSON({sql})", pa.string(), pa.string())
        return ReadColumn(name, f"CAST({sql} AS varchar)", pa.string(), pa.string(), column.size, lossless=True)

    def columns_of(self, table: str) -> Statement:
        """From the information schema."""
        where, parameters = _where(table)
        return Statement(
            "SELECT column_name, CASE WHEN data_type = 'NUMBER' THEN 'NUMBER(' || numeric_precision || ',' || numeric_scale"
            " || ')' ELSE data_type END, is_nullable, CAST(character_maximum_length AS varchar),"
            " CAST(numeric_precision AS varchar), CAST(COALESCE(numeric_scale, datetime_precision) AS varchar),"
            f" collation_name FROM information_schema.columns WHERE {where} ORDER BY ordinal_position",
            parameters,
        )

    def primary_key_of(self, table: str) -> Statement:
        """Declared keys are not enforced, and not in the information schema: the source names its own."""
        return Statement("SELECT NULL WHERE 1 = 0")

    def indexes_of(self, table: str) -> Statement:
        """There are none; micro-partitions are pruned."""
        return Statement("SELECT NULL, NULL WHERE 1 = 0")

    def estimate_of(self, table: str) -> Statement:
        """An exact count, kept by the engine."""
        where, parameters = _where(table)
        return Statement(
            f"SELECT CAST(row_count AS varchar), '0' FROM information_schema.tables WHERE {where}", parameters
        )

    def session_setup(self, application: str, statement_timeout: float | None) -> tuple[str, ...]:
        """The application goes into the query tag."""
        tag = "".join(char for char in application if char.isascii() and char.isprintable() and char not in "'\\")
        return (
            "ALTER SESSION SET TIMEZONE = 'UTC'",
            "ALTER SESSION SET TIMESTAMP_INPUT_FORMAT = 'AUTO'",
            "ALTER SESSION SET DATE_INPUT_FORMAT = 'AUTO'",
            "ALTER SESSION SET TIME_INPUT_FORMAT = 'AUTO'",
            f"ALTER SESSION SET QUERY_TAG = '{tag[:200]}'",
            *(
                (f"ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = {max(1, round(statement_timeout))}",)
                if statement_timeout
                else ()
            ),
        )

    def engine(self) -> Statement:
        """Account and database."""
        return Statement("SELECT 'snowflake ' || CURRENT_ACCOUNT() || ' ' || CURRENT_DATABASE()")

    def backend(self) -> Statement | None:
        """The session's number."""
        return Statement("SELECT CAST(CURRENT_SESSION() AS varchar)")

    def cancel(self, backend: str) -> str | None:
        """Ends all statements of the session."""
        return f"SELECT SYSTEM$CANCEL_ALL_QUERIES({int(backend)})"

    def sampled(self, table: str, alias: str, share: float) -> str:
        """By micro-partitions."""
        return f"{table} {alias}" + (f" SAMPLE SYSTEM ({share * 100:.6f}) SEED (1)" if share < 1 else "")


def _where(table: str) -> tuple[str, tuple[str, ...]]:
    *schemas, name = name_parts(table)
    schema = ".".join(schemas)
    if schema:
        return "table_schema = ? AND table_name = ?", (schema, name)
    return "table_schema = CURRENT_SCHEMA() AND table_name = ?", (name,)
