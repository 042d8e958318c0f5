"""Gaps and their reasons, against what a person would count by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.gaps import TagGaps, find_gaps, spans_to_read
from airflow_provider_integrations.connectors.historian.model import Span, from_iso
from airflow_provider_integrations.connectors.historian.samples import PAGE
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.gap import Gap, GapReason

MIN = 60_000_000_000
HOUR = 60 * MIN
BAD, UNCERTAIN = 0x80000000, 0x40000000
MISSING, BAD_QUALITY, ESTIMATED = GapReason.MISSING, GapReason.BAD_QUALITY, GapReason.ESTIMATED
COMPRESSED_OK, NOT_YET_DUE = GapReason.COMPRESSED_OK, GapReason.NOT_YET_DUE


def tag(**settings: Any) -> TagEntry:
    return TagEntry.from_mapping({"name": "pump", "cadence": "PT1M", **settings})


def page(*samples: dict[str, Any]) -> pa.RecordBatch:
    """Samples at `at` in nanoseconds; good numbers unless they say otherwise."""
    rows = [
        {"ordinal": 0, "value_number": 1.0, "status": 0, "origin": "actual", **sample, "ts": sample["at"]}
        for sample in samples
    ]
    columns = {
        field.name: pa.array([row.get(field.name) for row in rows], field.type)
        if not pa.types.is_dictionary(field.type)
        else pa.array([row.get(field.name) for row in rows], pa.string()).dictionary_encode().cast(field.type)
        for field in PAGE
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in PAGE.names], schema=PAGE)


def at(*minutes: float, **values: Any) -> list[dict[str, Any]]:
    return [{"at": int(minute * MIN), **values} for minute in minutes]


def looked(
    entry: TagEntry,
    samples: Sequence[dict[str, Any]],
    *,
    minutes: float = 10,
    begin: float = 0,
    now: float | None = None,
) -> TagGaps:
    span = Span(int(begin * MIN), int(minutes * MIN))
    ordered = sorted(samples, key=lambda sample: sample["at"])
    return find_gaps(entry, [page(*ordered)], span, now=10**18 if now is None else int(now * MIN))


def told(found: TagGaps) -> list[tuple[float, float, str, int | None, int]]:
    return [(gap.begin / MIN, gap.end / MIN, gap.reason.value, gap.expected, gap.found) for gap in found.gaps]


def test_where_all_is_there_nothing_is_found() -> None:
    found = looked(tag(), at(*range(10)))
    assert (found.gaps, found.expected, found.readings, found.completeness) == ((), 10, 10, 100.0)


def test_what_is_missing_is_counted_from_the_first_instant_that_was_due() -> None:
    found = looked(tag(), at(0, 1, 4, 5, 6, 8))
    assert told(found) == [(2, 4, "missing", 2, 0), (7, 8, "missing", 1, 0), (9, 10, "missing", 1, 0)]
    assert (found.expected, found.readings, found.completeness) == (10, 6, 60.0)


def test_a_tag_without_any_sample_lacks_the_whole_span() -> None:
    found = looked(tag(), [])
    assert told(found) == [(0, 10, "missing", 10, 0)]
    assert found.completeness == 0.0


def test_samples_out_of_phase_with_the_span_are_no_gaps() -> None:
    assert looked(tag(), at(*(minute + 0.7 for minute in range(10)))).completeness == 100.0


def test_a_clock_that_wanders_makes_no_gaps() -> None:
    assert looked(tag(), at(0, 1.3, 1.9, 3.3, 4.1, 5, 6.2, 7, 7.9, 9.2)).gaps == ()


def test_tolerance_is_a_share_of_the_cadence() -> None:
    late = at(0, 1, 2.4, 3, 4, 5, 6, 7, 8, 9)
    assert looked(tag(), late).gaps == ()
    assert told(looked(tag(tolerance=0.3), late)) == [(2, 2.4, "missing", 1, 0)]


def test_neighbours_of_the_span_say_what_was_due_at_its_edges() -> None:
    jitter = at(-1, 0.1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10.1)
    assert looked(tag(), jitter).gaps == ()
    beside = at(-2, 2, 3, 4, 5, 6, 7, 12)
    assert told(looked(tag(), beside)) == [(0, 2, "missing", 2, 0), (8, 10, "missing", 2, 0)]


def test_a_stretch_of_bad_quality_is_a_gap_of_its_own_reason() -> None:
    samples = at(0, 1, 5, 6, 7, 8, 9) + at(2, 3, 4, status=BAD)
    found = looked(tag(), samples)
    assert told(found) == [(2, 5, "bad_quality", 3, 3)]
    assert found.completeness == 70.0


def test_bad_quality_and_silence_beside_each_other_are_two_gaps() -> None:
    samples = at(0, 1, 6, 7, 8, 9) + at(2, 3, status=BAD)
    assert told(looked(tag(), samples)) == [(2, 4, "bad_quality", 2, 2), (4, 6, "missing", 2, 0)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_no_number_is_no_reading(value: float | None) -> None:
    samples = at(0, 1, 2, 4, 5, 6, 7, 8, 9) + at(3, value_number=value)
    assert told(looked(tag(), samples)) == [(3, 4, "bad_quality", 1, 1)]


def test_a_system_state_is_a_gap_and_not_a_zero() -> None:
    samples = at(0, 1, 2, 4, 5, 6, 7, 8, 9) + at(3, value_number=None, value_state="I/O Timeout", status=BAD)
    assert told(looked(tag(), samples)) == [(3, 4, "bad_quality", 1, 1)]


@pytest.mark.parametrize("kind", ["state", "boolean"])
def test_a_state_is_a_reading_of_a_tag_that_has_states(kind: str) -> None:
    assert looked(tag(kind=kind), at(*range(10), value_number=None, value_state="Open")).gaps == ()
    assert looked(tag(kind="text"), at(*range(10), value_number=None, value_text="note")).gaps == ()


def test_uncertain_sub_normal_is_not_good() -> None:
    samples = at(0, 1, 2, 4, 5, 6, 7, 8, 9) + at(3, status=0x40A40000)
    assert told(looked(tag(), samples)) == [(3, 4, "bad_quality", 1, 1)]
    found = looked(tag(treat_uncertain_as_bad=False), samples)
    assert (found.gaps, found.uncertain) == ((), 1)


def test_a_good_value_at_the_instant_of_a_bad_one_counts() -> None:
    samples = at(*range(10)) + at(3, status=BAD, ordinal=1)
    assert looked(tag(), samples).gaps == ()


def test_bounds_are_not_samples() -> None:
    samples = at(0, 1, 2, 4, 5, 6, 7, 8, 9) + at(3, quality_detail="partial,bound")
    assert told(looked(tag(), samples)) == [(3, 4, "missing", 1, 0)]
    assert looked(tag(), at(*range(10), quality_detail="boundless")).gaps == ()


def test_estimates_are_a_gap_of_their_own_reason() -> None:
    samples = at(0, 1, 5, 6, 7, 8, 9) + at(2, 3, 4, origin="estimated")
    found = looked(tag(), samples)
    assert told(found) == [(2, 5, "estimated", 3, 3)]
    assert found.completeness == 70.0
    assert looked(tag(), at(*range(10), origin="substituted")).gaps == ()


def test_a_value_outside_its_limits_is_counted_and_is_no_gap() -> None:
    entry = tag(limits=[0, 60], scaling={"factor": 0.1, "offset": 4})
    found = looked(entry, at(*range(8), value_number=100.0) + at(8, value_number=600.0) + at(9, value_number=-41.0))
    assert (found.gaps, found.out_of_limits, found.completeness) == ((), 2, 100.0)


def test_compression_is_not_a_gap_as_long_as_it_may_be_silent() -> None:
    entry = tag(exception=True, max_silence="PT5M")
    found = looked(entry, at(0, 1, 4, 9), minutes=20)
    assert told(found) == [(2, 9, "compressed_ok", 7, 1), (10, 20, "missing", 10, 0)]
    assert (found.expected, found.completeness) == (20, 50.0)


def test_legal_silence_expects_no_more_than_its_time_has() -> None:
    entry = tag(exception=True, max_silence="PT5M")
    found = looked(entry, at(0, *(2.4 * place for place in range(1, 41))), minutes=100)
    assert told(found) == [(1, 100, "compressed_ok", 99, 40)]
    assert (found.expected, found.completeness) == (100, 100.0)


def test_a_bad_value_between_two_silences_parts_them() -> None:
    entry = tag(exception=True)
    found = looked(entry, at(0, 8) + at(4, status=BAD))
    assert told(found) == [
        (1, 4, "compressed_ok", 3, 0),
        (4, 5, "bad_quality", 1, 1),
        (5, 10, "compressed_ok", 5, 1),  # with the one sample at 8
    ]


def test_silence_counts_from_the_last_value_before_the_span() -> None:
    entry = tag(exception=True, max_silence="PT5M")
    assert told(looked(entry, at(-5, 4, *range(5, 10)))) == [(0, 4, "missing", 4, 0)]
    assert told(looked(entry, at(-1, 4, *range(5, 10)))) == [(0, 4, "compressed_ok", 4, 0)]


def test_of_a_tag_without_a_cadence_only_too_long_a_silence_is_known() -> None:
    entry = tag(cadence=None, exception=True, max_silence="PT5M")
    found = looked(entry, at(1, 2, 3.5, 9), minutes=12)
    assert [(gap.begin - int(3.5 * MIN), gap.end / MIN, gap.reason, gap.expected) for gap in found.gaps] == [
        (100, 9, MISSING, None)
    ]
    assert (found.expected, found.completeness, found.readings) == (None, None, 4)
    assert looked(tag(cadence=None, exception=True), at(1)).gaps == ()


def test_a_bad_state_of_a_tag_without_a_cadence_lasts_until_the_next_one() -> None:
    found = looked(tag(cadence=None, exception=True), at(1, 8) + at(3, 4, status=BAD))
    assert told(found) == [(3, 8, "bad_quality", None, 2)]


def test_a_tag_that_may_always_be_silent_and_is_has_one_gap_that_is_legal() -> None:
    assert told(looked(tag(cadence=None, exception=True), [])) == [(0, 10, "compressed_ok", None, 0)]
    silent = tag(cadence=None, exception=True, max_silence="PT10M")
    assert told(looked(silent, [])) == [(0, 10, "compressed_ok", None, 0)]
    assert told(looked(silent, [], minutes=11)) == [(0, 11, "missing", None, 0)]


def test_what_is_not_yet_due_is_told_as_such() -> None:
    entry = tag(delay="PT2M")
    found = looked(entry, at(0, 1, 2, 3), now=8)
    assert told(found) == [(4, 6, "missing", 2, 0), (6, 10, "not_yet_due", 4, 0)]
    assert (found.expected, round(found.completeness or 0, 2)) == (6, 66.67)
    assert told(looked(entry, at(0, 1, 2, 3), now=6)) == [(4, 10, "not_yet_due", 6, 0)]
    assert told(looked(entry, [], now=-60)) == [(0, 10, "not_yet_due", 10, 0)]


def test_what_came_before_it_was_due_does_not_make_missing_what_may_still_come() -> None:
    found = looked(tag(delay="PT5M"), at(0, 1, 2, 3, 8), now=9)
    assert told(found) == [(4, 8, "not_yet_due", 4, 0), (9, 10, "not_yet_due", 1, 0)]
    assert found.completeness == 100.0


def test_silence_without_a_cadence_is_judged_up_to_now() -> None:
    entry = tag(cadence=None, exception=True, max_silence="PT5M")
    assert told(looked(entry, at(1), now=5)) == [(5, 10, "not_yet_due", None, 0)]
    assert [reason for _, _, reason, _, _ in told(looked(entry, at(1), now=7))] == ["missing", "not_yet_due"]


def test_completeness_is_never_rounded_to_all() -> None:
    samples = [index for index in range(3_000_000 // 1000) if index != 5]
    found = looked(tag(), at(*samples), minutes=3000)
    assert found.completeness == 99.9667
    assert TagGaps("a", (Gap("a", 0, 1, MISSING, 1, 0),), 10**9, 0, 0, 0).completeness == 99.9999


def test_samples_out_of_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="not in order"):
        find_gaps(tag(), [page(*at(2, 1))], Span(0, 10), now=0)
    with pytest.raises(ConfigError, match="not in order"):
        find_gaps(tag(), [page(*at(2)), page(*at(1))], Span(0, 10), now=0)


def test_a_backfill_asks_for_gaps_and_a_little_before_since_samples_may_come_early() -> None:
    found = looked(tag(), at(0, 1, 4, 5, 6, 8))
    assert spans_to_read(tag(), found.gaps[:2]) == (
        Span(int(1.5 * MIN), 4 * MIN),
        Span(int(6.5 * MIN), 8 * MIN),
    )
    both = [Gap("pump", 2 * MIN, 4 * MIN, MISSING, 2, 0), Gap("pump", 4 * MIN, 6 * MIN, ESTIMATED, 2, 2)]
    assert spans_to_read(tag(), both) == (Span(int(1.5 * MIN), 6 * MIN),)


DAYS = [
    (
        "America/Chicago",
        "2025-11-01T05:00:00Z",
        "2025-11-04T06:00:00Z",
        ["2025-11-02T05:00:00Z", "2025-11-03T06:00:00Z"],
    ),
    (
        "America/Chicago",
        "2026-03-07T06:00:00Z",
        "2026-03-10T05:00:00Z",
        ["2026-03-08T06:00:00Z", "2026-03-09T05:00:00Z"],
    ),
    ("Asia/Kolkata", "2025-10-31T18:30:00Z", "2025-11-03T18:30:00Z", ["2025-11-01T18:30:00Z", "2025-11-02T18:30:00Z"]),
    (
        "Australia/Lord_Howe",
        "2025-04-04T13:00:00Z",
        "2025-04-07T13:30:00Z",
        ["2025-04-05T13:00:00Z", "2025-04-06T13:30:00Z"],
    ),
]


@pytest.mark.parametrize(("zone", "begin", "end", "gap"), DAYS, ids=[f"{day[0]}-{day[1][:10]}" for day in DAYS])
def test_a_tag_of_local_days_lacks_the_day_that_its_clocks_made(
    zone: str, begin: str, end: str, gap: list[str]
) -> None:
    entry = tag(cadence="P1D", zone=zone)
    span = Span(from_iso(begin), from_iso(end))
    samples = [{"at": span.begin + HOUR}, {"at": span.end - 1}]
    found = find_gaps(entry, [page(*samples)], span, now=span.end)
    assert found.gaps == (Gap("pump", from_iso(gap[0]), from_iso(gap[1]), MISSING, 1, 0),)
    assert (found.expected, found.readings, found.completeness) == (3, 2, 66.6667)


def test_the_day_that_samoa_left_out_expects_nothing() -> None:
    entry = tag(cadence="P1D", zone="Pacific/Apia")
    span = Span(from_iso("2011-12-29T10:00:00Z"), from_iso("2011-12-31T10:00:00Z"))
    found = find_gaps(entry, [], span, now=span.end)
    assert (found.expected, [gap.expected for gap in found.gaps]) == (2, [2])


def test_days_that_are_bad_or_not_due_or_not_whole_are_told_as_such() -> None:
    entry = tag(cadence="P1D", zone="America/Chicago", delay="PT6H")
    span = Span(from_iso("2026-01-01T00:00:00Z"), from_iso("2026-01-05T06:00:00Z"))
    samples = [{"at": from_iso("2026-01-01T12:00:00Z"), "status": BAD}, {"at": from_iso("2026-01-02T12:00:00Z")}]
    found = find_gaps(entry, [page(*samples)], span, now=from_iso("2026-01-04T12:00:00Z"))
    assert [(gap.reason, gap.expected, gap.found) for gap in found.gaps] == [
        (BAD_QUALITY, 1, 1),
        (MISSING, 1, 0),
        (NOT_YET_DUE, 1, 0),
    ]
    assert found.gaps[0].begin == from_iso("2026-01-01T06:00:00Z")


def test_fixed_cadences_do_not_feel_a_change_of_clocks() -> None:
    entry = tag(cadence="PT1H", zone="America/Chicago")
    span = Span(from_iso("2025-11-02T05:00:00Z"), from_iso("2025-11-03T06:00:00Z"))
    found = find_gaps(entry, [page(*({"at": span.begin + hour * HOUR} for hour in range(25)))], span, now=span.end)
    assert (found.expected, found.gaps) == (25, ())


GRID = st.lists(st.sampled_from(["reading", "missing", "bad_quality", "estimated"]), min_size=1, max_size=40)


@given(GRID, st.integers(-3, 45))
def test_on_a_grid_gaps_are_what_each_slot_says(slots: list[str], due: int) -> None:
    values = {"reading": {}, "bad_quality": {"status": BAD}, "estimated": {"origin": "estimated"}}
    samples = [{"at": place * MIN, **values[slot]} for place, slot in enumerate(slots) if slot != "missing"]
    latest = max((sample["at"] // MIN for sample in samples), default=-1)
    # After the last sample that came, what is missing may not be due; before it, where its gap begins after the due instant.
    wanted: list[tuple[float, float, str, int | None, int]] = []
    for slot, group in groupby(enumerate(slots), key=lambda entry: entry[1]):
        places = [place for place, _ in group]
        parts = [(places, slot)]
        if slot == "missing":
            cut = max(0, min(due, len(slots)))
            if places[0] > latest:
                parts = [
                    ([one for one in places if one < cut], slot),
                    ([one for one in places if one >= cut], "not_yet_due"),
                ]
            elif places[0] >= cut:
                parts = [(places, "not_yet_due")]
        wanted += [
            (part[0], part[-1] + 1, reason, len(part), 0 if reason in ("missing", "not_yet_due") else len(part))
            for part, reason in parts
            if part and reason != "reading"
        ]
    found = find_gaps(tag(), [page(*samples)], Span(0, len(slots) * MIN), now=due * MIN)
    assert told(found) == wanted
    assert found.readings == slots.count("reading")
    assert found.expected == len(slots) - sum(entry[3] or 0 for entry in wanted if entry[2] == "not_yet_due")


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    seconds = sorted(draw(st.lists(st.integers(-120, 900), max_size=40)))
    return [
        {
            "at": second * MIN // 60,
            "status": draw(st.sampled_from([0, 0, 0, BAD, UNCERTAIN])),
            "origin": draw(st.sampled_from(["actual", "actual", "estimated"])),
        }
        for second in seconds
    ]


ENTRIES = [
    tag(),
    tag(tolerance=0),
    tag(exception=True, max_silence="PT3M"),
    tag(exception=True),
    tag(cadence=None, exception=True, max_silence="PT3M"),
    tag(cadence=None),
]


@given(st.sampled_from(ENTRIES), histories(), st.lists(st.integers(0, 40), max_size=4), st.integers(0, 700))
def test_gaps_hang_on_no_border_of_batches_and_lie_beside_each_other(
    entry: TagEntry, samples: list[dict[str, Any]], cuts: list[int], now: int
) -> None:
    span, instant = Span(0, 10 * MIN), now * MIN // 60
    whole = find_gaps(entry, [page(*samples)], span, now=instant)
    edges = [0, *sorted(min(cut, len(samples)) for cut in cuts), len(samples)]
    parts = [page(*samples[low:high]) for low, high in pairwise(edges)]
    assert find_gaps(entry, parts, span, now=instant) == whole
    assert all(span.begin <= gap.begin < gap.end <= span.end for gap in whole.gaps)
    assert all(one.end <= other.begin for one, other in pairwise(whole.gaps))
    if whole.completeness is not None:
        assert 0 <= whole.completeness <= 100


@given(histories())
def test_what_is_filled_is_no_longer_missing(samples: list[dict[str, Any]]) -> None:
    span = Span(0, 10 * MIN)
    before = find_gaps(tag(), [page(*samples)], span, now=span.end)
    filled = [
        {"at": gap.begin + place * MIN}
        for gap in before.gaps
        if gap.reason is MISSING
        for place in range(gap.expected or 0)
    ]
    after = find_gaps(tag(), [page(*sorted([*samples, *filled], key=lambda one: one["at"]))], span, now=span.end)
    assert [gap for gap in after.gaps if gap.reason is MISSING] == []


def test_instants_of_a_real_century_fit() -> None:
    begin = int(datetime(1950, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
    end = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
    for entry in ENTRIES:
        found = find_gaps(entry, [page({"at": begin + MIN})], Span(begin, end), now=end)
        assert all(begin <= gap.begin < gap.end <= end for gap in found.gaps)
