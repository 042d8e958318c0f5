"""Waiting at our own pace and at the other side's."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integrations.core.backoff import Backoff, retry_after
from airflow_provider_integrations.core.errors import ConfigError

NOW = datetime(1994, 11, 6, 8, 49, 0, tzinfo=UTC)


def test_it_grows_by_the_factor_up_to_the_cap() -> None:
    backoff = Backoff(first=1, factor=2, longest=10, jitter=0)
    assert [backoff.delay(attempt, lambda: 0.0) for attempt in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    assert backoff.delay(10**9, lambda: 0.0) == 10  # Far beyond what a float holds.


@given(st.integers(0, 5000), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1000))
def test_chance_takes_off_its_share_and_never_what_was_asked_for(
    attempt: int, jitter: float, chance: float, asked: float
) -> None:
    backoff = Backoff(first=0.5, longest=300, jitter=jitter)
    full = Backoff(first=0.5, longest=300, jitter=0).delay(attempt, lambda: 1.0)
    delay = backoff.delay(attempt, lambda: chance, at_least=asked)
    assert min(asked, 300) <= delay <= 300
    assert delay >= full * (1 - jitter) - 1e-9
    assert delay <= max(full, asked)


def test_the_same_source_of_chance_gives_the_same_waits() -> None:
    waits = [[Backoff().delay(n, random.Random(7).random) for n in range(1, 5)] for _ in range(2)]
    assert waits[0] == waits[1]


@pytest.mark.parametrize("wrong", [{"first": -1}, {"factor": 0.5}, {"jitter": 2}, {"longest": float("nan")}])
def test_a_backoff_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Backoff(**wrong)


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " 37\t",
    ],
)
def test_every_form_of_rfc_9110_is_read(text: str) -> None:
    assert retry_after(text, now=NOW).seconds == 37


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("99999", 3600),
        ("9" * 5000, 3600),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("Sun, 06 Nov 9999 08:00:00 GMT", 3600),
        ("Saturday, 06-Nov-99 08:00:00 GMT", 3600),
        ("Sun, 06 Nov 1994 08:49:60 GMT", 60),
    ],
)
def test_past_dates_and_caps(text: str, seconds: float) -> None:
    assert retry_after(text, now=NOW).seconds == seconds


def test_two_digits_of_a_year_over_fifty_years_ahead_are_past() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after("Sunday, 06-Nov-94 08:49:37 GMT", now=now).seconds == 0
    soon = now + timedelta(seconds=20)
    assert retry_after(soon.strftime("%A, %d-%b-%y %H:%M:%S GMT"), now=now).seconds == 20


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "1.5",
        "+3",
        "1e3",
        "٣",
        "soon",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Xyz 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "1\n2",
    ],
)
def test_a_malformed_value_is_no_wait_and_says_why(text: str) -> None:
    said = retry_after(text, now=NOW)
    assert said.seconds is None
    assert "neither" in said.problem


def test_a_missing_header_says_so() -> None:
    assert retry_after(None, now=NOW).problem == "no Retry-After was sent"


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    said = retry_after(text, now=NOW)
    assert said.seconds is None or 0 <= said.seconds <= 3600
