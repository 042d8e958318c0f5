"""Oracle 12c and later."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect, refuse_key
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, SourceColumn, Statement
from airflow_provider_integrations.connectors.odbc.written import name_parts
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Oracle"]

_STAMP = "YYYY-MM-DD HH24:MI:SS.FF9"


class Oracle(Dialect):
    """The horizon is the system change number; `ORA_ROWSCN` is that of the block unless the table has ROWDEPENDENCIES.

    A block's number is never lower than its rows', so that a row is read once too often and never too seldom.
    """

    name: ClassVar[str] = "oracle"
    offers_horizon: ClassVar[bool] = True
    comparison: ClassVar[str] = "nested"
    text: ClassVar[str] = "varchar2(4000)"

    def cast(self, sql: str, kind: str) -> str:
        """By formats that do not hang on the session's."""
        refuse_key(kind)
        if kind.startswith("raw"):
            return f"HEXTORAW({sql})"
        if "time zone" in kind:
            return f"TO_TIMESTAMP_TZ({sql}, '{_STAMP} TZH:TZM')"
        if kind.startswith("timestamp"):
            return f"TO_TIMESTAMP({sql}, '{_STAMP}')"
        if kind == "date":
            return f"TO_DATE({sql}, 'YYYY-MM-DD HH24:MI:SS')"
        if kind.startswith(("number", "integer")):
            return f"CAST({sql} AS number)"
        return sql

    def text_of(self, sql: str, kind: str) -> str:
        """The inverse formats."""
        refuse_key(kind)
        if kind.startswith("raw"):
            return f"RAWTOHEX({sql})"
        if "time zone" in kind:
            return f"TO_CHAR({sql} AT TIME ZONE 'UTC', '{_STAMP} TZH:TZM')"
        if kind.startswith("timestamp"):
            return f"TO_CHAR({sql}, '{_STAMP}')"
        if kind == "date":
            return f"TO_CHAR({sql}, 'YYYY-MM-DD HH24:MI:SS')"
        if kind.startswith(("number", "integer")):
            return f"TO_CHAR({sql}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')"
        return sql

    def bound(self, value: str, kind: str) -> str:
        """To the format's length, which Oracle insists on: what is left out is midnight in UTC."""
        if not kind.startswith(("date", "timestamp")) or not re.match(r"\d{4}-\d\d-\d\d", value):
            return value
        whole = value.replace("T", " ", 1).removesuffix("Z")
        if zone := re.search(r" ?([+-]\d\d:\d\d)$", whole[10:]):
            whole = whole[: 10 + zone.start()]
        stamp = whole + "0000-00-00 00:00:00.000000000"[len(whole) :]
        if kind == "date":
            return stamp[:19]
        return f"{stamp} {zone[1] if zone else '+00:00'}" if "time zone" in kind else stamp

    def minus(self, sql: str, kind: str, lag: timedelta | int) -> str:
        """As an interval."""
        if isinstance(lag, int):
            return f"({sql} - {lag})"
        return f"({sql} - NUMTODSINTERVAL({lag.total_seconds():.6f}, 'SECOND'))"

    def first_rows(self, select: str, rows: int) -> str:
        """FETCH FIRST."""
        return f"{select} FETCH FIRST {int(rows)} ROWS ONLY"

    def read_column(self, column: SourceColumn, wanted: str | None = None) -> ReadColumn:
        """Exact numbers of known scale as they are; all that has a format of its own as text."""
        name, kind, sql = column.name, column.type, self.quote(column.name)
        if match := re.fullmatch(r"number\((\d+),(-?\d+)\)", kind):
            precision, scale = int(match[1]), int(match[2])
            if 0 <= scale <= precision <= 38:
                exact = pa.decimal128(precision, scale)
                return ReadColumn(name, sql, exact, exact, lossless=True)
        if kind.startswith("binary_"):
            return ReadColumn(name, sql, pa.float64(), pa.float64())
        if kind.startswith(("number", "date", "timestamp", "raw")):
            return ReadColumn(name, self.text_of(sql, kind), pa.string(), pa.string())
        if match := re.fullmatch(r"n?(?:var)?char2?\((\d+)\)", kind):
            return ReadColumn(name, sql, pa.string(), pa.string(), text_size=int(match[1]), lossless=True)
        return ReadColumn(name, sql, pa.string(), pa.string())

    def columns_of(self, table: str) -> Statement:
        """From ALL_TAB_COLUMNS."""
        where, parameters = _where(table, "")
        return Statement(
            "SELECT column_name, CASE WHEN data_type = 'NUMBER' AND data_scale IS NOT NULL"
            " THEN 'NUMBER(' || NVL(data_precision, 38) || ',' || data_scale || ')'"
            " WHEN data_type LIKE '%CHAR%' THEN data_type || '(' || char_length || ')' ELSE data_type END,"
            " CASE nullable WHEN 'N' THEN 'NO' ELSE 'YES' END, TO_CHAR(char_length), TO_CHAR(data_precision),"
            f" TO_CHAR(data_scale), NULL FROM all_tab_columns WHERE {where} ORDER BY column_id",
            parameters,
        )

    def primary_key_of(self, table: str) -> Statement:
        """In the key's order."""
        where, parameters = _where(table, "c.")
        return Statement(
            "SELECT k.column_name FROM all_constraints c JOIN all_cons_columns k ON k.owner = c.owner"
            f" AND k.constraint_name = c.constraint_name WHERE {where} AND c.constraint_type = 'P' ORDER BY k.position",
            parameters,
        )

    def indexes_of(self, table: str) -> Statement:
        """B-trees over columns."""
        where, parameters = _where(table, "i.table_")
        return Statement(
            "SELECT i.index_name, k.column_name FROM all_indexes i JOIN all_ind_columns k ON k.index_owner = i.owner"
            f" AND k.index_name = i.index_name WHERE {where} AND i.index_type = 'NORMAL'"
            " ORDER BY i.index_name, k.column_position",
            parameters,
        )

    def estimate_of(self, table: str) -> Statement:
        """The last statistics."""
        where, parameters = _where(table, "")
        return Statement(f"SELECT TO_CHAR(num_rows), '1' FROM all_tables WHERE {where}", parameters)

    def session_setup(self, application: str, statement_timeout: float | None) -> tuple[str, ...]:
        """UTC and a point for the decimal sign; read only comes with the snapshot."""
        return (
            "ALTER SESSION SET TIME_ZONE = '+00:00'",
            "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",
            # Texts are sorted as they are compared, and by the index: a client's language would part the two.
            "ALTER SESSION SET NLS_SORT = BINARY",
            "ALTER SESSION SET NLS_COMP = BINARY",
            "ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'",
        )

    def begin_snapshot(self) -> tuple[str, ...]:
        """All queries of the transaction see one system change number."""
        return ("SET TRANSACTION READ ONLY",)

    def engine(self) -> Statement:
        """Product, database and sort order."""
        return Statement(
            "SELECT 'oracle ' || SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME') || ' ' || SYS_CONTEXT('USERENV', 'CON_NAME')"
            " || ' ' || value FROM nls_session_parameters WHERE parameter = 'NLS_SORT'"
        )

    def horizon(self) -> Statement | None:
        """Rows get their number when their transaction commits, so the number of now bounds what is committed."""
        return Statement(
            "SELECT TO_CHAR(DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER), TO_CHAR(DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER)"
            " FROM dual"
        )

    def late_rows(self, horizon: str) -> tuple[str, tuple[str, ...]]:
        """Committed at the horizon or after it."""
        if not horizon.isdigit():
            raise ConfigError("not a horizon of Oracle", horizon=horizon[:40], next_step="Rewind the source.")
        return "ORA_ROWSCN >= TO_NUMBER(?)", (horizon,)

    def sampled(self, table: str, alias: str, share: float) -> str:
        """By blocks; the alias stands behind."""
        return table + (f" SAMPLE BLOCK ({min(99.9, share * 100):.6f}) SEED (1)" if share < 1 else "") + f" {alias}"

    def hashed(self, sql: str) -> str:
        """By STANDARD_HASH."""
        return f"TO_NUMBER(SUBSTR(RAWTOHEX(STANDARD_HASH({sql}, 'MD5')), 1, 15), 'XXXXXXXXXXXXXXX')"


def _where(table: str, prefix: str) -> tuple[str, tuple[str, ...]]:
    *schemas, name = name_parts(table)
    schema = ".".join(schemas)
    column = f"{prefix}name" if prefix.endswith("table_") else f"{prefix}table_name"
    if schema:
        return f"{prefix}owner = ? AND {column} = ?", (schema, name)
    return f"{prefix}owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND {column} = ?", (name,)
