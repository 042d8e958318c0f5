"""Writes what is asked of streams as requests, and takes their answers apart.

Times are written in UTC with all seven decimals: a string such as `*-1d`, or one without a zone, would be read in the zone of
the server (PI Web API Reference, "Time Strings").

>>> tick_time(1767225600123456700)
'2026-01-01T00:00:00.1234567Z'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from airflow_provider_integrations.connectors.historian.pi_model import (
    Answer,
    Limits,
    Request,
    Response,
    Stream,
    Way,
)
from airflow_provider_integrations.core.errors import PermanentError, TransientError

__all__ = ["TICK", "Ask", "answers_of", "batch", "batch_answers", "fitting", "request_of", "tick_time"]

TICK = 100
"""Nanoseconds of the finest time that PI keeps."""

_FIELDS = ("Timestamp", "Value", "Good", "Questionable", "Substituted", "Annotated", "Errors")
_ITEM_FIELDS = ";".join(f"Items.{name}" for name in _FIELDS)
_ONE = f"{_ITEM_FIELDS};Errors;WebException"
_SET = ";".join(
    ("Items.WebId", "Items.Path", *(f"Items.Items.{name}" for name in _FIELDS), "Items.Errors", "WebException")
)


@dataclass(frozen=True, slots=True)
class Ask:
    """Values of one stream, both ends included.

    Args:
        stream: Whose.
        begin: Nanoseconds since 1970 UTC.
        end: Likewise.
        most: How many at most.
        alone: Whether it has to have an answer of its own.
    """

    stream: Stream
    begin: int
    end: int
    most: int
    alone: bool = False

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """Of the query, without the stream."""
        return (
            ("startTime", tick_time(self.begin)),
            ("endTime", tick_time(self.end)),
            ("boundaryType", "Inside"),
            ("maxCount", str(self.most)),
        )


class _Sub(msgspec.Struct):
    Status: int
    Headers: dict[str, Any] | None = None
    Content: msgspec.Raw = msgspec.Raw(b"null")


class _OfSet(msgspec.Struct):
    WebId: str = ""
    Path: str = ""


class _Set(msgspec.Struct):
    Items: list[msgspec.Raw] | None = None
    Errors: Any = None
    WebException: Any = None


_BATCH = msgspec.json.Decoder(dict[str, _Sub])
_STREAM_SET = msgspec.json.Decoder(_Set)
_OF_SET = msgspec.json.Decoder(_OfSet)


def tick_time(instant: int) -> str:
    """An instant as PI Web API reads it, exact to 100 ns."""
    seconds, rest = divmod(instant, 1_000_000_000)
    return f"{(datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()}.{rest // TICK:07d}Z"


def fitting(asks: Sequence[Ask], way: Way, limits: Limits) -> int:
    """How many of the asks, from the first one on, one request may have."""
    if len(asks) < 2 or way is Way.STREAM:
        return min(len(asks), 1)
    if way is Way.BATCH:
        return len(asks)
    if asks[0].alone:
        return 1
    first, length, count = asks[0], len(request_of(asks[:1], way, limits).target), 1
    for ask in asks[1:]:
        length += len("&webId=") + len(ask.stream.web_id)
        same = (ask.begin, ask.end, ask.most, ask.alone) == (first.begin, first.end, first.most, False)
        if not same or length > limits.url or ask.stream.web_id in {each.stream.web_id for each in asks[:count]}:
            break
        count += 1
    return count


def request_of(asks: Sequence[Ask], way: Way, limits: Limits) -> Request:
    """One request for all of the asks, which must fit it."""
    if len(asks) == 1:
        return _recorded(asks[0])
    if way is Way.STREAMSET:
        ids = tuple(("webId", ask.stream.web_id) for ask in asks)
        return Request("GET", "streamsets/recorded", (*asks[0].params, ("selectedFields", _SET), *ids))
    return batch([_recorded(ask) for ask in asks], limits)


def batch(requests: Sequence[Request], limits: Limits) -> Request:
    """Several GET requests in one POST ("Batch Execute"); they are answered by their place."""
    parts = {str(at): {"Method": "GET", "Resource": f"{limits.root}/{each.target}"} for at, each in enumerate(requests)}
    return Request("POST", "batch", body=msgspec.json.encode(parts))


def answers_of(response: Response, asks: Sequence[Ask], way: Way) -> list[Answer]:
    """The answer to each ask, in their order.

    Raises:
        TransientError: it is no answer of the service, or one that lacks a part.
        PermanentError: it brings a stream that was not asked for.
    """
    if len(asks) == 1:
        return [Answer(response.status, response.headers, response.body)]
    if way is Way.BATCH:
        return batch_answers(response, len(asks))
    found = _decoded(_STREAM_SET, response)
    if found.Errors is not None or found.WebException is not None or found.Items is None:
        raise TransientError("the service broke its answer off", next_step="Try again later.")
    return _by_stream(found.Items, asks, response.headers)


def batch_answers(response: Response, count: int) -> list[Answer]:
    """The answers of a batch, by their place; as `answers_of`."""
    subs = _decoded(_BATCH, response)
    if subs.keys() != {str(at) for at in range(count)}:
        raise TransientError(
            "a batch with other parts than were asked for", parts=len(subs), asked=count, next_step="Try again later."
        )
    ordered = (subs[str(at)] for at in range(count))
    return [Answer(each.Status, _headers(each.Headers), each.Content) for each in ordered]


def _by_stream(items: Sequence[msgspec.Raw], asks: Sequence[Ask], headers: Mapping[str, str]) -> list[Answer]:
    """A set may come in another order, and a server behind a failover may name a stream by another type of WebId."""
    named = [(_OF_SET.decode(item), item) for item in items]
    by_id = {told.WebId: item for told, item in named}
    by_path = {told.Path.lower(): item for told, item in named if told.Path}
    answers = []
    for ask in asks:
        item = by_id.get(ask.stream.web_id) or by_path.get(ask.stream.path.lower())
        if item is None:
            raise TransientError(
                "a stream set without a stream that was asked for",
                tag=ask.stream.tag.name,
                next_step="Try again later.",
            )
        answers.append(Answer(200, headers, item))
    if len(items) > len(asks):
        raise PermanentError(
            "a stream set with other streams than were asked for", next_step="Ask for them one by one."
        )
    return answers


def _decoded(decoder: msgspec.json.Decoder[Any], response: Response) -> Any:
    try:
        return decoder.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    raise TransientError(
        "an answer that is none of PI Web API",
        status=response.status,
        type=response.headers.get("content-type", "")[:100],
        next_step="Look at what stands between here and the server, and at /piwebapi in the URL.",
    )


def _headers(headers: dict[str, Any] | None) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in (headers or {}).items()}


def _recorded(ask: Ask) -> Request:
    return Request("GET", f"streams/{ask.stream.web_id}/recorded", (*ask.params, ("selectedFields", _ONE)))
