"""SQLite, through libsqliteodbc.

A column holds whatever was put into it, and the driver reads by the declared type. So every value comes as text made by
the server, and is typed, or rejected with its reason, here.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect, Rows, refuse_key
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, SourceColumn, Statement

__all__ = ["Sqlite"]


class Sqlite(Dialect):
    """One writer at a time, but it may take its time stamp long before its turn: the strongest guarantee is the lag."""

    name: ClassVar[str] = "sqlite"
    comparison: ClassVar[str] = "row_value"
    text: ClassVar[str] = "text"

    def cast(self, sql: str, kind: str) -> str:
        """Bare: the column's affinity turns the text into what is stored, and its collation compares."""
        refuse_key(kind)
        return f"CAST({sql} AS INTEGER)" if "int" in kind else sql

    def text_of(self, sql: str, kind: str) -> str:
        """Reals with all their digits; SQLite's own cast keeps fifteen."""
        refuse_key(kind)
        return _text(sql)

    def minus(self, sql: str, kind: str, lag: timedelta | int) -> str:
        """From ISO 8601 text; what is no time at all begins at the beginning, which reads too much and loses nothing."""
        if isinstance(lag, int):
            return f"({sql} - {lag})"
        return f"COALESCE(strftime('%Y-%m-%d %H:%M:%f', {sql}, '-{lag.total_seconds():.3f} seconds'), '')"

    def read_column(self, column: SourceColumn, wanted: str | None = None) -> ReadColumn:
        """As text, of the type that the declaration means by its name."""
        sql = self.quote(column.name)
        # The driver ends a text at its first NUL.
        suspect = f"(typeof({sql}) = 'text' AND instr({sql}, char(0)) > 0)"
        lossless = bool(re.search(r"int|char|text|uuid|date|time", column.type))
        return ReadColumn(column.name, _text(sql), pa.string(), pa.string(), lossless=lossless, suspect=suspect)

    def columns_of(self, table: str) -> Statement:
        """Declared types."""
        return Statement(
            "SELECT name, CASE type WHEN '' THEN 'any' ELSE type END, CASE WHEN \"notnull\" OR pk THEN 'NO' ELSE 'YES' END,"
            " NULL, NULL, NULL, NULL FROM pragma_table_info(?) ORDER BY cid",
            (table,),
        )

    def primary_key_of(self, table: str) -> Statement:
        """In the key's order."""
        return Statement("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,))

    def indexes_of(self, table: str) -> Statement:
        """Whole ones over columns; the primary key stands for the rowid."""
        return Statement(
            "SELECT l.name, c.name FROM pragma_index_list(?) l, pragma_index_info(l.name) c"
            " WHERE NOT l.partial AND c.name IS NOT NULL"
            " UNION ALL SELECT 'primary', name FROM pragma_table_info(?) WHERE pk",
            (table, table),
        )

    def estimate_of(self, table: str) -> Statement:
        """SQLite keeps none that is sure to be there."""
        return Statement("SELECT NULL, '0'")

    def engine(self) -> Statement:
        """A file is its own database; another file has other positions by its other connection."""
        return Statement("SELECT 'sqlite ' || substr(sqlite_version(), 1, 1)")

    def explain(self, statement: Statement) -> Statement | None:
        """The query plan."""
        return Statement(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters)

    def plan_serves_order(self, rows: Rows) -> bool | None:
        """A temporary B-tree is a sort."""
        return not any("USE TEMP B-TREE" in str(row[-1]) for row in rows)

    def hashed(self, sql: str) -> str:
        """SQLite has no MD5; sweeps read its keys instead."""
        raise NotImplementedError("SQLite computes no digests")


def _text(sql: str) -> str:
    return (
        f"CASE typeof({sql}) WHEN 'real' THEN printf('%!.17g', {sql})"
        f" WHEN 'blob' THEN 'x''' || hex({sql}) || '''' ELSE CAST({sql} AS TEXT) END"
    )
