"""Brings a table's watermark after its loaded shards: the position moves when every shard of a run is in the warehouse.

Runs that move nothing (backfills, full reads) and shards of a run that was overtaken are only closed. A refused shard holds
the position where it was: the next run reads its rows again, which changes nothing for those that were loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow_provider_integrations.connectors.odbc.model import Bookmark
from airflow_provider_integrations.connectors.odbc.plan import RunPlan, next_position
from airflow_provider_integrations.connectors.odbc.position import BEGINNING, position_of, watermark_of
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing.deletions import awaits_deletions
from airflow_provider_integrations.ledger.closing import close_settled
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["leads_on", "settle"]

log = logging.getLogger(__name__)

_OPEN = (State.DISCOVERED, State.LANDED, State.GATED)


def settle(ledger: Ledger, source: str) -> Watermark | None:
    """Settle every run of the source that is ready; gives the watermark as it stands then.

    Raises:
        StateConflictError: somebody has moved the watermark: nothing is closed.
        WatermarkLostError: the source had one and has none.
    """
    loaded = ledger.items.list(source, [State.LOADED], limit=None)
    if not loaded:
        return ledger.watermarks.get(source)
    unfinished = {_run(item) for item in ledger.items.list(source, _OPEN, limit=None)}
    unfinished |= {_run(item) for item in loaded if awaits_deletions(item)}
    for run in sorted({_run(item) for item in loaded} - unfinished):
        shards = sorted((item for item in loaded if _run(item) == run), key=lambda item: int(item.facts["shard"]))
        _settle_run(ledger, source, shards)
        close_settled(ledger, source, [item.id for item in shards])
    return ledger.watermarks.get(source)


def leads_on(current: Watermark | None, plan: RunPlan, moves: int) -> bool:
    """Whether a run was planned from where the watermark stands now, so that it may move it."""
    if current is None:
        return (plan.position, moves) == (BEGINNING, 0)
    return current.engine == plan.engine and position_of(current, plan.engine) == (plan.position, moves)


def _settle_run(ledger: Ledger, source: str, shards: Sequence[WorkItem]) -> None:
    plan = RunPlan.from_json(shards[0].facts["plan"])
    moves = int(shards[0].facts["moves"])
    current = ledger.watermarks.get(source)
    if not plan.advances:
        return
    if not leads_on(current, plan, moves):
        # By this very run, before it died and its shards were closed; by another one; or by hand.
        log.info("%s: the watermark was moved since run %s was planned, and stays", source, _run(shards[0]))
        return
    wanted = int(shards[0].facts["shards"])
    if len(shards) < wanted:
        log.warning(
            "%s: %d of %d shards are loaded; the others were refused, so the watermark stays", source, len(shards), wanted
        )  # fmt: skip
        return
    bookmarks: list[Bookmark | None] = [
        tuple(item.facts["bookmark"]) if item.facts.get("bookmark") is not None else None for item in shards
    ]
    new = watermark_of(next_position(plan, bookmarks), moves + 1, plan.engine)
    if current is None:
        ledger.watermarks.begin(source, new)
    else:
        ledger.watermarks.advance(source, current, new)


def _run(item: WorkItem) -> str:
    return str(item.facts.get("run", ""))
