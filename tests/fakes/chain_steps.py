"""The chain's steps one by one, for tests that do something between two of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_provider_integrations.core.errors import TransientError
from tests.fakes.chain import Chain


@dataclass(frozen=True)
class Steps:
    """One source's jobs; `changes` of either job come through `of`."""

    chain: Chain
    intake: Any
    batches: Any

    @classmethod
    def of(cls, chain: Chain, boundary: Callable[[str], None] | None = None, **changes: Any) -> Steps:
        """The steps of a chain; `changes` replace fields that both jobs have, e.g. `root`."""
        intake, batches = chain.jobs(boundary)
        return cls(chain, replace(intake, **changes), batches and replace(batches, **changes))

    def look(self) -> list[str]:
        """Discover; gives the ids of what is pending, in the order of the groups."""
        from airflow_provider_integrations.connectors.sftp_pgp.discover import group_items, look_once

        pending = asyncio.run(look_once(self.intake)).pending
        return [item for group in group_items(pending, files=1000) for item in group]

    def take(self, items: list[str] | None = None) -> list[tuple[str, str | None]]:
        """Take in what is pending, as one group; gives states and reasons."""
        from airflow_provider_integrations.connectors.sftp_pgp.intake import take_in

        ids = self.look() if items is None else items
        try:
            outcomes = asyncio.run(take_in(self.intake, ids))
        except TransientError as error:
            # GnuPG's agent fails once in thousands of messages on a busy machine; Airflow tries such a task again.
            if "agent did not open" not in error.what:
                raise
            outcomes = asyncio.run(take_in(self.intake, ids))
        return [(outcome.state.value, outcome.reason) for outcome in outcomes]

    def gate(self) -> None:
        """Gate everything that is landed."""
        from airflow_provider_integrations.core.work_item import State
        from airflow_provider_integrations.expectations.step import gate_items
        from airflow_provider_integrations.expectations.suites import Suite

        suites = [Suite.from_mapping(suite) for suite in self.chain.suites]
        landed = self.intake.ledger.items.list(states=[State.LANDED], limit=None)
        gate_items(self.batches, suites, [item.id for item in landed])

    def load(self) -> None:
        """Load everything that is gated."""
        from airflow_provider_integrations.warehouse.step import load_items

        with self.chain.connection() as connection:
            load_items(self.batches, connection)

    def archive(self) -> None:
        """Move everything that is finished out of the inbox."""
        from airflow_provider_integrations.connectors.sftp_pgp.archive import archive

        asyncio.run(archive(self.intake))

    def finish(self) -> None:
        """From the gate on."""
        self.gate()
        self.load()
        self.archive()

    def replay(self, first: str, last: str, request: str) -> list[tuple[str, str | None]]:
        """Replay a span of business dates and take the items in."""
        from datetime import date

        items = self.intake.ledger.items.replay(
            self.intake.source.source, date.fromisoformat(first), date.fromisoformat(last), request=request, who="test"
        )
        return self.take([item.id for item in items])

    def items(self) -> dict[str, Any]:
        """The items that are no replays by name; a name that came twice shows its latest."""
        found = self.intake.ledger.items.list(limit=None)
        return {item.name: item for item in reversed(found) if item.replay_of is None}

    def path(self, name: str, folder: str = "inbox") -> Path:
        """Where a file of the partner lies."""
        return Path(self.chain.sftp["extras"]["root"]) / folder / name
