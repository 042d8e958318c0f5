"""Discover: list what the partner has put down, keep what is whole, and enter into the ledger what is new.

The listing decides nothing by itself: which file is known, changed or stale is decided by the ledger in one transaction,
so that two sensors that look at once enter each file once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_integrations.connectors.sftp_pgp.archive import ARCHIVABLE
from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.completeness import Complete, complete_files
from airflow_provider_integrations.connectors.sftp_pgp.job import IntakeJob
from airflow_provider_integrations.connectors.sftp_pgp.listing import Listing
from airflow_provider_integrations.connectors.sftp_pgp.names import facts_of_name, sequence_gaps, spans
from airflow_provider_integrations.core.calendar import next_delivery
from airflow_provider_integrations.core.clock import Clock
from airflow_provider_integrations.core.source import Delivery, NamePolicy
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.working_days import working_days

__all__ = ["PENDING", "Discovery", "discover", "group_items", "list_complete", "look_once", "unfinished"]

log = logging.getLogger(__name__)

PENDING = (State.DISCOVERED, State.LANDED)
"""States in which an item still waits for the intake or for the gate, whichever run left it there."""

_UNFINISHED = (*PENDING, State.GATED, State.LOADED)

GROUP_BYTES = 256 * 1024 * 1024
"""A group of small files is one mapped task; a file of this size is a group of its own."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one look found: new items, all that is pending, and sequence numbers that have not come."""

    new: tuple[WorkItem, ...] = ()
    pending: tuple[WorkItem, ...] = ()
    gaps: tuple[int, ...] = ()


async def list_complete(
    client: SftpClient,
    source: Delivery,
    *,
    clock: Clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> tuple[list[Complete], Listing]:
    """The files that the partner has finished, with the last listing they were seen in.

    Only a `stable` source is looked at more than once; it takes `looks - 1` times `seconds_apart`.
    """
    policy = source.completeness

    async def look() -> Listing:
        return await client.look(
            source.folders.inbox, max_files=source.limits.max_files, at=clock(), completeness=policy
        )

    looks = [await look()]
    while policy.kind == "stable" and len(looks) < policy.looks:
        await sleep(policy.seconds_apart)
        looks.append(await look())
    return complete_files(policy, looks), looks[-1]


async def discover(
    client: SftpClient,
    source: Delivery,
    ledger: Ledger,
    *,
    clock: Clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Discovery:
    """List the inbox, enter new files into the ledger and say what is to be done."""
    complete, listing = await list_complete(client, source, clock=clock, sleep=sleep)
    facts = {entry.file.path: name_facts(source.names, entry) for entry in complete}
    for entry in listing.skipped:
        if entry.reason is not None:
            log.warning("%s: %s stays in the inbox: %s", source.source, entry.name, entry.reason.meaning)
    files = [entry.file for entry in complete]
    new = ledger.items.discover(source.source, files, listed_at=listing.at or clock(), facts=facts)
    # With those that are claimed: a claim may be that of a worker that died, and the intake waits for it to run out.
    pending = ledger.items.list(source.source, PENDING, limit=None)
    gaps = missing_sequences(ledger, source.source)
    if gaps:
        # In one line: a name with a number far ahead leaves thousands of gaps, and each look would tell them.
        log.warning("%s: sequence numbers have not come, later ones have: %s", source.source, spans(gaps))
    return Discovery(tuple(new), tuple(pending), gaps)


async def look_once(job: IntakeJob) -> Discovery:
    """Connect, discover, and note when the partner's next delivery is due."""
    async with SftpClient.connect(job.settings) as client:
        found = await discover(client, job.source, job.ledger, clock=job.clock)
    if schedule := job.source.schedule:
        due = next_delivery(job.clock(), schedule, working_days(schedule.country, schedule.subdivision))
        job.ledger.records.expect_delivery(job.source.source, due, schedule.zone)
    return found


def unfinished(ledger: Ledger, source: str, more: Iterable[str] = ()) -> bool:
    """Whether there is something for a run to do without a new file: what a failed run left, or a person released.

    Args:
        ledger: Where the items are.
        source: Whose files they are; also one that is still to be moved out of the inbox counts.
        more: Names of other sources that the same run drains, as the tables and the outbox of documents.
    """
    items = ledger.items
    if any(items.list(name, _UNFINISHED, limit=1) for name in (source, *more)):
        return True
    return bool(items.undisposed(source, ARCHIVABLE))


def name_facts(policy: NamePolicy, entry: Complete) -> dict[str, Any]:
    """What the name and its companions say; a name out of contract has none, and the intake refuses it."""
    facts: dict[str, Any] = {}
    if entry.announced:
        facts["announced"] = dict(entry.announced)
    if entry.companions:
        facts["companions"] = list(entry.companions)
    return facts | facts_of_name(policy, entry.file.name)


def missing_sequences(ledger: Ledger, source: str) -> tuple[int, ...]:
    """Numbers between the watermark and the highest number seen that no item has."""
    watermark = ledger.watermarks.get(source)
    after = int(str(watermark.cursor[0])) if watermark else None
    seen = [sequence for sequence, _ in ledger.items.positions(source, tuple(State), after=after)]
    return tuple(sequence_gaps([*seen, after] if after is not None else seen))


def group_items(items: Sequence[WorkItem], *, files: int, bytes_: int = GROUP_BYTES) -> list[list[str]]:
    """Item ids in groups of at most `files` and about `bytes_`, oldest version first.

    One group is one mapped task: a task start costs seconds, a small file milliseconds.
    """
    groups: list[list[str]] = []
    room = 0
    for item in sorted(items, key=lambda item: (item.facts.get("date", ""), item.facts.get("sequence", 0), item.path)):
        if not groups or len(groups[-1]) >= files or item.size > room:
            groups.append([])
            room = bytes_
        groups[-1].append(item.id)
        room -= item.size
    return groups
