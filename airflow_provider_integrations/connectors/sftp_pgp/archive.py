"""Archive: move each finished file out of the partner's inbox, to the archive or to the quarantine folder there.

The target name holds the item's id, so that a rerun knows its own work: source gone and target there means done.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.job import IntakeJob
from airflow_provider_integrations.core.errors import PermanentError, RejectedError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.holding import Holder, holding
from airflow_provider_integrations.ledger.position import follow

__all__ = ["ARCHIVABLE", "archive", "archive_path"]

log = logging.getLogger(__name__)

ARCHIVABLE = (State.LOADED, State.DUPLICATE, State.QUARANTINED)
"""States in which the partner's file may leave the inbox: we hold its bytes, and its fate is decided."""


async def archive(job: IntakeJob) -> list[WorkItem]:
    """Move the files of all finished items of the source that still lie in the inbox; gives the items.

    Raises:
        PermanentError: if a file cannot be moved; all others are moved by then.
    """
    items = job.ledger.items.undisposed(job.source.source, ARCHIVABLE)  # With those whose archiver died half way.
    if any(item.state is State.LOADED for item in items):
        # The load may have died before this: an archived item without a watermark means that it was lost.
        follow(job.ledger, job.source.source)
    if not items:
        return []
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        if all(item.replay_of or item.disposed_at for item in items):
            return [_finish(job, held, item) for item in items]
        async with SftpClient.connect(job.settings) as client:
            return await _archive_all(job, held, client, items)


async def _archive_all(job: IntakeJob, held: Holder, client: SftpClient, items: Sequence[WorkItem]) -> list[WorkItem]:
    done: list[WorkItem] = []
    faults: list[PermanentError] = []
    for item in items:
        try:
            done.append(await _archive_one(job, held, client, item))
        except PermanentError as fault:
            log.error("%s: %s was not archived: %s", job.source.source, item.name, fault)
            faults.append(fault)
    if faults:
        raise faults[0]
    return done


async def _archive_one(job: IntakeJob, held: Holder, client: SftpClient, item: WorkItem) -> WorkItem:
    if item.replay_of or item.disposed_at:
        return _finish(job, held, item)
    target = archive_path(job, item)
    there = await client.stat(item.path)
    if there is not None and (there.size, there.mtime) != (item.size, item.mtime):
        # A later version under the same name, which is the next discovery's; an earlier run may have moved ours.
        ours = await client.stat(target)
        return _finish(job, held, item, target if ours and ours.size == item.size else "replaced on the server")
    for companion in _companions(item):
        await _move(client, companion, f"{target}.{companion.rsplit('.', 1)[-1]}")
    # If the partner took it away, we hold its bytes, and what is to be moved is gone for good.
    moved_to = target if await _move(client, item.path, target) else "gone from the server"
    job.boundary("moved")
    return _finish(job, held, item, moved_to)


async def _move(client: SftpClient, path: str, target: str) -> bool:
    """Move a file; False if it is at neither place."""
    try:
        await client.move(path, target)
    except RejectedError as refusal:
        if refusal.reason is not Reason.VANISHED:
            raise
        return False
    return True


def archive_path(job: IntakeJob, item: WorkItem) -> str:
    """Where the file goes: by date of discovery, under its own name with the item's id before it."""
    folders = job.source.folders
    folder = folders.quarantine if item.state is State.QUARANTINED else folders.archive
    return f"{folder}/{item.discovered_at.date().isoformat()}/{item.id[:12]}_{item.name}"


def _companions(item: WorkItem) -> Sequence[str]:
    companions: Sequence[str] = item.facts.get("companions", ())
    return companions


def _finish(job: IntakeJob, held: Holder, item: WorkItem, moved_to: str = "") -> WorkItem:
    """Note where the file went (a replay has none of its own), and close the item."""
    done = item if item.disposed_at else job.ledger.items.disposed(item.id, moved_to)
    if item.state is State.LOADED and held.take(item.id, State.LOADED):
        done = held.advance(item, State.ARCHIVED)
    log.info("%s: %s: %s", job.source.source, item.name, moved_to)
    return done
