"""One run of a historian's source that is killed at a boundary; the top of a module, so that a fork server has it loaded."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from airflow_provider_integrations.connectors.historian.runs import Asked
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.historian_source import BEGIN, HOUR, historian_job, minutes, run_through

__all__ = ["ASKED", "BOUNDARIES", "TAGS", "run_until"]

TAGS = {"a": minutes(120), "b": minutes(120, base=1000.0)}
ASKED = Asked("scheduled-1", until=BEGIN + 2 * HOUR)
BOUNDARIES = (
    "planned", "plan entered", "page read", "kept", "read", "written", "manifest noted", "promoted", "landed"
)  # fmt: skip
"""Each boundary from the plan to the landing."""


def run_until(folder: str, boundary: str) -> None:
    """A run on the schedule; SIGKILL at the second time that it comes by the boundary, or the first one where there is one."""
    seen = 0
    times = 1 if boundary.startswith("plan") else 2

    def at(name: str) -> None:
        nonlocal seen
        seen += name == boundary
        if name == boundary and seen == times:
            os.kill(os.getpid(), signal.SIGKILL)

    with Ledger.connect(f"sqlite:///{folder}/ledger.db") as ledger:
        run_through(historian_job(ledger, Path(folder), TAGS, window="PT1H", boundary=at), ASKED)
