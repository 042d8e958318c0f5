"""What an answer makes of the place where a stream stands; the rules are those of `pi_web_api`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from airflow_provider_integrations.connectors.historian.model import Page, WindowTooLargeError, to_iso
from airflow_provider_integrations.connectors.historian.pi_answers import (
    Refusal,
    most_allowed,
    refusal,
    refused,
    with_unread,
)
from airflow_provider_integrations.connectors.historian.pi_model import Answer, Learned, Limits
from airflow_provider_integrations.connectors.historian.pi_place import Cursor, Outcome, Phase, checked, error_of
from airflow_provider_integrations.connectors.historian.pi_values import Decoded, PageError, decode_page
from airflow_provider_integrations.connectors.historian.samples import empty_page
from airflow_provider_integrations.core.backoff import retry_after
from airflow_provider_integrations.core.errors import IntegrationError, PermanentError, TransientError

__all__ = ["take"]

_GROWTH = 10
_LONGEST_PAUSE = 300.0


def take(cursor: Cursor, answer: Answer, limits: Limits, learned: Learned) -> Outcome:
    """Move the cursor by an answer.

    Raises:
        IntegrationError: it cannot go on; the error says what is unread.
    """
    if answer.status != 200:
        return _refused(cursor, answer, limits, learned)
    try:
        page = decode_page(answer.content, numeric=cursor.stream.numeric)
    except PageError as error:
        return _again(cursor, limits, "the service broke its answer off", status=error.status)
    except (msgspec.DecodeError, ValueError):
        kind = answer.headers.get("content-type", "")[:100]
        return _again(cursor, limits, "an answer that is none of PI Web API", type=kind)
    count = len(page.ts)
    page = checked(cursor, page)
    if cursor.phase is Phase.BEYOND:
        return _beyond(cursor, page, limits)
    return _read(cursor, page, count, limits, learned)


def _read(cursor: Cursor, page: Decoded, count: int, limits: Limits, learned: Learned) -> Outcome:
    asked = cursor.most
    learned.shown = max(learned.shown, count)
    if len(page.ts) == 0:
        return _nothing(cursor, page, limits)
    last = int(page.ts[-1])
    if last >= cursor.span.end and not page.broken:
        return _end(cursor, page.rows.slice(0, int(np.searchsorted(page.ts, cursor.span.end))))
    if int(page.ts[0]) == last:
        return _one_run(cursor, page, asked, limits, learned)
    cut = int(np.searchsorted(page.ts, last))
    learned.rates[cursor.tag] = cut / (last - int(page.ts[0]))
    given = Page(cursor.tag, page.rows.slice(0, cut), last)
    cursor.at, cursor.anchored, cursor.empties, cursor.tries, cursor.looked_up = last, True, 0, 0, False
    # One that is full has more; of any other one it is only asked whether it was the last one.
    cursor.most = learned.allowed(_rest(cursor, page, limits) if count >= asked else limits.first)
    if page.broken:
        return Outcome((given,), _broken(cursor, limits))
    return Outcome((given,))


def _rest(cursor: Cursor, page: Decoded, limits: Limits) -> int:
    """How many values the rest should have by what the page had, and some more."""
    return limits.expected((len(page.ts) - 1) / (int(page.ts[-1]) - int(page.ts[0])), cursor.unread)


def _one_run(cursor: Cursor, page: Decoded, asked: int, limits: Limits, learned: Learned) -> Outcome:
    """A page that one instant fills: is it all of it, and the last one?"""
    count, last = len(page.ts), int(page.ts[-1])
    again = cursor.anchored
    cursor.at, cursor.anchored, cursor.empties = last, True, 0
    if page.broken:
        return Outcome((), _broken(cursor, limits))
    if count >= asked:
        cursor.most = learned.allowed(asked * _GROWTH)
        if cursor.most <= asked:
            raise _too_many(cursor, count)
        return Outcome()
    if not again:
        return Outcome()
    if count < learned.shown and not page.ends_rejected:
        return _end(cursor, page.rows)
    cursor.phase, cursor.held, cursor.held_rejected = Phase.BEYOND, page.rows, page.ends_rejected
    return Outcome()


def _beyond(cursor: Cursor, page: Decoded, limits: Limits) -> Outcome:
    """What comes behind the run that is held; the server has never given more values at once than that run has."""
    if page.broken:
        return Outcome((), _broken(cursor, limits))
    inside = page.ts[page.ts < cursor.span.end]
    if len(inside) == 0:
        return _end(cursor, cursor.held)
    if not cursor.held_rejected:
        raise _too_many(cursor, cursor.held.num_rows)
    if page.rejected == len(page.ts):
        raise error_of(cursor, TransientError, "errors of the service in place of values", "Try again later.")
    first = int(inside[0])
    given = Page(cursor.tag, cursor.held, first)
    cursor.at, cursor.anchored, cursor.phase, cursor.held, cursor.tries = first, True, Phase.READ, empty_page(), 0
    return Outcome((given,))


def _nothing(cursor: Cursor, page: Decoded, limits: Limits) -> Outcome:
    if page.broken:
        return Outcome((), _broken(cursor, limits))
    if cursor.anchored:
        raise error_of(
            cursor,
            TransientError,
            "values that were given are not given again",
            "They were changed in between, or the server begins behind the instant asked for. Read the window again.",
        )
    cursor.empties += 1
    # In a set a cap on all values together may have left nothing for this stream: asked alone it counts.
    return _end(cursor, empty_page()) if cursor.empties > 1 else Outcome()


def _end(cursor: Cursor, rows: pa.RecordBatch) -> Outcome:
    cursor.phase, cursor.at = Phase.DONE, cursor.span.end
    return Outcome((Page(cursor.tag, rows, cursor.span.end),))


def _refused(cursor: Cursor, answer: Answer, limits: Limits, learned: Learned) -> Outcome:
    """What to do about an answer that is no page."""
    kind = refusal(answer)
    if kind is Refusal.FEWER and cursor.most > 1:
        learned.cap = max(1, min(most_allowed(answer, cursor.most), learned.cap or cursor.most))
        cursor.most = learned.allowed(cursor.most)
        return Outcome()
    if kind is Refusal.NARROWER:
        raise error_of(
            cursor, WindowTooLargeError, "the server does not collect so much at once", "Half of the window may work."
        )
    if kind is Refusal.LOST and not cursor.looked_up and cursor.stream.path:
        cursor.looked_up = True
        return Outcome(lost=True)
    if kind is Refusal.LATER:
        cursor.tries += 1
        if cursor.tries < limits.tries:
            return Outcome(pause=_pause(cursor, answer.headers))
    raise with_unread(refused(answer), cursor.tag, cursor.unread)


def _again(cursor: Cursor, limits: Limits, what: str, **values: Any) -> Outcome:
    cursor.tries += 1
    if cursor.tries < limits.tries:
        return Outcome(pause=float(cursor.tries))
    raise error_of(
        cursor, TransientError, what, "Look at what stands between here and the server, and try again.", **values
    )


def _broken(cursor: Cursor, limits: Limits) -> float:
    """The pause before a page is asked for again that an error cut."""
    return _again(cursor, limits, "an error of the service in place of values").pause


def _pause(cursor: Cursor, headers: Mapping[str, str]) -> float:
    # A date, which no batch has for a part, would need a clock.
    asked = retry_after(
        headers.get("retry-after"), now=datetime.max.replace(tzinfo=UTC), longest=_LONGEST_PAUSE
    ).seconds
    return max(asked or 0.0, float(cursor.tries))


def _too_many(cursor: Cursor, count: int) -> IntegrationError:
    return error_of(
        cursor,
        PermanentError,
        "more values of one instant than the server gives at once",
        "Raise MaxReturnedItemsPerCall of the service: values of one instant cannot be asked for in parts.",
        instant=to_iso(cursor.at),
        given=count,
    )
