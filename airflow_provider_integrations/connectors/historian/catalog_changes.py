"""A catalog that changes between runs: new tags are read from the beginning, and planned ones as the catalog has them now.

The watermark is one for all tags of a source. A tag that the run up to it did not read has no samples before it, so the next run
on the schedule reads it from where the source begins. Of what is planned and not read yet, a tag that has moved is read at its
new address, or a wrong one would hold the source for ever, and one that was taken out is left out: its window is not called read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import count
from typing import Any

from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.model import Tag
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.holding import Holder

__all__ = ["as_cataloged", "new_tags"]

log = logging.getLogger(__name__)

_READ = (State.LOADED, State.ARCHIVED)
_PAGE = 500


def new_tags(job: HistorianJob, tags: Sequence[Tag], position: int) -> tuple[Tag, ...]:
    """Those that the run on the schedule up to a watermark did not read; none where no such run is known, as after a rewind."""
    names: dict[str, set[str]] = {}
    left_out: set[str] = set()
    for offset in count(step=_PAGE):
        page = job.ledger.items.list(job.source.source, _READ, limit=_PAGE, offset=offset)
        for item in page:  # The latest first, so that the one with the plan is the last of its run.
            facts = item.facts
            if not facts.get("advances"):
                continue
            run = str(facts["run"])
            names.setdefault(run, set()).update(name for name, _ in facts["tags"])
            left_out.update(f"{run}/{name}" for name in facts.get("left_out", ()))
            if "plan" in facts and facts["plan"]["until"] == position:
                return tuple(tag for tag in tags if tag.name not in names[run] or f"{run}/{tag.name}" in left_out)
        if len(page) < _PAGE:
            break
    return ()


def as_cataloged(job: HistorianJob, held: Holder, item: WorkItem) -> WorkItem:
    """An item that is about to be read, with the addresses of the catalog as it is now and without tags that it has no more."""
    addresses = {entry.name: entry.address for entry in job.entries}
    planned: list[list[str]] = item.facts["tags"]
    tags = [[name, addresses[name]] for name, _ in planned if name in addresses]
    if tags == planned:
        return item
    gone = [name for name, _ in planned if name not in addresses]
    if gone:
        log.warning(
            "%s: %d planned tags are not of the source any more, and are not read: %s",
            item.source,
            len(gone),
            gone[:20],
        )
    facts: dict[str, Any] = {"tags": tags, "left_out": sorted({*gone, *item.facts.get("left_out", ())})}
    return held.note(item, facts)
