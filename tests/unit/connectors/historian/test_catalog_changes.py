"""Tags that come into the catalog, leave it, or move between the runs of a source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.runs import Asked, plan_items
from airflow_provider_integrations.connectors.historian.settle import position_of
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.historian_source import BEGIN, HOUR, bronze, historian_job, load, minutes, read, run_through
from tests.fakes.ledgers import migrated

TAGS = {"a": minutes(300), "b": minutes(300, base=1000.0), "c": minutes(300, base=2000.0)}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger.connect("sqlite://") as ledger:
        yield migrated(ledger)


@pytest.fixture
def job(ledger: Ledger, tmp_path: Path) -> HistorianJob:
    return historian_job(ledger, tmp_path, TAGS, window="PT2H", tags_per_item=2, reread="PT1H")


def of(job: HistorianJob, names: str) -> HistorianJob:
    return replace(job, entries=tuple(entry for entry in job.entries if entry.name in names))


def spans(job: HistorianJob, until: int) -> dict[str, list[tuple[int, int]]]:
    """Hours of each tag that a run on the schedule reads."""
    found: dict[str, list[tuple[int, int]]] = {}
    for item in run_through(job, Asked(f"until-{until}", until=BEGIN + until * HOUR)):
        for name, _ in item.facts["tags"]:
            hours = ((item.facts["begin"] - BEGIN) // HOUR, (item.facts["end"] - BEGIN) // HOUR)
            found.setdefault(name, []).append(hours)
    return {name: sorted(hours) for name, hours in found.items()}


def test_a_tag_that_is_added_later_is_read_from_the_beginning_once(job: HistorianJob) -> None:
    spans(of(job, "ab"), 3)
    assert spans(job, 4) == {"a": [(2, 4)], "b": [(2, 4)], "c": [(0, 2), (2, 4)]}
    assert len({row["ts_ns"] for row in bronze(job) if row["tag"] == "c"}) == 240
    assert spans(job, 5) == {name: [(3, 5)] for name in "abc"}


def test_a_tag_that_was_away_for_a_while_is_read_again(job: HistorianJob) -> None:
    spans(job, 2)
    spans(of(job, "ab"), 4)
    assert spans(job, 5)["c"] == [(0, 2), (2, 4), (4, 5)]


def test_a_tag_that_is_added_with_a_rewind_is_read_from_the_beginning(job: HistorianJob) -> None:
    spans(of(job, "ab"), 4)
    stands = job.ledger.watermarks.require("plant1")
    job.ledger.watermarks.rewind("plant1", replace(stands, cursor=(BEGIN + 3 * HOUR,)), why="a test", who="test")
    assert spans(job, 5) == {"a": [(2, 4), (4, 5)], "b": [(2, 4), (4, 5)], "c": [(0, 2), (2, 4), (4, 5)]}
    assert spans(job, 6) == {name: [(4, 6)] for name in "abc"}


def test_a_wrong_address_is_corrected_while_its_run_waits(job: HistorianJob) -> None:
    moved = tuple(entry.model_copy(update={"address": f"{entry.name}?"}) for entry in job.entries)
    wrong = replace(job, entries=moved)
    items = plan_items(wrong, Asked("scheduled-1", until=BEGIN + 2 * HOUR))
    with pytest.raises(KeyError):
        read(wrong, items)
    read(job, plan_items(job, Asked("scheduled-2", until=BEGIN + 2 * HOUR)))
    load(job)
    assert position_of(job.ledger.watermarks.get("plant1")) == BEGIN + 2 * HOUR
    assert len(bronze(job)) == 360


def test_a_tag_that_is_taken_out_is_not_read_any_more_and_its_window_is_not_called_read(job: HistorianJob) -> None:
    items = plan_items(job, Asked("scheduled-1", until=BEGIN + 2 * HOUR))
    left = of(job, "a")
    after = read(left, items)
    assert [[name for name, _ in item.facts["tags"]] for item in after] == [["a"], []]
    load(left)
    assert {item.state for item in job.ledger.items.list("plant1")} == {State.ARCHIVED}
    assert {row["tag"] for row in bronze(job)} == {"a"}
    # It comes back: what was left out is read from the beginning.
    assert spans(job, 4) == {"a": [(1, 3), (3, 4)], "b": [(0, 2), (2, 4)], "c": [(0, 2), (2, 4)]}
