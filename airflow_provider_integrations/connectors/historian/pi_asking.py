"""The only file that talks to a socket for PI Web API: one request by `httpx`, and what its failures mean.

Nothing but the root of the settings is ever asked: redirects are not followed, and links of answers are not used. No error
carries what the driver said, only its class.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from airflow_provider_integrations.connectors.historian.model import WindowTooLargeError
from airflow_provider_integrations.connectors.historian.pi_answers import message_of
from airflow_provider_integrations.connectors.historian.pi_model import Request, Response
from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    RateLimitedError,
    StalledError,
    SystemicError,
    TransientError,
)
from airflow_provider_integrations.core.redaction import Redactor
from airflow_provider_integrations.quiet_requests import quiet_requests

__all__ = ["Line", "busy", "open_line"]

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "X-Requested-With": "XMLHttpRequest"}
"""Without X-Requested-With the service refuses a POST ("EnableCSRFDefense")."""


_CONNECT = 12.0
"""Seconds."""


@asynccontextmanager
async def open_line(settings: PiSettings) -> AsyncIterator[Line]:
    """A line with its connections.

    Raises:
        ConfigError: the certificates or the method of authentication cannot be used.
    """
    plain = settings.root.startswith("http:")
    async with httpx.AsyncClient(
        verify=False if plain else _trust(settings),
        timeout=_timeout(settings.timeout),
        trust_env=not plain,
        headers=_HEADERS,
        auth=settings.auth.of_httpx(),
        limits=httpx.Limits(max_connections=settings.requests),
    ) as client:
        yield Line(settings, client)


class Line:
    """Sends requests to one service."""

    def __init__(self, settings: PiSettings, client: httpx.AsyncClient) -> None:
        self._settings, self._client = settings, client
        self._redact = Redactor(settings.secrets)

    async def send(self, request: Request, within: float | None = None) -> Response:
        """Send one and read its answer.

        Args:
            request: What is asked.
            within: Seconds for each part of the answer, where it is not what the settings say.

        Raises:
            ConfigError: the certificate or the token cannot be used.
            WindowTooLargeError: the answer is larger than the settings allow.
            TransientError: no whole answer came.
        """
        headers = {"Content-Type": "application/json"} if request.body else {}
        parts, size, largest = list[bytes](), 0, self._settings.largest
        url = f"{self._settings.root}/{request.target}"
        try:
            with quiet_requests():
                async with self._client.stream(
                    request.method,
                    url,
                    headers=headers,
                    content=request.body or None,
                    follow_redirects=False,
                    timeout=_timeout(within or self._settings.timeout),
                ) as got:
                    async for part in got.aiter_raw():
                        parts.append(part)
                        size += len(part)
                        if size > largest:
                            raise WindowTooLargeError(
                                "an answer is larger than it may be", largest=largest, next_step="Ask for less at once."
                            )
            told = {name.lower(): value for name, value in got.headers.items()}
            whole = b"".join(parts)
            if got.status_code >= 400 and self._settings.secrets:  # A service may quote what it was sent.
                whole = self._redact(whole.decode("utf-8", "replace")).encode()
            return Response(got.status_code, told, whole)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failed = _error_of(error)
        raise failed  # Out here, as the driver's error holds the request with its headers.


def busy(response: Response, asked: float, attempt: int) -> TransientError:
    """The error of a service that cannot answer now, after so many attempts."""
    said: dict[str, Any] = {"status": response.status, "said": message_of(response.body), "attempts": attempt}
    if response.status == 429:
        return RateLimitedError(
            "the service asks for fewer requests", retry_after=asked, **said, next_step="Try again later."
        )
    return TransientError("the service cannot answer now", **said, next_step="Try again later.")


def _timeout(seconds: float) -> httpx.Timeout:
    """Who waits for a free connection waits for no answer; a connection itself comes soon or not at all."""
    return httpx.Timeout(seconds, pool=None, connect=min(seconds, _CONNECT))


def _error_of(error: Exception) -> IntegrationError:
    """The one place where errors of the driver become ours."""
    kind = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ConfigError(
                "the server's certificate is not trusted",
                why=getattr(cause, "verify_message", ""),
                next_step="Name the certificates of its authority, or correct the URL.",
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TimeoutException):
        return StalledError(
            "the server did not answer in time", error=kind, next_step="Ask for less at once, or later."
        )
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return SystemicError("a request that cannot be sent", error=kind, next_step="Tell us what was asked for.")
    return ConnectionLostError("no whole answer came", error=kind, next_step="Check the network and try again.")


def _trust(settings: PiSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(settings.ca) if settings.ca is not None else None)
    except OSError:
        pass
    raise ConfigError("no certificates in the file", path=str(settings.ca), next_step="Give a PEM file of authorities.")
