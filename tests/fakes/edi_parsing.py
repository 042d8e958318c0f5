"""The parsing of a partner's documents in a process of its own.

`python -m tests.fakes.edi_parsing` is the warm parent of a `Killer`; with a folder and an owner behind it, it parses
the items named after them, or what waits there, and prints the peak of its memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.fakes.chain import serve
from tests.fakes.edi_documents import Documents
from tests.fakes.memory import peak_kib
from tests.fakes.postgres import SteppedClock

__all__ = ["Parsing"]


@dataclass(frozen=True)
class Parsing:
    """One partner's documents from bronze on, as plain values that go through JSON to a child process.

    Args:
        folder: Everything of it lies there.
        at: Where the clock stands, ISO 8601.
        owner: Who claims.
    """

    folder: str
    at: str = "2026-01-02T03:04:00+00:00"
    owner: str = "chain"

    def documents(self, boundary: Callable[[str], None] = lambda _: None) -> Documents:
        """With the guide of the 850."""
        clock = SteppedClock()
        clock.now = datetime.fromisoformat(self.at)
        guides = ("x12_850",)
        return Documents(Path(self.folder), guides=guides, clock=clock, owner=self.owner, boundary=boundary)

    def run(self, boundary: Callable[[str], None] = lambda _: None) -> None:
        """Parse all that waits."""
        self.documents(boundary).parse()


if __name__ == "__main__":
    import pyarrow.parquet  # noqa: F401 slow, once

    import airflow_provider_integrations.connectors.edi.inbound  # noqa: F401

    if sys.argv[1:]:
        folder, owner, *items = sys.argv[1:]
        Parsing(folder, owner=owner).documents().parse(*items)
        print(peak_kib())
    else:
        serve(Parsing)
