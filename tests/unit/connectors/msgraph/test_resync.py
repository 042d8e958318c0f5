"""What a full enumeration no longer has, and whether it may be deleted."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op, RelationChange
from airflow_provider_integrations.connectors.msgraph.resync import (
    check_gone,
    gone,
    relation_removals,
    removals,
    report_gone,
)
from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError, StateConflictError

IDS = st.lists(st.text(max_size=3), max_size=20)


@given(IDS, IDS)
def test_what_is_known_and_not_seen_is_gone(known: list[str], seen: list[str]) -> None:
    assert list(gone(sorted(set(known)), sorted(seen))) == sorted(set(known) - set(seen))


@pytest.mark.parametrize(
    ("known", "seen"), [(["b", "a"], []), (["a", "a"], []), (["a"], ["c", "b"]), (["a", "b"], ["z", "a"])]
)
def test_keys_out_of_order_delete_nothing(known: list[str], seen: list[str]) -> None:
    with pytest.raises(StateConflictError, match="order"):
        list(gone(known, seen))


def test_a_collation_of_a_warehouse_is_not_taken_for_code_points() -> None:
    with pytest.raises(StateConflictError):
        list(gone(["a", "B", "c"], ["a", "B", "c"]))


def test_relations_are_compared_by_all_their_parts() -> None:
    known = [("members", "g", "1"), ("members", "g", "2"), ("members", "h", "1")]
    assert list(gone(known, known[:1] + known[2:])) == [("members", "g", "2")]


def test_a_resync_deletes_softly_behind_all_items() -> None:
    assert list(removals(["x", "y"], round=4, after=600)) == [
        Change(Op.REMOVE_SOFT, "x", 4, 601),
        Change(Op.REMOVE_SOFT, "y", 4, 602),
    ]
    [ended] = relation_removals([("members", "g", "1")], round=4, after=602)
    assert ended == RelationChange(Op.REMOVE_SOFT, "members", "g", "1", "", 4, 603)


KNOWN = [f"{number:03}" for number in range(100)]


def test_a_resync_may_delete_up_to_its_share() -> None:
    check_gone(report_gone(KNOWN, KNOWN[20:]))
    with pytest.raises(ReconciliationError):
        check_gone(report_gone(KNOWN, KNOWN[21:]))
    check_gone(report_gone(KNOWN, KNOWN[90:]), share=0.9)
    with pytest.raises(ReconciliationError):
        check_gone(report_gone(KNOWN, KNOWN[1:]), share=0.0)
    check_gone(report_gone(KNOWN, KNOWN), share=0.0)


def test_a_resync_that_would_delete_more_says_what_and_waits_for_approval() -> None:
    report = report_gone(KNOWN, KNOWN[50:])
    with pytest.raises(ReconciliationError) as caught:
        check_gone(report)
    values = caught.value.values
    assert (values["known"], values["gone"], values["share"], values["allowed"]) == (100, 50, 0.5, 0.2)
    assert values["sample"] == KNOWN[:20]
    assert report.digest in caught.value.next_step
    check_gone(report, approved=report.digest)


def test_an_approval_holds_for_what_was_shown_and_for_nothing_else() -> None:
    shown = report_gone(KNOWN, KNOWN[50:])
    for other in (report_gone(KNOWN, KNOWN[51:]), report_gone(KNOWN, [*KNOWN[49:50], *KNOWN[51:]])):
        with pytest.raises(ReconciliationError):
            check_gone(other, approved=shown.digest)
    with pytest.raises(ReconciliationError):
        check_gone(shown, approved="yes")


def test_an_enumeration_without_objects_is_never_believed_unasked() -> None:
    report = report_gone(KNOWN, [])
    with pytest.raises(ReconciliationError):
        check_gone(report, share=1.0)
    check_gone(report, approved=report.digest)
    check_gone(report_gone([], []))


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_is_from_0_to_1(share: float) -> None:
    with pytest.raises(ConfigError):
        check_gone(report_gone([], []), share=share)


def test_an_object_that_came_again_is_counted_once() -> None:
    assert report_gone(["a", "b"], ["a", "a", "c"]).enumerated == 2


def test_a_hundred_thousand_ids_are_compared_in_flat_memory() -> None:
    tracemalloc.start()
    report = report_gone(
        (f"{number:08}" for number in range(100_000)), (f"{number:08}" for number in range(100_000) if number % 10)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (report.known, report.gone) == (100_000, 10_000)
    assert peak < 200_000
