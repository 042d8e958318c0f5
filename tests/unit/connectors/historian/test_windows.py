"""Windows: whatever is read already and whatever the server refuses, together they are the span, and nothing comes twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.model import Span, WindowTooLargeError
from airflow_provider_integrations.connectors.historian.windows import DAY, Sizing, Window, WindowPlan, merged, without
from airflow_provider_integrations.core.errors import PermanentError

WHOLE = Span(0, 60)
SPANS = st.lists(
    st.tuples(st.integers(-5, 65), st.integers(0, 20)).map(lambda each: Span(each[0], sum(each))), max_size=6
)
READ = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e"]), SPANS)


def instants(spans: tuple[Span, ...]) -> list[int]:
    return [at for span in spans for at in range(span.begin, span.end)]


def drained(plan: WindowPlan) -> Iterator[Window]:
    while (window := plan.take()) is not None:
        yield window
        plan.ended(window, dict.fromkeys(window.tags, window.span.end), None)


@given(SPANS)
def test_merged_spans_are_the_same_time_with_room_in_between(spans: list[Span]) -> None:
    found = merged(spans)
    assert instants(found) == sorted({at for span in spans for at in range(span.begin, span.end)})
    assert all(one.end < other.begin for one, other in pairwise(found))


@given(SPANS)
def test_without_is_what_the_others_leave(spans: list[Span]) -> None:
    gone = {at for span in spans for at in range(span.begin, span.end)}
    assert instants(without(WHOLE, spans)) == [at for at in range(WHOLE.begin, WHOLE.end) if at not in gone]


@given(READ, st.booleans(), st.integers(1, 80), st.integers(1, 6), st.integers(1, 5))
def test_windows_are_the_span_without_what_is_read_and_none_is_there_twice(
    read: dict[str, list[Span]], newest_first: bool, width: int, together: int, at_once: int
) -> None:
    tags = ("a", "b", "c", "d", "e")
    plan = WindowPlan(tags, WHOLE, read, newest_first=newest_first, together=together, sizing=Sizing(width=width))
    asked: dict[str, list[int]] = {tag: [] for tag in tags}
    under_way: list[Window] = []
    while True:
        while len(under_way) < at_once and (window := plan.take()) is not None:
            under_way.append(window)
            assert 0 < window.span.end - window.span.begin <= width
            assert len(window.tags) <= together
            for tag in window.tags:
                asked[tag] += range(window.span.begin, window.span.end)
        if not under_way:
            break
        window = under_way.pop(0)
        plan.ended(window, dict.fromkeys(window.tags, window.span.end), None)
    for tag in tags:
        assert sorted(asked[tag]) == instants(without(WHOLE, read.get(tag, ())))
        assert plan.unread(tag) == ()


@given(READ, st.booleans(), st.integers(0, 2**32))
def test_a_server_that_refuses_and_gives_parts_ends_with_everything_read_once(
    read: dict[str, list[Span]], newest_first: bool, seed: int
) -> None:
    """Splitting comes to an end: each refusal halves, and a single instant is never refused here."""
    dice, tags = random.Random(seed), ("a", "b", "c")
    plan = WindowPlan(tags, WHOLE, read, newest_first=newest_first, together=2, sizing=Sizing(width=64))
    given_out: dict[str, list[int]] = {tag: [] for tag in tags}
    steps = 0
    while (window := plan.take()) is not None:
        steps += 1
        assert steps < 2_000
        whole = dice.random() < 0.5 or window.span.end - window.span.begin == 1
        read_to = {
            tag: window.span.end if whole else dice.randint(window.span.begin, window.span.end - 1)
            for tag in window.tags
        }
        for tag, end in read_to.items():
            given_out[tag] += range(window.span.begin, end)
        if whole:
            plan.ended(window, read_to, dice.randrange(100))
        elif dice.random() < 0.5 and window.span.end - min(read_to.values()) > 1:
            plan.refused(window, read_to, WindowTooLargeError("too many"))
        else:
            plan.ended(window, read_to, 0)
    for tag in tags:
        assert sorted(given_out[tag]) == instants(without(WHOLE, read.get(tag, ())))


def test_the_newest_window_comes_first_or_the_oldest() -> None:
    oldest = [window.span.begin for window in drained(WindowPlan(("a",), WHOLE, sizing=Sizing(width=20)))]
    newest = [
        window.span.begin for window in drained(WindowPlan(("a",), WHOLE, newest_first=True, sizing=Sizing(width=20)))
    ]
    assert oldest == [0, 20, 40]
    assert newest == [40, 20, 0]


def test_tags_that_lack_the_same_time_share_a_window_and_one_that_lags_joins_them() -> None:
    plan = WindowPlan(("a", "b"), WHOLE, {"a": [Span(0, 15)]}, sizing=Sizing(width=40))
    assert list(drained(plan)) == [
        Window(("b",), Span(0, 15)),
        Window(("a", "b"), Span(15, 55)),
        Window(("a", "b"), Span(55, 60)),
    ]


def test_groups_take_turns() -> None:
    plan = WindowPlan(("a", "b"), WHOLE, together=1, sizing=Sizing(width=30))
    assert [window.tags for window in iter(plan.take, None)] == [("a",), ("b",), ("a",), ("b",)]


def test_a_tag_that_is_left_is_asked_for_no_more() -> None:
    plan = WindowPlan(("a", "b"), WHOLE, sizing=Sizing(width=40))
    window = plan.take()
    assert window is not None
    plan.leave("a")
    plan.ended(window, {"a": 3, "b": 40}, None)
    assert list(drained(plan)) == [Window(("b",), Span(40, 60))]
    assert plan.unread("a") == (Span(3, 60),)


def test_a_single_instant_that_is_refused_is_an_error_with_its_window() -> None:
    """A run of equal timestamps cannot be split by time: halving it for ever would be a loop."""
    plan, widths = WindowPlan(("a", "b"), Span(0, 4), sizing=Sizing(width=4)), list[int]()

    def refuse_all() -> None:
        while (window := plan.take()) is not None:
            widths.append(window.span.end - window.span.begin)
            plan.refused(window, dict.fromkeys(window.tags, window.span.begin), WindowTooLargeError("too many"))

    with pytest.raises(PermanentError) as caught:
        refuse_all()
    assert widths == [4, 2, 1]
    assert caught.value.values["tag"] == "a"
    assert caught.value.values["unread_from"] == "1970-01-01T00:00:00Z"
    assert caught.value.values["unread_to"] == "1970-01-01T00:00:00.000000001Z"


def test_a_refusal_halves_what_was_left_of_the_window() -> None:
    plan = WindowPlan(("a",), WHOLE, sizing=Sizing(width=60))
    window = plan.take()
    assert window is not None
    plan.refused(window, {"a": 20}, WindowTooLargeError("too many"))
    assert plan.take() == Window(("a",), Span(20, 40))
    assert plan.take() == Window(("a",), Span(40, 60))


def test_sizes_grow_by_doubling_and_shrink_at_once() -> None:
    sizing = Sizing(width=DAY, target=1_000)
    assert sizing.after(DAY, 10).width == 2 * DAY
    assert sizing.after(DAY, 0).width == 2 * DAY
    assert sizing.after(DAY, 800).width == DAY * 5 // 4
    assert sizing.after(DAY, 100_000).width == DAY // 100
    # The rest before the end of the span proves nothing for more.
    assert sizing.after(DAY // 4, 1) == sizing


def test_what_was_refused_is_tried_again_by_small_steps() -> None:
    sizing = Sizing(width=DAY, target=1_000).refused(DAY // 2)
    assert sizing.width == DAY // 2
    grown = sizing.after(DAY // 2, 1)
    assert DAY // 2 < grown.width < DAY * 3 // 5


def test_one_crowded_instant_does_not_keep_windows_small_for_ever() -> None:
    sizing, windows = Sizing().refused(1), 0
    while sizing.width < DAY:
        sizing, windows = sizing.after(sizing.width, 0), windows + 1
    assert windows < 60


def test_what_was_given_before_a_refusal_is_taken_for_what_the_server_gives() -> None:
    plan = WindowPlan(("a",), Span(0, 1_000), sizing=Sizing(width=500))
    window = plan.take()
    assert window is not None
    plan.refused(window, {"a": 450}, WindowTooLargeError("too many"))
    assert plan.take() == Window(("a",), Span(450, 475))
    assert plan.take() == Window(("a",), Span(475, 925))


def test_a_refused_window_is_halved_even_if_others_go_well_meanwhile() -> None:
    """Windows beside it that grow must not bring it back as it was: that would never end."""
    plan = WindowPlan(("a",), Span(0, 8_000), sizing=Sizing(width=1_000))
    crowded, asked = plan.take(), list[int]()
    while crowded is not None and crowded.span.end - crowded.span.begin > 1:
        other = plan.take()
        assert other is not None
        plan.ended(other, {"a": other.span.end}, 0)
        asked.append(crowded.span.end - crowded.span.begin)
        plan.refused(crowded, {"a": crowded.span.begin}, WindowTooLargeError("too many"))
        crowded = plan.take()
    assert asked == [1_000, 500, 250, 125, 62, 31, 15, 7, 3]


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**9)), max_size=60))
def test_a_width_is_always_one_that_can_be_asked_for(answers: list[int | None]) -> None:
    sizing = Sizing()
    for samples in answers:
        sizing = sizing.refused(sizing.width // 2) if samples is None else sizing.after(sizing.width, samples)
        assert 1 <= sizing.width <= sizing.ceiling
