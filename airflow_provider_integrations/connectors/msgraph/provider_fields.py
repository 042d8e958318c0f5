"""A connection of the Microsoft provider's type `msgraph`, said in our own names.

Source: `airflow.providers.microsoft.azure.hooks.msgraph` (KiotaRequestAdapterHook), which names these extras.

>>> of_provider("graph.microsoft.com", "https", {"tenant_id": "t", "certificate_data": "pem", "drive_id": "d"})
('https://graph.microsoft.com', {'tenant_id': 't', 'private_key': 'pem'})
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["of_provider"]

_SAME = ("tenant_id", "api_version", "authority", "certificate_path")
_OTHER = {"tenantid": "tenant_id", "certificate_data": "private_key", "allowed_hosts": "trusted_hosts"}
_WITHOUT_USE = {"drive_id", "disable_instance_discovery"}
"""Of other hooks, or what follows from the authority."""


def of_provider(host: str | None, schema: str | None, extras: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The host and the extras as a connection of type `msgraph_delta` has them.

    Args:
        host: Host or URL; `base_url` stands before it.
        schema: Of the URL, where the host is no URL.
        extras: In lower case, without empty values.

    Raises:
        ConfigError: an extra cannot be honoured, e.g. `verify` that is off.
    """
    given: dict[str, Any] = {}
    for name, value in extras.items():
        if name in _SAME:
            given[name] = value
        elif name in _OTHER:
            given[_OTHER[name]] = value
        elif name == "verify":
            given |= _of_verify(value)
        elif name == "proxies":
            given |= _of_proxies(value)
        elif name == "trust_env":
            given["environment_proxies"] = value
        elif name == "scopes":
            given["scope"] = _of_scopes(value)
        elif name == "base_url":
            host, schema = str(value).strip(), None
        elif name not in _WITHOUT_USE:
            given[name] = value  # Refused by its name, or one of ours.
    if host and schema and "://" not in host:
        host = f"{schema}://{host}"
    return host, given


def _of_verify(value: Any) -> dict[str, Any]:
    if value in (True, "true", "True", "1"):
        return {}
    if value in (False, "false", "False", "0"):
        raise ConfigError(
            "certificates must be checked, and verify is off",
            next_step="Set verify to a PEM file with the certificates of the authority.",
        )
    return {"ca": str(value)}


def _of_proxies(value: Any) -> dict[str, Any]:
    proxies = value
    if isinstance(value, str):
        proxies = _mapping(value)
    if not isinstance(proxies, Mapping):
        raise ConfigError("proxies is no mapping", next_step='Give e.g. {"https": "http://proxy.example:3128"}.')
    proxy = proxies.get("https") or proxies.get("http") or ""
    return {name: text for name, text in (("proxy", proxy), ("no_proxy", proxies.get("no") or "")) if text}


def _mapping(text: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return None


def _of_scopes(value: Any) -> str:
    scopes = value.split(",") if isinstance(value, str) else value
    if not isinstance(scopes, list | tuple):
        raise ConfigError("scopes is no list", next_step="Give the scope of the service as text.")
    if len(scopes) != 1:
        raise ConfigError("one scope is needed", scopes=len(scopes), next_step="Keep the one of the service.")
    return str(scopes[0]).strip()
