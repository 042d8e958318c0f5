"""Moves a source's link after its loaded round: when all of it is in the warehouse, with what was deleted marked.

First the state, then the watermark, then the items: a worker that dies between two of them leaves what the next one does
again without harm. A refused batch holds the round, and the link with it.
"""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_integrations.connectors.msgraph.kept_state import KeptStates
from airflow_provider_integrations.connectors.msgraph.round_items import round_items
from airflow_provider_integrations.connectors.msgraph.round_names import base_source
from airflow_provider_integrations.core.errors import ClaimLostError, StateConflictError
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.landing.deletions import awaits_deletions
from airflow_provider_integrations.ledger.closing import close_settled
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["settle_graph"]

_ENGINE = "msgraph"


def settle_graph(ledger: Ledger, source: str, *, keys: tuple[str, ...]) -> Watermark | None:
    """Settle the round of a source if it is ready; gives the watermark as it stands then.

    Args:
        ledger: Where its items are.
        source: Its name, or that of one of its relations.
        keys: Of Fernet, which the state is encrypted by.

    Raises:
        StateConflictError: the watermark is ahead of the state, as when an old ledger was restored in part.
        WatermarkLostError: the source had a watermark and has none.
    """
    base = base_source(source)
    if ledger.graph.get(base) is None:
        return ledger.watermarks.get(base)
    rounds = _committed(ledger, base, keys)
    watermark = _followed(ledger, base, rounds)
    latest = round_items(ledger, base, rounds)
    for name in {source, base, *(item.source for item in latest.items)}:
        _close(ledger, name, rounds)
    return watermark


def _committed(ledger: Ledger, source: str, keys: tuple[str, ...]) -> int:
    """Move the link if all of the sealed round is loaded; gives how many rounds are."""
    states = KeptStates(ledger, keys)
    for _ in range(3):
        record = ledger.graph.get(source)
        assert record is not None, "it was there, and none is ever taken away"
        # Most calls find nothing to be done, and need no key for that.
        if record.sealed_at is None or not round_items(ledger, source, record.rounds + 1).loaded:
            return record.rounds
        kept = states.get(source)
        if kept.revision != record.revision:
            continue
        try:
            return states.save(source, replace(kept, state=kept.state.committed(), sessions=())).state.rounds
        except ClaimLostError:  # Another worker settles the same round.
            continue
    raise ClaimLostError("others move the state of the source all the time", source=source, next_step="Try again.")


def _followed(ledger: Ledger, source: str, rounds: int) -> Watermark | None:
    """The ledger's watermark counts the rounds, so that a state that is lost is missed."""
    for _ in range(2):
        current = ledger.watermarks.get(source)
        at = int(str(current.cursor[0])) if current is not None else 0
        if at > rounds:
            raise StateConflictError(
                "the watermark is ahead of the source's state",
                source=source,
                watermark=at,
                rounds=rounds,
                next_step="Restore the whole ledger, or run the source with `resync` after its state was removed.",
            )
        if at == rounds:
            return current
        new = Watermark((rounds,), engine=_ENGINE)
        try:
            if current is None:
                return ledger.watermarks.begin(source, new)
            return ledger.watermarks.advance(source, current, new)
        except StateConflictError:  # Another worker was faster.
            continue
    return ledger.watermarks.get(source)


def _close(ledger: Ledger, source: str, rounds: int) -> None:
    done = [
        item.id
        for item in ledger.items.list(source, [State.LOADED], limit=None)
        if int(item.facts.get("round", rounds + 1)) <= rounds and not awaits_deletions(item)
    ]
    close_settled(ledger, source, done)
