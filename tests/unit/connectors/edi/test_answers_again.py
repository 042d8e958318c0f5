"""What comes again is answered as the first time or told so: reruns, other workers, duplicates, replays, releases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.edi.answers import answer_items
from airflow_provider_integrations.core.errors import ClaimLostError, StateConflictError, TransientError
from airflow_provider_integrations.core.interchange import Level
from airflow_provider_integrations.core.work_item import State
from tests.fakes.edi_documents import Documents
from tests.unit.connectors.edi.answered import ANSWER, ORDERS, OURS, TOLD_025, one
from tests.unit.connectors.edi.x12_streams import BEG, order, stream


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return Documents(tmp_path)


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
    documents.through(one(8), "two.edi.gpg")
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 2


def test_a_second_run_finds_nothing_to_do(documents: Documents) -> None:
    item = documents.through(one())
    assert documents.answer() == []
    assert documents.answer(item.id) == [item]
    assert len(documents.outbox()) == 1


def test_a_duplicate_delivery_is_told_so_under_a_number_of_its_own(documents: Documents) -> None:
    first = documents.through(one())
    documents.clock.step(minutes=1)
    again = documents.through(one(), "again.edi.gpg")
    assert (again.state, again.reason) == (State.QUARANTINED, "duplicate_interchange")
    files = documents.outbox()
    assert [*files] == [f"{first.id}-0_ack_000000001.edi", f"{again.id}-0_ack_000000002.edi"]
    assert files[f"{again.id}-0_ack_000000002.edi"] == TOLD_025.format(control=2).replace("*0045*", "*0046*").encode()
    assert (documents.root / again.facts["kept"] / "reason.json").exists()
    documents.deliver()
    documents.settle()
    assert documents.owed() == []


def test_a_duplicate_edifact_delivery_is_told_4_and_26(documents: Documents) -> None:
    documents.through(ORDERS.format(control="7").encode())
    item = documents.through(ORDERS.format(control="7").encode(), "again.edi.gpg")
    assert b"'UCI+7+ACME:14+HUB:14+4+26+UNB+6'" in documents.outbox()[f"{item.id}-0_contrl_2.edi"]
    assert item.reason == "duplicate_interchange"


def test_what_was_refused_and_is_sent_again_is_no_duplicate_and_gets_its_own_answer(documents: Documents) -> None:
    wrong = documents.through(one().replace(b"IEA*1", b"IEA*2"))
    assert (wrong.state, wrong.reason) == (State.QUARANTINED, "edi_rejected")
    right = documents.through(one(), "again.edi.gpg")
    assert right.state is State.LOADED
    assert [name[-13:-4] for name in documents.outbox()] == ["000000001", "000000002"]


def replayed(documents: Documents, data: bytes, request: str) -> Any:
    day = documents.clock().date()
    [item] = documents.ledger.items.replay("acme_edi", date(2025, 1, 1), day, request=request, who="test")
    documents.land_item(item, data)
    documents.parse(item.id)
    [item] = documents.answer(item.id)
    return item


@pytest.mark.parametrize("delivered", [False, True])
def test_a_replay_is_answered_by_what_was_answered_before(documents: Documents, delivered: bool) -> None:
    documents.through(one())
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
    assert documents.owed() == []
    assert documents.ledger.control_numbers.last(OURS, Level.INTERCHANGE) == 1


def test_what_was_answered_is_not_answered_again_elsewhere(documents: Documents) -> None:
    documents.through(one())
    documents.deliver()
    documents.settle()
    documents.folder_of_answers = "/moved"
    replayed(documents, one(), "r1")
    assert [item.facts["to"].split("/")[1] for item in documents.ledger.items.list("acme_edi__outbox")] == ["inbound"]


def test_a_release_under_another_agreement_leaves_what_the_partner_was_told(tmp_path: Path) -> None:
    documents = Documents(tmp_path, agreement={"partners": ["ZZ:BETA"]})
    item = documents.through(one())
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
    assert documents.owed() == []


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


def test_a_guide_that_accepts_other_sets_than_were_landed_stops_the_answer(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    item_id = documents.land(stream(order("0001", BEG), order("0002", BEG).replace("SE*3", "SE*9")))
    documents.parse(item_id)
    documents.guides = ("x12_850",)
    with pytest.raises(StateConflictError, match=r"accepted=0.*'accepted': 1"):
        documents.answer(item_id)
    assert documents.outbox() == {}


def test_an_interchange_twice_in_one_document_is_told_so(documents: Documents) -> None:
    item = documents.through(one() + one())
    assert [entry["kinds"] for entry in item.facts["answered_by"]] == [["997"], ["TA1"]]
    assert documents.outbox()[f"{item.id}-1_ack_000000002.edi"] == TOLD_025.format(control=2).encode()
    assert item.state is State.LOADED


def test_a_duplicate_that_was_released_is_taken_and_what_the_partner_was_told_stands(documents: Documents) -> None:
    documents.through(one())
    again = documents.through(one(), "again.edi.gpg")
    before = documents.outbox()
    documents.land_item(documents.ledger.items.release(again.id, who="test", why="another order"), one())
    documents.parse(again.id)
    [again] = documents.answer(again.id)
    assert again.state is State.LOADED
    assert documents.outbox() == before


def test_an_item_of_another_worker_is_waited_for(documents: Documents) -> None:
    item_id = documents.land(one())
    documents.parse(item_id)
    assert documents.ledger.items.claim(item_id, "another", states=[State.GATED], lease=documents.job().lease)
    with pytest.raises(TransientError, match="claimed by another worker"):
        documents.answer(item_id)
    documents.clock.step(minutes=3)
    assert [item.state for item in documents.answer(item_id)] == [State.LOADED]


def test_workers_at_once_answer_each_document_once(documents: Documents) -> None:
    ids = [documents.land(one(control), f"{control}.edi.gpg") for control in range(1, 7)]
    documents.parse(*ids)

    def work(owner: str) -> None:
        with suppress(TransientError):  # another one holds an item
            answer_items(replace(documents.job(), owner=owner))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, ("a", "b", "c")))
    assert {documents.ledger.items.get(item_id).state for item_id in ids} == {State.LOADED}
    assert sorted(name[33:] for name in documents.outbox()) == [f"0_ack_{number:09d}.edi" for number in range(1, 7)]


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
