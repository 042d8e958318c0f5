"""Answers where the agreement or the outbox is changed while a document is on its way: said once, and the account is right."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.work_item import State, WorkItem
from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.answered import ANSWER, ORDERS, one
from tests.unit.connectors.edi.x12_streams import BEG, GS, isa, order, stream

OURS = ANSWER.format(control=1, group=1).encode()


class Killed(BaseException):
    """Nothing but the test catches it."""


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return Documents(tmp_path)


def killed_at(documents: Documents, boundary: str, data: bytes | None = None) -> str:
    """A document that is parsed, and whose answering is killed; gives the item's id."""
    item_id = documents.land(one() if data is None else data)
    documents.parse(item_id)

    def stop(name: str) -> None:
        if name == boundary:
            raise Killed

    documents.boundary = stop
    with pytest.raises(Killed):
        documents.answer(item_id)
    documents.boundary = lambda _: None
    documents.clock.step(minutes=5)
    return item_id


def killed_before_the_item(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> str:
    """As `killed_at`, between the file in the outbox and its item."""

    def enter(*_: Any, **__: Any) -> None:
        raise Killed

    item_id = documents.land(one())
    documents.parse(item_id)
    with monkeypatch.context() as patch:
        patch.setattr(documents.ledger.items, "enter_once", enter)
        with pytest.raises(Killed):
            documents.answer(item_id)
    assert documents.outbox() == {}
    documents.clock.step(minutes=5)
    return item_id


def replayed(documents: Documents) -> WorkItem:
    day = documents.clock().date()
    [item] = documents.ledger.items.replay("acme_edi", date(2025, 1, 1), day, request="r", who="test")
    documents.land_item(item, one())
    documents.parse(item.id)
    [item] = documents.answer(item.id)
    return item


def waiting(documents: Documents) -> list[tuple[str, State]]:
    return [
        (item.facts["to"].rsplit("/", 1)[0], item.state) for item in documents.ledger.items.list("acme_edi__outbox")
    ]


def test_a_folder_that_is_changed_after_a_kill_sends_no_second_answer(documents: Documents) -> None:
    item_id = killed_at(documents, "answers enqueued")
    documents.folder_of_answers = "/elsewhere"
    [item] = documents.answer(item_id)
    assert item.state is State.LOADED
    assert waiting(documents) == [("/inbound/edi", State.DISCOVERED)]


def test_a_replay_after_a_change_of_the_folder_sends_no_second_answer(documents: Documents) -> None:
    documents.through(one())
    documents.folder_of_answers = "/elsewhere"
    item = replayed(documents)
    assert (item.state, item.facts["answers"]) == (State.LOADED, 1)
    assert waiting(documents) == [("/inbound/edi", State.DISCOVERED)]


def test_an_answer_that_waits_stands_when_another_kind_is_agreed_upon(documents: Documents) -> None:
    item_id = killed_at(documents, "answers enqueued")
    documents.agreement = {"functional": "999"}
    documents.folder_of_answers = "/elsewhere"
    [item] = documents.answer(item_id)
    assert (item.state, [*documents.outbox().values()]) == (State.LOADED, [OURS])
    [told] = item.facts["answered_by"]
    # It is not the one that is agreed upon now.
    assert (told["control"], told.get("kinds")) == ("1", None)


def test_bytes_that_a_killed_worker_kept_go_out_though_they_would_be_others_now(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    item_id = killed_before_the_item(documents, monkeypatch)
    documents.agreement = {"functional": "999"}
    [item] = documents.answer(item_id)
    assert (item.state, [*documents.outbox().values()]) == (State.LOADED, [OURS])
    assert len([*Path(documents.root.path).glob("outbox/**/*.edi")]) == 1
    documents.deliver()
    documents.settle()
    assert documents.owed() == []


@pytest.mark.parametrize(
    ("data", "changed"),
    [(one(), {"functional": "none"}), (ORDERS.format(control="7").encode(), {"contrl": False})],
    ids=["x12", "edifact"],
)
def test_nothing_is_owed_any_more_once_no_answer_is_agreed_upon(
    documents: Documents, data: bytes, changed: dict[str, Any]
) -> None:
    item_id = documents.land(data)
    documents.parse(item_id)
    assert documents.owed() == ["7"]
    documents.agreement = changed
    [item] = documents.answer(item_id)
    assert (item.state, item.facts["answers"], documents.outbox()) == (State.LOADED, 0, {})
    assert documents.owed() == []


def test_an_answer_that_waits_is_owed_though_none_is_agreed_upon_any_more(documents: Documents) -> None:
    item_id = killed_at(documents, "answers enqueued")
    documents.agreement = {"functional": "none"}
    [item] = documents.answer(item_id)
    assert (item.facts["answers"], item.facts["answered_by"][0]["control"]) == (1, "1")
    assert ([*documents.outbox().values()], documents.owed()) == ([OURS], ["7"])
    documents.deliver()
    documents.settle()
    assert documents.owed() == []


def test_numbers_that_were_drawn_for_an_answer_that_is_not_owed_any_more_send_nothing(documents: Documents) -> None:
    item_id = killed_at(documents, "numbers drawn")
    documents.agreement = {"functional": "none"}
    [item] = documents.answer(item_id)
    assert (item.facts["answers"], documents.outbox(), documents.owed()) == (0, {}, [])


def test_an_answer_that_is_agreed_upon_since_the_parsing_is_owed(tmp_path: Path) -> None:
    documents = Documents(tmp_path, agreement={"functional": "none"})
    item_id = documents.land(one())
    documents.parse(item_id)
    assert documents.owed() == []
    documents.agreement = {}
    documents.answer(item_id)
    assert ([*documents.outbox().values()], documents.owed()) == ([OURS], ["7"])


def test_sets_that_are_refused_and_nobody_is_told_of_are_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    documents = Documents(tmp_path, agreement={"functional": "none"})
    bad = order("0001", BEG).replace("SE*3", "SE*9")
    item = documents.through(stream(bad, order("0002", BEG)))
    assert (item.state, item.facts["unanswered"]) == (State.LOADED, [{"place": 0, "control": "7"}])
    assert "nothing agreed upon tells its sender" in caplog.text


def test_guides_that_take_another_set_of_the_document_stop_the_answer(tmp_path: Path) -> None:
    """As many are accepted as before, but the rows are those of the other one."""
    documents = Documents(tmp_path, guides=("x12_850",))
    bad_order = "ST*850*0001~BEG*QQ*SA*PO1**20260102~SE*3*0001~"
    bad_invoice = "ST*810*0002~BIG*20260102~SE*3*0002~"
    orders, invoices = (
        f"{GS}{bad_order}GE*1*12~",
        f"{GS.replace('PO', 'IN').replace('*12*', '*13*')}{bad_invoice}GE*1*13~",
    )
    item_id = documents.land(f"{isa()}{orders}{invoices}IEA*2*000000007~".encode())
    [parsed] = documents.parse(item_id)
    assert parsed.facts["sets"] == {"accepted": 1, "refused": 1}
    documents.guides = ("x12_810",)
    with pytest.raises(StateConflictError, match="sets are judged otherwise"):
        documents.answer(item_id)
    assert (documents.outbox(), documents.ledger.items.get(item_id).state) == ({}, State.GATED)
    documents.guides = ("x12_850",)
    [item] = documents.answer(item_id)
    [data] = documents.outbox().values()
    assert (item.state, b"AK2*850*0001~AK3" in data, b"AK2*810*0002~AK5*A~" in data) == (State.LOADED, True, True)


def test_a_message_that_fares_otherwise_stops_the_answer(tmp_path: Path) -> None:
    documents = Documents(tmp_path, guides=("edifact_orders_d96a",))
    order = "UNH+1+ORDERS:D:96A:UN'BGM+220+PO1+99999'UNT+3+1'"
    invoice = "UNH+2+INVOIC:D:96A:UN'BGM+380+PO1+99999'UNT+3+2'"
    item_id = documents.land(f"UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'{order}{invoice}UNZ+2+7'".encode())
    [parsed] = documents.parse(item_id)
    assert parsed.facts["sets"] == {"accepted": 1, "refused": 1}
    documents.guides = ("edifact_invoic_d96a",)
    with pytest.raises(StateConflictError, match="sets are judged otherwise"):
        documents.answer(item_id)


def test_guides_that_judge_all_the_same_answer_all_the_same(documents: Documents) -> None:
    item_id = documents.land(one())
    documents.parse(item_id)
    documents.guides = ("x12_810",)
    assert [item.state for item in documents.answer(item_id)] == [State.LOADED]
