"""Patience with a throttled service: waits around the requests of any conversation, within a budget, shared by an app.

    conversation = paced(run_round(start, query), AppScope("global", tenant, client_id), random=random)

Microsoft counts the requests of one application in one tenant together (learn.microsoft.com/graph/throttling-limits, "per app
per tenant"), so a pause that one task is asked for holds for all tasks of it: the driver keeps it in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

from airflow_provider_integrations.connectors.msgraph.answers import THROTTLED, UNAVAILABLE
from airflow_provider_integrations.connectors.msgraph.model import (
    Answer,
    AskPause,
    Pause,
    Request,
    Response,
    SharePause,
    Step,
    Wait,
)
from airflow_provider_integrations.core.backoff import Backoff, retry_after
from airflow_provider_integrations.core.errors import ConfigError, RateLimitedError, TransientError

__all__ = ["AppScope", "Pace", "Verdict", "judge", "paced"]

_LONGEST_ASKED = 86_400.0
_NOT_DONE = frozenset({429, 503})
"""What was refused before anything was done; behind any other failure the request may have had its effect."""
End = TypeVar("End")


@dataclass(frozen=True, slots=True)
class AppScope:
    """Whose requests are counted together."""

    cloud: str
    tenant: str
    client_id: str

    @property
    def key(self) -> str:
        """What the ledger keeps the pause by."""
        return f"msgraph/{self.cloud}/{self.tenant.lower()}/{self.client_id.lower()}"


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a run is.

    Args:
        budget: Seconds that it may lose, all its waits and refused requests together.
        backoff: Our own pace, where no time to come back at is named: "we recommend implementing an exponential backoff".
        spread: What chance may add to a pause, as a share of it, at most 30 s: those who wait together do not come back
            together. Nothing is ever taken off a pause that was asked for.
    """

    budget: float = 3600.0
    backoff: Backoff = field(default_factory=lambda: Backoff(first=1.0, factor=2.0, longest=120.0, jitter=0.5))
    spread: float = 0.1

    def __post_init__(self) -> None:
        # With these every refusal costs time, so that a budget ends whatever the service says.
        if not (self.budget > 0 and self.backoff.first >= 0.1 and self.backoff.jitter < 1 and 0 <= self.spread <= 1):
            raise ConfigError(
                "a pace that cannot be",
                budget=self.budget,
                first=self.backoff.first,
                jitter=self.backoff.jitter,
                spread=self.spread,
                next_step="Use a budget over 0, a first wait from 0.1 s, a jitter under 1 and a spread from 0 to 1.",
            )

    def spread_out(self, seconds: float, random: Callable[[], float]) -> float:
        """A pause with what chance adds."""
        return seconds + min(seconds * self.spread, 30.0) * random()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a refused request means.

    Args:
        seconds: To wait, before chance adds to it.
        shared: Whether all tasks of the app must wait.
    """

    seconds: float
    shared: bool


def judge(response: Response, attempt: int, pace: Pace, random: Callable[[], float]) -> Verdict | None:
    """How long to wait before the request is sent again; None where the response is an answer.

    "Wait the number of seconds specified in the Retry-After field" (learn.microsoft.com/graph/throttling); it may come with
    503 and 504 too, and be a date (RFC 9110, section 10.2.3). A 429 is about the app, and so is a 503 that names a time, as
    SharePoint throttles with it; any other 5xx is about the service at this moment.

    Args:
        response: With the time it came at.
        attempt: How many requests in a row were refused, this one included.
        pace: Our patience.
        random: Gives a number from 0 to 1.
    """
    if response.status not in THROTTLED | UNAVAILABLE:
        return None
    own = pace.backoff.delay(attempt, random)
    asked = None
    if response.status in THROTTLED:
        asked = retry_after(response.header("retry-after"), now=_sent_at(response), longest=_LONGEST_ASKED).seconds
    shared = response.status == 429 or (response.status == 503 and asked is not None)
    # "Continue to use the recommended Retry-After delay"; one that asks for next to nothing is still met ever more slowly.
    return Verdict(own if asked is None or asked < pace.backoff.first else asked, shared)


def _sent_at(response: Response) -> datetime:
    """By the service's clock, which a date is of: by ours, a day behind, a pause of 30 s would be one of a day for all tasks."""
    try:
        sent = parsedate_to_datetime(response.header("date") or "")
    except ValueError:
        return response.at
    return sent if sent.tzinfo is not None else response.at


@dataclass(slots=True)
class _Spent:
    """What a run has lost by waiting."""

    pace: Pace
    seconds: float = 0.0
    refused: int = 0

    def check(self, ahead: float, why: str, advice: str = "Run fewer tasks of this app at once.") -> None:
        """End where the next wait would be over the budget; what was landed stays, and a later run goes on."""
        if self.seconds + ahead > self.pace.budget:
            raise RateLimitedError(
                "waiting would take longer than the run may",
                retry_after=ahead,
                why=why,
                refused=self.refused,
                waited=round(self.seconds, 1),
                budget=self.pace.budget,
                next_step=f"What was landed is kept, and the next run goes on from there. {advice}",
            )


def paced(
    conversation: Generator[Step, Answer, End],
    scope: AppScope,
    *,
    random: Callable[[], float],
    pace: Pace | None = None,
) -> Generator[Step, Answer, End]:
    """The same conversation, whose requests are sent again while the service asks for patience or the line breaks.

    Before each request it asks for the pause of the app (`AskPause`), and a pause that it learns of it shares
    (`SharePause`). A `TransientError` that the driver throws in at a request, e.g. a lost connection, is waited out as well.

    Raises:
        RateLimitedError: the budget does not suffice for the next wait; nothing is waited for in vain.
    """
    spent = _Spent(pace or Pace())
    answer: Answer = None
    while True:
        try:
            step = conversation.send(answer)
        except StopIteration as end:
            found: End = end.value
            return found
        answer = (yield from _patiently(step, scope, spent, random)) if isinstance(step, Request) else (yield step)


def _patiently(
    request: Request, scope: AppScope, spent: _Spent, random: Callable[[], float]
) -> Generator[Step, Answer, Response]:
    pace, attempt = spent.pace, 0
    while True:
        asked_at = yield from _pause_over(scope, spent, random)
        attempt += 1
        try:
            response = yield request
        except TransientError as error:
            if request.once:  # It may have been done, and nobody heard.
                raise
            spent.refused += 1
            seconds = pace.backoff.delay(attempt, random)
            if isinstance(error, RateLimitedError):  # Of the token endpoint.
                seconds = max(seconds, pace.spread_out(error.retry_after, random))
            spent.check(seconds, error.what, error.next_step)
        else:
            assert isinstance(response, Response), "a request is answered by a response"
            verdict = judge(response, attempt, pace, random)
            if verdict is None or (request.once and response.status not in _NOT_DONE):
                return response
            spent.refused += 1
            spent.seconds += max((response.at - asked_at).total_seconds(), 0.0)
            if verdict.shared:
                yield SharePause(scope.key, response.at + timedelta(seconds=verdict.seconds))
            seconds = pace.spread_out(verdict.seconds, random)
            spent.check(seconds, f"status {response.status}")
        spent.seconds += seconds
        yield Wait(seconds)


def _pause_over(scope: AppScope, spent: _Spent, random: Callable[[], float]) -> Generator[Step, Answer, datetime]:
    """Wait until no pause of the app holds; when that was."""
    while True:
        pause = yield AskPause(scope.key)
        assert isinstance(pause, Pause), "a question for the pause is answered by one"
        if pause.until is None or pause.until <= pause.at:
            return pause.at
        seconds = spent.pace.spread_out((pause.until - pause.at).total_seconds(), random)
        spent.check(seconds, "another task of the app was asked to pause")
        spent.seconds += seconds
        yield Wait(seconds)
