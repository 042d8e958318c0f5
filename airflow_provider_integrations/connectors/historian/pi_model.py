"""What a conversation with PI Web API is made of: requests and responses without a socket, and what is known of a server.

>>> Request("GET", "points", (("path", "\\\\\\\\PISRV\\\\SINUSOID"),)).target
'points?path=%5C%5CPISRV%5CSINUSOID'
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag

__all__ = ["Answer", "Conversation", "Learned", "Limits", "Request", "Response", "Step", "Stream", "Wait", "Way"]

_MORE = 1.1


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, below the root of the service.

    Args:
        method: GET or POST.
        path: Below the root, e.g. `points`.
        params: Of its query, in order; a name may come more than once.
        body: JSON of a POST.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    @property
    def target(self) -> str:
        """Path and query, percent-encoded."""
        return f"{self.path}?{urlencode(self.params, quote_via=quote, safe=':;')}" if self.params else self.path


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: the names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one part of a request was answered: a response, or one of the many that a batch brings."""

    status: int
    headers: Mapping[str, str]
    content: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """The conversation goes on after a pause."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stream:
    """A tag as the server knows it now.

    Args:
        tag: What was asked for.
        web_id: By which its values are asked for; a failover may make another one of it.
        path: By which it is looked up again; empty where only a WebId is known.
        numeric: Whether its type is one of numbers; None where the type is not known.
    """

    tag: Tag
    web_id: str
    path: str = ""
    numeric: bool | None = None


class Way(StrEnum):
    """How many streams are asked for at once: sub-requests of a POST, an ad hoc stream set, or one by one."""

    BATCH = "batch"
    STREAMSET = "streamset"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is asked for at once.

    Args:
        root: URL of the service, which the parts of a batch name in full.
        first: Values of the first page of each stream: PI Web API's own default, which every server gives.
        largest: Values of a page of a stream that has many; the server may give fewer.
        at_once: Values that one request may bring, of all its streams together.
        streams: Streams of one request.
        url: Characters that the query of a GET may have (IIS refuses more than 2,048 by default).
        tries: How often in a row a stream may fail to bring anything.
    """

    root: str
    first: int = 1_000
    largest: int = 20_000
    at_once: int = 100_000
    streams: int = 100
    url: int = 1_900
    tries: int = 4

    def expected(self, rate: float, span: Span) -> int:
        """How many values to ask for where so many a nanosecond were seen: some more, that one page may do."""
        return max(min(int(rate * (span.end - span.begin) * _MORE) + self.first // 10, self.largest), self.first)


@dataclass(slots=True)
class Learned:
    """What a session found out about its server; shared by its conversations.

    Args:
        way: How streams are asked for, as long as the server plays along.
        cap: The most values that a page may be asked for (`MaxReturnedItemsPerCall`), where the server refused more.
        shown: The most values that it gave of a stream in one answer: a page with fewer is cut by no silent cap.
        at_once: What is left of `Limits.at_once` after an answer was too large.
        rates: Values a nanosecond of each tag, as seen last.
        streams: Of the tags that were looked up, as they are known now.
    """

    way: Way = Way.BATCH
    cap: int | None = None
    shown: int = 0
    at_once: int | None = None
    rates: dict[str, float] = field(default_factory=dict)
    streams: dict[Tag, Stream] = field(default_factory=dict)

    def allowed(self, wanted: int) -> int:
        """As many values as may be asked for."""
        return wanted if self.cap is None else min(wanted, self.cap)


Step = Request | Wait | Page
Conversation = Generator[Step, "Response | None", None]
"""A request is answered by a response, anything else by None; what failed is thrown in."""
