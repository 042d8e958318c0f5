"""History of node-opcua's server, an implementation that shares no line with asyncua."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.historian.model import Span, Tag, from_iso
from airflow_provider_integrations.connectors.historian.opcua_client import find_tags, open_opcua, probe
from airflow_provider_integrations.connectors.historian.opcua_model import Limits, Reading
from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings
from airflow_provider_integrations.core.errors import ConfigError
from tests.fakes.node_opcua import node_server

pytestmark = pytest.mark.integration

BEGIN = from_iso("2026-01-01T00:00:00Z")
BAD_SENSOR_FAILURE = 0x808C0000


def read(url: str, node: str, span: Span, limits: Limits | None = None, reading: Reading | None = None) -> pa.Table:
    pages: list[Any] = []

    async def work() -> None:
        async with open_opcua(OpcUaSettings.from_url(url), reading, limits) as reader:
            async for page in reader.read([Tag("level", node)], span):
                pages.append(page)

    asyncio.run(work())
    assert pages[-1].read_to == span.end
    return pa.Table.from_batches([page.samples for page in pages])


def test_history_of_node_opcua_is_read_whole_whatever_the_page(node_opcua: Path, tmp_path: Path) -> None:
    with node_server(node_opcua, tmp_path, 200) as (url, node):
        assert "NodeOPCUA" in asyncio.run(probe(OpcUaSettings.from_url(url)))
        assert asyncio.run(find_tags(OpcUaSettings.from_url(url), ["Plant/*"])) == [Tag("Plant/Level", node)]
        for page in (1, 7, 100, 20_000):
            table = read(url, node, Span(BEGIN, BEGIN + 86_400 * 10**9), Limits(page=page))
            assert table.column("value_number").to_pylist() == [float(number) for number in range(200)]
            statuses = table.column("status").to_pylist()
            assert [at for at, status in enumerate(statuses) if status] == list(range(9, 200, 10))
            assert set(statuses) == {0, BAD_SENSOR_FAILURE}
        part = read(url, node, Span(BEGIN + 10 * 10**9, BEGIN + 20 * 10**9))
        assert part.column("value_number").to_pylist() == [float(number) for number in range(10, 20)]
        with pytest.raises(ConfigError):
            read(url, "nsu=urn:node-opcua:plant;s=Plant.Nothing", Span(BEGIN, BEGIN + 10**9))


def test_runs_of_one_instant_and_picoseconds_of_node_opcua(node_opcua: Path, tmp_path: Path) -> None:
    """It tells values of one instant apart by their picoseconds, which it sends before the server's time as the standard says."""
    with node_server(node_opcua, tmp_path, 60, run=3) as (url, node):
        for page in (2, 10, 20_000):
            table = read(url, node, Span(BEGIN, BEGIN + 86_400 * 10**9), Limits(page=page))
            assert sorted(table.column("value_number").to_pylist()) == [float(number) for number in range(60)]
            assert table.column("ordinal").to_pylist() == [0, 1, 2] * 20
