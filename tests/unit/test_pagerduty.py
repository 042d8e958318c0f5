"""Alerts over HTTP, against a server that follows PagerDuty's published Events API v2.

https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ says which fields an event has, how long they may be and what a
key does; https://developer.pagerduty.com/docs/events-api-v2/overview/ says which answers there are and which to try again.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_integrations.core.alert import Alert, AlertAction, Severity
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    PermanentError,
    RateLimitedError,
    TransientError,
)
from airflow_provider_integrations.pagerduty import Endpoint, endpoint_of, event_body, send
from tests.fakes.events_api import ROUTING_KEY, EventsApi, events_api

TRIGGER, RESOLVE = AlertAction.TRIGGER, AlertAction.RESOLVE
ALERT = Alert(
    key="edi-overdue:17",
    summary="ZZ:ACME has not acknowledged our PO group 17",
    source="ZZ:ACME",
    at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    severity=Severity.WARNING,
    kind="edi-overdue",
    details={"control": "17"},
)
NOW = datetime(2026, 1, 2, 4, tzinfo=UTC)


@pytest.fixture
def api() -> Iterator[EventsApi]:
    with events_api() as server:
        yield server


@dataclass
class Waits:
    """Does not sleep, and keeps for how long it should have."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def deliver(api: EventsApi, action: AlertAction = TRIGGER, alert: Alert = ALERT, **more: Any) -> Waits:
    waits = Waits()
    send(Endpoint(api.url, ROUTING_KEY), action, alert, sleep=waits, chance=lambda: 1.0, clock=lambda: NOW, **more)
    return waits


def test_a_trigger_opens_an_alert_and_its_key_resolves_it(api: EventsApi) -> None:
    for action in (TRIGGER, TRIGGER, RESOLVE):
        assert deliver(api, action).seconds == []
    assert [event["event_action"] for event in api.taken] == ["trigger", "trigger", "resolve"]
    assert (api.incidents, api.opened) == (1, set())
    assert api.taken[0] == {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": "edi-overdue:17",
        "client": "airflow-provider-integrations",
        "payload": {
            "summary": "ZZ:ACME has not acknowledged our PO group 17",
            "source": "ZZ:ACME",
            "severity": "warning",
            "timestamp": "2026-01-02T03:04:05.678+00:00",
            "class": "edi-overdue",
            "custom_details": {"control": "17"},
        },
    }
    assert api.taken[2] == {
        "routing_key": ROUTING_KEY,
        "event_action": "resolve",
        "dedup_key": "edi-overdue:17",
    }


def test_what_is_too_long_is_cut_to_the_limits(api: EventsApi) -> None:
    deliver(api, alert=replace(ALERT, summary="x" * 2000, details={"rows": "y" * 600_000}))
    [event] = api.taken
    assert len(event["payload"]["summary"]) == 1024
    assert event["payload"]["custom_details"] == {"left_out": "more than 512 KB of details"}


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_out_of_bounds_is_refused_before_it_is_sent(api: EventsApi, key: str) -> None:
    with pytest.raises(ConfigError, match="255"):
        deliver(api, alert=replace(ALERT, key=key))
    assert api.requests == 0


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_what_may_pass_is_tried_again_with_growing_waits(api: EventsApi, status: int) -> None:
    api.answers += [(status, {"Retry-After": "0"} if status == 429 else {}), (503, {})]
    waits = deliver(api)
    assert len(api.taken) == 1
    assert api.requests == 3
    assert waits.seconds == [1.0, 2.0]


def test_a_pause_that_the_server_asks_for_is_kept(api: EventsApi) -> None:
    api.answers.append((429, {"Retry-After": "7"}))
    assert deliver(api).seconds == [7.0]


@pytest.mark.parametrize(("headers", "pause"), [({"Retry-After": "300"}, 300.0), ({}, 120.0)])
def test_a_long_pause_is_left_to_the_tasks_retry(api: EventsApi, headers: dict[str, str], pause: float) -> None:
    api.answers.append((429, headers))
    with pytest.raises(RateLimitedError) as caught:
        deliver(api)
    assert (caught.value.retry_after, api.requests) == (pause, 1)


def test_in_the_end_it_gives_up_with_an_error_that_is_tried_again(api: EventsApi) -> None:
    api.answers += [(500, {})] * 4
    with pytest.raises(TransientError, match="500"):
        deliver(api)
    assert (api.requests, api.taken) == (4, [])


def test_a_refused_event_is_not_sent_again(api: EventsApi) -> None:
    with pytest.raises(PermanentError, match="should be 32 characters") as caught:
        send(Endpoint(api.url, "sh0rt-k3y"), TRIGGER, ALERT, sleep=Waits())
    assert api.requests == 1
    assert "sh0rt-k3y" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_since_it_would_carry_the_key_away(api: EventsApi, status: int) -> None:
    with events_api() as elsewhere:
        api.answers.append((status, {"Location": elsewhere.url}))
        with pytest.raises(ConfigError, match="no endpoint"):
            deliver(api)
        assert elsewhere.requests == 0


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_no_such_endpoint_fails_at_once(api: EventsApi, status: int) -> None:
    api.answers.append((status, {}))
    with pytest.raises(ConfigError, match=str(status)):
        deliver(api)
    assert api.requests == 1


def test_a_server_that_is_not_there_is_asked_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        waits = Waits()
        with pytest.raises(ConnectionLostError):
            send(
                Endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}/v2/enqueue", ROUTING_KEY),
                TRIGGER,
                ALERT,
                sleep=waits,
            )
    assert len(waits.seconds) == 3


def test_a_server_that_does_not_answer_is_given_up_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = Endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}/v2/enqueue", ROUTING_KEY, timeout=0.2)
        with pytest.raises(ConnectionLostError, match="TimeoutError"):
            send(endpoint, TRIGGER, ALERT, sleep=Waits(), tries=2)


class _Echo(BaseHTTPRequestHandler):
    """A server that says back what it was sent, key and all."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(self.path.removeprefix("/")))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_the_routing_key_is_in_no_error_and_no_log(status: int, caplog: pytest.LogCaptureFixture) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}/{status}", ROUTING_KEY)
        with caplog.at_level(logging.DEBUG), pytest.raises(IntegrationError) as caught:
            send(endpoint, TRIGGER, ALERT, sleep=Waits())
    finally:
        server.shutdown()
        server.server_close()
    assert "routing_key" in str(caught.value)
    for text in (str(caught.value), repr(caught.value.values), caplog.text, repr(endpoint)):
        assert ROUTING_KEY not in text


class TestEndpoint:
    @pytest.mark.parametrize(
        ("host", "schema", "port", "url"),
        [
            ("events.pagerduty.com", None, None, "https://events.pagerduty.com/v2/enqueue"),
            ("https://events.eu.pagerduty.com", None, None, "https://events.eu.pagerduty.com/v2/enqueue"),
            ("https://alerts.example.org/hook/7?team=edi", "http", None, "https://alerts.example.org/hook/7?team=edi"),
            ("alerts.example.org", "http", 8080, "http://alerts.example.org:8080/v2/enqueue"),
            ("https://alerts.example.org:8443/", None, 1, "https://alerts.example.org:8443/v2/enqueue"),
        ],
    )
    def test_a_connection_names_it(self, host: str, schema: str | None, port: int | None, url: str) -> None:
        found = endpoint_of("c", host=host, schema=schema, port=port, routing_key=ROUTING_KEY)
        assert found == Endpoint(url, ROUTING_KEY)

    @pytest.mark.parametrize(
        ("host", "key"),
        [
            (None, "k"),
            ("", "k"),
            ("h", None),
            ("h", ""),
            ("ftp://h", "k"),
            ("https://", "k"),
            ("https://u:s3cret@h", "k"),
        ],
    )
    def test_one_that_says_nothing_is_refused_without_its_secrets(self, host: str | None, key: str | None) -> None:
        with pytest.raises(ConfigError, match="where alerts go") as caught:
            endpoint_of("connection integrations_alerts", host=host, schema=None, port=None, routing_key=key)
        assert "s3cret" not in str(caught.value)


def test_an_event_is_json_whatever_stands_in_it() -> None:
    odd = replace(ALERT, summary="\x00\ud800é", details={"at": NOW})
    body = event_body(ROUTING_KEY, TRIGGER, odd)
    assert json.loads(json.dumps(body, default=str))["payload"]["custom_details"] == {"at": str(NOW)}


@pytest.mark.parametrize(
    "host",
    [
        "https://h:99999",
        "h:99999",
        "https://h:abc/x",
        "https://[::1",
        f"http://{'a' * 64}.x",
        "http://exa mple",
        "h\n.x",
    ],
)
def test_an_address_that_cannot_be_read_is_an_error_of_the_connection(host: str) -> None:
    with pytest.raises(ConfigError, match="where alerts go"):
        endpoint_of("c", host=host, schema=None, port=None, routing_key=ROUTING_KEY)


def test_a_port_that_is_none_is_an_error_of_the_connection() -> None:
    with pytest.raises(ConfigError, match="where alerts go"):
        endpoint_of("c", host="h", schema=None, port=99_999, routing_key=ROUTING_KEY)
