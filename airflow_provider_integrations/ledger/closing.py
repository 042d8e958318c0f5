"""Closes items whose rows are in the warehouse and whose source has moved on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from airflow_provider_integrations.core.errors import ClaimLostError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["close_settled"]


def close_settled(ledger: Ledger, source: str, ids: Sequence[str]) -> None:
    """Archive loaded items of a source; what another worker closes at this moment is left to it."""
    if not ids:
        return
    with holding(ledger, f"settle/{source}") as held:
        for item in held.take_all(ids, State.LOADED):
            with suppress(ClaimLostError):
                held.advance(item, State.ARCHIVED, facts={"moved_to": "settled"})
