"""A DuckDB connection as SQLAlchemy sees it, so that Great Expectations pushes its work down into DuckDB.

Great Expectations chooses its SQL by the dialect's name and knows PostgreSQL, whose SQL DuckDB reads; what differs is
mended here. It is the small part that a gate needs (one table, no transactions), not a general dialect.

    url = register(connection)      # postgresql+apigate:///3f2a...
    ...
    release(url)
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGIdentifierPreparer

__all__ = ["GateDialect", "register", "release"]

_CONNECTIONS: dict[str, duckdb.DuckDBPyConnection] = {}

_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "BIGINT": sa.BigInteger,
    "BOOLEAN": sa.Boolean,
    "DATE": sa.Date,
    "DOUBLE": sa.Float,
    "INTEGER": sa.Integer,
    "TIME": sa.Time,
    "TIMESTAMP": sa.DateTime,
    "TIMESTAMP WITH TIME ZONE": sa.DateTime,
}


def register(connection: duckdb.DuckDBPyConnection) -> str:
    """Make an open connection reachable by a URL; `release` takes it back."""
    registry.register("postgresql.apigate", __name__, "GateDialect")
    token = uuid.uuid4().hex
    _CONNECTIONS[token] = connection
    return f"postgresql+apigate:///{token}"


def release(url: str) -> None:
    """Forget the connection behind a URL; it stays open."""
    _CONNECTIONS.pop(url.rsplit("/", 1)[-1], None)


class _Cursor:
    """A DB-API cursor over a DuckDB one; DuckDB takes its parameters as a list only."""

    rowcount = -1
    arraysize = 1

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._cursor = connection.cursor()

    @property
    def description(self) -> Any:
        return self._cursor.description

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self._cursor.execute(sql, list(parameters))

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchmany(self, size: int = 1) -> Any:
        return self._cursor.fetchmany(size)

    def fetchall(self) -> Any:
        return self._cursor.fetchall()

    def close(self) -> None:
        self._cursor.close()


class _Connection:
    """A DB-API connection that neither begins nor ends anything: the gate reads, and the connection is its caller's."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def cursor(self) -> _Cursor:
        return _Cursor(self._connection)

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class _DbApi:
    """The module-level names of a DB-API driver (PEP 249)."""

    apilevel = "2.0"
    threadsafety = 1
    paramstyle = "qmark"
    Error = duckdb.Error


class _Compiler(PGCompiler):
    """DuckDB's `~` wants the whole text to match; PostgreSQL's, which Great Expectations means, any part of it."""

    def visit_custom_op_binary(self, element: Any, operator: Any, **kwargs: Any) -> str:
        """Render PostgreSQL's regular expression operators as DuckDB's function."""
        if operator.opstring not in {"~", "!~"}:
            return str(super().visit_custom_op_binary(element, operator, **kwargs))  # type: ignore[no-untyped-call]
        call = f"regexp_matches({self.process(element.left, **kwargs)}, {self.process(element.right, **kwargs)})"
        return call if operator.opstring == "~" else f"NOT {call}"


class _Preparer(PGIdentifierPreparer):
    """Quotes every name: DuckDB reserves other words than PostgreSQL does."""

    def _requires_quotes(self, value: str) -> bool:
        return True


class GateDialect(PGDialect):
    """PostgreSQL's dialect over a DuckDB connection."""

    driver = "apigate"
    statement_compiler = _Compiler
    preparer = _Preparer
    default_paramstyle = "qmark"
    supports_statement_cache = False
    _backslash_escapes = False
    default_schema_name: ClassVar[str] = "main"  # type: ignore[misc]

    @classmethod
    def import_dbapi(cls) -> Any:
        """The driver's names."""
        return _DbApi

    def create_connect_args(self, url: sa.URL) -> Any:
        """The token in the URL is all that is needed."""
        return (url.database,), {}

    def connect(self, *cargs: Any, **cparams: Any) -> Any:
        """The connection that was registered under the token."""
        return _Connection(_CONNECTIONS[cargs[0]])

    def initialize(self, connection: Any) -> None:
        """Ask nothing: the version and the settings of a PostgreSQL server are not there."""

    def get_isolation_level_values(self, dbapi_conn: Any) -> Any:
        """There are no transactions."""
        return ["AUTOCOMMIT"]

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        """Whether a table or view is there."""
        return table_name in self.get_table_names(connection, schema)

    def get_table_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        """Names of all tables and views."""
        return [row[0] for row in connection.exec_driver_sql("SELECT table_name FROM information_schema.tables")]

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        """Names and types of a table's columns."""
        quoted = self.identifier_preparer.quote(table_name)
        rows = connection.exec_driver_sql(f"DESCRIBE {quoted}").fetchall()
        return [
            {"name": row[0], "type": _type(row[1]), "nullable": True, "default": None, "autoincrement": False}
            for row in rows
        ]

    def get_pk_constraint(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        """Parquet has no keys."""
        return {"constrained_columns": [], "name": None}


def _type(name: str) -> sa.types.TypeEngine[Any]:
    if name.startswith("DECIMAL"):
        return sa.Numeric()
    return _TYPES.get(name, sa.String)()
