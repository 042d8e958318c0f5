"""Microsoft Graph and Dataverse as a state machine behind HTTPS, to test against.

It is written from Microsoft's published documentation; each file names the pages that it follows. `graph` is a fresh
server: change its `world`, set its `manner` of paging, schedule `faults`, read its `log`, compare with `world.truth`.

def test_a_user_is_told(graph):
    ada = graph.world.add("users", displayName="Ada")
    with httpx.Client(verify=graph.authority.trust(), headers={"Authorization": f"Bearer {graph.token}"}) as client:
        client.get(f"{graph.url}/users/delta").json()["value"] == [{"id": ada, "displayName": "Ada"}]

`GraphService` is the same without a socket. `python -m tests.fakes.graph --users 1000` runs it by hand.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.graph.certificates import Authority
from tests.fakes.graph.server import Elsewhere, GraphServer, elsewhere, serve
from tests.fakes.graph.service import GraphService

__all__ = ["GraphServer", "GraphService", "elsewhere", "graph", "graph_authority", "graph_elsewhere", "serve"]


@pytest.fixture(scope="session")
def graph_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("graph"))


@pytest.fixture
def graph(graph_authority: Authority) -> Iterator[GraphServer]:
    """A running server with nothing in it."""
    with serve(GraphServer(graph_authority)) as server:
        yield server


@pytest.fixture
def graph_elsewhere() -> Iterator[Elsewhere]:
    """A host that is not the server's, where a call would be seen."""
    with elsewhere() as found:
        yield found
