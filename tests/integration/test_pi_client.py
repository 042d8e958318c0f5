"""PI Web API over real sockets: who asks, whom we trust, where requests go, and how patient we are."""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag, WindowTooLargeError, to_iso
from airflow_provider_integrations.connectors.historian.pi_client import (
    Pace,
    PiReader,
    find_tags,
    open_pi,
    test_connection,
)
from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings
from airflow_provider_integrations.core.backoff import Backoff
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    RateLimitedError,
    SystemicError,
    TransientError,
)
from tests.fakes.graph.certificates import Authority
from tests.fakes.pi.archive import SECOND, Point
from tests.fakes.pi.held import BEGIN, ramp, rows, wanted
from tests.fakes.pi.server import PiServer, serve
from tests.fakes.pi.service import Call, PiService, Reply

pytestmark = pytest.mark.integration

check_connection = test_connection  # pytest would take it for a test.
del test_connection

DAY = Span(BEGIN, BEGIN + 86_400 * SECOND)
CANARY = "canary-S3cret"


class Slept:
    """A sleep that takes no time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def _pace(slept: Slept, **told: Any) -> Pace:
    return Pace(sleep=slept, random=lambda: 1.0, backoff=Backoff(first=1, factor=2, longest=60), **told)


def _read(settings: PiSettings, points: list[Point], pace: Pace | None = None) -> list[Page]:
    async def go() -> list[Page]:
        async with open_pi(settings, pace) as reader:
            return [page async for page in reader.read([Tag(point.name, point.path) for point in points], DAY)]

    return asyncio.run(go())


def _points(server: PiServer, count: int, values: int) -> list[Point]:
    return [server.service.archive.add(rf"\\PISRV\T{at:03}", ramp(values)) for at in range(count)]


def test_many_points_come_whole_and_in_order_with_several_requests_under_way(pi_server: PiServer) -> None:
    points = _points(pi_server, 30, 1_200)
    pages = _read(PiSettings.from_url(pi_server.url), points)
    for point in points:
        assert rows(pages, point.name) == wanted(point, DAY)
        assert [page.read_to for page in pages if page.tag == point.name][-1] == DAY.end
    assert 1 < pi_server.connections <= 3
    assert pi_server.service.round_trips < 20


def test_a_post_without_the_csrf_header_would_be_refused_and_ours_has_it(pi_server: PiServer) -> None:
    points = _points(pi_server, 3, 5)
    _read(PiSettings.from_url(pi_server.url), points)
    assert pi_server.service.csrf
    assert all("x-requested-with" in call.headers for call in pi_server.service.calls)
    # One look-up and two rounds, each one request for all three.
    assert pi_server.service.round_trips <= 3 * 3


def test_basic_authentication_is_sent_at_once(pi_server: PiServer) -> None:
    pi_server.service.users = {"DOMAIN\\anna": CANARY}
    points = _points(pi_server, 1, 5)
    settings = PiSettings.from_url(pi_server.url, user="DOMAIN\\anna", password=CANARY)
    assert rows(_read(settings, points), "T000") == wanted(points[0], DAY)


def test_a_bearer_token_of_a_file_is_read_again_where_it_is_refused(pi_server: PiServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{CANARY}1\n")
    pi_server.service.token = f"{CANARY}1"
    points = _points(pi_server, 1, 2_500)

    def renew(call: Call) -> Reply | None:
        if len(pi_server.service.calls) == 2:
            pi_server.service.token = f"{CANARY}2"
            file.write_text(f"{CANARY}2")
        return None

    pi_server.service.faults.append(renew)
    settings = PiSettings.from_url(pi_server.url, {"token_file": str(file)})
    assert rows(_read(settings, points), "T000") == wanted(points[0], DAY)


def test_kerberos_without_its_package_says_what_to_install() -> None:
    settings = PiSettings.from_url("https://pi.example.com/piwebapi", {"auth": "kerberos"})
    with pytest.raises(ConfigError, match=r"httpx-gssapi") as caught:
        settings.auth.of_httpx()
    assert "[kerberos]" in caught.value.next_step


def test_a_refused_user_is_told_with_the_window_that_is_unread(pi_server: PiServer) -> None:
    pi_server.service.users = {"anna": "another"}
    points = _points(pi_server, 1, 5)
    with pytest.raises(ConfigError, match="who we are") as caught:
        _read(PiSettings.from_url(pi_server.url, user="anna", password=CANARY), points)
    assert (caught.value.values["unread_from"], caught.value.values["unread_to"]) == (
        to_iso(DAY.begin),
        to_iso(DAY.end),
    )


def test_https_is_trusted_by_the_authority_that_is_named_alone(graph_authority: Authority) -> None:
    with serve(PiService(), str(graph_authority.server())) as server:
        points = _points(server, 1, 5)
        settings = PiSettings.from_url(server.url, {"ca": str(graph_authority.ca)})
        assert rows(_read(settings, points), "T000") == wanted(points[0], DAY)
        with pytest.raises(ConfigError, match="not trusted"):
            _read(PiSettings.from_url(server.url), points)


def test_a_redirect_or_a_link_to_another_host_is_never_followed(pi_server: PiServer) -> None:
    points = _points(pi_server, 1, 5)
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.2)
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/piwebapi/streams"
        body = b'{"Links":{"Next":"%s"},"Items":[]}' % url.encode()
        for reply in (Reply(302, b"", {"Location": url}), Reply(200, body)):
            pi_server.service.faults[:] = [lambda call, reply=reply: reply if "recorded" in call.path else None]  # type: ignore[misc]
            if reply.status == 302:
                with pytest.raises(SystemicError, match="elsewhere"):
                    _read(PiSettings.from_url(pi_server.url), points)
            else:
                assert rows(_read(PiSettings.from_url(pi_server.url), points), "T000") == []
        with pytest.raises(TimeoutError):
            elsewhere.accept()


def test_a_busy_service_is_waited_for_as_long_as_it_asks(pi_server: PiServer) -> None:
    points, slept = _points(pi_server, 1, 5), Slept()
    replies = iter([Reply.error(429, "slow down", **{"Retry-After": "7"}), Reply.error(503), Reply(200, b"", cut=0)])
    pi_server.service.faults.append(lambda call: next(replies, None) if "recorded" in call.path else None)
    assert rows(_read(PiSettings.from_url(pi_server.url), points, _pace(slept)), "T000") == wanted(points[0], DAY)
    assert slept.seconds == [7.0, 2.0, 4.0]


def test_patience_ends_with_the_budget(pi_server: PiServer) -> None:
    points, slept = _points(pi_server, 1, 5), Slept()
    pi_server.service.faults.append(
        lambda call: Reply.error(429, **{"Retry-After": "50"}) if "recorded" in call.path else None
    )
    with pytest.raises(RateLimitedError) as caught:
        _read(PiSettings.from_url(pi_server.url, {"budget": 120}), points, _pace(slept))
    assert slept.seconds == [50.0, 50.0]
    assert caught.value.values["unread_from"] == to_iso(DAY.begin)


@pytest.mark.parametrize("cut", [0, 40, 400])
def test_a_connection_that_breaks_in_an_answer_is_no_short_page(pi_server: PiServer, cut: int) -> None:
    points, slept = _points(pi_server, 1, 50), Slept()

    def broken(call: Call) -> Reply | None:
        if "recorded" not in call.path:
            return None
        page = b'{"Items":[' + points[0].text(0, 50, []) + b"]}"
        return Reply(200, page, cut=cut)

    pi_server.service.faults.append(broken)
    with pytest.raises(ConnectionLostError) as caught:
        _read(PiSettings.from_url(pi_server.url), points, _pace(slept))
    assert caught.value.values["unread_from"] == to_iso(DAY.begin)
    assert len(slept.seconds) == 5


def test_an_answer_beyond_what_is_allowed_is_asked_for_in_parts(pi_server: PiServer) -> None:
    points = _points(pi_server, 2, 12_000)
    settings = PiSettings.from_url(pi_server.url, {"largest_answer": 1})
    pages = _read(settings, points)
    for point in points:
        assert rows(pages, point.name) == wanted(point, DAY)


def test_the_first_error_ends_the_others_and_leaves_no_task(pi_server: PiServer) -> None:
    points = _points(pi_server, 12, 1_500)
    pi_server.service.faults.append(lambda call: Reply.error(400, "no") if points[7].web_id() in call.path else None)

    async def go() -> int:
        async with open_pi(PiSettings.from_url(pi_server.url)) as reader:
            with pytest.raises(IntegrationError) as caught:
                async for _ in reader.read([Tag(point.name, point.path) for point in points], DAY):
                    pass
            assert caught.value.values["tag"] == "T007"
            return len(asyncio.all_tasks())

    assert asyncio.run(go()) == 1


def test_a_point_that_is_not_there_is_named_and_so_are_its_like(pi_server: PiServer) -> None:
    [point] = _points(pi_server, 1, 5)
    lacking = [Point(rf"\\PISRV\LACKING{at}") for at in range(2)]
    with pytest.raises(ConfigError) as caught:
        _read(PiSettings.from_url(pi_server.url), [point, *lacking])
    assert caught.value.values["missing"] == (r"\\PISRV\LACKING0", r"\\PISRV\LACKING1")


def test_tags_are_found_by_patterns_beyond_the_page_of_a_thousand(pi_server: PiServer) -> None:
    for at in range(1_203):
        pi_server.service.archive.add(rf"\\PISRV\Pump{at:04}")
    pi_server.service.archive.add(r"\\OTHER\Pump0001")
    pi_server.service.archive.add(r"\\PISRV\Valve")
    settings = PiSettings.from_url(pi_server.url)
    tags = asyncio.run(find_tags(settings, ["pump*", r"\\AF\Plant\Pump|Speed"]))
    assert len(tags) == 1_205
    # A name that two servers have is told by its path.
    assert {tag.name for tag in tags if tag.address.endswith("Pump0001")} == {r"\\PISRV\Pump0001", r"\\OTHER\Pump0001"}
    assert [tag.name for tag in asyncio.run(find_tags(settings, [r"\\pisrv\VAL*"]))] == ["Valve"]


def test_kerberos_that_ends_at_the_service_finds_no_points_and_names_the_delegation(pi_server: PiServer) -> None:
    # The "double hop": the service answers, and asks the archive for nobody.
    points = _points(pi_server, 1, 5)
    pi_server.service.faults.append(
        lambda call: Reply.error(404, "PI Point not found.") if call.path == "points" else None
    )
    with pytest.raises(ConfigError, match="delegation"):
        _read(PiSettings.from_url(pi_server.url), points)


def test_an_archive_that_collects_no_more_is_not_asked_the_same_again(pi_server: PiServer) -> None:
    points, slept = _points(pi_server, 1, 5), Slept()
    said = Reply.error(500, "[-11091] Event collection exceeded the maximum allowed")
    pi_server.service.faults.append(lambda call: said if "recorded" in call.path else None)
    with pytest.raises(WindowTooLargeError):
        _read(PiSettings.from_url(pi_server.url), points, _pace(slept))
    assert slept.seconds == []


def test_a_server_that_never_answers_ends_with_the_window_that_may_be_halved(pi_server: PiServer) -> None:
    points, slept = _points(pi_server, 1, 5), Slept()
    pi_server.service.faults.append(lambda call: Reply(200, b"{}", delay=5) if "recorded" in call.path else None)
    with pytest.raises(WindowTooLargeError, match="in time") as caught:
        _read(PiSettings.from_url(pi_server.url, {"timeout": 0.2}), points, _pace(slept, attempts=2))
    assert caught.value.values["unread_from"] == to_iso(DAY.begin)
    assert len(slept.seconds) == 1


def test_a_web_id_that_changed_is_looked_up_once_for_all_windows_after_it(pi_server: PiServer) -> None:
    [point] = _points(pi_server, 1, 50)
    tag = Tag(point.name, point.path)

    async def go() -> None:
        async with open_pi(PiSettings.from_url(pi_server.url)) as reader:
            for number in range(4):
                if number == 1:
                    pi_server.service.archive.fail_over()
                assert [page async for page in reader.read([tag], Span(BEGIN, BEGIN + 9 * SECOND))]

    asyncio.run(go())
    assert [call.path for call in pi_server.service.calls].count("points") == 2


def test_a_connection_is_tested_by_the_data_servers_that_it_shows(pi_server: PiServer) -> None:
    _points(pi_server, 1, 1)
    assert "PISRV" in asyncio.run(check_connection(PiSettings.from_url(pi_server.url)))


FAILURES: dict[str, Callable[[Call], Reply | None]] = {
    "401": lambda call: Reply.error(401, f"who is {call.headers.get('authorization')} {CANARY}"),
    "500": lambda call: Reply.error(500, CANARY),
    "302": lambda call: Reply(302, CANARY.encode(), {"Location": f"http://{CANARY}/"}),
    "cut": lambda call: Reply(200, CANARY.encode() * 9, cut=5),
    "html": lambda call: Reply(200, f"<html>{CANARY}".encode(), {"Content-Type": "text/html"}),
    "400": lambda call: Reply.error(400, f"password={CANARY}"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_secret_is_in_any_error_or_log(name: str, pi_server: PiServer, caplog: pytest.LogCaptureFixture) -> None:
    points = _points(pi_server, 1, 5)
    pi_server.service.faults.append(FAILURES[name])
    settings = PiSettings.from_url(pi_server.url, user="anna", password=CANARY)
    with caplog.at_level(logging.DEBUG), pytest.raises(IntegrationError) as caught:
        _read(settings, points, _pace(Slept(), attempts=2))
    told = "".join(traceback.format_exception(caught.value))
    assert CANARY not in told + caplog.text + repr(settings) + repr(caught.value.values)


def test_the_reader_is_one_of_the_port() -> None:
    from airflow_provider_integrations.connectors.historian.model import HistoryReader

    reader: type[HistoryReader] = PiReader
    assert callable(reader.read)
    assert issubclass(ConnectionLostError, TransientError)
