"""Intake: fetch, open, decode and land a group of work items, each on its own.

A file that is refused goes to quarantine with its reason and never stops the others. A fault that may pass gives the
item back for the next try, and is raised when the rest of the group is done. Whatever is killed, the item is still
`discovered` and the next worker starts it again: a landing is write-once by batch id, and a batch id follows from the
item and the contract alone.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.connectors.sftp_pgp.job import IntakeJob, make_private
from airflow_provider_integrations.connectors.sftp_pgp.land import DECODED, UndecidedError, land
from airflow_provider_integrations.connectors.sftp_pgp.names import facts_of_name
from airflow_provider_integrations.connectors.sftp_pgp.original import (
    NAME,
    Original,
    check_original,
    fetch_original,
    kept_original,
)
from airflow_provider_integrations.core.errors import IntegrationError, RejectedError, SystemicError, TransientError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing import quarantine
from airflow_provider_integrations.ledger.holding import Holder, holding

__all__ = ["Outcome", "take_in"]

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Items opened and landed side by side: GnuPG keeps one core busy, the decoder another."""

AHEAD = 1
"""Items fetched meanwhile, so that the link and the cores work at the same time."""

_DUPLICATES = (Reason.DUPLICATE_BYTES, Reason.DUPLICATE_CONTENT)
_TELLING = ("duplicate_of", "rows_read", "rows_rejected", "rejects_by_rule")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item."""

    item_id: str
    state: State
    reason: str | None = None
    rows_landed: int = 0
    rows_rejected: int = 0


async def take_in(job: IntakeJob, item_ids: Sequence[str]) -> list[Outcome]:
    """Take in the items; those that are past `discovered` already are reported as they are.

    Raises:
        TransientError: if an item could not be finished for a reason that may pass, or is claimed by a worker that
            may have died. All others are done by then, so that a retry has only the rest to do.
    """
    sweep(job)
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        mine, others, outcomes = _take(job, held, item_ids)
        if mine:
            outcomes += await _take_in_mine(job, held, mine)
    if others:
        raise TransientError(
            "items are claimed by another worker",
            items=others,
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
    return outcomes


def sweep(job: IntakeJob) -> None:
    """Remove what killed workers left in the scratch folder, unless the item is being worked on.

    Decoded rows go at once; a partly fetched original stays while its item waits, so that the fetch can resume.
    """
    make_private(job.scratch)
    waiting = {item.id for item in job.ledger.items.pending(job.source.source, [State.DISCOVERED])}
    for folder in job.scratch.iterdir():
        if job.ledger.items.is_claimed(folder.name):
            continue
        shutil.rmtree(folder / DECODED if folder.name in waiting else folder, ignore_errors=True)


def _take(job: IntakeJob, held: Holder, item_ids: Sequence[str]) -> tuple[list[WorkItem], list[str], list[Outcome]]:
    mine = held.take_all(item_ids, State.DISCOVERED)
    taken = {item.id for item in mine}
    others, outcomes = [], []
    for item_id in item_ids:
        if item_id in taken:
            continue
        item = job.ledger.items.get(item_id)
        if item.state is State.DISCOVERED:
            others.append(item_id)
        else:
            outcomes.append(_outcome(item))
    return mine, others, outcomes


async def _take_in_mine(job: IntakeJob, held: Holder, items: Sequence[WorkItem]) -> list[Outcome]:
    room, slots = asyncio.Semaphore(AT_ONCE + AHEAD), asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:
        engine = stack.enter_context(GnuPgEngine(job.settings.pgp))
        client = None
        if any(_is_fetched(job, item) for item in items):
            client = await stack.enter_async_context(SftpClient.connect(job.settings))

        async def one(item: WorkItem) -> Outcome:
            async with room:
                return await _one(job, held, client, engine, item, slots)

        results = await asyncio.gather(*(one(item) for item in items), return_exceptions=True)
        await _decide(held, one, items, results)
    faults = [result for result in results if isinstance(result, BaseException)]
    for fault in faults:
        log.error("%s: an item was given back: %s", job.source.source, fault)
    if faults:
        # A fault that no retry mends must not hide behind one that a retry may mend.
        raise next((fault for fault in faults if not isinstance(fault, TransientError)), faults[0])
    return [result for result in results if isinstance(result, Outcome)]


def _is_fetched(job: IntakeJob, item: WorkItem) -> bool:
    try:
        return kept_original(job, item) is None
    except SystemicError:
        return False  # The item itself meets it again; the others go on.


async def _decide(
    held: Holder,
    one: Callable[[WorkItem], Awaitable[Outcome]],
    items: Sequence[WorkItem],
    results: list[Outcome | BaseException],
) -> None:
    """Take up again what waited for another item of this group, until nothing more is settled by it."""
    waiting = [place for place, result in enumerate(results) if isinstance(result, UndecidedError)]
    before = len(waiting) + 1
    while waiting and len(waiting) < before:
        before = len(waiting)
        for place in waiting:
            if again := held.take(items[place].id, State.DISCOVERED):
                (results[place],) = await asyncio.gather(one(again), return_exceptions=True)
        waiting = [place for place in waiting if isinstance(results[place], UndecidedError)]


async def _one(
    job: IntakeJob,
    held: Holder,
    client: SftpClient | None,
    engine: GnuPgEngine,
    item: WorkItem,
    slots: asyncio.Semaphore,
) -> Outcome:
    folder = job.scratch / item.id
    folder.mkdir(mode=0o700, exist_ok=True)
    # Read again: the pattern may have changed since the item was discovered, and be why it was released.
    facts: dict[str, Any] = facts_of_name(job.source.names, item.name)
    item = replace(item, facts={**item.facts, **facts})
    job.boundary("claimed")
    try:
        try:
            original = await fetch_original(job, client, item, folder)
            facts["ciphertext_sha256"] = original.digests["sha256"]
            job.boundary("fetched")
            async with slots:
                done = await asyncio.to_thread(_land, job, held, engine, item, original, folder, facts)
        except RejectedError as refusal:
            done = await asyncio.to_thread(_refuse, job, held, item, folder, facts, refusal)
    except BaseException as fault:
        shutil.rmtree(folder / DECODED, ignore_errors=True)
        held.give_back(item, str(fault) if isinstance(fault, IntegrationError) else type(fault).__name__)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return _outcome(done)


def _land(
    job: IntakeJob,
    held: Holder,
    engine: GnuPgEngine,
    item: WorkItem,
    original: Original,
    folder: Path,
    facts: dict[str, Any],
) -> WorkItem:
    check_original(job, item, original)
    landed = land(job, engine, item, original, folder, facts)
    job.boundary("landed")
    job.ledger.records.batch(landed.manifest, landed.folder)
    done = held.advance(item, State.LANDED, facts=facts)
    job.boundary("noted as landed")
    return done


def _refuse(
    job: IntakeJob, held: Holder, item: WorkItem, folder: Path, facts: dict[str, Any], refusal: RejectedError
) -> WorkItem:
    """Keep the bytes and the reason first; only then is the item in quarantine for the ledger."""
    kept = quarantine.keep(
        job.root,
        item,
        refusal.reason,
        detail=str(refusal),
        original=folder / NAME,
        rejects=folder / DECODED / "rejects.jsonl",
        at=job.clock(),
    )
    job.boundary("kept in quarantine")
    facts |= {"kept": kept, **{name: refusal.values[name] for name in _TELLING if name in refusal.values}}
    state = State.DUPLICATE if refusal.reason in _DUPLICATES else State.QUARANTINED
    log.warning("%s: %s: %s: %s", job.source.source, item.name, state, refusal)
    return held.advance(item, state, reason=refusal.reason.value, detail=str(refusal), facts=facts)


def _outcome(item: WorkItem) -> Outcome:
    rows = (int(item.facts.get("rows_landed", 0)), int(item.facts.get("rows_rejected", 0)))
    return Outcome(item.id, item.state, item.reason, *rows)
