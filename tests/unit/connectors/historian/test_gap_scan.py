"""Gaps by what was landed: found, asked for ever more seldom, filled by what is missing alone, and closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.historian.gap_scan import due_gaps, look_for_gaps, plan_fill
from airflow_provider_integrations.connectors.historian.runs import Asked
from airflow_provider_integrations.core.gap import GapReason, KnownGap
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.historian_source import BEGIN, HOUR, bronze, historian_job, load, minutes, read, run_through, span_of
from tests.fakes.ledgers import migrated
from tests.fakes.model_historian import ModelHistorian

MINUTE = HOUR // 60
WHOLE = {"a": minutes(300), "b": minutes(300, base=1000.0)}
HOLED = {"a": minutes(300, without=range(60, 90)), "b": WHOLE["b"]}


@pytest.fixture
def clock() -> list[datetime]:
    return [datetime.now(UTC)]


@pytest.fixture
def ledger(clock: list[datetime]) -> Iterator[Ledger]:
    with Ledger.connect("sqlite://", clock=lambda: clock[0]) as ledger:
        yield migrated(ledger)


def spans(gaps: list[KnownGap] | tuple[KnownGap, ...]) -> list[tuple[str, str, float, float]]:
    return [
        (each.gap.tag, each.gap.reason.value, (each.gap.begin - BEGIN) / MINUTE, (each.gap.end - BEGIN) / MINUTE)
        for each in gaps
    ]


def test_a_gap_is_found_filled_by_what_is_missing_alone_and_closed(
    ledger: Ledger, tmp_path: Path, clock: list[datetime]
) -> None:
    job = historian_job(ledger, tmp_path, HOLED, clock=lambda: clock[0])
    assert look_for_gaps(job, by="look").opened == (), "nothing was read: nobody knows of gaps"
    run_through(job, Asked("scheduled", until=BEGIN + 5 * HOUR))
    assert spans(due_gaps(job)) == [("a", "missing", 60, 90)]
    assert ledger.historian.gaps("plant1") == [], "a sensor writes nothing"
    look_for_gaps(job, by="look-1")
    [gap] = ledger.historian.gaps("plant1")
    assert (gap.gap.reason, gap.gap.expected, gap.gap.found) == (GapReason.MISSING, 30, 0)
    # The values came late.
    server = ModelHistorian(dict(WHOLE), cap=50)
    job = historian_job(ledger, tmp_path, WHOLE, reader=server, clock=lambda: clock[0])
    clock[0] += timedelta(minutes=1)
    items = plan_fill(job, request="fill-1")
    assert [[name for name, _ in item.facts["tags"]] for item in items] == [["a"]]
    read(job, items)
    load(job)
    asked = [span for _, span in server.windows]
    assert min(span.begin for span in asked) >= BEGIN + 59 * MINUTE
    assert max(span.end for span in asked) <= BEGIN + 90 * MINUTE
    assert look_for_gaps(job, by="fill-1").closed != ()
    assert ledger.historian.gaps("plant1") == []
    [closed] = ledger.historian.gaps("plant1", closed=True)
    assert (closed.closed_by, closed.attempts) == ("fill-1", 1)
    assert look_for_gaps(job, by="again") == look_for_gaps(job, by="and again"), "the same changes nothing"
    assert len({(row["tag"], row["ts_ns"]) for row in bronze(job)}) == 600


def test_what_the_server_does_not_have_is_asked_for_ever_more_seldom(
    ledger: Ledger, tmp_path: Path, clock: list[datetime]
) -> None:
    job = historian_job(
        ledger, tmp_path, HOLED, clock=lambda: clock[0], gaps={"attempts": 3, "wait": "PT6H", "look_back": "P300D"}
    )
    run_through(job, Asked("scheduled", until=BEGIN + 5 * HOUR))
    asked = []
    for hour in range(72):
        look_for_gaps(job, by=f"look-{hour}")
        if items := plan_fill(job, request=f"fill-{hour}"):
            asked.append(hour)
            read(job, items)
            load(job)
        clock[0] += timedelta(hours=1)
    assert asked == [0, 6, 18], "at once, after six hours, after twelve more; and then it is left to people"
    [gap] = ledger.historian.gaps("plant1")
    assert gap.attempts == 3


def test_a_fill_is_planned_once_for_a_request(ledger: Ledger, tmp_path: Path, clock: list[datetime]) -> None:
    job = historian_job(ledger, tmp_path, HOLED, clock=lambda: clock[0])
    run_through(job, Asked("scheduled", until=BEGIN + 5 * HOUR))
    look_for_gaps(job, by="look")
    items = plan_fill(job, request="fill")
    assert items
    assert [item.id for item in plan_fill(job, request="fill")] == [item.id for item in items]
    assert [gap.attempts for gap in ledger.historian.gaps("plant1")] == [1]


def test_the_newer_of_two_readings_counts(ledger: Ledger, tmp_path: Path, clock: list[datetime]) -> None:
    """Values that were withdrawn leave a gap, though an older batch has them."""
    job = historian_job(ledger, tmp_path, WHOLE, clock=lambda: clock[0])
    run_through(job, Asked("scheduled", until=BEGIN + 5 * HOUR))
    assert due_gaps(job) == ()
    clock[0] += timedelta(hours=1)
    job = historian_job(ledger, tmp_path, HOLED, clock=lambda: clock[0])
    run_through(job, Asked("manual", span=span_of(1, 2)))
    assert spans(due_gaps(job)) == [("a", "missing", 60, 90)]


def test_a_source_without_a_watermark_is_looked_at_as_far_as_it_was_read(
    ledger: Ledger, tmp_path: Path, clock: list[datetime]
) -> None:
    job = historian_job(ledger, tmp_path, HOLED, clock=lambda: clock[0])
    run_through(job, Asked("manual", span=span_of(0, 1.25)))
    assert spans(due_gaps(job)) == [("a", "missing", 60, 75)]
