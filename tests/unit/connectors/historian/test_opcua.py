"""The conversation: whatever a server caps, cuts or drops, each value comes once, or an error names what is unread."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.model import Span, WindowTooLargeError, from_iso
from airflow_provider_integrations.connectors.historian.opcua_decode import no_values
from airflow_provider_integrations.connectors.historian.opcua_model import Answer, Fault, Limits, Reading, Request
from airflow_provider_integrations.core.errors import ConfigError, ConnectionLostError, SystemicError, TransientError
from tests.fakes.opcua.paper import NO_DATA, PaperServer, read, rows_of, values_of

SECOND = 1_000_000_000
BEGIN = from_iso("2026-01-01T00:00:00Z")


def seconds(*numbers: float) -> list[int]:
    return [BEGIN + round(number * SECOND) for number in numbers]


def window(length: float) -> Span:
    return Span(BEGIN, BEGIN + round(length * SECOND))


STEPS = st.lists(st.sampled_from([0, 0, 0, 1, 1, 1, 5]), max_size=40)
"""How many seconds lie between a value and the one before: none at all for runs of one instant."""


def placed(steps: list[int]) -> list[int]:
    at, found = 0, []
    for step in steps:
        at += step
        found.append(at)
    return seconds(*found)


@given(
    STEPS,
    st.sampled_from([1, 2, 7, 1_000]),
    st.sampled_from([0, 1, 3, 1_000]),
    st.booleans(),
    st.booleans(),
)
def test_every_value_comes_once_whatever_the_caps(
    steps: list[int], cap: int, page: int, alike: bool, inclusive: bool
) -> None:
    rows = rows_of(placed(steps))
    if alike:
        rows = [(ts, 1.0, 0) for ts, _, _ in rows]
    span = window(100)
    server = PaperServer(rows, cap=cap, inclusive=inclusive)
    found = read(server, span, limits=Limits(page=page))
    assert found.error is None
    assert found.rows == rows
    assert not server.open_points, "points are given back"


@given(STEPS, st.sampled_from([1, 2, 7, 1_000]), st.booleans())
def test_points_that_are_times_double_no_instant(steps: list[int], cap: int, alike: bool) -> None:
    instants = placed(steps)
    rows = [(ts, 1.0 if alike else float(at), 0) for at, ts in enumerate(instants)]
    found = read(PaperServer(rows, cap=cap, points="time"), window(100))
    if max((instants.count(each) for each in instants), default=0) <= cap:
        assert found.error is None
        assert found.rows == rows
    elif found.error is not None:
        # Such a server can not get past an instant that is larger than its page.
        assert found.rows == [row for row in rows if row[0] < from_iso(found.error.values["unread_from"])]


@given(STEPS, st.sampled_from([1, 2, 3, 7, 1_000]), st.sampled_from([1, 2, 1_000]))
def test_a_server_that_caps_in_silence_is_asked_on(steps: list[int], cap: int, page: int) -> None:
    instants = placed(steps)
    rows = rows_of(instants)
    found = read(PaperServer(rows, cap=cap, points="none"), window(100), limits=Limits(page=page))
    largest = max((instants.count(each) for each in instants), default=0)
    if found.error is None and largest < cap:
        assert found.rows == rows
    elif largest < cap:
        pytest.fail(f"nothing fills a page, and yet {found.error}")
    elif found.error is not None:
        assert found.rows == [row for row in rows if row[0] < from_iso(found.error.values["unread_from"])]


def test_a_value_at_the_end_of_the_window_is_not_part_of_it() -> None:
    found = read(PaperServer(rows_of(seconds(0, 1, 2)), inclusive=True), window(2))
    assert [number for _, number, _ in found.rows] == [0, 1]


def test_good_no_data_is_no_error_and_asked_once() -> None:
    server = PaperServer([])
    found = read(server, window(5))
    assert found.error is None
    assert [page.read_to for page in found.pages] == [window(5).end]
    assert len(server.asked) == 1


def test_good_with_nothing_in_it_is_asked_twice() -> None:
    server = PaperServer([], fails=lambda _, answer: replace(answer, status=0))
    assert read(server, window(5)).error is None
    assert len(server.asked) == 2


def test_a_lost_point_leads_back_to_the_last_whole_instant() -> None:
    fails = iter([False, True, False, False, True, *[False] * 100])
    server = PaperServer(
        rows_of(seconds(0, 1, 1, 1, 2, 3, 4, 4, 5)),
        cap=2,
        fails=lambda _, answer: Answer(0x804A0000, None, no_values()) if next(fails) else answer,
    )
    found = read(server, window(100))
    assert [number for _, number, _ in found.rows] == list(range(9))


def test_a_lost_session_leads_back_too() -> None:
    fails = iter([False, True, True, False, True, *[False] * 100])
    server = PaperServer(
        rows_of(seconds(*range(20))), cap=3, fails=lambda _, answer: Fault(0x80250000) if next(fails) else answer
    )
    assert [number for _, number, _ in read(server, window(100)).rows] == list(range(20))


def test_an_instant_larger_than_a_page_grows_the_page_where_points_die() -> None:
    def dying(request: Request, answer: Answer) -> Answer:
        return Answer(0x804B0000, None, no_values()) if request.point else answer

    server = PaperServer(rows_of(seconds(*[1] * 30, 2)), cap=1_000, fails=dying)
    found = read(server, window(100), limits=Limits(page=5))
    assert len(found.rows) == 31
    assert max(request.page for request in server.asked) > 30


def test_a_page_too_large_for_the_server_shrinks_before_the_window_is_given_up() -> None:
    def small(request: Request, answer: Answer) -> Answer:
        return Answer(0x80B90000, None, no_values()) if request.page > 300 else answer

    server = PaperServer(rows_of(seconds(*range(50))), fails=small)
    assert len(read(server, window(100)).rows) == 50
    server.fails = lambda _, __: Fault(0x800A0000)
    found = read(server, window(100))
    assert isinstance(found.error, WindowTooLargeError)


def test_pages_out_of_order_are_sorted_where_one_page_has_all() -> None:
    rows = rows_of(seconds(3, 1, 2))
    found = read(PaperServer(rows), window(100))
    assert [ts for ts, _, _ in found.rows] == seconds(1, 2, 3)


def test_reversed_time_order_over_several_pages_asks_for_half_the_window() -> None:
    found = read(PaperServer(rows_of(seconds(*range(10, 0, -1))), cap=4), window(100))
    assert isinstance(found.error, WindowTooLargeError)
    assert found.rows == []


def test_bounds_are_not_data() -> None:
    rows = [(BEGIN, None, 0x80D70000), *rows_of(seconds(1, 2))]
    found = read(PaperServer(rows), window(100))
    assert [number for _, number, _ in found.rows] == [0, 1]


def test_bounds_that_were_asked_for_are_marked() -> None:
    around = [(BEGIN - SECOND, 7.0, 0), *rows_of(seconds(1)), (BEGIN + 101 * SECOND, 8.0, 0)]
    server = PaperServer([], fails=lambda request, _: Answer(0, None, values_of(around)))
    found = read(server, window(100), reading=Reading(bounds=True))
    told = [(row["value_number"], row["quality_detail"]) for page in found.pages for row in page.samples.to_pylist()]
    assert told == [(7.0, "bound"), (0.0, None), (8.0, "bound")]
    assert [number for _, number, _ in read(server, window(100)).rows] == [0], "unasked they are left out"


def test_uncertain_and_bad_values_keep_their_codes() -> None:
    codes = (0x40A40000, 0x80000000, 5)
    rows = [(ts, number, code) for (ts, number, _), code in zip(rows_of(seconds(1, 2, 3)), codes, strict=True)]
    assert read(PaperServer(rows), window(100)).rows == rows


def test_an_aggregate_that_misses_its_last_intervals_is_no_end() -> None:
    reading = Reading(aggregate="i=2342", interval=1_000)
    whole = PaperServer(rows_of(seconds(0, 1, 2, 3, 4)))
    assert len(read(whole, window(5), reading=reading).rows) == 5
    short = PaperServer(rows_of(seconds(0, 1, 2)))
    found = read(short, window(5), reading=reading)
    assert found.error is not None
    assert found.error.values["unread_from"] == "2026-01-01T00:00:02Z"


def test_what_was_read_before_an_error_is_given() -> None:
    server = PaperServer(rows_of(seconds(*range(50))), cap=10)
    server.fails = lambda request, answer: Fault(0x80020000) if len(server.asked) > 3 else answer
    found = read(server, window(100))
    assert isinstance(found.error, TransientError)
    assert found.pages[-1].read_to == from_iso(found.error.values["unread_from"])
    assert len(found.rows) == 29


PERMANENT = [0x80720000, 0x80340000, 0x801F0000]


@pytest.mark.parametrize("status", PERMANENT)
def test_what_a_server_refuses_for_good_is_not_tried_again(status: int) -> None:
    server = PaperServer([], fails=lambda _, answer: replace(answer, status=status))
    assert isinstance(read(server, window(5)).error, ConfigError)
    assert len(server.asked) == 1


def test_a_value_without_any_time_is_refused() -> None:
    bare = replace(values_of(rows_of(seconds(1))), timed=values_of(rows_of([0])).timed & False)
    assert isinstance(read(PaperServer([], fails=lambda *_: Answer(0, None, bare)), window(5)).error, SystemicError)


def test_an_error_of_the_connection_keeps_its_class_and_gains_the_window() -> None:
    lost = ConnectionLostError(
        "no OPC UA server answers", url="opc.tcp://there", next_step="Check host, port and network."
    )
    found = read(PaperServer([], fails=lambda *_: Fault(0x80AE0000, lost)), window(5))
    assert isinstance(found.error, ConnectionLostError)
    assert found.error.values == {
        "tag": "level", "unread_from": "2026-01-01T00:00:00Z", "unread_to": "2026-01-01T00:00:05Z", "url": "opc.tcp://there",
    }  # fmt: skip


def test_no_data_where_there_were_values_is_no_end() -> None:
    answers = iter([values_of(rows_of(seconds(0, 1)))])

    def vanishing(request: Request, answer: Answer) -> Answer:
        found = next(answers, None)
        return Answer(0, None, found) if found is not None else Answer(NO_DATA, None, no_values())

    error = read(PaperServer([], fails=vanishing), window(5)).error
    assert error is not None
    assert "gone" in error.what
