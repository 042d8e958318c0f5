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
from airflow_provider_integrations.connectors.odbc.written import name_parts
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Sqlite"]


# What its two first signs say it is; without them, a whole number if it is one.
_ANY_VALUE = (
    "(SELECT CASE substr(p, 1, 2) WHEN 'i:' THEN CAST(substr(p, 3) AS INTEGER) WHEN 'r:' THEN CAST(substr(p, 3) AS REAL)"
    " WHEN 't:' THEN substr(p, 3) ELSE CASE WHEN p = '' OR ltrim(p, '-') GLOB '*[^0-9]*' THEN p"
    " ELSE CAST(p AS INTEGER) END END FROM (SELECT ? AS p))"
)


class Sqlite(Dialect):
    """One writer at a time, but it may take its time stamp long before its turn: the strongest guarantee is the lag."""

    name: ClassVar[str] = "sqlite"
    comparison: ClassVar[str] = "row_value"
    text: ClassVar[str] = "text"

    def cast(self, sql: str, kind: str) -> str:
        """Bare: the column's affinity turns the text into what is stored, and its collation compares.

        A cast would have an affinity of its own, with which a row value no longer uses the index beyond its first column.
        Where there may be no affinity (`any`: a template, a view, no declared type) a text would be above every number, and
        rows would be lost without a word: there the text says its type.
        """
        _refuse_blob(kind)
        return _ANY_VALUE.replace("?", sql) if kind == "any" else sql

    def text_of(self, sql: str, kind: str) -> str:
        """Reals with all the digits they need; SQLite's own cast keeps fifteen."""
        _refuse_blob(kind)
        if kind != "any":
            return _text(sql)
        return f"CASE typeof({sql}) WHEN 'integer' THEN 'i:' WHEN 'real' THEN 'r:' ELSE 't:' END || {_text(sql)}"

    def minus(self, sql: str, kind: str, lag: timedelta | int) -> str:
        """From ISO 8601 text, as local as it is: SQLite compares texts, and knows nothing of a zone at their end.

        NULL for what is no such text, which is no bound at all: too much is read, and nothing is lost.
        """
        if isinstance(lag, int):
            return f"(CAST({sql} AS INTEGER) - {lag})"
        seconds = -(-lag // timedelta(seconds=1))
        moved = f"strftime('%Y-%m-%d %H:%M:%S', substr(v, 1, 19), '-{seconds} seconds')"
        return f"(SELECT CASE WHEN v LIKE '____-__-__%' THEN {moved} END FROM (SELECT {sql} AS v))"

    def total(self, sql: str, kind: pa.DataType | None) -> str:
        """Of the texts that are read, as wholes and billionths: SQLite sums reals as reals, which 0.1 is lost in."""
        text = _text(sql)
        point = f"instr({text}, '.')"
        billionths = f"CAST(substr(substr({text}, {point} + 1) || '000000000', 1, 9) AS INTEGER)"
        part = f"CASE WHEN {point} = 0 THEN 0 WHEN {sql} < 0 THEN -{billionths} ELSE {billionths} END"
        wholes, parts = f"SUM(CAST({text} AS INTEGER))", f"SUM({part})"
        whole, rest = f"({wholes} + {parts} / 1000000000)", f"({parts} % 1000000000)"
        # Both of one sign: 3 and -0.25 are 2 and 0.75.
        shift = f"CASE WHEN {whole} > 0 AND {rest} < 0 THEN 1 WHEN {whole} < 0 AND {rest} > 0 THEN -1 ELSE 0 END"
        whole, rest = f"({whole} - {shift})", f"({rest} + {shift} * 1000000000)"
        sign = f"CASE WHEN {whole} < 0 OR {rest} < 0 THEN '-' ELSE '' END"
        exact = f"printf('%s%d.%09d', {sign}, abs({whole}), abs({rest}))"
        return f"CASE WHEN MAX({text} LIKE '%e%') THEN SUM({sql}) ELSE {exact} END"

    def read_column(self, column: SourceColumn, wanted: str | None = None) -> ReadColumn:
        """As text, of the type that the declaration means by its name."""
        sql = self.quote(column.name)
        # The driver ends a text at its first NUL; there all of the column comes in hexadecimal.
        suspect = f"(typeof({sql}) = 'text' AND instr({sql}, char(0)) > 0)"
        guarded = f"CASE WHEN {sql} IS NOT NULL THEN hex({_text(sql)}) END"
        lossless = bool(re.search(r"int|char|text|uuid|date|time", column.type))
        return ReadColumn(
            column.name, _text(sql), pa.string(), pa.string(),
            lossless=lossless, suspect=suspect, guarded=guarded, in_hex=True,
        )  # fmt: skip

    def columns_of(self, table: str) -> Statement:
        """Declared types."""
        return Statement(
            "SELECT name, CASE type WHEN '' THEN 'any' ELSE type END, CASE WHEN \"notnull\" OR pk THEN 'NO' ELSE 'YES' END,"
            " NULL, NULL, NULL, NULL FROM pragma_table_info(?) ORDER BY cid",
            name_parts(table)[-1:],
        )

    def primary_key_of(self, table: str) -> Statement:
        """In the key's order."""
        return Statement("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", name_parts(table)[-1:])

    def indexes_of(self, table: str) -> Statement:
        """Whole ones over columns; the primary key stands for the rowid."""
        return Statement(
            "SELECT l.name, c.name FROM pragma_index_list(?) l, pragma_index_info(l.name) c"
            " WHERE NOT l.partial AND c.name IS NOT NULL"
            " UNION ALL SELECT 'primary', name FROM pragma_table_info(?) WHERE pk",
            name_parts(table)[-1:] * 2,
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


def _refuse_blob(kind: str) -> None:
    refuse_key(kind)
    if "blob" in kind:
        raise ConfigError(
            "a column of blobs cannot order rows", type=kind, next_step="Order by numbers or text, e.g. by hex(column)."
        )


def _text(sql: str) -> str:
    # The shortest text that gives the same real again: 0.1 and not 0.10000000000000001.
    short = " ".join(
        f"WHEN CAST(printf('%!.{digits}g', {sql}) AS REAL) = {sql} THEN printf('%!.{digits}g', {sql})"
        for digits in (15, 16)
    )
    return (
        f"CASE typeof({sql}) WHEN 'real' THEN CASE {short} ELSE printf('%!.17g', {sql}) END"
        f" WHEN 'blob' THEN 'x''' || hex({sql}) || '''' ELSE CAST({sql} AS TEXT) END"
    )
