"""How far reads of historians are and which gaps they have, on every engine."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.historian import GapChanges, GapRecord
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import utc_now

TICK = 1_790_000_000_000_000_100
"""Nanoseconds that no float holds."""


def gap(tag: str = "plant1.pump", begin: int = TICK, **more: object) -> GapRecord:
    given = {"reason": "missing", "expected": 5, "found": 0, "opened_at": utc_now(), **more}
    return GapRecord(tag, begin, begin + 100, **given)  # type: ignore[arg-type]


def enter(ledger: Ledger, *gaps: GapRecord) -> list[GapRecord]:
    ledger.historian.merge_gaps("plant1", lambda known: GapChanges(opened=gaps), closed_by="look")
    return ledger.historian.gaps("plant1")


def test_a_gap_comes_back_to_the_nanosecond(ledger: Ledger) -> None:
    hostile = gap("plant1.\x00pump\ud800", expected=None)
    [kept] = enter(ledger, hostile)
    assert replace(kept, opened_at=hostile.opened_at, number=0) == hostile
    assert kept.number > 0
    assert ledger.historian.gaps("plant2") == []


def test_a_closed_gap_stays_with_when_and_by_which_run(ledger: Ledger) -> None:
    first, second = enter(ledger, gap(), gap(begin=TICK + 1000))
    changes = GapChanges(closed=(first.number,), changed=(replace(second, end=TICK + 5000, found=3),))
    ledger.historian.merge_gaps("plant1", lambda known: changes, closed_by="fill-7")
    [still_open] = ledger.historian.gaps("plant1")
    assert (still_open.number, still_open.end, still_open.found) == (second.number, TICK + 5000, 3)
    [closed] = ledger.historian.gaps("plant1", closed=True)
    assert closed.number == first.number
    assert closed.closed_by == "fill-7"
    assert closed.closed_at is not None
    assert closed.closed_at >= closed.opened_at
    assert ledger.historian.count_open("plant1") == {"missing": 1}


def test_a_change_of_a_gap_keeps_how_often_it_was_asked_for(ledger: Ledger) -> None:
    [kept] = enter(ledger, gap())
    ledger.historian.attempted([kept.number])
    ledger.historian.attempted([kept.number])
    stale = GapChanges(changed=(replace(kept, end=TICK + 900),))
    ledger.historian.merge_gaps("plant1", lambda known: stale, closed_by="look")
    [after] = ledger.historian.gaps("plant1")
    assert (after.attempts, after.end) == (2, TICK + 900)
    assert after.attempted_at is not None


def test_of_two_looks_at_once_the_second_sees_what_the_first_has_entered(ledger: Ledger) -> None:
    if ledger._database.file is None and ledger._database.engine.dialect.name == "sqlite":
        pytest.skip("a database in memory is one connection's")

    def judge(known: Sequence[GapRecord]) -> GapChanges:
        return GapChanges() if known else GapChanges(opened=(gap(),))

    lookers = [
        threading.Thread(target=ledger.historian.merge_gaps, args=("plant1", judge), kwargs={"closed_by": "look"})
        for _ in range(4)
    ]
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
                item.id, "plant1", run, seconds_total=7200.25, seconds_done=done, samples=2**40, elapsed=0.5
            )
    [told] = ledger.historian.progress("plant1", ["a"])
    assert (told.run, told.seconds_done, told.samples) == ("a", 7200.25, 2**40)
    assert len(ledger.historian.progress("plant1")) == 2
    assert ledger.historian.progress("plant2") == []
