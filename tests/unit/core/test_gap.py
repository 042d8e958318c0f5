"""What a ledger of gaps makes of each look: the same gap stays the same one, and a second look changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.gap import (
    Gap,
    GapChanges,
    GapReason,
    KnownGap,
    gaps_to_try,
    merge_gaps,
    widen,
)

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
DAY = {"pump": (0, 100)}


def gap(begin: int, end: int, reason: GapReason = GapReason.MISSING, tag: str = "pump") -> Gap:
    return Gap(tag, begin, end, reason, expected=end - begin, found=0)


def known(begin: int, end: int, reason: GapReason = GapReason.MISSING, number: int = 7) -> KnownGap:
    return KnownGap(gap(begin, end, reason), opened_at=MONDAY, attempts=2, tried_at=MONDAY, number=number)


def test_a_gap_that_is_first_seen_is_opened() -> None:
    changes = merge_gaps([], [gap(10, 20)], DAY, at=MONDAY)
    assert changes == GapChanges(opened=(KnownGap(gap(10, 20), opened_at=MONDAY),))


def test_a_gap_that_is_seen_again_changes_nothing() -> None:
    assert merge_gaps([known(10, 20)], [gap(10, 20)], DAY, at=TUESDAY) == GapChanges()


def test_a_gap_that_is_gone_is_closed_with_the_backfill_that_filled_it() -> None:
    (closed,) = merge_gaps([known(10, 20)], [], DAY, at=TUESDAY, by="run-1").closed
    assert (closed.closed_at, closed.closed_by, closed.opened_at, closed.number) == (TUESDAY, "run-1", MONDAY, 7)


def test_a_gap_that_shrank_keeps_its_number_and_its_age() -> None:
    (changed,) = merge_gaps([known(10, 20)], [gap(15, 20)], DAY, at=TUESDAY).changed
    assert (changed.gap, changed.number, changed.opened_at, changed.attempts) == (gap(15, 20), 7, MONDAY, 2)


def test_a_gap_that_grows_is_asked_for_again_though_its_attempts_were_used_up() -> None:
    exhausted = replace(known(10, 20), attempts=5)
    assert gaps_to_try([exhausted], TUESDAY, attempts=5) == ()
    (changed,) = merge_gaps([exhausted], [gap(10, 30)], DAY, at=TUESDAY).changed
    assert (changed.attempts, changed.tried_at, changed.opened_at) == (1, MONDAY, MONDAY)
    assert gaps_to_try([changed], TUESDAY, attempts=5) == (changed,)
    (shrunk,) = merge_gaps([exhausted], [gap(10, 15)], DAY, at=TUESDAY).changed
    assert shrunk.attempts == 5


def test_a_gap_that_was_split_leaves_its_age_to_its_parts() -> None:
    changes = merge_gaps([known(10, 20)], [gap(10, 12), gap(18, 20)], DAY, at=TUESDAY)
    assert [(one.gap, one.number, one.opened_at) for one in changes.changed] == [(gap(10, 12), 7, MONDAY)]
    assert [(one.gap, one.number, one.opened_at, one.attempts) for one in changes.opened] == [
        (gap(18, 20), None, MONDAY, 2)
    ]


def test_what_was_missing_and_came_bad_is_another_gap() -> None:
    changes = merge_gaps([known(10, 20)], [gap(10, 20, GapReason.BAD_QUALITY)], DAY, at=TUESDAY)
    assert [one.gap.reason for one in changes.opened] == [GapReason.BAD_QUALITY]
    assert [one.gap.reason for one in changes.closed] == [GapReason.MISSING]


def test_tags_and_spans_that_nobody_looked_at_are_left_alone() -> None:
    other = KnownGap(gap(10, 20, tag="valve"), opened_at=MONDAY)
    assert merge_gaps([known(200, 300), other], [], DAY, at=TUESDAY) == GapChanges()


def test_a_closed_gap_is_not_closed_again_and_can_come_back() -> None:
    (closed,) = merge_gaps([known(10, 20)], [], DAY, at=TUESDAY).closed
    assert merge_gaps([closed], [], DAY, at=TUESDAY) == GapChanges()
    (opened,) = merge_gaps([closed], [gap(10, 20)], DAY, at=TUESDAY).opened
    assert (opened.opened_at, opened.number) == (TUESDAY, None)


def test_a_gap_that_is_seen_in_part_is_refused_and_widening_mends_it() -> None:
    before = [known(90, 110), known(110, 120, GapReason.BAD_QUALITY), known(130, 140)]
    with pytest.raises(ConfigError, match="in part"):
        merge_gaps(before, [], DAY, at=TUESDAY)
    begin, end = widen(before, "pump", 0, 100)
    assert (begin, end) == (0, 120)
    assert len(merge_gaps(before, [], {"pump": (begin, end)}, at=TUESDAY).closed) == 2


def test_a_gap_where_nobody_looked_is_refused() -> None:
    with pytest.raises(ConfigError, match="where nobody looked"):
        merge_gaps([], [gap(10, 20, tag="valve")], DAY, at=TUESDAY)


def test_what_the_server_does_not_have_is_asked_for_ever_more_seldom() -> None:
    def asked(attempts: int, after: timedelta, most: int | None = None) -> bool:
        one = KnownGap(gap(1, 2), opened_at=MONDAY, attempts=attempts, tried_at=MONDAY)
        return bool(gaps_to_try([one], MONDAY + after, attempts=most))

    hour = timedelta(hours=1)
    assert asked(0, timedelta())
    assert not asked(1, hour - timedelta(seconds=1))
    assert asked(1, hour)
    assert not asked(4, 7 * hour)
    assert asked(4, 8 * hour)
    assert not asked(1_000_000, timedelta(days=6))
    assert asked(1_000_000, timedelta(days=7))
    assert not asked(5, timedelta(days=70), most=5)


def test_only_what_a_backfill_may_mend_is_asked_for() -> None:
    gaps = [KnownGap(gap(1, 2, reason), opened_at=MONDAY) for reason in GapReason]
    assert [one.gap.reason for one in gaps_to_try(gaps, MONDAY)] == [GapReason.MISSING, GapReason.ESTIMATED]


@st.composite
def looks(draw: st.DrawFn) -> list[Gap]:
    """Gaps as one look finds them: in order, none over another."""
    edges = sorted(draw(st.sets(st.integers(0, 100), max_size=12)))
    reasons = st.sampled_from(list(GapReason))
    return [gap(one, other, draw(reasons)) for one, other in zip(edges[::2], edges[1::2], strict=False)]


@given(st.lists(looks(), min_size=1, max_size=4))
def test_after_each_look_the_open_gaps_are_those_that_are_there_and_a_second_look_changes_nothing(
    all_looks: list[list[Gap]],
) -> None:
    ledger: dict[int, KnownGap] = {}
    for place, found in enumerate(all_looks):
        at = MONDAY + timedelta(days=place)
        changes = merge_gaps(ledger.values(), found, DAY, at=at)
        for one in (*changes.changed, *changes.closed):
            assert one.number is not None
            assert ledger[one.number].closed_at is None
            ledger[one.number] = one
        for one in changes.opened:
            ledger[len(ledger)] = KnownGap(one.gap, one.opened_at, number=len(ledger))
        assert sorted(one.gap for one in ledger.values() if one.closed_at is None) == sorted(found)
        assert merge_gaps(ledger.values(), found, DAY, at=at) == GapChanges()
