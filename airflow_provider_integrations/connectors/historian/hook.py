"""Historians from Airflow connections: PI Web API (`pi_web_api`) and OPC UA Historical Access (`opcua_ha`).

settings = PIWebApiHook("plant1").settings()
async with open_history("plant1")() as reader:  # whichever of the two it is
    ...
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from airflow_provider_integrations.core.errors import ConfigError

if TYPE_CHECKING:
    from airflow_provider_integrations.connectors.historian.model import HistoryReader
    from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings
    from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings
    from airflow_provider_integrations.connectors.historian.publish import Producer

__all__ = ["OpcUaHistoryHook", "PIWebApiHook", "idempotent_producer", "open_history"]


class PIWebApiHook(BaseHook):
    """Reads the connection; whoever uses its settings sends requests.

    Args:
        pi_conn_id: Id of the connection.
    """

    conn_name_attr = "pi_conn_id"
    default_conn_name = "pi_web_api_default"
    conn_type = "pi_web_api"
    hook_name = "PI Web API"

    def __init__(self, pi_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.pi_conn_id = pi_conn_id

    def settings(self) -> PiSettings:
        """The connection's settings; every secret of it is masked in Airflow's logs from here on.

        Raises:
            ConfigError: for unknown, missing or wrong settings.
        """
        from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings

        given = self.get_connection(self.pi_conn_id)
        settings = PiSettings.from_connection(
            given.host, given.port, given.login, given.password, given.extra_dejson, given.schema
        )
        for secret in settings.secrets:
            mask_secret(secret)
        return settings

    def get_conn(self) -> PiSettings:
        """The same, as a hook must have it."""
        return self.settings()

    def test_connection(self) -> tuple[bool, str]:
        """Ask the service which data servers it shows."""
        try:
            from airflow_provider_integrations.connectors.historian.pi_client import test_connection

            return True, asyncio.run(test_connection(self.settings()))
        except Exception as error:  # the form shows the message, whatever went wrong
            return False, str(error) or type(error).__name__


class OpcUaHistoryHook(BaseHook):
    """Reads the connection; whoever uses its settings opens sessions.

    Args:
        opcua_conn_id: Id of the connection.
    """

    conn_name_attr = "opcua_conn_id"
    default_conn_name = "opcua_ha_default"
    conn_type = "opcua_ha"
    hook_name = "OPC UA Historical Access"

    def __init__(self, opcua_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.opcua_conn_id = opcua_conn_id

    def settings(self) -> OpcUaSettings:
        """The connection's settings; every secret of it is masked in Airflow's logs from here on.

        Raises:
            ConfigError: for unknown, missing or wrong settings.
        """
        from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings

        given = self.get_connection(self.opcua_conn_id)
        settings = OpcUaSettings.from_connection(
            given.host, given.port, given.login, given.password, given.extra_dejson, given.schema
        )
        for secret in settings.secrets:
            mask_secret(secret)
        return settings

    def get_conn(self) -> OpcUaSettings:
        """The same, as a hook must have it."""
        return self.settings()

    def test_connection(self) -> tuple[bool, str]:
        """Open a session and say whose it is."""
        try:
            from airflow_provider_integrations.connectors.historian.opcua_client import probe

            return True, asyncio.run(probe(self.settings()))
        except Exception as error:  # the form shows the message, whatever went wrong
            return False, str(error) or type(error).__name__


def open_history(conn_id: str) -> Callable[[], AbstractAsyncContextManager[HistoryReader]]:
    """What opens a reader of the historian that a connection leads to; its type says which protocol.

    Raises:
        ConfigError: the connection is of another type, or its settings are wrong.
    """
    kind = BaseHook.get_connection(conn_id).conn_type
    if kind == PIWebApiHook.conn_type:
        from airflow_provider_integrations.connectors.historian.pi_client import open_pi

        return partial(open_pi, PIWebApiHook(conn_id).settings())
    if kind == OpcUaHistoryHook.conn_type:
        from airflow_provider_integrations.connectors.historian.opcua_client import open_opcua

        return partial(open_opcua, OpcUaHistoryHook(conn_id).settings())
    raise ConfigError(
        "the connection leads to no historian",
        connection=conn_id,
        type=kind,
        next_step="Make it one of the type pi_web_api or opcua_ha.",
    )


def idempotent_producer(kafka_conn_id: str) -> Producer:
    """A producer by the Kafka provider's hook that adds no duplicates of its own, whatever else its connection says.

    Args:
        kafka_conn_id: Id of a connection of type `kafka`.
    """
    from airflow.providers.apache.kafka.hooks.produce import KafkaProducerHook

    from airflow_provider_integrations.connectors.historian.publish import PRODUCER

    class IdempotentProducerHook(KafkaProducerHook):
        def _get_client(self, config: dict[str, object]) -> Any:
            return super()._get_client({**config, **PRODUCER})

    return cast("Producer", IdempotentProducerHook(kafka_conn_id).get_producer())
