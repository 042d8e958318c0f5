"""The only file that talks to a socket for Graph: one request by `httpx`, on a thread or on an event loop.

Links and tokens are secrets, and `httpx` logs the whole URL of every request at INFO, `hpack` every header at DEBUG: while a
request of ours is under way, those loggers say nothing. No error carries what the driver said, only its class.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from importlib.util import find_spec
from typing import Any, TypeVar

import httpx

from airflow_provider_integrations.connectors.msgraph.model import Request, Response
from airflow_provider_integrations.connectors.msgraph.reach import Reach
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    StalledError,
    SystemicError,
)
from airflow_provider_integrations.quiet_requests import quiet_requests

__all__ = ["Token", "ask", "ask_async", "open_async_client", "open_client"]

Token = Callable[[bool], str]
"""Gives an access token, a fresh one where True is passed; empty where requests carry none."""

_ERRORS = (httpx.HTTPError, httpx.InvalidURL, zlib.error)
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
AnyClient = TypeVar("AnyClient", "_Client", "_AsyncClient")


class _Client(httpx.Client):
    """Knows how much an answer may be."""

    largest: int = Reach().largest


class _AsyncClient(httpx.AsyncClient):
    largest: int = Reach().largest


@contextmanager
def open_client(reach: Reach, transport: httpx.BaseTransport | None = None) -> Iterator[httpx.Client]:
    """A client that keeps its connections; HTTP/2 where `h2` is installed and the server has it.

    Raises:
        ConfigError: the file of certificates or the proxy cannot be used.
    """
    options = _options(reach)
    with _made(lambda: _Client(**options, transport=transport)) as client:
        client.largest = reach.largest
        yield client


@asynccontextmanager
async def open_async_client(
    reach: Reach, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """The same for an event loop."""
    options = await asyncio.to_thread(_options, reach)
    async with _made(lambda: _AsyncClient(**options, transport=transport)) as client:
        client.largest = reach.largest
        yield client


def ask(client: httpx.Client, request: Request, token: Token, now: Callable[[], datetime]) -> Response:
    """Send a request and read its answer; a refused token is renewed once.

    Raises:
        ConfigError: the certificate, the proxy or the token cannot be used.
        SystemicError: the answer is larger than the reach allows, or the request cannot be sent.
        TransientError: no whole answer came, or no token.
    """
    first = token(False)
    response = _sent(client, request, first, now)
    # An access token may run out in the middle of a round; a second refusal is about permissions.
    if response.status == 401 and (fresh := token(True)) != first:
        response = _sent(client, request, fresh, now)
    return response


async def ask_async(client: httpx.AsyncClient, request: Request, token: Token, now: Callable[[], datetime]) -> Response:
    """The same on an event loop; tokens are asked for on a thread."""
    first = await asyncio.to_thread(token, False)
    response = await _sent_async(client, request, first, now)
    if response.status == 401 and (fresh := await asyncio.to_thread(token, True)) != first:
        response = await _sent_async(client, request, fresh, now)
    return response


def _sent(client: httpx.Client, request: Request, secret: str, now: Callable[[], datetime]) -> Response:
    options, body = _request(request, secret), _Body(client)
    try:
        with quiet_requests(), client.stream(request.method, request.url, follow_redirects=False, **options) as got:
            for part in got.iter_raw() if body.is_packed(got.headers) else got.iter_bytes():
                body.take(part)
        return Response(got.status_code, got.headers, body.whole(), now())
    except _ERRORS as error:
        failed = _error_of(error)
    raise failed  # Out here, as the driver's error holds the request with its link, and would come along as the context.


async def _sent_async(
    client: httpx.AsyncClient, request: Request, secret: str, now: Callable[[], datetime]
) -> Response:
    options, body = _request(request, secret), _Body(client)
    try:
        with quiet_requests():
            async with client.stream(request.method, request.url, follow_redirects=False, **options) as got:
                async for part in got.aiter_raw() if body.is_packed(got.headers) else got.aiter_bytes():
                    body.take(part)
        return Response(got.status_code, got.headers, body.whole(), now())
    except _ERRORS as error:
        failed = _error_of(error)
    raise failed


class _Body:
    """An answer as it comes, decompressed; it ends where it is larger than it may be, whatever its headers said.

    It is unpacked here and not by the driver, which unpacks a part whole before anybody may look: of one that is packed
    twice, three kilobytes become two gigabytes.
    """

    def __init__(self, client: httpx.Client | httpx.AsyncClient) -> None:
        self._largest = client.largest if isinstance(client, _Client | _AsyncClient) else Reach().largest
        self._parts: list[bytes] = []
        self._size = 0
        self._unpack: Any = None

    def is_packed(self, headers: httpx.Headers) -> bool:
        """Learn from the headers whether it is packed: not at all, or once, as was asked for."""
        encoding = headers.get("Content-Encoding", "").strip().lower()
        if encoding in _PACKED:
            self._unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif encoding not in ("", "identity"):
            raise SystemicError(
                "an answer that is packed as nobody asked for",
                encoding=encoding[:100],
                next_step="Look at what stands between here and the server.",
            )
        return self._unpack is not None

    def take(self, part: bytes) -> None:
        if self._unpack is not None:
            part = self._unpack.decompress(part, self._largest - self._size + 1)
        self._size += len(part)
        if self._size > self._largest:
            raise SystemicError(
                "an answer is larger than it may be",
                largest=self._largest,
                next_step="Ask for smaller pages (odata.maxpagesize), or raise largest_answer if this is right.",
            )
        self._parts.append(part)

    def whole(self) -> bytes:
        return b"".join(self._parts)


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
    if isinstance(error, httpx.ProxyError) and str(error).startswith("407"):
        return ConfigError("the proxy refuses us", next_step="Give a user and a password in the URL of the proxy.")
    if isinstance(error, httpx.TimeoutException):
        return StalledError("the server did not answer in time", error=kind, next_step="Try again later.")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return SystemicError("a request that cannot be sent", error=kind, next_step="Tell us what was asked for.")
    return ConnectionLostError("no whole answer came", error=kind, next_step="Check the network and try again.")


def _request(request: Request, secret: str) -> dict[str, Any]:
    headers = {"Accept-Encoding": "gzip", **request.headers}
    if request.body:
        headers["Content-Type"] = "application/json"
    if not secret:
        return {"headers": headers, "content": request.body or None}
    if re.fullmatch(r"[!-~]+", secret) is None:  # The driver's own error would show it.
        raise ConfigError("not an access token", next_step="Give the token alone, without spaces or line ends.")
    return {"headers": {**headers, "Authorization": f"Bearer {secret}"}, "content": request.body or None}


def _options(reach: Reach) -> dict[str, Any]:
    return {
        "verify": _trust(reach),
        "http2": find_spec("h2") is not None,
        "timeout": reach.timeout,
        "trust_env": reach.trusts_environment,
        "proxy": reach.proxy or None,
    }


def _made(make: Callable[[], AnyClient]) -> AnyClient:
    try:
        return make()
    except (ValueError, ImportError, httpx.InvalidURL):
        pass
    # The driver's own error may quote the password.
    raise ConfigError(
        "the proxy cannot be used",
        next_step="Give it as http://user:password@host:port, what is special in the password percent-encoded; look at"
        " HTTPS_PROXY and ALL_PROXY of the environment too. SOCKS needs the package socksio.",
    )


def _trust(reach: Reach) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(reach.ca) if reach.ca is not None else None)
    except OSError:  # `SSLError` is one: no file, or none of certificates.
        pass
    raise ConfigError("no certificates in the file", path=str(reach.ca), next_step="Give a PEM file of authorities.")
