"""Both drivers over one generator: the same pages and errors, and nothing secret in what they say."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from airflow_provider_integrations.connectors.msgraph.asking import ask, ask_async
from airflow_provider_integrations.connectors.msgraph.client import (
    Landing,
    Reach,
    drive,
    drive_async,
    open_async_client,
    open_client,
)
from airflow_provider_integrations.connectors.msgraph.delta import run_round
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.model import Page, Request, Response, RoundEnd
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.state import DeltaState
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope, Pace, paced
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    RateLimitedError,
    StalledError,
    SystemicError,
)
from airflow_provider_integrations.system import utc_now
from tests.fakes.graph.faults import Call, Cut, Delay, Fault, gone, throttled
from tests.fakes.graph.service import GraphService
from tests.fakes.graph.transport import Direct

CANARY = "canary-of-a-link"


def start(graph: GraphService) -> tuple[Query, DeltaState]:
    query = Query(endpoint(f"{graph.base}/v1.0", named=(httpx.URL(graph.base).host,)), "users", select=("displayName",))
    return query, DeltaState().begin(query)


def hold(
    graph: GraphService, *, deferred: bool, budget: float = 60, token: Callable[[bool], str] | None = None
) -> tuple[list[Page], RoundEnd]:
    query, state = start(graph)
    assert state.progress is not None
    pages: list[Page] = []
    conversation = paced(
        run_round(state.progress.start, query), AppScope("t", "t", "c"), random=lambda: 0.0, pace=Pace(budget=budget)
    )
    landing = Landing(pages.append, lambda restart: pages.clear())
    given = token or (lambda fresh: graph.token)

    async def apart() -> RoundEnd:
        async with open_async_client(Reach(timeout=5), Direct(graph)) as client:
            return await drive_async(conversation, client, landing, token=given)

    if deferred:
        return pages, asyncio.run(apart())
    with open_client(Reach(timeout=5), Direct(graph)) as client:
        return pages, drive(conversation, client, landing, token=given, sleep=lambda _: None)


def tenant(*faults: Fault, times: int = 1) -> GraphService:
    graph = GraphService()
    graph.manner.page_size = 2
    for number in range(5):
        graph.world.add("users", displayName=f"u{number}")
    for fault in faults:
        graph.faults.add(fault, at=2, times=times)
    return graph


@pytest.mark.parametrize("fault", [None, gone()])
def test_both_drivers_give_the_same_pages(fault: Fault | None) -> None:
    (pages, end), (others, other) = (
        hold(tenant(*([fault] if fault else [])), deferred=deferred) for deferred in (False, True)
    )
    assert [page.items for page in pages] == [page.items for page in others]
    assert (end.pages, end.items, end.restarts) == (other.pages, other.items, other.restarts) == (
        3, 5, ("resyncRequired",) if fault else (),
    )  # fmt: skip


@pytest.mark.parametrize("deferred", [False, True])
@pytest.mark.parametrize("fault", [Cut(), Delay(60), throttled(3600)])
def test_both_drivers_end_within_the_budget_by_the_same_error(fault: Fault, *, deferred: bool) -> None:
    with pytest.raises(RateLimitedError, match="longer than the run may"):
        hold(tenant(fault, times=10_000), deferred=deferred, budget=0.5)


@pytest.mark.parametrize("deferred", [False, True])
@pytest.mark.parametrize(
    ("failed", "raised"),
    [
        (ConfigError("the app is refused an access token"), ConfigError),
        (RateLimitedError("the token endpoint asks for a pause", retry_after=60.0), RateLimitedError),
        (ConnectionLostError("the token endpoint cannot be reached"), RateLimitedError),
    ],
)
def test_both_drivers_treat_a_token_that_does_not_come_alike(
    failed: IntegrationError, raised: type[IntegrationError], *, deferred: bool
) -> None:
    def token(fresh: bool) -> str:
        raise failed

    graph = tenant()
    with pytest.raises(raised):
        hold(graph, deferred=deferred, budget=0.5, token=token)
    assert graph.log == []


@pytest.mark.parametrize("deferred", [False, True])
def test_both_drivers_renew_a_token_that_runs_out_in_the_middle_of_a_round_once(*, deferred: bool) -> None:
    graph = tenant(Call(lambda: graph.identity.expire()))
    asked: list[bool] = []

    def token(fresh: bool) -> str:
        asked.append(fresh)
        if fresh or len(asked) == 1:
            tokens.append(graph.identity.issue())
        return tokens[-1]

    tokens: list[str] = []
    pages, end = hold(graph, deferred=deferred, token=token)
    assert (len(pages), end.items, asked.count(True)) == (3, 5, 1)


def _certificate(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError(CANARY, request=request) from ssl.SSLCertVerificationError(1, CANARY)


def _raising(error: Callable[[httpx.Request], Exception]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error(request)

    return answer


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_raising(lambda request: httpx.ReadTimeout(CANARY, request=request)), StalledError),
        (_raising(lambda request: httpx.ReadError(CANARY, request=request)), ConnectionLostError),
        (_raising(lambda request: httpx.DecodingError(CANARY, request=request)), ConnectionLostError),
        (_raising(lambda request: httpx.LocalProtocolError(CANARY, request=request)), SystemicError),
        (lambda request: httpx.Response(302, headers={"Location": f"https://elsewhere.test/{CANARY}"}), SystemicError),
    ],
)
def test_errors_of_the_driver_are_mapped_and_keep_nothing_of_it(
    answer: Callable[[httpx.Request], httpx.Response], kind: type[IntegrationError]
) -> None:
    query, state = start(GraphService())
    assert state.progress is not None
    landing = Landing(lambda page: None, lambda restart: None)
    with (
        open_client(Reach(), httpx.MockTransport(answer)) as client,
        pytest.raises(kind) as raised,
    ):
        drive(run_round(state.progress.start, query), client, landing, token=lambda fresh: "t")
    assert CANARY not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_an_untrusted_certificate_is_a_setting_and_not_tried_again() -> None:
    query, state = start(GraphService())
    assert state.progress is not None
    landing = Landing(lambda page: None, lambda restart: None)
    with (
        open_client(Reach(), httpx.MockTransport(_certificate)) as client,
        pytest.raises(ConfigError, match="not trusted"),
    ):
        drive(run_round(state.progress.start, query), client, landing, token=lambda fresh: "t")


@pytest.mark.parametrize("token", ["a\nb", "a b", "ä"])
def test_a_token_that_no_header_takes_is_not_shown(token: str) -> None:
    query, state = start(GraphService())
    assert state.progress is not None
    landing = Landing(lambda page: None, lambda restart: None)
    with open_client(Reach(), Direct(GraphService())) as client, pytest.raises(ConfigError) as raised:
        drive(run_round(state.progress.start, query), client, landing, token=lambda fresh: token)
    assert token not in str(raised.value)


def test_the_drivers_loggers_are_silent_in_our_requests_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="httpx")
    graph = tenant()
    hold(graph, deferred=False)
    hold(tenant(), deferred=True)
    assert caplog.text == ""
    with open_client(Reach(), Direct(graph)) as client:
        client.get(f"{graph.base}/v1.0/users")
    assert "HTTP Request" in caplog.text


@pytest.mark.parametrize("there", [True, False])
def test_a_file_without_certificates_is_told(tmp_path: Path, *, there: bool) -> None:
    if there:
        (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(ConfigError, match=r"no certificates.*ca\.pem"), open_client(Reach(ca=tmp_path / "ca.pem")):
        pass


@pytest.mark.parametrize("proxy", [f"http://u:{CANARY}/x@proxy.test:1", f"socks9://{CANARY}"])
@pytest.mark.parametrize("environment", [True, False])
def test_a_proxy_that_is_none_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str, *, environment: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy if environment else "")
    reach = Reach() if environment else Reach(proxy=proxy)
    with pytest.raises(ConfigError, match="the proxy cannot be used") as raised, open_client(reach):
        pass
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None


def _packed(times: int, content: bytes, encoding: str) -> Callable[[httpx.Request], httpx.Response]:
    for _ in range(times):
        content = gzip.compress(content)
    return lambda request: httpx.Response(200, headers={"Content-Encoding": encoding}, stream=httpx.ByteStream(content))


@pytest.mark.parametrize("deferred", [False, True])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_packed(1, b" " * 12_000_000, "gzip"), "larger than it may be"),
        (_packed(2, b" " * 12_000_000, "gzip, gzip"), "packed as nobody asked for"),
        (_packed(0, b"{}", "br"), "packed as nobody asked for"),
        (_packed(0, b"{}", "gzip"), "no whole answer came"),
    ],
)
def test_an_answer_is_unpacked_once_and_never_beyond_the_limit(
    answer: Callable[[httpx.Request], httpx.Response], error: str, *, deferred: bool
) -> None:
    reach, request = Reach(largest=1_000_000), Request("https://graph.test/v1.0/users", {})

    async def apart() -> Response:
        async with open_async_client(reach, httpx.MockTransport(answer)) as client:
            return await ask_async(client, request, lambda fresh: "t", utc_now)

    def plain() -> Response:
        with open_client(reach, httpx.MockTransport(answer)) as client:
            return ask(client, request, lambda fresh: "t", utc_now)

    tracemalloc.start()
    try:
        with pytest.raises(IntegrationError, match=error):
            _ = asyncio.run(apart()) if deferred else plain()
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()
