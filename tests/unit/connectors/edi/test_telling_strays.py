"""A refusal of something that we do not know is told too: something of ours was refused, under whatever number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.edi.reconcile import read_statements
from airflow_provider_integrations.connectors.edi.telling import Told
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.fakes.pager import Pager
from tests.fakes.postgres import SteppedClock
from tests.unit.connectors.edi.test_telling_refusals import (
    ACCEPTED,
    EDIFACT,
    NOTHING,
    REJECTED,
    RESOLVE,
    TRIGGER,
    hear,
    send,
    tell,
)

TWO = (
    "UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'UNH+1+CONTRL:D:3:UN'UCI+17+HUB:14+ACME:14+4+23'UNT+3+1'"
    "UNH+2+CONTRL:D:3:UN'UCI+1SECRET VALUE+HUB:14+ACME:14+4+23'UNT+3+2'UNZ+2+7'"
)


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


def test_it_is_told_once_after_an_hour_and_over_after_a_week(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    hear(ledger, clock, REJECTED)
    assert tell(ledger, clock, pager) == NOTHING, "what it speaks of may be entered yet"
    clock.step(hours=2)
    assert len(tell(ledger, clock, pager).told) == 1
    assert tell(ledger, clock, pager) == NOTHING
    [(_, alert)] = pager.events
    assert alert.summary == "ZZ:ACME refuses what we do not know: group 17 (997)"
    assert (alert.kind, alert.source, alert.details["controls"]) == ("edi-refused", "ZZ:ACME", ["17"])
    assert ledger.items.get(alert.details["item"]).name == "0"
    clock.step(hours=24 * 7)
    assert len(tell(ledger, clock, pager).resolved) == 1
    assert tell(ledger, clock, pager) == NOTHING
    assert pager.actions == [TRIGGER, RESOLVE]


def test_an_acceptance_of_what_we_do_not_know_is_no_alert(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    hear(ledger, clock, ACCEPTED)
    clock.step(hours=2)
    assert tell(ledger, clock, pager) == NOTHING


def test_once_what_it_speaks_of_is_entered_it_is_a_refusal_of_that(
    ledger: Ledger, clock: SteppedClock, pager: Pager
) -> None:
    hear(ledger, clock, REJECTED)
    clock.step(hours=2)
    tell(ledger, clock, pager)
    send(ledger, clock)
    told = tell(ledger, clock, pager)
    assert (len(told.told), len(told.resolved)) == (1, 1)
    assert "has rejected our PO group 17" in pager.events[-1][1].summary + pager.events[-2][1].summary
    assert len(pager.opened) == 1


def test_a_document_is_one_alert_and_its_replay_no_other(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    hear(ledger, clock, TWO)
    [item] = ledger.items.list()
    taken = ledger.items.claim(item.id, "w", states=[State.DISCOVERED], lease=timedelta(minutes=1))
    assert taken
    ledger.items.advance(taken[1], State.LANDED, facts={"folder": "bronze/0"})
    clock.step(hours=2)
    [again] = ledger.items.replay("acme", clock().date(), clock().date(), request="r", who="ann")
    ledger.interchanges.acknowledged(list(read_statements([TWO.encode()])), again.id)
    clock.step(hours=2)
    assert len(tell(ledger, clock, pager).told) == 1
    [(_, alert)] = pager.events
    assert alert.summary == f"{EDIFACT.partner} refuses what we do not know: interchange 17, interchange ? (CONTRL)"
    assert alert.details["words"] == 2
    assert "SECRET" not in str(alert)


def test_a_flood_is_one_alert(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    body = "".join(f"ST*997*{number:04d}~AK1*PO*{number}~AK9*R*1*1*0~SE*4*{number:04d}~" for number in range(1, 301))
    head = REJECTED.partition("GS*")[0]
    hear(ledger, clock, f"{head}GS*FA*ACME*HUB*20260102*0304*12*X*004010~{body}GE*300*12~IEA*1*000000012~")
    clock.step(hours=2)
    assert tell(ledger, clock, pager) == Told(0, (pager.events[0][1].key,), (), 0)
    [(_, alert)] = pager.events
    assert "and 295 more" in alert.summary
    assert (alert.details["words"], len(alert.details["controls"])) == (300, 100)
