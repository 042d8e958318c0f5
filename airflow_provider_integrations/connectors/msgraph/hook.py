"""Microsoft Graph or Dataverse from an Airflow connection of type `msgraph_delta`, or the Microsoft provider's `msgraph`.

settings = MSGraphDeltaHook("entra").settings()
"""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from airflow_provider_integrations.connectors.msgraph.settings import GraphSettings

__all__ = ["MSGraphDeltaHook"]


class MSGraphDeltaHook(BaseHook):
    """Reads the connection; whoever uses its settings asks for tokens and sends requests.

    Args:
        msgraph_conn_id: Id of the connection.
    """

    conn_name_attr = "msgraph_conn_id"
    default_conn_name = "msgraph_delta_default"
    conn_type = "msgraph_delta"
    hook_name = "Microsoft Graph delta"

    def __init__(self, msgraph_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.msgraph_conn_id = msgraph_conn_id

    def settings(self) -> GraphSettings:
        """The connection's settings; every secret of it is masked in Airflow's logs from here on.

        Raises:
            ConfigError: for unknown, missing or wrong settings.
        """
        connection = self.get_connection(self.msgraph_conn_id)
        settings = GraphSettings.from_connection(
            connection.host,
            connection.port,
            connection.login,
            connection.password,
            connection.extra_dejson,
            conn_type=connection.conn_type or self.conn_type,
            schema=connection.schema,
        )
        for secret in settings.secrets:
            mask_secret(secret)
        return settings

    def get_conn(self) -> GraphSettings:
        """The same, as a hook must have it."""
        return self.settings()

    def test_connection(self) -> tuple[bool, str]:
        """Ask for a token and let the service see it; says what the app may do, where its token tells."""
        try:
            from airflow_provider_integrations.connectors.msgraph.greeting import greet

            return True, greet(self.settings())
        except Exception as error:  # the form shows the message, whatever went wrong
            return False, str(error) or type(error).__name__
