"""Reads a range of a remote file with many requests under way, and hands the bytes on in order.

A server may answer with less than was asked for, and in any order (draft-ietf-secsh-filexfer-02, 6.4): the rest is asked
for again, and what comes early is held until its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from airflow_provider_integrations.connectors.sftp_pgp.channel import IN_FLIGHT, SftpChannel
from airflow_provider_integrations.connectors.sftp_pgp.protocol import (
    Kind,
    ProtocolError,
    Reader,
    Status,
    read_status,
    string,
    u32,
    u64,
)
from airflow_provider_integrations.core.errors import TransientError

__all__ = ["read_range"]

MOST_REQUESTS = 128

LEAST_PROGRESS = 1024
"""Bytes that must come within the channel's time-out: a server that trickles a byte now and then has stalled."""


async def read_range(
    channel: SftpChannel,
    handle: bytes,
    start: int,
    end: int,
    deliver: Callable[[memoryview], None],
    *,
    backlog: Callable[[], int] = lambda: 0,
) -> None:
    """Read bytes `start` to `end` (exclusive) and call `deliver` with each part, in order.

    Args:
        channel, handle: Where to read.
        start, end: Offsets.
        deliver: Takes a view that stays valid; it must not block.
        backlog: Bytes that `deliver` took and that are not dealt with yet; while they are many, no more are asked for.

    Raises:
        TransientError: if the file ends before `end`.
        failures.DRIVER_ERRORS: as the channel does; TimeoutError when too little came in time.
    """
    if start < end:
        await _RangeRead(channel, handle, start, end, deliver, backlog).run()


class _RangeRead:
    def __init__(
        self,
        channel: SftpChannel,
        handle: bytes,
        start: int,
        end: int,
        deliver: Callable[[memoryview], None],
        backlog: Callable[[], int],
    ) -> None:
        self._channel, self._handle = channel, handle
        self._next_ask = self._next_deliver = start
        self._end = end
        self._deliver, self._backlog = deliver, backlog
        self._length = channel.read_length
        self._under_way = 0
        self._asked = 0
        self._early: dict[int, memoryview] = {}
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        try:
            self._ask_more()
            await self._watch()
        except BaseException:
            self._finish(None)
            raise

    async def _watch(self) -> None:
        """Wait for the end; wake up often enough to go on after a full disk queue and to see a stall."""
        loop = asyncio.get_running_loop()
        since, delivered = loop.time(), self._channel.bytes_received
        while not self._done.done():
            congested = self._backlog() > 0
            await asyncio.wait({self._done}, timeout=0.02 if congested else min(self._channel.timeout / 4, 1.0))
            self._ask_more()
            now, received = loop.time(), self._channel.bytes_received
            if received - delivered >= min(LEAST_PROGRESS, self._asked) or not self._asked:
                since, delivered = now, received
            elif now - since > self._channel.timeout:
                raise TimeoutError
        self._done.result()

    def _ask_more(self) -> None:
        # Not the channel's own bound, which may be less than a writer gathers before it writes: both would wait for ever.
        if self._done.done() or self._backlog() > IN_FLIGHT:
            return
        held = self._next_ask - self._next_deliver  # asked for or early
        with self._channel.gathered():
            while self._next_ask < self._end and held < self._channel.in_flight and self._under_way < MOST_REQUESTS:
                length = min(self._length, self._channel.in_flight, self._end - self._next_ask)
                self._ask(self._next_ask, length)
                self._next_ask += length
                held += length

    def _ask(self, offset: int, length: int) -> None:
        def waiter(kind: int, answer: Reader | BaseException) -> None:
            self._under_way -= 1
            self._asked -= length
            if not self._done.done():
                try:
                    self._take(offset, length, kind, answer)
                except Exception as error:
                    self._finish(error)

        self._channel.send(Kind.READ, waiter, string(self._handle), u64(offset), u32(length))
        self._under_way += 1
        self._asked += length

    def _take(self, offset: int, length: int, kind: int, answer: Reader | BaseException) -> None:
        if isinstance(answer, BaseException):
            raise answer
        if kind == Kind.STATUS:
            error = read_status(answer)
            if error is not None and error.code == Status.EOF:
                raise TransientError(
                    "the file ends before its size",
                    size=self._end,
                    ends_at_or_before=offset,
                    next_step="The partner is changing it; it is taken when it stays the same.",
                )
            raise error or ProtocolError("OK as the answer to a read")
        if kind != Kind.DATA:
            raise ProtocolError(f"a packet of type {kind} as the answer to a read")
        data = answer.data()
        got = len(data)
        if not 0 < got <= length:
            raise ProtocolError(f"{got} bytes as the answer to a read of {length}")
        if got < length:
            self._ask(offset + got, length - got)
            self._length = max(4096, min(self._length, got))
        if offset != self._next_deliver:
            self._early[offset] = data
            return
        self._hand_on(data)
        while self._next_deliver in self._early:
            self._hand_on(self._early.pop(self._next_deliver))
        if self._next_deliver == self._end:
            self._finish(None)
        elif (
            self._next_ask - self._next_deliver <= self._channel.in_flight * 3 // 4
            or self._under_way <= MOST_REQUESTS // 2
        ):
            self._ask_more()

    def _hand_on(self, data: memoryview) -> None:
        self._deliver(data)
        self._next_deliver += len(data)

    def _finish(self, error: BaseException | None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)
