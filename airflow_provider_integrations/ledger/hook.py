"""The ledger from an Airflow connection of type `integrations_ledger`: PostgreSQL, or a SQLite file.

    ledger = LedgerHook().ledger()

There is no ledger by default, and a connection that cannot be read is never replaced by one: an empty ledger would
take every file in again.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, conf
from airflow.sdk.log import amask_secret, mask_secret
from pydantic import BaseModel, ConfigDict
from sqlalchemy import URL, make_url

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.settings import read_extras

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["LedgerExtras", "LedgerHook", "ledger_url"]


class LedgerExtras(BaseModel):
    """What the connection's extras may hold.

    Args:
        path: The SQLite file, absolute; instead of a host.
        sslmode, sslrootcert: As in libpq.
        connect_timeout: Seconds until PostgreSQL has answered.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    path: str | None = None
    sslmode: str | None = None
    sslrootcert: str | None = None
    connect_timeout: int = 10


class LedgerHook(BaseHook):
    """Gives the `Ledger` of this deployment.

    Args:
        ledger_conn_id: Id of the connection; `[integrations] ledger_connection` without one.
    """

    conn_name_attr = "ledger_conn_id"
    default_conn_name = "integrations_ledger"
    conn_type = "integrations_ledger"
    hook_name = "Integrations ledger"

    def __init__(self, ledger_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id or conf.get(
            "integrations", "ledger_connection", fallback=self.default_conn_name
        )

    def ledger(self) -> Ledger:
        """The ledger; one engine for each process and connection. `integrations ledger migrate` makes its tables.

        Raises:
            ConfigError: for settings that fit neither engine.
        """
        connection = self.get_connection(self.ledger_conn_id)
        if connection.password:
            mask_secret(connection.password)
        return _opened(_url(self.ledger_conn_id, connection, connection.extra_dejson))

    async def aledger(self) -> Ledger:
        """As `ledger`, for a trigger; its methods block and belong into `asyncio.to_thread`."""
        connection = await self.aget_connection(self.ledger_conn_id)
        if connection.password:
            await amask_secret(connection.password)
        url = _url(self.ledger_conn_id, connection, await connection.aextra_dejson())
        return await asyncio.to_thread(_opened, url)

    def get_conn(self) -> Ledger:
        """As `ledger`."""
        return self.ledger()

    def test_connection(self) -> tuple[bool, str]:
        """Open the ledger and read from it."""
        try:
            items = self.ledger().items.list(limit=1)
        except Exception as error:  # the form shows the message, whatever went wrong
            return False, str(error) or type(error).__name__
        return True, "The ledger answers" + (" and holds work items." if items else " and is empty.")


def ledger_url(
    *,
    host: str | None,
    port: int | None,
    login: str | None,
    password: str | None,
    database: str | None,
    extras: LedgerExtras,
) -> str:
    """The SQLAlchemy URL; names and passwords are escaped, so that they may hold any character.

    Raises:
        ConfigError: when both or neither of a host and a file are given, and for a relative file.
    """
    if bool(host) == bool(extras.path):
        raise ConfigError(
            "the ledger needs either a host or a file",
            next_step="Give host and database for PostgreSQL, or the extra `path` for SQLite.",
        )
    if extras.path:
        if not Path(extras.path).is_absolute():
            raise ConfigError(
                "the ledger's file is relative, and each worker would open its own",
                path=extras.path,
                next_step="Give an absolute path.",
            )
        file = URL.create("sqlite", database=extras.path).render_as_string(hide_password=False)
        if make_url(file).database != extras.path:
            raise ConfigError(
                "the ledger's file cannot be named in a URL", path=extras.path, next_step="Use a path without '?'."
            )
        return file
    query = {"connect_timeout": str(extras.connect_timeout)}
    query |= {name: value for name in ("sslmode", "sslrootcert") if (value := getattr(extras, name))}
    url = URL.create("postgresql+psycopg", login, password, host, port, database, query)
    return url.render_as_string(hide_password=False)


def _url(conn_id: str, connection: Connection, given: dict[str, Any]) -> str:
    # A form sends what was left empty as empty text.
    extras = read_extras(
        LedgerExtras, {key: value for key, value in given.items() if value not in (None, "")}, f"connection {conn_id}"
    )
    return ledger_url(
        host=connection.host,
        port=connection.port,
        login=connection.login,
        password=connection.password,
        database=connection.schema,
        extras=extras,
    )


@lru_cache(maxsize=8)
def _opened(url: str) -> Ledger:
    from airflow_provider_integrations.ledger.ledger import Ledger

    return Ledger.connect(url)
