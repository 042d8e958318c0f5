"""Nodes that are not there, servers that are not there: an error, soon, and never an empty archive."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.connectors.historian.model import Span, Tag, from_iso, to_iso
from airflow_provider_integrations.connectors.historian.opcua_client import open_opcua
from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings
from airflow_provider_integrations.core.errors import ConfigError, ConnectionLostError, IntegrationError
from tests.fakes.opcua.server import World, at

pytestmark = pytest.mark.integration

BEGIN = from_iso("2026-01-01T00:00:00Z")
HOUR = Span(BEGIN, BEGIN + 3_600_000_000_000)
BARE, KEPT_ONCE = 500, 501


@pytest.fixture(scope="module")
def sqlite(opcua_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """asyncua's own history, which answers "Good" and nothing for what it does not know."""
    opcua_world.add_variable(ua.NodeId(BARE, opcua_world.served.index), keeps_history=False)
    opcua_world.add_variable(ua.NodeId(KEPT_ONCE, opcua_world.served.index), keeps_history=False)
    rows = [(at(number), ua.Variant(float(number)), 0) for number in range(20)]
    early = [(at(-86_400), ua.Variant(1.0), 0)]
    opcua_world.give_sqlite(tmp_path_factory.mktemp("history") / "history.db", {3: rows, KEPT_ONCE: early}, 100)
    return opcua_world


def read(settings: OpcUaSettings, *addresses: str) -> tuple[int, IntegrationError | None]:
    rows = 0

    async def work() -> None:
        nonlocal rows
        async with open_opcua(settings) as reader:
            async for page in reader.read([Tag(f"tag {each}", each) for each in addresses], HOUR):
                rows += page.samples.num_rows

    try:
        asyncio.run(work())
    except IntegrationError as error:
        return rows, error
    return rows, None


def settings(url: str, **extras: Any) -> OpcUaSettings:
    return OpcUaSettings.from_url(url, {"reconnect_for": 5, "timeout": 10, **extras})


def test_a_node_that_is_not_there_is_refused_though_its_history_is_good(sqlite: World) -> None:
    address = sqlite.node(99_999)
    rows, error = read(settings(sqlite.url), address)
    assert isinstance(error, ConfigError)
    assert rows == 0
    assert "BadNodeIdUnknown" in error.values["status"]
    assert {name: error.values[name] for name in ("tag", "unread_from", "unread_to")} == {
        "tag": f"tag {address}", "unread_from": to_iso(HOUR.begin), "unread_to": to_iso(HOUR.end),
    }  # fmt: skip


def test_a_node_that_is_no_variable_is_refused(sqlite: World) -> None:
    _, error = read(settings(sqlite.url), sqlite.node(999_999))
    assert isinstance(error, ConfigError)
    assert "no variable" in error.what


def test_a_variable_without_history_is_no_empty_archive(sqlite: World) -> None:
    _, error = read(settings(sqlite.url), sqlite.node(BARE))
    assert isinstance(error, ConfigError)
    assert "no history" in error.what


def test_a_variable_that_has_history_elsewhere_may_have_an_empty_window(sqlite: World) -> None:
    assert read(settings(sqlite.url), sqlite.node(KEPT_ONCE)) == (0, None)
    assert read(settings(sqlite.url), sqlite.node(4)) == (0, None), "it says that it keeps history"


def test_one_of_several_that_is_not_there_is_named(sqlite: World) -> None:
    _, error = read(settings(sqlite.url), sqlite.node(3), sqlite.node(99_999), sqlite.node(4))
    assert isinstance(error, ConfigError)
    assert error.values["tag"] == f"tag {sqlite.node(99_999)}"


def test_the_command_fails_for_a_node_that_is_not_there_and_keeps_the_others(sqlite: World, tmp_path: Path) -> None:
    nodes = ("--node", sqlite.node(99_999), "--node", sqlite.node(3))
    window = ("--from", to_iso(HOUR.begin), "--to", to_iso(HOUR.end))
    told = CliRunner().invoke(
        app, ["historian", "backfill", "--opcua", sqlite.url, *nodes, *window, "--out", str(tmp_path / "out")]
    )
    assert told.exit_code == 1
    error = json.loads(told.stderr)
    assert error["unread"] == [{"tag": sqlite.node(99_999), "from": to_iso(HOUR.begin), "to": to_iso(HOUR.end)}]
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_a_server_that_takes_connections_and_says_nothing_is_given_up_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        _, error = read(settings(f"opc.tcp://127.0.0.1:{mute.getsockname()[1]}", connect_timeout=0.4), "i=85")
        took = time.monotonic() - began
    assert isinstance(error, ConnectionLostError)
    assert error.values["unread_from"] == to_iso(HOUR.begin)
    assert took < 4, took


def test_a_port_that_refuses_is_given_up_soon_however_long_a_lost_server_is_waited_for() -> None:
    began = time.monotonic()
    _, error = read(settings("opc.tcp://127.0.0.1:1", connect_timeout=0.4, reconnect_for=120), "i=85")
    assert isinstance(error, ConnectionLostError)
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("cap", [2, 7, 1_000])
def test_a_sample_at_the_very_beginning_comes_though_times_are_compared_as_text(
    opcua_world: World, tmp_path: Path, cap: int
) -> None:
    """Times without an offset are less than themselves with one, as text: asyncua's history leaves out where it begins."""
    rows = [
        (at(second - 0.5).replace(tzinfo=None, microsecond=1), ua.Variant(float(second)), 0) for second in range(-2, 40)
    ]
    opcua_world.give_sqlite(tmp_path / "history.db", {3: rows}, cap)
    span = Span(BEGIN + 1_000, BEGIN + 30_000_000_000)
    for page in (20_000, 5):
        found: list[float] = []

        async def work(page: int = page, found: list[float] = found) -> None:
            async with open_opcua(settings(opcua_world.url, values_per_page=page)) as reader:
                async for batch in reader.read([Tag("level", opcua_world.node(3))], span):
                    found += batch.samples.column("value_number").to_pylist()

        asyncio.run(work())
        assert found == [float(second) for second in range(30)]
