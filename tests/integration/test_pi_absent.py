"""A PI Web API that is not there is an error soon, however patient a reader is with one that is."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from airflow_provider_integrations.connectors.historian.model import Span, Tag
from airflow_provider_integrations.connectors.historian.pi_client import open_pi
from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings
from airflow_provider_integrations.core.errors import TransientError

pytestmark = pytest.mark.integration


def test_a_service_that_never_spoke_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_integrations.connectors.historian.pi_client._FIRST", 0.5)

    async def work(root: str) -> None:
        async with open_pi(PiSettings.from_url(root)) as reader:
            async for _ in reader.read([Tag("a", "\\\\PISRV\\A")], Span(0, 1_000_000_000)):
                raise AssertionError("a page")

    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        with pytest.raises(TransientError) as caught:
            asyncio.run(work(f"http://127.0.0.1:{mute.getsockname()[1]}/piwebapi"))
        assert time.monotonic() - began < 5
    assert caught.value.values["unread_from"] == "1970-01-01T00:00:00Z"
