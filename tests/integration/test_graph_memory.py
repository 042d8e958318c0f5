"""A full round of many users in pages of 200: what is landed is not held, so that memory does not grow with the tenant."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.msgraph.client import Reach
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.once import Order, delta_once
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.state_file import StateFile
from tests.fakes.graph.certificates import Authority
from tests.fakes.graph.people import furnish, user
from tests.fakes.graph.server import GraphServer, serve
from tests.fakes.memory import peak_kib

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

FEW, MANY = 8_000, 40_000
GROWTH_KIB = 36 * 1024
"""SQLite's cache of the known rows fills meanwhile (20 MB were seen); the pages held besides would make it more than 60."""


def test_a_tenant_of_five_times_the_users_takes_no_more_memory(graph_authority: Authority, tmp_path: Path) -> None:
    peaks = {}
    for users in (FEW, MANY):
        folder = tmp_path / str(users)
        folder.mkdir()
        with serve(GraphServer(graph_authority)) as graph:
            furnish(graph.world, users)
            told = (graph.url, graph.token, str(graph_authority.ca), str(folder))
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                rows, pages, peaks[users] = pool.apply(peak_of_a_round, told)
        assert (rows, pages) == (users, users // 200)
    assert peaks[MANY] - peaks[FEW] < GROWTH_KIB, peaks


def peak_of_a_round(url: str, token: str, ca: str, folder: str) -> tuple[int, int, int]:
    """Upserts, pages, and the most memory that this process held."""
    query = Query(endpoint(url, named=("127.0.0.1",)), "users", select=("id", "mobilePhone", *user(0)))
    order = Order(query, Path(folder))
    report = delta_once(order, StateFile(Path(folder) / "state"), Reach(ca=Path(ca)), lambda fresh: token)
    return report["upserts"], report["pages"], peak_kib()
