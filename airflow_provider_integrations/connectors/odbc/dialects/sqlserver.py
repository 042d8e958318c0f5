"""SQL Server 2016 and later, through Microsoft's driver."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.dialects.dialect import Dialect, refuse_key, whole
from airflow_provider_integrations.connectors.odbc.model import ReadColumn, SourceColumn, Statement
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["SqlServer"]

_CHARACTERS = re.compile(r"n?(var)?char")
_BINARY = re.compile(r"(rowversion|timestamp|(var)?binary)")


class SqlServer(Dialect):
    """The horizon is `min_active_rowversion()`; it bounds a cursor that is the table's rowversion."""

    name: ClassVar[str] = "sqlserver"
    offers_horizon: ClassVar[bool] = True
    comparison: ClassVar[str] = "nested"
    text: ClassVar[str] = "nvarchar(4000)"
    counted: ClassVar[str] = "COUNT_BIG(*)"  # COUNT(*) has 31 bits.

    def cast(self, sql: str, kind: str) -> str:
        """`datetime` through datetime2(3), which keeps .003 and .007; binary from hexadecimal, style 2."""
        refuse_key(kind)
        if _BINARY.match(kind):
            width = "binary(8)" if kind in ("timestamp", "rowversion") else "varbinary(8000)"
            return f"CONVERT({width}, {sql}, 2)"
        if kind == "datetime":
            return f"CAST(CAST({sql} AS datetime2(3)) AS datetime)"
        if kind.startswith(("datetimeoffset", "datetime2", "smalldatetime", "date", "time")):
            return f"CAST({sql} AS {kind})"
        # To the column's own type: a varchar column would itself be cast to a parameter's nvarchar, and leave its index.
        # The column's collation stays, for a cast parameter's is only coercible.
        return f"CAST({sql} AS {kind})"

    def text_of(self, sql: str, kind: str) -> str:
        """Style 126 is ISO 8601 with all the digits the type has, 127 the same with its zone."""
        refuse_key(kind)
        if _BINARY.match(kind):
            return f"CONVERT(varchar(8000), CAST({sql} AS varbinary(8000)), 2)"
        if kind.startswith("datetimeoffset"):
            return f"CONVERT(varchar(40), SWITCHOFFSET({sql}, 0), 127)"
        if kind.startswith(("datetime", "smalldatetime", "date", "time")):
            return f"CONVERT(varchar(40), {sql}, 126)"
        return sql if _CHARACTERS.match(kind) else super().text_of(sql, kind)

    def minus(self, sql: str, kind: str, lag: timedelta | int) -> str:
        """In milliseconds, or days."""
        if isinstance(lag, int):
            return f"({sql} - {lag})"
        if kind == "date":
            return f"DATEADD(day, -{whole(lag, timedelta(days=1))}, {sql})"
        seconds, rest = divmod(whole(lag, timedelta(milliseconds=1)), 1000)
        return f"DATEADD(millisecond, -{rest}, DATEADD(second, -{seconds}, {sql}))"

    def first_rows(self, select: str, rows: int) -> str:
        """TOP."""
        return select.replace("SELECT ", f"SELECT TOP ({int(rows)}) ", 1)

    def total(self, sql: str, kind: pa.DataType | None) -> str:
        """A sum of whole numbers has their own type, and overflows."""
        return f"SUM(CAST({sql} AS decimal(38,0)))" if kind is not None and pa.types.is_integer(kind) else f"SUM({sql})"

    def read_column(self, column: SourceColumn, wanted: str | None = None) -> ReadColumn:
        """Natural types; seven digits and zones as text, so that nothing is rounded."""
        name, kind, sql = column.name, column.type, self.quote(column.name)
        if kind in ("tinyint", "smallint", "int", "bigint"):
            return ReadColumn(name, sql, pa.int64(), pa.int64(), lossless=True)
        if kind in ("float", "real"):
            return ReadColumn(name, f"CAST({sql} AS float)", pa.float64(), pa.float64())
        if match := re.fullmatch(r"(?:decimal|numeric)\((\d+),(\d+)\)", kind):
            exact = pa.decimal128(int(match[1]), int(match[2]))
            return ReadColumn(name, sql, exact, exact, lossless=True)
        if kind in ("money", "smallmoney"):
            exact = pa.decimal128(19, 4)
            return ReadColumn(name, f"CAST({sql} AS decimal(19,4))", exact, exact)
        if kind == "bit":
            return ReadColumn(name, sql, pa.bool_(), pa.bool_())
        if kind == "date":
            return ReadColumn(name, sql, pa.date32(), pa.date32(), lossless=True)
        if kind.startswith(("datetime", "smalldatetime", "time")) or _BINARY.match(kind):
            return ReadColumn(name, self.text_of(sql, kind), pa.string(), pa.string())
        if kind == "uniqueidentifier":
            return ReadColumn(name, f"LOWER(CONVERT(char(36), {sql}))", pa.string(), pa.string(), 36, lossless=True)
        if match := re.fullmatch(r"n?(?:var)?char\((\d+)\)", kind):
            return ReadColumn(name, sql, pa.string(), pa.string(), text_size=int(match[1]), lossless=True)
        return ReadColumn(name, f"CAST({sql} AS nvarchar(max))", pa.string(), pa.string())

    def columns_of(self, table: str) -> Statement:
        """Types with their lengths, as CAST takes them."""
        return Statement(
            "SELECT c.name, CASE WHEN t.name IN ('decimal', 'numeric') THEN CONCAT(t.name, '(', c.precision, ',', c.scale, ')')"
            " WHEN t.name IN ('datetime2', 'datetimeoffset', 'time') THEN CONCAT(t.name, '(', c.scale, ')')"
            " WHEN t.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN CONCAT(t.name, '(', c.max_length / 2, ')')"
            " WHEN t.name IN ('char', 'varchar', 'binary', 'varbinary') AND c.max_length > 0"
            " THEN CONCAT(t.name, '(', c.max_length, ')')"
            " WHEN c.max_length = -1 THEN CONCAT(t.name, '(max)') ELSE t.name END,"
            " CASE WHEN c.is_nullable = 1 THEN 'YES' ELSE 'NO' END, CAST(NULLIF(c.max_length, -1) AS varchar(20)),"
            " CAST(c.precision AS varchar(20)), CAST(c.scale AS varchar(20)), c.collation_name"
            " FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.system_type_id"
            " WHERE c.object_id = OBJECT_ID(?) ORDER BY c.column_id",
            (self.table(table),),
        )

    def primary_key_of(self, table: str) -> Statement:
        """In the key's order."""
        return Statement(
            "SELECT c.name FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id"
            " AND k.index_id = i.index_id JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id"
            " WHERE i.object_id = OBJECT_ID(?) AND i.is_primary_key = 1 ORDER BY k.key_ordinal",
            (self.table(table),),
        )

    def indexes_of(self, table: str) -> Statement:
        """Row stores without a filter."""
        return Statement(
            "SELECT i.name, c.name FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id"
            " AND k.index_id = i.index_id JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id"
            " WHERE i.object_id = OBJECT_ID(?) AND i.type IN (1, 2) AND i.has_filter = 0 AND k.is_included_column = 0"
            " ORDER BY i.name, k.key_ordinal",
            (self.table(table),),
        )

    def estimate_of(self, table: str) -> Statement:
        """Rows of the heap or clustered index; a table with a rowversion has a horizon."""
        name = self.table(table)
        return Statement(
            "SELECT CAST(SUM(p.rows) AS varchar(20)), CASE WHEN EXISTS (SELECT 1 FROM sys.columns c"
            " WHERE c.object_id = OBJECT_ID(?) AND c.system_type_id = 189) THEN '1' ELSE '0' END"
            " FROM sys.partitions p WHERE p.object_id = OBJECT_ID(?) AND p.index_id IN (0, 1)",
            (name, name),
        )

    def session_setup(self, application: str, statement_timeout: float | None) -> tuple[str, ...]:
        """SNAPSHOT, which the database must allow (`ALLOW_SNAPSHOT_ISOLATION`); the name goes into the connection string."""
        return (
            "SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
            "SET DATEFORMAT ymd",
            f"SET LOCK_TIMEOUT {self.lock_timeout * 1000}",
        )

    def engine(self) -> Statement:
        """Product, major version, database and its collation."""
        return Statement(
            "SELECT CONCAT('sqlserver ', CAST(SERVERPROPERTY('ProductMajorVersion') AS varchar(10)), ' ', DB_NAME(), ' ',"
            " CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS varchar(128)))"
        )

    def backend(self) -> Statement | None:
        """The session's number."""
        return Statement("SELECT CAST(@@SPID AS varchar(10))")

    def cancel(self, backend: str) -> str | None:
        """There is no ending a statement alone: the session is ended."""
        return f"KILL {int(backend)}"

    def horizon(self) -> Statement | None:
        """The lowest rowversion of an open transaction, and the last that was given."""
        return Statement("SELECT CONVERT(varchar(16), min_active_rowversion(), 2), CONVERT(varchar(16), @@DBTS, 2)")

    def late_rows(self, horizon: str) -> tuple[str, tuple[str, ...]]:
        """None: pages end below the horizon, so nothing comes behind them."""
        if not re.fullmatch(r"[0-9A-Fa-f]{16}", horizon):
            raise ConfigError("not a horizon of SQL Server", horizon=horizon[:40], next_step="Rewind the source.")
        return "1 = 0", ()

    def change_versions(self, table: str) -> Statement:
        """Of the database, and of the table."""
        return Statement(
            "SELECT CAST(CHANGE_TRACKING_CURRENT_VERSION() AS nvarchar(20)),"
            " CAST(CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(?)) AS nvarchar(20))",
            (self.table(table),),
        )

    def changes(self, table: str, since: int) -> str:
        """The net change of each key."""
        return f"CHANGETABLE(CHANGES {self.table(table)}, {int(since)})"

    def sampled(self, table: str, alias: str, share: float) -> str:
        """By pages."""
        sample = f" TABLESAMPLE SYSTEM ({share * 100:.6f} PERCENT) REPEATABLE (1)" if share < 1 else ""
        return f"{table} {alias}{sample}"

    def hashed(self, sql: str) -> str:
        """From the digest's first eight bytes, less the lowest four bits."""
        return (
            f"CAST(CAST(CONVERT(bigint, CONVERT(binary(8), '0x0' + LEFT(CONVERT(varchar(32), HASHBYTES('MD5',"
            f" CAST({sql} AS varchar(8000))), 2), 15), 1)) AS bigint) AS decimal(38,0))"
        )
