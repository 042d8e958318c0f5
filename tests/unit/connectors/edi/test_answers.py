"""The step that acknowledges what was parsed, over a real ledger: what waits in the outbox, under which name and number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.interchange import Level, Pair
from airflow_provider_integrations.core.work_item import State
from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.answered import ANSWER, FA, HEAD, ORDERS, OURS, one
from tests.unit.connectors.edi.x12_streams import BEG, GS, isa, order, stream

OF_997 = f"{isa()}{GS.replace('PO', 'FA')}ST*997*0001~AK1*PO*1~AK9*A*1*1*1~SE*4*0001~GE*1*12~IEA*1*000000007~".encode()


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return Documents(tmp_path)


def test_an_interchange_is_answered_by_one_file_named_by_its_delivery_and_number(documents: Documents) -> None:
    item = documents.through(one())
    name = f"{item.id}-0_ack_000000001.edi"
    assert documents.outbox() == {name: ANSWER.format(control=1, group=1).encode()}
    assert item.state is State.LOADED
    told = {"place": 0, "kinds": ["997"], "control": "1", "file": name}
    assert item.facts["answered_by"] == [told]
    assert (item.facts["interchanges"], item.facts["answers"], item.facts["unanswered"]) == (1, 1, [])
    [waiting] = documents.ledger.items.list("acme_edi__outbox")
    assert (waiting.state, waiting.path, waiting.facts["to"]) == (State.DISCOVERED, name, f"/inbound/edi/{name}.gpg")
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name)


def test_an_answer_is_owed_until_it_is_delivered_and_settled(documents: Documents) -> None:
    documents.through(one())
    assert documents.owed() == ["7"]
    documents.deliver()
    assert documents.owed() == ["7"]
    assert [item.state for item in documents.settle()] == [State.ARCHIVED]
    assert documents.owed() == []
    assert documents.settle() == []


def test_all_that_waits_is_answered_the_oldest_first(documents: Documents) -> None:
    ids = [documents.land(one(control), f"{control}.edi.gpg") for control in (7, 8, 9)]
    documents.parse(*ids)
    assert [item.id for item in documents.answer()] == ids
    assert [name.split("_")[-1] for name in documents.outbox()] == ["000000001.edi", "000000002.edi", "000000003.edi"]


def test_several_interchanges_in_one_document_are_answered_by_a_file_each(documents: Documents) -> None:
    wrong = one(9).replace(b"IEA*1", b"IEA*4")
    item = documents.through(one(7) + b"\r\n" + wrong + one(8, asked="1"))
    files = documents.outbox()
    assert [*files] == [f"{item.id}-{place}_ack_{place + 1:09d}.edi" for place in range(3)]
    first, second, third = files.values()
    assert first == ANSWER.format(control=1, group=1).encode()
    assert second == (HEAD + "TA1*000000009*260102*0304*R*021~IEA*0*{control:09d}~").format(control=2).encode()
    ta1 = "TA1*000000008*260102*0304*A*000~"
    assert third == (HEAD + ta1 + FA).format(control=3, group=2).encode()
    assert [entry["kinds"] for entry in item.facts["answered_by"]] == [["997"], ["TA1"], ["TA1", "997"]]
    assert item.state is State.LOADED


def test_partners_in_one_document_have_numbers_of_their_own(tmp_path: Path) -> None:
    documents = Documents(tmp_path, agreement={"partners": ["ZZ:ACME", "ZZ:BETA"]})
    item = documents.through(one(7) + one(7, sender="BETA"))
    second = ANSWER.format(control=1, group=1).replace("ACME           *251105", "BETA           *251105")
    assert [*documents.outbox().items()] == [
        (f"{item.id}-0_ack_000000001.edi", ANSWER.format(control=1, group=1).encode()),
        (f"{item.id}-1_ack_000000001.edi", second.encode()),
    ]


def test_edifact_is_answered_by_contrl(documents: Documents) -> None:
    item = documents.through(ORDERS.format(control="REF7").encode())
    told = b"UNB+UNOA:3+HUB:14+ACME:14+251105:0045+1'UNH+1+CONTRL:D:3:UN'UCI+REF7+ACME:14+HUB:14+7'UNT+3+1'UNZ+1+1'"
    assert documents.outbox() == {f"{item.id}-0_contrl_1.edi": told}


def test_999_where_it_is_agreed_upon(tmp_path: Path) -> None:
    documents = Documents(tmp_path, agreement={"functional": "999"})
    documents.through(one())
    [data] = documents.outbox().values()
    assert b"~ST*999*0001*005010X231A1~AK1*PO*12*004010~AK2*850*0001~IK5*A~AK9*A*1*1*1~SE*6*0001~" in data


def test_a_document_of_refused_sets_alone_goes_to_quarantine_and_one_of_some_does_not(documents: Documents) -> None:
    bad = order("0001", BEG).replace("SE*3", "SE*9")
    alone = documents.through(stream(bad))
    assert (alone.state, alone.reason) == (State.QUARANTINED, "edi_rejected")
    assert alone.detail
    assert "interchanges=1, duplicates=0, answers=1" in alone.detail
    some = documents.through(stream(bad, order("0002", BEG), control="000000008"), "some.edi.gpg")
    assert some.state is State.LOADED


def test_an_acknowledgement_is_not_answered_and_goes_on(documents: Documents) -> None:
    item = documents.through(OF_997)
    assert (item.state, item.facts["answers"], item.facts["unanswered"]) == (State.LOADED, 0, [])
    ta1 = f"{isa('000000008')}TA1*000000001*260102*0304*A*000~IEA*0*000000008~".encode()
    assert documents.through(ta1, "ta1.edi.gpg").state is State.LOADED
    assert documents.outbox() == {}
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 0


def test_a_sender_without_a_name_is_not_answered_and_that_is_told(
    documents: Documents, caplog: pytest.LogCaptureFixture
) -> None:
    item = documents.through(one(sender=""))
    assert (item.state, item.reason) == (State.QUARANTINED, "edi_rejected")
    assert item.facts["unanswered"] == [{"place": 0, "control": "7"}]
    assert documents.outbox() == {}
    assert "nothing agreed upon tells its sender" in caplog.text
    assert documents.owed() == []


def test_trap_control_wrap_goes_on_with_1_after_the_highest(documents: Documents) -> None:
    for level in Level:
        documents.ledger.control_numbers.continue_after(OURS, level, 999_999_998, who="t", why="another system before")
    group = f"{GS}{order('0001', BEG)}GE*1*12~"
    other = group.replace("ACMEAPP", "OTHERAPP").replace("*12", "*13")
    item = documents.through(f"{isa()}{group}{other}IEA*2*000000007~".encode())
    [(name, data)] = documents.outbox().items()
    assert name == f"{item.id}-0_ack_999999999.edi"
    assert re.findall(rb"~GS\*.*?\*(\d+)\*X", data) == [b"999999999", b"1"]
    documents.through(one(8), "next.edi.gpg")
    assert documents.outbox()[sorted(documents.outbox(), key=len)[-1]]
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 1
    assert documents.ledger.control_numbers.last(OURS, Level.GROUP) == 2


def test_usages_have_lines_of_their_own(tmp_path: Path) -> None:
    documents = Documents(tmp_path, agreement={"usage": "T"})
    documents.through(one(usage="T"))
    [data] = documents.outbox().values()
    assert data.split(b"*")[15] == b"T"
    assert documents.ledger.control_numbers.last(Pair("x12", "ZZ:HUB", "ZZ:ACME", "T"), Level.INTERCHANGE) == 1
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 0


def test_a_document_that_was_changed_in_bronze_is_not_answered(documents: Documents) -> None:
    item_id = documents.land(one())
    documents.parse(item_id)
    path = Path((documents.root / documents.ledger.items.get(item_id).facts["folder"] / "document").path)
    path.chmod(0o600)
    path.write_bytes(one().replace(b"PO1", b"PO2"))
    with pytest.raises(StateConflictError, match="changed after it was written"):
        documents.answer(item_id)
    assert documents.outbox() == {}
