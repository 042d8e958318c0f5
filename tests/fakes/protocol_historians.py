"""Readers that hold the real conversations of both protocols with servers in memory: all of a backfill but the sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from airflow_provider_integrations.connectors.historian import opcua_model as ua
from airflow_provider_integrations.connectors.historian import pi_model as pi
from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag
from airflow_provider_integrations.connectors.historian.opcua import read_history
from airflow_provider_integrations.connectors.historian.opcua_decode import NOTHING, NUMBER, Values, no_values
from airflow_provider_integrations.connectors.historian.opcua_values import PageMaker
from airflow_provider_integrations.connectors.historian.pi_find import look_up
from airflow_provider_integrations.connectors.historian.pi_web_api import read_streams
from airflow_provider_integrations.system import go_on
from tests.fakes.model_historian import instants_of
from tests.fakes.pi.archive import Archive, Value, system_state
from tests.fakes.pi.held import ROOT, Held
from tests.fakes.pi.service import PiService

__all__ = ["OpcUaInMemory", "PiInMemory"]

_NO_DATA = 0x00A50000


class OpcUaInMemory:
    """Answers HistoryRead from arrays; a continuation point is a place in them.

    Args:
        series: Samples by address, of which numbers and status count.
        cap: The most values of a page.
    """

    def __init__(self, series: Mapping[str, pa.RecordBatch], *, cap: int) -> None:
        self._values, self._cap = {address: _values(batch) for address, batch in series.items()}, cap
        self.boundary: Callable[[str], None] = go_on

    async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        for tag in tags:
            conversation, asked = read_history(tag, span, ua.Reading(), ua.Limits(), PageMaker()), list[ua.Request]()
            answer: ua.Response | None = None
            while True:
                try:
                    step = conversation.send(answer)
                except StopIteration:
                    break
                answer = None
                if isinstance(step, ua.Asked):
                    asked.append(step.request)
                elif isinstance(step, ua.Receive):
                    answer = self._answer(asked.pop())
                    self.boundary("answered")
                elif isinstance(step, Page):
                    yield step

    def _answer(self, request: ua.Request) -> ua.Answer:
        values = self._values[request.address]
        begin, end = (int(place) for place in np.searchsorted(values.ts, (request.span.begin, request.span.end)))
        begin = int(request.point) if request.point else begin
        last = min(end, begin + min(self._cap, request.page or self._cap))
        if begin >= end:
            return ua.Answer(_NO_DATA, None, no_values())
        point = str(last).encode() if last < end else None
        return ua.Answer(0, point, values.taken(np.arange(begin, last)))


class PiInMemory:
    """Asks the service of the fakes without a socket.

    Args:
        series: Samples by name, of which numbers and states count.
        cap: MaxReturnedItemsPerCall.
    """

    def __init__(self, series: Mapping[str, pa.RecordBatch], *, cap: int) -> None:
        archive = Archive()
        for name, batch in series.items():
            archive.add(_path(name), _timed(batch))
        self._service = PiService(archive, cap=cap)
        self.boundary: Callable[[str], None] = go_on

    async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        limits, learned, held = pi.Limits(ROOT, first=100), pi.Learned(pi.Way.BATCH), Held(self._service)
        streams = held.hold(look_up([Tag(tag.name, _path(tag.address)) for tag in tags], limits, learned))
        conversation = read_streams(streams, span, limits, learned)
        answer: pi.Response | None = None
        while True:
            try:
                step = conversation.send(answer)
            except StopIteration:
                break
            answer = None
            if isinstance(step, Page):
                yield step
            elif isinstance(step, pi.Request):
                answer = held.answer(step)
                self.boundary("answered")


def _path(name: str) -> str:
    return f"\\\\PISRV\\{name}"


def _values(batch: pa.RecordBatch) -> Values:
    number = batch.column("value_number")
    there = number.is_valid().to_numpy(zero_copy_only=False)
    return Values(
        ts=instants_of(batch),
        timed=np.ones(batch.num_rows, bool),
        by_server=np.zeros(batch.num_rows, bool),
        kind=np.where(there, NUMBER, NOTHING).astype(np.uint8),
        number=np.nan_to_num(number.to_numpy(zero_copy_only=False)),
        status=batch.column("status").to_numpy(zero_copy_only=False),
        texts={},
        notes={},
    )


def _timed(batch: pa.RecordBatch) -> list[Value]:
    columns = (batch.column(name).to_pylist() for name in ("value_number", "value_state"))
    return [
        Value(ts, number if state is None else system_state(state, 246), good=state is None)
        for ts, number, state in zip(instants_of(batch).tolist(), *columns, strict=True)
    ]
