"""Every way in which a server can end early, listed: each is mended, or is an error that names the window still unread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from airflow_provider_integrations.connectors.historian.model import Span, WindowTooLargeError, from_iso
from airflow_provider_integrations.connectors.historian.opcua_decode import Values, no_values
from airflow_provider_integrations.connectors.historian.opcua_model import Answer, Fault, Reading, Request
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    StalledError,
    SystemicError,
    TransientError,
)
from tests.fakes.opcua.paper import NO_DATA, PaperServer, read, rows_of

SECOND = 1_000_000_000
BEGIN = from_iso("2026-01-01T00:00:00Z")
SPAN = Span(BEGIN, BEGIN + 100 * SECOND)
ROWS = rows_of([BEGIN + at * SECOND for at in range(30)])
LAST = BEGIN + 9 * SECOND
"""The server gives ten values, and fails at whatever comes after the last of them."""

Fails = Callable[[Request, Answer], Answer | Fault]


def after_ten(fault: Callable[[Request, Answer], Answer | Fault]) -> Fails:
    """Right for the first page; then, for every page that goes beyond the tenth value, what is given."""

    def fails(request: Request, answer: Answer) -> Answer | Fault:
        return answer if request.point is None and request.span.begin <= BEGIN else fault(request, answer)

    return fails


def status(code: int) -> Fails:
    return after_ten(lambda _, __: Answer(code, None, no_values()))


def only_the_last(request: Request, answer: Answer) -> Answer:
    """It has nothing but the tenth value any more, and says that there is more."""
    held = answer.held.part(0, 1) if request.span.begin <= LAST and request.point is None else no_values()
    return Answer(0x00A60000, None, held)


class _Garbled(Answer):
    def values(self) -> None:  # type: ignore[override]
        raise ValueError("bytes that are no values")


WAYS: dict[str, tuple[Fails, type[IntegrationError]]] = {
    "the same point and an empty page": (
        after_ten(lambda request, _: Answer(0, request.point or b"10", no_values())), StalledError),
    "a new point and an empty page, for ever": (
        after_ten(lambda request, _: Answer(0, (request.point or b"1") + b"0", no_values())), StalledError),
    "the same point and the same page": (
        lambda request, answer: replace(answer, point=b"10", held=answer.held) if request.point is None
        else Answer(0, b"10", _first_ten()), StalledError),
    "a new point and the same page": (
        lambda request, _: Answer(0, (request.point or b"1") + b"0", _first_ten()), StalledError),
    "no data after values": (status(NO_DATA), StalledError),
    "good, and nothing, after values": (status(0), StalledError),
    "more data is told of, and not given": (after_ten(only_the_last), StalledError),
    "the point is invalid again and again": (status(0x804A0000), StalledError),
    "no points are left again and again": (status(0x804B0000), StalledError),
    "the session is lost again and again": (after_ten(lambda *_: Fault(0x80250000)), ConnectionLostError),
    "the channel is lost again and again": (after_ten(lambda *_: Fault(0x80860000)), ConnectionLostError),
    "no answer in time": (after_ten(lambda *_: Fault(0x800A0000)), WindowTooLargeError),
    "the answer would be too large": (status(0x80B90000), WindowTooLargeError),
    "the request is too large": (status(0x80B80000), WindowTooLargeError),
    "too many operations": (status(0x80100000), WindowTooLargeError),
    "pages go back in time": (
        after_ten(lambda request, _: Answer(0, b"7", _first_ten().part(2, 5))), WindowTooLargeError),
    "the archive is off-line": (status(0x809E0000), TransientError),
    "an error of a kind that nobody knows": (status(0x8FFF0000), TransientError),
    "the server breaks down": (status(0x80020000), TransientError),
    "the right to read is taken": (status(0x801F0000), ConfigError),
    "the node is gone": (status(0x80340000), ConfigError),
    "history is not supported any more": (status(0x80720000), ConfigError),
    "an answer that cannot be read": (after_ten(lambda *_: _Garbled(0, None, no_values())), SystemicError),
}  # fmt: skip


def _first_ten() -> Values:
    return PaperServer(ROWS, cap=10).right(Request("", SPAN, Reading(), 0)).held


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_ends_early_leaves_an_error_with_the_unread_window(way: str) -> None:
    fails, kind = WAYS[way]
    server = PaperServer(ROWS, cap=10, fails=fails)
    found = read(server, SPAN, most=200)
    assert type(found.error) is kind, f"{way}: {found.error!r}"
    told = found.error.values
    assert (told["tag"], told["unread_to"]) == ("level", "2026-01-01T00:01:40Z")
    unread_from = from_iso(told["unread_from"])
    assert unread_from == LAST
    assert found.rows == [row for row in ROWS if row[0] < unread_from], "what came before is given, and nothing else"
    assert found.error.next_step


def test_a_point_that_is_dropped_in_the_middle_is_no_end() -> None:
    server = PaperServer(ROWS, cap=10)
    server.fails = lambda request, answer: replace(answer, point=None) if len(server.asked) == 2 else answer
    found = read(server, SPAN)
    assert found.error is None
    assert found.rows == ROWS


def test_a_page_that_comes_twice_once_is_no_end_and_doubles_nothing() -> None:
    def twice(request: Request, answer: Answer) -> Answer:
        return Answer(0, b"10", _first_ten()) if len(server.asked) == 2 else answer

    server = PaperServer(ROWS, cap=10, fails=twice)
    found = read(server, SPAN)
    assert found.error is None
    assert found.rows == ROWS


def test_an_empty_page_with_a_point_is_tried_again_within_bounds() -> None:
    def slow(request: Request, answer: Answer) -> Answer:
        return Answer(0, request.point, no_values()) if request.point == b"10" and len(server.asked) < 5 else answer

    server = PaperServer(ROWS, cap=10, fails=slow)
    assert read(server, SPAN).rows == ROWS
    assert len(server.asked) > 5
