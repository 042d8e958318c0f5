"""A server of paper: answers the requests of a conversation as OPC 10000-4 and 10000-11 say, or wrongly on request.

A page has at most `cap` values, and at most as many as were asked for; more is told by a continuation point (OPC 10000-4,
7.9), which names a place among the rows. With `points="time"` it names an instant, as asyncua's own server does, so that an
instant that a page cut in two begins anew. With `points="none"` there are none, as where a limit is taken for a total.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag
from airflow_provider_integrations.connectors.historian.opcua import read_history
from airflow_provider_integrations.connectors.historian.opcua_decode import NOTHING, NUMBER, Values, no_values
from airflow_provider_integrations.connectors.historian.opcua_model import (
    Answer,
    Asked,
    Fault,
    Limits,
    Reading,
    Receive,
    Release,
    Request,
    Response,
)
from airflow_provider_integrations.connectors.historian.opcua_values import PageMaker
from airflow_provider_integrations.core.errors import IntegrationError

NO_DATA = 0x00A50000
TAG = Tag("level", "ns=2;i=3")

Row = tuple[int, float | None, int]  # Instant in nanoseconds, number, status.
Fails = Callable[[Request, Answer], Response | Fault]


def rows_of(instants: Sequence[int]) -> list[Row]:
    """A row at each instant; its number is its place."""
    return [(instant, float(at), 0) for at, instant in enumerate(instants)]


def values_of(rows: Sequence[Row]) -> Values:
    """Rows as a server's page."""
    if not rows:
        return no_values()
    there = np.array([number is not None for _, number, _ in rows])
    return Values(
        ts=np.array([ts for ts, _, _ in rows], np.int64),
        timed=np.ones(len(rows), bool),
        by_server=np.zeros(len(rows), bool),
        kind=np.where(there, NUMBER, NOTHING).astype(np.uint8),
        number=np.array([number or 0.0 for _, number, _ in rows]),
        status=np.array([status for _, _, status in rows], np.uint32),
        texts={},
        notes={},
    )


@dataclass
class PaperServer:
    """Args:
    rows: Its history, in the order in which it gives it.
    cap: The most values of a page.
    points: What a continuation point names: `row`, `time`, or `none` for no points at all.
    inclusive: Whether the end of a window belongs to it.
    exclusive: Whether its beginning does not.
    fails: Puts something else in the place of an answer; it sees the request and the right answer.
    """

    rows: Sequence[Row]
    cap: int = 1_000
    points: str = "row"
    inclusive: bool = False
    exclusive: bool = False
    fails: Fails | None = None
    asked: list[Request] = field(default_factory=list)
    open_points: set[bytes] = field(default_factory=set)

    def answer(self, request: Request) -> Response | Fault:
        self.asked.append(request)
        right = self.right(request)
        return self.fails(request, right) if self.fails else right

    def release(self, release: Release) -> None:
        self.open_points.discard(release.request.point or b"")

    def right(self, request: Request) -> Answer:
        end = request.span.end + (1 if self.inclusive else 0)
        begin = request.span.begin + (1 if self.exclusive else 0)
        found = [(at, row) for at, row in enumerate(self.rows) if begin <= row[0] < end]
        if request.point:
            self.open_points.discard(request.point)
            begin = int(request.point)
            found = [(at, row) for at, row in found if (row[0] if self.points == "time" else at) >= begin]
        size = min(self.cap, request.page or self.cap)
        page, rest = found[:size], found[size:]
        point = None
        if rest and self.points != "none":
            point = str(rest[0][1][0] if self.points == "time" else rest[0][0]).encode()
            self.open_points.add(point)
        return Answer(0 if page else NO_DATA, point, values_of([row for _, row in page]))


@dataclass
class Read:
    """What a conversation gave."""

    pages: list[Page] = field(default_factory=list)
    error: IntegrationError | None = None

    @property
    def rows(self) -> list[Row]:
        return [
            (row["ts"].value, row["value_number"], row["status"])
            for page in self.pages
            for row in page.samples.select(["ts", "value_number", "status"]).to_pylist()
        ]


def read(
    server: PaperServer,
    span: Span,
    *,
    limits: Limits | None = None,
    reading: Reading | None = None,
    most: int = 100_000,
) -> Read:
    """Drive a conversation to its end; what every page must keep is checked on the way."""
    conversation, found = read_history(TAG, span, reading or Reading(), limits or Limits(), PageMaker()), Read()
    outstanding: list[Request] = []
    answer: Response | Fault | None = None
    read_to, steps = span.begin, 0
    while True:
        steps += 1
        assert steps < most, "the conversation does not end"
        try:
            step = conversation.send(answer)
        except StopIteration:
            break
        except IntegrationError as error:
            found.error = error
            break
        answer = None
        if isinstance(step, Asked):
            assert not outstanding, "one request at a time"
            outstanding.append(step.request)
        elif isinstance(step, Receive):
            answer = server.answer(outstanding.pop())
        elif isinstance(step, Release):
            server.release(step)
        else:
            ts = [each.value for each in step.samples.column("ts").to_pylist()]
            assert ts == sorted(ts)
            if not (reading and reading.bounds):
                assert all(read_to <= each < step.read_to for each in ts), "a page split an instant, or went back"
            read_to = step.read_to
            found.pages.append(step)
    assert found.error is not None or read_to == span.end
    return found
