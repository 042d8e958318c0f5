"""Turns the error tree into Airflow's retry decisions, in the worker and with the real exception at hand.

    >>> default_args = {"retries": 5, "retry_policy": IntegrationRetryPolicy()}  # doctest: +SKIP

Airflow asks a policy only while tries are left: `retries` stays the upper limit, and it is 0 unless a DAG sets it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import random
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy

from airflow_provider_integrations.core.backoff import Backoff
from airflow_provider_integrations.core.errors import IntegrationError, PermanentError, RateLimitedError, TransientError

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["DEFAULT_BACKOFF", "IntegrationRetryPolicy"]

DEFAULT_BACKOFF = Backoff(first=10, factor=2, longest=900, jitter=0.5)
"""From 10 s to 15 minutes; half of each wait is certain, so that no retry comes at once."""

_OUTSIDE = (ConnectionError, TimeoutError)
"""Errors of the operating system that no client has mapped and that the next try may not meet."""


class IntegrationRetryPolicy(RetryPolicy):
    """Transient errors back off with jitter, a rate limit waits as told, anything permanent or systemic fails at once.

    An error from outside the tree keeps the task's own `retry_delay`, since nothing is known of it.

    Args:
        backoff: How long transient errors wait.
        random: Gives a number from 0 to 1; a test passes its own.
    """

    def __init__(self, backoff: Backoff = DEFAULT_BACKOFF, *, random: Callable[[], float] = random) -> None:
        self.backoff = backoff
        self.random = random

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide about one failure; `try_number` counts from 1."""
        reason = type(exception).__name__
        if isinstance(exception, RateLimitedError):
            # Never earlier than told; a little later, so that the waiting workers do not come back as one.
            spread = self.backoff.first * self.random()
            return RetryDecision.retry(timedelta(seconds=exception.retry_after + spread), reason)
        if isinstance(exception, (TransientError, *_OUTSIDE)):
            return RetryDecision.retry(timedelta(seconds=self.backoff.delay(try_number, self.random)), reason)
        if isinstance(exception, IntegrationError):
            kind = "permanent" if isinstance(exception, PermanentError) else "systemic"
            return RetryDecision.fail(f"{reason} is {kind}: {exception}")
        return RetryDecision.default()
