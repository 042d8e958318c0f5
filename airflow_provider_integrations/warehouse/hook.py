"""The warehouse's connection: the Snowflake provider's hook, and what an emulator needs besides.

Key-pair and every other way to log in stay the provider's. Of the extras, `host`, `port` and `protocol` point at an
emulator (`fakesnow`); `network_timeout` and `login_timeout` are seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.warehouse.driver_errors import translated

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

__all__ = ["WarehouseHook"]

_EMULATOR_TIMEOUT = 5  # The emulator answers a write conflict with HTTP 500, which the driver repeats until then.


class WarehouseHook(SnowflakeHook):
    """A Snowflake connection in UTC; the load sets its own autocommit and query tag.

    Args:
        snowflake_conn_id: An Airflow connection of type `snowflake`.
    """

    hook_name = "Snowflake (integrations)"

    def get_conn(self) -> SnowflakeConnection:
        """Connect.

        Raises:
            ConfigError: when the connection says something that the driver does not take.
            TransientError: when the warehouse cannot be reached.
        """
        from snowflake.connector import connect

        options = self.connect_options()
        with translated("connecting"):
            return connect(**options)

    def connect_options(self) -> dict[str, Any]:
        """Arguments for `snowflake.connector.connect`: the provider's, and the extras of an emulator.

        Raises:
            ConfigError: for a protocol that is not http or https, or a port or timeout that is no number.
        """
        options: dict[str, Any] = dict(self._get_conn_params())
        extras = self.get_connection(self.get_conn_id()).extra_dejson
        protocol = extras.get("protocol", "https")
        if protocol not in {"http", "https"}:
            raise ConfigError("the extra `protocol` must be http or https", protocol=str(protocol)[:20])
        if protocol == "http":
            # Plain text is for an emulator on this machine only; credentials must never cross a network like that.
            if extras.get("host") not in {"127.0.0.1", "::1", "localhost"}:
                raise ConfigError(
                    "the extra `protocol` may be http only for a host on this machine",
                    host=str(extras.get("host")),
                    next_step="Remove `protocol`, or point `host` at 127.0.0.1.",
                )
            options |= {"protocol": protocol, "network_timeout": _EMULATOR_TIMEOUT}
        for name in ("port", "network_timeout", "login_timeout"):
            if name in extras:
                try:
                    options[name] = int(extras[name])
                except (TypeError, ValueError):
                    raise ConfigError(f"the extra `{name}` must be a number", next_step="Correct it.") from None
        given = options.get("session_parameters") or {}
        options["session_parameters"] = {
            "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
            **given,
            "TIMEZONE": "UTC",
            "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
        }
        return options
