"""One alert for each overdue acknowledgement, one word when it is settled, whatever is killed; real ledgers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.edi.account_alerts import OVERDUE
from airflow_provider_integrations.connectors.edi.telling import Told, tell_account
from airflow_provider_integrations.core.alert import Alert, AlertAction, Severity
from airflow_provider_integrations.core.errors import ConnectionLostError, PermanentError
from airflow_provider_integrations.core.interchange import (
    Level,
    Pair,
    Received,
    Sending,
    SendingGroup,
    SentStatus,
    Statement,
)
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.fakes.pager import Pager
from tests.fakes.postgres import SteppedClock

PAIR = Pair("x12", "ZZ:HUB", "ZZ:ACME")
SHA = "ab" * 32
DAY = timedelta(hours=24)
TRIGGER, RESOLVE = AlertAction.TRIGGER, AlertAction.RESOLVE


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


@pytest.fixture
def pager() -> Pager:
    return Pager()


def send(ledger: Ledger, clock: SteppedClock, control: str = "17", pair: Pair = PAIR) -> None:
    group = SendingGroup(control, "PO", clock() + DAY)
    ledger.interchanges.sent(Sending(pair, control, f"batch-{control}", SHA, (group,)))


def settle(ledger: Ledger, clock: SteppedClock, control: str = "17") -> None:
    [item] = ledger.items.discover("acme", [RemoteFile(f"/in/{control}", 1, 1)], listed_at=clock())
    said = Statement(PAIR, "997", Level.GROUP, control, SentStatus.ACCEPTED, functional="PO")
    ledger.interchanges.acknowledged([said], item.id)


def receive(ledger: Ledger, clock: SteppedClock, control: str = "7") -> Received:
    [item] = ledger.items.discover("acme", [RemoteFile(f"/in/{control}", 1, 1)], listed_at=clock())
    due = clock() + DAY
    return ledger.interchanges.received(
        PAIR, control, sha256=SHA, item_id=item.id, verdict="accepted", answer_due_at=due
    )


def tell(ledger: Ledger, clock: SteppedClock, pager: Pager, owner: str = "w") -> Told:
    return tell_account(ledger, clock(), pager, owner=owner)


def test_one_alert_for_each_once_and_one_resolution(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    send(ledger, clock, "17")
    send(ledger, clock, "18")
    assert tell(ledger, clock, pager) == Told(0, (), (), 0)
    clock.step(hours=25)
    told = tell(ledger, clock, pager)
    assert (told.became_overdue, len(told.told), told.resolved, told.untold) == (2, 2, (), 0)
    for _ in range(3):
        clock.step(hours=1)
        assert tell(ledger, clock, pager) == Told(0, (), (), 0)
    settle(ledger, clock, "17")
    assert [len(part) for part in (tell(ledger, clock, pager).resolved, tell(ledger, clock, pager).resolved)] == [1, 0]
    assert pager.actions == [TRIGGER, TRIGGER, RESOLVE]
    [first, second, over] = [alert for _, alert in pager.events]
    assert over.key == first.key != second.key
    assert (pager.incidents, pager.opened) == (2, {second.key})


def test_the_alert_says_who_owes_what_since_when(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    send(ledger, clock)
    send(ledger, clock, "18", Pair("x12", "ZZ:HUB", "ZZ:ACME", "T"))
    clock.step(hours=25)
    tell(ledger, clock, pager)
    [one, test] = [alert for _, alert in pager.events]
    assert one.summary == "ZZ:ACME has not acknowledged our PO group 17, due 2025-11-06 00:45 UTC"
    assert (one.source, one.kind, one.severity, test.severity) == (
        "ZZ:ACME",
        OVERDUE,
        Severity.ERROR,
        Severity.WARNING,
    )
    assert {name: one.details[name] for name in ("owed", "syntax", "usage", "ours", "partner", "control", "level")} == {
        "owed": "to_us",
        "syntax": "x12",
        "usage": "P",
        "ours": "ZZ:HUB",
        "partner": "ZZ:ACME",
        "control": "17",
        "level": "group",
    }


def test_what_we_owe_is_told_and_resolved_too(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    owed = receive(ledger, clock)
    clock.step(hours=25)
    assert len(tell(ledger, clock, pager).told) == 1
    [(_, alert)] = pager.events
    assert alert.summary == "We have not acknowledged interchange 7 of ZZ:ACME, due 2025-11-06 00:45 UTC"
    assert (alert.details["owed"], alert.details["item"]) == ("by_us", owed.item_id)
    ledger.interchanges.answered(owed.number, "1")
    assert tell(ledger, clock, pager).resolved == (alert.key,)
    assert tell(ledger, clock, pager) == Told(0, (), (), 0)


def test_an_earlier_look_resolves_nothing(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    receive(ledger, clock)
    send(ledger, clock)
    at = clock()
    clock.step(hours=25)
    assert len(tell(ledger, clock, pager).told) == 2
    assert tell_account(ledger, at, pager, owner="w") == Told(0, (), (), 0)


def test_what_another_look_had_marked_is_told(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    send(ledger, clock)
    clock.step(hours=25)
    assert len(ledger.interchanges.mark_overdue(clock())) == 1
    assert len(tell(ledger, clock, pager).told) == 1


@pytest.mark.parametrize("where", ["marked", "raised", "sent"])
@pytest.mark.parametrize("owner", ["w", "another"], ids=["tried anew", "taken over"])
def test_killed_anywhere_it_is_one_incident(
    ledger: Ledger, clock: SteppedClock, pager: Pager, where: str, owner: str
) -> None:
    send(ledger, clock)
    clock.step(hours=25)

    def kill(boundary: str) -> None:
        if boundary == where:
            raise Killed

    with pytest.raises(Killed):
        tell_account(ledger, clock(), pager, owner="w", boundary=kill)
    clock.step(minutes=10)
    assert len(tell(ledger, clock, pager, owner).told) == 1
    assert (pager.incidents, len(pager.opened)) == (1, 1)
    assert set(pager.actions) == {TRIGGER}
    assert len(pager.events) == (2 if where == "sent" else 1)
    settle(ledger, clock)
    with pytest.raises(Killed):
        tell_account(ledger, clock(), pager, owner="w", boundary=kill)
    clock.step(minutes=10)
    tell(ledger, clock, pager, owner)
    assert tell(ledger, clock, pager, owner) == Told(0, (), (), 0)
    assert (pager.incidents, pager.opened) == (1, set())


def test_killed_after_the_alert_and_settled_before_the_next_look_it_is_resolved(
    ledger: Ledger, clock: SteppedClock, pager: Pager
) -> None:
    send(ledger, clock)
    clock.step(hours=25)

    def kill(boundary: str) -> None:
        if boundary == "sent":
            raise Killed

    with pytest.raises(Killed):
        tell_account(ledger, clock(), pager, owner="w", boundary=kill)
    settle(ledger, clock)
    clock.step(minutes=10)
    assert len(tell(ledger, clock, pager, "another").resolved) == 1
    assert (pager.actions, pager.opened) == ([TRIGGER, RESOLVE], set())


def test_settled_before_anybody_was_told_nobody_hears_of_it(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    send(ledger, clock)
    clock.step(hours=25)
    assert tell_account(ledger, clock(), lambda *_: False, owner="w").untold == 1
    settle(ledger, clock)
    assert tell(ledger, clock, pager) == Told(0, (), (), 0)
    assert pager.events == []


def test_without_a_receiver_it_is_told_later(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    send(ledger, clock)
    clock.step(hours=25)
    for _ in range(2):
        assert tell_account(ledger, clock(), lambda *_: False, owner="w").untold == 1
    assert len(tell(ledger, clock, pager).told) == 1


def test_a_receiver_that_is_away_is_asked_again(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    send(ledger, clock)
    clock.step(hours=25)

    def away(action: AlertAction, alert: Alert) -> bool:
        raise ConnectionLostError("away")

    with pytest.raises(ConnectionLostError):
        tell_account(ledger, clock(), away, owner="w")
    assert len(tell(ledger, clock, pager, "another").told) == 1


def test_one_that_is_refused_does_not_keep_the_others(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    send(ledger, clock, "17")
    send(ledger, clock, "18")
    clock.step(hours=25)

    def picky(action: AlertAction, alert: Alert) -> bool:
        if alert.details["control"] == "17":
            raise PermanentError("refused")
        return pager(action, alert)

    for _ in range(2):
        with pytest.raises(PermanentError, match="refused"):
            tell_account(ledger, clock(), picky, owner="w")
    assert [alert.details["control"] for _, alert in pager.events] == ["18"]


def test_two_at_once_send_one_alert(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    for control in range(8):
        send(ledger, clock, str(control + 1))
    clock.step(hours=25)
    lock = threading.Lock()
    both = threading.Barrier(2)

    def notify(action: AlertAction, alert: Alert) -> bool:
        with lock:
            return pager(action, alert)

    def look(owner: str) -> Told:
        both.wait(30)
        return tell_account(ledger, clock(), notify, owner=owner)

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(look, ["a", "b"]))
    assert len(pager.events) == 8
    assert sum(len(one.told) for one in told) == sum(one.became_overdue for one in told) == 8


def test_an_alert_that_went_out_late_after_its_end_is_ended_again(
    ledger: Ledger, clock: SteppedClock, pager: Pager
) -> None:
    send(ledger, clock)
    clock.step(hours=25)

    def slow(action: AlertAction, alert: Alert) -> bool:
        """Sleeps through its claim; meanwhile another tells, and the partner acknowledges, and that is told."""
        clock.step(minutes=30)
        assert len(tell(ledger, clock, pager, "other").told) == 1
        settle(ledger, clock)
        assert len(tell(ledger, clock, pager, "other").resolved) == 1
        return pager(action, alert)

    tell_account(ledger, clock(), slow, owner="w")
    assert len(pager.opened) == 1
    assert len(tell(ledger, clock, pager, "other").resolved) == 1
    assert pager.opened == set()


def test_payload_stays_out(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    receive(ledger, clock)
    send(ledger, clock)
    clock.step(hours=25)
    tell(ledger, clock, pager)
    for _, alert in pager.events:
        assert SHA not in f"{alert}"
