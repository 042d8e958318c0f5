"""Holds conversations with the service on this thread, with neither sockets nor sleep; and looks at what they gave."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag
from airflow_provider_integrations.connectors.historian.pi_find import look_up
from airflow_provider_integrations.connectors.historian.pi_model import (
    Learned,
    Limits,
    Request,
    Response,
    Step,
    Wait,
    Way,
)
from airflow_provider_integrations.connectors.historian.pi_web_api import read_streams
from airflow_provider_integrations.core.errors import IntegrationError
from tests.fakes.pi.archive import SECOND, Point, Value
from tests.fakes.pi.service import Call, PiService

__all__ = ["BEGIN", "ROOT", "Held", "ramp", "read_all", "rows", "wanted"]

ROOT = "https://pi.example.com/piwebapi"
BEGIN = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z."""


@dataclass
class Held:
    """What conversations led to.

    Args:
        service: That answers.
        broken: Called before each request; what it raises is thrown into the conversation.
    """

    service: PiService
    broken: Callable[[Request], None] = lambda request: None
    pages: list[Page] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)

    def hold(self, conversation: Generator[Step, Response | None, Any]) -> Any:
        """Answer all it asks for, and keep its pages; what it returns."""
        answer: Response | None = None
        failed: IntegrationError | None = None
        while True:
            try:
                step = conversation.send(answer) if failed is None else conversation.throw(failed)
            except StopIteration as end:
                return end.value
            answer, failed = None, None
            if isinstance(step, Page):
                self.pages.append(step)
            elif isinstance(step, Wait):
                self.waited.append(step.seconds)
            else:
                self.sent.append(step)
                try:
                    self.broken(step)
                    answer = self.answer(step)
                except IntegrationError as error:
                    failed = error

    def answer(self, request: Request) -> Response:
        path, _, query = request.target.partition("?")
        headers = {"x-requested-with": "XMLHttpRequest"}
        call = Call(request.method, path, urllib.parse.parse_qs(query, keep_blank_values=True), headers, request.body)
        reply = self.service.answer(call)
        told = {name.lower(): value for name, value in {"Content-Type": "application/json", **reply.headers}.items()}
        return Response(reply.status, told, reply.body)


def ramp(count: int, step: int = SECOND, begin: int = BEGIN) -> list[Value]:
    """Numbers at equal distances."""
    return [Value(begin + at * step, at + 0.5) for at in range(count)]


def read_all(
    service: PiService,
    points: Sequence[Point],
    span: Span,
    limits: Limits | None = None,
    *,
    way: Way = Way.BATCH,
    broken: Callable[[Request], None] = lambda request: None,
) -> Held:
    """Look the points up and read them."""
    held, asked = Held(service, broken), limits or Limits(ROOT)
    tags = [Tag(point.name, point.path) for point in points]
    learned = Learned(way)
    streams = held.hold(look_up(tags, asked, learned))
    held.hold(read_streams(streams, span, asked, learned))
    return held


def rows(pages: Sequence[Page], tag: str, column: str = "value_number") -> list[tuple[int, Any]]:
    """Instants and values of a tag in the order in which they came."""
    found = pa.Table.from_batches([page.samples for page in pages if page.tag == tag])
    return list(zip(found["ts"].cast(pa.int64()).to_pylist(), found[column].to_pylist(), strict=True))


def wanted(point: Point, span: Span) -> list[tuple[int, Any]]:
    """What a point has within a span, its end excluded."""
    return [(value.ts, value.value) for value in point.values if span.begin <= value.ts < span.end]
