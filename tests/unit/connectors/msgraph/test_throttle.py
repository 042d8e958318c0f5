"""Patience: what is waited for, how long, who shares it, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_integrations.connectors.msgraph.delta import run_round
from airflow_provider_integrations.connectors.msgraph.model import (
    Answer,
    AskPause,
    Page,
    Pause,
    Request,
    Response,
    RoundEnd,
    SharePause,
    Step,
    Wait,
)
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope, Pace, judge, paced
from airflow_provider_integrations.core.backoff import Backoff
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    RateLimitedError,
)
from tests.unit.connectors.msgraph.delta_answers import DELTA, NOW, USERS, answer, error, full, page

SCOPE = AppScope("global", "Contoso", "0A1B")
DONE = page({"id": "1"}, delta_link=f"{DELTA}one")


class Driver:
    """A driver with a clock of its own and a ledger that holds pauses by scope."""

    def __init__(self, *answers: Response | Exception, pace: Pace | None = None, random: float = 0.0) -> None:
        self.now, self.answers = NOW, list(answers)
        self.steps: list[Step] = []
        self.pauses = {}  # type: ignore[var-annotated]
        self.pace, self.random = pace, random

    def run(self) -> RoundEnd:
        conversation = paced(run_round(full(), USERS), SCOPE, random=lambda: self.random, pace=self.pace)
        reply: Callable[[], Step] = lambda: next(conversation)  # noqa: E731
        while True:
            try:
                step = reply()
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            self.steps.append(step)
            reply = self.reply_to(step, conversation)

    def reply_to(self, step: Step, conversation: Generator[Step, Answer, RoundEnd]) -> Callable[[], Step]:
        if isinstance(step, Request):
            found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(found, Exception):
                return lambda: conversation.throw(found)
            self.now += timedelta(milliseconds=10)
            return lambda: conversation.send(replace(found, at=self.now))
        if isinstance(step, AskPause):
            return lambda: conversation.send(Pause(self.pauses.get(step.scope), self.now))
        if isinstance(step, SharePause):
            self.pauses[step.scope] = max(step.until, self.pauses.get(step.scope, step.until))
        if isinstance(step, Wait):
            self.now += timedelta(seconds=step.seconds)
        return lambda: conversation.send(None)

    @property
    def waits(self) -> list[float]:
        return [step.seconds for step in self.steps if isinstance(step, Wait)]

    @property
    def requests(self) -> int:
        return sum(isinstance(step, Request) for step in self.steps)


@pytest.mark.parametrize("status", [429, 503, 504])
def test_retry_after_in_seconds_is_waited_for_whole(status: int) -> None:
    driver = Driver(error(status, headers={"Retry-After": "17"}), DONE)
    assert driver.run().pages == 1
    assert driver.waits[0] == 17.0
    assert driver.requests == 2


@pytest.mark.parametrize("status", [429, 503, 504])
def test_retry_after_as_a_date_is_waited_for(status: int) -> None:
    driver = Driver(error(status, headers={"retry-after": "Wed, 05 Nov 2025 12:02:00 GMT"}), DONE)
    driver.run()
    assert driver.waits[0] == pytest.approx(120, abs=0.02)


@pytest.mark.parametrize("header", [{}, {"Retry-After": "soon"}, {"Retry-After": "-5"}])
def test_429_without_a_header_is_waited_out_at_our_own_pace(header: dict[str, str]) -> None:
    driver = Driver(*[error(429, headers=header)] * 4, DONE, random=1.0)
    driver.run()
    own = [seconds / 1.1 for seconds in driver.waits]
    assert own == pytest.approx([1, 2, 4, 8], abs=0.02)


def test_jitter_is_only_added_to_what_was_asked_for() -> None:
    for random in (0.0, 0.5, 1.0):
        driver = Driver(error(429, headers={"Retry-After": "100"}), DONE, random=random)
        driver.run()
        assert driver.waits == [pytest.approx(100 + 10 * random)]
    assert Pace().spread_out(3000, lambda: 1.0) == 3030


def test_ten_thousand_answers_of_429_end_within_the_budget_with_a_clear_error() -> None:
    for headers in ({}, {"Retry-After": "0"}, {"Retry-After": "10"}, {"Retry-After": "Wed, 05 Nov 2025 11:00:00 GMT"}):
        driver = Driver(*[error(429, headers=headers)] * 10_000, DONE, pace=Pace(budget=600))
        with pytest.raises(RateLimitedError) as caught:
            driver.run()
        assert sum(driver.waits) <= 600
        assert driver.now - NOW <= timedelta(seconds=600)
        values = caught.value.values
        assert values["budget"] == 600
        assert 5 <= values["refused"] == driver.requests < 700
        assert "next run goes on" in caught.value.next_step


def test_a_wait_over_the_budget_is_not_begun_and_the_others_are_told_of_it() -> None:
    driver = Driver(error(429, headers={"Retry-After": "7200"}), DONE)
    with pytest.raises(RateLimitedError) as caught:
        driver.run()
    assert driver.waits == []
    assert caught.value.retry_after == 7200
    assert driver.pauses[SCOPE.key] >= NOW + timedelta(seconds=7200)


def test_the_budget_is_of_the_whole_run() -> None:
    answers = []
    for number in range(20):
        answers += [error(429, headers={"Retry-After": "40"}), page(next_link=f"{DELTA}{number}")]
    with pytest.raises(RateLimitedError):
        Driver(*answers, DONE, pace=Pace(budget=300)).run()
    assert Driver(*answers, DONE, pace=Pace(budget=1000)).run().pages == 21


def test_slow_refusals_count_as_well() -> None:
    pace = Pace(budget=100, backoff=Backoff(first=0.1, factor=1, longest=0.1, jitter=0))
    driver = Driver(error(503), pace=pace)
    slow = driver.reply_to

    def slowly(step: Step, conversation: Generator[Step, Answer, RoundEnd]) -> Callable[[], Step]:
        if isinstance(step, Request):
            driver.now += timedelta(seconds=30)
        return slow(step, conversation)

    driver.reply_to = slowly  # type: ignore[method-assign]
    with pytest.raises(RateLimitedError):
        driver.run()
    assert driver.requests <= 4


def test_the_pause_of_one_task_holds_for_all_of_the_app() -> None:
    first = Driver(error(429, headers={"Retry-After": "60"}), DONE)
    first.run()
    assert set(first.pauses) == {"msgraph/global/contoso/0a1b"}
    second = Driver(DONE)
    second.pauses = first.pauses
    second.run()
    before = [type(step) for step in second.steps]
    assert before[:4] == [AskPause, Wait, AskPause, Request]
    assert second.waits == [pytest.approx(60, abs=0.02)]


def test_another_tenant_or_app_is_not_held_up() -> None:
    keys = {AppScope("global", tenant, app).key for tenant in ("a", "b") for app in ("x", "y")}
    assert len(keys) == 4


def test_a_pause_that_others_prolong_for_ever_ends_within_the_budget() -> None:
    driver = Driver(DONE, pace=Pace(budget=300))
    reply = driver.reply_to

    def prolonged(step: Step, conversation: Generator[Step, Answer, RoundEnd]) -> Callable[[], Step]:
        driver.pauses[SCOPE.key] = driver.now + timedelta(seconds=45)
        return reply(step, conversation)

    driver.reply_to = prolonged  # type: ignore[method-assign]
    with pytest.raises(RateLimitedError):
        driver.run()
    assert driver.requests == 0
    assert sum(driver.waits) <= 300


@pytest.mark.parametrize(
    ("response", "shared"),
    [
        (error(429), True),
        (error(429, headers={"Retry-After": "5"}), True),
        (error(503, headers={"Retry-After": "5"}), True),
        (error(503), False),
        (error(504, headers={"Retry-After": "5"}), False),
        (error(500), False),
    ],
)
def test_what_is_about_the_app_is_shared_and_what_is_about_the_service_is_not(response: Response, shared: bool) -> None:
    verdict = judge(response, 1, Pace(), lambda: 0.0)
    assert verdict is not None
    assert verdict.shared is shared


@pytest.mark.parametrize("date", ["Wed, 05 Nov 2031 12:00:00 GMT", "garbage", ""])
def test_a_date_to_come_back_at_is_read_by_the_clock_of_who_sent_it(date: str) -> None:
    headers = {"Retry-After": "Wed, 05 Nov 2031 12:00:30 GMT", "Date": date}
    verdict = judge(answer(429, {}, headers), 1, Pace(), lambda: 0.0)
    assert verdict is not None
    assert verdict.seconds == (30.0 if date.endswith("GMT") else 86_400.0)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 410, 501])
def test_answers_are_not_waited_for(status: int) -> None:
    assert judge(answer(status, {}, {"Retry-After": "5"}), 1, Pace(), lambda: 0.0) is None


def test_a_lost_connection_is_waited_out_and_the_same_request_sent_again() -> None:
    driver = Driver(ConnectionLostError("reset"), ConnectionLostError("reset"), DONE)
    assert driver.run().pages == 1
    urls = {step.url for step in driver.steps if isinstance(step, Request)}
    assert (driver.requests, len(urls)) == (3, 1)
    assert driver.waits == [0.5, 1.0]


def test_a_host_that_is_never_reached_is_told_with_what_to_look_at() -> None:
    with pytest.raises(RateLimitedError, match=r"goes on from there\. Check the network\."):
        Driver(ConnectionLostError("no whole answer came", next_step="Check the network."), pace=Pace(budget=10)).run()


def test_a_pause_that_the_token_endpoint_asks_for_is_waited_for_whole_and_within_the_budget() -> None:
    asked = RateLimitedError("the token endpoint asks for a pause", retry_after=30.0)
    driver = Driver(asked, asked, DONE)
    assert driver.run().pages == 1
    assert driver.waits == [30.0, 30.0]
    with pytest.raises(RateLimitedError, match="longer than the run may"):
        Driver(asked, pace=Pace(budget=100)).run()


def test_a_permanent_error_of_the_driver_goes_through() -> None:
    with pytest.raises(ConfigError):
        Driver(ConfigError("no certificate")).run()


def test_what_fails_after_the_wait_is_told_as_it_is() -> None:
    with pytest.raises(IntegrationError, match="denied"):
        Driver(error(429), error(403)).run()


def test_pages_and_results_pass_unchanged() -> None:
    driver = Driver(DONE)
    assert driver.run().link == f"{DELTA}one"
    assert [step.number for step in driver.steps if isinstance(step, Page)] == [1]


@pytest.mark.parametrize(
    "values",
    [{"budget": 0}, {"spread": -0.1}, {"backoff": Backoff(first=0)}, {"backoff": Backoff(jitter=1)}],
)
def test_a_pace_whose_budget_might_never_end_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Pace(**values)  # type: ignore[arg-type]
