"""What partners refused, and the end that a person makes to it or to a debt; on every engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.interchange import (
    Level,
    Pair,
    Sending,
    SendingGroup,
    Sent,
    SentStatus,
    SetStatement,
    Statement,
)
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.postgres import SteppedClock

PAIR = Pair("x12", "ZZ:HUB", "ZZ:ACME")
EDIFACT = Pair("edifact", "14:HUB", "14:ACME")
INTERCHANGE, GROUP = Level.INTERCHANGE, Level.GROUP
ACCEPTED, REJECTED, SETTLED = SentStatus.ACCEPTED, SentStatus.REJECTED, SentStatus.SETTLED
PARTLY = SentStatus.PARTIALLY_ACCEPTED
WHO = {"who": "ann", "why": "they said so by telephone\x00\ud800"}


def item(ledger: Ledger, clock: SteppedClock) -> str:
    name = f"/{len(ledger.items.list(limit=None))}"
    [found] = ledger.items.discover("acme", [RemoteFile(name, 1, 1)], listed_at=clock())
    return found.id


def send(
    ledger: Ledger, clock: SteppedClock, control: str, *groups: str, pair: Pair = PAIR, purpose: str = "batch"
) -> list[Sent]:
    due = clock() + timedelta(hours=24)
    made = tuple(SendingGroup(group, "PO", due) for group in groups)
    head_due = None if groups else due
    return ledger.interchanges.sent(Sending(pair, control, purpose, "ab" * 32, made, head_due))


def say(
    ledger: Ledger, clock: SteppedClock, control: str, status: SentStatus, level: Level = GROUP, pair: Pair = PAIR
) -> None:
    kind = "CONTRL" if pair.syntax == "edifact" else "997" if level is GROUP else "TA1"
    ledger.interchanges.acknowledged([Statement(pair, kind, level, control, status)], item(ledger, clock))


def refused(ledger: Ledger) -> list[tuple[str, str]]:
    return [(one.sent.level.value, one.sent.control) for one in ledger.interchanges.refusals()]


class TestStrayRefusals:
    def test_they_are_those_of_nothing_that_was_sent_by_document_and_since_an_instant(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        begun = ledger_clock()
        send(ledger, ledger_clock, "1", "11")
        say(ledger, ledger_clock, "11", REJECTED)
        say(ledger, ledger_clock, "12", ACCEPTED)
        two = item(ledger, ledger_clock)
        words = [
            Statement(PAIR, "997", GROUP, control, status) for control, status in (("13", REJECTED), ("14", PARTLY))
        ]
        ledger.interchanges.acknowledged(words, two)
        [found] = ledger.interchanges.stray_refusals(since=begun)
        assert (found.item_id, found.pair, found.words, found.said) == (two, PAIR, 2, tuple(words))
        ledger_clock.step(hours=1)
        assert ledger.interchanges.stray_refusals(since=ledger_clock()) == []
        send(ledger, ledger_clock, "2", "13", "14", purpose="later")
        assert ledger.interchanges.stray_refusals(since=begun) == []


class TestRefusals:
    def test_what_was_refused_stays_until_it_is_dealt_with_and_says_why(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        _, group, *_ = send(ledger, ledger_clock, "17", "5", "6", "7")
        sets = (SetStatement("850", "0002", REJECTED, ("5",)),)
        word = Statement(PAIR, "997", GROUP, "5", PARTLY, "PO", codes=("4",), sets=sets)
        at = ledger_clock.step(hours=1)
        ledger.interchanges.acknowledged([word], item(ledger, ledger_clock))
        say(ledger, ledger_clock, "6", REJECTED)
        say(ledger, ledger_clock, "7", SentStatus.ACCEPTED_WITH_ERRORS)
        first, second = ledger.interchanges.refusals()
        assert (first.sent, first.at, first.said) == (replace(group, status=PARTLY, settled_at=at), at, word)
        assert (second.sent.control, second.sent.status) == ("6", REJECTED)
        assert ledger.interchanges.refusals(limit=1) == ledger.interchanges.refusals(partner="ZZ:ACME")[:1] == [first]
        assert ledger.interchanges.refusals(partner="ZZ:OTHER") == []

    def test_said_again_it_is_the_same_refusal_and_said_otherwise_another(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        send(ledger, ledger_clock, "17", "5")
        entries = []
        for status in (PARTLY, PARTLY, REJECTED, ACCEPTED, REJECTED):
            say(ledger, ledger_clock, "5", status)
            entries.append([one.entry for one in ledger.interchanges.refusals()])
        assert entries[0] == entries[1]
        assert entries[3] == []
        assert len({*entries[0], *entries[2], *entries[4]}) == 3

    def test_a_refused_interchange_is_told_without_its_groups(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        send(ledger, ledger_clock, "17", "5", "6")
        say(ledger, ledger_clock, "17", REJECTED, INTERCHANGE)
        assert refused(ledger) == [("interchange", "17")]
        # They took the envelope after all; of the group nothing better was said yet.
        say(ledger, ledger_clock, "17", ACCEPTED, INTERCHANGE)
        say(ledger, ledger_clock, "5", ACCEPTED)
        [group] = ledger.interchanges.refusals()
        assert (group.sent.control, group.said) == ("6", None)

    def test_a_refused_word_that_came_before_our_own_commit_counts(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        say(ledger, ledger_clock, "5", REJECTED)
        assert refused(ledger) == []
        send(ledger, ledger_clock, "17", "5")
        assert refused(ledger) == [("group", "5")]

    def test_sent_again_it_is_dealt_with_when_that_is_accepted(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        send(ledger, ledger_clock, "17", "5")
        say(ledger, ledger_clock, "5", REJECTED)
        send(ledger, ledger_clock, "18", "8")
        assert refused(ledger) == [("group", "5")]
        say(ledger, ledger_clock, "18", ACCEPTED, INTERCHANGE)  # A TA1 says nothing of the group.
        assert refused(ledger) == [("group", "5")]
        say(ledger, ledger_clock, "8", ACCEPTED)
        assert refused(ledger) == []

    def test_a_refused_envelope_is_dealt_with_when_its_groups_are_accepted_in_another(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        send(ledger, ledger_clock, "17", "5")
        say(ledger, ledger_clock, "17", REJECTED, INTERCHANGE)
        send(ledger, ledger_clock, "18", "8")
        say(ledger, ledger_clock, "8", ACCEPTED)
        assert refused(ledger) == []

    def test_the_next_group_of_the_same_interchange_deals_with_nothing(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        send(ledger, ledger_clock, "17", "5", "6")
        say(ledger, ledger_clock, "5", REJECTED)
        say(ledger, ledger_clock, "6", ACCEPTED)
        assert refused(ledger) == [("group", "5")]

    def test_what_was_accepted_before_deals_with_nothing(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        send(ledger, ledger_clock, "17", pair=EDIFACT)
        say(ledger, ledger_clock, "17", ACCEPTED, INTERCHANGE, EDIFACT)
        send(ledger, ledger_clock, "18", pair=EDIFACT)
        say(ledger, ledger_clock, "18", REJECTED, INTERCHANGE, EDIFACT)
        assert refused(ledger) == [("interchange", "18")]
        send(ledger, ledger_clock, "19", pair=EDIFACT)
        say(ledger, ledger_clock, "19", ACCEPTED, INTERCHANGE, EDIFACT)
        assert refused(ledger) == []

    @pytest.mark.parametrize(
        ("purpose", "pair", "is_dealt_with"),
        [
            ("document:acme_orders_out:PO1", replace(PAIR, partner="01:ACME"), True),
            ("document:acme_orders_out:PO1", replace(PAIR, usage="T"), False),
            # Anybody may call his batch so.
            ("batch", replace(PAIR, partner="ZZ:OTHER"), False),
            ("batch", PAIR, True),
        ],
    )
    def test_a_document_is_the_same_under_another_identity(
        self, ledger: Ledger, ledger_clock: SteppedClock, purpose: str, pair: Pair, is_dealt_with: bool
    ) -> None:
        send(ledger, ledger_clock, "17", "5", purpose=purpose)
        say(ledger, ledger_clock, "17", REJECTED, INTERCHANGE)
        send(ledger, ledger_clock, "1", "1", pair=pair, purpose=purpose)
        send(ledger, ledger_clock, "2", "2", pair=pair, purpose=f"{purpose}0")
        say(ledger, ledger_clock, "2", ACCEPTED, pair=pair)
        assert refused(ledger) == [("interchange", "17")]
        say(ledger, ledger_clock, "1", ACCEPTED, pair=pair)
        assert (refused(ledger) == []) is is_dealt_with


class TestSettledByHand:
    def test_what_we_sent_with_its_groups_and_a_reason(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        head, five, six, seven = send(ledger, ledger_clock, "17", "5", "6", "7")
        say(ledger, ledger_clock, "6", REJECTED)
        say(ledger, ledger_clock, "7", ACCEPTED)
        ledger.interchanges.mark_overdue(ledger_clock.step(hours=25))
        at = ledger_clock.step(hours=1)
        settled = ledger.interchanges.settle_sent(head.number, **WHO)
        assert [one.status for one in settled] == [SETTLED, SETTLED, SETTLED, ACCEPTED]
        assert settled[1].settled_at == at
        assert (ledger.interchanges.owed_to_us(), ledger.interchanges.refusals()) == ([], [])
        assert ledger.interchanges.mark_overdue(ledger_clock.step(hours=25)) == []
        assert ledger.interchanges.settle_sent(head.number, **WHO) == settled
        [last] = ledger.interchanges.history(five)[2:]
        assert (last.event, last.old, last.new, last.detail) == ("settled", "overdue", "settled", WHO)
        assert [event.old for event in ledger.interchanges.history(six)][-1] == "rejected"
        assert len(ledger.interchanges.history(seven)) == 2
        [entry] = ledger.records.audit_trail(action="settle")
        assert (entry.at, entry.who, entry.why, entry.subject) == (at, "ann", WHO["why"], "ZZ:ACME")
        told = {"of": "sent", "control": "17", "numbers": [one.number for one in (head, five, six)]}
        assert {name: entry.detail[name] for name in told} == told

    def test_one_group_alone(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        _, five, _ = send(ledger, ledger_clock, "17", "5", "6")
        [settled] = ledger.interchanges.settle_sent(five.number, **WHO)
        assert settled.control == "5"
        assert [one.control for one in ledger.interchanges.owed_to_us()] == ["6"]

    def test_what_the_partner_says_later_counts_all_the_same(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        _, five = send(ledger, ledger_clock, "17", "5")
        ledger.interchanges.settle_sent(five.number, **WHO)
        say(ledger, ledger_clock, "5", REJECTED)
        assert refused(ledger) == [("group", "5")]
        assert [event.event for event in ledger.interchanges.history(five)] == ["sent", "settled", "changed"]
        say(ledger, ledger_clock, "5", ACCEPTED)
        with pytest.raises(StateConflictError, match="it was accepted"):
            ledger.interchanges.settle_sent(five.number, **WHO)

    def test_what_we_owe_and_shall_never_answer(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        due, made = ledger_clock() + timedelta(hours=24), item(ledger, ledger_clock)
        enter = ledger.interchanges.received
        one = enter(PAIR, "7", sha256="ab" * 32, item_id=made, verdict="accepted", answer_due_at=due)
        silent = enter(PAIR, "8", sha256="ab" * 32, item_id=made, place=1, verdict="accepted")
        at = ledger_clock.step(hours=30)
        settled = ledger.interchanges.settle_received(one.number, **WHO)
        assert settled == replace(one, settled_at=at)
        assert ledger.interchanges.owed_by_us() == []
        # The step that died after it took the document up goes on, and must not owe it anew.
        assert ledger.interchanges.owe(one.number, due).settled_at == at
        assert ledger.interchanges.settle_received(one.number, **WHO) == settled
        assert ledger.interchanges.owed_by_us() == []
        assert [(event.event, event.detail) for event in ledger.interchanges.history(one)][1:] == [("settled", WHO)]
        [entry] = ledger.records.audit_trail(action="settle")
        assert (entry.detail["of"], entry.detail["numbers"]) == ("received", [one.number])
        assert ledger.interchanges.answered(one.number, "1").answered_at is not None
        for other in (one, silent):
            with pytest.raises(StateConflictError, match="no answer is owed"):
                ledger.interchanges.settle_received(other.number, **WHO)

    def test_a_person_and_the_partner_at_once_make_one_history(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        groups = [send(ledger, ledger_clock, f"{at}", f"{at}", purpose=f"b{at}")[1] for at in range(10)]
        items = [item(ledger, ledger_clock) for _ in groups]

        def act(at: int) -> None:
            group = groups[at // 2]
            if at % 2:
                ledger.interchanges.settle_sent(group.number, **WHO)
            else:
                said = Statement(PAIR, "997", GROUP, group.control, REJECTED)
                ledger.interchanges.acknowledged([said], items[at // 2])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(act, range(20)))
        left = set(refused(ledger))
        for group in groups:
            told = [(event.old, event.new) for event in ledger.interchanges.history(group)]
            assert [new for _, new in told[:-1]] == [old for old, _ in told[1:]]
            assert {new for _, new in told} == {"pending", "settled", "rejected"}
            assert (("group", group.control) in left) is (told[-1][1] == "rejected")

    def test_it_needs_a_name_a_reason_and_a_number_that_is_there(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        _, five = send(ledger, ledger_clock, "17", "5")
        for settle in (ledger.interchanges.settle_sent, ledger.interchanges.settle_received):
            for named in ({**WHO, "why": " "}, {**WHO, "who": ""}):
                with pytest.raises(ConfigError, match="reason"):
                    settle(five.number, **named)
            with pytest.raises(ConfigError, match="no such interchange"):
                settle(999, **WHO)
        assert len(ledger.interchanges.owed_to_us()) == 1
        assert ledger.records.audit_trail() == []
