"""TA1, 997 and 999 against their truth table; each row names the clause that it follows."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_integrations.connectors.edi.model import Finding, FindingCode, Severity
from airflow_provider_integrations.connectors.edi.x12_acknowledge import ControlNumbers, Kind, acknowledge
from airflow_provider_integrations.connectors.edi.x12_envelope import Agreement, Interchange
from airflow_provider_integrations.connectors.edi.x12_scan import scan
from airflow_provider_integrations.connectors.edi.x12_verdict import Policy, TechnicalWhen, judge

GOLDEN = Path(__file__).parents[3] / "golden" / "edi" / "x12_acknowledgements.yaml"
ROWS: list[dict[str, Any]] = yaml.safe_load(GOLDEN.read_text())
NOW = datetime(2026, 1, 2, 3, 5)
NUMBERS = ControlNumbers(41, 51)

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])


def finding(told: dict[str, Any]) -> Finding:
    return Finding(**{**told, "code": FindingCode(told["code"]), "severity": Severity(told["severity"])})


def read(row: dict[str, Any]) -> Interchange:
    agreed = {
        name: value
        if isinstance(value, str)
        else frozenset(tuple(one) if isinstance(one, list) else one for one in value)
        for name, value in row.get("agreement", {}).items()
    }
    check = [finding(each) for each in row.get("check", ())]
    stream = "".join(row["given"]).encode("latin-1")
    found = scan([stream], agreement=Agreement(**agreed), visit=lambda _: check, wanted={"837", "850"} if check else ())
    [interchange] = [one for one in found if isinstance(one, Interchange)]
    return interchange.with_findings(*(finding(each) for each in row.get("also", ())))


def policy(row: dict[str, Any]) -> Policy:
    told = dict(row.get("policy", {}))
    if "tolerated" in told:
        told["tolerated"] = frozenset(FindingCode(each) for each in told["tolerated"])
    if "technical" in told:
        told["technical"] = TechnicalWhen(told["technical"])
    return Policy(**told)


def answer(row: dict[str, Any]) -> bytes:
    return acknowledge(read(row), Kind(row["kind"]), NOW, NUMBERS, policy(row)).data


def lines(data: bytes) -> list[str]:
    """A stream a segment a line; the terminator is where ISA has it."""
    text = data.decode("latin-1")
    end = text[105] + ("\r\n" if text[106:108] == "\r\n" else "")
    return [part + end for part in text.split(end)[:-1]]


@pytest.mark.skipif("UPDATE_GOLDEN" not in os.environ, reason="writes the table anew only if it is told to")
def test_table_is_written_anew() -> None:
    head = "".join(line for line in GOLDEN.read_text().splitlines(keepends=True) if line.startswith("#"))
    for row in ROWS:
        data = answer(row)
        row["answer"] = lines(data) if data else None
    GOLDEN.write_text(head + yaml.safe_dump(ROWS, sort_keys=False, width=200))


@each_row
def test_answer_is_that_of_the_table_to_the_byte(row: dict[str, Any]) -> None:
    assert answer(row) == "".join(row["answer"] or ()).encode("latin-1")


@each_row
def test_an_answer_is_sound_itself_and_never_answered(row: dict[str, Any]) -> None:
    data = answer(row)
    # Whoever has no name cannot be named.
    if not data or row["name"] in {"ta1 006", "ta1 008"}:
        return
    [sent] = scan([data])
    assert isinstance(sent, Interchange)
    assert judge(sent, Policy()).status == "A"
    assert not [one for group in sent.groups for one in (*group.findings, *group.sets.flawed.values())]
    for kind in Kind:
        assert acknowledge(sent, kind, NOW, NUMBERS).data == b""


@each_row
def test_a_rerun_gives_the_same_bytes(row: dict[str, Any]) -> None:
    assert answer(row) == answer(row)


def test_the_table_shows_every_code_that_it_must() -> None:
    shown: dict[str, set[str]] = {}
    for row in ROWS:
        for line in row["answer"] or ():
            tag, *elements = line.rstrip("~!\r\n").replace("|", "*").split("*")
            if tag == "TA1":
                shown.setdefault("TA1", set()).add(elements[4])
            if tag in {"AK5", "IK5"}:
                shown.setdefault(tag, set()).update(elements[1:])
                shown.setdefault(f"{tag}01", set()).add(elements[0])
            if tag == "AK9":
                shown.setdefault(f"AK9 of {row['kind']}", set()).update(elements[4:])
                shown.setdefault("AK901", set()).add(elements[0])
            if tag in {"AK3", "IK3"}:
                shown.setdefault(tag, set()).add(elements[3])
            if tag in {"AK4", "IK4"}:
                shown.setdefault(tag, set()).add(elements[2])
    assert shown["TA1"] >= {"000", "001", "005", "006", "014", "018", "021", "022", "023", "025"}
    assert shown["AK5"] >= {"1", "2", "3", "4", "5", "6", "7", "23"}
    assert shown["IK5"] >= {"1", "2", "3", "4", "5", "6", "7", "23"}
    for kind in ("997", "999"):
        assert shown[f"AK9 of {kind}"] >= {"1", "2", "3", "4", "5", "6"}
    assert shown["AK901"] == {"A", "E", "P", "R"}
    assert shown["AK501"] == shown["IK501"] == {"A", "E", "R"}
    assert shown["AK3"] == shown["IK3"] == {"1", "2", "3", "4", "5", "8"}
    assert shown["AK4"] >= {str(code) for code in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13)}
    assert shown["IK4"] == shown["AK4"] | {"I10"}


def test_ta1_stands_before_the_first_group() -> None:
    for row in ROWS:
        tags = [line[:3].rstrip("*|") for line in row["answer"] or ()]
        assert "TA1" not in tags or tags.index("TA1") == 1, row["name"]


def test_se01_of_an_answer_counts_from_st_to_se() -> None:
    for row in ROWS:
        since = 0
        for line in row["answer"] or ():
            since = 1 if line.startswith("ST") else since + 1
            if line.startswith("SE"):
                assert int(line.replace("|", "*").split("*")[1]) == since, row["name"]
