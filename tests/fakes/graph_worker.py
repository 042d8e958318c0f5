"""One worker of a delta source that is killed at a boundary; the top of a module, so that a fork server has it loaded."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from upath import UPath

from airflow_provider_integrations.connectors.msgraph.client import Reach
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.graph_source import graph_job, run_through

__all__ = ["round_until", "worker"]


def worker(ledger: Ledger, url: str, token: str, ca: str, folder: str, resource: str) -> GraphJob:
    """A worker that asks the server over HTTPS."""
    return graph_job(
        ledger,
        UPath(Path(folder) / "lake"),
        Path(folder) / "scratch",
        resource=resource,
        url=url,
        reach=Reach(ca=Path(ca)),
        token=lambda fresh: token,
        lease=timedelta(seconds=2),
    )


def round_until(
    url: str, token: str, ca: str, folder: str, resource: str, keys: tuple[str, ...], boundary: str, after: int = 1
) -> None:
    """Run a round; SIGKILL at the `after`-th `boundary`."""
    left = after

    def at(name: str) -> None:
        nonlocal left
        left -= name == boundary
        if name == boundary and not left:
            os.kill(os.getpid(), signal.SIGKILL)

    with Ledger.connect(f"sqlite:///{folder}/ledger.db") as ledger:
        job = worker(ledger, url, token, ca, folder, resource)
        run_through(replace(job, boundary=at, keys=keys))
