"""Interchanges received and sent, on every engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.interchange import (
    Level,
    Pair,
    Received,
    Sending,
    SendingGroup,
    SentStatus,
    SetStatement,
    Statement,
)
from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.ledger.edi_tables import APPEND_ONLY_EDI
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.postgres import SteppedClock

PAIR = Pair("x12", "ZZ:HUB", "ZZ:ACME")
EDIFACT = Pair("edifact", "14:HUB", "14:ACME")
INTERCHANGE, GROUP = Level.INTERCHANGE, Level.GROUP
SHA, OTHER = "ab" * 32, "cd" * 32
ACCEPTED, REJECTED, PENDING = SentStatus.ACCEPTED, SentStatus.REJECTED, SentStatus.PENDING


def item(ledger: Ledger, clock: SteppedClock, name: str) -> str:
    [found] = ledger.items.discover("acme", [RemoteFile(name, 1, 1)], listed_at=clock())
    return found.id


def receive(
    ledger: Ledger,
    clock: SteppedClock,
    name: str,
    control: str,
    *,
    sha256: str = SHA,
    pair: Pair = PAIR,
    verdict: str = "accepted",
) -> Received:
    made = item(ledger, clock, name)
    return ledger.interchanges.received(pair, control, sha256=sha256, item_id=made, verdict=verdict)


def sending(clock: SteppedClock, control: str = "17", pair: Pair = PAIR, purpose: str = "batch-1") -> Sending:
    due = clock() + timedelta(hours=24)
    return Sending(pair, control, purpose, SHA, (SendingGroup("5", "PO", due), SendingGroup("6", "PO", due)), due)


def said(control: str, status: SentStatus, level: Level = GROUP, kind: str = "997", **more: str) -> Statement:
    return Statement(more.pop("pair", PAIR), kind, level, control, status, **more)  # type: ignore[arg-type]


class TestReceived:
    def test_duplicate_rules_scope_is_the_pair_and_the_usage(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        first = receive(ledger, ledger_clock, "/1", "000000007")
        assert (first.verdict, first.duplicate_of) == ("accepted", None)
        again = receive(ledger, ledger_clock, "/2", "000000007", sha256=OTHER)
        assert (again.verdict, again.duplicate_of) == ("duplicate", first.number)
        same = receive(ledger, ledger_clock, "/3", "7")
        assert same.duplicate_of == first.number
        for place, pair in enumerate((Pair("x12", "ZZ:HUB", "ZZ:ACME", "T"), Pair("x12", "ZZ:HUB", "01:ACME"))):
            assert receive(ledger, ledger_clock, f"/other{place}", "7", pair=pair).duplicate_of is None

    def test_a_rerun_is_no_duplicate_of_itself(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        made = item(ledger, ledger_clock, "/1")
        enter = ledger.interchanges.received
        one = enter(PAIR, "7", sha256=SHA, item_id=made, verdict="accepted")
        ledger_clock.step(hours=1)
        assert enter(PAIR, "7", sha256=SHA, item_id=made, verdict="accepted") == one
        with pytest.raises(StateConflictError, match="another interchange"):
            enter(PAIR, "7", sha256=OTHER, item_id=made, verdict="accepted")
        with pytest.raises(ConfigError, match="no such verdict"):
            enter(PAIR, "8", sha256=SHA, item_id=made, place=1, verdict="duplicate")
        with pytest.raises(StateConflictError):
            enter(PAIR, "9", sha256=SHA, item_id="nope", verdict="accepted")
        assert [event.event for event in ledger.interchanges.history(one)] == ["received"]

    def test_a_replay_is_no_duplicate_of_its_original(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        one = receive(ledger, ledger_clock, "/1", "7")
        taken = ledger.items.claim(one.item_id, "w", states=list(State), lease=timedelta(minutes=5))
        assert taken
        ledger.items.advance(taken[1], State.LANDED, facts={"folder": "x"})
        day = ledger_clock().date()
        [again] = ledger.items.replay("acme", day, day, request="r", who="ann")
        entered = ledger.interchanges.received(PAIR, "7", sha256=SHA, item_id=again.id, verdict="accepted")
        assert entered.duplicate_of is None
        assert receive(ledger, ledger_clock, "/2", "7").verdict == "duplicate"

    def test_after_the_window_a_number_may_come_again(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        receive(ledger, ledger_clock, "/1", "7")
        ledger_clock.step(days=89)
        assert receive(ledger, ledger_clock, "/2", "7", sha256=OTHER).verdict == "duplicate"
        ledger_clock.step(days=2)
        assert receive(ledger, ledger_clock, "/3", "7", sha256=OTHER).verdict == "accepted"

    def test_after_a_wrap_a_number_may_come_again_but_not_the_same_bytes(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        first = receive(ledger, ledger_clock, "/1", "7")
        receive(ledger, ledger_clock, "/2", "400000000", sha256="01" * 32)
        assert receive(ledger, ledger_clock, "/3", "7", sha256=OTHER).verdict == "duplicate"
        receive(ledger, ledger_clock, "/4", "999999990", sha256="02" * 32)
        assert receive(ledger, ledger_clock, "/5", "7").duplicate_of == first.number
        assert receive(ledger, ledger_clock, "/6", "7", sha256=OTHER).verdict == "accepted"
        assert receive(ledger, ledger_clock, "/7", "7", sha256="03" * 32).verdict == "duplicate"

    def test_what_was_refused_used_no_number_up(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        refused = receive(ledger, ledger_clock, "/1", "7", verdict="rejected")
        mended = receive(ledger, ledger_clock, "/2", "7", sha256=OTHER)
        assert mended.verdict == "accepted"
        released = ledger.interchanges.received(PAIR, "7", sha256=SHA, item_id=refused.item_id, verdict="accepted")
        assert (released.verdict, released.duplicate_of) == ("duplicate", mended.number)
        assert [event.new for event in ledger.interchanges.history(released)] == ["rejected", "duplicate"]

    def test_references_of_edifact_are_texts(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        for name, control in (("/1", "0007"), ("/2", "7"), ("/3", "A7"), ("/4", "9" * 30), ("/5", "é\x00²")):
            assert receive(ledger, ledger_clock, name, control, pair=EDIFACT).verdict == "accepted"
        assert receive(ledger, ledger_clock, "/6", "é\x00²", pair=EDIFACT).verdict == "duplicate"

    def test_an_answer_is_owed_until_it_went_out_once(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        made, due = item(ledger, ledger_clock, "/1"), ledger_clock() + timedelta(hours=1)
        one = ledger.interchanges.received(PAIR, "7", sha256=SHA, item_id=made, verdict="partial", answer_due_at=due)
        receive(ledger, ledger_clock, "/2", "8")  # Nothing is owed for this one.
        assert ledger.interchanges.owed_by_us() == [one]
        assert ledger.interchanges.owed_by_us(partner="ZZ:OTHER") == []
        answered = ledger.interchanges.answered(one.number, "17")
        assert ledger.interchanges.answered(one.number, "17") == answered
        assert ledger.interchanges.owed_by_us() == []
        with pytest.raises(StateConflictError, match="another control number"):
            ledger.interchanges.answered(one.number, "18")
        with pytest.raises(ConfigError, match="no such interchange"):
            ledger.interchanges.answered(999, "18")
        assert [event.event for event in ledger.interchanges.history(one)] == ["received", "answered"]


class TestSent:
    def test_groups_are_pending_until_they_are_acknowledged(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        head, five, six = ledger.interchanges.sent(sending(ledger_clock))
        assert [one.status for one in (head, five, six)] == [PENDING] * 3
        assert (five.interchange, head.interchange) == (head.number, None)
        made = item(ledger, ledger_clock, "/997")
        refused = SetStatement("850", "0002", REJECTED, ("5",))
        word = Statement(PAIR, "997", GROUP, "5", SentStatus.PARTIALLY_ACCEPTED, "PO", sets=(refused,))
        ta1 = said("000000017", ACCEPTED, INTERCHANGE, "TA1")
        told = ledger.interchanges.acknowledged([word, ta1], made)
        assert [(one.sent and one.sent.number, one.after, one.event) for one in told] == [
            (five.number, SentStatus.PARTIALLY_ACCEPTED, "acknowledged"),
            (head.number, ACCEPTED, "acknowledged"),
        ]
        assert told[0].statement.sets == (refused,)
        # TA1 speaks of the envelope alone: the other group still waits.
        assert [one.control for one in ledger.interchanges.owed_to_us()] == ["6"]
        assert ledger.interchanges.unmatched() == []

    def test_entering_twice_is_harmless_and_other_bytes_are_not(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        going = sending(ledger_clock)
        first = ledger.interchanges.sent(going)
        assert ledger.interchanges.sent(going) == first
        changed = Sending(going.pair, going.control, going.purpose, OTHER, going.groups)
        with pytest.raises(StateConflictError, match="with other content"):
            ledger.interchanges.sent(changed)
        assert len(ledger.interchanges.history(first[0])) == 1

    def test_an_acknowledgement_before_our_own_commit_is_matched_later_once(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        made = item(ledger, ledger_clock, "/997")
        words = [said("5", ACCEPTED, functional="PO"), said("6", REJECTED, functional="IN")]
        assert [one.event for one in ledger.interchanges.acknowledged(words, made)] == ["unmatched"] * 2
        assert [one.control for one in ledger.interchanges.unmatched()] == ["5", "6"]
        ledger_clock.step(minutes=3)
        head, five, six = ledger.interchanges.sent(sending(ledger_clock))
        # The word on group 6 is of another functional code, so it is none of this one.
        assert [one.status for one in (head, five, six)] == [PENDING, ACCEPTED, PENDING]
        assert [one.control for one in ledger.interchanges.unmatched()] == ["6"]
        ledger.interchanges.acknowledged(words, made)
        ledger.interchanges.sent(sending(ledger_clock))
        assert [event.event for event in ledger.interchanges.history(five)] == ["sent", "acknowledged"]

    def test_what_was_said_long_before_is_not_of_a_new_interchange(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        ledger.interchanges.acknowledged([said("5", REJECTED)], item(ledger, ledger_clock, "/997"))
        ledger_clock.step(days=8)
        assert [one.status for one in ledger.interchanges.sent(sending(ledger_clock))] == [PENDING] * 3

    def test_group_control_reuse_the_open_one_is_meant(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        old = ledger.interchanges.sent(sending(ledger_clock))
        new = ledger.interchanges.sent(sending(ledger_clock, "18", purpose="batch-2"))
        words = [said("5", ACCEPTED)]
        matched = [
            ledger.interchanges.acknowledged(words, item(ledger, ledger_clock, f"/{place}"))[0] for place in range(3)
        ]
        assert [one.sent and one.sent.number for one in matched] == [new[1].number, old[1].number, new[1].number]
        assert [one.event for one in matched] == ["acknowledged", "acknowledged", "repeated"]

    def test_a_rejected_interchange_has_no_997_for_its_contents(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        sent = ledger.interchanges.sent(sending(ledger_clock))
        word = said("17", REJECTED, INTERCHANGE, "TA1")
        ledger.interchanges.acknowledged([word], item(ledger, ledger_clock, "/ta1"))
        assert ledger.interchanges.owed_to_us() == []
        last = [ledger.interchanges.history(one)[-1] for one in sent]
        assert [(event.event, event.new) for event in last] == [
            ("acknowledged", "rejected"),
            ("settled_with_interchange", "rejected"),
            ("settled_with_interchange", "rejected"),
        ]

    def test_contrl_acknowledges_what_it_does_not_name(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        sent = ledger.interchanges.sent(sending(ledger_clock, pair=EDIFACT))
        made = item(ledger, ledger_clock, "/contrl")
        receipt = Statement(EDIFACT, "CONTRL", INTERCHANGE, "17", SentStatus.RECEIVED)
        [told] = ledger.interchanges.acknowledged([receipt], made)
        assert (told.event, told.after) == ("received", PENDING)
        words = [
            Statement(EDIFACT, "CONTRL", GROUP, "6", REJECTED, within="17"),
            Statement(EDIFACT, "CONTRL", GROUP, "5", REJECTED, within="99"),
            Statement(EDIFACT, "CONTRL", INTERCHANGE, "17", SentStatus.PARTIALLY_ACCEPTED),
        ]
        events = [one.event for one in ledger.interchanges.acknowledged(words, item(ledger, ledger_clock, "/2"))]
        assert events == ["acknowledged", "unmatched", "acknowledged"]
        assert [ledger.interchanges.history(one)[-1].new for one in sent] == [
            "partially_accepted",
            "accepted",
            "rejected",
        ]

    def test_overdue_is_told_once_and_settled_by_what_comes_late(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        ledger.interchanges.sent(sending(ledger_clock))
        silent = Sending(PAIR, "19", "no answer agreed", OTHER, (SendingGroup("9"),))
        ledger.interchanges.sent(silent)
        assert ledger.interchanges.mark_overdue(ledger_clock()) == []
        late = ledger.interchanges.mark_overdue(ledger_clock.step(hours=25))
        assert [(one.control, one.status) for one in late] == [(each, SentStatus.OVERDUE) for each in ("17", "5", "6")]
        assert ledger.interchanges.mark_overdue(ledger_clock()) == []
        [told] = ledger.interchanges.acknowledged([said("5", ACCEPTED)], item(ledger, ledger_clock, "/997"))
        assert (told.event, told.after) == ("acknowledged", ACCEPTED)
        assert [one.control for one in ledger.interchanges.owed_to_us()] == ["17", "6"]

    def test_a_partner_may_change_his_word_and_the_history_shows_both(
        self, ledger: Ledger, ledger_clock: SteppedClock
    ) -> None:
        _, five, _ = ledger.interchanges.sent(sending(ledger_clock))
        for name, status in (("/1", REJECTED), ("/2", ACCEPTED)):
            ledger.interchanges.acknowledged([said("5", status)], item(ledger, ledger_clock, name))
        told = [(event.event, event.new) for event in ledger.interchanges.history(five)]
        assert told == [("sent", "pending"), ("acknowledged", "rejected"), ("changed", "accepted")]

    def test_an_item_says_one_thing(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        made = item(ledger, ledger_clock, "/997")
        ledger.interchanges.acknowledged([said("5", ACCEPTED)], made)
        with pytest.raises(StateConflictError, match="something else"):
            ledger.interchanges.acknowledged([said("5", REJECTED)], made)

    def test_both_at_once_are_matched_exactly_once(self, ledger: Ledger, ledger_clock: SteppedClock) -> None:
        names = [item(ledger, ledger_clock, f"/{number}") for number in range(20)]

        def act(number: int) -> None:
            group = SendingGroup(f"{number // 2}", "PO")
            if number % 2:
                ledger.interchanges.sent(Sending(PAIR, group.control, f"b{number // 2}", SHA, (group,)))
            else:
                ledger.interchanges.acknowledged([said(group.control, ACCEPTED)], names[number])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(act, range(20)))
        assert ledger.interchanges.unmatched() == []
        with ledger._database.read() as connection:
            rows = connection.execute(text("SELECT status FROM interchange_sent WHERE level = 'group'")).scalars()
            assert list(rows) == ["accepted"] * 10
            matches = "SELECT count(*) FROM interchange_event WHERE acknowledgement_number IS NOT NULL"
            assert connection.scalar(text(matches)) == 10


@pytest.mark.parametrize("table", APPEND_ONLY_EDI)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
def test_history_cannot_be_changed_even_by_sql(
    ledger: Ledger, ledger_clock: SteppedClock, table: str, verb: str
) -> None:
    ledger.control_numbers.draw(PAIR, INTERCHANGE, "a")
    ledger.interchanges.acknowledged([said("5", ACCEPTED)], item(ledger, ledger_clock, "/997"))
    ledger.interchanges.sent(sending(ledger_clock))
    statement = f"DELETE FROM {table}" if verb == "DELETE" else f"UPDATE {table} SET number = number"
    with pytest.raises(StateConflictError, match=f"{table} is append-only"), ledger._database.write() as connection:
        connection.execute(text(statement))
