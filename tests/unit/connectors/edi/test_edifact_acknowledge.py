"""CONTRL against its truth table, and what the table cannot say."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.connectors.edi.check_set import check
from airflow_provider_integrations.connectors.edi.edifact_acknowledge import acknowledge
from airflow_provider_integrations.connectors.edi.edifact_codes import ERROR_NAMES, error_code
from airflow_provider_integrations.connectors.edi.edifact_scan import scan
from airflow_provider_integrations.connectors.edi.edifact_tokens import segments_of
from airflow_provider_integrations.connectors.edi.edifact_verdict import (
    InterchangeVerdict,
    Status,
    as_duplicate,
    verdicts,
    with_finding,
)
from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity
from airflow_provider_integrations.core.errors import ConfigError
from tests.unit.connectors.edi.guided import guide, text

GOLDEN = Path(__file__).parents[3] / "golden" / "edi" / "contrl.yaml"
ROWS: list[dict[str, Any]] = yaml.safe_load(GOLDEN.read_text()) if GOLDEN.exists() else []
NOW = datetime(2026, 1, 2, 3, 5)
ORDER = b"UNB+UNOA:3+A+B+260102:0304+7'UNH+1+ORDERS:D:96A:UN'BGM+220'UNT+3+1'UNZ+1+7'"


def finding(told: dict[str, Any]) -> Finding:
    return Finding(**{**told, "code": FindingCode(told["code"]), "severity": Severity(told["severity"])})


def judged(stream: bytes, row: dict[str, Any] | None = None) -> list[InterchangeVerdict]:
    row = row or {}
    told = [finding(each) for each in row.get("check", ())]
    tolerated = frozenset(FindingCode(each) for each in row.get("tolerated", ()))
    return list(verdicts(scan([stream]), (lambda *_: told) if told else None, tolerated))


def answers(row: dict[str, Any]) -> list[bytes | None]:
    found = []
    for verdict in judged("".join(row["given"]).encode("latin-1"), row):
        for each in row.get("also", ()):
            verdict = with_finding(verdict, finding(each))
        if row.get("duplicate"):
            verdict = as_duplicate(verdict)
        found.append(acknowledge(verdict, NOW, "55", receipt_only=row.get("receipt_only", False)))
    return found


def lines(answer: bytes) -> list[str]:
    """A stream a segment a line; UNA is nine bytes, whatever they are."""
    text = answer.decode("latin-1")
    advice = [text[:9]] if text.startswith("UNA") else []
    text = text[9:] if advice else text
    end = text[-1]
    return [*advice, *(each + end for each in text.split(end)[:-1])]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_answer_is_the_truth_table_s_to_the_byte(row: dict[str, Any]) -> None:
    wanted = [None if each is None else "".join(each).encode("latin-1") for each in row["answers"]]
    assert answers(row) == wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_every_answer_is_itself_a_clean_interchange_that_is_never_answered(row: dict[str, Any]) -> None:
    for answer in answers(row):
        if answer is not None:
            [verdict] = judged(answer, {"tolerated": ["character_invalid"]})
            assert verdict.status is Status.ACCEPTED
            assert not [each for each in verdict.findings if each.severity is not Severity.NOTE]
            assert acknowledge(verdict, NOW, "56") is None


def test_rejection_always_has_an_error_and_an_acknowledgement_never() -> None:
    for row in ROWS:
        for answer in answers(row):
            for line in lines(answer or b"'"):
                elements = line[:-1].replace("*", "+").replace("\x1d", "+").split("+")
                if elements[0] == "UCI" and elements[4] == "4":
                    assert elements[5] in ERROR_NAMES, row["name"]
                if elements[0] == "UCI" and elements[4] in "78":
                    assert len(elements) == 5, row["name"]


def test_table_shows_each_action_and_each_code_that_we_use() -> None:
    told = {part for row in ROWS for answer in row["answers"] for line in answer or () for part in line[:-1].split("+")}
    used = {error_code(code, version) for code in FindingCode for version in (3, 4)}
    # 45 is only ever a note, 22 needs a stream that ends in a segment of a message that has its trailers.
    assert used - told <= {"22", "45"}


PARTS = [b"'", b"+", b":", b"?", b"??", b"UNH", b"UNT+3+1'", b"UNA:+.? '", b"++", b"\x1b$B", b"\xff"]


@given(data=st.data())
def test_any_mutated_stream_is_answered_cleanly_or_not_at_all(data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(ROWS))
    stream = bytearray("".join(row["given"]).encode("latin-1"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at : at + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(PARTS) | st.binary(max_size=3))
        stream = stream or bytearray(b"x")
    for verdict in judged(bytes(stream)):
        answer = acknowledge(verdict, NOW, "55")
        if answer is not None:
            [again] = judged(answer, {"tolerated": ["character_invalid"]})
            assert again.status is Status.ACCEPTED, [each.shown() for each in again.findings]
            assert acknowledge(again, NOW, "56") is None


def test_segment_that_a_guide_misses_is_told_at_the_segment_before_it() -> None:
    # 0096: where a segment is missing, the place of the last one before it; here UNH, and UNT for what is wrong with it.
    body = text("orders").replace("\n", "")
    start = body.index("BGM")
    body = body[:start] + body[body.index("'", start) + 1 :]
    stream = f"UNA:+,? 'UNB+UNOB:3+A+B+260102:0304+7'{body}UNZ+1+7'".encode("latin-1")
    [verdict] = verdicts(scan([stream]), lambda _, segments, delimiters: check(guide("orders"), segments, delimiters))
    answer = acknowledge(verdict, NOW, "55")
    assert answer is not None
    assert b"+4+29+UNT+2'UCS+1+13'UNT+" in answer


def test_rerun_gives_the_same_bytes() -> None:
    [verdict] = judged(ORDER)
    assert acknowledge(verdict, NOW, "55") == acknowledge(judged(ORDER)[0], NOW, "55")


@pytest.mark.parametrize("reference", ["", "123456789012345", "1+2", "ä"])
def test_reference_that_cannot_stand_in_unb_is_refused(reference: str) -> None:
    with pytest.raises(ConfigError, match="control reference"):
        acknowledge(judged(ORDER)[0], NOW, reference)


def test_message_with_a_thousand_bad_segments_tells_of_999() -> None:
    told = [Finding(FindingCode.SEGMENT_UNEXPECTED, Severity.ERROR, "DTM", place) for place in range(2, 1500)]
    [verdict] = verdicts(scan([ORDER]), lambda *_: told)
    answer = acknowledge(verdict, NOW, "55")
    assert answer is not None
    assert answer.count(b"'UCS+") == 999
    [header] = [each for each in segments_of(answer, verdict.header.delimiters) if each.tag == "UNT"]  # type: ignore[union-attr]
    assert header.elements[0] == str(answer.count(b"'") - 2)


def test_contrl_in_a_group_is_passed_over_beside_data() -> None:
    stream = (
        b"UNB+UNOA:3+A+B+260102:0304+7'UNG+CONTRL+S+R+260102:0304+9+UN+D:3'UNH+1+CONTRL:D:3:UN'UCI+1+B+A+7'UNT+9+1'UNE+1+9'"
        b"UNG+ORDERS+S+R+260102:0304+10+UN+D:96A'UNH+1+ORDERS:D:96A:UN'BGM+220'UNT+3+1'UNE+1+10'UNZ+2+7'"
    )
    answer = acknowledge(judged(stream)[0], NOW, "55")
    assert answer is not None
    assert b"'UCI+7+A+B+7'UNT+" in answer


@pytest.mark.parametrize("sign", ["\0", "\x07", "\t", "\x7f"])
def test_a_reference_with_a_control_character_is_not_answered_under_another(sign: str) -> None:
    """Clause 5.3.4: 0020 that cannot be copied into UCI has no CONTRL; `a b` would name another interchange."""
    [verdict] = judged(ORDER.replace(b"+7'", f"+a{sign}b'".encode()))
    assert verdict.status is Status.REJECTED
    assert acknowledge(verdict, NOW, "55") is None
