"""Reads an order to its end, several windows at once, into parts; whatever ends it, the next run goes on where this one was.

    async with open_opcua(settings) as reader:
        await run_backfill(reader, Order(tags, span), Parts(folder))

Memory is bounded by the pages of the windows under way and by what `Parts` holds, whatever the span holds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from airflow_provider_integrations.connectors.historian.model import (
    HistoryReader,
    Page,
    Span,
    Tag,
    WindowTooLargeError,
    from_iso,
    to_iso,
    unread,
)
from airflow_provider_integrations.connectors.historian.page_check import check_page
from airflow_provider_integrations.connectors.historian.parts import Parts
from airflow_provider_integrations.connectors.historian.progress import Progress
from airflow_provider_integrations.connectors.historian.windows import Sizing, Window, WindowPlan
from airflow_provider_integrations.core.errors import ConfigError, IntegrationError, PermanentError, SystemicError
from airflow_provider_integrations.system import go_on

__all__ = ["Limits", "Order", "plan_of", "run_backfill"]

_FIRST, _LAST = from_iso("1678-01-01"), from_iso("2262-01-01")
_HOPELESS = 3
"""Tags that cannot be read, with none that can: no more are tried."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.

    Args:
        tags: Each name once.
        span: Of every tag.
        newest_first: Which windows come first; the result is the same.

    Raises:
        ConfigError: no tag, a name twice, one that is no text, or instants that no timestamp holds.
    """

    tags: tuple[Tag, ...]
    span: Span
    newest_first: bool = False

    def __post_init__(self) -> None:
        names = [tag.name for tag in self.tags]
        if not names or len(set(names)) != len(names):
            raise ConfigError(
                "tags that are not told apart" if names else "no tags",
                tags=sorted({name for name in names if names.count(name) > 1}),
                next_step="Name each tag once, and one at least.",
            )
        if self.span.begin < _FIRST or self.span.end > _LAST:
            raise ConfigError(
                "instants that timestamps of nanoseconds cannot hold",
                begin=to_iso(self.span.begin), end=to_iso(self.span.end), next_step="Stay within the years 1678 to 2261.",
            )  # fmt: skip
        if broken := [ascii(name) for name in names if not name or not _is_text(name)]:
            raise ConfigError("names of tags that are no text", tags=broken[:20], next_step="Write them in UTF-8.")


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:  # Half of a surrogate pair: bytes of a command line that are no UTF-8.
        return False


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is asked for at once.

    Args:
        at_once: Windows under way.
        together: Tags of a window.
        sizing: Of the first windows.
        keep: Seconds between the moments at which what was read is made durable; a kill costs what came since.
    """

    at_once: int = 4
    together: int = 100
    sizing: Sizing = field(default_factory=Sizing)
    keep: float = 1.0


def plan_of(order: Order, parts: Parts, limits: Limits | None = None) -> WindowPlan:
    """What is still to be read."""
    limits = limits or Limits()
    return WindowPlan(
        [tag.name for tag in order.tags],
        order.span,
        {tag.name: parts.read_spans(tag.name) for tag in order.tags},
        newest_first=order.newest_first,
        together=limits.together,
        sizing=limits.sizing,
    )


async def run_backfill(
    reader: HistoryReader, order: Order, parts: Parts, *, limits: Limits | None = None,
    progress: Callable[[Progress], None] = lambda _: None, boundary: Callable[[str], None] = go_on,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:  # fmt: skip
    """Read what of the order is not in the parts yet; on return all of it is there, and durable.

    Args:
        reader: Of the server.
        order: What is wanted.
        parts: What is there, and where it goes.
        limits: How much at once.
        progress: Told every time that something was made durable.
        boundary: Called between the steps; tests kill the process there.
        clock: Seconds, for rate and ETA.

    Raises:
        SystemicError: the reader breaks its promises, or ended early; what it gave before is kept.
        IntegrationError: of the reader; what was read is kept. One that is permanent and of one tag is raised when the other
            tags are read.
    """
    run = _Run(reader, order, parts, limits or Limits(), progress, boundary, clock)
    try:
        await run.read_all()
    except (Exception, asyncio.CancelledError):
        run.keep()
        raise
    run.keep()
    run.raise_failures()
    return run.state


class _Run:
    """One run: its plan, and the windows under way."""

    def __init__(
        self, reader: HistoryReader, order: Order, parts: Parts, limits: Limits, told: Callable[[Progress], None],
        boundary: Callable[[str], None], clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._reader, self._order, self._parts, self._limits = reader, order, parts, limits
        self._told, self._boundary, self._clock = told, boundary, clock
        self._tags = {tag.name: tag for tag in order.tags}
        self._plan = plan_of(order, parts, limits)
        self._failures: dict[str, IntegrationError] = {}
        self._began = self._kept_at = clock()
        self._keep_every = limits.keep
        # In nanoseconds, which add up without error.
        self._total = (order.span.end - order.span.begin) * len(order.tags)
        unread = (span for tag in self._tags for span in self._plan.unread(tag))
        self._before = self._done = self._total - sum(span.end - span.begin for span in unread)
        self._samples = 0

    @property
    def state(self) -> Progress:
        """How far it is."""
        total, done, before = (each / 1_000_000_000 for each in (self._total, self._done, self._before))
        return Progress(total, done, before, self._samples, self._kept_at - self._began)

    async def read_all(self) -> None:
        """Windows, several at once, until there are none left."""
        under_way, done = set[asyncio.Task[None]](), set[asyncio.Task[None]]()
        try:
            while True:
                while len(under_way) < self._limits.at_once and (window := self._plan.take()) is not None:
                    under_way.add(asyncio.create_task(self._read(window)))
                if not under_way:
                    return
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, *done, return_exceptions=True)

    def keep(self) -> None:
        """Make durable what was read, and tell how far that is."""
        begun = self._clock()
        self._parts.keep(self._boundary)
        self._boundary("kept")
        self._kept_at = now = self._clock()
        # A slow disk shall not take more than a tenth of the time.
        self._keep_every = max(self._limits.keep, 10 * (now - begun))
        self._told(self.state)

    def raise_failures(self) -> None:
        """Say which tags could not be read, now that the others are."""
        if not self._failures:
            return
        tag, first = next(iter(self._failures.items()))
        if len(self._failures) == 1:
            raise first
        raise unread(
            PermanentError,
            f"{len(self._failures)} tags cannot be read; the first one: {first.what}",
            tag,
            self._plan.unread(tag)[0],
            tags=sorted(self._failures)[:20],
            next_step=first.next_step,
        ) from first

    async def _read(self, window: Window) -> None:
        """One window, as far as it goes."""
        read_to, samples = dict.fromkeys(window.tags, window.span.begin), 0
        try:
            async with _pages(self._reader, [self._tags[tag] for tag in window.tags], window.span) as pages:
                async for page in pages:
                    check_page(page, window.span, read_to)
                    samples += page.samples.num_rows
                    self._take(page, read_to)
        except WindowTooLargeError as error:
            try:
                self._plan.refused(window, read_to, error)
            except PermanentError as final:
                self._fail(final.values["tag"], final)
        except PermanentError as error:
            if error.values.get("tag") not in self._tags:
                raise
            if len(window.tags) > 1:
                self._plan.apart(window, read_to)
            else:
                self._plan.ended(window, read_to, samples)
                self._fail(window.tags[0], error)
        else:
            self._plan.ended(window, read_to, samples)
            self._check_whole(window, read_to)

    def _take(self, page: Page, read_to: dict[str, int]) -> None:
        begin = read_to[page.tag]
        self._parts.add(begin, page)
        read_to[page.tag] = page.read_to
        self._done += page.read_to - begin
        self._samples += page.samples.num_rows
        self._boundary("page read")
        if self._clock() - self._kept_at >= self._keep_every:
            self.keep()

    def _check_whole(self, window: Window, read_to: dict[str, int]) -> None:
        """A reader that has nothing more to say must have said so much."""
        for tag, end in read_to.items():
            if end < window.span.end:
                raise unread(
                    SystemicError,
                    "the reader ended before the window did",
                    tag,
                    Span(end, window.span.end),
                    next_step="Run again: what is read is kept. If it stays so, report it with the server's product.",
                )

    def _fail(self, tag: str, error: IntegrationError) -> None:
        """Leave a tag that cannot be read to the end of the run, so that the others are read."""
        if tag in self._failures:
            return
        self._failures[tag] = error
        self._plan.leave(tag)
        if len(self._failures) >= _HOPELESS and self._done == self._before:
            raise error  # It is the server, or its opinion of us: to ask it again for each tag could lock an account.


@asynccontextmanager
async def _pages(reader: HistoryReader, tags: list[Tag], span: Span) -> AsyncIterator[AsyncIterator[Page]]:
    """A reader's pages; its generator is closed on the way out, so that the server's resources are let go at once."""
    pages = reader.read(tags, span)
    if hasattr(pages, "aclose"):
        async with aclosing(cast(Any, pages)):
            yield pages
    else:
        yield pages
