"""Samples with two times: a replay changes nothing, a correction is one revision, and yesterday's report can be made again."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.model import Span
from airflow_provider_integrations.connectors.historian.revisions import (
    NOTHING,
    Reading,
    Revised,
    as_of,
    history,
    revise,
)
from airflow_provider_integrations.connectors.historian.samples import SAMPLES
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError

ALL = Span(0, 100)


def table(*given_rows: dict[str, Any]) -> pa.Table:
    filled = [
        {"tag": "pump", "ordinal": 0, "value_number": 1.0, "status": 0, "quality": "good", "origin": "actual", **row}
        for row in given_rows
    ]
    return pa.table(
        [pa.array([row.get(field.name) for row in filled], field.type) for field in SAMPLES], schema=SAMPLES
    )


def read(at: int, *rows: dict[str, Any], span: Span = ALL, tags: tuple[str, ...] = ("pump",)) -> Reading:
    return Reading(frozenset(tags), span, table(*rows), at)


def told(revisions: pa.Table) -> list[tuple[Any, ...]]:
    names = ("ts", "ordinal", "value_number", "known_from", "known_to")
    columns = [revisions.column(name) for name in names]
    plain = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in columns]
    return list(zip(*(column.to_pylist() for column in plain), strict=True))


def content(rows: pa.Table) -> bytes:
    """Its bytes as a file has them."""
    sink = io.BytesIO()
    with pyarrow.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue()


def test_a_first_reading_is_known_from_then_on() -> None:
    made = revise(NOTHING, read(5, {"ts": 1}, {"ts": 2}))
    assert (made.new, made.changed, made.gone) == (2, 0, 0)
    assert told(made.revisions) == [(1, 0, 1.0, 5, None), (2, 0, 1.0, 5, None)]
    assert as_of(made.revisions, 4) == SAMPLES.empty_table()
    assert as_of(made.revisions, 5) == table({"ts": 1}, {"ts": 2})


def test_a_replay_changes_nothing() -> None:
    known = revise(NOTHING, read(5, {"ts": 1}, {"ts": 2})).revisions
    again = revise(known, read(9, {"ts": 2}, {"ts": 1}))
    assert again == Revised(known)
    assert revise(known, read(5, {"ts": 2}, {"ts": 1})).revisions == known


@pytest.mark.parametrize(
    "change",
    [
        {"value_number": 3.0},
        {"value_number": None},
        {"value_number": None, "value_state": "I/O Timeout", "status": 0x80000000, "quality": "bad"},
        {"status": 0x40000000, "quality": "uncertain"},
        {"origin": "substituted"},
        {"quality_detail": "annotated"},
        {"value_text": "1.00000000000000000001"},
    ],
)
def test_a_corrected_value_is_exactly_one_revision(change: dict[str, Any]) -> None:
    known = revise(NOTHING, read(5, {"ts": 1}, {"ts": 2}, {"ts": 3})).revisions
    made = revise(known, read(9, {"ts": 1}, {"ts": 2, **change}, {"ts": 3}))
    assert (made.new, made.changed, made.gone, made.revisions.num_rows) == (0, 1, 0, 4)
    assert [row[3:] for row in told(made.revisions)] == [(5, None), (5, 9), (9, None), (5, None)]


def test_what_a_reading_does_not_have_any_more_is_gone_and_can_come_back() -> None:
    known = revise(NOTHING, read(5, {"ts": 1}, {"ts": 2})).revisions
    made = revise(known, read(7, {"ts": 1}))
    assert (made.new, made.changed, made.gone) == (0, 0, 1)
    made = revise(made.revisions, read(9, {"ts": 1}, {"ts": 2}))
    assert told(made.revisions) == [(1, 0, 1.0, 5, None), (2, 0, 1.0, 5, 7), (2, 0, 1.0, 9, None)]


def test_other_tags_and_other_times_are_never_touched() -> None:
    known = revise(NOTHING, read(5, {"ts": 1}, {"ts": 50}, {"ts": 1, "tag": "valve"}, tags=("pump", "valve"))).revisions
    made = revise(known, read(9, span=Span(0, 50)))
    assert (made.new, made.changed, made.gone) == (0, 0, 1)
    assert as_of(made.revisions, 9).column("tag").to_pylist() == ["pump", "valve"]


def test_a_sample_put_between_those_of_one_instant_moves_the_later_ones_and_both_reports_are_right() -> None:
    first = [{"ts": 1, "ordinal": place, "value_number": value} for place, value in enumerate((1.0, 3.0))]
    then = [{"ts": 1, "ordinal": place, "value_number": value} for place, value in enumerate((1.0, 2.0, 3.0))]
    known = revise(NOTHING, read(5, *first)).revisions
    made = revise(known, read(9, *then))
    assert (made.new, made.changed, made.gone) == (1, 1, 0)
    assert as_of(made.revisions, 8) == table(*first)
    assert as_of(made.revisions, 9) == table(*then)
    less = revise(made.revisions, read(11, *first))
    assert (less.new, less.changed, less.gone) == (0, 1, 1)
    assert as_of(less.revisions, 11) == table(*first)


@pytest.mark.parametrize(("one", "other"), [(math.nan, -math.nan), (0.0, -0.0), (None, None)])
def test_nan_is_nan_and_null_is_null(one: float | None, other: float | None) -> None:
    known = revise(NOTHING, read(5, {"ts": 1, "value_number": one})).revisions
    assert revise(known, read(9, {"ts": 1, "value_number": other})).changed == 0


def test_null_is_not_nan_and_not_zero() -> None:
    known = revise(NOTHING, read(5, {"ts": 1, "value_number": None})).revisions
    assert revise(known, read(9, {"ts": 1, "value_number": 0.0})).changed == 1
    assert revise(known, read(9, {"ts": 1, "value_number": math.nan})).changed == 1


def test_what_was_not_read_or_stands_twice_is_refused() -> None:
    for reading in (read(5, {"ts": 100}), read(5, {"ts": 1, "tag": "valve"}), read(5, {"ts": -1})):
        with pytest.raises(ConfigError, match="outside"):
            revise(NOTHING, reading)
    with pytest.raises(ConfigError, match="two samples"):
        revise(NOTHING, read(5, {"ts": 1}, {"ts": 1}))


def test_an_older_reading_cannot_change_what_is_newer() -> None:
    known = revise(NOTHING, read(9, {"ts": 1})).revisions
    for older in (read(5), read(9, {"ts": 1, "value_number": 2.0})):
        with pytest.raises(StateConflictError, match="older"):
            revise(known, older)
    assert told(history([read(9, {"ts": 1}), read(5)])) == [(1, 0, 1.0, 9, None)]


KEYS = st.tuples(st.sampled_from(["pump", "valve"]), st.integers(0, 5), st.integers(0, 1))
VALUES = st.tuples(
    st.sampled_from([None, math.nan, 0.0, 1.0]), st.sampled_from([None, "Open"]), st.sampled_from([0, 1 << 31])
)


@st.composite
def readings(draw: st.DrawFn) -> list[Reading]:
    made = []
    for at in range(draw(st.integers(1, 5))):
        begin = draw(st.integers(0, 5))
        span = Span(begin, draw(st.integers(begin, 6)))
        tags = draw(st.sampled_from([("pump",), ("valve",), ("pump", "valve")]))
        found = draw(st.dictionaries(KEYS, VALUES, max_size=8))
        rows = [
            {
                "tag": tag,
                "ts": ts,
                "ordinal": place,
                "value_number": value[0],
                "value_state": value[1],
                "status": value[2],
            }
            for (tag, ts, place), value in found.items()
            if tag in tags and span.begin <= ts < span.end
        ]
        made.append(read(at, *rows, span=span, tags=tags))
    return made


@settings(max_examples=40)
@given(readings(), st.randoms(use_true_random=False))
def test_each_report_can_be_made_again_to_the_byte_whatever_comes_later(
    all_of_them: list[Reading], random: Any
) -> None:
    known, truth, reports = NOTHING, dict[tuple[Any, ...], Any](), list[pa.Table]()
    for reading in all_of_them:
        rows = {(row["tag"], row["ts"], row["ordinal"]): row for row in _plain(reading.samples)}
        before = dict(truth)
        inside = [key for key in truth if key[0] in reading.tags and reading.span.begin <= key[1] < reading.span.end]
        for key in inside:
            del truth[key]
        # What only looks the same is kept as it was first seen.
        truth |= {
            key: before[key] if key in before and repr(before[key]) == repr(row) else row for key, row in rows.items()
        }
        made = revise(known, reading)
        assert made.new == len(set(rows) - set(before))
        assert made.gone == len(set(before) - set(truth))
        assert made.changed == sum(repr(before[key]) != repr(truth[key]) for key in before if key in truth)
        assert made.revisions.num_rows - known.num_rows == made.new + made.changed
        known = made.revisions
        reports.append(as_of(known, reading.at))
        assert [repr(row) for row in _plain(reports[-1])] == [repr(truth[key]) for key in sorted(truth)]
        assert revise(known, reading).revisions == known or _has_nan(known)
    assert [content(as_of(known, reading.at)) for reading in all_of_them] == [content(report) for report in reports]
    shuffled = list(all_of_them)
    random.shuffle(shuffled)
    assert content(history(shuffled)) == content(known)


def _plain(rows: pa.Table) -> list[dict[str, Any]]:
    place = rows.schema.get_field_index("ts")
    return rows.set_column(place, "ts", rows.column("ts").cast(pa.int64())).to_pylist()


def _has_nan(rows: pa.Table) -> bool:
    """Arrow's own comparison holds NaN to be another NaN."""
    return any(value is not None and math.isnan(value) for value in rows.column("value_number").to_pylist())


def test_a_corrected_value_among_many_is_found() -> None:
    count = 200_000
    filled = {
        "tag": pa.array(["pump"] * count),
        "ts": pa.array(np.arange(count), pa.timestamp("ns", tz="UTC")),
        "ordinal": pa.array(np.zeros(count, dtype=np.int32)),
        "value_number": pa.array(np.arange(count, dtype=float)),
        "status": pa.array(np.zeros(count, dtype=np.uint32)),
        "quality": pa.array(["good"] * count),
        "origin": pa.array(["actual"] * count),
    }
    samples = pa.table([filled.get(field.name, pa.nulls(count, field.type)) for field in SAMPLES], schema=SAMPLES)
    known = revise(NOTHING, Reading(frozenset({"pump"}), Span(0, count), samples, 5)).revisions
    values = np.arange(count, dtype=float)
    values[77_777] = -1
    corrected = samples.set_column(3, SAMPLES.field(3), pa.array(values))
    made = revise(known, Reading(frozenset({"pump"}), Span(0, count), corrected, 9))
    assert (made.new, made.changed, made.gone, made.revisions.num_rows) == (0, 1, 0, count + 1)
    assert as_of(made.revisions, 8) == samples
    assert as_of(made.revisions, 9) == corrected
