"""What a receiver of alerts may answer and how: slowly, broken, or with our own secrets."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from typing import Any, Self

import pytest

from airflow_provider_integrations.connectors.edi.telling import LEASE
from airflow_provider_integrations.core.errors import ConfigError, ConnectionLostError, PermanentError
from airflow_provider_integrations.pagerduty import LONGEST, Endpoint, send
from tests.fakes.events_api import ROUTING_KEY
from tests.unit.test_pagerduty import ALERT, TRIGGER, Waits


class _Raw:
    """A server that answers with some bytes at once and then with one more each 50 ms."""

    def __init__(self, at_once: bytes, dripping: bytes = b"") -> None:
        self.at_once, self.dripping = at_once, dripping
        self.requests = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.requests += 1
                with connection, suppress(OSError):
                    connection.recv(65_536)
                    connection.sendall(self.at_once)
                    for place in range(len(self.dripping)):
                        time.sleep(0.05)
                        connection.sendall(self.dripping[place : place + 1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def sent_to(server: _Raw, path: str = "/v2/enqueue", **more: Any) -> float:
    """How long one sending of two tries took."""
    begun = time.monotonic()
    with suppress(ConnectionLostError):
        send(Endpoint(f"{server.url}{path}", ROUTING_KEY, timeout=0.5), TRIGGER, ALERT, sleep=Waits(), tries=2, **more)
    return time.monotonic() - begun


def test_a_server_that_drips_holds_nobody_longer_than_the_timeout() -> None:
    with _Raw(b"HTTP/1.1 202 Accepted\r\n", b"X-Drip: " + b"x" * 200) as server:
        assert sent_to(server) < 3
        assert server.requests == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n{",
        b"HTTP/1.1 202 Accepted\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk",
    ],
    ids=["cut", "no gzip", "no chunk"],
)
def test_the_status_alone_says_that_it_was_taken(answer: bytes) -> None:
    with _Raw(answer, b" " * 200) as server:
        assert sent_to(server) < 0.5
        assert server.requests == 1


def test_of_a_refusal_a_little_is_read_and_what_came_in_time_is_told() -> None:
    with _Raw(b"HTTP/1.1 400 Bad\r\nContent-Length: 100000000\r\n\r\nno such team", b" " * 200) as server:
        with pytest.raises(PermanentError, match="no such team"):
            sent_to(server)
        assert server.requests == 1
    with _Raw(b"HTTP/1.1 400 Bad\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1_000_000) as server:
        with pytest.raises(PermanentError) as caught:
            sent_to(server)
        assert len(str(caught.value)) < 600


def test_sending_one_alert_ends_before_its_claim_runs_out() -> None:
    assert 0 < LONGEST < LEASE.total_seconds()


def test_an_address_that_holds_a_secret_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    secret = "T0PSECRETHOOK"
    caplog.set_level(logging.DEBUG, logger="httpx")  # Whatever level a test before has left it.
    with caplog.at_level(logging.DEBUG), _Raw(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n") as server:
        for path in (f"/hook/{secret}", f"/hook?key={secret}"):
            with pytest.raises(ConfigError) as caught:
                sent_to(server, path)
            assert secret not in f"{caught.value}{caught.value.values}"
        logging.getLogger("httpx").info("of another")
    assert "of another" in caplog.text
    assert secret not in caplog.text
    assert secret not in repr(Endpoint(f"{server.url}/hook/{secret}", ROUTING_KEY))


@pytest.mark.parametrize(
    "said",
    [
        f"{ROUTING_KEY[:9]}\n{ROUTING_KEY[9:]}",
        f"{ROUTING_KEY[:9]}\\n{ROUTING_KEY[9:]}",
        "".join(f"\\u{ord(sign):04x}" for sign in ROUTING_KEY),
        "".join(f"%{ord(sign):02X}" for sign in ROUTING_KEY),
        " ".join(ROUTING_KEY),
        f"it begins with {ROUTING_KEY[:12]}",
    ],
    ids=["two lines", "a quoted line end", "escaped", "in an address", "spaced", "a part"],
)
def test_a_key_that_is_said_back_in_another_form_is_not_told(said: str) -> None:
    body = said.encode()
    answer = b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with _Raw(answer) as server, pytest.raises(PermanentError, match="repeats our secrets") as caught:
        sent_to(server)
    assert said not in str(caught.value)
