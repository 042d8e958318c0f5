"""asyncua's server on port 0 with histories of ours behind it: pages that are ready, caps, and whatever should go wrong.

The wire, the sessions, the channels and the security are asyncua's own. What a page is comes from here, since asyncua's own
history takes the client's limit for that of the whole window, and names instants by its points; see `World.give_sqlite`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from asyncua import Server, ua
from asyncua.server.history import HistoryManager
from asyncua.server.history_sql import HistorySQLite
from asyncua.ua.ua_binary import variant_to_binary

NAMESPACE = "urn:plant"
RECORD = np.dtype([("mask", "u1"), ("type", "u1"), ("value", "<f8"), ("source", "<i8"), ("server", "<i8")])
"""A number with both times, as most servers send it."""
EPOCH = 116_444_736_000_000_000
SIZES = {"mask": 0x0D, "type": 11}

Fails = Callable[[ua.HistoryReadParameters, list[ua.HistoryReadResult]], list[ua.HistoryReadResult]]


def records(instants: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Numbers at instants in nanoseconds, each its own place."""
    made = np.zeros(len(instants), RECORD)
    made["mask"], made["type"] = SIZES["mask"], SIZES["type"]
    made["value"] = np.arange(len(instants))
    made["source"] = made["server"] = EPOCH + instants // 100
    return made


@dataclass
class History:
    """What the server gives, by the number of the node in the namespace.

    Args:
        rows: Values of each node, ascending.
        cap: The most values of a page.
        fails: Puts something else in the place of right answers; it may raise an error of asyncua, which is a service fault.
        asked: The nodes of all requests.
        released: Points that were given back.
        points: Those that are open; OPC 10000-4, 7.9: "a Server may limit the number".
        most_points: How many may be open; one more gets BadNoContinuationPoints.
    """

    rows: dict[int, npt.NDArray[Any]]
    cap: int = 1_000
    fails: Fails | None = None
    asked: list[ua.NodeId] = field(default_factory=list)
    released: list[bytes] = field(default_factory=list)
    points: set[bytes] = field(default_factory=set)
    most_points: int = 1_000
    _number: int = 0

    async def read_history(self, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        self.asked += [node.NodeId for node in params.NodesToRead]
        if params.ReleaseContinuationPoints:
            for node in params.NodesToRead:
                self.released.append(node.ContinuationPoint)
                self.points.discard(node.ContinuationPoint)
            return [ua.HistoryReadResult() for _ in params.NodesToRead]
        found = [self._read(params.HistoryReadDetails, node) for node in params.NodesToRead]
        return self.fails(params, found) if self.fails else found

    def _read(self, details: Any, node: ua.HistoryReadValueId) -> ua.HistoryReadResult:
        if not isinstance(details, ua.ReadRawModifiedDetails):
            return ua.HistoryReadResult(ua.StatusCode(ua.StatusCodes.BadHistoryOperationUnsupported))
        if node.NodeId.Identifier not in self.rows:
            return ua.HistoryReadResult(ua.StatusCode(ua.StatusCodes.BadNodeIdUnknown))
        rows = self.rows[node.NodeId.Identifier]
        if node.ContinuationPoint:
            if node.ContinuationPoint not in self.points:
                return ua.HistoryReadResult(ua.StatusCode(ua.StatusCodes.BadContinuationPointInvalid))
            self.points.discard(node.ContinuationPoint)
            begin = int(node.ContinuationPoint.split(b":")[0])
        else:
            begin = int(np.searchsorted(rows["source"], ua.datetime_to_win_epoch(details.StartTime)))
        end = int(np.searchsorted(rows["source"], ua.datetime_to_win_epoch(details.EndTime)))
        to = min(end, begin + min(self.cap, details.NumValuesPerNode or self.cap))
        result = ua.HistoryReadResult(ua.StatusCode(0 if to > begin else 0x00A50000))
        if to < end:
            if len(self.points) >= self.most_points:
                return ua.HistoryReadResult(ua.StatusCode(ua.StatusCodes.BadNoContinuationPoints))
            self._number += 1
            result.ContinuationPoint = f"{to}:{self._number}".encode()
            self.points.add(result.ContinuationPoint)
        body = np.int32(max(to - begin, 0)).tobytes() + rows[begin:to].tobytes()
        result.HistoryData = ua.ExtensionObject(ua.NodeId(ua.ObjectIds.HistoryData_Encoding_DefaultBinary), body)
        return result


@dataclass
class Served:
    """A server that runs.

    Args:
        url: Its endpoint.
        server: asyncua's server.
        index: Of the namespace.
        loop: Where it runs.
    """

    url: str
    server: Server
    index: int
    loop: asyncio.AbstractEventLoop

    def node(self, number: int) -> str:
        return f"ns={self.index};i={number}"

    def run(self, work: Awaitable[Any]) -> Any:
        """Do something where the server runs."""

        async def done() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self.loop).result(30)

    def drop_connections(self) -> None:
        """Close every socket, as a network does."""

        async def drop() -> None:
            for client in list(self.server.bserver.clients):
                client.transport.abort()

        self.run(drop())


@asynccontextmanager
async def running(
    numbers: list[int], prepare: Callable[[Server], Awaitable[None]] | None = None, *, port: int = 0
) -> AsyncIterator[tuple[Server, int, str]]:
    """A server with variables of these numbers below `Plant`, each of which says that it keeps history."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/history")
    server.set_server_name("history of tests")
    index = await server.register_namespace(NAMESPACE)
    plant = await server.nodes.objects.add_object(ua.NodeId(999_999, index), "Plant")
    for number in numbers:
        variable = await plant.add_variable(ua.NodeId(number, index), f"Level{number}", 0.0)
        await variable.write_attribute(ua.AttributeIds.Historizing, ua.DataValue(True))
        await variable.set_attr_bit(ua.AttributeIds.AccessLevel, ua.AccessLevel.HistoryRead)
        await variable.set_attr_bit(ua.AttributeIds.UserAccessLevel, ua.AccessLevel.HistoryRead)
    if prepare:
        await prepare(server)
    async with server:
        own = server.bserver._server.sockets[0].getsockname()[1]
        yield server, index, f"opc.tcp://127.0.0.1:{own}/history"


@contextmanager
def serving(
    numbers: list[int], prepare: Callable[[Server], Awaitable[None]] | None = None, *, port: int = 0
) -> Iterator[Served]:
    """The server in a thread of its own."""
    ready: list[Served] = []
    failed: list[BaseException] = []
    there, leave = threading.Event(), asyncio.Event()

    async def main() -> None:
        try:
            async with running(numbers, prepare, port=port) as (server, index, url):
                ready.append(Served(url, server, index, asyncio.get_running_loop()))
                there.set()
                await leave.wait()
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            there.set()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    there.wait(60)
    if not ready:
        raise RuntimeError(f"no server: {failed}")
    try:
        yield ready[0]
    finally:
        with contextlib.suppress(RuntimeError):
            ready[0].loop.call_soon_threadsafe(leave.set)
        thread.join(30)


NUMBERS = list(range(1, 41))


@dataclass
class World:
    """One server for many tests: to set one up takes seconds."""

    served: Served

    @property
    def url(self) -> str:
        return self.served.url

    def node(self, number: int) -> str:
        return self.served.node(number)

    def give(self, history: History) -> History:
        """Let the server give this history from now on."""
        self.served.server.iserver.history_manager.read_history = history.read_history
        return history

    def give_sqlite(self, path: Path, rows: dict[int, list[tuple[datetime, ua.Variant, int]]], cap: int) -> None:
        """Let the server give asyncua's own history in SQLite; its pages hold at most `cap` values."""

        async def prepare() -> None:
            storage = HistorySQLite(str(path), cap)
            await storage.init()
            manager = HistoryManager(self.served.server.iserver)
            manager.set_storage(storage)
            for number, values in rows.items():
                node = ua.NodeId(number, self.served.index)
                await storage.new_historized_node(node, None)
                made = [
                    (time, time, status, str(value.Value), value.VariantType.name, variant_to_binary(value))
                    for time, value, status in values
                ]
                sql = f'INSERT INTO "{storage._get_table_name(node)}" VALUES (NULL, ?, ?, ?, ?, ?, ?)'
                await storage._db.executemany(sql, made)
            await storage._db.commit()
            self.served.server.iserver.history_manager.read_history = manager.read_history

        self.served.run(prepare())

    def add_variable(self, node: ua.NodeId, *, keeps_history: bool = True) -> None:
        """One more variable, which says that it keeps history, or not."""

        async def add() -> None:
            plant = self.served.server.get_node(ua.NodeId(999_999, self.served.index))
            variable = await plant.add_variable(node, f"Variable {node.Identifier}", 0.0)
            if keeps_history:
                await variable.set_attr_bit(ua.AttributeIds.AccessLevel, ua.AccessLevel.HistoryRead)
                await variable.set_attr_bit(ua.AttributeIds.UserAccessLevel, ua.AccessLevel.HistoryRead)

        self.served.run(add())

    def set_namespaces(self, names: list[str]) -> None:
        """Number the namespaces anew, as a server may that starts again."""
        variable = self.served.server.get_node(ua.NodeId(ua.ObjectIds.Server_NamespaceArray))
        self.served.run(variable.write_value(names))


@pytest.fixture(scope="module")
def opcua_world() -> Iterator[World]:
    """A server whose history each test gives."""
    with serving(NUMBERS) as served:
        yield World(served)


def at(seconds: float) -> datetime:
    """An instant of the tests' day; sqlite3's converter wants a fraction in each."""
    return datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC) + timedelta(seconds=seconds)
