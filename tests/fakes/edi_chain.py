"""What happens to a partner's documents from bronze on: parsed, acknowledged, the answers delivered and settled.

`python -m tests.fakes.edi_chain` is the warm parent of a `Killer` for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.fakes.chain import serve
from tests.fakes.edi_documents import Documents
from tests.fakes.outbox_world import OutboxWorld
from tests.fakes.postgres import SteppedClock


@dataclass(frozen=True)
class EdiChain:
    """One partner's world, as plain values that go through JSON to a child process.

    Args:
        at: Where the clock stands, ISO 8601: what is written hangs on no real time.
    """

    folder: str
    sftp: dict[str, Any]
    at: str = "2026-01-02T03:04:00+00:00"
    owner: str = "chain"
    agreement: dict[str, Any] = field(default_factory=dict)

    def documents(self, boundary: Callable[[str], None] = lambda _: None) -> Documents:
        clock = SteppedClock()
        clock.now = datetime.fromisoformat(self.at)
        return Documents(Path(self.folder), self.agreement, owner=self.owner, boundary=boundary, clock=clock)

    def world(self) -> OutboxWorld:
        return OutboxWorld(self.folder, self.sftp, owner=self.owner)

    def run(self, boundary: Callable[[str], None] = lambda _: None) -> None:
        """One run of the DAG's steps from the parse on, in order; each drains what waits."""
        from airflow_provider_integrations.connectors.edi.answers import answer_items
        from airflow_provider_integrations.connectors.edi.settle_outbox import settle_outbox
        from airflow_provider_integrations.connectors.sftp_pgp.deliver import deliver
        from airflow_provider_integrations.core.work_item import State

        def named(step: str) -> Callable[[str], None]:
            return lambda name: boundary(f"{step}: {name}")

        documents = self.documents(named("parse"))
        landed = documents.ledger.items.list("acme_edi", [State.LANDED], limit=None)
        documents.parse(*(item.id for item in reversed(landed)))
        documents.boundary = named("acknowledge")
        answer_items(documents.job())
        asyncio.run(deliver(self.world().job(named("deliver"), ledger=documents.ledger, clock=documents.clock)))
        settle_outbox(documents.ledger, "acme_edi", self.owner, boundary=named("settle"))


if __name__ == "__main__":
    import asyncssh  # noqa: F401 slow, once
    import pyarrow.parquet  # noqa: F401

    import airflow_provider_integrations.connectors.edi.answers
    import airflow_provider_integrations.connectors.edi.inbound
    import airflow_provider_integrations.connectors.edi.settle_outbox
    import airflow_provider_integrations.connectors.sftp_pgp.deliver  # noqa: F401

    serve(EdiChain)
