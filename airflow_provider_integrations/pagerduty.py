"""Alerts as events of PagerDuty's Events API v2, which other receivers of alerts understand too.

    send(endpoint, AlertAction.TRIGGER, alert)

Sources: https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ (the event and its limits) and
https://developer.pagerduty.com/docs/events-api-v2/overview/ (202 taken; 400 refused; 429, 5xx and a broken network: again later;
512 KB). The routing key travels in the body and is a secret: no message and no log shows it, nor the address, which may hold
one where another receiver is used. The status alone says what became of an event; of what follows it a little is read for people.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from airflow_provider_integrations.core.alert import Alert, AlertAction
from airflow_provider_integrations.core.backoff import Backoff, retry_after
from airflow_provider_integrations.core.clock import Clock
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    PermanentError,
    RateLimitedError,
    TransientError,
)
from airflow_provider_integrations.core.redaction import Redactor
from airflow_provider_integrations.quiet_requests import quiet_requests
from airflow_provider_integrations.system import utc_now

__all__ = ["ENQUEUE", "LONGEST", "PACE", "Endpoint", "endpoint_of", "event_body", "send"]

log = logging.getLogger(__name__)

ENQUEUE = "/v2/enqueue"
"""Where events go on a server whose address names no path."""

PACE = Backoff(first=1, factor=2, longest=10, jitter=0.5)
"""Within one task; the task's own retry policy waits longer."""

_MOST = 512 * 1000
_KEY, _SUMMARY = 255, 1024
_TRIES = 4
_RATE_LIMIT_PAUSE = 120.0
"""Seconds after a 429 that asks for none: "a backoff of a few minutes"."""
_TIMEOUT = 10.0
_SAID = 4096
"""Bytes of an answer that are read."""
_RUN = 8
"""Characters of a secret in a row that no text may repeat, however they are written."""

LONGEST = _TRIES * _TIMEOUT + (_TRIES - 1) * PACE.longest
"""Seconds that sending one alert takes at the most, whatever the server does."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events go.

    Args:
        url: The whole address, which may hold a secret.
        routing_key: Of the service that takes them.
        timeout: Seconds for one try, from connecting to the end of what is read of the answer.
    """

    url: str = field(repr=False)
    routing_key: str = field(repr=False)
    timeout: float = _TIMEOUT


_LAST_PORT = 65_535


def endpoint_of(
    where: str, *, host: str | None, schema: str | None, port: int | None, routing_key: str | None
) -> Endpoint:
    """The endpoint that an HTTP connection names; HTTPS unless it says otherwise.

    Args:
        where: The connection's name, for messages.
        host: A name, or an address as `https://events.pagerduty.com/v2/enqueue`.
        schema: `https` or `http`, where the host is a name.
        port: Where it is not the scheme's own.
        routing_key: The connection's password.

    Raises:
        ConfigError: without a host or a routing key, or for an address that is none.
    """
    url = host or ""
    if url and "://" not in url:
        url = f"{schema or 'https'}://{url}"
    parts, has_host = _taken_apart(url)
    has_host &= port is None or 0 <= port <= _LAST_PORT
    if parts.scheme not in ("http", "https") or not has_host or "@" in parts.netloc or not routing_key:
        raise ConfigError(
            "the connection does not say where alerts go",
            connection=where,
            scheme=parts.scheme,
            has_host=has_host,
            has_routing_key=bool(routing_key),
            next_step="Give https://events.pagerduty.com as the host and the integration key as the password.",
        )
    address = parts.netloc if parts.port or not port else f"{parts.netloc}:{port}"
    path = parts.path if parts.path.strip("/") else ENQUEUE
    return Endpoint(parts._replace(netloc=address, path=path, fragment="").geturl(), routing_key)


def _taken_apart(url: str) -> tuple[SplitResult, bool]:
    """An address, and whether it names a host that there can be; an address that cannot be read names none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # Looked at here: what is no port is an error only then.
        (parts.hostname or "").encode("idna")
    except ValueError:
        return urlsplit("https:"), False
    return parts, bool(parts.hostname) and not any(sign.isspace() for sign in url)


def event_body(routing_key: str, action: AlertAction, alert: Alert) -> dict[str, Any]:
    """The event, within the limits: what is too long is cut, and details that are too much are left out and that is told."""
    body: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action.value,
        "dedup_key": alert.key,
    }
    if action is AlertAction.RESOLVE:
        return body
    body["payload"] = payload = {
        "summary": alert.summary[:_SUMMARY],
        "source": alert.source,
        "severity": alert.severity.value,
        "timestamp": alert.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "class": alert.kind,
        "custom_details": dict(alert.details),
    }
    body["client"] = "airflow-provider-integrations"
    if len(_encoded(body)) > _MOST:
        payload["custom_details"] = {"left_out": "more than 512 KB of details"}
    return body


def send(
    endpoint: Endpoint,
    action: AlertAction,
    alert: Alert,
    *,
    tries: int = _TRIES,
    pace: Backoff = PACE,
    sleep: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
    clock: Clock = utc_now,
) -> None:
    """Send an alert or its end; again after 429, 5xx and a broken network, at this pace or as the server asks.

    Raises:
        ConfigError: for a key that is too long, and when the server knows no such endpoint or sends us elsewhere.
        PermanentError: when it refuses the event.
        TransientError: when it did not take it in all tries; it is a `RateLimitedError` after 429.
    """
    if not 0 < len(alert.key) <= _KEY:
        raise ConfigError("an alert's key has 1 to 255 characters", characters=len(alert.key))
    content = _encoded(event_body(endpoint.routing_key, action, alert))
    for attempt in range(1, tries + 1):
        fault = _try_once(endpoint, content, clock())
        if fault is None:
            return
        asked = fault.retry_after if isinstance(fault, RateLimitedError) else 0.0
        if not isinstance(fault, TransientError) or attempt == tries or asked > pace.longest:
            raise fault
        wait = pace.delay(attempt, chance, at_least=asked)
        log.warning("try %d of %d: %s; again in %.1f s", attempt, tries, fault, wait)
        sleep(wait)


def _encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body, default=str).encode()


@dataclass(slots=True)
class _Answer:
    """What came back, as far as it came in time."""

    status: int | None = None
    pause: str | None = None
    body: bytes = b""


def _try_once(endpoint: Endpoint, content: bytes, now: datetime) -> IntegrationError | None:
    """Send once; gives what went wrong."""
    server = urlsplit(endpoint.url).hostname
    answer = _Answer()
    failed: Exception | None = None
    try:
        with quiet_requests():
            asyncio.run(_post(endpoint, content, answer))
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        return ConfigError("the address for alerts is none", server=server, said=type(error).__name__)
    except (httpx.HTTPError, TimeoutError) as error:
        failed = error
    status = answer.status
    if status is None:
        said = type(failed).__name__
        return ConnectionLostError("alerts cannot be delivered now", server=server, said=said)
    if 200 <= status < 300:
        return None
    values: dict[str, Any] = {"server": server, "status": status, "said": _said(answer.body, endpoint)}
    if status == 429:
        asked = retry_after(answer.pause, now=now).seconds
        pause = _RATE_LIMIT_PAUSE if asked is None else asked
        return RateLimitedError("the receiver of alerts asks for a pause", retry_after=pause, **values)
    if status >= 500 or status == 408:
        return TransientError("the receiver of alerts has an error of its own", **values)
    if status in (400, 413, 422):
        return PermanentError(
            "the receiver refuses the alert", **values, next_step="Compare what it says with the routing key."
        )
    return ConfigError(
        "there is no endpoint for alerts", **values, next_step="Correct the connection's host and password."
    )


async def _post(endpoint: Endpoint, content: bytes, answer: _Answer) -> None:
    """Send, and keep what comes back as it comes; a server that drips is left when the time is over.

    Asynchronous for that alone: the timeouts of a socket begin anew with each byte.
    """
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    # A redirect is not followed: it would carry the routing key to wherever it points.
    async with (
        asyncio.timeout(endpoint.timeout),
        httpx.AsyncClient(timeout=endpoint.timeout) as client,
        client.stream("POST", endpoint.url, content=content, headers=headers) as found,
    ):
        answer.pause, answer.status = found.headers.get("Retry-After"), found.status_code
        if not found.is_success:
            async for piece in found.aiter_raw():
                answer.body = (answer.body + piece)[:_SAID]
                if len(answer.body) == _SAID:
                    break


def _said(body: bytes, endpoint: Endpoint) -> str:
    """What the server says, short and without our secrets, however it writes them."""
    parts = urlsplit(endpoint.url)
    secrets = [endpoint.routing_key, parts.query, *([parts.path] if parts.path != ENQUEUE else [])]
    text = Redactor(secrets)(" ".join(body.decode("utf-8", "replace").split()))[:300]
    return "(it repeats our secrets)" if any(_repeats(text, secret) for secret in secrets) else text


def _repeats(text: str, secret: str) -> bool:
    """Whether a part of a secret stands in a text: broken up, quoted as in JSON, or as in an address."""
    with suppress(ValueError):
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), unquote(text))
    plain, key = (re.sub(r"\\[nrtbf]|[^0-9a-zA-Z]", "", some) for some in (text, secret))
    return any(key[start : start + _RUN] in plain for start in range(len(key) - _RUN + 1))
