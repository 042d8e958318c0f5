"""A partner's SFTP server and OpenPGP keys from an Airflow connection of type `sftp_pgp`.

    settings = SftpPgpHook("sftp_pgp_acme").settings()
    async with SftpClient.connect(settings) as client: ...

A connection that is missing stays Airflow's own `AirflowNotFoundException`, which may be tried again: Airflow raises
it too when a secrets backend did not answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.log import amask_secret, mask_secret

from airflow_provider_integrations.connectors.sftp_pgp.settings import SftpSettings

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["SftpPgpHook"]

_LOOK = 1_000_000  # entries; the test only asks whether the folder can be listed


class SftpPgpHook(BaseHook):
    """Reads the connection; whoever uses its settings opens the link.

    Args:
        sftp_pgp_conn_id: Id of the connection.
    """

    conn_name_attr = "sftp_pgp_conn_id"
    default_conn_name = "sftp_pgp_default"
    conn_type = "sftp_pgp"
    hook_name = "SFTP with OpenPGP"

    def __init__(self, sftp_pgp_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sftp_pgp_conn_id = sftp_pgp_conn_id

    def settings(self) -> SftpSettings:
        """The connection's settings; every secret of it is masked in Airflow's logs from here on.

        Raises:
            ConfigError: for unknown, missing or wrong settings.
        """
        connection = self.get_connection(self.sftp_pgp_conn_id)
        settings = _settings(connection, connection.extra_dejson)
        for secret in settings.secrets:
            mask_secret(secret)
        return settings

    async def asettings(self) -> SftpSettings:
        """As `settings`, for a trigger."""
        connection = await self.aget_connection(self.sftp_pgp_conn_id)
        settings = _settings(connection, await connection.aextra_dejson())
        for secret in settings.secrets:
            await amask_secret(secret)
        return settings

    def get_conn(self) -> SftpSettings:
        """The settings: a connection to the server belongs to one event loop and is opened where it is used."""
        return self.settings()

    def test_connection(self) -> tuple[bool, str]:
        """Connect, check the host key and list the root; without a pinned host key the message says what to pin."""
        try:
            found = asyncio.run(_look(self.settings()))
        except Exception as error:  # the form shows the message, whatever went wrong
            return False, str(error) or type(error).__name__
        return True, f"Connected; the host key is the one that was pinned; {found} files in the root folder."


async def _look(settings: SftpSettings) -> int:
    from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient

    async with SftpClient.connect(settings) as client:
        return len(await client.list_files("/", max_files=_LOOK))


def _settings(connection: Connection, extras: dict[str, Any]) -> SftpSettings:
    return SftpSettings.from_connection(connection.host, connection.port, connection.login, connection.password, extras)
