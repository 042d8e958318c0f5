"""The step that acknowledges what was parsed, over a real ledger: what waits in the outbox, under which name and number."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.core.errors import ClaimLostError, StateConflictError, TransientError
from airflow_provider_integrations.core.interchange import Level, Pair
from airflow_provider_integrations.core.work_item import State
from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.x12_streams import BEG, GS, isa, order, stream

OURS = Pair("x12", "ZZ:HUB", "ZZ:ACME")
ORDERS = "UNB+UNOA:3+ACME:14+HUB:14+260102:0304+{control}'UNH+1+ORDERS:D:96A:UN'BGM+220+PO1+9'UNT+3+1'UNZ+1+{control}'"
HEAD = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'HUB':15}*ZZ*{'ACME':15}*251105*0045*U*00401*{{control:09d}}*0*P*>~"
"""The clock stands at 2025-11-05 06:30 at +05:45."""
SETS = "ST*997*0001~AK1*PO*12~AK2*850*0001~AK5*A~AK9*A*1*1*1~SE*6*0001~"
FA = "GS*FA*HUBAPP*ACMEAPP*20251105*0045*{group}*X*004010~" + SETS + "GE*1*{group}~IEA*1*{control:09d}~"
ANSWER = HEAD + FA
TOLD_025 = HEAD + "TA1*000000007*260102*0304*R*025~IEA*0*{control:09d}~"
OF_997 = f"{isa()}{GS.replace('PO', 'FA')}ST*997*0001~AK1*PO*1~AK9*A*1*1*1~SE*4*0001~GE*1*12~IEA*1*000000007~".encode()


def one(control: int = 7, **header: str) -> bytes:
    return stream(order("0001", BEG), control=f"{control:09d}", **header)


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return Documents(tmp_path)


def through(documents: Documents, data: bytes, name: str = "one.edi.gpg") -> Any:
    item_id = documents.land(data, name)
    documents.parse(item_id)
    [item] = documents.answer(item_id)
    return item


def owed(documents: Documents) -> list[str]:
    return [received.control for received in documents.ledger.interchanges.owed_by_us()]


def test_an_interchange_is_answered_by_one_file_named_by_its_delivery_and_number(documents: Documents) -> None:
    item = through(documents, one())
    name = f"{item.id}-0_ack_000000001.edi"
    assert documents.outbox() == {name: ANSWER.format(control=1, group=1).encode()}
    assert item.state is State.LOADED
    told = {"place": 0, "kinds": ["997"], "control": "1", "file": name}
    assert item.facts["answered_by"] == [told]
    assert (item.facts["interchanges"], item.facts["answers"], item.facts["unanswered"]) == (1, 1, [])
    [waiting] = documents.ledger.items.list("acme_edi__outbox")
    assert (waiting.state, waiting.path) == (State.DISCOVERED, f"/inbound/edi/{name}")
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name)


def test_an_answer_is_owed_until_it_is_delivered_and_settled(documents: Documents) -> None:
    through(documents, one())
    assert owed(documents) == ["7"]
    documents.deliver()
    assert owed(documents) == ["7"]
    assert [item.state for item in documents.settle()] == [State.ARCHIVED]
    assert owed(documents) == []
    assert documents.settle() == []


def test_another_day_gives_the_same_answer(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    item_id = documents.land(one())
    documents.parse(item_id)

    def stop(name: str) -> None:
        if name == "numbers drawn":
            raise KeyboardInterrupt

    documents.boundary = stop
    with pytest.raises(KeyboardInterrupt):
        documents.answer(item_id)
    documents.boundary = lambda _: None
    documents.clock.step(days=3)
    documents.answer(item_id)
    assert [*documents.outbox().values()] == [ANSWER.format(control=1, group=1).encode()]
    through(documents, one(8), "two.edi.gpg")
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 2


def test_a_second_run_finds_nothing_to_do(documents: Documents) -> None:
    item = through(documents, one())
    assert documents.answer() == []
    assert documents.answer(item.id) == [item]
    assert len(documents.outbox()) == 1


def test_all_that_waits_is_answered_the_oldest_first(documents: Documents) -> None:
    ids = [documents.land(one(control), f"{control}.edi.gpg") for control in (7, 8, 9)]
    documents.parse(*ids)
    assert [item.id for item in documents.answer()] == ids
    assert [name.split("_")[-1] for name in documents.outbox()] == ["000000001.edi", "000000002.edi", "000000003.edi"]


def test_several_interchanges_in_one_document_are_answered_by_a_file_each(documents: Documents) -> None:
    wrong = one(9).replace(b"IEA*1", b"IEA*4")
    item = through(documents, one(7) + b"\r\n" + wrong + one(8, asked="1"))
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
    item = through(documents, one(7) + one(7, sender="BETA"))
    second = ANSWER.format(control=1, group=1).replace("ACME           *251105", "BETA           *251105")
    assert [*documents.outbox().items()] == [
        (f"{item.id}-0_ack_000000001.edi", ANSWER.format(control=1, group=1).encode()),
        (f"{item.id}-1_ack_000000001.edi", second.encode()),
    ]


def test_edifact_is_answered_by_contrl(documents: Documents) -> None:
    item = through(documents, ORDERS.format(control="REF7").encode())
    told = b"UNB+UNOA:3+HUB:14+ACME:14+251105:0045+1'UNH+1+CONTRL:D:3:UN'UCI+REF7+ACME:14+HUB:14+7'UNT+3+1'UNZ+1+1'"
    assert documents.outbox() == {f"{item.id}-0_contrl_1.edi": told}


def test_999_where_it_is_agreed_upon(tmp_path: Path) -> None:
    documents = Documents(tmp_path, agreement={"functional": "999"})
    through(documents, one())
    [data] = documents.outbox().values()
    assert b"~ST*999*0001*005010X231A1~AK1*PO*12*004010~AK2*850*0001~IK5*A~AK9*A*1*1*1~SE*6*0001~" in data


def test_a_duplicate_delivery_is_told_so_under_a_number_of_its_own(documents: Documents) -> None:
    first = through(documents, one())
    documents.clock.step(minutes=1)
    again = through(documents, one(), "again.edi.gpg")
    assert (again.state, again.reason) == (State.QUARANTINED, "duplicate_interchange")
    files = documents.outbox()
    assert [*files] == [f"{first.id}-0_ack_000000001.edi", f"{again.id}-0_ack_000000002.edi"]
    assert files[f"{again.id}-0_ack_000000002.edi"] == TOLD_025.format(control=2).replace("*0045*", "*0046*").encode()
    assert (documents.root / again.facts["kept"] / "reason.json").exists()
    documents.deliver()
    documents.settle()
    assert owed(documents) == []


def test_a_duplicate_edifact_delivery_is_told_4_and_26(documents: Documents) -> None:
    through(documents, ORDERS.format(control="7").encode())
    item = through(documents, ORDERS.format(control="7").encode(), "again.edi.gpg")
    assert b"'UCI+7+ACME:14+HUB:14+4+26+UNB+6'" in documents.outbox()[f"{item.id}-0_contrl_2.edi"]
    assert item.reason == "duplicate_interchange"


def test_what_was_refused_and_is_sent_again_is_no_duplicate_and_gets_its_own_answer(documents: Documents) -> None:
    wrong = through(documents, one().replace(b"IEA*1", b"IEA*2"))
    assert (wrong.state, wrong.reason) == (State.QUARANTINED, "edi_rejected")
    right = through(documents, one(), "again.edi.gpg")
    assert right.state is State.LOADED
    assert [name[-13:-4] for name in documents.outbox()] == ["000000001", "000000002"]


def test_a_document_of_refused_sets_alone_goes_to_quarantine_and_one_of_some_does_not(documents: Documents) -> None:
    bad = order("0001", BEG).replace("SE*3", "SE*9")
    alone = through(documents, stream(bad))
    assert (alone.state, alone.reason) == (State.QUARANTINED, "edi_rejected")
    assert alone.detail
    assert "interchanges=1, duplicates=0, answers=1" in alone.detail
    some = through(documents, stream(bad, order("0002", BEG), control="000000008"), "some.edi.gpg")
    assert some.state is State.LOADED


def test_an_acknowledgement_is_not_answered_and_goes_on(documents: Documents) -> None:
    item = through(documents, OF_997)
    assert (item.state, item.facts["answers"], item.facts["unanswered"]) == (State.LOADED, 0, [])
    ta1 = f"{isa('000000008')}TA1*000000001*260102*0304*A*000~IEA*0*000000008~".encode()
    assert through(documents, ta1, "ta1.edi.gpg").state is State.LOADED
    assert documents.outbox() == {}
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 0


def test_a_sender_without_a_name_is_not_answered_and_that_is_told(
    documents: Documents, caplog: pytest.LogCaptureFixture
) -> None:
    item = through(documents, one(sender=""))
    assert (item.state, item.reason) == (State.QUARANTINED, "edi_rejected")
    assert item.facts["unanswered"] == [{"place": 0, "control": "7"}]
    assert documents.outbox() == {}
    assert "nothing that is agreed upon tells its sender" in caplog.text
    assert owed(documents) == []


def test_trap_control_wrap_goes_on_with_1_after_the_highest(documents: Documents) -> None:
    for level in Level:
        documents.ledger.control_numbers.continue_after(OURS, level, 999_999_998, who="t", why="another system before")
    group = f"{GS}{order('0001', BEG)}GE*1*12~"
    other = group.replace("ACMEAPP", "OTHERAPP").replace("*12", "*13")
    item = through(documents, f"{isa()}{group}{other}IEA*2*000000007~".encode())
    [(name, data)] = documents.outbox().items()
    assert name == f"{item.id}-0_ack_999999999.edi"
    assert re.findall(rb"~GS\*.*?\*(\d+)\*X", data) == [b"999999999", b"1"]
    through(documents, one(8), "next.edi.gpg")
    assert documents.outbox()[sorted(documents.outbox(), key=len)[-1]]
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 1
    assert documents.ledger.control_numbers.last(OURS, Level.GROUP) == 2


def test_usages_have_lines_of_their_own(tmp_path: Path) -> None:
    documents = Documents(tmp_path, agreement={"usage": "T"})
    through(documents, one(usage="T"))
    [data] = documents.outbox().values()
    assert data.split(b"*")[15] == b"T"
    assert documents.ledger.control_numbers.last(Pair("x12", "ZZ:HUB", "ZZ:ACME", "T"), Level.INTERCHANGE) == 1
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 0


def replayed(documents: Documents, data: bytes, request: str) -> Any:
    day = documents.clock().date()
    [item] = documents.ledger.items.replay("acme_edi", datetime(2025, 1, 1).date(), day, request=request, who="test")
    documents.land_item(item, data)
    documents.parse(item.id)
    [item] = documents.answer(item.id)
    return item


@pytest.mark.parametrize("delivered", [False, True])
def test_a_replay_is_answered_by_what_was_answered_before(documents: Documents, delivered: bool) -> None:
    through(documents, one())
    before = documents.outbox()
    if delivered:
        documents.deliver()
        documents.settle()
    for request in ("r1", "r2"):
        documents.clock.step(days=1)
        item = replayed(documents, one(), request)
        assert item.state is State.LOADED
        assert item.facts["answered_by"][0]["file"] in before
    assert documents.outbox() == before
    documents.deliver()
    documents.settle()
    assert owed(documents) == []
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 1


def test_a_release_under_another_agreement_leaves_what_the_partner_was_told(tmp_path: Path) -> None:
    documents = Documents(tmp_path, agreement={"partners": ["ZZ:BETA"]})
    item = through(documents, one())
    assert (item.state, item.reason) == (State.QUARANTINED, "edi_rejected")
    before = documents.outbox()
    documents.agreement = {}
    documents.land_item(documents.ledger.items.release(item.id, who="test", why="a partner after all"), one())
    documents.parse(item.id)
    [item] = documents.answer(item.id)
    assert item.state is State.LOADED
    assert documents.outbox() == before
    documents.deliver()
    documents.settle()
    assert owed(documents) == []


def test_guides_that_changed_since_parsing_stop_the_answer(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    good, bad = documents.land(one(7), "7.edi.gpg"), documents.land(one(8, sender="BETA"), "8.edi.gpg")
    documents.parse(good, bad)
    documents.agreement = {"partners": ["ZZ:ACME", "ZZ:BETA"]}
    with pytest.raises(StateConflictError, match="judged otherwise than when it was parsed"):
        documents.answer(good, bad)
    assert [documents.ledger.items.get(each).state for each in (good, bad)] == [State.LOADED, State.GATED]
    documents.agreement = {}
    assert [item.state for item in documents.answer()] == [State.QUARANTINED]


def test_a_document_that_was_changed_in_bronze_is_not_answered(documents: Documents) -> None:
    item_id = documents.land(one())
    documents.parse(item_id)
    path = Path((documents.root / documents.ledger.items.get(item_id).facts["folder"] / "document").path)
    path.chmod(0o600)
    path.write_bytes(one().replace(b"PO1", b"PO2"))
    with pytest.raises(StateConflictError, match="changed after it was written"):
        documents.answer(item_id)
    assert documents.outbox() == {}


def test_an_item_of_another_worker_is_waited_for(documents: Documents) -> None:
    item_id = documents.land(one())
    documents.parse(item_id)
    assert documents.ledger.items.claim(item_id, "another", states=[State.GATED], lease=documents.job().lease)
    with pytest.raises(TransientError, match="claimed by another worker"):
        documents.answer(item_id)
    documents.clock.step(minutes=3)
    assert [item.state for item in documents.answer(item_id)] == [State.LOADED]


def test_a_worker_that_slept_through_its_lease_changes_nothing(documents: Documents) -> None:
    item_id = documents.land(one())
    documents.parse(item_id)

    def sleep(name: str) -> None:
        if name == "numbers drawn":
            documents.boundary = lambda _: None
            documents.clock.step(minutes=3)
            documents.owner = "another"
            assert [item.state for item in documents.answer(item_id)] == [State.LOADED]

    documents.boundary = sleep
    with pytest.raises(ClaimLostError):
        documents.answer(item_id)
    assert [*documents.outbox().values()] == [ANSWER.format(control=1, group=1).encode()]
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 1
