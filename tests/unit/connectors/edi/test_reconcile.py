"""What partners' acknowledgements say of ours, read from acknowledgements that our own side writes and from odd ones."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.answering import answer
from airflow_provider_integrations.connectors.edi.documents import read_documents
from airflow_provider_integrations.connectors.edi.owed import owed
from airflow_provider_integrations.connectors.edi.reconcile import (
    ReconcileCode,
    ReconcileFinding,
    party,
    read_statements,
)
from airflow_provider_integrations.core.interchange import (
    Level,
    Pair,
    Received,
    Sent,
    SentStatus,
    SetStatement,
    Statement,
    addressed,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ISA = "ISA*00*          *00*          *ZZ*HUB            *ZZ*ACME           *260102*0304*U*00401*{}*1*P*>~"
GS = "GS*PO*HUB*ACME*20260102*0304*{}*X*004010~"
GOOD = "ST*850*0001~BEG*00*SA*PO-1**20260102~SE*3*0001~"
BAD = "ST*850*0002~BEG*00*SA*PO-2**20260102~SE*9*0002~"
OURS = Pair("x12", "ZZ:HUB", "ZZ:ACME")
EDIFACT = Pair("edifact", "14:HUB", "14:ACME")
ACCEPTED, PARTLY, REJECTED = SentStatus.ACCEPTED, SentStatus.PARTIALLY_ACCEPTED, SentStatus.REJECTED


def sent_x12(*groups: str, control: str = "000000017") -> bytes:
    body = "".join(
        f"{GS.format(number)}{sets}GE*{sets.count('ST*')}*{number}~" for number, sets in enumerate(groups, 5)
    )
    return f"{ISA.format(control)}{body}IEA*{len(groups)}*{control}~".encode("latin-1")


def answered(data: bytes, kind: str) -> bytes:
    [document] = read_documents([data])
    return b"".join(answer(document, kind, NOW, 23))


def read(data: bytes) -> tuple[list[Statement], list[ReconcileFinding]]:
    findings: list[ReconcileFinding] = []
    return list(read_statements([data], findings)), findings


@pytest.mark.parametrize("kind", ["997", "999"])
def test_each_group_gets_the_verdict_that_its_acknowledgement_tells(kind: str) -> None:
    statements, findings = read(answered(sent_x12(GOOD, GOOD + BAD, BAD), kind))
    technical, *groups = statements
    assert (technical.kind, technical.level, technical.control, technical.status) == (
        "TA1",
        Level.INTERCHANGE,
        "000000017",
        ACCEPTED,
    )
    refused = SetStatement("850", "0002", REJECTED, ("4",))
    assert [(one.kind, one.functional, one.control, one.status, one.sets) for one in groups] == [
        (kind, "PO", "5", ACCEPTED, ()),
        (kind, "PO", "6", PARTLY, (refused,)),
        (kind, "PO", "7", REJECTED, (refused,)),
    ]
    assert {one.pair for one in statements} == {OURS}
    assert findings == []


def test_ta1_position_before_gs_a_refused_interchange_is_one_word() -> None:
    [said] = read(answered(sent_x12(GOOD).replace(b"IEA*1*000000017", b"IEA*1*000000018"), "997"))[0]
    assert (said.kind, said.control, said.status, said.codes) == ("TA1", "000000017", REJECTED, ("001",))


def test_ak2_loop_optional_on_all_accepted_and_the_status_is_of_ak9() -> None:
    data = ISA.format("000000001") + GS.format(1).replace("PO", "FA") + "ST*997*0001~AK1*PO*5~AK9*{}*3*3*2*5~SE*4*0001~"
    for code, status in (("A", ACCEPTED), ("E", SentStatus.ACCEPTED_WITH_ERRORS), ("P", PARTLY), ("R", REJECTED)):
        statements, findings = read(data.format(code).encode())
        assert [(one.control, one.status, one.codes, one.sets) for one in statements] == [("5", status, ("5",), ())]
        assert findings == []
    for code in "MWX":
        assert read(data.format(code).encode())[0][0].status is REJECTED


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("ST*997*0001~AK1*PO*5~AK2*850*0001~AK5*A~SE*5*0001~", ReconcileCode.INCOMPLETE, 0),
        ("ST*997*0001~AK1*PO*5~AK2*850*0001~", ReconcileCode.INCOMPLETE, 0),
        ("ST*997*0001~AK1*PO*5~AK9*Q*1*1*1~SE*4*0001~", ReconcileCode.STATUS_UNKNOWN, 0),
        ("ST*997*0001~AK1*PO*5~AK2*850*0001~AK5*?~AK9*A*1*1*1~SE*6*0001~", ReconcileCode.STATUS_UNKNOWN, 1),
        ("ST*997*0001~AK1*PO*5~AK2*850*0001~AK5*R*5~AK9*A*1*1*1~SE*6*0001~", ReconcileCode.CONTRADICTION, 1),
        ("TA1*000000017*260102*0304*Z*000~", ReconcileCode.STATUS_UNKNOWN, 0),
        ("TA1~", ReconcileCode.INCOMPLETE, 0),
    ],
)
def test_what_is_no_verdict_is_a_finding_and_never_guessed(body: str, code: ReconcileCode, words: int) -> None:
    statements, findings = read((ISA.format("000000001") + body).encode())
    assert [one.code for one in findings] == [code]
    assert len(statements) == words
    assert all(one.status is PARTLY for one in statements if code is ReconcileCode.CONTRADICTION)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (f"ST*997*0001~AK1*PO*{'7' * 6000}~AK9*A*1*1*1~SE*4*0001~", []),
        (f"ST*997*0001~AK1*{'P' * 6000}*7~AK9*A*1*1*1~SE*4*0001~", []),
        (f"ST*997*0001~AK1*PO*7~AK9*R*1*1*1*{'5' * 6000}*1~SE*4*0001~", [("7", ("1",))]),
        (f"TA1*{'7' * 6000}*260102*0304*A*000~", []),
        ("ST*997*0001~AK1*PO*1234567890~AK9*A*1*1*1~SE*4*0001~AK1*PO*7~", []),
    ],
    ids=["AK102", "AK101", "AK905", "TA101", "ten digits"],
)
def test_what_is_longer_than_its_element_is_no_word_on_ours(
    body: str, words: list[tuple[str, tuple[str, ...]]]
) -> None:
    statements, findings = read((ISA.format("000000001") + body).encode())
    assert [(one.control, one.codes) for one in statements] == words
    assert [one.code for one in findings] == ([] if words else [ReconcileCode.CONTROL_INVALID])
    assert len(repr(findings)) < 200


def test_a_reference_of_contrl_may_have_35_characters_and_no_more() -> None:
    head = "UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'UNH+1+CONTRL:D:3:UN'UCI+{}+HUB:14+ACME:14+7'UNT+3+1'UNZ+1+7'"
    [said], _ = read(head.format("R" * 35).encode())
    assert said.control == "R" * 35
    statements, findings = read(head.format("R" * 36).encode())
    assert (statements, [one.code for one in findings]) == ([], [ReconcileCode.CONTROL_INVALID])


@pytest.mark.parametrize("name", ["850", "997"])
def test_a_ta1_within_a_set_acknowledges_nothing(name: str) -> None:
    """X12.5 section 6: TA1 stands between ISA and the first GS."""
    stray = f"ST*{name}*0001~TA1*000000017*260102*0304*A*000~SE*3*0001~"
    assert read((ISA.format("000000001") + GS.format(1) + stray).encode()) == ([], [])


def test_acknowledgements_without_parties_speak_of_nobody() -> None:
    data = ISA.format("000000001").replace("HUB ", "    ").encode() + b"TA1*000000017*260102*0304*A*000~"
    statements, findings = read(data)
    assert statements == []
    assert ReconcileCode.PARTIES_MISSING in {one.code for one in findings}


def test_do_not_ack_fa_other_sets_say_nothing() -> None:
    assert read(sent_x12(GOOD)) == ([], [])
    assert read(b"not EDI") == ([], [])


ORDERS = "UNH+{0}+ORDERS:D:96A:UN'BGM+220+1'UNT+{1}+{0}'"


def contrl(*messages: str, reference: str = "17", trailer: str = "17") -> bytes:
    data = f"UNB+UNOA:3+HUB:14+ACME:14+260102:0304+{reference}'{''.join(messages)}UNZ+{len(messages)}+{trailer}'"
    return answered(data.encode(), "CONTRL")


def test_contrl_names_only_what_is_refused() -> None:
    good, bad = ORDERS.format(1, 3), ORDERS.format(2, 9)
    [said], findings = read(contrl(good))
    assert (said.pair, said.control, said.status, said.sets) == (EDIFACT, "17", ACCEPTED, ())
    [said], _ = read(contrl(good, bad))
    assert (said.status, said.sets) == (PARTLY, (SetStatement("ORDERS", "2", REJECTED, ("29",)),))
    [said], _ = read(contrl(good, trailer="18"))
    assert (said.status, said.codes) == (REJECTED, ("28",))
    assert findings == []


def test_uci_0083_codes_4_7_8_for_interchange_and_groups() -> None:
    head = "UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'UNH+1+CONTRL:D:3:UN'"
    body = "UCI+17+HUB:14+ACME:14+7'UCF+5+A+B+4+12'UCF+6+A+B+7'UCM+1+ORDERS:D:96A:UN+4+12'UNT+6+1'UNZ+1+7'"
    statements, findings = read((head + body).encode())
    assert [(one.level, one.control, one.within, one.status, one.codes) for one in statements] == [
        (Level.GROUP, "5", "17", REJECTED, ("12",)),
        (Level.GROUP, "6", "17", PARTLY, ()),
        (Level.INTERCHANGE, "17", "", PARTLY, ()),
    ]
    assert findings == []
    [said], _ = read((head + "UCI+17+HUB:14+ACME:14+8'UNT+3+1'UNZ+1+7'").encode())
    assert said.status is SentStatus.RECEIVED
    assert [one.code for one in read((head + "UCI+17+HUB:14+ACME:14+5'UNT+3+1'").encode())[1]] == ["status_unknown"]
    assert [one.code for one in read((head + "UCI+17+HUB:14+ACME:14+7'").encode())[1]] == ["incomplete"]


def test_messages_beside_groups_are_told_with_the_interchange() -> None:
    head = "UNB+UNOA:3+ACME:14+HUB:14+260102:0304+7'UNH+1+CONTRL:D:3:UN'UCI+17+HUB:14+ACME:14+7'"
    group, whole = read(f"{head}UCM+9+ORDERS:D:96A:UN+4+12'UCF+5+A+B+7'UNT+5+1'UNZ+1+7'".encode())[0]
    assert (group.control, group.status, group.sets) == ("5", ACCEPTED, ())
    assert (whole.status, whole.sets) == (PARTLY, (SetStatement("ORDERS", "9", REJECTED, ("12",)),))


def test_released_characters_and_the_test_indicator_are_read() -> None:
    data = "UNB+UNOA:3+AC?+ME:14+HUB:14+260102:0304+7++++++1'UNH+1+CONTRL:D:3:UN'UCI+1?'7+B+A+7'UNT+3+1'UNZ+1+7'"
    [said], _ = read(data.encode())
    assert (said.pair.partner, said.pair.usage, said.control) == ("14:AC+ME", "T", "1'7")


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 30))
def test_any_bytes_give_statements_or_findings_and_no_traceback(junk: bytes, at: int, cut: int) -> None:
    for data in (answered(sent_x12(GOOD + BAD), "997"), contrl(ORDERS.format(2, 9))):
        for said in read(data[:at] + junk + data[at + cut :])[0]:
            assert said.status is not SentStatus.PENDING
            assert said.control


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_the_stream_may_be_cut_anywhere(cut: int) -> None:
    data = answered(sent_x12(GOOD, GOOD + BAD), "997")
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    assert list(read_statements(pieces)) == read(data)[0]


def entry(number: int, status: SentStatus, **changed: object) -> Sent:
    made = Sent(number, None, OURS, Level.GROUP, "5", "PO", "p", status, NOW, None)
    return dataclasses.replace(made, **changed)  # type: ignore[arg-type]


def test_a_word_is_addressed_to_the_newest_that_is_open() -> None:
    said = Statement(OURS, "997", Level.GROUP, "5", ACCEPTED, "PO")
    old, overdue, done = entry(1, SentStatus.PENDING), entry(2, SentStatus.OVERDUE), entry(3, ACCEPTED)
    assert addressed(said, [old, overdue, done]) == overdue
    assert addressed(said, [done]) == done
    assert addressed(said, [entry(4, SentStatus.PENDING, functional="IN")]) is None
    assert addressed(dataclasses.replace(said, within="17"), [old, entry(5, SentStatus.PENDING, interchange=9)], [9])
    assert addressed(said, []) is None


def test_who_owes_whom_as_of_an_instant() -> None:
    late, soon = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)
    ours = [entry(1, SentStatus.PENDING, due_at=late), entry(2, SentStatus.PENDING, due_at=soon)]
    theirs = [Received(1, OURS, "7", "ab", "item", 0, "partial", NOW, answer_due_at=NOW)]
    told = owed(ours, theirs, NOW)
    assert told["overdue"] == {"to_us": 1, "by_us": 0}
    assert [debt["overdue"] for debt in told["to_us"]] == [True, False]
    assert (told["by_us"][0]["item"], told["by_us"][0]["partner"]) == ("item", "ZZ:ACME")
    assert json.loads(json.dumps(told)) == told


def test_a_party_is_one_text() -> None:
    assert party("ZZ", "ACME           ") == "ZZ:ACME"
