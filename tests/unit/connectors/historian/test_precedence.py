"""What counts of several rows never gets worse, whatever comes and in whatever order, and what is replaced leaves a trace."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.historian.precedence import AUDIT, replaced, resolve
from airflow_provider_integrations.connectors.historian.samples import SAMPLES

BAD = 0x80000000
RANK = {"actual": 0, "substituted": 1, "estimated": 2}


def rows(*given_rows: dict[str, Any]) -> pa.Table:
    filled = [
        {
            "tag": "pump",
            "ts": 0,
            "ordinal": 0,
            "value_number": 1.0,
            "status": 0,
            "quality": "good",
            "origin": "actual",
            **row,
        }
        for row in given_rows
    ]
    return pa.table(
        [pa.array([row.get(field.name) for row in filled], field.type) for field in SAMPLES], schema=SAMPLES
    )


def values(table: pa.Table) -> list[Any]:
    return table.column("value_number").to_pylist()


ESTIMATE = {"origin": "estimated", "value_number": 3.0, "method": "last_good_value", "method_version": "1"}
SUBSTITUTE = {"origin": "substituted", "value_number": 2.0}


def test_actual_stands_above_substituted_and_that_above_estimated() -> None:
    assert values(resolve(rows(ESTIMATE, SUBSTITUTE, {}))) == [1.0]
    assert values(resolve(rows(ESTIMATE, SUBSTITUTE))) == [2.0]
    assert values(resolve(rows(ESTIMATE))) == [3.0]


@pytest.mark.parametrize("bad", [{"status": BAD}, {"value_number": None}, {"value_number": math.nan}])
def test_a_bad_actual_is_filled_by_an_estimate_and_a_good_one_is_not(bad: dict[str, Any]) -> None:
    assert values(resolve(rows(ESTIMATE, bad))) == [3.0]
    assert resolve(rows(bad)).num_rows == 1


def test_samples_of_one_instant_are_not_taken_for_one() -> None:
    assert values(resolve(rows({"ordinal": 1, "value_number": 8.0}, {"ordinal": 0}))) == [1.0, 8.0]
    assert values(resolve(rows({"tag": "valve", "value_number": 8.0}, {}))) == [1.0, 8.0]


def test_of_two_estimates_the_better_method_counts_and_then_the_later_version() -> None:
    line = {**ESTIMATE, "method": "linear_interpolation", "value_number": 4.0}
    own = {**ESTIMATE, "method": None, "method_version": None, "value_number": 5.0}
    later = {**line, "method_version": "2", "value_number": 6.0}
    assert values(resolve(rows(ESTIMATE, line))) == [4.0]
    assert values(resolve(rows(line, later))) == [6.0]
    assert values(resolve(rows(ESTIMATE, line, own, later))) == [5.0]
    assert values(resolve(rows(ESTIMATE, {**ESTIMATE, "method": "a_new_one"}))) == [3.0]


def test_an_actual_that_comes_a_little_beside_an_estimate_takes_its_place() -> None:
    both = rows({**ESTIMATE, "ts": 60}, {"ts": 67})
    assert values(resolve(both, near=30)) == [1.0]
    assert values(resolve(both, near=5)) == [3.0, 1.0]
    assert values(resolve(rows({**ESTIMATE, "ts": 60}, {"ts": 60, "tag": "valve"}), near=30)) == [3.0, 1.0]


def test_what_was_replaced_does_not_come_back_when_its_better_is_replaced() -> None:
    first = rows({**ESTIMATE, "ts": 60}, {**SUBSTITUTE, "ts": 80})
    assert values(resolve(first, near=30)) == [2.0]
    assert values(resolve(pa.concat_tables([first, rows({"ts": 100})]), near=30)) == [1.0]


def test_an_actual_that_replaces_an_estimate_leaves_one_audit_row() -> None:
    known = rows(ESTIMATE, {"ts": 5})
    before = resolve(known)
    after = resolve(pa.concat_tables([known, rows({"value_number": 9.0})]))
    (row,) = replaced(before, after, at=77).cast(_numbers(AUDIT)).to_pylist()
    assert (row["tag"], row["ts"], row["ordinal"], row["replaced_at"], row["new_ts"]) == ("pump", 0, 0, 77, 0)
    assert (row["old_value_number"], row["old_origin"], row["old_method"], row["old_method_version"]) == (
        3.0,
        "estimated",
        "last_good_value",
        "1",
    )
    assert (row["new_value_number"], row["new_origin"], row["new_method"]) == (9.0, "actual", None)


def test_the_audit_names_the_row_that_came_beside_it() -> None:
    known = rows({**ESTIMATE, "ts": 60})
    after = resolve(pa.concat_tables([known, rows({"ts": 67})]), near=30)
    (row,) = replaced(resolve(known, near=30), after, at=77, near=30).cast(_numbers(AUDIT)).to_pylist()
    assert (row["ts"], row["new_ts"], row["new_origin"]) == (60, 67, "actual")


def test_nothing_replaced_leaves_no_audit_row() -> None:
    known = rows(ESTIMATE, {"ts": 5})
    before = resolve(known)
    later = resolve(pa.concat_tables([known, known, rows({"ts": 9}, {"ts": 9, "tag": "valve"})]))
    assert replaced(before, later, at=77) == AUDIT.empty_table()
    assert resolve(SAMPLES.empty_table()) == SAMPLES.empty_table()


def _numbers(schema: pa.Schema) -> pa.Schema:
    """With instants as numbers, which Python's own do not hold."""
    fields = [field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field for field in schema]
    return pa.schema(fields)


SAMPLE = st.fixed_dictionaries(
    {
        "tag": st.sampled_from(["pump", "valve"]),
        "ts": st.integers(0, 6),
        "ordinal": st.integers(0, 1),
        "value_number": st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, math.nan])),
        "value_state": st.sampled_from([None, "Open"]),
        "status": st.sampled_from([0, 0, 0x401, BAD]),
        "origin": st.sampled_from(list(RANK)),
        "method": st.sampled_from([None, "linear_interpolation", "last_good_value", "other"]),
        "method_version": st.sampled_from([None, "1", "2"]),
    }
)
SOME = st.lists(SAMPLE, max_size=12)


def ranks(table: pa.Table) -> dict[tuple[Any, ...], int]:
    found = {}
    for row in table.cast(_numbers(SAMPLES)).to_pylist():
        number = row["value_number"]
        there = row["value_state"] is not None or (number is not None and not math.isnan(number))
        rank = RANK[row["origin"]] if there and row["status"] < BAD else 3
        key = row["tag"], row["ts"], row["ordinal"]
        assert key not in found
        found[key] = rank
    return found


def same(one: pa.Table, other: pa.Table) -> bool:
    """To the byte: NaN is NaN, and -0.0 is not 0.0."""
    return [repr(row) for row in one.to_pylist()] == [repr(row) for row in other.to_pylist()]


@settings(max_examples=50)
@given(SOME, SOME, st.integers(0, 3))
def test_what_counts_never_gets_worse_by_what_comes_later(first: list[Any], later: list[Any], near: int) -> None:
    before = resolve(rows(*first), near=near)
    after = resolve(rows(*first, *later), near=near)
    had, has = ranks(before), ranks(after)
    for key, rank in had.items():
        if key in has:
            assert has[key] <= rank
        else:  # A better one is near.
            assert any(
                tag == key[0] and abs(ts - key[1]) <= near and better < rank
                for (tag, ts, _), better in ranks(resolve(rows(*first, *later))).items()
            )


@settings(max_examples=50)
@given(SOME.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))), st.integers(0, 3))
def test_the_order_of_arrival_does_not_matter_nor_does_arriving_twice(pair: tuple[Any, Any], near: int) -> None:
    some, shuffled = pair
    once = resolve(rows(*some), near=near)
    assert same(once, resolve(rows(*shuffled, *shuffled), near=near))
    if not near:
        assert same(once, resolve(once))


@settings(max_examples=50)
@given(SOME, SOME, st.integers(0, 2))
def test_each_estimate_that_counted_and_does_not_any_more_is_told_of_once(first: Any, later: Any, near: int) -> None:
    before, after = resolve(rows(*first), near=near), resolve(rows(*first, *later), near=near)
    had, has = ranks(before), ranks(after)
    told = replaced(before, after, at=1, near=near).cast(_numbers(AUDIT)).to_pylist()
    keys = [(row["tag"], row["ts"], row["ordinal"]) for row in told]
    assert len(keys) == len({*keys})
    improved = {key for key, rank in had.items() if rank in (1, 2) and has.get(key, 9) < rank}
    assert improved <= {*keys}
    assert all(row["old_origin"] != "actual" and (row["new_ts"] - row["ts"]) ** 2 <= near**2 for row in told)
