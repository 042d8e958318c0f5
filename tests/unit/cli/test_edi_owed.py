"""`integrations edi owed` tells by the ledger who owes whom what, and `integrations edi settle` closes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.core.interchange import (
    Level,
    Pair,
    Sending,
    SendingGroup,
    SentStatus,
    SetStatement,
    Statement,
)
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PAIR, OTHER = Pair("x12", "ZZ:HUB", "ZZ:ACME"), Pair("x12", "ZZ:HUB", "ZZ:OTHER")


def run(*arguments: str, command: str = "owed") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["edi", command, *arguments])
    return result.exit_code, result.stdout or result.stderr


def test_what_is_owed_both_ways_and_what_is_overdue(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger.connect(url, clock=lambda: NOW) as ledger:
        migrated(ledger)
        [item] = ledger.items.discover("acme", [RemoteFile("/in/1", 1, 1)], listed_at=NOW)
        for pair in (PAIR, OTHER):
            due = NOW + timedelta(hours=24)
            ledger.interchanges.sent(Sending(pair, "000000017", "batch", "ab", (SendingGroup("5", "PO", due),)))
        ledger.interchanges.received(
            PAIR, "000000007", sha256="cd", item_id=item.id, verdict="accepted", answer_due_at=NOW
        )
        ledger.interchanges.acknowledged([Statement(PAIR, "997", Level.GROUP, "9", SentStatus.ACCEPTED)], item.id)
    code, out = run("--ledger", url, "--as-of", "2026-01-02T03:04:06Z", "--partner", "ZZ:ACME")
    told = json.loads(out)
    assert (code, told["overdue"]) == (0, {"to_us": 0, "by_us": 1})
    assert [(one["level"], one["control"], one["overdue"]) for one in told["to_us"]] == [("group", "5", False)]
    assert [(one["item"], one["control"]) for one in told["by_us"]] == [(item.id, "7")]
    assert [one["control"] for one in told["unmatched"]] == ["9"]
    code, out = run("--ledger", url, "--as-of", "2026-01-05T00:00:00Z")
    assert [one["partner"] for one in json.loads(out)["to_us"]] == ["ZZ:ACME", "ZZ:OTHER"]
    assert json.loads(out)["overdue"] == {"to_us": 2, "by_us": 1}
    assert json.loads(run("--ledger", url)[1])["overdue"]["by_us"] == 1


def test_an_instant_without_a_zone_is_refused(tmp_path: Path) -> None:
    for text in ("2026-01-02T03:04:05", "soon"):
        code, out = run("--ledger", f"sqlite:///{tmp_path}/none.db", "--as-of", text)
        assert code == 1
        assert json.loads(out)["message"].startswith("not an instant")


def test_what_was_refused_is_shown_until_it_is_settled_and_so_is_what_is_owed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger.connect(url, clock=lambda: NOW) as ledger:
        migrated(ledger)
        [item] = ledger.items.discover("acme", [RemoteFile("/in/1", 1, 1)], listed_at=NOW)
        groups = (SendingGroup("5", "PO", NOW), SendingGroup("6", "PO", NOW))
        head, five, six = ledger.interchanges.sent(Sending(PAIR, "17", "document:out:PO1", "ab", groups))
        bad = SetStatement("850", "0002", SentStatus.REJECTED, ("5",))
        said = Statement(PAIR, "997", Level.GROUP, "5", SentStatus.PARTIALLY_ACCEPTED, "PO", codes=("4",), sets=(bad,))
        ledger.interchanges.acknowledged([said], item.id)
        owed = ledger.interchanges.received(
            PAIR, "7", sha256="cd", item_id=item.id, verdict="accepted", answer_due_at=NOW
        )
    told = json.loads(run("--ledger", url)[1])
    assert told["rejected"] == [
        {
            "syntax": "x12",
            "ours": "ZZ:HUB",
            "partner": "ZZ:ACME",
            "usage": "P",
            "number": f"sent:{five.number}",
            "control": "5",
            "level": "group",
            "functional": "PO",
            "purpose": "document:out:PO1",
            "status": "partially_accepted",
            "refused_at": NOW.isoformat(),
            "by": "997",
            "codes": ["4"],
            "sets": [{"set_id": "850", "control": "0002", "status": "rejected", "codes": ["5"]}],
        }
    ]
    numbers = [told[of][0]["number"] for of in ("rejected", "to_us", "by_us")]
    assert numbers == [f"sent:{five.number}", f"sent:{six.number}", f"received:{owed.number}"]
    assert json.loads(run("--ledger", url, "--partner", "ZZ:OTHER")[1])["rejected"] == []
    for number in numbers:
        code, out = run(number, "--ledger", url, "--who", "ann", "--why", "by telephone", command="settle")
        assert (code, len(json.loads(out)["settled"])) == (0, 1)
    left = json.loads(run("--ledger", url)[1])
    assert [left[of] for of in ("rejected", "to_us", "by_us")] == [[], [], []]
    code, out = run(f"sent:{head.number}", "--ledger", url, "--why", "all of it", command="settle")
    assert [one["status"] for one in json.loads(out)["settled"]] == ["settled"] * 3
    with Ledger.connect(url) as ledger:
        trail = ledger.records.audit_trail(action="settle")
    assert [(entry.who, entry.why) for entry in trail][:3] == [("ann", "by telephone")] * 3
    assert (len(trail), trail[3].why) == (4, "all of it")
    assert trail[3].who


@pytest.mark.parametrize("command", [("owed",), ("settle", "sent:17", "--why", "because")])
def test_a_slip_in_the_path_makes_no_new_ledger(tmp_path: Path, command: tuple[str, ...]) -> None:
    code, out = run(*command[1:], "--ledger", f"sqlite:///{tmp_path}/typo.db", command=command[0])
    said = json.loads(out)
    assert (code, said["error"], "typo.db" in said["message"]) == (1, "ConfigError", True)
    assert "ledger migrate" in said["next_step"]
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_does_not_answer_is_told_with_what_to_look_at(tmp_path: Path) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=2"
    code, out = run("--ledger", url)
    said = json.loads(out)
    assert (code, said["error"]) == (1, "ConnectionLostError")
    assert "server runs" in said["next_step"]


@pytest.mark.parametrize("at", ["2026-01-02", "2026-01-02T03:04:05", "0001-01-01T00:00:00+02:00", "soon"])
def test_an_instant_is_one_for_this_command_as_for_the_others(tmp_path: Path, at: str) -> None:
    code, out = run("--ledger", f"sqlite:///{tmp_path}/ledger.db", "--as-of", at)
    assert (code, json.loads(out)["message"].startswith("not an instant (as_of=")) == (1, True)


def test_a_number_that_does_not_say_of_what_it_is_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger.connect(url) as ledger:
        migrated(ledger)
    for number, said in (("17", "not the number"), ("sent:x", "not the number"), ("sent:17", "no such interchange")):
        code, out = run(number, "--ledger", url, "--why", "because", command="settle")
        assert (code, json.loads(out)["message"][: len(said)]) == (1, said)
    code, out = run("sent:17", "--ledger", url, "--why", "", command="settle")
    assert json.loads(out)["message"].startswith("settling by hand needs a reason")
