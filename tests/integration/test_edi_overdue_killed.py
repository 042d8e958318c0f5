"""SIGKILL at every boundary of telling what is overdue or refused, over HTTP: one incident, one resolution."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_integrations.core.interchange import Level, Pair, Sending, SendingGroup, SentStatus, Statement
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import utc_now
from tests.fakes.events_api import ROUTING_KEY, EventsApi, events_api
from tests.fakes.ledgers import migrated

pytestmark = pytest.mark.integration

PAIR = Pair("x12", "ZZ:HUB", "ZZ:ACME")
PROGRAM = """
import os, signal, sys
from airflow_provider_integrations.connectors.edi.telling import tell_account
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

tell_account(Ledger.connect(ledger), utc_now(), notify, owner="edi_overdue/run/tell/-1", boundary=boundary)
print(seen)
"""


class Case:
    """One account, its receiver of alerts, and processes that tell and are killed."""

    def __init__(self, folder: Path, api: EventsApi) -> None:
        self.api = api
        self.url = f"sqlite:///{folder}/ledger.db"
        self.ledger = Ledger.connect(self.url)
        migrated(self.ledger)

    def run(self, at: int) -> subprocess.CompletedProcess[str]:
        """Tell in a process of its own, which ends at its n-th boundary; 0 for none."""
        command = [sys.executable, "-c", PROGRAM, self.url, self.api.url, ROUTING_KEY, str(at)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def killed(self, *at: int) -> None:
        for boundary in at:
            assert self.run(boundary).returncode == -signal.SIGKILL

    def hear(self, status: SentStatus, *controls: str) -> None:
        name = f"/in/{len(self.ledger.items.list(limit=None))}"
        [item] = self.ledger.items.discover("acme", [RemoteFile(name, 1, 1)], listed_at=utc_now())
        said = [Statement(PAIR, "997", Level.GROUP, control, status) for control in controls]
        self.ledger.interchanges.acknowledged(said, item.id)


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with events_api() as api:
        made = Case(tmp_path, api)
        yield made
        made.ledger.close()


def send(case: Case) -> None:
    due = utc_now() - timedelta(hours=1)
    groups = tuple(SendingGroup(control, "PO", due) for control in ("5", "6"))
    case.ledger.interchanges.sent(Sending(PAIR, "17", "batch", "ab" * 32, groups))


def test_killed_at_every_boundary_it_is_one_incident_and_one_resolution(case: Case) -> None:
    send(case)
    # Each run takes up where the last one was killed: marked, raised, then a sending a run.
    case.killed(1, 2, 3, 4)
    assert case.run(0).stdout.strip() == "3"
    assert (case.api.incidents, len(case.api.opened)) == (2, 2)
    assert {event["event_action"] for event in case.api.taken} == {"trigger"}

    case.hear(SentStatus.ACCEPTED, "5", "6")
    case.killed(3, 4)
    assert case.run(0).returncode == 0
    assert (case.api.incidents, case.api.opened) == (2, set())
    said_before = len(case.api.taken)
    assert case.run(0).stdout.strip() == "2"
    assert len(case.api.taken) == said_before


def test_killed_at_every_boundary_a_refusal_is_one_incident_too(case: Case) -> None:
    send(case)
    case.hear(SentStatus.REJECTED, "5", "6")
    case.killed(1, 2, 3, 4)
    assert case.run(0).stdout.strip() == "3"
    assert (case.api.incidents, len(case.api.opened)) == (2, 2)
    assert {event["payload"]["class"] for event in case.api.taken} == {"edi-refused"}

    case.hear(SentStatus.ACCEPTED, "5")
    [left] = case.ledger.interchanges.refusals()
    case.ledger.interchanges.settle_sent(left.sent.number, who="ann", why="sent by post")
    case.killed(1, 2, 3, 4)
    assert case.run(0).returncode == 0
    assert (case.api.incidents, case.api.opened) == (2, set())
    said_before = len(case.api.taken)
    assert case.run(0).stdout.strip() == "2"
    assert len(case.api.taken) == said_before
