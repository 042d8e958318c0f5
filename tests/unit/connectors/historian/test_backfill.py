"""The engine: everything once, whatever the server's cap, its refusals and its lies; what was read is kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.historian.backfill import Limits, Order, run_backfill
from airflow_provider_integrations.connectors.historian.model import (
    Page,
    Span,
    Tag,
    WindowTooLargeError,
    from_iso,
    unread,
)
from airflow_provider_integrations.connectors.historian.parts import Parts
from airflow_provider_integrations.connectors.historian.progress import Progress
from airflow_provider_integrations.connectors.historian.samples import SAMPLES, empty_page, samples_table
from airflow_provider_integrations.connectors.historian.windows import DAY, Sizing
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    PermanentError,
    SystemicError,
)
from tests.fakes.model_historian import ModelHistorian, history, instants_of

SPAN = Span(0, 10 * DAY)
SERIES = {tag: history(seed, 2_000, SPAN, runs=30) for seed, tag in enumerate(("a", "b", "c"))}
ORDER = Order(tuple(Tag(name, name) for name in SERIES), SPAN)
QUICK = Limits(keep=0.0)


def backfill(reader: object, folder: Path, order: Order = ORDER, **more: object) -> Progress:
    with Parts(folder) as parts:
        return asyncio.run(run_backfill(reader, order, parts, **more))  # type: ignore[arg-type]


def assert_whole(folder: Path, order: Order = ORDER) -> None:
    parts = Parts(folder)
    for tag in order.tags:
        assert parts.read_spans(tag.name) == (order.span,)
        found = pa.concat_tables([SAMPLES.empty_table(), *parts.tables(tag.name, rows=500)])
        assert found.equals(samples_table(tag.name, SERIES[tag.address])), tag.name


@pytest.mark.parametrize("cap", [1, 7, 1_000, 10_000])
@pytest.mark.parametrize("newest_first", [False, True])
def test_everything_is_there_once_whatever_the_cap(tmp_path: Path, cap: int, newest_first: bool) -> None:
    done = backfill(ModelHistorian(SERIES, cap=cap), tmp_path / "p", replace(ORDER, newest_first=newest_first))
    assert (done.samples, done.share, done.eta) == (6_000, 1, 0)
    assert_whole(tmp_path / "p")


@pytest.mark.parametrize("most", [41, 300, 5_000])
def test_a_window_that_the_server_refuses_is_split(tmp_path: Path, most: int) -> None:
    reader = ModelHistorian(SERIES, cap=100, most=most)
    backfill(reader, tmp_path / "p")
    assert_whole(tmp_path / "p")


def test_a_server_that_refuses_an_instant_is_told_with_it(tmp_path: Path) -> None:
    crowded = history(1, 2_000, SPAN, runs=40)
    longest = max(Counter(instants_of(crowded).tolist()).values())
    with pytest.raises(PermanentError, match="a single instant") as caught:
        backfill(
            ModelHistorian({"b": crowded}, most=longest - 1), tmp_path / "p", replace(ORDER, tags=(Tag("b", "b"),))
        )
    begin, end = (from_iso(caught.value.values[name]) for name in ("unread_from", "unread_to"))
    assert end - begin == 1
    assert Counter(instants_of(crowded).tolist())[begin] == longest


def test_a_second_run_asks_for_nothing(tmp_path: Path) -> None:
    backfill(ModelHistorian(SERIES), tmp_path / "p")
    again = ModelHistorian(SERIES)
    assert backfill(again, tmp_path / "p").samples == 0
    assert again.windows == []


def test_no_more_windows_than_allowed_are_under_way(tmp_path: Path) -> None:
    class Counting(ModelHistorian):
        now = most = 0

        async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            async for page in super().read(tags, span):
                yield page
            self.now -= 1

    reader = Counting(SERIES)
    backfill(reader, tmp_path / "p", limits=Limits(at_once=3, together=1, sizing=Sizing(width=DAY)))
    assert reader.most == 3


class Failing(ModelHistorian):
    """Ends with an error after some pages."""

    def __init__(self, after: int, error: Callable[[str, Span], BaseException]) -> None:
        super().__init__(SERIES, cap=50)
        self._left, self._error = after, error

    async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        async for page in super().read(tags, span):
            if self._left == 0:
                raise self._error(page.tag, Span(page.read_to, span.end))
            self._left -= 1
            yield page


def lost(tag: str, span: Span) -> IntegrationError:
    return unread(ConnectionLostError, "gone", tag, span, next_step="Try again.")


@pytest.mark.parametrize("after", [0, 1, 17, 60])
def test_what_was_read_before_an_error_is_kept_and_the_next_run_goes_on(tmp_path: Path, after: int) -> None:
    with pytest.raises(ConnectionLostError) as caught:
        backfill(Failing(after, lost), tmp_path / "p")
    assert {"tag", "unread_from", "unread_to"} <= caught.value.values.keys()
    kept = sum(Parts(tmp_path / "p").rows(tag) for tag in SERIES)
    assert kept >= after * 40
    done = backfill(ModelHistorian(SERIES, cap=50), tmp_path / "p")
    assert done.samples == 6_000 - kept
    assert_whole(tmp_path / "p")


def test_what_was_read_before_a_bug_of_the_reader_is_kept_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        backfill(Failing(20, lambda *_: ZeroDivisionError()), tmp_path / "p")
    assert sum(Parts(tmp_path / "p").rows(tag) for tag in SERIES) >= 800


def test_the_readers_resources_are_let_go_when_another_window_fails(tmp_path: Path) -> None:
    closed = []

    class Slow(ModelHistorian):
        async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
            try:
                if tags[0].name == "c":
                    raise lost("c", span)
                async for page in super().read(tags, span):
                    await asyncio.sleep(0)
                    yield page
            finally:
                closed.append(tags[0].name)

    with pytest.raises(ConnectionLostError):
        backfill(Slow(SERIES, cap=1), tmp_path / "p", limits=Limits(at_once=3, together=1))
    assert sorted(closed) == ["a", "b", "c"]


def shifted(page: Page, by: int) -> pa.RecordBatch:
    ts = page.samples.column("ts").cast(pa.int64()).to_numpy() + by
    return page.samples.set_column(
        0, page.samples.schema.field("ts"), pa.array(ts).cast(page.samples.schema.field("ts").type)
    )


def without_status(samples: pa.RecordBatch) -> pa.RecordBatch:
    nothing = pa.array([None] * samples.num_rows, pa.uint32())
    place = samples.schema.get_field_index("status")
    return samples.set_column(place, samples.schema.field("status"), nothing)


def reversed_rows(samples: pa.RecordBatch) -> pa.RecordBatch:
    return samples.take(pa.array(np.arange(samples.num_rows)[::-1].copy()))


LIES: dict[str, Callable[[Page], Page | None]] = {
    "ends without its last page": lambda page: None if page.read_to % DAY == 0 else page,
    "ends without a page": lambda page: None,
    "brings the reading no further": lambda page: replace(page, read_to=page.read_to - 5 * DAY),
    "ends after the window": lambda page: replace(page, read_to=page.read_to + 100 * DAY),
    "a sample from before": lambda page: replace(page, samples=shifted(page, -2 * DAY)),
    "a sample from after": lambda page: replace(page, samples=shifted(page, 2 * DAY)),
    "not in the order": lambda page: replace(page, samples=reversed_rows(page.samples)),
    "its ordinals": lambda page: replace(page, samples=pa.concat_batches([page.samples.slice(0, 1), page.samples])),
    "its columns": lambda page: replace(page, samples=page.samples.drop_columns(["origin"])),
    "no time, ordinal, status": lambda page: replace(page, samples=without_status(page.samples)),
    "not asked for": lambda page: replace(page, tag="z"),
}


@pytest.mark.parametrize("lie", LIES)
def test_every_way_in_which_a_reader_can_end_early_or_lie_is_an_error_with_the_unread_window(
    tmp_path: Path, lie: str
) -> None:
    class Lying(ModelHistorian):
        async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
            told = 0
            async for page in super().read(tags, span):
                told += 1
                said = page if told < 3 and lie != "ends without a page" else LIES[lie](page)
                if said is None:
                    return
                yield said

    order = replace(ORDER, tags=ORDER.tags[:1])
    with pytest.raises(SystemicError) as caught:
        backfill(Lying(SERIES, cap=30), tmp_path / "p", order)
    assert lie.startswith("ends without") == ("ended before the window did" in str(caught.value))
    assert lie.startswith("ends without") or lie in str(caught.value)
    if lie != "not asked for":
        assert caught.value.values["tag"] == "a"
        assert caught.value.values["unread_from"] < caught.value.values["unread_to"]
    # What came before is good, and the next run completes it.
    backfill(ModelHistorian(SERIES), tmp_path / "p", order)
    assert_whole(tmp_path / "p", order)


def test_an_extra_page_after_the_end_is_an_error(tmp_path: Path) -> None:
    class Talking(ModelHistorian):
        async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
            async for page in super().read(tags, span):
                yield page
            yield Page(tags[0].name, empty_page(), span.end)

    with pytest.raises(SystemicError, match="no further"):
        backfill(Talking(SERIES), tmp_path / "p")


def test_a_refusal_in_the_middle_of_a_window_keeps_what_it_gave(tmp_path: Path) -> None:
    refused = []

    class Tiring(ModelHistorian):
        async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
            given = 0
            async for page in super().read(tags, span):
                given += 1
                if given > 4:
                    refused.append(span)
                    raise WindowTooLargeError("the server's time is up")
                yield page

    done = backfill(Tiring(SERIES, cap=100), tmp_path / "p", limits=Limits(together=1))
    assert refused
    assert done.samples == 6_000
    assert_whole(tmp_path / "p")


def test_progress_is_told_as_it_is_kept(tmp_path: Path) -> None:
    told: list[Progress] = []
    ticks = iter(range(10**6))
    backfill(
        ModelHistorian(SERIES, cap=50),
        tmp_path / "p",
        limits=QUICK,
        progress=told.append,
        clock=lambda: float(next(ticks)),
    )
    shares = [each.share for each in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(told) > 5
    assert any(each.eta for each in told[:-1])


@pytest.mark.parametrize("names", [[], ["a", "a"], [""], ["\udc80"]])
def test_an_order_names_each_tag_once(names: list[str]) -> None:
    with pytest.raises(ConfigError):
        Order(tuple(Tag(name, "x") for name in names), SPAN)
