"""What a run has to do without a new file; a real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.sftp_pgp.discover import unfinished
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated

WAY = (State.DISCOVERED, State.LANDED, State.GATED, State.LOADED, State.ARCHIVED)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as made:
        migrated(made)
        yield made


def brought(ledger: Ledger, source: str, *states: State) -> WorkItem:
    item = ledger.items.enter(source, RemoteFile(f"/in/{source}", 1, 1), facts={})
    for state in states:
        taken = ledger.items.claim(item.id, "w", states=list(State), lease=timedelta(minutes=1))
        assert taken
        item = ledger.items.advance(taken[1], state, reason="edi_rejected" if state is State.QUARANTINED else None)
    return item


@pytest.mark.parametrize("steps", range(1, 5), ids=[state.value for state in WAY[:4]])
@pytest.mark.parametrize("source", ["acme", "acme__orders"])
def test_what_is_on_its_way_is_unfinished_wherever_it_is(ledger: Ledger, source: str, steps: int) -> None:
    assert not unfinished(ledger, "acme", ["acme__orders"])
    brought(ledger, source, *WAY[1:steps])
    assert unfinished(ledger, "acme", ["acme__orders"])


def test_what_is_done_and_what_others_take_up_is_not(ledger: Ledger) -> None:
    ledger.items.disposed(brought(ledger, "acme", *WAY[1:]).id, "archive")
    brought(ledger, "acme__orders", *WAY[1:])
    brought(ledger, "acme__left")
    brought(ledger, "other")
    assert not unfinished(ledger, "acme", ["acme__orders"])


def test_a_refused_file_that_lies_in_the_inbox_is_still_to_be_moved(ledger: Ledger) -> None:
    item = brought(ledger, "acme", State.QUARANTINED)
    assert unfinished(ledger, "acme")
    ledger.items.disposed(item.id, "quarantine")
    assert not unfinished(ledger, "acme")
    # Of rows there is no file.
    brought(ledger, "acme__orders", State.QUARANTINED)
    assert not unfinished(ledger, "acme", ["acme__orders"])
    ledger.items.release(item.id, who="ann", why="it is fine")
    assert unfinished(ledger, "acme")
