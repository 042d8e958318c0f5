"""Rows that are in the warehouse are closed, those that were released go back to the gate, and nothing else moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from upath import UPath

from airflow_provider_integrations.connectors.edi.job import EdiJob
from airflow_provider_integrations.connectors.edi.settle_rows import land_released, settle_rows
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.include import guide_book, read_edi_source
from airflow_provider_integrations.ledger.ledger import Ledger

SOURCE = "acme_edi__orders"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
FOLDER = {"folder": "bronze/x", "batch_id": "b"}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger.connect("sqlite://", clock=lambda: NOW) as made:
        made.migrate()
        yield made


def item(ledger: Ledger, path: str, *states: State, source: str = SOURCE) -> WorkItem:
    (made,) = ledger.items.discover(source, [RemoteFile(path, 1, 0)], listed_at=NOW)
    for state in states:
        claim = ledger.items.claim(made.id, "worker", states=list(State), lease=timedelta(minutes=1))
        assert claim is not None
        made = ledger.items.advance(claim[1], state, facts=FOLDER if state is State.LANDED else None)
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


def test_rows_that_were_released_go_to_the_gate_again_as_they_were_landed(ledger: Ledger, tmp_path: Path) -> None:
    """A release takes an item back to its beginning, and no intake knows of rows: they would wait there for ever."""
    refused = item(ledger, "a/orders", State.LANDED, State.QUARANTINED)
    unlanded = item(ledger, "b/orders", State.QUARANTINED)
    waiting = item(ledger, "c/orders")
    others = item(ledger, "a/orders", State.LANDED, State.QUARANTINED, source="beta_edi__orders")
    for one in (refused, unlanded, others):
        ledger.items.release(one.id, who="me", why="the suite was wrong")
    include = Path(__file__).parents[4] / "include"
    source = read_edi_source(include, "acme_edi")
    book = guide_book(include, source.agreement)
    job = EdiJob(source, book, ledger, UPath(tmp_path), tmp_path, "me")
    assert [one.id for one in land_released(job)] == [refused.id]
    assert land_released(job) == []
    assert [ledger.items.get(one.id).state for one in (refused, unlanded, waiting, others)] == [
        State.LANDED, State.DISCOVERED, State.DISCOVERED, State.DISCOVERED,
    ]  # fmt: skip
    assert ledger.items.get(refused.id).facts.items() >= FOLDER.items()
