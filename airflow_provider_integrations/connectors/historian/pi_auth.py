"""The ways to say who asks, one small class each: what it needs, what of it is secret, and how `httpx` is told.

Sources: PI Web API User Guide, "Authentication methods" (Kerberos, Basic, Bearer, Anonymous).
"""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Anonymous", "Auth", "Basic", "Bearer", "Kerberos"]


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody in particular, where the service allows it."""

    @property
    def secrets(self) -> list[str]:
        """None."""
        return []

    def of_httpx(self) -> httpx.Auth | None:
        """No header."""
        return None


@dataclass(frozen=True, slots=True)
class Basic:
    """A user of Windows and a password."""

    user: str
    password: str = field(repr=False)

    @property
    def secrets(self) -> list[str]:
        """What no log may show; a service may quote the header that it was sent."""
        return [self.password, base64.b64encode(f"{self.user}:{self.password}".encode()).decode()]

    def of_httpx(self) -> httpx.Auth | None:
        """A header with every request: a challenge for each would double them."""
        return httpx.BasicAuth(self.user, self.password)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token of an OpenID Connect provider.

    Args:
        token: As it is.
        path: File that another program renews, read again where the token is refused.
    """

    token: str = field(default="", repr=False)
    path: str = ""

    @property
    def secrets(self) -> list[str]:
        """What no log may show."""
        return [each for each in dict.fromkeys((self.token, self._read(quiet=True))) if each]

    def of_httpx(self) -> httpx.Auth | None:
        """A header with every request."""
        return _BearerAuth(self)

    def _read(self, *, quiet: bool = False) -> str:
        if not self.path:
            return self.token
        try:
            return Path(self.path).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            if quiet:
                return ""
        raise ConfigError("no token in the file", path=self.path, next_step="Look at who renews it.")


class _BearerAuth(httpx.Auth):
    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._token = self._token or self._bearer._read()
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == 401 and (fresh := self._bearer._read()) != self._token:
            self._token = fresh
            request.headers["Authorization"] = f"Bearer {fresh}"
            yield request


@dataclass(frozen=True, slots=True)
class Kerberos:
    """The ticket of the worker's user (SPNEGO), by the package `httpx-gssapi`.

    The service asks PI on our behalf, which needs constrained delegation from it to the Data Archive and the AF server: without
    it ("double hop") it answers for nobody, and finds no points.

    Args:
        delegate: Whether the ticket may be handed on, for unconstrained delegation.
    """

    delegate: bool = False

    @property
    def secrets(self) -> list[str]:
        """None of ours."""
        return []

    def of_httpx(self) -> httpx.Auth | None:
        """Answers the challenge of the service.

        Raises:
            ConfigError: the package is not there.
        """
        try:
            import httpx_gssapi  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            pass
        else:
            made: Any = httpx_gssapi.HTTPSPNEGOAuth(
                mutual_authentication=httpx_gssapi.OPTIONAL, opportunistic_auth=True, delegate=self.delegate
            )
            found: httpx.Auth = made
            return found
        raise ConfigError(
            "Kerberos needs the package httpx-gssapi",
            next_step="Install airflow-provider-integrations[kerberos], and get a ticket by kinit or a keytab.",
        )


Auth = Anonymous | Basic | Bearer | Kerberos
