"""`integrations edi owed` tells by the ledger who owes whom an acknowledgement."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.core.interchange import Level, Pair, Sending, SendingGroup, SentStatus, Statement
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PAIR, OTHER = Pair("x12", "ZZ:HUB", "ZZ:ACME"), Pair("x12", "ZZ:HUB", "ZZ:OTHER")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["edi", "owed", *arguments])
    return result.exit_code, result.stdout or result.stderr


def test_what_is_owed_both_ways_and_what_is_overdue(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger.connect(url, clock=lambda: NOW) as ledger:
        ledger.migrate()
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
