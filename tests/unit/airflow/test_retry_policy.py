"""What is tried again, when, and what is not."""

from __future__ import annotations

import pytest
from airflow.sdk import RetryAction

from airflow_provider_integrations.core import errors
from airflow_provider_integrations.core.backoff import Backoff
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy


def policy(random: float = 1.0) -> IntegrationRetryPolicy:
    return IntegrationRetryPolicy(Backoff(first=10, factor=2, longest=60, jitter=0.5), random=lambda: random)


def tree(base: type[Exception] = errors.IntegrationError) -> set[type[Exception]]:
    return {base}.union(*(tree(child) for child in base.__subclasses__()))


@pytest.mark.parametrize("kind", sorted(tree(), key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)
def test_every_class_of_the_tree_has_its_answer(kind: type[Exception]) -> None:
    made = {
        errors.RejectedError: lambda: errors.RejectedError(Reason.NOT_SIGNED),
        errors.RateLimitedError: lambda: errors.RateLimitedError("slow down", retry_after=7),
    }.get(kind, lambda: kind("it broke"))()
    decision = policy().evaluate(made, 1, 5)
    transient = issubclass(kind, errors.TransientError)
    assert decision.action is (RetryAction.RETRY if transient else RetryAction.FAIL)
    assert decision.reason


@pytest.mark.parametrize(("try_number", "seconds"), [(1, 10), (2, 20), (3, 40), (4, 60), (5000, 60)])
def test_transient_errors_back_off_up_to_a_ceiling(try_number: int, seconds: float) -> None:
    decision = policy().evaluate(errors.StalledError("no bytes"), try_number, 9)
    assert decision.retry_delay is not None
    assert decision.retry_delay.total_seconds() == seconds


def test_jitter_takes_off_no_more_than_its_share() -> None:
    decision = policy(random=0.0).evaluate(errors.ConnectionLostError("gone"), 1, 9)
    assert decision.retry_delay is not None
    assert decision.retry_delay.total_seconds() == 5


@pytest.mark.parametrize("random", [0.0, 1.0])
def test_a_rate_limit_is_never_met_early_not_even_above_our_ceiling(random: float) -> None:
    decision = policy(random).evaluate(errors.RateLimitedError("slow down", retry_after=3600), 1, 9)
    assert decision.retry_delay is not None
    assert 3600 <= decision.retry_delay.total_seconds() <= 3610


def test_what_is_not_of_the_tree_keeps_the_tasks_own_delay() -> None:
    assert policy().evaluate(ValueError("?"), 1, 9).action is RetryAction.DEFAULT


def test_lost_links_that_no_client_has_mapped_are_tried_again() -> None:
    assert policy().evaluate(ConnectionResetError(), 1, 9).action is RetryAction.RETRY
