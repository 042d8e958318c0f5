"""The server as a fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.pi.server import PiServer, serve
from tests.fakes.pi.service import PiService


@pytest.fixture
def pi_server() -> Iterator[PiServer]:
    """A running server with nothing in it, on this machine and without encryption."""
    with serve(PiService()) as server:
        yield server
