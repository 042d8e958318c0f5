"""How a session connects: once for itself, and again for what must not disturb its transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_integrations.connectors.odbc import probing
from airflow_provider_integrations.connectors.odbc.dialects import Dialect
from airflow_provider_integrations.connectors.odbc.pyodbc_line import PyodbcLine

__all__ = ["Connector"]


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens connections to one source.

    Args:
        dialect: How the engine is spoken to.
        connection_string: With all that its driver needs; it may hold a password.
        login_timeout: Seconds.
        setup: Statements that make a connection one of this session: UTC, read only, ...
    """

    dialect: Dialect
    connection_string: str = field(repr=False)
    login_timeout: int
    setup: tuple[str, ...]

    def main(self) -> Any:
        """The connection that is read through, not set up yet."""
        return probing.connect(self.dialect, self.connection_string, self.login_timeout)

    def pyodbc(self, *, autocommit: bool = False) -> Any:
        """One of pyodbc's, not set up."""
        return probing.connect_pyodbc(self.connection_string, self.login_timeout, autocommit=autocommit)

    def another(self) -> Any:
        """A second connection of the kind that is read through, set up."""
        return self._set_up(self.main())

    def line(self) -> PyodbcLine:
        """A second connection through pyodbc, set up."""
        line: PyodbcLine = self._set_up(PyodbcLine(self.pyodbc()))
        return line

    def _set_up(self, connection: Any) -> Any:
        for sql in self.setup:
            connection.execute(sql)
        connection.commit()
        return connection
