"""Interchanges that are entered again: twice in one item, after a release, in parts; on every engine that the ledger runs on."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from datetime import timedelta

import pytest

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.interchange import Received, SentStatus
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.conformance.test_ledger_interchanges import OTHER, PAIR, SHA, item, receive, said, sending
from tests.fakes.postgres import SteppedClock


def test_one_item_may_not_hold_a_number_twice(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    made = item(ledger, ledger_clock, "/1")

    def enter(place: int, *, insist: bool = False) -> Received:
        return ledger.interchanges.received(
            PAIR, "7", sha256=SHA, item_id=made, place=place, verdict="accepted", insist=insist
        )

    first, second = enter(0), enter(1)
    assert (first.duplicate_of, second.duplicate_of) == (None, first.number)
    assert [enter(0), enter(1)] == [first, second]
    assert enter(1, insist=True) == second
    assert [event.event for event in ledger.interchanges.history(second)] == ["received"]


def test_what_no_index_can_hold_is_not_taken_for_a_lost_connection(
    ledger: Ledger, ledger_clock: SteppedClock, ledger_url: str
) -> None:
    made = item(ledger, ledger_clock, "/1")
    # Digests, for what repeats itself is compressed.
    long = "".join(hashlib.sha256(bytes([part])).hexdigest() for part in range(200))
    expected = pytest.raises(StateConflictError, match="of this size") if "postgresql" in ledger_url else nullcontext()
    with expected:
        ledger.interchanges.acknowledged([said(long, SentStatus.ACCEPTED)], made)
    assert ledger.items.get(made).state is State.DISCOVERED


def test_a_family_is_an_item_its_original_and_the_replays_of_that(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    first, other = receive(ledger, ledger_clock, "/1", "7"), receive(ledger, ledger_clock, "/2", "8")
    taken = ledger.items.claim(first.item_id, "w", states=list(State), lease=timedelta(minutes=5))
    assert taken
    ledger.items.advance(taken[1], State.LANDED, facts={"folder": "x"})
    day, entered = ledger_clock().date(), [first]
    for request in ("r1", "r2"):
        [again] = ledger.items.replay("acme", day, day, request=request, who="ann")
        entered.append(ledger.interchanges.received(PAIR, "7", sha256=SHA, item_id=again.id, verdict="accepted"))
    for one in entered:
        assert ledger.interchanges.of_family(one.item_id) == entered
    assert ledger.interchanges.of_family(other.item_id) == [other]
    assert ledger.interchanges.of_family("nobody") == []


def test_a_duplicate_that_a_person_insists_on_is_taken(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    first = receive(ledger, ledger_clock, "/1", "7")
    twin = receive(ledger, ledger_clock, "/2", "7", sha256=OTHER)
    assert twin.duplicate_of == first.number

    def again(*, insist: bool) -> Received:
        return ledger.interchanges.received(
            PAIR, "7", sha256=OTHER, item_id=twin.item_id, verdict="accepted", insist=insist
        )

    assert again(insist=False) == twin
    taken = again(insist=True)
    assert (taken.verdict, taken.duplicate_of) == ("accepted", None)
    assert again(insist=False) == again(insist=True) == taken
    assert [event.new for event in ledger.interchanges.history(taken)] == ["duplicate", "accepted"]
    assert receive(ledger, ledger_clock, "/3", "7", sha256="01" * 32).duplicate_of == taken.number


def test_when_an_answer_is_due_can_be_corrected_until_it_went_out(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    one, due = receive(ledger, ledger_clock, "/1", "7"), ledger_clock() + timedelta(hours=1)
    assert ledger.interchanges.owe(one.number, due).answer_due_at == due
    assert [each.number for each in ledger.interchanges.owed_by_us()] == [one.number]
    assert ledger.interchanges.owe(one.number, None).answer_due_at is None
    ledger.interchanges.owe(one.number, due)
    answered = ledger.interchanges.answered(one.number, "1")
    assert ledger.interchanges.owe(one.number, None) == answered
    with pytest.raises(ConfigError, match="no such interchange"):
        ledger.interchanges.owe(99, due)
    with pytest.raises(ConfigError, match="no time zone"):
        ledger.interchanges.owe(one.number, due.replace(tzinfo=None))


def test_a_document_may_say_what_it_says_in_parts_and_more_of_it_later(
    ledger: Ledger, ledger_clock: SteppedClock
) -> None:
    ledger.interchanges.sent(sending(ledger_clock))
    made, tell = item(ledger, ledger_clock, "/997"), ledger.interchanges.acknowledged
    [late] = tell([said("6", SentStatus.REJECTED)], made, places=[2**31 - 1])
    assert (late.event, late.after) == ("acknowledged", SentStatus.REJECTED)
    # Its beginning was refused at first, and the places of the others stay what they are.
    words = [said("5", SentStatus.ACCEPTED), said("6", SentStatus.REJECTED)]
    assert [one.event for one in tell(words, made, places=[40, 2**31 - 1])] == ["acknowledged", "acknowledged"]
    with pytest.raises(StateConflictError, match="something else"):
        tell([said("5", SentStatus.REJECTED)], made, places=[40])
