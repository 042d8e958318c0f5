"""Interchanges whose items are replayed or released: what was taken once stands, on every engine."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_integrations.core.interchange import Received
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.conformance.test_ledger_interchanges import OTHER, PAIR, SHA, item, receive
from tests.fakes.postgres import SteppedClock

THIRD = "ef" * 32


def replays(ledger: Ledger, clock: SteppedClock, *originals: Received, request: str = "r") -> list[WorkItem]:
    """New items of originals, in their order."""
    for one in {one.item_id: one for one in originals}.values():
        if taken := ledger.items.claim(one.item_id, "w", states=[State.DISCOVERED], lease=timedelta(minutes=5)):
            ledger.items.advance(taken[1], State.LANDED, facts={"folder": "x"})
    last = clock().date()
    made = ledger.items.replay("acme", last - timedelta(days=400), last, request=request, who="ann")
    by_original = {one.replay_of: one for one in made}
    return [by_original[one.item_id] for one in originals]


def enter(ledger: Ledger, of: str | WorkItem, sha256: str = SHA, *, place: int = 0, **more: object) -> Received:
    told = {"verdict": "accepted", **more}
    item_id = of if isinstance(of, str) else of.id
    return ledger.interchanges.received(PAIR, "7", sha256=sha256, item_id=item_id, place=place, **told)  # type: ignore[arg-type]


class TestReplayed:
    def test_a_replay_is_no_duplicate_of_what_came_after_the_window(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        one = receive(ledger, ledger_clock, "/1", "7")
        ledger_clock.step(days=100)
        other = receive(ledger, ledger_clock, "/2", "7", sha256=OTHER)
        ledger_clock.step(days=1)
        again, also = replays(ledger, ledger_clock, one, other)
        assert enter(ledger, again).verdict == "accepted"
        assert enter(ledger, also, OTHER).verdict == "accepted"
        assert receive(ledger, ledger_clock, "/3", "7", sha256=THIRD).verdict == "duplicate"

    def test_a_replay_is_no_duplicate_of_what_came_after_a_wrap(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        one = receive(ledger, ledger_clock, "/1", "7")
        receive(ledger, ledger_clock, "/2", "999999990", sha256="01" * 32)
        other = receive(ledger, ledger_clock, "/3", "7", sha256=OTHER)
        again, also = replays(ledger, ledger_clock, one, other)
        assert [enter(ledger, again).verdict, enter(ledger, also, OTHER).verdict] == ["accepted", "accepted"]

    def test_what_a_person_insisted_upon_stands_in_its_replays(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        one = receive(ledger, ledger_clock, "/1", "7")
        other = receive(ledger, ledger_clock, "/2", "7", sha256=OTHER)
        assert other.verdict == "duplicate"
        assert enter(ledger, other.item_id, OTHER, insist=True).verdict == "accepted"
        again, also = replays(ledger, ledger_clock, one, other)
        assert [enter(ledger, again).verdict, enter(ledger, also, OTHER).verdict] == ["accepted", "accepted"]

    def test_a_replay_of_a_duplicate_is_one_also_after_the_window(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        one = receive(ledger, ledger_clock, "/1", "7")
        ledger_clock.step(days=80)
        other = receive(ledger, ledger_clock, "/2", "7", sha256=OTHER)
        ledger_clock.step(days=80)
        [again] = replays(ledger, ledger_clock, other)
        assert enter(ledger, again, OTHER).duplicate_of == one.number

    def test_a_replay_of_what_was_refused_and_sent_again_is_its_double(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        refused = receive(ledger, ledger_clock, "/1", "7", verdict="rejected")
        ledger_clock.step(days=1)
        mended = receive(ledger, ledger_clock, "/2", "7", sha256=OTHER)
        ledger_clock.step(days=100)
        [again] = replays(ledger, ledger_clock, refused)
        assert enter(ledger, again).duplicate_of == mended.number
        # The release of the original long after, too.
        assert enter(ledger, refused.item_id).duplicate_of == mended.number

    def test_a_replay_of_what_was_refused_is_taken_if_its_number_came_again_after_the_window(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        refused = receive(ledger, ledger_clock, "/1", "7", verdict="rejected")
        ledger_clock.step(days=100)
        receive(ledger, ledger_clock, "/2", "7", sha256=OTHER)
        [again] = replays(ledger, ledger_clock, refused)
        assert enter(ledger, again).verdict == "accepted"

    def test_what_was_refused_before_a_wrap_and_is_released_after_it_is_taken(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        refused = receive(ledger, ledger_clock, "/1", "7", verdict="rejected")
        receive(ledger, ledger_clock, "/2", "999999990", sha256="01" * 32)
        receive(ledger, ledger_clock, "/3", "7", sha256=OTHER)
        assert enter(ledger, refused.item_id).verdict == "accepted"

    def test_a_high_number_that_was_refused_is_no_wrap(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        one = receive(ledger, ledger_clock, "/1", "7")
        receive(ledger, ledger_clock, "/2", "900000000", sha256="01" * 32, verdict="rejected")
        assert receive(ledger, ledger_clock, "/3", "7", sha256=OTHER).duplicate_of == one.number

    def test_of_two_in_one_item_the_replay_takes_the_one_that_was_taken(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        made = item(ledger, ledger_clock, "/1")
        refused = enter(ledger, made, verdict="rejected")
        mended = enter(ledger, made, OTHER, place=1)
        [again] = replays(ledger, ledger_clock, refused)
        # By guides that would take both.
        assert enter(ledger, again).duplicate_of == mended.number
        assert enter(ledger, again, OTHER, place=1).verdict == "accepted"

    def test_the_same_twice_in_one_item_is_a_duplicate_in_its_replay_too(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        made = item(ledger, ledger_clock, "/1")
        first = enter(ledger, made)
        assert enter(ledger, made, place=1).duplicate_of == first.number
        [again] = replays(ledger, ledger_clock, first)
        assert enter(ledger, again).verdict == "accepted"
        assert enter(ledger, again, place=1).verdict == "duplicate"
        assert enter(ledger, again, place=1, insist=True).verdict == "duplicate"
