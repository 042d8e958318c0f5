"""A catalog that changes between runs: new tags are read from the beginning, and planned ones as the catalog has them now.

The watermark is one for all tags of a source. A tag that the run up to it did not read has no samples before it, so the next run
on the schedule reads it from where the source begins. Of what is planned and not read yet, a tag that has moved is read at its
new address, or a wrong one would hold the source for ever, and one that was taken out is left out: its window is not called read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
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
    """Those that the run on the schedule up to a watermark did not read; of a rewound one, the latest run does."""
    names: dict[str, set[str]] = {}
    left_out: dict[str, set[str]] = {}
    latest = None
    for item in _read_on_schedule(job):
        facts = item.facts
        run = str(facts["run"])
        names.setdefault(run, set()).update(name for name, _ in facts["tags"])
        left_out.setdefault(run, set()).update(facts.get("left_out", ()))
        # The first item of a run has the plan, and comes last.
        if "plan" in facts:
            latest = latest or run
            if facts["plan"]["until"] == position:
                latest = run
                break
    if latest is None:
        return ()
    read = names[latest] - left_out[latest]
    return tuple(tag for tag in tags if tag.name not in read)


def _read_on_schedule(job: HistorianJob) -> Iterator[WorkItem]:
    """Items of runs that move the watermark, the latest first."""
    for offset in count(step=_PAGE):
        page = job.ledger.items.list(job.source.source, _READ, limit=_PAGE, offset=offset)
        yield from (item for item in page if item.facts.get("advances"))
        if len(page) < _PAGE:
            return


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
