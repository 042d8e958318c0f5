"""PostgreSQL 12 and later, through psqlodbc."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect, Rows, whole
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, SourceColumn, Statement
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["PostgreSql"]

_INTEGERS = ("smallint", "integer", "bigint")
_TABLE = "to_regclass(CAST(? AS text))"


class PostgreSql(Dialect):
    """The horizon is `pg_snapshot_xmin`: every transaction below it is finished (PostgreSQL 15, 9.27.9 and 5.5 `xmin`)."""

    name: ClassVar[str] = "postgresql"
    offers_horizon: ClassVar[bool] = True
    comparison: ClassVar[str] = "row_value"  # An index condition on all columns, also behind a constant first one.

    def cast(self, sql: str, kind: str) -> str:
        """As text of the standard; bytea from hexadecimal."""
        if kind == "bytea":
            return f"decode({sql}, 'hex')"
        return super().cast(sql, kind)

    def text_of(self, sql: str, kind: str) -> str:
        """The session's DateStyle is ISO and its zone UTC, so that instants keep their six digits."""
        if kind == "bytea":
            return f"encode({sql}, 'hex')"
        return super().text_of(sql, kind)

    def minus(self, sql: str, kind: str, lag: timedelta | int) -> str:
        """Seconds from instants, days from dates, units from numbers."""
        if isinstance(lag, int):
            return f"({sql} - {lag})"
        if kind == "date":
            return f"({sql} - {whole(lag, timedelta(days=1))})"
        return f"({sql} - interval '{lag.total_seconds():.6f} seconds')"

    def read_column(self, column: SourceColumn, wanted: str | None = None) -> ReadColumn:
        """Natural types; what psqlodbc would round or cannot carry goes through text."""
        name, kind, sql = column.name, column.type, self.quote(column.name)
        text = f"CAST({sql} AS text)"
        if kind in _INTEGERS:
            return ReadColumn(name, sql, pa.int64(), pa.int64(), lossless=True, packed=sql)
        if kind in ("double precision", "real"):
            # As text with all digits: psqlodbc gives float8 as float32.
            exact = f"CAST({sql} AS double precision)"
            return ReadColumn(name, exact, pa.float64(), pa.float64(), packed=exact)
        if match := re.fullmatch(r"numeric\((\d+),(-?\d+)\)", kind):
            precision, scale = int(match[1]), int(match[2])
            if 0 <= scale <= precision <= 38:
                number = pa.decimal128(precision, scale)
                return ReadColumn(name, sql, number, number, suspect=f"{sql} = 'NaN'", guarded=text, packed=sql)
        if kind == "boolean":
            return ReadColumn(name, sql, pa.bool_(), pa.bool_(), packed=sql)
        if kind == "date":
            suspect = _out_of_calendar(sql)
            return ReadColumn(name, sql, pa.date32(), pa.date32(), suspect=suspect, guarded=text, packed=sql)
        if match := re.fullmatch(r"timestamp(\(\d\))? (with|without) time zone", kind):
            zone = "UTC" if match[2] == "with" else None
            return ReadColumn(
                name, sql, pa.timestamp("us"), pa.timestamp("us", zone), suspect=_out_of_calendar(sql), guarded=text,
                packed=f"CAST({sql} AS timestamp)",
            )  # fmt: skip
        if kind == "uuid":
            # Bare: the cast to text costs the server as much as all other columns together.
            return ReadColumn(
                name, sql, pa.string(), pa.string(), text_size=36, lossless=True, lower=True, packed=sql
            )  # fmt: skip
        if kind == "bytea":
            return ReadColumn(name, f"encode({sql}, 'hex')", pa.string(), pa.string())
        if match := re.fullmatch(r"character varying\((\d+)\)", kind):
            return ReadColumn(name, sql, pa.string(), pa.string(), text_size=int(match[1]), lossless=True)
        if kind == "text":
            return ReadColumn(name, sql, pa.string(), pa.string(), lossless=True)
        if match := re.fullmatch(r"character\((\d+)\)", kind):
            # With its padding: the cast to text would drop it, and with it what the server holds.
            padded = f"rpad({text}, {match[1]})"
            return ReadColumn(name, padded, pa.string(), pa.string(), text_size=int(match[1]), lossless=True)
        return ReadColumn(name, text, pa.string(), pa.string())  # time, json, arrays, enums, unbounded numeric, ...

    def packed(self, expressions: Sequence[str]) -> str:
        """`concat` takes NULL for nothing, and a hundred arguments at the most."""
        values = ", ',', ".join(expressions)
        return f"concat({values}, E'\\n')"

    def columns_of(self, table: str) -> Statement:
        """`format_type` is what CAST takes."""
        return Statement(
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END,"
            " CAST(CASE WHEN a.atttypmod > 4 AND t.typname IN ('varchar', 'bpchar') THEN a.atttypmod - 4 END AS text),"
            " CAST(NULL AS text), CAST(NULL AS text), CAST(c.collname AS text)"
            " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation c ON c.oid = a.attcollation"
            f" WHERE a.attrelid = {_TABLE} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            (self.table(table),),
        )

    def primary_key_of(self, table: str) -> Statement:
        """In the key's order."""
        return Statement(
            "SELECT CAST(a.attname AS text) FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n)"
            " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
            f" WHERE i.indrelid = {_TABLE} AND i.indisprimary ORDER BY k.n",
            (self.table(table),),
        )

    def indexes_of(self, table: str) -> Statement:
        """Whole, valid B-trees over columns."""
        return Statement(
            "SELECT CAST(x.relname AS text), CAST(a.attname AS text) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid"
            " JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'"
            " CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n)"
            " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
            f" WHERE i.indrelid = {_TABLE} AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL"
            " AND k.n <= i.indnkeyatts ORDER BY x.relname, k.n",
            (self.table(table),),
        )

    def estimate_of(self, table: str) -> Statement:
        """Only ordinary and materialised tables show `xmin`."""
        return Statement(
            "SELECT CASE WHEN reltuples < 0 THEN NULL ELSE CAST(CAST(reltuples AS bigint) AS text) END,"
            f" CASE WHEN relkind IN ('r', 'm') THEN '1' ELSE '0' END FROM pg_class WHERE oid = {_TABLE}",
            (self.table(table),),
        )

    def session_setup(self, application: str, statement_timeout: float | None) -> tuple[str, ...]:
        """Read only and REPEATABLE READ for every transaction of the session."""
        return (
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
            "SET TIME ZONE 'UTC'",
            "SET datestyle = 'ISO, YMD'",
            "SET intervalstyle = 'postgres'",
            "SET extra_float_digits = 1",
            f"SET lock_timeout = {self.lock_timeout * 1000}",
            f"SET application_name = '{_plain(application)[:63]}'",
            *((f"SET statement_timeout = {int(statement_timeout * 1000)}",) if statement_timeout else ()),
        )

    def share_snapshot(self) -> Statement | None:
        """Valid for as long as this transaction is open."""
        return Statement("SELECT pg_export_snapshot()")

    def join_snapshot(self, shared: str) -> tuple[str, ...]:
        """The first statement of the transaction that joins."""
        return (f"SET TRANSACTION SNAPSHOT '{_plain(shared)}'",)

    def engine(self) -> Statement:
        """The database's own identity, so that a restored or another database is told from this one."""
        return Statement(
            "SELECT 'postgresql ' || current_setting('server_version_num')::int / 10000 || ' ' || current_database()"
            " || ' ' || datcollate FROM pg_database WHERE datname = current_database()"
        )

    def backend(self) -> Statement | None:
        """The server process."""
        return Statement("SELECT CAST(pg_backend_pid() AS text)")

    def cancel(self, backend: str) -> str | None:
        """Ends the statement and not the session."""
        return f"SELECT pg_cancel_backend({int(backend)})"

    def horizon(self) -> Statement | None:
        """Subtransactions have higher numbers than their transaction, so the lowest open one bounds them too."""
        return Statement(
            "SELECT CAST(pg_snapshot_xmin(s) AS text), CAST(pg_snapshot_xmax(s) AS text) FROM pg_current_snapshot() s"
        )

    def late_rows(self, horizon: str) -> tuple[str, tuple[str, ...]]:
        """`age` counts transactions in 32 bits: what is older than half the circle may be read once too often."""
        if not horizon.isdigit():
            raise ConfigError("not a horizon of PostgreSQL", horizon=horizon[:40], next_step="Rewind the source.")
        low = str(int(horizon) % 2**32)
        # A frozen row that wrapped around shows a negative age: it is read once more, and the merge does nothing.
        # In a subquery the horizon's age is worked out once, and not for each row.
        return "age(xmin) <= (SELECT age(CAST(CAST(? AS text) AS xid)))", (low,)

    def explain(self, statement: Statement) -> Statement | None:
        """As text lines."""
        return Statement(f"EXPLAIN {statement.sql}", statement.parameters)

    def plan_serves_order(self, rows: Rows) -> bool | None:
        """A sort of the page's rows is none that is read from an index."""
        return not any("Sort" in str(row[0]) for row in rows)

    def sampled(self, table: str, alias: str, share: float) -> str:
        """By blocks: fast, and good enough for quantiles."""
        return f"{table} {alias}" + (f" TABLESAMPLE SYSTEM ({share * 100:.6f}) REPEATABLE (1)" if share < 1 else "")


def _out_of_calendar(sql: str) -> str:
    """Infinity, and years that Arrow's readers or Python have not."""
    return f"({sql} < '0001-01-01' OR {sql} >= '10000-01-01')"


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isascii() and char.isprintable() and char not in "'\\")
