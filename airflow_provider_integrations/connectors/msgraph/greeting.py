"""The connection test: one token, one request with it, and what they say of each other."""

from __future__ import annotations

import base64
import binascii
import json

from airflow_provider_integrations.connectors.msgraph.asking import ask, open_client
from airflow_provider_integrations.connectors.msgraph.model import Request
from airflow_provider_integrations.connectors.msgraph.settings import GraphSettings
from airflow_provider_integrations.core.errors import ConfigError, TransientError
from airflow_provider_integrations.system import utc_now

__all__ = ["greet", "roles_of"]


def greet(settings: GraphSettings) -> str:
    """Get a token, let the service see it, and say who answers and what the app may do.

    Raises:
        ConfigError: the app gets no token, or the service does not take it.
        TransientError: one of them cannot be reached or is busy.
    """
    token = settings.token()
    with open_client(settings.reach) as client:
        # Any answer of the service but 401 says that the token is good: what else may be read is the source's matter.
        answer = ask(client, Request(f"{settings.endpoint.url}/", {"Accept": "application/json"}), token, utc_now)
    if answer.status == 401:
        raise ConfigError(
            "the service does not take the app's token",
            service=settings.endpoint.url,
            scope=settings.resource_scope,
            next_step="Correct the cloud, the scope or the tenant.",
        )
    if 300 <= answer.status < 400:  # A gateway's page to log in at, e.g.; the token was not looked at.
        raise ConfigError(
            "something in between redirects, which is not followed",
            service=settings.endpoint.url,
            status=answer.status,
            next_step="Correct the host or the proxy.",
        )
    if answer.status == 429 or answer.status >= 500:
        raise TransientError(
            "the service is busy", service=settings.endpoint.url, status=answer.status, next_step="Try again later."
        )
    said = f"{settings.endpoint.url} takes the token of {settings.client_id or 'this identity'} in {settings.tenant}"
    roles = roles_of(token(False))
    if roles is None:
        return said
    return f"{said}; it may {', '.join(roles)}" if roles else f"{said}; no application permission is granted to it"


def roles_of(token: str) -> list[str] | None:
    """The application permissions that a token names, for a person to read; None where it cannot be read.

    A token is for its service alone, and its form may change (learn.microsoft.com/entra/identity-platform/access-tokens):
    nothing is decided by it.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    roles = claims.get("roles", []) if isinstance(claims, dict) else None
    return sorted(str(role) for role in roles) if isinstance(roles, list) else None
