"""Groups of tags times spans: everything once, nothing twice, never more than can be mapped."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.model import Span, Tag
from airflow_provider_integrations.connectors.historian.run_plan import RunPlan, plan_gaps, plan_work

SECOND = 1_000_000_000


@given(
    tags=st.integers(1, 60),
    begin=st.integers(0, 10**6),
    length=st.integers(0, 10 * 86_400 * SECOND),
    window=st.integers(60, 86_400),
    per_item=st.integers(1, 20),
    newest=st.booleans(),
    most=st.integers(1, 40),
)
def test_each_tag_is_planned_over_the_whole_span_once(
    tags: int, begin: int, length: int, window: int, per_item: int, newest: bool, most: int
) -> None:
    named = [Tag(f"t{number}", f"ns=2;i={number}") for number in range(tags)]
    span = Span(begin, begin + length)
    works = plan_work(
        named, span, window=timedelta(seconds=window), tags_per_item=per_item, newest_first=newest, most=most
    )
    assert len(works) <= most
    for tag in named:
        spans = [work.span for work in works if tag in work.tags]
        assert spans == sorted(spans, reverse=newest)
        spans.sort()
        assert sum(each.end - each.begin for each in spans) == length
        assert all(one.end == other.begin for one, other in pairwise(spans))
        assert not length or (spans[0].begin, spans[-1].end) == (span.begin, span.end)


def test_what_fits_is_cut_as_the_source_says() -> None:
    named = [Tag(name, name) for name in "abc"]
    works = plan_work(named, Span(0, 250 * SECOND), window=timedelta(seconds=100), tags_per_item=2)
    assert [(len(work.tags), work.span.seconds) for work in works] == [
        (2, 100), (1, 100), (2, 100), (1, 100), (2, 50), (1, 50)
    ]  # fmt: skip


def test_a_plan_comes_back_from_json() -> None:
    named = [Tag(name, name * 2) for name in "abc"]
    works = plan_work(named, Span(0, 250 * SECOND), window=timedelta(seconds=100), tags_per_item=2)
    plan = RunPlan(works, until=250 * SECOND, position=None, newest_first=True, why="schedule")
    text = json.dumps(plan.to_json())
    assert RunPlan.from_json(json.loads(text)) == plan
    assert text.count('"cc"') == 1, "a group stands once, however many spans it has"
    assert plan.tags == tuple(named)


def test_only_gaps_are_planned_and_tags_that_lack_the_same_share_an_item() -> None:
    a, b, c = (Tag(name, name) for name in "abc")
    outage, hole = Span(100, 200), Span(150, 160)
    works = plan_gaps([(c, hole), (b, outage), (a, outage)], tags_per_item=10)
    assert [(work.tags, work.span) for work in works] == [((a, b), outage), ((c,), hole)]
    assert [work.tags for work in plan_gaps([(a, outage), (b, outage)], tags_per_item=1)] == [(a,), (b,)]
    assert len(plan_gaps([(a, Span(at, at + 1)) for at in range(9)], tags_per_item=1, most=4)) == 4


@pytest.mark.parametrize(("tags", "span"), [([], Span(0, 9)), ([Tag("a", "a")], Span(9, 9))])
def test_nothing_is_planned_of_nothing(tags: list[Tag], span: Span) -> None:
    assert plan_work(tags, span, window=timedelta(days=1), tags_per_item=1) == ()
