"""One extraction that kills itself at a boundary; the top of a module, so that a fork server can have it loaded."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings

__all__ = ["extract_until"]


def extract_until(connection_string: str, out: str, page_rows: int, boundary: str, after: int, told: str) -> None:
    """Extract `orders`; SIGKILL at the `after`-th `boundary`. `told` gets a letter for each page that was written."""
    seen = 0

    def at(name: str) -> None:
        nonlocal seen
        if name == "page written":
            with Path(told).open("a") as file:
                file.write("p")
        seen += name == boundary
        if seen == after and name == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    request = Request("orders", ("updated_at", "id"), Path(out), Path(out) / "_state.json", page_rows=page_rows)
    extract_once(OdbcSettings.from_string(connection_string), request, boundary=at)
