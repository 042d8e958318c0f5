"""How far reads of historians are and which gaps they have, on every engine."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_integrations.core.gap import Gap, GapChanges, GapReason, KnownGap
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import utc_now

TICK = 1_790_000_000_000_000_100
"""Nanoseconds that no float holds."""


def gap(tag: str = "plant1.pump", begin: int = TICK, expected: int | None = 5) -> KnownGap:
    return KnownGap(Gap(tag, begin, begin + 100, GapReason.MISSING, expected, 0), opened_at=utc_now())


def enter(ledger: Ledger, *gaps: KnownGap) -> list[KnownGap]:
    ledger.historian.merge_gaps("plant1", lambda known: GapChanges(opened=gaps))
    return ledger.historian.gaps("plant1")


def change(ledger: Ledger, changes: GapChanges) -> None:
    ledger.historian.merge_gaps("plant1", lambda known: changes)


def test_a_gap_comes_back_to_the_nanosecond(ledger: Ledger) -> None:
    hostile = gap("plant1.\x00pump\ud800", expected=None)
    [kept] = enter(ledger, hostile)
    assert replace(kept, number=None) == hostile
    assert kept.number is not None
    assert ledger.historian.gaps("plant2") == []


def test_what_is_left_of_a_gap_has_its_age_and_its_attempts(ledger: Ledger) -> None:
    old = replace(gap(), opened_at=utc_now() - timedelta(days=3), attempts=4, tried_at=utc_now())
    [kept] = enter(ledger, old)
    assert (kept.opened_at, kept.attempts, kept.tried_at) == (old.opened_at, 4, old.tried_at)


def test_a_closed_gap_stays_with_when_and_by_which_run(ledger: Ledger) -> None:
    first, second = enter(ledger, gap(), gap(begin=TICK + 1000))
    at = utc_now()
    smaller = replace(second, gap=replace(second.gap, end=TICK + 1050, found=3))
    change(ledger, GapChanges(closed=(replace(first, closed_at=at, closed_by="fill-7"),), changed=(smaller,)))
    assert ledger.historian.gaps("plant1") == [smaller]
    assert ledger.historian.gaps("plant1", closed=True) == [replace(first, closed_at=at, closed_by="fill-7")]
    assert ledger.historian.count_open("plant1") == {"missing": 1}


def test_a_change_of_a_gap_keeps_how_often_it_was_asked_for(ledger: Ledger) -> None:
    [kept] = enter(ledger, gap())
    assert kept.number is not None
    ledger.historian.tried([kept.number])
    ledger.historian.tried([kept.number])
    [asked] = ledger.historian.gaps("plant1")
    change(ledger, GapChanges(changed=(replace(asked, gap=replace(kept.gap, end=TICK + 900)),)))
    [after] = ledger.historian.gaps("plant1")
    assert (after.attempts, after.gap.end) == (2, TICK + 900)
    assert after.tried_at is not None
    change(ledger, GapChanges(changed=(replace(after, attempts=1),)))  # It grew, and is asked for anew.
    assert [one.attempts for one in ledger.historian.gaps("plant1")] == [1]


def test_of_two_looks_at_once_the_second_sees_what_the_first_has_entered(ledger: Ledger) -> None:
    if ledger._database.file is None and ledger._database.engine.dialect.name == "sqlite":
        pytest.skip("a database in memory is one connection's")

    def judge(known: Sequence[KnownGap]) -> GapChanges:
        return GapChanges() if known else GapChanges(opened=(gap(),))

    lookers = [threading.Thread(target=ledger.historian.merge_gaps, args=("plant1", judge)) for _ in range(4)]
    for each in lookers:
        each.start()
    for each in lookers:
        each.join()
    assert len(ledger.historian.gaps("plant1")) == 1


def test_progress_is_replaced_and_of_its_run(ledger: Ledger) -> None:
    files = [RemoteFile(f"historian/{run}/item-0001", 0, 0) for run in ("a", "b")]
    items = ledger.items.discover("plant1", files, listed_at=utc_now())
    for done in (1.5, 7200.25):
        for item, run in zip(items, "ab", strict=True):
            ledger.historian.tell_progress(
                item.id, "plant1", run, seconds_total=7200.25, seconds_done=done, seconds_before=0.5, samples=2**40, elapsed=0.5
            )
    [told] = ledger.historian.progress("plant1", ["a"])
    assert (told.run, told.seconds_done, told.samples) == ("a", 7200.25, 2**40)
    assert len(ledger.historian.progress("plant1")) == 2
    assert ledger.historian.progress("plant2") == []
