"""A database over ODBC from an Airflow connection of type `odbc_keyset`, or the ODBC provider's `odbc`.

    with OdbcSession.open(OdbcKeysetHook("erp").settings()) as session:
        ...

Pages are read by arrow-odbc; `get_conn` gives a plain pyodbc connection for whatever else a task wants to ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["OdbcKeysetHook"]


class OdbcKeysetHook(BaseHook):
    """Reads the connection; whoever uses its settings opens the session.

    It is not a subclass of the ODBC provider's `OdbcHook`, which would put every extra into the connection string, and its
    values without the escaping that ODBC asks for; connections of its type are read all the same, under our allow-list.

    Args:
        odbc_conn_id: Id of the connection.
    """

    conn_name_attr = "odbc_conn_id"
    default_conn_name = "odbc_keyset_default"
    conn_type = "odbc_keyset"
    hook_name = "ODBC by keyset"

    def __init__(self, odbc_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.odbc_conn_id = odbc_conn_id

    def settings(self) -> OdbcSettings:
        """The connection's settings; every secret of it is masked in Airflow's logs from here on.

        Raises:
            ConfigError: for unknown, missing or wrong settings.
        """
        settings = _settings(self.get_connection(self.odbc_conn_id))
        for secret in settings.secrets:
            mask_secret(secret)
        return settings

    def get_conn(self) -> Any:
        """A pyodbc connection with all that its driver needs to type rightly; autocommit.

        Raises:
            ConfigError: for wrong settings, or where pyodbc or the driver manager is not installed.
        """
        from airflow_provider_integrations.connectors.odbc.probing import connect_pyodbc

        settings = self.settings()
        return connect_pyodbc(settings.connection_string, settings.login_timeout)

    def test_connection(self) -> tuple[bool, str]:
        """Connect, set the session up, and say which engine answers by which driver, how, and what it can promise.

        Where a driver or the driver manager is missing, it says what to install.
        """
        try:
            from airflow_provider_integrations.connectors.odbc.answering import answer_of
            from airflow_provider_integrations.connectors.odbc.session import OdbcSession

            with OdbcSession.open(self.settings(), application="connection test") as session:
                return True, answer_of(session)
        except Exception as error:  # the form shows the message, whatever went wrong
            return False, str(error) or type(error).__name__


def _settings(connection: Connection) -> OdbcSettings:
    return OdbcSettings.from_connection(
        connection.host,
        connection.port,
        connection.login,
        connection.password,
        connection.schema,
        connection.extra_dejson,
        conn_type=connection.conn_type or "odbc_keyset",
    )
