"""The first words with a source: which engine it is, that the session speaks UTC, and what its catalogue says.

Wrong settings of a session are often ignored without a word (psqlodbc's `ConnSettings` is), so the server is asked.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow_provider_integrations.connectors.odbc.dialects import Dialect, dialect_for, dialect_named
from airflow_provider_integrations.connectors.odbc.keywords import family_of
from airflow_provider_integrations.connectors.odbc.model import Statement, TableFacts
from airflow_provider_integrations.connectors.odbc.pyodbc_line import PyodbcLine
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.template_columns import describe_sql, facts_of_template
from airflow_provider_integrations.core.errors import ConfigError

if TYPE_CHECKING:
    from airflow_provider_integrations.connectors.odbc.session import OdbcSession

__all__ = ["connect", "connect_pyodbc", "facts", "meet", "verify_utc"]

# Each gives one text, the session's distance from UTC as the server counts it.
_UTC_CHECKS: dict[str, tuple[str, str]] = {
    "postgresql": ("SELECT CAST(CAST(extract(timezone FROM now()) AS integer) AS text)", "0"),
    "mariadb": ("SELECT CAST(TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW()) AS CHAR(20))", "0"),
    "oracle": ("SELECT SESSIONTIMEZONE FROM dual", "+00:00"),
    "snowflake": ("SELECT TO_CHAR(CURRENT_TIMESTAMP, 'TZHTZM')", "+0000"),
}  # fmt: skip


def meet(settings: OdbcSettings) -> tuple[Dialect, str]:
    """The dialect of a source, and the connection string with all that its driver needs.

    A DSN's driver is not known before: it is connected to once and asked.
    """
    family = settings.family
    if family is not None:
        return dialect_named(family), settings.with_defaults(family)
    import pyodbc

    with closing(connect_pyodbc(settings.connection_string, settings.login_timeout)) as first:
        product, driver = first.getinfo(pyodbc.SQL_DBMS_NAME), first.getinfo(pyodbc.SQL_DRIVER_NAME)
    dialect = dialect_for(str(product), str(driver))
    return dialect, settings.with_defaults(family_of(str(driver)) or dialect.name)


def connect(dialect: Dialect, connection_string: str, login_timeout: int) -> Any:
    """The connection that a source is read through, whose transactions are ours: arrow-odbc's where it can.

    SQLite's driver says of every expression that its texts have 255 characters at most, and arrow-odbc believes it:
    SQLite is read through pyodbc, which asks on until a value is whole.
    """
    if dialect.name == "sqlite":
        return PyodbcLine(connect_pyodbc(connection_string, login_timeout, autocommit=False))
    arrow_odbc = _arrow_odbc()
    return arrow_odbc.connect(connection_string, login_timeout_sec=login_timeout, autocommit=False)


def connect_pyodbc(connection_string: str, login_timeout: int, *, autocommit: bool = True) -> Any:
    """A pyodbc connection."""
    try:
        import pyodbc
    except ImportError as error:
        raise _missing("pyodbc", error) from None
    pyodbc.pooling = False  # A pooled connection keeps what an earlier one set.
    return pyodbc.connect(connection_string, timeout=login_timeout, autocommit=autocommit)


def verify_utc(session: OdbcSession) -> None:
    """Ask the server how far its clock stands from UTC in this session.

    Raises:
        ConfigError: when it is not UTC: naive timestamps would be read as other instants than they are.
    """
    check = _UTC_CHECKS.get(session.dialect.name)
    if check is None:
        return
    sql, wanted = check
    answer = str(session.rows(Statement(sql))[0][0])
    if answer != wanted:
        raise ConfigError(
            "the session does not speak UTC although it was told to",
            engine=session.dialect.name,
            answer=answer,
            next_step="Remove what sets a time zone from the DSN, the role or the database.",
        )


def facts(session: OdbcSession, table: str | None, template: str | None) -> TableFacts:
    """What the catalogue says of a table, or of what a template gives."""
    dialect = session.dialect
    if template is not None:
        return facts_of_template(dialect, template, session.describe(describe_sql(template)), session.rows)
    if table is None:
        raise ConfigError("neither a table nor a template was named", next_step="Name one of them.")
    columns = session.rows(dialect.columns_of(table))
    if not columns:
        raise ConfigError(
            "the source has no such table, or this login may not see it",
            table=table,
            next_step="Check its name, schema and the grants.",
        )
    found: TableFacts = dialect.facts_from(
        table,
        columns,
        session.rows(dialect.primary_key_of(table)),
        session.rows(dialect.indexes_of(table)),
        session.rows(dialect.estimate_of(table)),
    )
    return found


def _arrow_odbc() -> Any:
    try:
        import arrow_odbc
    except (ImportError, OSError) as error:
        raise _missing("arrow-odbc", error) from None
    return arrow_odbc


def _missing(package: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"{package} does not load",
        problem=str(error)[:200],
        next_step="Install the extra `odbc` and the driver manager (Debian: apt-get install unixodbc).",
    )
