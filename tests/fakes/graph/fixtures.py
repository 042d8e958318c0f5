"""The Graph server as fixtures; apart from the package, so that the server runs where pytest is not installed."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from airflow_provider_integrations.connectors.msgraph.auth import token_source
from tests.fakes.graph.certificates import Authority
from tests.fakes.graph.server import Elsewhere, GraphServer, elsewhere, serve


@pytest.fixture(scope="session")
def graph_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("graph"))


@pytest.fixture
def graph(graph_authority: Authority) -> Iterator[GraphServer]:
    """A running server with nothing in it."""
    token_source.cache_clear()  # A port may come again, and the tokens of the server before it are not this one's.
    with serve(GraphServer(graph_authority)) as server:
        yield server


@pytest.fixture
def graph_elsewhere() -> Iterator[Elsewhere]:
    """A host that is not the server's, where a call would be seen."""
    with elsewhere() as found:
        yield found


@pytest.fixture
def graph_client(graph: GraphServer) -> Iterator[httpx.Client]:
    """A client that trusts the server and has an access token."""
    headers = {"Authorization": f"Bearer {graph.token}"}
    with httpx.Client(verify=graph.authority.trust(), headers=headers, base_url=graph.base) as client:
        yield client
