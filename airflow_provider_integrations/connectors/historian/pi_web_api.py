"""Recorded values of PI Web API as a conversation: it yields requests and pages, and is sent responses.

    conversation = read_streams(streams, span, Limits(root), Learned())
    step = next(conversation)  # a Request
    step = conversation.send(response)  # a Page, a Wait or the next Request

There is no token for the next page: "recorded" is asked again from the last timestamp on, inclusive, as that instant may have
more values than the page could hold. So the last run of equal timestamps is held back each time and read anew with its
neighbours; nothing is kept between two pages but the instant. What makes it safe:

- A page shorter than was asked for may be cut by a cap that nobody told of, or by a gateway. So the end is believed only where
  a second answer, from the last timestamp on, brings that run again and nothing behind it, or where a value at the end of the
  window came, which is never wanted itself. A stream without values has to say so twice, in an answer of its own.
- A page that one timestamp fills is asked for again, larger; where the server gives no larger one, that is an error.
- What comes from before the instant asked for, after the window, or out of order is an error, as is a run that does not come
  again. Each error says which window is unread.
- An error in place of one value rejects that row alone: it is kept, with status Bad and `rejected`, where the service has shown
  that it goes on behind it. An error without a time is asked about again.

Sources: PI Web API Reference, "Stream GetRecorded", "StreamSet GetRecordedAdHoc", "Batch Execute", "Boundary Type".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence

from airflow_provider_integrations.connectors.historian.model import Span, WindowTooLargeError
from airflow_provider_integrations.connectors.historian.pi_answers import Refusal, refusal, with_unread
from airflow_provider_integrations.connectors.historian.pi_cursor import take
from airflow_provider_integrations.connectors.historian.pi_find import look_up
from airflow_provider_integrations.connectors.historian.pi_model import (
    Answer,
    Conversation,
    Learned,
    Limits,
    Response,
    Step,
    Stream,
    Wait,
    Way,
)
from airflow_provider_integrations.connectors.historian.pi_place import Cursor, Phase
from airflow_provider_integrations.connectors.historian.pi_wire import answers_of, fitting, request_of
from airflow_provider_integrations.core.errors import IntegrationError, TransientError

__all__ = ["read_streams"]

_NO_BATCH = frozenset({400, 403, 404, 405, 409, 411, 415, 501})
"""A service that is read by GET alone says one of these to a POST."""


def read_streams(streams: Sequence[Stream], span: Span, limits: Limits, learned: Learned) -> Conversation:
    """Read all streams to the end of the span.

    Args:
        streams: At most as many as one request may ask for come along in one.
        span: Of time.
        limits: How much is asked for at once.
        learned: What is known of the server; shared with other conversations.

    Raises:
        WindowTooLargeError: the server does not collect so much, or not in time.
        IntegrationError: some of it is unread; its values say what.
    """
    rates = (learned.rates.get(stream.tag.name, 0.0) for stream in streams)
    open_ = deque(
        Cursor(stream, span, learned.allowed(limits.expected(rate, span)))
        for stream, rate in zip(streams, rates, strict=True)
    )
    while open_:
        chosen, way = _choose(open_, limits, learned)
        answers = yield from _answers(chosen, way, limits, learned)
        pause = 0.0
        for cursor, answer in zip(chosen, answers or (), strict=answers is not None):
            outcome = take(cursor, answer, limits, learned)
            yield from outcome.pages
            pause = max(pause, outcome.pause)
            if outcome.lost:
                yield from _look_up_again(cursor, limits, learned)
        if pause:
            yield Wait(pause)
        open_.extend(cursor for cursor in chosen if cursor.phase is not Phase.DONE)


def _choose(open_: deque[Cursor], limits: Limits, learned: Learned) -> tuple[list[Cursor], Way]:
    """Those that one request asks for, taken out of the queue."""
    most = min(limits.at_once, learned.at_once or limits.at_once)
    chosen: list[Cursor] = []
    total = 0
    for cursor in open_:
        cursor.most = min(learned.allowed(cursor.most), most)
        total += cursor.most
        if chosen and (total > most or len(chosen) >= limits.streams):
            break
        chosen.append(cursor)
    count = fitting([cursor.ask for cursor in chosen], learned.way, limits)
    for _ in range(count):
        open_.popleft()
    return chosen[:count], learned.way


def _answers(
    chosen: list[Cursor], way: Way, limits: Limits, learned: Learned
) -> Generator[Step, Response | None, list[Answer] | None]:
    """What the service says to each; None where they are to be asked for in another way, or for less."""
    asks = [cursor.ask for cursor in chosen]
    try:
        response = yield request_of(asks, way, limits)
        assert response is not None, "a request is answered by a response"
        if len(asks) > 1 and _cannot(response, way):
            learned.way = Way.STREAMSET if way is Way.BATCH else Way.STREAM
            return None
        if len(asks) > 1 and response.status not in (200, 207):
            return [Answer(response.status, response.headers, response.body)] * len(asks)
        return answers_of(response, asks, way)
    except WindowTooLargeError as error:
        if max(ask.most for ask in asks) <= 1:
            raise with_unread(error, chosen[0].tag, chosen[0].unread, tags=len(chosen)) from None
        total = sum(ask.most for ask in asks)
        learned.at_once = max(total // 2, 1)
        return None
    except TransientError as error:
        for cursor in chosen:
            cursor.tries += 1
        if chosen[0].tries >= limits.tries or _is_final(error):
            raise with_unread(error, chosen[0].tag, chosen[0].unread, tags=len(chosen)) from None
        yield Wait(float(chosen[0].tries))
        return None
    except IntegrationError as error:
        raise with_unread(error, chosen[0].tag, chosen[0].unread, tags=len(chosen)) from None


def _is_final(error: TransientError) -> bool:
    """Whether the driver has been patient already."""
    return bool(error.values.get("attempts"))


def _cannot(response: Response, way: Way) -> bool:
    """Whether the service does not answer for many streams at once; which of them is the reason is told one by one."""
    if response.status not in _NO_BATCH or (way is not Way.BATCH and response.status == 403):
        return False
    return refusal(Answer(response.status, response.headers, response.body)) is not Refusal.FEWER


def _look_up_again(cursor: Cursor, limits: Limits, learned: Learned) -> Generator[Step, Response | None, None]:
    """A failover may make another WebId of a path; it is looked up once in a row."""
    tag, path = cursor.stream.tag, cursor.stream.path
    try:
        [cursor.stream] = yield from look_up([tag], limits, paths={tag: path})
    except IntegrationError as error:
        raise with_unread(error, cursor.tag, cursor.unread) from None
    learned.streams[tag] = cursor.stream
