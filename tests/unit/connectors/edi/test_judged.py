"""What an agreement makes of interchanges: who may send to whom, in which usage, and what the ledger knows each by."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_integrations.connectors.edi.agreed_answer import write_answer
from airflow_provider_integrations.connectors.edi.documents import GuideBook, Outcome
from airflow_provider_integrations.connectors.edi.judged import Judged, as_duplicate, judged_documents
from airflow_provider_integrations.core.edi_source import EdiAgreement
from airflow_provider_integrations.core.interchange import Pair
from tests.unit.connectors.edi.guided import guides
from tests.unit.connectors.edi.x12_streams import GS, SOUND, cut, isa, order, stream, wrapped

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
BAD = order("0002").replace("SE*", "SE*9")
OF_997 = f"{isa()}{GS.replace('PO', 'FA')}ST*997*0001~AK1*PO*1~AK9*A*1*1*1~SE*4*0001~GE*1*12~IEA*1*000000007~"
MESSAGE = "UNH+1+ORDERS:D:96A:UN'BGM+220+1'UNT+3+1'"


def unb(*messages: str, sender: str = "ACME:14", recipient: str = "HUB:14", test: str = "", count: int = 1) -> bytes:
    end = f"UNZ+{count}+7'"
    return f"UNB+UNOA:3+{sender}+{recipient}+260102:0304+7{test}'{''.join(messages or (MESSAGE,))}{end}".encode()


def agreement(**changes: Any) -> EdiAgreement:
    return EdiAgreement(ours=("ZZ:HUB", "14:HUB"), partners=("ZZ:ACME", "14:ACME"), **changes)


def judged(data: bytes, book: GuideBook | None = None, **changes: Any) -> list[Judged]:
    return list(judged_documents(cut(data, 100), agreement(**changes), book or GuideBook()))


def answered(one: Judged, **changes: Any) -> str:
    return write_answer(one.document, agreement(**changes), NOW, 1).decode("latin-1")


@pytest.mark.parametrize(
    ("data", "changes", "code"),
    [
        (stream(sender="EVE"), {}, "006"),
        (stream().replace(b"HUB            ", b"HUB2           "), {}, "009"),
        (stream(usage="T"), {}, "020"),
        (stream(), {"usage": "T"}, "020"),
        (stream(usage="I"), {}, "020"),
        (stream().replace(b"ZZ*ACME ", b"01*ACME "), {}, "006"),
    ],
    ids=["sender", "receiver", "test", "production", "information", "qualifier"],
)
def test_an_interchange_of_others_is_refused_with_its_ta1_code(data: bytes, changes: dict[str, Any], code: str) -> None:
    [one] = judged(data, **changes)
    assert (one.verdict, one.accepted, one.refused) == (Outcome.REJECTED, 0, 2)
    assert f"TA1*000000007*260102*0304*R*{code}~" in answered(one, **changes)


@pytest.mark.parametrize(
    ("data", "changes", "code"),
    [
        (unb(sender="EVE:14"), {}, "23+UNB+3"),
        (unb(recipient="HUB2:14"), {}, "7+UNB+4"),
        (unb(test="++++++1"), {}, "25+UNB+12"),
        (unb(), {"usage": "T"}, "25+UNB+12"),
        (unb(sender="ACME"), {}, "23+UNB+3"),
        (unb(sender="EVE:14", count=9), {}, "23+UNB+3"),
    ],
    ids=["sender", "recipient", "test", "production", "qualifier", "sender first"],
)
def test_an_interchange_of_others_is_refused_with_its_uci_code(data: bytes, changes: dict[str, Any], code: str) -> None:
    [one] = judged(data, **changes)
    assert (one.verdict, one.accepted, one.refused) == (Outcome.REJECTED, 0, 1)
    assert f"+4+{code}'" in answered(one, **changes)


def test_a_test_is_taken_where_tests_are_agreed_upon() -> None:
    [x12] = judged(stream(usage="T"), usage="T")
    [edifact] = judged(unb(test="++++++1"), usage="T")
    assert [x12.verdict, edifact.verdict] == [Outcome.ACCEPTED] * 2
    assert [x12.pair, edifact.pair] == [
        Pair("x12", "ZZ:HUB", "ZZ:ACME", "T"),
        Pair("edifact", "14:HUB", "14:ACME", "T"),
    ]


@pytest.mark.parametrize("size", [7, 1 << 20])
@pytest.mark.parametrize("name", ["plain", "line feeds", "byte order mark and blank lines", "binary", "no groups"])
def test_the_digest_is_that_of_the_interchange_however_it_is_cut(name: str, size: int) -> None:
    data = SOUND[name]
    start, end = data.index(b"ISA*"), data.rindex(b"000000007~") + 10
    [one] = judged_documents(cut(data, size), agreement(), GuideBook())
    assert one.sha256 == hashlib.sha256(data[start:end]).hexdigest()


def test_lines_that_a_stream_is_wrapped_to_change_no_digest() -> None:
    one, other, again = (judged(data)[0].sha256 for data in (stream(), wrapped(stream()), wrapped(stream(), 72)))
    assert one == other == again


@pytest.mark.parametrize("size", [7, 1 << 20])
def test_each_interchange_of_a_document_has_a_place_and_a_digest_of_its_own(size: int) -> None:
    other = stream(control="000000008")
    data = stream() + b"\r\ngarbage\r\n" + other + b"~trailing"
    found = list(judged_documents(cut(data, size), agreement(), GuideBook()))
    assert [one.place for one in found] == [0, None, 1, None]
    assert [one.sha256 for one in found if one.pair] == [hashlib.sha256(each).hexdigest() for each in (stream(), other)]
    assert [(one.pair, one.control, one.sha256) for one in found if one.place is None] == [(None, "", "")] * 2
    assert sum(one.document.length for one in found) + 2 >= len(data)
    edifact = unb()
    twice = list(judged_documents(cut(edifact + b"\r\n" + edifact, size), agreement(), GuideBook()))
    assert [one.sha256 for one in twice] == [hashlib.sha256(edifact).hexdigest()] * 2


def test_sets_that_are_refused_are_counted_alone_with_their_group_or_with_all() -> None:
    group = GS.replace("*12*", "*13*") + order("0001") + "GE*9*13~"
    data = stream(order("0001"), BAD).replace(b"IEA*1*", group.encode() + b"IEA*2*")
    [one] = judged(data)
    assert (one.verdict, one.accepted, one.refused) == (Outcome.PARTIAL, 1, 2)
    wrong = MESSAGE.replace("UNT+3", "UNT+4").replace("+1+ORDERS", "+2+ORDERS").replace("'UNT+4+1", "'UNT+4+2")
    ung = "UNG+ORDERS+A+B+260102:0304+{}+UN+D:96A'"
    groups = ung.format(1) + MESSAGE + wrong + "UNE+2+1'" + ung.format(2) + MESSAGE + MESSAGE + "UNE+9+2'"
    [other] = judged(unb(groups, count=2))
    assert (other.verdict, other.accepted, other.refused) == (Outcome.PARTIAL, 1, 3)


def test_a_duplicate_gives_nothing_and_is_told_by_its_own_code() -> None:
    x12, edifact = (as_duplicate(judged(data)[0]) for data in (stream(), unb()))
    assert [(one.verdict, one.accepted, one.refused) for one in (x12, edifact)] == [
        (Outcome.REJECTED, 0, 2),
        (Outcome.REJECTED, 0, 1),
    ]
    assert "*R*025~" in answered(x12)
    assert "+4+26+UNB+6'" in answered(edifact)


def test_an_acknowledgement_is_known_as_one_and_never_answered() -> None:
    contrl = "UNH+1+CONTRL:D:3:UN'UCI+17+HUB:14+ACME:14+7'UNT+3+1'"
    found = [judged(data)[0] for data in (OF_997.encode(), SOUND["no groups"], unb(contrl), stream(), unb())]
    assert [one.is_acknowledgement for one in found] == [True, True, True, False, False]
    assert [bool(answered(one)) for one in found] == [False, False, False, True, True]


def test_guides_refuse_what_the_syntax_takes() -> None:
    unsound = stream(order("0001", "BEG*QQ*SA*PO1**20260102~"))
    assert judged(unsound)[0].verdict is Outcome.ACCEPTED
    [one] = judged(unsound, GuideBook((guides("x12_850"),)))
    assert (one.verdict, one.accepted, one.refused) == (Outcome.PARTIAL, 0, 1)


def test_a_usage_that_is_none_has_the_scope_of_the_agreement() -> None:
    [one] = judged(stream(usage="X"))
    assert (one.verdict, one.pair) == (Outcome.REJECTED, Pair("x12", "ZZ:HUB", "ZZ:ACME", "P"))


def test_a_message_too_large_to_be_held_is_refused_and_not_held() -> None:
    text = "FTX+AAI+++" + "X" * 5_000 + "'"
    large = MESSAGE.replace("UNT+3", f"{text * 4000}UNT+4003")
    small = MESSAGE.replace("UNH+1", "UNH+2").replace("UNT+3+1", "UNT+3+2")
    [one] = judged_documents(cut(unb(large, small, count=2), 1 << 20), agreement(), GuideBook())
    assert (one.verdict, one.accepted, one.refused) == (Outcome.PARTIAL, 1, 1)
    assert "UCM+1+ORDERS:D:96A:UN+4+18+" in answered(one)


def test_what_is_no_edi_is_one_run_of_bytes() -> None:
    assert [(one.verdict, one.place) for one in judged(b"customer_id,name\n1,Anna\n")] == [(Outcome.NOT_EDI, None)]
    assert [(one.verdict, one.place) for one in judged(b"")] == [(Outcome.NOT_EDI, None)]
