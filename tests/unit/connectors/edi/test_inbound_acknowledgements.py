"""Acknowledgements in documents: what they say of ours counts once, where it may, and they are never answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_integrations.core.interchange import Pair, Sending, SendingGroup, SentStatus
from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.test_inbound import GOOD, parsed, rows
from tests.unit.connectors.edi.x12_streams import GS, isa, stream

OURS = Pair("x12", "ZZ:HUB", "ZZ:ACME")
WORD = "ST*997*0001~AK1*PO*{group}~AK9*{status}*1*1*1~SE*4*0001~"


def said(status: str, *, group: int = 5, control: int = 7, **header: str) -> bytes:
    head = GS.replace("PO", "FA")
    return stream(WORD.format(status=status, group=group), head=head, control=f"{control:09d}", **header)


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return Documents(tmp_path, guides=("x12_850",))


def test_an_acknowledgement_is_entered_and_never_answered(documents: Documents) -> None:
    groups = (SendingGroup("5", "PO"),)
    documents.ledger.interchanges.sent(Sending(OURS, "17", "batch", "ab" * 32, groups))
    ta1 = "TA1*000000017*260102*0304*A*000~"
    data = said("A").replace(b"GS*", ta1.encode() + b"GS*", 1)
    item = parsed(documents, data)
    assert item.facts["statements"] == {"all": 2, "unmatched": 0, "odd": 0}
    assert item.facts["tables"] == {"sets": 1}
    assert rows(documents, "sets", "set_id", "verdict") == [("997", "accepted")]
    [head, group] = documents.ledger.interchanges.sent(Sending(OURS, "17", "batch", "ab" * 32, groups))
    assert [head.status, group.status] == [SentStatus.ACCEPTED] * 2
    assert documents.ledger.interchanges.owed_by_us() == []


def test_orders_beside_acknowledgements_are_answered_and_have_rows(documents: Documents) -> None:
    group = GS.replace("*12*", "*13*") + GOOD + "GE*1*13~"
    item = parsed(documents, said("R").replace(b"IEA*1", group.encode() + b"IEA*2"))
    assert (item.facts["statements"]["unmatched"], item.facts["tables"]["orders"]) == (1, 1)
    assert len(documents.ledger.interchanges.owed_by_us()) == 1


@pytest.mark.parametrize(
    "data",
    [
        said("R", sender="EVE"),
        said("R", usage="T"),
        said("R").replace(b"IEA*1", b"IEA*4"),
        said("R").replace(b"SE*4", b"SE*9"),
    ],
    ids=["foreign", "test", "broken", "broken set"],
)
def test_what_a_refused_acknowledgement_says_does_not_count(documents: Documents, data: bytes) -> None:
    item = parsed(documents, data)
    assert item.facts["statements"] == {"all": 0, "unmatched": 0, "odd": 0}
    assert documents.ledger.interchanges.unmatched() == []


def test_an_acknowledgement_that_comes_again_is_not_heard_again(documents: Documents) -> None:
    groups = (SendingGroup("5", "PO"),)
    sending = Sending(OURS, "17", "batch", "ab" * 32, groups)
    documents.ledger.interchanges.sent(sending)
    first = parsed(documents, said("R"))
    parsed(documents, said("A", control=8), "two.edi.gpg")
    assert parsed(documents, said("R"), "three.edi.gpg").facts["verdict"] == "duplicate"
    assert documents.ledger.interchanges.sent(sending)[1].status is SentStatus.ACCEPTED
    # Nor is it when the first one is replayed.
    day = first.discovered_at.date()
    documents.clock.step(hours=1)
    for again in documents.ledger.items.replay("acme_edi", day, day, request="r", who="ann"):
        original = documents.ledger.items.get(str(again.replay_of))
        data = (documents.root / original.facts["folder"] / "document").read_bytes()
        documents.parse(documents.land_item(again, data))
    assert documents.ledger.interchanges.sent(sending)[1].status is SentStatus.ACCEPTED


def test_a_contrl_of_edifact_is_entered_and_never_answered(documents: Documents) -> None:
    pair = Pair("edifact", "14:HUB", "14:ACME")
    sending = Sending(pair, "17", "batch", "ab" * 32)
    documents.ledger.interchanges.sent(sending)
    contrl = "UNH+1+CONTRL:D:3:UN'UCI+17+HUB:14+ACME:14+7'UCM+2+ORDERS:D:96A:UN+4+12'UNT+4+1'"
    item = parsed(documents, f"UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'{contrl}UNZ+1+7'".encode())
    assert item.facts["statements"] == {"all": 1, "unmatched": 0, "odd": 0}
    [head] = documents.ledger.interchanges.sent(sending)
    assert head.status is SentStatus.PARTIALLY_ACCEPTED
    assert (item.facts["tables"], documents.ledger.interchanges.owed_by_us()) == ({"sets": 1}, [])


def test_more_words_than_fit_into_one_transaction_are_entered_all(documents: Documents) -> None:
    words = "".join(WORD.format(status="A", group=number).replace("0001", f"{number:04d}") for number in range(1, 1203))
    head = GS.replace("PO", "FA")
    item = parsed(documents, stream(words, head=head).replace(b"GE*1*", b"GE*1202*"))
    assert item.facts["statements"] == {"all": 1202, "unmatched": 1202, "odd": 0}
    assert len({word.control for word in documents.ledger.interchanges.unmatched()}) == 1202


def test_more_than_a_thousand_ta1_in_one_interchange_count_each(documents: Documents) -> None:
    ta1 = "".join(f"TA1*{number:09d}*260102*0304*A*000~" for number in range(1, 1202))
    item = parsed(documents, f"{isa()}{ta1}IEA*0*000000007~".encode())
    assert item.facts["statements"] == {"all": 1201, "unmatched": 1201, "odd": 0}
    assert item.facts["tables"] == {}
