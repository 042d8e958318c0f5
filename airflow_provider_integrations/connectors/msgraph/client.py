"""The only file that talks to a socket: the same conversation driven by `httpx`, on a thread or on an event loop.

    with open_client(Reach(ca=path)) as client:
        end = drive(conversation, client, Landing(write_page, write_restart), token=lambda fresh: secret)

Links and tokens are secrets, and `httpx` logs the whole URL of every request at INFO, `hpack` every header at DEBUG: while a
request of ours is under way, those loggers say nothing. No error carries what the driver said, only its class.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import httpx

from airflow_provider_integrations.connectors.msgraph.model import (
    Answer,
    AskPause,
    Conversation,
    Page,
    Pause,
    Request,
    Response,
    Restart,
    RoundEnd,
    SharePause,
    Step,
    Wait,
)
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    StalledError,
    SystemicError,
    TransientError,
)
from airflow_provider_integrations.system import utc_now

__all__ = ["Landing", "OwnPauses", "Pauses", "Reach", "drive", "drive_async", "open_async_client", "open_client"]

Token = Callable[[bool], str]
"""Gives an access token, a fresh one where True is passed; empty where requests carry none."""

_SPEAKERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "hpack.hpack",
             "hpack.table")  # fmt: skip
_ERRORS = (httpx.HTTPError, httpx.InvalidURL)
_quiet: ContextVar[bool] = ContextVar("msgraph_request_under_way", default=False)


@dataclass(frozen=True, slots=True)
class Reach:
    """How the server is reached.

    Args:
        ca: Certificates of the authorities to trust, as PEM; the system's without one.
        timeout: Seconds for a connection, and for each part of an answer.
        plain: Plain HTTP to this machine: no proxy of the environment ever sees the token.
    """

    ca: Path | None = None
    timeout: float = 100.0
    plain: bool = False


class Pauses(Protocol):
    """Where the pauses of an app are kept, e.g. the ledger."""

    def until(self, scope: str) -> datetime | None:
        """Until when all of a scope must wait."""

    def share(self, scope: str, until: datetime) -> None:
        """Keep a pause, unless a later one is kept."""


@dataclass(slots=True)
class OwnPauses:
    """Pauses of one process that shares them with nobody."""

    _until: dict[str, datetime] = field(default_factory=dict)

    def until(self, scope: str) -> datetime | None:
        """The latest end that was shared."""
        return self._until.get(scope)

    def share(self, scope: str, until: datetime) -> None:
        """Keep it, unless a later one is kept."""
        self._until[scope] = max(until, self._until.get(scope, until))


@dataclass(frozen=True, slots=True)
class Landing:
    """What is done with pages and restarts; each is durable when its function returns."""

    page: Callable[[Page], None]
    restart: Callable[[Restart], None]
    pauses: Pauses = field(default_factory=OwnPauses)
    now: Callable[[], datetime] = utc_now

    def answer(self, step: Step) -> Answer:
        """Do what a step asks for that needs neither a socket nor time."""
        if isinstance(step, Page):
            self.page(step)
        elif isinstance(step, Restart):
            self.restart(step)
        elif isinstance(step, AskPause):
            return Pause(self.pauses.until(step.scope), self.now())
        elif isinstance(step, SharePause):
            self.pauses.share(step.scope, step.until)
        return None


@contextmanager
def open_client(reach: Reach, transport: httpx.BaseTransport | None = None) -> Iterator[httpx.Client]:
    """A client that keeps its connections; HTTP/2 where `h2` is installed and the server has it."""
    _hush()
    with httpx.Client(
        verify=_trust(reach), http2=_http2(), timeout=reach.timeout, trust_env=not reach.plain, transport=transport
    ) as client:
        yield client


@asynccontextmanager
async def open_async_client(
    reach: Reach, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """The same for an event loop."""
    _hush()
    trust = await asyncio.to_thread(_trust, reach)
    async with httpx.AsyncClient(
        verify=trust, http2=_http2(), timeout=reach.timeout, trust_env=not reach.plain, transport=transport
    ) as client:
        yield client


def drive(
    conversation: Conversation,
    client: httpx.Client,
    landing: Landing,
    *,
    token: Token,
    sleep: Callable[[float], None] = time.sleep,
) -> RoundEnd:
    """Hold a conversation to its end, on this thread."""
    step, failed = _next(conversation, None, None)
    while not isinstance(step, RoundEnd):
        answer: Answer = None
        if isinstance(step, Request):
            try:
                answer = _ask(client, step, token, landing.now)
            except TransientError as error:
                failed = error
        elif isinstance(step, Wait):
            sleep(step.seconds)
        else:
            answer = landing.answer(step)
        step, failed = _next(conversation, answer, failed)
    return step


async def drive_async(
    conversation: Conversation, client: httpx.AsyncClient, landing: Landing, *, token: Token
) -> RoundEnd:
    """The same on an event loop, which neither a disk nor a ledger holds up."""
    step, failed = _next(conversation, None, None)
    while not isinstance(step, RoundEnd):
        answer: Answer = None
        if isinstance(step, Request):
            try:
                answer = await _ask_async(client, step, token, landing.now)
            except TransientError as error:
                failed = error
        elif isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
        else:
            answer = await asyncio.to_thread(landing.answer, step)
        step, failed = _next(conversation, answer, failed)
    return step


def _next(conversation: Conversation, answer: Answer, failed: TransientError | None) -> tuple[Step | RoundEnd, None]:
    try:
        return (conversation.throw(failed) if failed is not None else conversation.send(answer)), None
    except StopIteration as end:
        found: RoundEnd = end.value
        return found, None


def _ask(client: httpx.Client, request: Request, token: Token, now: Callable[[], datetime]) -> Response:
    first = token(False)
    response = _sent(client, request, first, now)
    # An access token may run out in the middle of a round; a second refusal is about permissions.
    if response.status == 401 and (fresh := token(True)) != first:
        response = _sent(client, request, fresh, now)
    return response


async def _ask_async(
    client: httpx.AsyncClient, request: Request, token: Token, now: Callable[[], datetime]
) -> Response:
    first = await asyncio.to_thread(token, False)
    response = await _sent_async(client, request, first, now)
    if response.status == 401 and (fresh := await asyncio.to_thread(token, True)) != first:
        response = await _sent_async(client, request, fresh, now)
    return response


def _sent(client: httpx.Client, request: Request, secret: str, now: Callable[[], datetime]) -> Response:
    headers = _headers(request, secret)
    try:
        with _silence():
            got = client.get(request.url, headers=headers, follow_redirects=False)
        return Response(got.status_code, got.headers, got.content, now())
    except _ERRORS as error:
        failed = _error_of(error)
    raise failed  # Out here, as the driver's error holds the request with its link, and would come along as the context.


async def _sent_async(
    client: httpx.AsyncClient, request: Request, secret: str, now: Callable[[], datetime]
) -> Response:
    headers = _headers(request, secret)
    try:
        with _silence():
            got = await client.get(request.url, headers=headers, follow_redirects=False)
        return Response(got.status_code, got.headers, got.content, now())
    except _ERRORS as error:
        failed = _error_of(error)
    raise failed


@contextmanager
def _silence() -> Iterator[None]:
    before = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(before)


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
        return StalledError("the server did not answer in time", error=kind, next_step="Try again later.")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return SystemicError("a request that cannot be sent", error=kind, next_step="Tell us what was asked for.")
    return ConnectionLostError("no whole answer came", error=kind, next_step="Check the network and try again.")


def _headers(request: Request, secret: str) -> dict[str, str]:
    if not secret:
        return dict(request.headers)
    if re.fullmatch(r"[!-~]+", secret) is None:  # The driver's own error would show it.
        raise ConfigError("not an access token", next_step="Give the token alone, without spaces or line ends.")
    return {**request.headers, "Authorization": f"Bearer {secret}"}


def _http2() -> bool:
    return find_spec("h2") is not None


def _trust(reach: Reach) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(reach.ca) if reach.ca is not None else None)
    except ssl.SSLError:
        pass
    raise ConfigError("no certificates in the file", path=str(reach.ca), next_step="Give a PEM file of authorities.")


def _hushed(record: logging.LogRecord) -> bool:
    return not _quiet.get()


def _hush() -> None:
    for name in _SPEAKERS:
        logging.getLogger(name).addFilter(_hushed)  # The same filter is added once.
