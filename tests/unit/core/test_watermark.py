"""The algebra of positions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.watermark import (
    Bound,
    Start,
    Watermark,
    advance,
    compare,
    read_from,
)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(st.characters()),  # Lone surrogates and NUL too.
    "integer": st.integers(),
    "date": st.dates(),
    "local": st.datetimes(),
    "instant": st.datetimes(timezones=st.timezones() | st.just(UTC)),
}


@st.composite
def same_order(draw: st.DrawFn, count: int) -> list[Watermark]:
    """Positions that compare: of the same columns."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3))
    made = []
    for _ in range(count):
        try:
            made.append(Watermark(tuple(draw(VALUES[kind]) for kind in kinds), draw(st.sampled_from(Bound))))
        except OverflowError:  # An instant in year 1 or 9999 that UTC would put outside of what datetime holds.
            assume(False)
    return made


@given(same_order(3))
def test_positions_are_in_a_total_order(three: list[Watermark]) -> None:
    a, b, c = three
    assert compare(a, b) == -compare(b, a)
    assert compare(a, a) == 0
    assert (compare(a, b) == 0) == (a == b)
    if compare(a, b) <= 0 and compare(b, c) <= 0:
        assert compare(a, c) <= 0


@given(same_order(2))
def test_advancing_never_goes_backwards(two: list[Watermark]) -> None:
    old, new = two
    if compare(new, old) < 0:
        with pytest.raises(StateConflictError, match="never moves backwards"):
            advance(old, new)
    else:
        assert advance(old, new) is new
        assert advance(new, new) is new


@given(same_order(1), st.text())
def test_json_gives_back_exactly_the_same(one: list[Watermark], engine: str) -> None:
    position = Watermark(one[0].cursor, one[0].bound, floor=one[0].cursor[0], engine=engine)
    text = position.to_json()
    again = Watermark.from_json(text)
    assert again == position
    assert [type(value) for value in again.cursor] == [type(value) for value in position.cursor]
    assert again.to_json() == text
    assert text.isascii()


@given(st.datetimes(), st.timedeltas(timedelta(0), timedelta(days=10**6)), st.none() | st.datetimes())
def test_the_lag_leads_back_but_never_before_the_floor(head: datetime, lag: timedelta, floor: datetime | None) -> None:
    position = Watermark((head, 7), lag=lag, floor=floor)
    assert Watermark.from_json(position.to_json()) == position
    start = read_from(position)
    first: Any = start.cursor[0]
    assert first <= head
    if floor is not None and floor <= head:
        assert first >= floor
    if start.cursor == position.cursor:
        assert start.bound is position.bound
    else:
        # A part of the cursor compares by its first column alone, and the row at it must be read again.
        assert start == Start((first,), Bound.CLOSED)
    if floor is None and lag and head - datetime.min >= lag:
        assert first == head - lag


@given(st.integers(), st.integers(0), st.none() | st.integers())
def test_the_lag_of_numbers(head: int, lag: int, floor: int | None) -> None:
    first: Any = read_from(Watermark((head,), lag=lag, floor=floor)).cursor[0]
    assert first == min(head, max(head - lag, floor) if floor is not None else head - lag)


def test_the_lag_stops_at_the_first_day_there_is() -> None:
    assert read_from(Watermark((date(1, 1, 5),), lag=timedelta(days=9))).cursor == (date.min,)
    instant = datetime(1, 1, 5, tzinfo=UTC)
    assert read_from(Watermark((instant,), lag=timedelta(days=9))).cursor == (datetime.min.replace(tzinfo=UTC),)


def test_open_lies_ahead_of_closed_at_the_same_row() -> None:
    assert compare(Watermark((1,), Bound.OPEN), Watermark((1,), Bound.CLOSED)) == 1


def test_instants_are_kept_in_utc_and_local_times_stay_local() -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    assert Watermark((datetime(2025, 11, 5, 5, 45, tzinfo=zone),)) == Watermark((datetime(2025, 11, 5, tzinfo=UTC),))
    with pytest.raises(StateConflictError, match="two orders"):
        compare(Watermark((datetime(2025, 11, 5),)), Watermark((datetime(2025, 11, 5, tzinfo=UTC),)))


@pytest.mark.parametrize("value", [None, 1.5, True, b"x", (1,)])
def test_null_floats_and_booleans_cannot_be_cursors(value: Any) -> None:
    with pytest.raises(ConfigError, match="cannot be a cursor"):
        Watermark((value,))


def test_positions_of_two_engines_or_orders_do_not_compare() -> None:
    with pytest.raises(StateConflictError, match="two engines"):
        compare(Watermark((1,), engine="15"), Watermark((1,), engine="16"))
    for other in ((1, 2), ("1",), (date(2025, 1, 1),)):
        with pytest.raises(StateConflictError, match="two orders"):
            compare(Watermark((1,)), Watermark(other))


@pytest.mark.parametrize(
    ("head", "lag"),
    [
        ("text", 1),
        (1, timedelta(1)),
        (1, -1),
        (1, True),
        (date(2025, 1, 1), timedelta(hours=1)),
        (date(2025, 1, 1), 1),
        (datetime(2025, 1, 1), timedelta(-1)),
    ],
)
def test_a_lag_that_does_not_fit_is_refused(head: Any, lag: Any) -> None:
    with pytest.raises(ConfigError, match="lag does not fit"):
        Watermark((head,), lag=lag)


def test_a_floor_of_another_kind_and_no_values_are_refused() -> None:
    with pytest.raises(ConfigError, match="floor"):
        Watermark((1,), floor="a")
    with pytest.raises(ConfigError, match="at least one value"):
        Watermark(())


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", '{"cursor":[],"bound":"open","lag":null,"floor":null,"engine":""}']
    + [f'{{"cursor":[{value}],"bound":"open","lag":null,"floor":null,"engine":""}}' for value in ("1.5", "null", "{}")],
)
def test_what_is_no_watermark_is_an_error_and_never_the_beginning(text: str) -> None:
    with pytest.raises(ConfigError):
        Watermark.from_json(text)
