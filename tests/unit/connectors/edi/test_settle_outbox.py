"""What was delivered is entered once, whatever is killed; real ledgers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.edi.settle_outbox import (
    answer_facts,
    sending_facts,
    sending_of,
    settle_outbox,
)
from airflow_provider_integrations.core.edi_source import outbox_name
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.interchange import (
    Level,
    Pair,
    Received,
    Sending,
    SendingGroup,
    SentStatus,
    Statement,
)
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.fakes.postgres import SteppedClock

PAIR = Pair("x12", "ZZ:HUB", "ZZ:ACME")
EDIFACT = Pair("edifact", "14:HUB", "14:ACME")
SHA = "ab" * 32
DAY = timedelta(hours=24)
SENDING = Sending(PAIR, "17", "orders:4711", SHA, (SendingGroup("5", "PO"), SendingGroup("6", "IN")))


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: SteppedClock) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db", clock=clock) as made:
        migrated(made)
        yield made


def waiting(ledger: Ledger, clock: SteppedClock, name: str, facts: dict[str, Any]) -> WorkItem:
    """An outbox item that is not delivered yet."""
    path = f"/out/{name}"
    [item] = ledger.items.discover(
        outbox_name("acme"), [RemoteFile(path, 1, 1)], listed_at=clock(), facts={path: {"sha256": SHA, **facts}}
    )
    return item


def delivered(ledger: Ledger, clock: SteppedClock, name: str, facts: dict[str, Any]) -> WorkItem:
    item = waiting(ledger, clock, name, facts)
    taken = ledger.items.claim(item.id, "deliver", states=[State.DISCOVERED], lease=DAY)
    assert taken
    return ledger.items.advance(taken[1], State.LOADED)


def received(ledger: Ledger, clock: SteppedClock, control: str = "7") -> Received:
    [item] = ledger.items.discover("acme", [RemoteFile(f"/in/{control}", 1, 1)], listed_at=clock())
    due = clock() + DAY
    return ledger.interchanges.received(
        PAIR, control, sha256=SHA, item_id=item.id, verdict="accepted", answer_due_at=due
    )


class TestFacts:
    @pytest.mark.parametrize("within", [None, DAY, timedelta(minutes=90)])
    @pytest.mark.parametrize("pair", [PAIR, EDIFACT, replace(PAIR, usage="T")])
    def test_what_is_sent_comes_back_through_json(self, pair: Pair, within: timedelta | None) -> None:
        sending = replace(SENDING, pair=pair)
        at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        back = sending_of(json.loads(json.dumps(sending_facts(sending, acknowledged_within=within))), at)
        due = None if within is None else at + within
        groups_due, whole_due = (None, due) if pair.syntax == "edifact" else (due, None)
        groups = tuple(replace(group, due_at=groups_due) for group in sending.groups)
        assert back == replace(sending, groups=groups, due_at=whole_due)

    def test_facts_are_the_same_at_every_run(self) -> None:
        first, later = (
            replace(SENDING, due_at=datetime(2026, 1, day, tzinfo=UTC), groups=(SendingGroup("5", "PO", at),))
            for day, at in ((1, None), (2, datetime(2026, 1, 2, tzinfo=UTC)))
        )
        assert sending_facts(first, acknowledged_within=DAY) == sending_facts(later, acknowledged_within=DAY)

    @pytest.mark.parametrize(
        "facts",
        [{}, {"sending": None}, {"sending": {}}, {"sending": {**sending_facts(SENDING)["sending"], "pair": {"x": 1}}}],
    )
    def test_facts_that_say_nothing_are_told(self, facts: dict[str, Any]) -> None:
        with pytest.raises(StateConflictError, match="which interchange was sent"):
            sending_of(facts, datetime(2026, 1, 2, tzinfo=UTC))


def test_an_answer_is_entered_and_the_item_archived(ledger: Ledger, clock: SteppedClock) -> None:
    owed = received(ledger, clock)
    delivered(ledger, clock, "a.edi", answer_facts(owed.number, "12"))
    clock.step(minutes=5)
    [item] = settle_outbox(ledger, "acme", "w")
    assert item.state is State.ARCHIVED
    assert ledger.interchanges.owed_by_us() == []
    [entered] = [event for event in ledger.interchanges.history(owed) if event.event == "answered"]
    assert entered.detail == {"answer": "12"}
    assert settle_outbox(ledger, "acme", "w") == []


def test_what_is_sent_is_due_from_its_delivery_on_and_not_from_its_settling(
    ledger: Ledger, clock: SteppedClock
) -> None:
    at = clock()
    item = delivered(ledger, clock, "o.edi", sending_facts(SENDING, acknowledged_within=DAY))
    clock.step(hours=30)
    taken = ledger.items.claim(item.id, "other", states=[State.LOADED], lease=timedelta(minutes=1))
    assert taken
    ledger.items.give_back(taken[1], error="died")
    settle_outbox(ledger, "acme", "w")
    owed = ledger.interchanges.owed_to_us()
    assert [(one.level, one.control, one.functional, one.due_at) for one in owed] == [
        (Level.GROUP, "5", "PO", at + DAY),
        (Level.GROUP, "6", "IN", at + DAY),
    ]


def test_an_acknowledgement_that_came_before_the_settling_is_matched(ledger: Ledger, clock: SteppedClock) -> None:
    delivered(ledger, clock, "o.edi", sending_facts(SENDING, acknowledged_within=DAY))
    [item] = ledger.items.discover("acme", [RemoteFile("/in/997", 1, 1)], listed_at=clock())
    said = Statement(PAIR, "997", Level.GROUP, "5", SentStatus.ACCEPTED, functional="PO")
    ledger.interchanges.acknowledged([said], item.id)
    settle_outbox(ledger, "acme", "w")
    assert [one.control for one in ledger.interchanges.owed_to_us()] == ["6"]


def test_what_is_not_delivered_waits(ledger: Ledger, clock: SteppedClock) -> None:
    waiting(ledger, clock, "a.edi", answer_facts(received(ledger, clock).number, "12"))
    assert settle_outbox(ledger, "acme", "w") == []
    assert len(ledger.interchanges.owed_by_us()) == 1


@pytest.mark.parametrize("owner", ["w", "another"], ids=["tried anew", "taken over"])
@pytest.mark.parametrize("kind", ["answer", "sending"])
def test_killed_between_the_account_and_the_item_it_is_entered_once(
    ledger: Ledger, clock: SteppedClock, kind: str, owner: str
) -> None:
    owed = received(ledger, clock)
    facts = answer_facts(owed.number, "12") if kind == "answer" else sending_facts(SENDING, acknowledged_within=DAY)
    item = delivered(ledger, clock, "x.edi", facts)

    def kill(boundary: str) -> None:
        assert boundary == "entered"
        raise Killed

    with pytest.raises(Killed):
        settle_outbox(ledger, "acme", "w", boundary=kill)
    assert ledger.items.get(item.id).state is State.LOADED
    clock.step(minutes=10)
    [done] = settle_outbox(ledger, "acme", owner)
    assert (done.id, done.state) == (item.id, State.ARCHIVED)
    if kind == "answer":
        assert [event.event for event in ledger.interchanges.history(owed)].count("answered") == 1
    else:
        assert [one.control for one in ledger.interchanges.owed_to_us()] == ["5", "6"]
        [first, _] = ledger.interchanges.owed_to_us()
        assert [event.event for event in ledger.interchanges.history(first)] == ["sent"]


def test_two_at_once_settle_each_item_once(ledger: Ledger, clock: SteppedClock) -> None:
    for number in range(12):
        owed = received(ledger, clock, str(number))
        delivered(ledger, clock, f"{number}.edi", answer_facts(owed.number, str(number)))
    with ThreadPoolExecutor(2) as pool:
        done = [
            item for items in pool.map(lambda owner: settle_outbox(ledger, "acme", owner), ["a", "b"]) for item in items
        ]
    assert sorted(item.name for item in done) == sorted(f"{number}.edi" for number in range(12))
    assert ledger.interchanges.owed_by_us() == []


def test_one_that_cannot_be_settled_stays_and_the_others_are_settled(ledger: Ledger, clock: SteppedClock) -> None:
    first, second = received(ledger, clock, "1"), received(ledger, clock, "2")
    ledger.interchanges.answered(first.number, "99")
    wrong = delivered(ledger, clock, "1.edi", answer_facts(first.number, "12"))
    unknown = delivered(ledger, clock, "3.edi", answer_facts(4711, "14"))
    right = delivered(ledger, clock, "2.edi", answer_facts(second.number, "13"))
    with pytest.raises(StateConflictError, match="another control number"):
        settle_outbox(ledger, "acme", "w")
    states = {item.name: ledger.items.get(item.id).state for item in (wrong, unknown, right)}
    assert states == {"1.edi": State.LOADED, "3.edi": State.LOADED, "2.edi": State.ARCHIVED}
    assert ledger.items.get(wrong.id).attempts == 1
    assert "another control number" in (ledger.items.history(wrong.id)[-1].detail or "")
    ledger.interchanges.answered(second.number, "13")


def test_an_answer_to_nothing_is_told(ledger: Ledger, clock: SteppedClock) -> None:
    delivered(ledger, clock, "3.edi", answer_facts(4711, "14"))
    with pytest.raises(ConfigError, match="no such interchange"):
        settle_outbox(ledger, "acme", "w")


def test_other_outboxes_are_left_alone(ledger: Ledger, clock: SteppedClock) -> None:
    delivered(ledger, clock, "a.edi", answer_facts(received(ledger, clock).number, "12"))
    assert settle_outbox(ledger, "other", "w") == []
