"""`integrations edi write` refuses what it cannot write, with a message, and ignores nothing that it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app

INCLUDE = ("--include", str(Path(__file__).parents[3] / "include"))
X12 = ("--guide", "x12_850", *INCLUDE)
NOW = ("--now", "2026-01-02T03:04:05Z")
WHOLE = (*X12, "--sender", "ZZ:HUB", "--receiver", "ZZ:ACME")
ORDER = {"purpose": "00", "order_type": "SA", "order_number": "1", "ordered_on": "2026-01-02"}
LINE = {"quantity": 1, "unit": "EA"}
ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *260102*0304*U*00401*{:09}*0*P*>~"
IEA = "IEA*0*{:09}~"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(content: str, *arguments: str, command: str = "write") -> tuple[int, str, str]:
        path = tmp_path / "rows.json"
        path.write_text(content)
        result = CliRunner().invoke(app, ["edi", command, str(path), *arguments])
        return result.exit_code, result.stdout, result.stderr

    return run


def tables(order: Any = None, line: Any = None) -> str:
    return json.dumps({"orders": [ORDER | (order or {})], "order_lines": [LINE | (line or {})]})


def refused(told: tuple[int, str, str]) -> str:
    """The message of a refusal; a traceback has none."""
    code, out, err = told
    assert (code, out) == (1, "")
    return str(json.loads(err)["message"])


@pytest.mark.parametrize(
    "control", ["0001~X", "a*bc", "a>bc", "", "0", "001", "1234567890", "1" * 5000, "000\u00e9", "00 1"]
)
def test_a_control_number_that_has_no_place_in_a_set_is_refused(run: Run, control: str) -> None:
    assert "control number of a set" in refused(run(tables(), *X12, "--control", control))


def test_a_control_number_of_a_set_is_of_four_to_nine_signs(run: Run) -> None:
    for control in ("0001", "123456789", "AB12"):
        assert run(tables(), *X12, "--control", control)[1].startswith(f"ST*850*{control}~")


def test_a_control_number_of_thousands_of_digits_is_no_traceback(run: Run) -> None:
    assert "parties, an instant and a number" in refused(run(tables(), *WHOLE, *NOW, "--control", "1" * 5000))


def test_json_that_is_nested_too_deeply_is_no_traceback(run: Run) -> None:
    assert "nested too deeply" in refused(run("[" * 200_000, *X12))


@pytest.mark.parametrize("name", ["row", "parent"])
@pytest.mark.parametrize("value", [[1], {}, "x", 1.5, True, -1, 0])
def test_a_row_s_number_that_is_none_is_refused(run: Run, name: str, value: Any) -> None:
    assert refused(run(tables(line={name: value}), *X12)).startswith("a value is")


@pytest.mark.parametrize("value", [True, "1_000", "\u0663", " 1 ", "NaN", "1e3", [1]])
def test_a_quantity_that_is_no_decimal_is_refused(run: Run, value: Any) -> None:
    refused(run(tables(line={"quantity": value}), *X12))


def test_a_number_of_a_billion_places_is_refused_before_it_is_written_out(run: Run) -> None:
    for text in (tables(line={"quantity": 7777}), tables(line={"row": 7777})):
        refused(run(text.replace("7777", "1e999999999"), *X12))


def test_a_name_twice_in_an_object_is_refused(run: Run) -> None:
    twice = tables().replace('"order_number": "1"', '"order_number": "1", "order_number": "2"')
    assert "twice" in refused(run(twice, *X12))


@pytest.mark.parametrize("command", ["write", "ack"])
@pytest.mark.parametrize(
    "now",
    [
        "2026-01-02T03:04:05",
        "2026-01-02",
        "2026-W01-1",
        "0001-01-01T00:00:00Z",
        "0999-12-31T00:00:00Z",
        "0001-01-01T00:00:00+02:00",
        "soon",
    ],
)
def test_now_is_an_instant_with_its_zone(run: Run, command: str, now: str) -> None:
    if command == "write":
        told = run(tables(), *WHOLE, "--control", "1", "--now", now)
    else:
        told = run(
            ISA.format(1) + IEA.format(1), *INCLUDE, "--as", "TA1", "--control", "1", "--now", now, command="ack"
        )
    assert "not an instant" in refused(told)


def test_now_is_written_in_utc(run: Run) -> None:
    _, out, _ = run(tables(), *WHOLE, "--control", "1", "--now", "2026-01-02T01:04:05+02:00")
    assert "*260101*2304*" in out
    assert out == run(tables(), *WHOLE, "--control", "1", "--now", "2026-01-01T23:04:05Z")[1]


@pytest.mark.parametrize("more", [("--now", "garbage"), NOW, ("--usage", "Q"), ("--group-receiver", "AB")])
def test_what_only_an_interchange_has_is_not_ignored_for_a_set(run: Run, more: tuple[str, ...]) -> None:
    assert "parties" in refused(run(tables(), *X12, *more))


def test_a_receiver_of_one_character_has_a_name_of_its_own_in_the_group(run: Run) -> None:
    short = (*X12, *NOW, "--sender", "ZZ:HUB", "--receiver", "ZZ:A", "--control", "1")
    refused(run(tables(), *short))
    assert "GS*PO*HUB*ACME*" in run(tables(), *short, "--group-receiver", "ACME")[1]


@pytest.mark.parametrize("control", ["1'X", "1+2", "A:B", "A?", "", "1" * 15, "\u00e9", " 1"])
def test_a_control_number_that_has_no_place_in_a_message_is_refused(run: Run, control: str) -> None:
    whole = ("--guide", "edifact_orders_d96a", *INCLUDE, "--control", control)
    assert "control number of a set" in refused(run('{"edifact_orders": []}', *whole))


def test_identities_of_groups_are_not_ignored_in_edifact(run: Run) -> None:
    rows = (Path(__file__).parents[2] / "golden" / "edi" / "guided" / "orders.rows.json").read_text()
    rows = json.dumps(json.loads(rows).get("tables", json.loads(rows)))
    whole = ("--guide", "edifact_orders_d96a", *INCLUDE, "--sender", "ZZ:HUB", "--receiver", "ZZ:ACME", *NOW)
    assert run(rows, *whole, "--control", "1")[0] == 0
    assert "without groups" in refused(run(rows, *whole, "--control", "1", "--group-sender", "AB"))


def test_after_the_highest_control_number_an_answer_has_the_first(run: Run) -> None:
    """Ten digits would make an ISA that nobody can read."""
    two = "".join(ISA.format(number) + IEA.format(number) for number in (1, 2))
    _, out, _ = run(two, *INCLUDE, "--as", "TA1", *NOW, "--control", "999999999", command="ack")
    assert [part[90:99] for part in ("ISA" + rest for rest in out.split("ISA")[1:])] == ["999999999", "000000001"]
