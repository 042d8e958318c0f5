"""Rows that are in the warehouse are closed, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_integrations.connectors.edi.settle_rows import settle_rows
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated

SOURCE = "acme_edi__orders"
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger.connect("sqlite://", clock=lambda: NOW) as made:
        migrated(made)
        yield made


def item(ledger: Ledger, path: str, *states: State, source: str = SOURCE, **facts: str) -> WorkItem:
    (made,) = ledger.items.discover(source, [RemoteFile(path, 1, 0)], listed_at=NOW)
    for state in states:
        claim = ledger.items.claim(made.id, "worker", states=list(State), lease=timedelta(minutes=1))
        assert claim is not None
        made = ledger.items.advance(claim[1], state, facts=facts if state is State.LANDED else None)
    return made


LOADED = (State.LANDED, State.GATED, State.LOADED)


def test_loaded_rows_are_archived_and_what_is_on_its_way_or_anothers_stays(ledger: Ledger) -> None:
    done = item(ledger, "a/orders", *LOADED)
    gated = item(ledger, "b/orders", *LOADED[:2])
    other = item(ledger, "a/order_lines", *LOADED, source="acme_edi__order_lines")
    settle_rows(ledger, SOURCE)
    settle_rows(ledger, SOURCE)
    assert [ledger.items.get(one.id).state for one in (done, gated, other)] == [
        State.ARCHIVED, State.GATED, State.LOADED,
    ]  # fmt: skip
    assert ledger.items.get(done.id).facts["moved_to"] == "settled"
    assert ledger.watermarks.get(SOURCE) is None


def test_rows_that_another_worker_holds_are_left_to_it(ledger: Ledger) -> None:
    held = item(ledger, "a/orders", *LOADED)
    assert ledger.items.claim(held.id, "another", states=[State.LOADED], lease=timedelta(minutes=1))
    settle_rows(ledger, SOURCE)
    assert ledger.items.get(held.id).state is State.LOADED


def test_a_replay_is_of_documents_and_not_of_their_rows_or_of_what_was_sent(ledger: Ledger) -> None:
    """Nobody would take up the new items: rows come of documents, and an outbox of what was enqueued."""
    document = item(ledger, "/outbound/edi/a", State.LANDED, source="acme_edi", folder="bronze/a")
    item(ledger, f"{document.id}/orders", State.LANDED, State.QUARANTINED, parent=document.id, folder="bronze/b")
    sent = {"kept": "outbox/a", "seal": "yes"}
    ledger.items.enter("acme_edi__outbox", RemoteFile("/inbound/edi/a", 1, 0), facts=sent)
    day, again = NOW.date(), {"request": "r", "who": "me"}
    assert ledger.items.replay(SOURCE, day, day, **again) == []
    assert ledger.items.replay("acme_edi__outbox", day, day, **again) == []
    assert [one.replay_of for one in ledger.items.replay("acme_edi", day, day, **again)] == [document.id]
