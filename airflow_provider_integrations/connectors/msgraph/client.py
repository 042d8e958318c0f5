"""The same conversation driven on a thread or on an event loop: a few lines each over the one generator.

with open_client(Reach(ca=path)) as client:
    end = drive(conversation, client, Landing(write_page, write_restart), token=lambda fresh: secret)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import httpx

from airflow_provider_integrations.connectors.msgraph.asking import (
    Token,
    ask,
    ask_async,
    open_async_client,
    open_client,
)
from airflow_provider_integrations.connectors.msgraph.model import (
    Answer,
    AskPause,
    Page,
    Pause,
    Request,
    Restart,
    SharePause,
    Step,
    Wait,
)
from airflow_provider_integrations.connectors.msgraph.reach import Reach
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.system import utc_now

__all__ = [
    "Landing",
    "OwnPauses",
    "Pauses",
    "Reach",
    "Token",
    "drive",
    "drive_async",
    "open_async_client",
    "open_client",
]

End = TypeVar("End")


class Pauses(Protocol):
    """Where the pauses of an app are kept, e.g. the ledger."""

    def until(self, scope: str) -> datetime | None:
        """Until when all of a scope must wait."""

    def share(self, scope: str, until: datetime) -> None:
        """Keep a pause, unless a later one is kept."""


@dataclass(slots=True)
class OwnPauses:
    """Pauses of one process that shares them with nobody."""

    _until: dict[str, datetime] = field(default_factory=dict)

    def until(self, scope: str) -> datetime | None:
        """The latest end that was shared."""
        return self._until.get(scope)

    def share(self, scope: str, until: datetime) -> None:
        """Keep it, unless a later one is kept."""
        self._until[scope] = max(until, self._until.get(scope, until))


@dataclass(frozen=True, slots=True)
class Landing:
    """What is done with pages and restarts; each is durable when its function returns."""

    page: Callable[[Page], None]
    restart: Callable[[Restart], None]
    pauses: Pauses = field(default_factory=OwnPauses)
    now: Callable[[], datetime] = utc_now

    def answer(self, step: Step) -> Answer:
        """Do what a step asks for that needs neither a socket nor time."""
        if isinstance(step, Page):
            self.page(step)
        elif isinstance(step, Restart):
            self.restart(step)
        elif isinstance(step, AskPause):
            return Pause(self.pauses.until(step.scope), self.now())
        elif isinstance(step, SharePause):
            self.pauses.share(step.scope, step.until)
        return None


@dataclass(frozen=True, slots=True)
class _Ended(Generic[End]):
    value: End


def drive(
    conversation: Generator[Step, Answer, End],
    client: httpx.Client,
    landing: Landing,
    *,
    token: Token,
    sleep: Callable[[float], None] = time.sleep,
) -> End:
    """Hold a conversation to its end, on this thread."""
    step, failed = _next(conversation, None, None)
    while not isinstance(step, _Ended):
        answer: Answer = None
        if isinstance(step, Request):
            try:
                answer = ask(client, step, token, landing.now)
            except TransientError as error:
                failed = error
        elif isinstance(step, Wait):
            sleep(step.seconds)
        else:
            answer = landing.answer(step)
        step, failed = _next(conversation, answer, failed)
    return step.value


async def drive_async(
    conversation: Generator[Step, Answer, End], client: httpx.AsyncClient, landing: Landing, *, token: Token
) -> End:
    """The same on an event loop, which neither a disk nor a ledger holds up."""
    step, failed = _next(conversation, None, None)
    while not isinstance(step, _Ended):
        answer: Answer = None
        if isinstance(step, Request):
            try:
                answer = await ask_async(client, step, token, landing.now)
            except TransientError as error:
                failed = error
        elif isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
        else:
            answer = await asyncio.to_thread(landing.answer, step)
        step, failed = _next(conversation, answer, failed)
    return step.value


def _next(
    conversation: Generator[Step, Answer, End], answer: Answer, failed: TransientError | None
) -> tuple[Step | _Ended[End], None]:
    try:
        return (conversation.throw(failed) if failed is not None else conversation.send(answer)), None
    except StopIteration as end:
        found: End = end.value
        return _Ended(found), None
