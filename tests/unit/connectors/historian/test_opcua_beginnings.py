"""Servers that leave out a value at the very instant a window begins at, and values that lie just before one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.model import Span, from_iso
from airflow_provider_integrations.connectors.historian.opcua_decode import no_values
from airflow_provider_integrations.connectors.historian.opcua_model import Answer, Limits, Reading
from tests.fakes.opcua.paper import PaperServer, read, rows_of

SECOND = 1_000_000_000
BEGIN = from_iso("2026-01-01T00:00:00Z")


def seconds(*numbers: float) -> list[int]:
    return [BEGIN + round(number * SECOND) for number in numbers]


def window(length: float) -> Span:
    return Span(BEGIN, BEGIN + round(length * SECOND))


FINE = st.lists(st.sampled_from([0, 0, 1, 1, 3, 4, 12]), max_size=40)
"""How many tenths of a millisecond lie between two values: a good deal of them within the millisecond before a window."""


def finely(steps: list[int]) -> list[int]:
    at, found = BEGIN, []
    for step in steps:
        at += step * 100_000
        found.append(at)
    return found


@given(
    FINE, FINE, st.sampled_from([1, 2, 3, 7, 1_000]), st.sampled_from([0, 1, 3, 1_000]), st.booleans(), st.booleans()
)
def test_values_before_the_window_hide_none_in_it(
    before: list[int], steps: list[int], cap: int, page: int, exclusive: bool, alike: bool
) -> None:
    instants = finely([*before, 1, *steps])
    rows = [(ts, 1.0, 0) for ts in instants] if alike else rows_of(instants)
    span = Span(instants[len(before)], BEGIN + SECOND)
    found = read(PaperServer(rows, cap=cap, exclusive=exclusive), span, limits=Limits(page=page))
    wanted = [row for row in rows if row[0] >= span.begin]
    if found.error is not None:
        assert alike, "values that are alike may be the same ones again"
        assert exclusive
        wanted = [row for row in wanted if row[0] < from_iso(found.error.values["unread_from"])]
    assert found.rows == wanted


@given(
    FINE, FINE, st.sampled_from([1, 2, 3, 7, 1_000]), st.sampled_from([1, 3, 1_000]), st.booleans(),
    st.sampled_from(["none", "time"]),
)  # fmt: skip
def test_servers_that_leave_out_the_beginning_lose_nothing_in_silence(
    before: list[int], steps: list[int], cap: int, page: int, exclusive: bool, points: str
) -> None:
    instants = finely([*before, 1, *steps])
    rows = rows_of(instants)
    span = Span(instants[len(before)], BEGIN + SECOND)
    server = PaperServer(rows, cap=cap, exclusive=exclusive, points=points)
    found = read(server, span, limits=Limits(page=page), most=5_000)
    wanted = [row for row in rows if row[0] >= span.begin]
    if found.error is not None:
        unread_from = from_iso(found.error.values["unread_from"])
        assert found.rows == [row for row in wanted if row[0] < unread_from]
        assert max(instants.count(each) for each in instants) >= cap or exclusive or points == "time"
    elif max(instants.count(each) for each in instants) < cap:
        assert found.rows == wanted


def test_the_first_value_of_a_window_and_the_last_come_from_a_server_that_leaves_out_where_it_begins() -> None:
    rows = rows_of(seconds(-1, 0, 1, 2))
    for limits in (Limits(), Limits(page=1)):
        found = read(PaperServer(rows, exclusive=True), window(100), limits=limits)
        assert found.error is None
        assert found.rows == rows[1:]


def test_a_lost_point_loses_no_value_where_the_server_leaves_out_the_beginning() -> None:
    fails = iter([False, True, False, True, *[False] * 100])
    server = PaperServer(
        rows_of(seconds(0, 1, 1, 2, 3, 4, 4, 5)), cap=2, exclusive=True,
        fails=lambda _, answer: Answer(0x804A0000, None, no_values()) if next(fails) else answer,
    )  # fmt: skip
    found = read(server, window(100))
    assert found.error is None
    assert [number for _, number, _ in found.rows] == list(range(8))


def test_bounds_and_aggregates_are_asked_for_as_they_are() -> None:
    for reading in (Reading(bounds=True), Reading(aggregate="i=2342", interval=1_000)):
        server = PaperServer(rows_of(seconds(0, 1)))
        read(server, window(2), reading=reading)
        assert min(request.span.begin for request in server.asked) == BEGIN


def test_values_without_end_before_the_window_do_not_keep_it_from_being_read() -> None:
    rows = [*rows_of([BEGIN - 100 * at for at in range(5_000, 0, -1)]), *rows_of(seconds(0, 1))]
    server = PaperServer(rows, cap=1)
    found = read(server, window(100))
    assert found.rows == rows[-2:]
    assert len(server.asked) < 500
    assert not server.open_points
