"""Which answer an interchange is owed by what two partners agreed upon, and its bytes."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.agreed_answer import AgreedAnswer, agreed_answer, write_answer
from airflow_provider_integrations.connectors.edi.documents import Document, GuideBook, Outcome, outcome, read_documents
from airflow_provider_integrations.connectors.edi.judged import Judged, as_duplicate, judged_documents
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.core.edi_source import EdiAgreement
from airflow_provider_integrations.include import read_guides
from tests.unit.connectors.edi.x12_streams import BEG, GS, SOUND, isa, order, stream, worn

INCLUDE = Path(__file__).parents[4] / "include"
NOW = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
ORDERS = "UNB+UNOA:3+BUYER:14+HUB:14+260102:0304+7'UNH+1+ORDERS:D:96A:UN'BGM+220+PO1+9'UNT+{count}+1'UNZ+1+7'"
TA1_ALONE = (isa() + "TA1*000000001*260102*0304*A*000~IEA*0*000000007~").encode()
OF_997 = f"{isa()}{GS.replace('PO', 'FA')}ST*997*0001~AK1*PO*1~AK9*A*1*1*1~SE*4*0001~GE*1*12~IEA*1*000000007~".encode()
OF_CONTRL = b"UNB+UNOA:3+BUYER:14+HUB:14+260102:0304+7'UNH+1+CONTRL:D:3:UN'UCI+3+HUB:14+BUYER:14+7'UNT+3+1'UNZ+1+7'"


def agreement(**values: Any) -> EdiAgreement:
    return EdiAgreement(ours=("ZZ:HUB", "14:HUB"), partners=("ZZ:ACME", "14:BUYER"), **values)


def read(data: bytes) -> Document:
    [document] = read_documents([data])
    return document


def duplicate(document: Document) -> Document:
    return as_duplicate(Judged(document, Outcome.ACCEPTED)).document


def answer(document: Document, group: int = 51, now: datetime = NOW, **values: Any) -> list[str]:
    """The segments of the answer."""
    data = write_answer(document, agreement(**values), now, 41, group).decode("latin-1")
    end = "'" if data.startswith("UN") else "~"
    assert not data or data.endswith(end)
    return data.split(end)[:-1]


HEAD = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'HUB':15}*ZZ*{'ACME':15}*260102*0305*U*00401*000000041*0*P*>"
ONE_997 = [
    "GS*FA*HUBAPP*ACMEAPP*20260102*0305*51*X*004010",
    *("ST*997*0001", "AK1*PO*12", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1", "SE*6*0001"),
    "GE*1*51",
]
ONE_999 = [
    "GS*FA*HUBAPP*ACMEAPP*20260102*0305*51*X*005010X231A1",
    "ST*999*0001*005010X231A1",
    *("AK1*PO*12*004010", "AK2*850*0001", "IK5*A", "AK9*A*1*1*1", "SE*6*0001"),
    "GE*1*51",
]
TA1 = "TA1*000000007*260102*0304*{}"


@pytest.mark.parametrize(
    ("given", "agreed", "kinds", "told"),
    [
        ("asked=0", {}, ("997",), [HEAD, *ONE_997, "IEA*1*000000041"]),
        ("asked=1", {}, ("TA1", "997"), [HEAD, TA1.format("A*000"), *ONE_997, "IEA*1*000000041"]),
        ("asked=0", {"functional": "999"}, ("999",), [HEAD, *ONE_999, "IEA*1*000000041"]),
        ("asked=0", {"technical": "always"}, ("TA1", "997"), [HEAD, TA1.format("A*000"), *ONE_997, "IEA*1*000000041"]),
        ("asked=1", {"technical": "never"}, ("997",), [HEAD, *ONE_997, "IEA*1*000000041"]),
        ("asked=1", {"functional": "none"}, ("TA1",), [HEAD, TA1.format("A*000"), "IEA*0*000000041"]),
        ("asked=0", {"functional": "none"}, None, []),
        ("refused", {}, ("TA1",), [HEAD, TA1.format("R*021"), "IEA*0*000000041"]),
        ("refused", {"functional": "none"}, ("TA1",), [HEAD, TA1.format("R*021"), "IEA*0*000000041"]),
        ("refused", {"technical": "never"}, None, []),
        ("duplicate", {}, ("TA1",), [HEAD, TA1.format("R*025"), "IEA*0*000000041"]),
        ("duplicate", {"technical": "never"}, None, []),
    ],
)
def test_x12_is_answered_in_one_interchange_as_agreed(
    given: str, agreed: dict[str, Any], kinds: tuple[str, ...] | None, told: list[str]
) -> None:
    data = stream(order("0001", BEG), asked=given[-1] if given.startswith("asked") else "0")
    document = read(data.replace(b"IEA*1", b"IEA*2") if given == "refused" else data)
    document = duplicate(document) if given == "duplicate" else document
    wanted = agreed_answer(document, agreement(**agreed))
    assert wanted == (None if kinds is None else AgreedAnswer(kinds, int("997" in kinds or "999" in kinds)))
    assert answer(document, **agreed) == told


@pytest.mark.parametrize(
    ("count", "again", "told"),
    [(3, False, "7"), (3, True, "4+26+UNB+6"), (4, True, "4+26+UNB+6")],
)
def test_edifact_is_answered_by_contrl_if_that_is_agreed(count: int, again: bool, told: str) -> None:
    document = read(ORDERS.format(count=count).encode())
    document = duplicate(document) if again else document
    assert agreed_answer(document, agreement()) == AgreedAnswer(("CONTRL",))
    assert answer(document) == [
        "UNB+UNOA:3+HUB:14+BUYER:14+260102:0305+41",
        *("UNH+1+CONTRL:D:3:UN", f"UCI+7+BUYER:14+HUB:14+{told}", "UNT+3+1"),
        "UNZ+1+41",
    ]
    assert agreed_answer(document, agreement(contrl=False)) is None
    assert answer(document, contrl=False) == []


@pytest.mark.parametrize("data", [TA1_ALONE, OF_997, OF_CONTRL])
@pytest.mark.parametrize("agreed", [{}, {"technical": "always"}, {"functional": "none", "technical": "always"}])
def test_an_acknowledgement_is_never_acknowledged(data: bytes, agreed: dict[str, Any]) -> None:
    for document in (
        read(data),
        duplicate(read(data)),
        read(data.replace(b"UNZ+1", b"UNZ+9").replace(b"IEA*1", b"IEA*9")),
    ):
        assert agreed_answer(document, agreement(**agreed)) is None
        assert answer(document, **agreed) == []


NAMELESS = [
    b"not EDI at all",
    b"UNB+UNOA:3++HUB:14+260102:0304+7'UNZ+0+7'",
    stream(sender=""),
    # Its terminator cannot be used, and a name of it has a star, which ends an element in the answer.
    stream(sender="AC|ME").translate(bytes.maketrans(b"*|~", b"|*Q")),
]


@pytest.mark.parametrize("data", NAMELESS)
def test_what_names_nobody_is_not_answered(data: bytes) -> None:
    assert agreed_answer(read(data), agreement(technical="always")) is None


def test_the_instant_is_told_in_utc() -> None:
    document = read(stream(order("0001", BEG)))
    elsewhere = NOW.astimezone(timezone(timedelta(hours=14)))
    assert answer(document, now=elsewhere) == answer(document)


def test_trap_control_wrap_of_groups_goes_on_with_1() -> None:
    head = f"{GS}{order('0001', BEG)}GE*1*12~"
    other = head.replace("ACMEAPP", "OTHERAPP").replace("*12", "*13")
    third = head.replace("*12", "*14")
    document = read(f"{isa()}{head}{other}{third}IEA*3*000000007~".encode())
    assert agreed_answer(document, agreement()) == AgreedAnswer(("997",), 3)
    told = answer(document, group=999_999_999)
    assert [line.split("*")[6] for line in told if line.startswith("GS")] == ["999999999", "1", "2"]
    assert [line for line in told if line.startswith("GE")] == ["GE*1*999999999", "GE*1*1", "GE*1*2"]


def test_acknowledgements_beside_orders_leave_the_orders_answered() -> None:
    fa = f"{GS.replace('PO', 'FA')}ST*997*0001~AK1*PO*1~AK9*A*1*1*1~SE*4*0001~GE*1*12~"
    both = f"{isa(asked='1')}TA1*000000001*260102*0304*A*000~{fa}{GS.replace('*12', '*13')}{order('0001', BEG)}GE*1*13~"
    document = read(f"{both}IEA*2*000000007~".encode())
    assert agreed_answer(document, agreement()) == AgreedAnswer(("TA1", "997"), 1)
    assert [line for line in answer(document) if line.startswith("AK1")] == ["AK1*PO*13"]
    assert agreed_answer(document, agreement(functional="none")) == AgreedAnswer(("TA1",))


EDIFACT = [ORDERS.format(count=3).encode(), ORDERS.format(count=9).encode(), OF_CONTRL, b"UNA:+,? '" + OF_CONTRL]
PARTS = [b"'", b"+", b":", b"?", b"UNH", b"UNT+3+1'", b"UNB+", b"UNZ+1+7'", b"UNA:+.? '", b"\x1b$B", b"\xff", b"\n"]


BOOK = GuideBook(tuple(read_guides(INCLUDE, name) for name in ("x12_850", "edifact_orders_d96a")))


def check(data: bytes, agreed: EdiAgreement) -> None:
    """Judge and answer, as the steps do, also as if each had come before."""
    for found in judged_documents([data], agreed, BOOK):
        for one in (found, as_duplicate(found)) if found.place is not None else (found,):
            wanted = agreed_answer(one.document, agreed)
            sent = write_answer(one.document, agreed, NOW, 41, 999_999_999)
            assert bool(sent) is (wanted is not None)
            assert wanted is None or not one.is_acknowledgement
            for again in read_documents([sent] if sent else []):
                assert agreed_answer(again, agreement(technical="always")) is None
                assert not isinstance(again, Interchange) or outcome(again) is Outcome.ACCEPTED


AGREEMENTS = st.builds(
    agreement,
    functional=st.sampled_from(["997", "999", "none"]),
    technical=st.sampled_from(["asked", "always", "never"]),
    contrl=st.booleans(),
)


@given(seed=st.integers(0, 1 << 32), agreed=AGREEMENTS, name=st.sampled_from(sorted(SOUND)))
def test_any_mutated_x12_is_answered_by_what_is_never_answered_or_not_at_all(
    seed: int, agreed: EdiAgreement, name: str
) -> None:
    check(worn(SOUND[name], random.Random(seed)), agreed)


@given(data=st.data(), agreed=AGREEMENTS)
def test_any_mutated_edifact_is_answered_by_what_is_never_answered_or_not_at_all(
    data: st.DataObject, agreed: EdiAgreement
) -> None:
    given = bytearray(data.draw(st.sampled_from(EDIFACT)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(given)))
        given[at : at + data.draw(st.integers(0, 9))] = data.draw(st.sampled_from(PARTS) | st.binary(max_size=3))
    check(bytes(given), agreed)
