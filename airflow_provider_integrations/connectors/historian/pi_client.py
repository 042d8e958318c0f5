"""Drives the conversations of PI Web API on an event loop.

    async with open_pi(PiSettings.from_url("https://pi.example.com/piwebapi")) as reader:
        async for page in reader.read([Tag("sinusoid", r"\\\\PISRV\\SINUSOID")], span):
            ...

Several conversations are under way at once, so that the service works on one answer while another is decoded. The pages of a
tag keep their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, TypeVar

from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag, WindowTooLargeError
from airflow_provider_integrations.connectors.historian.pi_answers import (
    TRANSIENT,
    Refusal,
    message_of,
    refusal,
    with_unread,
)
from airflow_provider_integrations.connectors.historian.pi_asking import Line, busy, open_line
from airflow_provider_integrations.connectors.historian.pi_find import find_points, look_up
from airflow_provider_integrations.connectors.historian.pi_model import (
    Answer,
    Learned,
    Request,
    Response,
    Step,
    Stream,
    Wait,
)
from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings
from airflow_provider_integrations.connectors.historian.pi_web_api import read_streams
from airflow_provider_integrations.core.backoff import Backoff, retry_after
from airflow_provider_integrations.core.errors import (
    ConfigError,
    IntegrationError,
    TransientError,
)
from airflow_provider_integrations.system import utc_now

__all__ = ["Pace", "PiReader", "find_tags", "open_pi", "test_connection"]

End = TypeVar("End")
_FIRST = 25.0
"""Seconds for the first answer of a service."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a reader is; clock, sleep and chance are given by tests.

    Args:
        attempts: How often one request is sent.
        backoff: Between them.
        now: The clock.
        sleep: Waits.
        random: A number from 0 to 1.
    """

    attempts: int = 6
    backoff: Backoff = field(default_factory=lambda: Backoff(first=1.0, factor=2.0, longest=120.0))
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], Any] = asyncio.sleep
    random: Callable[[], float] = field(default_factory=lambda: Random().random)  # noqa: S311


@asynccontextmanager
async def open_pi(settings: PiSettings, pace: Pace | None = None) -> AsyncIterator[PiReader]:
    """A reader with its connections.

    Raises:
        ConfigError: the certificates or the method of authentication cannot be used.
    """
    async with open_line(settings) as line:
        yield PiReader(settings, line, pace or Pace())


async def find_tags(settings: PiSettings, patterns: Sequence[str], pace: Pace | None = None) -> list[Tag]:
    """Tags whose names fit; as `pi_find.find_points`."""
    async with open_pi(settings, pace) as reader:
        return await reader.ask(find_points(patterns))


async def test_connection(settings: PiSettings) -> str:
    """One line on what the service lets us see.

    Raises:
        IntegrationError: it does not.
    """
    async with open_pi(settings, Pace(attempts=1)) as reader:
        tags = await reader.ask(_servers())
    return f"{settings.root} answers; data servers: {', '.join(tags) or 'none that we may see'}"


def _servers() -> Generator[Step, Response | None, list[str]]:
    import json

    response = yield Request("GET", "dataservers", (("selectedFields", "Items.Name"),))
    assert response is not None, "a request is answered by a response"
    if response.status != 200:
        raise ConfigError(
            "the service refuses us", status=response.status, said=message_of(response.body),
            next_step="Look at the user, its mappings and the path.",
        )  # fmt: skip
    try:
        return [str(item["Name"]) for item in json.loads(response.body)["Items"]]
    except (ValueError, LookupError, TypeError):
        pass
    raise ConfigError(
        "the answer is none of PI Web API", next_step="Look at the URL: it ends with /piwebapi by default."
    )


class PiReader:
    """Reads the history of one service; see `model.HistoryReader`."""

    def __init__(self, settings: PiSettings, line: Line, pace: Pace) -> None:
        self._settings, self._line, self._pace = settings, line, pace
        self._learned = Learned(settings.way)
        self._looking = asyncio.Lock()
        self._heard = False

    async def ask(self, asking: Generator[Step, Response | None, End]) -> End:
        """Hold a conversation that yields no pages."""
        end: list[End] = []

        def ended() -> Generator[Step, Response | None, None]:
            end.append((yield from asking))

        async for _ in self._held(ended()):
            raise AssertionError("pages where none were asked for")
        return end[0]

    async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        """Pages of each tag in the order of time.

        Raises:
            IntegrationError: some of it is unread; `unread_from` and `unread_to` of `error.values` say what, with `tag`.
        """
        limits = self._settings.limits
        known = self._learned.streams
        async with self._looking:  # The windows of a run begin together, with the same tags.
            unknown = [tag for tag in dict.fromkeys(tags) if tag not in known]
            if unknown:
                try:
                    found = await self.ask(look_up(unknown, limits, self._learned))
                except IntegrationError as error:
                    raise with_unread(error, unknown[0].name, span, tags=len(unknown)) from None
                known |= dict(zip(unknown, found, strict=True))
        streams = [known[tag] for tag in dict.fromkeys(tags)]
        size = max(1, min(limits.streams, -(-len(streams) // self._settings.requests)))
        groups = [streams[at : at + size] for at in range(0, len(streams), size)]
        async for page in self._together(groups, span):
            yield page

    async def _together(self, groups: Sequence[Sequence[Stream]], span: Span) -> AsyncIterator[Page]:
        """Pages of all groups as they come; the first error ends all of them."""
        pages: asyncio.Queue[Page | Exception | None] = asyncio.Queue(maxsize=2 * self._settings.requests)
        waiting = list(groups)

        async def work() -> None:
            try:
                while waiting:
                    conversation = read_streams(waiting.pop(0), span, self._settings.limits, self._learned)
                    async for page in self._held(conversation):
                        await pages.put(page)
                await pages.put(None)
            except Exception as error:
                await pages.put(error)

        workers = [asyncio.create_task(work()) for _ in range(min(self._settings.requests, len(groups)))]
        try:
            running = len(workers)
            while running:
                found = await pages.get()
                if found is None:
                    running -= 1
                elif isinstance(found, Exception):
                    raise found
                else:
                    yield found
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _held(self, conversation: Generator[Step, Response | None, None]) -> AsyncIterator[Page]:
        """The pages of one conversation."""
        answer: Response | None = None
        failed: IntegrationError | None = None
        while True:
            try:
                step = conversation.send(answer) if failed is None else conversation.throw(failed)
            except StopIteration:
                return
            answer, failed = None, None
            if isinstance(step, Page):
                yield step
            elif isinstance(step, Wait):
                await self._pace.sleep(step.seconds)
            else:
                try:
                    answer = await self._patiently(step)
                except IntegrationError as error:
                    failed = error

    async def _patiently(self, request: Request) -> Response:
        """Sent again while the service is busy or the line breaks, within the attempts and the budget.

        The budget counts what the refused attempts took as well: each may end by a timeout. It is small until there was an
        answer: where nobody ever spoke, the address is likelier to be wrong than the service to be busy.
        """
        lost = 0.0
        for attempt in range(1, self._pace.attempts + 1):
            asked, sent_at = 0.0, self._pace.now()
            try:
                response = await self._line.send(request, None if self._heard else min(self._settings.timeout, _FIRST))
                self._heard = True
                if response.status not in TRANSIENT or _is_told(response):
                    return response
                asked = retry_after(response.headers.get("retry-after"), now=self._pace.now()).seconds or 0.0
                error: TransientError = busy(response, asked, attempt)
            except WindowTooLargeError:
                raise
            except TransientError as failed:
                error = type(failed)(failed.what, next_step=failed.next_step, **{**failed.values, "attempts": attempt})
            seconds = max(self._pace.backoff.delay(attempt, self._pace.random), asked)
            lost += (self._pace.now() - sent_at).total_seconds() + seconds
            if attempt == self._pace.attempts or lost > (
                self._settings.budget if self._heard else min(self._settings.budget, _FIRST)
            ):
                break
            await self._pace.sleep(seconds)
        raise error


def _is_told(response: Response) -> bool:
    """Whether a status that might pass comes with a reason that does not, e.g. an archive that collects no more."""
    return refusal(Answer(response.status, response.headers, response.body)) is not Refusal.LATER
