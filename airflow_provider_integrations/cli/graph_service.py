"""How commands of `integrations graph` reach the service: its root, an access token of the environment, and whom to trust."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

if TYPE_CHECKING:
    from airflow_provider_integrations.connectors.msgraph.hosts import Endpoint
    from airflow_provider_integrations.connectors.msgraph.reach import Reach

__all__ = ["KEY", "BaseUrl", "Ca", "TokenEnv", "reach_of", "service_root", "token_of"]

KEY = "INTEGRATIONS_GRAPH_STATE_KEY"
"""Environment variable with the Fernet keys, the first of which writes."""

BaseUrl = Annotated[str, typer.Option(help="Service root, e.g. https://graph.microsoft.com/v1.0.")]
TokenEnv = Annotated[
    str | None, typer.Option(help="Name of the environment variable with the access token; none is sent without it.")
]
Ca = Annotated[Path | None, typer.Option(help="PEM file of the authorities to trust; the system's without it.")]


def service_root(base_url: str) -> Endpoint:
    """The service root. Whoever types a host has named it; links are followed to no other."""
    from airflow_provider_integrations.connectors.msgraph.hosts import endpoint

    return endpoint(base_url, named=(_host(base_url),))


def reach_of(root: Endpoint, ca: Path | None) -> Reach:
    """How the root is reached; plain HTTP is for this machine alone."""
    from airflow_provider_integrations.connectors.msgraph.reach import Reach

    return Reach(ca=ca, plain=root.url.lower().startswith("http:"))


def token_of(name: str | None) -> Callable[[bool], str]:
    """The access token of an environment variable, whenever it is asked for.

    Raises:
        ConfigError: the variable is empty.
    """
    from airflow_provider_integrations.core.errors import ConfigError

    token = os.environ.get(name, "").strip() if name is not None else ""
    if name is not None and not token:
        raise ConfigError("no access token in the environment", variable=name, next_step="Set it, or name another one.")
    return lambda fresh: token


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # `endpoint` says what is wrong with it.
        return ""
