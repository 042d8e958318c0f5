"""Acknowledgements that no table can show: of anything at all, of millions, and by what was agreed."""

from __future__ import annotations

import random
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.set_log import SetLog
from airflow_provider_integrations.connectors.edi.x12_acknowledge import (
    ControlNumbers,
    Kind,
    acknowledge,
)
from airflow_provider_integrations.connectors.edi.x12_codes import (
    element_code,
    group_code,
    interchange_code,
    segment_code,
    set_code,
)
from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange
from airflow_provider_integrations.connectors.edi.x12_scan import scan
from airflow_provider_integrations.connectors.edi.x12_verdict import Policy, TechnicalWhen, judge
from tests.unit.connectors.edi.x12_streams import BEG, GS, SOUND, isa, order, stream, worn

NOW = datetime(2026, 1, 2, 3, 5)
NUMBERS = ControlNumbers(41, 51)


def read(data: bytes, found: tuple[Finding, ...] = ()) -> Interchange:
    [one] = scan([data], visit=lambda _: found, wanted={"850"})
    assert isinstance(one, Interchange)
    return one


def body(data: bytes) -> list[str]:
    return data.decode("latin-1").split("~")[1:-2]


def assert_sound(data: bytes) -> Interchange:
    [sent] = scan([data])
    assert isinstance(sent, Interchange)
    told = [*sent.findings, *(each for group in sent.groups for each in group.findings)]
    assert [each for each in told if each.severity is not Severity.NOTE] == []
    assert [group.sets.flawed for group in sent.groups] == [{}] * len(sent.groups)
    return sent


def test_whatever_came_in_what_goes_out_is_sound_and_is_never_answered() -> None:
    rng = random.Random(5)
    answered = 0
    for _ in range(500):
        data = worn(rng.choice([*SOUND.values()]), rng)
        for one in scan([data]):
            if not isinstance(one, Interchange):
                continue
            sent = acknowledge(one, rng.choice([*Kind]), NOW, NUMBERS).data
            # Whoever has no name that fits cannot be named.
            if sent and sent[35:50].strip() and sent[54:69].strip():
                answered += 1
                assert acknowledge(assert_sound(sent), Kind.FUNCTIONAL, NOW, NUMBERS).data == b""
    assert answered > 150


values = st.text(st.characters(max_codepoint=255), max_size=120)
findings = st.builds(
    Finding,
    code=st.sampled_from(FindingCode),
    severity=st.sampled_from([Severity.NOTE, Severity.ERROR]),
    segment=st.none() | st.sampled_from(["ST", "SE", "BEG", "N1", "*", "", "TOOLONG"]) | values,
    position=st.none() | st.integers(1, 10_000_000),
    element=st.none() | st.integers(1, 40),
    component=st.none() | st.integers(1, 9),
    repetition=st.none() | st.integers(1, 9),
    value=st.none() | values,
)


@settings(max_examples=200, deadline=None)
@given(found=st.lists(findings, max_size=6), kind=st.sampled_from([Kind.FUNCTIONAL, Kind.IMPLEMENTATION]))
def test_whatever_a_guide_finds_the_acknowledgement_is_sound_and_counts_right(found: list[Finding], kind: Kind) -> None:
    data = acknowledge(read(stream(order("0001")), tuple(found)), kind, NOW, NUMBERS).data
    assert_sound(data)
    refused = any(each.severity is Severity.ERROR for each in found)
    [ak9] = [line for line in body(data) if line.startswith("AK9")]
    assert ak9 == ("AK9*R*1*1*0" if refused else "AK9*A*1*1*1")
    [answer] = [line for line in body(data) if line[:3] in {"AK5", "IK5"}]
    assert answer.split("*")[1] == ("R" if refused else "A")
    # A refusal without a reason helps nobody.
    assert not refused or len(answer.split("*")) > 2


def test_many_sound_sets_are_listed_as_few_are() -> None:
    numbers = [f"{number:09d}" for number in range(300)]
    many = read(stream(*[order(number, BEG) for number in numbers]))
    lines = body(acknowledge(many, Kind.FUNCTIONAL, NOW, NUMBERS).data)
    assert lines[3:-3] == [line for number in numbers for line in (f"AK2*850*{number}", "AK5*A")]
    assert lines[-2:] == [f"SE*{2 * 300 + 4}*0001", "GE*1*51"]
    assert_sound(acknowledge(many, Kind.FUNCTIONAL, NOW, NUMBERS).data)


def test_st03_of_a_release_that_has_none_is_not_repeated() -> None:
    one = read(stream(order("0001", BEG).replace("0001~", "0001*XYZ~", 1)))
    assert "AK2*850*0001" in body(acknowledge(one, Kind.FUNCTIONAL, NOW, NUMBERS).data)


def test_a_control_number_seen_before_refuses_all_and_answers_by_ta1_alone() -> None:
    again = Finding(FindingCode.CONTROL_NUMBER_DUPLICATE, Severity.FATAL, "ISA", 1, 13)
    sent = acknowledge(read(stream()).with_findings(again), Kind.FUNCTIONAL, NOW, NUMBERS)
    assert body(sent.data) == ["TA1*000000007*260102*0304*R*025"]
    assert (sent.verdict.status, sent.verdict.groups) == ("R", ())


@pytest.mark.parametrize(
    ("technical", "asked", "sound", "sent"),
    [
        (TechnicalWhen.ASKED, "1", True, True),
        (TechnicalWhen.ASKED, "0", True, False),
        (TechnicalWhen.ASKED, "0", False, False),
        (TechnicalWhen.ASKED_OR_REFUSED, "0", True, False),
        (TechnicalWhen.ASKED_OR_REFUSED, "0", False, True),
        (TechnicalWhen.ASKED_OR_REFUSED, "1", False, True),
        (TechnicalWhen.ALWAYS, "0", True, True),
        (TechnicalWhen.NEVER, "1", False, False),
    ],
)
def test_isa14_and_the_agreement_say_whether_a_ta1_goes_out(
    technical: TechnicalWhen, asked: str, sound: bool, sent: bool
) -> None:
    data = stream(asked=asked) if sound else stream(asked=asked).replace(b"IEA*1", b"IEA*2")
    answer = acknowledge(read(data), Kind.FUNCTIONAL, NOW, NUMBERS, Policy(technical=technical)).data
    assert (b"TA1*" in answer) is sent
    assert (b"AK1*" in answer) is sound


def test_usage_and_parties_are_the_partners_turned_round() -> None:
    [sent] = scan([acknowledge(read(stream(usage="T")), Kind.FUNCTIONAL, NOW, NUMBERS).data])
    assert isinstance(sent, Interchange)
    assert (sent.header.sender, sent.header.receiver) == (("ZZ", "HUB"), ("ZZ", "ACME"))
    assert (sent.header.usage, sent.header.wants_ta1, sent.header.control) == ("T", False, "000000041")
    assert (sent.groups[0].header.sender, sent.groups[0].header.receiver) == ("HUBAPP", "ACMEAPP")


def test_a_functional_acknowledgement_says_nothing_of_the_business() -> None:
    # An order of nothing is in order: 855 and 824 are for that.
    assert judge(read(stream(order("0001", BEG))), Policy()).groups[0].status == "A"


def test_codes_of_a_release_are_those_that_it_has() -> None:
    assert set_code(FindingCode.HEADER_UNEXPECTED, "004010") == "6"
    assert set_code(FindingCode.HEADER_UNEXPECTED, "005010") == "18"
    assert group_code(FindingCode.CONTROL_NUMBER_DUPLICATE, "004010") == "6"
    assert group_code(FindingCode.CONTROL_NUMBER_DUPLICATE, "005010") == "19"
    assert element_code(FindingCode.ELEMENT_NOT_USED) == "3"
    assert element_code(FindingCode.ELEMENT_NOT_USED, implementation=True) == "I10"


def test_every_finding_has_a_code_of_ta1_and_none_has_one_of_both_segment_and_element() -> None:
    for code in FindingCode:
        for element in (None, *range(18)):
            assert len(interchange_code(code, element)) == 3
        assert segment_code(code) is None or element_code(code) is None


@pytest.mark.parametrize(
    ("group", "sets", "is_one"),
    [
        ("FA", ("997",), True),
        ("FA", ("999", "997"), True),
        ("FA", (), True),
        ("FA", ("997", "850"), False),
        ("FA", ("999X",), False),
        ("FA", ("",), False),
        ("PO", ("997",), False),
        ("ZZ", ("997",), False),
        ("PO", ("997", "850"), False),
    ],
)
def test_trap_do_not_ack_fa_is_of_groups_fa_of_997_and_999_alone(
    group: str, sets: tuple[str, ...], is_one: bool
) -> None:
    body = "".join(f"ST*{name}*{at:04d}~AK1*PO*1~AK9*A*1*1*1~SE*4*{at:04d}~" for at, name in enumerate(sets, 1))
    text = f"{isa()}{GS.replace('GS*PO', f'GS*{group}')}{body}GE*{len(sets)}*12~IEA*1*000000007~"
    found = read(text.encode())
    assert found.is_acknowledgement is is_one
    assert (acknowledge(found, Kind.FUNCTIONAL, NOW, NUMBERS).data == b"") is is_one


def test_the_log_of_sets_is_a_line_for_each_and_an_object_for_the_flawed_alone() -> None:
    log = SetLog("*")
    wrong = Finding(FindingCode.COUNT_WRONG, Severity.ERROR, "SE", 4, 1)
    log.append(b"850*0001", ())
    log.append(b"850\n*0002*X", (wrong,))
    log.append(b"", ())
    assert len(log) == 3
    assert [(one.set_id, one.control, one.convention, one.findings) for one in log] == [
        ("850", "0001", "", ()),
        ("850", "0002", "X", (wrong,)),
        ("", "", "", ()),
    ]
    assert list(log.flawed) == [1]
