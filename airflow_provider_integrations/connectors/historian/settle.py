"""Moves a source's watermark after its loaded run: when every item of it is in the warehouse, what is gone marked with it.

The watermark is the end of what was read, in nanoseconds. Runs of a span or of gaps move nothing and are only closed. A refused
item holds the watermark where it was: the next run reads its samples again, which changes nothing for those that were loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from airflow_provider_integrations.connectors.historian.run_plan import RunPlan
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.closing import close_settled
from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["leads_on", "position_of", "settle_historian"]

log = logging.getLogger(__name__)

_ENGINE = "historian"
_OPEN = (State.DISCOVERED, State.LANDED, State.GATED)


def position_of(watermark: Watermark | None) -> int | None:
    """Up to where a source was read, in nanoseconds; None before its first run."""
    return None if watermark is None else int(str(watermark.cursor[0]))


def leads_on(ledger: Ledger, item: WorkItem) -> bool:
    """Whether an item's run was planned from where the watermark stands now, so that it may move it."""
    position: int | None = item.facts["position"]
    return position_of(ledger.watermarks.get(item.source)) == position


def settle_historian(ledger: Ledger, source: str, *, marked: Collection[str] | None = None) -> Watermark | None:
    """Settle every run of the source that is ready; gives the watermark as it stands then.

    Args:
        ledger: Where its items are.
        source: Its name.
        marked: Items of which it is marked what is gone; a run that has others waits. All of them without it.

    Raises:
        StateConflictError: somebody has moved the watermark at this moment: nothing is closed.
        WatermarkLostError: the source had one and has none.
    """
    loaded = ledger.items.list(source, [State.LOADED], limit=None)
    if not loaded:
        return ledger.watermarks.get(source)
    unfinished = {_run(item) for item in ledger.items.list(source, _OPEN, limit=None)}
    unfinished |= {_run(item) for item in loaded if marked is not None and item.id not in marked}
    for run in sorted({_run(item) for item in loaded} - unfinished):
        items = sorted((item for item in loaded if _run(item) == run), key=lambda item: int(item.facts["item"]))
        _settle_run(ledger, source, items)
        close_settled(ledger, source, [item.id for item in items])
    return ledger.watermarks.get(source)


def _settle_run(ledger: Ledger, source: str, items: Sequence[WorkItem]) -> None:
    first = items[0]
    if not first.facts["advances"]:
        return
    if len(items) < int(first.facts["items"]):
        # Closed already by a worker that died in between, after it had moved the watermark; or refused.
        if leads_on(ledger, first):
            log.warning("%s: %d of %d items are loaded; the others were refused, so the watermark stays",
                        source, len(items), first.facts["items"])  # fmt: skip
        return
    if not leads_on(ledger, first):
        log.info("%s: the watermark was moved since run %s was planned, and stays", source, _run(first))
        return
    new = Watermark((RunPlan.from_json(first.facts["plan"]).until or 0,), engine=_ENGINE)
    current = ledger.watermarks.get(source)
    if current is None:
        ledger.watermarks.begin(source, new)
    else:
        ledger.watermarks.advance(source, current, new)


def _run(item: WorkItem) -> str:
    return str(item.facts.get("run", ""))
