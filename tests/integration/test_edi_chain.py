"""EDI from end to end on OpenSSH, GnuPG and a warehouse: what comes is loaded and acknowledged, what goes out is settled."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from airflow_provider_integrations.core.work_item import State, WorkItem
from tests.fakes.edi_partner import BAD, DAY, GOOD, EdiPartner, acknowledgement, order_document, release_order, segments
from tests.fakes.fakesnow_server import Warehouse

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

MakePartner = Callable[..., EdiPartner]
ORDERS = order_document(17, GOOD, BAD)


def rows(warehouse: Warehouse, table: str, *columns: str) -> list[tuple[object, ...]]:
    names = ", ".join(f'"{column.upper()}"' for column in columns)
    return sorted(warehouse.rows(f'SELECT {names} FROM {{db}}.SILVER."{table}"'), key=str)


def document_items(partner: EdiPartner) -> dict[str, WorkItem]:
    return {item.name: item for item in partner.chain.ledger().items.list("acme_edi", limit=None)}


def test_two_sets_of_which_one_is_bad(make_edi_partner: MakePartner, warehouse: Warehouse) -> None:
    partner = make_edi_partner()
    name = partner.send(1, ORDERS)
    partner.run_inbound()

    assert rows(warehouse, "EDI_ORDERS", "order_number") == [("4500012345",)]
    lines = rows(warehouse, "EDI_ORDER_LINES", "line_number", "quantity", "unit", "vendor_part")
    assert [(line, float(str(quantity)), *rest) for line, quantity, *rest in lines] == [
        ("1", 12.0, "EA", "A-100"),
        ("2", 1.5, "LB", "B-7"),
    ]
    [good, bad] = rows(warehouse, "EDI_SETS", "set_control", "set_id", "verdict", "findings")
    assert good == ("0001", "850", "accepted", None)
    assert bad[:3] == ("0002", "850", "rejected")
    assert {finding["segment"] for finding in json.loads(str(bad[3]))} == {"BEG", "PO1"}

    [answer] = partner.received().values()
    said = segments(answer)
    assert said[0].split("*")[6].rstrip() == "HUB", "from us"
    assert said[2:-2] == [
        "ST*997*0001",
        "AK1*PO*17",
        "AK2*850*0001",
        "AK5*A",
        "AK2*850*0002",
        "AK3*BEG*2**8",
        "AK4*1*353*7*99",
        "AK3*PO1*3*PO1*8",
        "AK4*2*330*6*1O",
        "AK5*R*5",
        "AK9*P*2*2*1",
        said[-3],
    ]
    item = document_items(partner)[name]
    assert (item.state, item.reason) == (State.ARCHIVED, None)
    ledger = partner.chain.ledger()
    assert ledger.interchanges.owed_by_us() == []
    left = [one for one in ledger.items.list(limit=None) if one.state is not State.ARCHIVED]
    assert left == [], "every item, of rows and answers too, is at its end"
    assert list((partner.server / "inbox").iterdir()) == []


def test_the_same_document_again_gets_a_ta1_025_and_no_row(make_edi_partner: MakePartner, warehouse: Warehouse) -> None:
    partner = make_edi_partner()
    partner.send(1, ORDERS)
    partner.run_inbound()
    before = {
        table: rows(warehouse, table, "document", "_batch_id")
        for table in ("EDI_ORDERS", "EDI_ORDER_LINES", "EDI_SETS")
    }
    answers = partner.received()
    name = partner.send(2, ORDERS)
    partner.run_inbound()

    item = document_items(partner)[name]
    assert (item.state, item.reason) == (State.QUARANTINED, "duplicate_interchange")
    assert item.facts["moved_to"].startswith("/quarantine/")
    [new] = [data for file, data in partner.received().items() if file not in answers]
    assert segments(new)[1].split("*")[:2] == ["TA1", "000000017"]
    assert segments(new)[1].split("*")[4:] == ["R", "025"]
    assert not any(segment.startswith("AK") for segment in segments(new))
    assert {table: rows(warehouse, table, "document", "_batch_id") for table in before} == before
    assert partner.chain.ledger().interchanges.owed_by_us() == []

    partner.run_inbound()
    assert len(partner.received()) == 2, "a run with nothing to do says nothing"


def test_an_order_of_ours_is_settled_by_the_partners_997(make_edi_partner: MakePartner, warehouse: Warehouse) -> None:
    partner = make_edi_partner()
    release_order(warehouse, partner.include, "4700000001")
    partner.run_outbound()
    [(name, document)] = partner.received().items()
    sent = segments(document)
    assert "BEG*00*SA*4700000001**20260102" in sent
    ledger = partner.chain.ledger()
    owed = ledger.interchanges.owed_to_us()
    assert [(one.level.value, one.status.value) for one in owed] == [("group", "pending")]
    [group] = [segment.split("*") for segment in sent if segment.startswith("GS*")]

    partner.send(1, acknowledgement(31, group[6]))
    partner.run_inbound()
    assert ledger.interchanges.owed_to_us() == []
    assert [event.event for event in ledger.interchanges.history(owed[0])][-1] == "acknowledged"
    assert ledger.interchanges.unmatched() == []
    assert list(partner.received()) == [name], "an acknowledgement is not acknowledged"
    [item] = document_items(partner).values()
    assert item.state is State.ARCHIVED

    partner.run_outbound()
    assert list(partner.received()) == [name], "an order goes out once"


def test_a_document_that_was_tampered_with_is_kept_aside_and_not_answered(
    make_edi_partner: MakePartner, warehouse: Warehouse
) -> None:
    partner = make_edi_partner()
    bad = partner.send(1, ORDERS, change=lambda message: message[:300] + bytes([message[300] ^ 1]) + message[301:])
    good = partner.send(2, order_document(18, GOOD))
    partner.run_inbound()
    items = document_items(partner)
    assert (items[bad].state, items[bad].reason) == (State.QUARANTINED, "integrity_failed")
    assert items[good].state is State.ARCHIVED, "one bad file stops nothing else"
    [answer] = partner.received().values()
    assert "AK1*PO*18" in segments(answer)
    assert rows(warehouse, "EDI_ORDERS", "interchange_control") == [("000000018",)]
    [aside] = (partner.server / "quarantine").rglob("*.gpg")
    assert aside.name.endswith(bad)


def test_a_stranger_in_the_envelope_is_refused_and_told(make_edi_partner: MakePartner) -> None:
    """Sealed by the partner, but as somebody else: agreed upon with nobody."""
    partner = make_edi_partner()
    name = partner.send(1, order_document(19, GOOD, sender="EVIL"))
    partner.run_inbound()
    item = document_items(partner)[name]
    assert (item.state, item.reason) == (State.QUARANTINED, "edi_rejected")
    [answer] = partner.received().values()
    assert segments(answer)[1].split("*")[4:] == ["R", "006"]
    assert segments(answer)[0].split("*")[8].rstrip() == "EVIL"


def test_an_edifact_order_is_answered_by_contrl(make_edi_partner: MakePartner, warehouse: Warehouse) -> None:
    partner = make_edi_partner(ours=["14:HUB"], partners=["14:ACME"])
    body = "BGM+220+4500012345+9'DTM+137:20260102:102'NAD+BY+5412345000013::9'LIN+1++A-100:SA'QTY+21:12'UNS+S'"
    good = f"UNH+1+ORDERS:D:96A:UN'{body}UNT+8+1'"
    bad = "UNH+2+ORDERS:D:96A:UN'DTM+137:20260102:102'UNS+S'UNT+4+2'"
    name = partner.send(1, f"UNB+UNOA:3+ACME:14+HUB:14+260102:0304+R17'{good}{bad}UNZ+2+R17'".encode())
    partner.run_inbound()
    assert document_items(partner)[name].state is State.ARCHIVED
    assert rows(warehouse, "EDI_EDIFACT_ORDERS", "set_control") == [("1",)]
    assert rows(warehouse, "EDI_SETS", "set_control", "verdict") == [("1", "accepted"), ("2", "rejected")]
    [answer] = partner.received().values()
    said = [segment.split("+") for segment in answer.decode().split("'")]
    assert [one for one in said if one[0] in ("UCI", "UCM")] == [
        ["UCI", "R17", "ACME:14", "HUB:14", "7"],  # what is not named below is accepted
        ["UCM", "2", "ORDERS:D:96A:UN", "4"],
    ]


def test_a_replay_gives_no_second_row_and_no_second_answer(make_edi_partner: MakePartner, warehouse: Warehouse) -> None:
    partner = make_edi_partner(guides=["x12_850"])
    partner.send(1, ORDERS)
    partner.run_inbound()
    answers, keys = partner.received(), ("document", "set_number")
    before = {table: rows(warehouse, table, *keys) for table in ("EDI_ORDERS", "EDI_ORDER_LINES")}
    verdicts = rows(warehouse, "EDI_SETS", "set_number", "verdict")
    partner.run_inbound(replay=(DAY, DAY, "again"))
    items = partner.chain.ledger().items.list("acme_edi", limit=None)
    assert sorted(item.state for item in items) == [State.ARCHIVED, State.ARCHIVED]
    assert {table: rows(warehouse, table, *keys) for table in before} == before
    # A replay also says of groups and interchanges that they are not refused any more; their numbers are below 0.
    assert [one for one in rows(warehouse, "EDI_SETS", "set_number", "verdict") if int(str(one[0])) > 0] == verdicts
    assert partner.received() == answers
    assert partner.chain.ledger().interchanges.owed_by_us() == []


def test_a_refused_document_is_released_when_the_agreement_is_mended(
    make_edi_partner: MakePartner, warehouse: Warehouse
) -> None:
    """Its rows come; what its sender was told first stands."""
    partner = make_edi_partner(guides=["x12_850"])
    name = partner.send(1, order_document(19, GOOD, sender="ACME2"))
    partner.run_inbound()
    item = document_items(partner)[name]
    assert (item.state, item.reason) == (State.QUARANTINED, "edi_rejected")
    answers = partner.received()
    partner.agree(partners=["ZZ:ACME", "ZZ:ACME2"])
    partner.chain.ledger().items.release(item.id, who="test", why="they have a second identity")
    partner.run_inbound()
    assert document_items(partner)[name].state is State.ARCHIVED
    assert rows(warehouse, "EDI_ORDERS", "order_number", "sender") == [("4500012345", "ZZ/ACME2")]
    assert {verdict for (verdict,) in rows(warehouse, "EDI_SETS", "verdict")} == {"accepted"}
    assert partner.received() == answers
    assert partner.chain.ledger().interchanges.owed_by_us() == []
