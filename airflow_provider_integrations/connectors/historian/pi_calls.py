"""Values that the service works out of recorded ones: interpolated, for a plot, or summaries. None of them is a reading.

Each says so in `quality_detail`, so that no estimate passes for what was measured. They are not paged: what would be more than
the service allows it refuses as a whole, and half of the window may work.

Sources: PI Web API Reference, "Stream GetInterpolated", "Stream GetPlot", "Stream GetSummary".

>>> Interpolated("15m").params
(('interval', '15m'),)
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import msgspec
import numpy as np

from airflow_provider_integrations.connectors.historian.model import Page, Span, WindowTooLargeError
from airflow_provider_integrations.connectors.historian.pi_answers import Refusal, refusal, refused, with_unread
from airflow_provider_integrations.connectors.historian.pi_model import Answer, Request, Response, Step, Stream
from airflow_provider_integrations.connectors.historian.pi_values import (
    Decoded,
    Item,
    PageError,
    decode_items,
    decode_page,
)
from airflow_provider_integrations.connectors.historian.pi_wire import tick_time
from airflow_provider_integrations.core.errors import IntegrationError, TransientError

__all__ = ["Call", "Interpolated", "Plot", "Summary", "calculated"]


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A value at each step, between those recorded.

    Args:
        interval: An AF time span, e.g. `15m`.
    """

    interval: str = "1h"
    path = "interpolated"

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """Of the query."""
        return (("interval", self.interval),)

    @property
    def detail(self) -> str:
        """What each value says of itself."""
        return "interpolated"


@dataclass(frozen=True, slots=True)
class Plot:
    """Up to five recorded or interpolated values an interval: first, last, highest, lowest, and one that is not good.

    Args:
        intervals: How many, e.g. pixels.
    """

    intervals: int = 24
    path = "plot"

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """Of the query."""
        return (("intervals", str(self.intervals)),)

    @property
    def detail(self) -> str:
        """What each value says of itself."""
        return "plot"


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure for each step.

    Args:
        kind: `Average`, `Minimum`, `Maximum`, `Total`, `Count`, `Range`, `StdDev` or `PercentGood`.
        duration: An AF time span, e.g. `1h`; the whole window without one.
        basis: `TimeWeighted` or `EventWeighted`.
    """

    kind: str = "Average"
    duration: str = ""
    basis: str = "TimeWeighted"
    path = "summary"

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """Of the query."""
        duration = (("summaryDuration", self.duration),) if self.duration else ()
        return (("summaryType", self.kind), ("calculationBasis", self.basis), *duration)

    @property
    def detail(self) -> str:
        """What each value says of itself."""
        return f"summary:{self.kind.lower()}"


Call = Interpolated | Plot | Summary


class _Summary(msgspec.Struct):
    Type: str
    Value: Item


class _Summaries(msgspec.Struct):
    Items: list[_Summary] | None = None
    Errors: list[str] | None = None


def calculated(stream: Stream, span: Span, call: Call) -> Generator[Step, Response | None, None]:
    """One page with what the service works out for a window, its end excluded.

    Raises:
        WindowTooLargeError: it would be more than the service gives at once.
        IntegrationError: it does not give it; the error says which window.
    """
    times = (("startTime", tick_time(span.begin)), ("endTime", tick_time(span.end)))
    response = yield Request("GET", f"streams/{stream.web_id}/{call.path}", (*times, *call.params))
    assert response is not None, "a request is answered by a response"
    answer = Answer(response.status, response.headers, response.body)
    if answer.status != 200:
        error = refused(answer)
        if refusal(answer) in (Refusal.FEWER, Refusal.NARROWER):
            error = WindowTooLargeError(error.what, next_step="Half of the window may work.", **error.values)
        raise with_unread(error, stream.tag.name, span)
    try:
        page = _decoded(response.body, stream, call)
    except (PageError, msgspec.DecodeError, ValueError):
        error = TransientError(
            "an answer that is none of PI Web API", next_step="Look at what stands between here and the server."
        )
        raise with_unread(error, stream.tag.name, span) from None
    _check(page, stream, span)
    inside = np.searchsorted(page.ts, span.end)
    yield Page(stream.tag.name, page.rows.slice(0, int(inside)), span.end)


def _decoded(body: bytes, stream: Stream, call: Call) -> Decoded:
    if not isinstance(call, Summary):
        return decode_page(body, numeric=stream.numeric, detail=call.detail)
    found = msgspec.json.decode(body, type=_Summaries)
    if found.Items is None or found.Errors is not None:
        raise PageError(0)
    return decode_items([each.Value for each in found.Items], numeric=stream.numeric, detail=call.detail)


def _check(page: Decoded, stream: Stream, span: Span) -> None:
    ordered = not np.any(page.ts[1:] < page.ts[:-1])
    inside = not len(page.ts) or (page.ts[0] >= span.begin and page.ts[-1] <= span.end)
    if ordered and inside and not page.broken:
        return
    error: IntegrationError = TransientError(
        "values out of order, from outside of the window, or broken off", next_step="Try again later."
    )
    raise with_unread(error, stream.tag.name, span)
