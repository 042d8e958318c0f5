"""Documents of both syntaxes, of cut off interchanges and of garbage, taken in whole: nothing goes untold."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from airflow_provider_integrations.core.work_item import State, WorkItem
from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.test_inbound import GOOD, MESSAGE, parsed, rows
from tests.unit.connectors.edi.x12_streams import GS, isa, stream

UNB = f"UNB+UNOC:3+ACME:14+HUB:14+260102:0304+7'{MESSAGE}UNZ+1+7'".encode()
X12 = stream(GOOD)


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return Documents(tmp_path, guides=("x12_850", "edifact_orders_d96a"))


def answered(documents: Documents, data: bytes) -> WorkItem:
    item = parsed(documents, data)
    [item] = documents.answer(item.id)
    return item


@pytest.mark.parametrize("data", [X12 + UNB, UNB + X12, X12 + b"\r\n" + UNB + b"\r\n"])
def test_a_document_of_both_syntaxes_gives_the_rows_and_the_answers_of_both(documents: Documents, data: bytes) -> None:
    item = answered(documents, data)
    assert item.state is State.LOADED
    assert item.facts["outside"] == {"runs": 0, "bytes": 0}
    assert sorted(rows(documents, "sets", "interchange_control", "verdict")) == [
        ("000000007", "accepted"),
        ("7", "accepted"),
    ]
    assert set(item.facts["tables"]) > {"orders", "sets"}
    assert sorted(rows(documents, "sets", "set_number")) == [(1,), (2,)]
    assert sorted(one["kinds"][0] for one in item.facts["answered_by"]) == ["997", "CONTRL"]
    assert sorted(answer[:3] for answer in documents.outbox().values()) == [b"ISA", b"UNB"]


def test_garbage_between_interchanges_is_told_by_its_place_in_facts_and_log(
    documents: Documents, caplog: pytest.LogCaptureFixture
) -> None:
    data = b"first" + X12 + b"SECRET4711" + UNB
    with caplog.at_level(logging.WARNING):
        item = answered(documents, data)
    assert item.facts["outside_at"] == [[0, 5], [5 + len(X12), 10]]
    assert f"the 10 bytes from byte {5 + len(X12)} on belong to no interchange" in caplog.text
    assert "SECRET4711" not in caplog.text
    assert item.facts["answers"] == 2


@pytest.mark.parametrize("lost", [5, 18, 60])
def test_of_a_cut_off_interchange_and_the_next_each_has_its_entry_and_its_answer(
    documents: Documents, lost: int
) -> None:
    item = answered(documents, X12[:-lost] + stream(GOOD, control="000000008"))
    told = [(one["control"], one["verdict"]) for one in item.facts["judged"]]
    assert told == [("7", "rejected"), ("8", "accepted")]
    assert rows(documents, "orders", "interchange_control") == [("000000008",)]
    first, second = (documents.outbox()[one["file"]] for one in item.facts["answered_by"])
    assert b"TA1*000000007*260102*0304*R*023~" in first
    assert b"AK9*A*1*1*1~" in second


@pytest.mark.parametrize(("group", "name"), [("FA", "850"), ("PO", "997"), ("PO", "999X"), ("FA", "999X")])
def test_what_is_refused_for_its_group_is_answered(documents: Documents, group: str, name: str) -> None:
    head = isa() + GS.replace("GS*PO", f"GS*{group}")
    item = answered(documents, f"{head}{GOOD.replace('ST*850', f'ST*{name}')}GE*1*12~IEA*1*000000007~".encode())
    assert (item.state, item.facts["answers"], item.facts["unanswered"]) == (State.QUARANTINED, 1, [])
    [answer] = documents.outbox().values()
    assert f"AK1*{group}*12~AK2*{name[:3]}*0001~AK5*R*6~".encode() in answer


def test_an_order_after_a_997_in_its_group_is_taken_and_answered(documents: Documents) -> None:
    acknowledgement = "ST*997*0009~AK1*PO*1~AK9*A*1*1*1~SE*4*0009~"
    item = answered(documents, stream(acknowledgement, GOOD))
    assert (item.state, item.facts["sets"]) == (State.LOADED, {"accepted": 1, "refused": 1})
    [answer] = documents.outbox().values()
    assert b"AK2*997*0009~AK5*R*6~AK2*850*0001~AK5*A~AK9*P*2*2*1~" in answer
