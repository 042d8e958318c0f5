"""One extraction that is killed at a boundary or at any instant; the top of a module, so that a fork server has it loaded."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings

__all__ = ["extract_until"]


def extract_until(
    connection_string: str,
    out: str,
    page_rows: int,
    told: str,
    *,
    boundary: str = "",
    after: int = 0,
    seconds: float | None = None,
) -> None:
    """Extract `orders`; SIGKILL at the `after`-th `boundary`, or so many seconds after the plan was there.

    `told` gets a letter for each page that was written.
    """
    seen = 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def at(name: str) -> None:
        nonlocal seen
        if name == "planned" and seconds is not None:
            timer = threading.Timer(seconds, die)
            timer.daemon = True
            timer.start()
        if name == "page written":
            with Path(told).open("a") as file:
                file.write("p")
        seen += name == boundary
        if seen == after and name == boundary:
            die()

    request = Request("orders", ("updated_at", "id"), Path(out), Path(out) / "_state.json", page_rows=page_rows)
    extract_once(OdbcSettings.from_string(connection_string), request, boundary=at)
