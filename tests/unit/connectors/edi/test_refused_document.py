"""A document that was refused under a wrong identity goes out again under the right one, and its refusal is over."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_integrations.connectors.edi.reconcile import read_statements
from airflow_provider_integrations.connectors.edi.settle_outbox import sending_of
from airflow_provider_integrations.connectors.edi.telling import tell_account
from airflow_provider_integrations.core.edi_source import EdiOutbound
from airflow_provider_integrations.core.work_item import RemoteFile, WorkItem
from tests.fakes.pager import Pager
from tests.unit.connectors.edi.outbound_world import SOURCE, START, World, make_world

HEAD = "ISA*00*{0:10}*00*{0:10}*{1}*{2:15}*ZZ*{3:15}*260102*0304*U*00401*000000012*0*P*>~"
TA1 = HEAD + "TA1*000000001*260102*0304*R*008~IEA*0*000000012~"
FA = (
    HEAD + "GS*FA*ACME*HUB*20260102*0304*12*X*004010~ST*997*0001~AK1*PO*1~AK9*A*1*1*1~SE*4*0001~GE*1*12~"
    "IEA*1*000000012~"
)


def deliver(world: World, item: WorkItem) -> None:
    world.ledger.interchanges.sent(sending_of(item.facts, START))


def hear(world: World, name: str, document: str) -> None:
    [item] = world.ledger.items.discover("acme", [RemoteFile(name, 1, 1)], listed_at=START)
    world.ledger.interchanges.acknowledged(list(read_statements([document.encode()])), item.id)


def test_sent_again_under_the_right_identity_its_refusal_is_over(tmp_path: Path) -> None:
    pager = Pager()
    wrong = make_world(tmp_path, f"sqlite:///{tmp_path}/ledger.db")
    wrong.order("A-4711", 10)
    [item] = wrong.run().items
    deliver(wrong, item)
    hear(wrong, "/ta1", TA1.format("", "ZZ", "ACME", "HUB"))
    assert len(tell_account(wrong.ledger, START, pager, owner="w").told) == 1

    corrected = EdiOutbound.from_mapping(SOURCE | {"partner": "01:ACME", "name": "acme_01_{control}.x12"})
    [again] = wrong.run(source=corrected).items
    assert again.facts["document"] == "A-4711"
    deliver(wrong, again)
    assert tell_account(wrong.ledger, START, pager, owner="w").resolved == ()
    hear(wrong, "/997", FA.format("", "01", "ACME", "HUB"))
    assert len(tell_account(wrong.ledger, START, pager, owner="w").resolved) == 1
    assert (pager.incidents, pager.opened) == (1, set())
    assert "4711" not in f"{pager.events}"
    wrong.ledger.close()
