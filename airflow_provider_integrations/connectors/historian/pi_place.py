"""Where the reading of one stream stands, and whether an answer belongs there; the rules are those of `pi_web_api`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_integrations.connectors.historian.model import Page, Span, to_iso, unread
from airflow_provider_integrations.connectors.historian.pi_model import Stream
from airflow_provider_integrations.connectors.historian.pi_values import Decoded
from airflow_provider_integrations.connectors.historian.pi_wire import TICK, Ask
from airflow_provider_integrations.connectors.historian.samples import empty_page
from airflow_provider_integrations.core.errors import IntegrationError, SystemicError, TransientError

__all__ = ["Cursor", "Outcome", "Phase", "checked", "error_of"]

_MILLISECOND = 1_000_000


class Phase(StrEnum):
    """What is asked for: values from an instant on, those behind the only one known, or nothing any more."""

    READ = "read"
    BEYOND = "beyond"
    DONE = "done"


@dataclass(slots=True)
class Cursor:
    """One stream's place.

    Args:
        stream: Whose; another one after a failover.
        span: What is wanted of it.
        most: How many values the next page may have.
        at: All before this instant was given.
        anchored: Whether a value at `at` is known, which has to come again.
        held: In phase BEYOND, the run at `at`.
        held_rejected: Whether that run ends in a rejected row.
        empties: How often in a row it said that it has nothing.
        tries: How often in a row it brought nothing.
        looked_up: Whether its path was looked up again since it last brought something.
    """

    stream: Stream
    span: Span
    most: int
    at: int = -1
    anchored: bool = False
    phase: Phase = Phase.READ
    held: pa.RecordBatch = field(default_factory=empty_page)
    held_rejected: bool = False
    empties: int = 0
    tries: int = 0
    looked_up: bool = False

    def __post_init__(self) -> None:
        self.at = self.span.begin

    @property
    def tag(self) -> str:
        """The name of its rows."""
        return self.stream.tag.name

    @property
    def unread(self) -> Span:
        """What has not been given yet."""
        return Span(self.at, self.span.end)

    @property
    def ask(self) -> Ask:
        """What to ask for next. The end is included, and a value from there on, which is not wanted, proves the rest.

        It is a whole millisecond, so that nothing is lost where a service or a gateway cuts the decimals of times.
        """
        begin = _up(self.at, TICK) + (TICK if self.phase is Phase.BEYOND else 0)
        return Ask(self.stream, begin, _up(max(self.span.end, begin), _MILLISECOND), self.most, alone=self.empties > 0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer led to.

    Args:
        pages: To be given.
        pause: Seconds that the service asks for.
        lost: Whether the stream has to be looked up again.
    """

    pages: tuple[Page, ...] = ()
    pause: float = 0.0
    lost: bool = False


def checked(cursor: Cursor, page: Decoded) -> Decoded:
    """The page without what a service that cuts the decimals of times gives from before the instant asked for.

    Nothing else may come from before it, after the end, or out of order; nor may such values fill the page.

    Raises:
        SystemicError: it is so all the same.
        TransientError: the values at the instant asked for, which were there, are not.
    """
    if len(page.ts) == 0:
        return page
    ask = cursor.ask
    if np.any(page.ts[1:] < page.ts[:-1]):
        raise error_of(cursor, SystemicError, "values out of the order of time", "Look at what answers for the server.")
    first, last = int(page.ts[0]), int(page.ts[-1])
    early = int(np.searchsorted(page.ts, ask.begin))
    cut = ask.begin // _MILLISECOND * _MILLISECOND
    if (early and (first < cut or early == len(page.ts) >= ask.most)) or last > ask.end:
        raise error_of(
            cursor,
            SystemicError,
            "values from outside of the window that was asked for",
            "The server pays no heed to the times of the request. Look at what answers for it.",
            first=to_iso(first),
            last=to_iso(last),
            asked_from=to_iso(ask.begin),
        )
    page = replace(page, ts=page.ts[early:], rows=page.rows.slice(early)) if early else page
    if cursor.anchored and cursor.phase is Phase.READ and len(page.ts) and int(page.ts[0]) != ask.begin:
        raise error_of(
            cursor,
            TransientError,
            "values that were given are not given again",
            "They were changed in between, or the server begins behind the instant asked for. Read the window again.",
            first=to_iso(first),
        )
    return page


def error_of(
    cursor: Cursor, kind: type[IntegrationError], what: str, next_step: str, **values: Any
) -> IntegrationError:
    """An error that says what of the stream is unread."""
    return unread(kind, what, cursor.tag, cursor.unread, next_step=next_step, **values)


def _up(instant: int, step: int) -> int:
    """The first multiple of a step that is not before an instant."""
    return -(-instant // step) * step
