"""How far backfills are, as a person sees it: done of total, rate, ETA and gaps; names are the plant's and are escaped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from upath import UPath

from airflow_provider_integrations.connectors.historian.runs import Asked, plan_items
from airflow_provider_integrations.core.gap import Gap, GapChanges, GapReason, KnownGap
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.historian import ProgressRecord
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.ui.app import make_app
from airflow_provider_integrations.ui.historian_page import historian_page, runs_of
from tests.fakes.historian_source import historian_job, minutes, read, span_of
from tests.fakes.ledgers import migrated

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
HOUR_NS = 3_600_000_000_000


def item(number: int, state: State, run: str = "span-1", **facts: object) -> WorkItem:
    """Two tags over an hour."""
    given = {"run": run, "why": "span", "tags": [["a", "a"], ["b", "b"]], "begin": 0, "end": HOUR_NS, **facts}
    return WorkItem(str(number), "plant1", f"historian/{run}/item-{number:04d}", 1, 0, 0, state, NOW, NOW, facts=given)


def told(number: int, **changes: object) -> ProgressRecord:
    kept = ProgressRecord(str(number), "plant1", "span-1", 7200.0, 3600.0, 0.0, 5000, 10.0, NOW)
    return replace(kept, **changes)  # type: ignore[arg-type]


def test_what_is_landed_counts_whole_and_what_is_read_by_what_it_says() -> None:
    items = [item(1, State.ARCHIVED, rows_landed=100), item(2, State.DISCOVERED), item(3, State.DISCOVERED)]
    [run] = runs_of(items, [told(2)], NOW)
    assert (run.seconds_done, run.seconds_total) == (7200 + 3600, 3 * 7200)
    assert (run.samples, run.rate) == (5100, 500.0)
    assert run.eta == timedelta(seconds=(21600 - 10800) / 360)
    assert run.share == 0.5


def test_the_pace_is_that_of_who_reads_now() -> None:
    items = [item(1, State.DISCOVERED)]
    resumed = told(1, seconds_before=3500.0)
    assert runs_of(items, [resumed], NOW)[0].eta == timedelta(seconds=3600 / 10), "not of what was there before"
    [silent] = runs_of(items, [told(1, updated_at=NOW - timedelta(minutes=5))], NOW)
    assert (silent.eta, silent.rate) == (None, 0.0)
    [nothing] = runs_of(items, [told(1, elapsed=0.0)], NOW)
    assert nothing.eta is None


def test_a_run_that_is_done_says_so_and_one_that_was_given_up_is_not_shown() -> None:
    [run] = runs_of([item(1, State.ARCHIVED), item(2, State.DUPLICATE, run="begin.0")], [], NOW)
    assert (run.run, run.share, run.eta) == ("span-1", 1.0, timedelta())


def test_of_very_many_runs_the_latest_are_shown_and_the_others_counted() -> None:
    items = [
        replace(item(at, State.ARCHIVED, run=f"run-{at:04d}"), discovered_at=NOW + timedelta(days=at))
        for at in range(1000)
    ]
    page = historian_page("plant1", runs_of(items, [], NOW), ())
    assert page.count("<code>run-") == 200
    assert "run-0999" in page
    assert "run-0799" not in page
    assert "800 earlier ones are in the ledger" in page


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path / 'ledger.db'}") as made:
        yield migrated(made)


@pytest.fixture
def client(ledger: Ledger, tmp_path: Path) -> TestClient:
    job = historian_job(ledger, tmp_path, {"<b>pump</b>": minutes(120)}, window="PT1H")
    items = plan_items(job, Asked("manual", span=span_of(0, 2)))
    read(job, items[:1])
    hole = Gap("<b>pump</b>", 0, HOUR_NS, GapReason.MISSING, 60, 3)
    ledger.historian.merge_gaps("plant1", lambda known: GapChanges(opened=(KnownGap(hole, NOW),)))
    app = make_app(
        may_read=lambda: None,
        items=lambda: ledger.items,
        docs=lambda: UPath(tmp_path / "docs"),
        historian=lambda: ledger.historian,
    )
    return TestClient(app, root_path="/integrations")


def test_the_page_shows_runs_and_gaps_and_escapes_names(client: TestClient) -> None:
    page = client.get("/integrations/historian/plant1")
    assert page.status_code == 200
    assert "<b>" not in page.text
    assert "&lt;b&gt;pump" in page.text
    assert "50.0 %" in page.text
    assert "1.0 of 2.0" in page.text
    assert "1 discovered, 1 landed" in page.text
    assert "1 missing" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_same_is_given_as_json(client: TestClient) -> None:
    given = client.get("/integrations/historian/plant1", headers={"Accept": "application/json"}).json()
    [run] = given["runs"]
    assert (run["share"], run["items"], run["samples"]) == (0.5, {"discovered": 1, "landed": 1}, 60)
    assert given["open_gaps"] == {"missing": 1}


def test_a_source_without_backfills_is_not_found(client: TestClient) -> None:
    assert client.get("/integrations/historian/acme").status_code == 404
