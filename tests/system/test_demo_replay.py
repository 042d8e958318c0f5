"""A replay in the demo's scheduler, started with the `airflow` command as the README says."""

from __future__ import annotations

import json
import shutil
import subprocess
import time

import pytest

from airflow_provider_integrations.core.work_item import END_STATES, State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from demo.environment import airflow_environment
from demo.keys import make_keys
from demo.warehouse import read_totals
from tests.system.demo_runs import Demo

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("gpg") is None, reason="the demo needs the Debian package gnupg"),
]

CONF = {"wait": False, "replay": {"from": "2025-11-03", "to": "2025-11-05"}}


def test_a_replay_by_the_airflow_command_decodes_the_kept_originals_again_and_changes_no_row(demo: Demo) -> None:
    home = demo.home
    before = read_totals(home)
    done = subprocess.run(
        ["airflow", "dags", "trigger", "partner_intake__acme_customers", "-c", json.dumps(CONF)],
        env=airflow_environment(home, make_keys(home)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ledger = Ledger.connect(f"sqlite:///{home / 'ledger.sqlite'}")
    deadline = time.monotonic() + 240
    replayed: list[WorkItem] = []
    while time.monotonic() < deadline:
        replayed = [item for item in ledger.items.list(limit=None) if item.replay_of]
        if len(replayed) == 3 and all(item.state in END_STATES for item in replayed):
            break
        time.sleep(1)
    assert [item.state for item in replayed] == [State.ARCHIVED] * 3, [(i.name, i.state, i.detail) for i in replayed]
    for item in replayed:
        first = ledger.items.get(str(item.replay_of))
        for fact in ("version", "plaintext_sha256", "rows_landed", "rows_rejected", "rows_gated"):
            assert item.facts[fact] == first.facts[fact], fact
        assert item.facts["batch_id"] != first.facts["batch_id"]
    after = read_totals(home)
    assert (after.versions, after.customers, after.balance) == (before.versions, before.customers, before.balance)
    assert after.batches == before.batches + 3
