"""SIGKILL at every boundary of telling what is overdue, over HTTP: one incident, one resolution."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_integrations.core.interchange import Level, Pair, Sending, SendingGroup, SentStatus, Statement
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import utc_now
from tests.fakes.events_api import ROUTING_KEY, events_api

pytestmark = pytest.mark.integration

PAIR = Pair("x12", "ZZ:HUB", "ZZ:ACME")
PROGRAM = """
import os, signal, sys
from airflow_provider_integrations.connectors.edi.overdue import tell_overdue
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.pagerduty import Endpoint, send
from airflow_provider_integrations.system import utc_now

ledger, url, key, at = sys.argv[1:]
seen = 0

def boundary(name):
    global seen
    seen += 1
    if str(seen) == at:
        os.kill(os.getpid(), signal.SIGKILL)

def notify(action, alert):
    send(Endpoint(url, key), action, alert)
    return True

tell_overdue(Ledger.connect(ledger), utc_now(), notify, owner="edi_overdue/run/tell/-1", boundary=boundary)
print(seen)
"""


def test_killed_at_every_boundary_it_is_one_incident_and_one_resolution(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with events_api() as api, Ledger.connect(url) as ledger:
        ledger.migrate()

        def run(at: int) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-c", PROGRAM, url, api.url, ROUTING_KEY, str(at)]
            return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

        due = utc_now() - timedelta(hours=1)
        groups = tuple(SendingGroup(control, "PO", due) for control in ("5", "6"))
        ledger.interchanges.sent(Sending(PAIR, "17", "batch", "ab" * 32, groups))
        # Each run takes up where the last one was killed: marked, raised, then a sending a run.
        for at in (1, 2, 3, 4):
            assert run(at).returncode == -signal.SIGKILL
        assert run(0).stdout.strip() == "3"
        assert (api.incidents, len(api.opened)) == (2, 2)
        assert {event["event_action"] for event in api.taken} == {"trigger"}

        [item] = ledger.items.discover("acme", [RemoteFile("/in/997", 1, 1)], listed_at=utc_now())
        said = [Statement(PAIR, "997", Level.GROUP, control, SentStatus.ACCEPTED) for control in ("5", "6")]
        ledger.interchanges.acknowledged(said, item.id)
        for at in (3, 4):
            assert run(at).returncode == -signal.SIGKILL
        assert run(0).returncode == 0
        assert (api.incidents, api.opened) == (2, set())
        said_before = len(api.taken)
        assert run(0).stdout.strip() == "2"
        assert len(api.taken) == said_before
