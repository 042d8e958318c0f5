"""Deliver: bring what waits in a source's outbox to the partner, each file under its name, whole, and the same at every run.

What is to be sent was kept before; sealed bytes are kept before they are uploaded, and the ledger says which they are,
since sealing twice gives other bytes. A process that dies between the upload and the ledger's note uploads the same bytes
again: if they still lie there, nothing changes; if the partner has taken them, they come a second time, which the
partner knows by their name and content. Taking a missing file for one that was taken would lose it where it was not.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import BinaryIO

from airflow_provider_integrations.connectors.sftp_pgp.client import SftpClient
from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.connectors.sftp_pgp.job import DeliverJob, make_private
from airflow_provider_integrations.core.edi_source import outbox_name
from airflow_provider_integrations.core.errors import (
    ConnectionLostError,
    IntegrationError,
    StalledError,
    TransientError,
)
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing.once import write_once
from airflow_provider_integrations.ledger.holding import Holder, holding
from airflow_provider_integrations.outbox import destination, kept_bytes

__all__ = ["deliver"]

log = logging.getLogger(__name__)

Seal = Callable[[BinaryIO, Path], object]
"""Seals the content of the one into the other, for the partner."""


async def deliver(job: DeliverJob) -> list[WorkItem]:
    """Deliver all that waits, the oldest first; gives the items, which are `loaded` then.

    Their facts gain `delivered_to` (path on the server), `delivered_at`, and `sealed` and `sealed_sha256` if they were
    sealed.

    Raises:
        PermanentError: if a file cannot be delivered, e.g. since other bytes have its name; all others are by then.
        SystemicError: if what was kept is not what was enqueued, or the partner's server is full.
        TransientError: if the link broke too often, or another worker, who may have died, holds an item.
    """
    waiting = job.ledger.items.list(outbox_name(job.source), (State.DISCOVERED,), limit=None)[::-1]
    if not waiting:
        return []
    make_private(job.scratch)
    done: list[WorkItem] = []
    with holding(job.ledger, job.owner, lease=job.lease) as held:
        mine = held.take_all([item.id for item in waiting], State.DISCOVERED)
        if mine:
            done = await _deliver_mine(job, held, mine)
    taken = {item.id for item in mine}
    others = [item.id for item in waiting if item.id not in taken]
    if others := [item for item in others if job.ledger.items.get(item).state is State.DISCOVERED]:
        raise TransientError(
            "files to be delivered are claimed by another worker",
            items=others,
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
    return done


async def _deliver_mine(job: DeliverJob, held: Holder, items: Sequence[WorkItem]) -> list[WorkItem]:
    job.boundary("claimed")
    done: list[WorkItem] = []
    faults: list[IntegrationError] = []
    async with AsyncExitStack() as stack:
        seal: Seal | None = None
        if any(item.facts.get("seal") and "sealed" not in item.facts for item in items):
            engine = stack.enter_context(GnuPgEngine(job.settings.pgp))
            seal = partial(engine.seal, recipients=engine.recipients())
        client = await stack.enter_async_context(SftpClient.connect(job.settings))
        for item in items:
            try:
                done.append(await _one(job, held, client, seal, item))
            except IntegrationError as fault:
                log.error("%s: %s was not delivered: %s", job.source, item.name, fault)
                held.give_back(item, str(fault))
                faults.append(fault)
                if isinstance(fault, (ConnectionLostError, StalledError)):
                    break  # The link was given up after many attempts; the others' turn comes with the next run.
    if faults:
        # A fault that no retry mends must not hide behind one that a retry may mend.
        raise next((fault for fault in faults if not isinstance(fault, TransientError)), faults[0])
    return done


async def _one(job: DeliverJob, held: Holder, client: SftpClient, seal: Seal | None, item: WorkItem) -> WorkItem:
    folder = job.scratch / item.id
    shutil.rmtree(folder, ignore_errors=True)  # what a killed worker left
    folder.mkdir(mode=0o700)
    try:
        data = kept_bytes(job.root, str(item.facts["kept"]), str(item.facts["sha256"]))
        if item.facts["seal"]:
            item = await asyncio.to_thread(_sealed, job, held, seal, item, data, folder)
            data = kept_bytes(job.root, str(item.facts["sealed"]), str(item.facts["sealed_sha256"]))
        local = folder / "upload"
        local.write_bytes(data)
        await client.put(local, destination(item))
        job.boundary("uploaded")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts = {"delivered_to": destination(item), "delivered_at": job.clock().isoformat()}
    done = held.advance(item, State.LOADED, facts=facts)
    job.boundary("noted as delivered")
    log.info("%s: %s was delivered to %s", job.source, item.name, destination(item))
    return done


def _sealed(job: DeliverJob, held: Holder, seal: Seal | None, item: WorkItem, data: bytes, folder: Path) -> WorkItem:
    """The item with its sealed bytes kept; they are named by their digest, and those that the ledger names count."""
    if "sealed" in item.facts:
        return item
    assert seal is not None, "what is not sealed yet is sealed here"
    target = folder / "sealed"
    seal(io.BytesIO(data), target)
    message = target.read_bytes()
    digest = hashlib.sha256(message).hexdigest()
    key = f"outbox/{job.source}/sealed/{item.id}.{digest[:16]}.pgp"
    write_once(job.root / key, message)
    job.boundary("sealed")
    noted = held.note(item, {"sealed": key, "sealed_sha256": digest})
    job.boundary("noted as sealed")
    return noted
