"""The work items of a run, read and landed as batches: parts in a scratch folder, then bronze, then the ledger.

    items = await read_items(job, ["3f..."])

A worker that dies leaves its parts: on the same disk the next one goes on from them, anywhere else it reads again. The version of
a batch is when the first of its parts was read, so that no older sample stands above a newer one of another run.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from airflow_provider_integrations.connectors.historian.backfill import Limits, Order, run_backfill
from airflow_provider_integrations.connectors.historian.catalog_changes import as_cataloged
from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.landed_rows import write_batch
from airflow_provider_integrations.connectors.historian.model import HistoryReader
from airflow_provider_integrations.connectors.historian.parts import Parts
from airflow_provider_integrations.connectors.historian.progress import Progress
from airflow_provider_integrations.connectors.historian.run_plan import Work
from airflow_provider_integrations.connectors.historian.windows import Sizing
from airflow_provider_integrations.core.errors import ClaimLostError, StateConflictError, TransientError
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing.bronze import MANIFEST, batch_key, promote
from airflow_provider_integrations.landing.durable import replace_durably
from airflow_provider_integrations.ledger.holding import Holder, holding

__all__ = ["outcome", "read_items"]

_KEPT = 3 * 86_400
"""Seconds for which an item to which nothing is added keeps its parts on this disk."""
_TOLD = 5.0
"""Seconds between two notes of how far a read is."""
_ROWS = 65_536

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


async def read_items(job: HistorianJob, item_ids: Sequence[str]) -> list[WorkItem]:
    """Read and land items; those that are not `discovered` are left alone. Gives all of them as they are then.

    Raises:
        TransientError: the historian failed, or another worker holds an item; what was read stays.
        IntegrationError: what the reader says, with the window that is unread.
    """
    async with _holding(job) as held:
        items = await _to_its_end(held.take_all, item_ids, State.DISCOVERED)
        await _to_its_end(_sweep, job)
        if items:
            async with job.connect() as reader:
                for item in items:
                    await _bring_on(job, held, item, reader)
        after = await _to_its_end(lambda: [job.ledger.items.get(item_id) for item_id in item_ids])
    if busy := [item.id for item in after if item.state is State.DISCOVERED]:
        raise TransientError(
            "items are claimed by another worker",
            items=busy,
            next_step=f"Try again: the claim of a worker that died runs out after {job.lease}.",
        )
    return after


async def _bring_on(job: HistorianJob, held: Holder, item: WorkItem, reader: HistoryReader) -> None:
    name = f"{item.id}:{item.facts.get('releases', 0)}:{job.contract.digest}"
    batch_id = hashlib.sha256(name.encode()).hexdigest()[:24]
    folder = job.scratch / batch_id
    manifest = await _to_its_end(_landed_before, job, item, batch_id)
    if manifest is None:
        item = await _to_its_end(as_cataloged, job, held, item)
        version = await _to_its_end(_started, job, item, folder)
        with _parts(folder / "parts") as parts:
            await _read(job, item, reader, parts)
            job.boundary("read")
            manifest = await _to_its_end(_land, job, held, item, parts, folder, batch_id, version)
    await _to_its_end(_advance, job, held, item, manifest)
    await _to_its_end(_done_with, folder)


@contextmanager
def _parts(folder: Path) -> Iterator[Parts]:
    """The parts of an item, for this worker alone.

    Raises:
        ClaimLostError: a worker that has lost its claim is at work on them still; it stops when it next writes to the ledger.
    """
    parts = Parts(folder)
    try:
        parts.__enter__()
    except StateConflictError as error:
        step = "Try again: it stops when it next writes to the ledger."
        raise ClaimLostError(error.what, next_step=step, **error.values) from error
    try:
        yield parts
    finally:
        parts.__exit__(None, None, None)


async def _read(job: HistorianJob, item: WorkItem, reader: HistoryReader, parts: Parts) -> None:
    work = Work.from_json(item.facts)
    if not work.tags:
        return
    told: list[Progress] = []
    order = Order(work.tags, work.span, newest_first=bool(item.facts["newest_first"]))
    limits = Limits(at_once=job.source.at_once, sizing=Sizing(target=job.source.window_samples))
    async with _telling(job, item, told):
        await run_backfill(reader, order, parts, limits=limits, progress=told.append, boundary=job.boundary)


@asynccontextmanager
async def _telling(job: HistorianJob, item: WorkItem, told: list[Progress]) -> AsyncIterator[None]:
    """Keeps in the ledger how far the read is, now and then and at its end, however it ends."""

    def tell() -> None:
        if told:
            last = told[-1]
            told[:-1] = []
            job.ledger.historian.tell_progress(
                item.id, item.source, str(item.facts["run"]),
                seconds_total=last.total, seconds_done=last.done, seconds_before=last.before, samples=last.samples,
                elapsed=last.elapsed,
            )  # fmt: skip

    async def tell_on() -> None:
        while True:
            await asyncio.sleep(_TOLD)
            with suppress(Exception):  # For people alone: no read fails for it.
                await asyncio.to_thread(tell)

    teller = asyncio.create_task(tell_on())
    try:
        yield
    finally:
        teller.cancel()
        with suppress(asyncio.CancelledError):
            await teller
        with suppress(Exception):
            await asyncio.shield(asyncio.to_thread(tell))


def _land(
    job: HistorianJob, held: Holder, item: WorkItem, parts: Parts, folder: Path, batch_id: str, version: str
) -> Manifest:
    stage = folder / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(mode=0o700)
    tags = Work.from_json(item.facts).tags
    tables = (table for tag in tags for table in parts.tables(tag.name, rows=_ROWS))
    files, rows = write_batch(stage, job.contract, tables, batch_id=batch_id, version=version)
    manifest = Manifest(
        batch_id=batch_id,
        source=job.source.source,
        item_id=item.id,
        received_at=item.discovered_at.isoformat(),
        ingest_date=item.discovered_at.date().isoformat(),
        original=item.path,
        version=version,
        contract=job.contract.contract,
        contract_version=job.contract.version,
        contract_digest=job.contract.digest,
        ciphertext_sha256="",
        plaintext_sha256="",
        signers=(),
        rows_read=rows,
        rows_landed=rows,
        rows_rejected=0,
        files=files,
    )
    job.boundary("written")
    facts = {"batch_id": batch_id, "folder": batch_key(manifest), "manifest": manifest.to_json(), "version": version}
    held.note(item, {**facts, "rows_read": rows, "rows_landed": rows, "rows_rejected": 0})
    job.boundary("manifest noted")
    if rows:
        promote(stage, job.root, manifest)
        job.boundary("promoted")
    return manifest


def _advance(job: HistorianJob, held: Holder, item: WorkItem, manifest: Manifest) -> None:
    if manifest.rows_landed:
        held.advance(item, State.LANDED, facts={"folder": batch_key(manifest)})
    else:  # Nothing to load; what the warehouse has of the span is gone.
        held.advance(item, State.LOADED, facts={"rows_loaded": 0})
    job.boundary("landed")


def _landed_before(job: HistorianJob, item: WorkItem, batch_id: str) -> Manifest | None:
    """The manifest, when the process died between the landing and its note in the ledger."""
    if item.facts.get("batch_id") != batch_id or "manifest" not in item.facts:
        return None
    manifest = Manifest.from_json(item.facts["manifest"])
    return manifest if (job.root / batch_key(manifest) / MANIFEST).exists() else None


def _started(job: HistorianJob, item: WorkItem, folder: Path) -> str:
    """The version of the batch: when the first of the parts that are here was begun, and not before its run was planned."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = folder / "version"
    with suppress(FileNotFoundError):
        return note.read_text(encoding="utf-8")
    shutil.rmtree(folder / "parts", ignore_errors=True)
    now = f"{job.clock().astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}/{item.facts['run']}"
    version = max(now, str(item.facts["run_version"]))
    replace_durably(note, version.encode())
    return version


def _done_with(folder: Path) -> None:
    # The version last: parts without one are thrown away.
    shutil.rmtree(folder / "parts", ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(job: HistorianJob) -> None:
    """Remove the parts of items that died here and were brought on elsewhere, or were given up."""
    for folder in job.scratch.glob("*/"):
        with suppress(FileNotFoundError):
            newest = max(path.stat().st_mtime for path in (folder, *folder.glob("parts")))
            if newest < job.clock().timestamp() - _KEPT:
                shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _holding(job: HistorianJob) -> AsyncIterator[Holder]:
    manager = holding(job.ledger, job.owner, lease=job.lease)
    held = manager.__enter__()
    try:
        yield held
    finally:
        # Shielded, so that the claims are given back also when the task is cancelled.
        await asyncio.shield(asyncio.to_thread(manager.__exit__, None, None, None))


async def _to_its_end(call: Callable[_Given, _Made], *args: _Given.args, **more: _Given.kwargs) -> _Made:
    """In a thread. A task that is cancelled waits for it: claims are given back only after nothing is written any more."""
    work = asyncio.ensure_future(asyncio.to_thread(call, *args, **more))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise


def outcome(items: Sequence[WorkItem]) -> dict[str, Any]:
    """What an operator returns of items: counts by state and of samples."""
    return {
        "states": dict(Counter(item.state.value for item in items)),
        "rows_landed": sum(item.facts.get("rows_landed", 0) for item in items),
    }
