"""Runs by the ledger without a socket: planned once, read, landed, settled, and killed wherever it may happen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.landing import read_items
from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag
from airflow_provider_integrations.connectors.historian.runs import Asked, plan_items, plan_of
from airflow_provider_integrations.connectors.historian.settle import position_of, settle_historian
from airflow_provider_integrations.core.errors import ClaimLostError, ConfigError, ConnectionLostError, TransientError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.historian_source import (
    BEGIN,
    HOUR,
    bronze,
    historian_job,
    load,
    minutes,
    read,
    run_through,
    span_of,
)
from tests.fakes.ledgers import migrated
from tests.fakes.model_historian import ModelHistorian

TAGS = {"a": minutes(300), "b": minutes(300, base=1000.0), "c": minutes(300, base=2000.0)}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger.connect("sqlite://") as ledger:
        yield migrated(ledger)


@pytest.fixture
def job(ledger: Ledger, tmp_path: Path) -> HistorianJob:
    return historian_job(ledger, tmp_path, TAGS, window="PT2H", tags_per_item=2, reread="PT1H")


def position(job: HistorianJob) -> int | None:
    return position_of(job.ledger.watermarks.get("plant1"))


def keys(rows: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return sorted((row["tag"], row["ts_ns"], row["ordinal"]) for row in rows)


def expected(first: int, last: int, tags: str = "abc") -> list[tuple[str, int, int]]:
    return sorted((tag, BEGIN + at * HOUR // 60, 0) for tag in tags for at in range(first, last))


def test_the_first_run_begins_where_the_source_says_and_moves_the_watermark(job: HistorianJob) -> None:
    until = BEGIN + 4 * HOUR
    items = run_through(job, Asked("scheduled-1", until=until))
    assert [len(item.facts["tags"]) for item in items] == [2, 1, 2, 1]
    assert keys(bronze(job)) == expected(0, 240), "the end is not part of it"
    assert position(job) == until
    assert {item.state for item in job.ledger.items.list("plant1")} == {State.ARCHIVED}


def test_the_next_run_reads_again_what_may_have_been_corrected(job: HistorianJob) -> None:
    run_through(job, Asked("scheduled-1", until=BEGIN + 3 * HOUR))
    items = run_through(job, Asked("scheduled-2", until=BEGIN + 5 * HOUR))
    assert min(item.facts["begin"] for item in items) == BEGIN + 2 * HOUR
    assert position(job) == BEGIN + 5 * HOUR
    # An hour more to be read again leads not before the beginning of the source.
    again = replace(job, source=job.source.model_copy(update={"reread": timedelta(days=9)}))
    assert plan_of(again, Asked("x", until=BEGIN + 6 * HOUR)).works[0].span.begin == BEGIN


def test_an_interval_that_was_read_is_not_read_again(job: HistorianJob) -> None:
    run_through(job, Asked("scheduled-1", until=BEGIN + 3 * HOUR))
    assert plan_items(job, Asked("scheduled-0", until=BEGIN + 2 * HOUR)) == []
    assert position(job) == BEGIN + 3 * HOUR


def test_a_span_moves_no_watermark_and_names_its_tags(job: HistorianJob) -> None:
    items = run_through(job, Asked("manual-1", span=span_of(1, 2), tags=("a", "[bx]"), newest_first=True))
    assert keys(bronze(job)) == expected(60, 120, "ab")
    assert position(job) is None
    assert {item.state for item in items} == {State.LANDED}
    with pytest.raises(ConfigError, match="names no tag") as told:
        plan_items(job, Asked("manual-2", span=span_of(1, 2), tags=("a", "z*")))
    assert told.value.values["patterns"] == ["z*"]


def test_a_run_that_is_tried_again_has_the_plan_that_it_had(job: HistorianJob) -> None:
    first = plan_items(job, Asked("manual-1", span=span_of(0, 4)))
    again = plan_items(job, Asked("manual-1", span=span_of(0, 9)))
    assert [item.id for item in again] == [item.id for item in first]
    assert plan_items(job, Asked("scheduled", until=BEGIN + HOUR)) == plan_items(
        job, Asked("scheduled again", until=BEGIN + 2 * HOUR)
    )


def test_a_value_that_is_not_there_any_more_leaves_an_item_that_says_so(ledger: Ledger, tmp_path: Path) -> None:
    job = historian_job(ledger, tmp_path, {"a": minutes(0)})
    [item] = run_through(job, Asked("manual", span=span_of(0, 1)))
    assert (item.state, item.facts["rows_read"], item.facts["rows_loaded"]) == (State.LOADED, 0, 0)
    assert bronze(job) == []
    assert item.facts["version"] > "2026-02-01"


def test_a_run_on_the_schedule_takes_up_what_was_left_for_an_hour(ledger: Ledger, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    job = historian_job(ledger, tmp_path, TAGS, clock=lambda: now)
    left = {item.id for item in plan_items(job, Asked("manual-1", span=span_of(0, 1)))}
    assert not left & {item.id for item in plan_items(job, Asked("scheduled", until=BEGIN + HOUR))}
    now += timedelta(hours=2)
    assert left < {item.id for item in plan_items(job, Asked("scheduled", until=BEGIN + HOUR))}


def test_a_run_is_settled_when_it_is_marked_what_is_gone_of_all_its_items(job: HistorianJob) -> None:
    read(job, plan_items(job, Asked("scheduled-1", until=BEGIN + 2 * HOUR)))
    load(job, settles=False)
    loaded = [item.id for item in job.ledger.items.list("plant1", [State.LOADED])]
    settle_historian(job.ledger, "plant1", marked=loaded[:1])
    assert position(job) is None
    settle_historian(job.ledger, "plant1", marked=loaded)
    assert position(job) == BEGIN + 2 * HOUR


def test_a_worker_that_dies_between_the_watermark_and_the_items_leaves_them_to_be_closed(job: HistorianJob) -> None:
    read(job, plan_items(job, Asked("scheduled-1", until=BEGIN + 2 * HOUR)))
    load(job, settles=False)
    items = job.ledger.items.list("plant1", [State.LOADED])
    job.ledger.watermarks.begin("plant1", Watermark((BEGIN + 2 * HOUR,), engine="historian"))
    with holding(job.ledger, "settle/plant1") as held:  # And one of them was closed.
        [one] = held.take_all([items[0].id], State.LOADED)
        held.advance(one, State.ARCHIVED)
    settle_historian(job.ledger, "plant1")
    assert {item.state for item in job.ledger.items.list("plant1")} == {State.ARCHIVED}
    assert position(job) == BEGIN + 2 * HOUR


def test_a_refused_item_holds_the_watermark(job: HistorianJob) -> None:
    [first, *rest] = read(job, plan_items(job, Asked("scheduled-1", until=BEGIN + 2 * HOUR)))
    with holding(job.ledger, "gate") as held:
        held.take_all([first.id], State.LANDED)
        held.advance(first, State.QUARANTINED, reason=Reason.GATE_FAILED.value)
    load(job)
    assert position(job) is None
    assert rest
    again = plan_items(job, Asked("scheduled-2", until=BEGIN + 3 * HOUR))
    assert min(item.facts["begin"] for item in again) == BEGIN, "the next run reads it all again"


def test_a_run_that_was_overtaken_by_a_rewind_is_given_up(job: HistorianJob) -> None:
    run_through(job, Asked("scheduled-1", until=BEGIN + 2 * HOUR))
    [first, *_] = plan_items(job, Asked("scheduled-2", until=BEGIN + 4 * HOUR))
    stands = job.ledger.watermarks.require("plant1")
    job.ledger.watermarks.rewind("plant1", replace(stands, cursor=(BEGIN + HOUR,)), why="a test", who="test")
    items = plan_items(job, Asked("scheduled-3", until=BEGIN + 4 * HOUR))
    assert job.ledger.items.get(first.id).state is State.DUPLICATE
    assert items
    read(job, items)
    load(job)
    assert position(job) == BEGIN + 4 * HOUR


class Killed(BaseException):
    """Not an Exception: nothing may handle it."""


class Kill:
    """Kills at the n-th boundary that is passed."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, name: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed(name)


def run_killed(make: Callable[[Kill], HistorianJob], asked: Asked, at: int) -> bool:
    """Whether the run ended before it was killed."""
    job = make(Kill(at))
    try:
        run_through(job, asked)
    except Killed:
        return False
    return True


def test_a_run_that_is_killed_at_any_boundary_gives_the_same_bytes(ledger: Ledger, tmp_path: Path) -> None:
    """Each boundary of plan, read and land once; each time all is done again by another worker on the same disk."""
    asked = Asked("scheduled-1", until=BEGIN + 2 * HOUR)
    undisturbed = historian_job(ledger, tmp_path / "quiet", TAGS)
    run_through(undisturbed, asked)
    want = [{**row, "_batch_id": "", "_version": ""} for row in bronze(undisturbed)]
    want.sort(key=lambda row: (row["tag"], row["ts_ns"]))
    place = 1
    while True:
        with Ledger.connect("sqlite://") as own:
            migrated(own)
            folder = tmp_path / str(place)

            def make(kill: Kill, ledger: Ledger = own, folder: Path = folder) -> HistorianJob:
                return historian_job(ledger, folder, TAGS, boundary=kill)

            done = run_killed(make, asked, place)
            job = make(Kill(0))
            if not done:
                run_through(job, asked)
            rows = [{**row, "_batch_id": "", "_version": ""} for row in bronze(job)]
            rows.sort(key=lambda row: (row["tag"], row["ts_ns"]))
            assert rows == want, f"killed at boundary {place}"
            assert position(job) == asked.until
        if done:
            assert not list(job.scratch.glob("*")), "what is landed is removed from the scratch folder"
            break
        place += 1
    assert place > 8, "plan, plan entered, and each page, part, manifest and landing"


class Failing:
    """Breaks after some pages."""

    def __init__(self, inner: ModelHistorian, pages: int) -> None:
        self.inner, self.left = inner, pages

    async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        async for page in self.inner.read(tags, span):
            if self.left <= 0:
                raise ConnectionLostError("gone", next_step="Again.")
            self.left -= 1
            yield page


def test_another_try_goes_on_after_what_was_read(ledger: Ledger, tmp_path: Path) -> None:
    tags = {"a": minutes(300)}
    job = historian_job(ledger, tmp_path, tags, reader=Failing(ModelHistorian(tags, cap=50), 3), at_once=1)
    items = plan_items(job, Asked("manual", span=span_of(0, 5)))
    with pytest.raises(ConnectionLostError):
        read(job, items)
    [item] = [ledger.items.get(item.id) for item in items]
    assert item.state is State.DISCOVERED
    [told] = ledger.historian.progress("plant1")
    assert 0 < told.seconds_done < told.seconds_total == 5 * 3600
    counting = ModelHistorian(tags, cap=50)
    again = replace(job, connect=historian_job(ledger, tmp_path, tags, reader=counting).connect)
    read(again, items)
    assert min(span.begin for _, span in counting.windows) > BEGIN + HOUR, "not from the beginning"
    assert keys(bronze(job)) == expected(0, 300, "a")
    [told] = ledger.historian.progress("plant1")
    assert told.seconds_done == told.seconds_total


def test_samples_that_are_older_than_another_runs_do_not_stand_above_them(ledger: Ledger, tmp_path: Path) -> None:
    """The version of a batch is when its first part was read, also of one that goes on later."""
    tags = {"a": minutes(300)}
    now = datetime(2026, 2, 1, 12, tzinfo=UTC)
    job = historian_job(
        ledger, tmp_path, tags, reader=Failing(ModelHistorian(tags, cap=50), 3), clock=lambda: now, at_once=1
    )
    items = plan_items(job, Asked("manual", span=span_of(0, 5)))
    with pytest.raises(ConnectionLostError):
        read(job, items)
    now += timedelta(days=1)
    [after] = read(replace(job, connect=historian_job(ledger, tmp_path, tags).connect), items)
    assert after.facts["version"].startswith("2026-02-01T12")
    # Where the parts are not, it is read again, and is as new as that.
    other = replace(job, scratch=tmp_path / "another disk", connect=historian_job(ledger, tmp_path, tags).connect)
    [after] = read(other, plan_items(job, Asked("another", span=span_of(0, 5))))
    assert after.facts["version"].startswith("2026-02-02T12")


def test_two_workers_at_once_read_an_item_once(ledger: Ledger, tmp_path: Path) -> None:
    job = historian_job(ledger, tmp_path, TAGS)
    [item] = plan_items(job, Asked("manual", span=span_of(0, 5)))
    other = replace(job, owner="worker-2")

    async def both() -> list[Any]:
        return await asyncio.gather(read_items(job, [item.id]), read_items(other, [item.id]), return_exceptions=True)

    done = asyncio.run(both())
    refused = [each for each in done if isinstance(each, Exception)]
    assert all(isinstance(each, TransientError) for each in refused), refused
    assert len(refused) <= 1
    assert keys(bronze(job)) == expected(0, 300)


def test_a_worker_that_still_reads_without_its_claim_is_waited_for(ledger: Ledger, tmp_path: Path) -> None:
    """A triggerer that took over a trigger, on the disk of the one that it was taken from."""
    job = historian_job(ledger, tmp_path, TAGS)
    [item] = plan_items(job, Asked("manual", span=span_of(0, 5)))

    class Slow(ModelHistorian):
        async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
            with pytest.raises(TransientError, match="at work"):
                await read_items(job, [item.id])
            async for page in super().read(tags, span):
                yield page

    slow = historian_job(ledger, tmp_path, TAGS, reader=Slow(dict(TAGS), cap=500))
    with pytest.raises(ClaimLostError):
        read(slow, [item])
    assert bronze(job) == [], "who has lost the claim lands nothing"
    [after] = read(job, [item])
    assert after.state is State.LANDED
    assert keys(bronze(job)) == expected(0, 300)


def test_a_cancelled_read_gives_its_claim_back_and_keeps_what_it_has(ledger: Ledger, tmp_path: Path) -> None:
    started = asyncio.Event()

    class Endless:
        async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
            started.set()
            await asyncio.sleep(60)
            yield Page(tags[0].name, minutes(0), span.end)

    job = historian_job(ledger, tmp_path, TAGS, reader=Endless())
    [item] = plan_items(job, Asked("manual", span=span_of(0, 5)))

    async def cancelled() -> None:
        task = asyncio.create_task(read_items(job, [item.id]))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    other = replace(historian_job(ledger, tmp_path, TAGS, owner="worker-2"))
    [after] = read(other, [item])
    assert after.state is State.LANDED
