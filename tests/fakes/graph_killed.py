"""One run of a delta that is killed at a boundary; the top of a module, so that a fork server has it loaded."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.msgraph.client import Reach
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.once import Order, delta_once
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.state_file import StateFile

__all__ = ["delta_until"]


def delta_until(url: str, token: str, ca: str, folder: str, boundary: str = "", after: int = 1) -> dict[str, Any]:
    """Follow `users` with the state and the files in a folder; SIGKILL at the `after`-th `boundary`."""
    seen = 0

    def at(name: str) -> None:
        nonlocal seen
        seen += name == boundary
        if name == boundary and seen == after:
            os.kill(os.getpid(), signal.SIGKILL)

    query = Query(endpoint(url), "users", select=("id", "displayName", "city"))
    order = Order(query, Path(folder) / "out", share=1.0)
    kept = StateFile(Path(folder) / "state.json")
    return delta_once(order, kept, Reach(ca=Path(ca)), lambda fresh: token, boundary=at)
