"""History over the wire of asyncua's server: its own in SQLite, and ones that go wrong in the middle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from asyncua import Client, ua

from airflow_provider_integrations.connectors.historian.model import Span, Tag, WindowTooLargeError, from_iso
from airflow_provider_integrations.connectors.historian.opcua_client import find_tags, open_opcua, probe
from airflow_provider_integrations.connectors.historian.opcua_model import Limits, Reading
from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings
from airflow_provider_integrations.core.errors import ConfigError, ConnectionLostError, IntegrationError, StalledError
from tests.fakes.opcua.server import NAMESPACE, History, World, at, records

pytestmark = pytest.mark.integration

BEGIN = from_iso("2026-01-01T00:00:00Z")
SECOND = 1_000_000_000
HOUR = Span(BEGIN, BEGIN + 3_600 * SECOND)


def numbers(count: int, run: int = 1) -> Any:
    """Values a tenth of a second apart, `run` of them at each instant."""
    return records(BEGIN + np.arange(count) // run * (SECOND // 10))


def settings(url: str, **extras: Any) -> OpcUaSettings:
    return OpcUaSettings.from_url(url, {"reconnect_for": 5, "timeout": 10, **extras})


async def collect(pages: AsyncIterator[Any], into: list[Any]) -> None:
    async for page in pages:
        into.append(page)


def read(
    given: OpcUaSettings, addresses: list[str], span: Span = HOUR, *, limits: Limits | None = None, reading: Reading | None = None
) -> tuple[dict[str, list[float]], IntegrationError | None]:  # fmt: skip
    pages: list[Any] = []

    async def work() -> None:
        async with open_opcua(given, reading, limits) as reader:
            await collect(reader.read([Tag(address, address) for address in addresses], span), pages)

    error = None
    try:
        asyncio.run(work())
    except IntegrationError as raised:
        error = raised
    found: dict[str, list[float]] = {address: [] for address in addresses}
    for page in pages:
        found[page.tag] += page.samples.column("value_number").to_pylist()
    return found, error


@pytest.mark.parametrize("cap", [7, 50, 10_000])
def test_asyncuas_own_history_in_sqlite_is_read_whole(opcua_world: World, tmp_path: Path, cap: int) -> None:
    rows = [(at(number // 3), ua.Variant(float(number)), 0) for number in range(200)]
    opcua_world.give_sqlite(tmp_path / "history.db", {3: rows}, cap)
    for page in (0, 5, 100, 20_000):
        found, error = read(settings(opcua_world.url), [opcua_world.node(3)], limits=Limits(page=page))
        assert error is None
        assert found[opcua_world.node(3)] == [float(number) for number in range(200)]


def test_what_asyncuas_own_client_doubles_comes_once(opcua_world: World, tmp_path: Path) -> None:
    """Its points are instants: one that a page cuts in two begins anew on the next."""
    rows = [(at(number // 3), ua.Variant(float(number)), 0) for number in range(100)]
    opcua_world.give_sqlite(tmp_path / "history.db", {3: rows}, 10)

    async def theirs() -> int:
        async with Client(opcua_world.url) as client:
            return len(await client.get_node(opcua_world.node(3)).read_raw_history(at(-1), at(1_000)))

    assert asyncio.run(theirs()) > 100
    assert len(read(settings(opcua_world.url), [opcua_world.node(3)])[0][opcua_world.node(3)]) == 100


def test_values_and_codes_of_asyncuas_history(opcua_world: World, tmp_path: Path) -> None:
    rows = [
        (at(0), ua.Variant("I/O Timeout"), 0x80000000),
        (at(1), ua.Variant(True), 0),
        (at(2), ua.Variant(2**60, ua.VariantType.Int64), 0x40A40000),
    ]
    pages: list[Any] = []
    opcua_world.give_sqlite(tmp_path / "history.db", {3: rows}, 100)

    async def work() -> None:
        async with open_opcua(settings(opcua_world.url)) as reader:
            await collect(reader.read([Tag("level", opcua_world.node(3))], HOUR), pages)

    asyncio.run(work())
    table = pa.Table.from_batches([page.samples for page in pages])
    assert table.column("status").to_pylist() == [0x80000000, 0, 0x40A40000]
    assert table.column("value_text").to_pylist() == ["I/O Timeout", None, str(2**60)]
    assert table.column("value_state").to_pylist() == [None, "true", None]


def test_several_tags_side_by_side_and_points_given_back(opcua_world: World) -> None:
    history = History({number: numbers(3_000 + number) for number in range(1, 9)}, cap=500)
    opcua_world.give(history)
    found, error = read(settings(opcua_world.url), [opcua_world.node(number) for number in range(1, 9)])
    assert error is None
    assert {address: len(values) for address, values in found.items()} == {
        opcua_world.node(number): 3_000 + number for number in range(1, 9)
    }
    assert not history.points


def test_points_are_released_where_a_read_is_abandoned(opcua_world: World) -> None:
    history = History({3: numbers(20_000)}, cap=500)
    opcua_world.give(history)

    async def first_page() -> None:
        async with open_opcua(settings(opcua_world.url)) as reader:
            pages = reader.read([Tag("level", opcua_world.node(3))], HOUR)
            await anext(pages)
            await pages.aclose()  # type: ignore[attr-defined]

    asyncio.run(first_page())
    assert history.released
    assert not history.points


def test_a_server_with_too_few_points_is_read_one_tag_at_a_time(opcua_world: World) -> None:
    history = History({number: numbers(2_000) for number in range(1, 7)}, cap=100, most_points=2)
    opcua_world.give(history)
    found, error = read(
        settings(opcua_world.url), [opcua_world.node(number) for number in range(1, 7)], limits=Limits(tries=50)
    )
    assert error is None
    assert {len(values) for values in found.values()} == {2_000}


def test_the_connection_breaks_in_the_middle_and_nothing_is_lost(opcua_world: World) -> None:
    history = History({3: numbers(20_000, run=3)}, cap=500)
    breaks = iter([False] * 10 + [True] + [False] * 12 + [True] + [False] * 1_000)
    opcua_world.give(history)

    def fails(_: Any, found: list[Any]) -> list[Any]:
        if next(breaks):
            for client in list(opcua_world.served.server.bserver.clients):
                client.transport.abort()
        return found

    history.fails = fails
    found, error = read(settings(opcua_world.url), [opcua_world.node(3)])
    assert error is None
    assert found[opcua_world.node(3)] == [float(number) for number in range(20_000)]


def test_the_session_ends_in_the_middle_and_is_opened_anew(opcua_world: World) -> None:
    history = History({3: numbers(5_000)}, cap=500)
    ends = iter([False] * 4 + [True] + [False] * 1_000)

    def fails(_: Any, found: list[Any]) -> list[Any]:
        if next(ends):
            raise ua.UaStatusCodeError(ua.StatusCodes.BadSessionIdInvalid)
        return found

    history.fails = fails
    opcua_world.give(history)
    found, error = read(settings(opcua_world.url), [opcua_world.node(3)])
    assert error is None
    assert len(found[opcua_world.node(3)]) == 5_000


def test_the_channel_is_renewed_in_the_middle_of_a_read(opcua_world: World) -> None:
    history = History({3: numbers(10_000)}, cap=500)

    def slow(_: Any, found: list[Any]) -> list[Any]:
        time.sleep(0.15)
        return found

    history.fails = slow
    opcua_world.give(history)
    found, error = read(settings(opcua_world.url, channel_lifetime=1), [opcua_world.node(3)])
    assert error is None
    assert len(found[opcua_world.node(3)]) == 10_000


def test_a_service_that_takes_too_long_asks_for_half_the_window(opcua_world: World) -> None:
    history = History({3: numbers(100)})

    def late(_: Any, found: list[Any]) -> list[Any]:
        time.sleep(0.4)
        return found

    history.fails = late
    opcua_world.give(history)
    _, error = read(settings(opcua_world.url, timeout=0.2), [opcua_world.node(3)], limits=Limits(page=100))
    assert isinstance(error, WindowTooLargeError | ConnectionLostError)
    assert error.values["unread_to"] == "2026-01-01T01:00:00Z"


def test_a_point_that_repeats_is_an_error_where_asyncua_ends_in_silence(opcua_world: World) -> None:
    history = History({3: numbers(5_000)}, cap=500)
    kept: list[Any] = []

    def repeats(params: Any, found: list[Any]) -> list[Any]:
        if params.NodesToRead[0].ContinuationPoint:
            kept.append(found[0])
            return [kept[0]]
        return found

    history.fails = repeats
    opcua_world.give(history)

    async def theirs() -> int:
        async with Client(opcua_world.url) as client:
            node = client.get_node(opcua_world.node(3))
            return len(await node.read_raw_history(at(-1), at(3_000), return_bounds=False))

    assert asyncio.run(theirs()) < 5_000, "the library itself ends without an error"
    kept.clear()
    found, error = read(settings(opcua_world.url), [opcua_world.node(3)])
    assert isinstance(error, StalledError)
    assert error.values["unread_from"] == "2026-01-01T00:01:39.900Z"
    assert len(found[opcua_world.node(3)]) == 999


def test_a_node_that_is_not_there_and_a_namespace_that_is_not_there(opcua_world: World) -> None:
    opcua_world.give(History({3: numbers(10)}))
    _, error = read(settings(opcua_world.url), [opcua_world.node(4)])
    assert isinstance(error, ConfigError)
    assert "BadNodeIdUnknown" in str(error)
    _, error = read(settings(opcua_world.url), ["nsu=urn:elsewhere;i=3"])
    assert isinstance(error, ConfigError)
    assert error.values["namespace"] == "urn:elsewhere"


def test_aggregates_that_are_not_supported_are_refused_for_good(opcua_world: World) -> None:
    opcua_world.give(History({3: numbers(10)}))
    _, error = read(
        settings(opcua_world.url), [opcua_world.node(3)], reading=Reading(aggregate="i=2342", interval=1_000)
    )
    assert isinstance(error, ConfigError)
    assert "BadHistoryOperationUnsupported" in str(error)


def test_a_namespace_keeps_its_name_when_its_index_changes(opcua_world: World) -> None:
    address, index = f"nsu={NAMESPACE};i=3", opcua_world.served.index
    base = ["http://opcfoundation.org/UA/", "urn:freeopcua:python:server"]
    opcua_world.add_variable(ua.NodeId(3, index + 1))
    history = opcua_world.give(History({3: numbers(100)}))
    try:
        for names in ([*base, NAMESPACE], [*base, "urn:other", NAMESPACE]):
            opcua_world.set_namespaces(names)
            assert len(read(settings(opcua_world.url), [address])[0][address]) == 100
    finally:
        opcua_world.set_namespaces([*base, NAMESPACE])
    assert {node.NamespaceIndex for node in history.asked} == {index, index + 1}


def test_tags_are_found_by_pattern(opcua_world: World) -> None:
    tags = asyncio.run(find_tags(settings(opcua_world.url), ["*/Level3", "Plant/Level31"]))
    assert tags == [
        Tag("Plant/Level3", f"nsu={NAMESPACE};i=3"),
        Tag("Plant/Level31", f"nsu={NAMESPACE};i=31"),
    ]
    with pytest.raises(ConfigError, match="no variable"):
        asyncio.run(find_tags(settings(opcua_world.url), ["Nothing*"]))
    assert "A session with" in asyncio.run(probe(settings(opcua_world.url)))


def test_nobody_there_is_an_error_that_names_the_url_and_no_password(opcua_world: World) -> None:
    given = OpcUaSettings.from_url("opc.tcp://reader:canary@127.0.0.1:9/x", {"reconnect_for": 0.3, "timeout": 1})
    _, error = read(given, ["ns=2;i=3"])
    assert isinstance(error, ConnectionLostError)
    assert "canary" not in f"{error!r}{error.values}"
    assert error.values["unread_from"] == "2026-01-01T00:00:00Z"
