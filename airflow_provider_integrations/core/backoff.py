"""How long to wait before trying again: our own pace, and the pace the other side asks for.

>>> Backoff(first=2, factor=3, longest=60).delay(3, lambda: 1.0)
18.0
>>> retry_after("120", now=datetime(2025, 11, 5, tzinfo=UTC))
RetryAfter(seconds=120.0, problem='')
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["Backoff", "RetryAfter", "retry_after"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
# The three forms that a recipient must accept (RFC 9110, section 5.6.7): IMF-fixdate, RFC 850, asctime.
_DATES = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_TIME} GMT",
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_TIME} GMT",
        rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential waiting with jitter: `first * factor ** (attempt - 1)` seconds, at most `longest`.

    `jitter` is the share of the wait that chance may take off: 0 none, 1 all of it ("full jitter"). It spreads out
    workers that failed at the same moment, so that they do not come back at the same moment.
    """

    first: float = 1.0
    factor: float = 2.0
    longest: float = 300.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if not (self.first >= 0 and self.factor >= 1 and self.longest >= 0 and 0 <= self.jitter <= 1):
            raise ConfigError(
                "a backoff that cannot be",
                first=self.first,
                factor=self.factor,
                longest=self.longest,
                jitter=self.jitter,
                next_step="Use seconds from 0, a factor from 1 and a jitter from 0 to 1.",
            )

    def delay(self, attempt: int, random: Callable[[], float], *, at_least: float = 0.0) -> float:
        """Seconds to wait after the given attempt (the first one is 1).

        Args:
            attempt: How many attempts failed.
            random: Gives a number from 0 to 1, e.g. `random.Random(7).random`.
            at_least: What the other side asked for; chance takes nothing off it, `longest` still caps it.
        """
        try:
            # As floats, which overflow at once; integers would grow to millions of digits first.
            wait = min(self.first * float(self.factor) ** max(attempt - 1, 0), self.longest)
        except OverflowError:
            wait = self.longest if self.first else 0.0
        wait -= wait * self.jitter * (1.0 - random())
        return min(max(wait, at_least), self.longest)


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """What a Retry-After header asks for: `seconds`, or None with the `problem` that says why it counts for nothing."""

    seconds: float | None
    problem: str = ""


def retry_after(value: str | None, *, now: datetime, longest: float = 3600.0) -> RetryAfter:
    """Read a Retry-After header (RFC 9110, section 10.2.3): whole seconds or an HTTP date.

    A date in the past asks for no wait. What asks for more than `longest` seconds is cut to it, so that a server
    cannot park a worker for a year. A missing or malformed value is no error: the caller goes on at its own pace.
    """
    if value is None:
        return RetryAfter(None, "no Retry-After was sent")
    text = value.strip(" \t")
    if re.fullmatch(r"[0-9]+", text):
        # A longer number would be over any cap, and int() refuses thousands of digits.
        return RetryAfter(min(float(int(text)), longest) if len(text) < 16 else longest)
    when = _http_date(text, now)
    if when is None:
        return RetryAfter(None, "Retry-After is neither whole seconds nor an HTTP date")
    return RetryAfter(min(max((when - now).total_seconds(), 0.0), longest))


def _http_date(text: str, now: datetime) -> datetime | None:
    for pattern in _DATES:
        if match := pattern.fullmatch(text):
            break
    else:
        return None
    year, short = int(match["year"]), len(match["year"]) == 2
    if short:
        year += now.year // 100 * 100
    try:
        month = _MONTHS.index(match["month"]) + 1
        # A leap second is legal in an HTTP date and unknown to datetime.
        second = int(match["second"])
        minute = datetime(year, month, int(match["day"]), int(match["hour"]), int(match["minute"]), tzinfo=UTC)
        if second > 60:
            return None
        when = minute + timedelta(seconds=second)
        # A two-digit year that seems over 50 years ahead means the last year that ended so.
        if short and when.year - now.year > 50:
            when = when.replace(year=when.year - 100)
    except (ValueError, OverflowError):
        return None
    return when
