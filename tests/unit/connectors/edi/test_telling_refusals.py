"""What partners refuse is told once, and over when it is dealt with; so is a debt that a person settled. Real ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.edi.account_alerts import OVERDUE, REFUSED, alert_of_refusal
from airflow_provider_integrations.connectors.edi.reconcile import read_statements
from airflow_provider_integrations.connectors.edi.telling import Told, tell_account
from airflow_provider_integrations.core.alert import AlertAction, Severity
from airflow_provider_integrations.core.interchange import (
    Level,
    Pair,
    Refusal,
    Sending,
    SendingGroup,
    Sent,
    SentStatus,
    SetStatement,
    Statement,
)
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.fakes.pager import Pager
from tests.fakes.postgres import SteppedClock

PAIR = Pair("x12", "ZZ:HUB", "ZZ:ACME")
EDIFACT = Pair("edifact", "14:HUB", "14:ACME")
DAY = timedelta(hours=24)
NOTHING = Told(0, (), (), 0)
TRIGGER, RESOLVE = AlertAction.TRIGGER, AlertAction.RESOLVE
WHO = {"who": "ann", "why": "sent again by hand"}

ISA = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'ACME':15}*ZZ*{'HUB':15}*260102*0304*U*00401*000000012*0*P*>~"
AK = "GS*FA*ACME*HUB*20260102*0304*12*X*004010~ST*997*0001~AK1*PO*17~{}SE*6*0001~GE*1*12~IEA*1*000000012~"
PARTLY = ISA + AK.format("AK2*850*0001~AK5*A~AK2*850*0002~AK5*R*5~AK9*P*2*2*1~")
REJECTED = ISA + AK.format("AK9*R*2*2*0*4*5~")
ACCEPTED = ISA + AK.format("AK9*A*2*2*2~")
TA1 = f"{ISA}TA1*000000017*260102*0304*R*006~IEA*0*000000012~"
CONTRL = "UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'UNH+1+CONTRL:D:3:UN'UCI+17+HUB:14+ACME:14+4+23'UNT+3+1'UNZ+1+7'"


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


def send(
    ledger: Ledger, clock: SteppedClock, pair: Pair = PAIR, control: str = "17", purpose: str = "document:out:PO-4711"
) -> list[Sent]:
    due = clock() + DAY
    groups = () if pair is EDIFACT else (SendingGroup(control, "PO", due),)
    return ledger.interchanges.sent(Sending(pair, control, purpose, "ab" * 32, groups, None if groups else due))


def hear(ledger: Ledger, clock: SteppedClock, document: str) -> None:
    """Take in what a partner says, as the parse step does."""
    name = f"/in/{len(ledger.items.list(limit=None))}"
    [item] = ledger.items.discover("acme", [RemoteFile(name, 1, 1)], listed_at=clock())
    ledger.interchanges.acknowledged(list(read_statements([document.encode()])), item.id)


def tell(ledger: Ledger, clock: SteppedClock, pager: Pager) -> Told:
    return tell_account(ledger, clock(), pager, owner="w")


@pytest.mark.parametrize(
    ("pair", "document", "summary"),
    [
        (
            PAIR,
            PARTLY,
            "ZZ:ACME has accepted only a part of our PO group 17 (997; 1 set refused: 850 0002)",
        ),
        (PAIR, REJECTED, "ZZ:ACME has rejected our PO group 17 (997; codes 4 5)"),
        (PAIR, TA1, "ZZ:ACME has rejected our interchange 17 (TA1; code 006)"),
        (EDIFACT, CONTRL, "14:ACME has rejected our interchange 17 (CONTRL; code 23)"),
    ],
    ids=["AK9 P", "AK9 R", "TA1 R", "CONTRL 4"],
)
def test_each_kind_of_refusal_is_told_once(
    ledger: Ledger, clock: SteppedClock, pager: Pager, pair: Pair, document: str, summary: str
) -> None:
    send(ledger, clock, pair)
    hear(ledger, clock, document)
    assert len(tell(ledger, clock, pager).told) == 1
    for _ in range(3):
        clock.step(hours=25)
        assert tell(ledger, clock, pager) == NOTHING
    [(action, alert)] = pager.events
    assert (action, alert.summary, alert.source) == (TRIGGER, summary, pair.partner)
    assert (alert.kind, alert.severity) == (REFUSED, Severity.ERROR)


def test_the_details_say_what_was_refused_and_what_to_do_and_nothing_of_the_document(
    ledger: Ledger, clock: SteppedClock, pager: Pager
) -> None:
    _, group = send(ledger, clock)
    hear(ledger, clock, PARTLY)
    tell(ledger, clock, pager)
    [(_, alert)] = pager.events
    told = {
        "refused": "partially_accepted",
        "number": f"sent:{group.number}",
        "control": "17",
        "by": "997",
        "codes": [],
        "sets_refused": 1,
        "sets": [{"set_id": "850", "control": "0002", "codes": ["5"]}],
    }
    assert {name: alert.details[name] for name in told} == told
    assert f"integrations edi settle sent:{group.number}" in alert.details["next_step"]
    # The purpose names the document by its key.
    assert "4711" not in f"{alert}"


def test_what_a_partner_made_up_as_a_code_or_reference_is_not_told(clock: SteppedClock) -> None:
    secret = "JOHN DOE 4711"
    sets = (SetStatement(secret, secret, SentStatus.REJECTED, (secret,)), *_sets(200))
    said = Statement(PAIR, "999", Level.GROUP, "17", SentStatus.PARTIALLY_ACCEPTED, codes=(secret,), sets=sets)
    sent = Sent(3, 2, PAIR, Level.GROUP, "17", "PO", "batch", SentStatus.PARTIALLY_ACCEPTED, clock(), None)
    alert = alert_of_refusal(Refusal(sent, 9, clock(), said))
    assert "JOHN" not in f"{alert}"
    assert alert.summary.endswith(
        "(999; code ?; 201 sets refused: ? ?, 850 0000, 850 0001, 850 0002, 850 0003 and 196 more)"
    )
    assert (alert.details["sets_refused"], len(alert.details["sets"])) == (201, 100)


def _sets(count: int) -> list[SetStatement]:
    return [SetStatement("850", f"{number:04d}", SentStatus.REJECTED) for number in range(count)]


def test_a_refused_test_is_a_warning(clock: SteppedClock) -> None:
    pair = Pair("x12", "ZZ:HUB", "ZZ:ACME", "T")
    sent = Sent(3, 2, pair, Level.GROUP, "17", "PO", "batch", SentStatus.REJECTED, clock(), None)
    assert alert_of_refusal(Refusal(sent, 9, clock())).severity is Severity.WARNING


def test_a_refusal_ends_the_debt_and_is_told_in_its_place(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    send(ledger, clock)
    clock.step(hours=25)
    tell(ledger, clock, pager)
    hear(ledger, clock, REJECTED)
    told = tell(ledger, clock, pager)
    assert (len(told.told), len(told.resolved)) == (1, 1)
    assert [(action, alert.kind) for action, alert in pager.events] == [
        (TRIGGER, OVERDUE),
        (RESOLVE, OVERDUE),
        (TRIGGER, REFUSED),
    ]


@pytest.mark.parametrize("how", ["by hand", "accepted after all", "sent again"])
def test_it_is_over_when_it_is_dealt_with(ledger: Ledger, clock: SteppedClock, pager: Pager, how: str) -> None:
    _, group = send(ledger, clock)
    hear(ledger, clock, REJECTED)
    [key] = tell(ledger, clock, pager).told
    if how == "by hand":
        ledger.interchanges.settle_sent(group.number, **WHO)
    elif how == "accepted after all":
        hear(ledger, clock, ACCEPTED)
    else:
        send(ledger, clock, control="18")
        assert tell(ledger, clock, pager) == NOTHING
        hear(ledger, clock, ACCEPTED.replace("AK1*PO*17~", "AK1*PO*18~"))
    assert tell(ledger, clock, pager).resolved == (key,)
    assert tell(ledger, clock, pager) == NOTHING
    assert (pager.actions, pager.opened) == ([TRIGGER, RESOLVE], set())


def test_dealt_with_before_anybody_was_told_nobody_hears_of_it(
    ledger: Ledger, clock: SteppedClock, pager: Pager
) -> None:
    send(ledger, clock)
    hear(ledger, clock, REJECTED)
    hear(ledger, clock, ACCEPTED)
    assert tell(ledger, clock, pager) == NOTHING
    hear(ledger, clock, REJECTED)
    assert tell_account(ledger, clock(), lambda *_: False, owner="w").untold == 1
    hear(ledger, clock, ACCEPTED)
    assert tell(ledger, clock, pager) == NOTHING
    assert pager.events == []


def test_refused_again_after_a_person_settled_it_is_told_again(
    ledger: Ledger, clock: SteppedClock, pager: Pager
) -> None:
    _, group = send(ledger, clock)
    hear(ledger, clock, REJECTED)
    hear(ledger, clock, REJECTED)
    tell(ledger, clock, pager)
    ledger.interchanges.settle_sent(group.number, **WHO)
    tell(ledger, clock, pager)
    hear(ledger, clock, REJECTED)
    assert len(tell(ledger, clock, pager).told) == 1
    assert (pager.incidents, len(pager.opened)) == (2, 1)


def test_a_debt_that_a_person_settled_is_over_both_ways(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    head, _ = send(ledger, clock)
    [item] = ledger.items.discover("acme", [RemoteFile("/in/7", 1, 1)], listed_at=clock())
    due = clock() + DAY
    owed = ledger.interchanges.received(
        PAIR, "7", sha256="cd" * 32, item_id=item.id, verdict="accepted", answer_due_at=due
    )
    clock.step(hours=25)
    assert len(tell(ledger, clock, pager).told) == 2
    ledger.interchanges.settle_sent(head.number, **WHO)
    ledger.interchanges.settle_received(owed.number, **WHO)
    assert len(tell(ledger, clock, pager).resolved) == 2
    clock.step(hours=25)
    assert tell(ledger, clock, pager) == NOTHING
    assert pager.opened == set()
