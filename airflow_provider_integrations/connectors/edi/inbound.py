"""Documents as a step: what was landed is judged, entered in the ledger, and its rows are landed as batches of their own.

    landed ──(parse)──> gated, or quarantined where there is no interchange in it

What becomes of a document is noted in its work item before anything of it can be seen by another step. From then on it
stands: whoever goes on after a kill completes what was noted, whatever has become of the guides since.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import airflow_provider_integrations
from airflow_provider_integrations.connectors.edi.documents import Outcome
from airflow_provider_integrations.connectors.edi.draining import drain
from airflow_provider_integrations.connectors.edi.inbound_reading import DocumentReading, Found
from airflow_provider_integrations.connectors.edi.interchange_count import has_more_than
from airflow_provider_integrations.connectors.edi.job import EdiJob
from airflow_provider_integrations.connectors.edi.landed_rows import LandedTables
from airflow_provider_integrations.connectors.edi.readings import read_before, rows_path
from airflow_provider_integrations.connectors.edi.row_contract import table_contracts
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.edi_source import table_source_name
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.landing import quarantine
from airflow_provider_integrations.landing.attempts import attempt_folder, remove_abandoned
from airflow_provider_integrations.landing.bronze import (
    ORIGINAL,
    batch_key,
    local_folder,
    promote,
    read_manifest,
    verify_files,
)
from airflow_provider_integrations.ledger.holding import Holder

__all__ = ["parse_items"]

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_STAGE = "parsing-"
_CARRIED = ("date", "sequence")


def parse_items(job: EdiJob, item_ids: Sequence[str] | None = None) -> list[WorkItem]:
    """Parse what was landed, the oldest first; gives the items as they are afterwards.

    Batches of rows that a person released from quarantine are landed again by the way.

    Args:
        job: The partner's documents.
        item_ids: Work items, of which those in another state than `landed` are left alone; all that wait without it.

    Raises:
        TransientError: if an item is claimed by a worker that may have died; all others are done by then.
        IntegrationError: the first fault of an item; it stays `landed`, and all others are done by then.
    """
    job.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_abandoned(job.scratch.glob(f"{_STAGE}*"))
    contracts = table_contracts(job.book.guides)

    def parse(held: Holder, item: WorkItem) -> None:
        _Parser(job, held, contracts).parse(item)

    def land_released(held: Holder) -> None:
        _Parser(job, held, contracts).land_released()

    return drain(
        job, State.LANDED, item_ids, parse, claimed="claimed for parsing", done="parsed", at_last=land_released
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    """One table's rows of a document, as the item's facts keep them."""

    batch_id: str
    folder: str
    version: str
    rows: int
    size: int


class _Parser:
    """One worker's parsing."""

    def __init__(self, job: EdiJob, held: Holder, contracts: Mapping[str, Contract]) -> None:
        self._job, self._held, self._contracts = job, held, contracts

    def parse(self, item: WorkItem) -> None:
        """One document, from landed to gated or into quarantine."""
        noted = item.facts.get("parsed", {})
        # What was noted before a release is of another landing of the document.
        if noted.get("of") != item.facts["folder"]:
            noted = self._read(item)
            if noted is None:
                return
            item = self._held.note(item, {"parsed": noted})
            self._job.boundary("noted")
        for table, batch in sorted(noted["batches"].items()):
            self._land(item, table, _Batch(**batch))
        for table in noted.get("emptied", ()):
            self._empty(item, table)
        rows = {table: batch["rows"] for table, batch in noted["batches"].items()}
        rows |= dict.fromkeys(noted.get("emptied", ()), 0)
        facts = {**noted["facts"], "tables": rows, "parsed": {**noted, "facts": {}}}
        self._held.advance(item, State.GATED, facts=facts)

    def land_released(self) -> None:
        """Batches of rows that wait for nothing: released ones, whose files are in bronze, and those of a killed worker."""
        for table in self._contracts:
            source = table_source_name(self._job.source.source, table)
            waiting = [item.id for item in self._job.ledger.items.pending(source, [State.DISCOVERED])]
            for item in self._held.take_all(waiting, State.DISCOVERED):
                # One that has no batch tells that there is none: nothing of it is to be gated.
                self._held.advance(item, State.LANDED if "batch_id" in item.facts else State.LOADED)

    def _read(self, item: WorkItem) -> dict[str, Any] | None:
        """Judge a document and promote its rows; what is to be noted of it, or None where it went into quarantine."""
        job = self._job
        folder = job.root / item.facts["folder"]
        document = read_manifest(folder)
        if len(document.files) != 1:
            raise StateConflictError(
                "what was landed is no document", item=item.id, files=len(document.files),
                next_step="Its source must be of the kind `edi` when it is taken in: replay the item.",
            )  # fmt: skip
        [file] = document.files
        version = _version_of(job, item)
        with attempt_folder(job.scratch, f"{_STAGE}{item.id}-") as stage, local_folder(folder) as local:
            # What is entered in the ledger stays there: nothing may be, of a document that is another one by now.
            verify_files(local, document)
            most = job.source.max_interchanges
            if has_more_than(most, partial(_chunks, local / file.name)):
                self._refuse(item, Found(), folder / ORIGINAL, Reason.TOO_MANY_INTERCHANGES, f"most={most}")
                return None
            ids = {table: self._batch_id(item, table) for table in self._contracts}
            with LandedTables(stage, self._contracts, document=file.sha256, version=version, batch_ids=ids) as tables:
                reading = DocumentReading(job, item, tables, insist=_insists(job, item))
                found = reading.read(local / file.name, file.sha256)
                files = tables.finish()
            job.boundary("read")
            if found.verdict == Outcome.NOT_EDI.value:
                self._refuse(item, found, folder / ORIGINAL, Reason.NOT_EDI, f"bytes={found.outside_bytes}")
                return None
            batches = {}
            for table, parts in files.items():
                manifest = self._manifest(item, document, table, parts, version)
                promote(stage / table, job.root, manifest)
                size = sum(part.size for part in parts)
                batches[table] = {
                    "batch_id": manifest.batch_id, "folder": batch_key(manifest), "version": version,
                    "rows": manifest.rows_landed, "size": size,
                }  # fmt: skip
                job.boundary("promoted")
        emptied = sorted((read_before(job.ledger, item) & {*self._contracts}) - {*batches})
        return {"of": item.facts["folder"], "batches": batches, "emptied": emptied, "facts": found.facts()}

    def _land(self, item: WorkItem, table: str, batch: _Batch) -> None:
        """One table's batch as a work item; again is harmless."""
        job, path = self._job, rows_path(item.id, table, int(item.facts.get("releases", 0)))
        facts = {name: item.facts[name] for name in _CARRIED if name in item.facts}
        facts |= {
            "parent": item.id, "batch_id": batch.batch_id, "folder": batch.folder, "version": batch.version,
            "rows_read": batch.rows, "rows_landed": batch.rows, "rows_rejected": 0,
        }  # fmt: skip
        source = table_source_name(job.source.source, table)
        child = job.ledger.items.enter(source, RemoteFile(path, batch.size, item.mtime), facts=facts)
        job.boundary("rows entered")
        if child.state is State.DISCOVERED and (taken := self._held.take(child.id, State.DISCOVERED)) is not None:
            self._held.advance(taken, State.LANDED)
            job.boundary("rows landed")

    def _empty(self, item: WorkItem, table: str) -> None:
        """A table of which an earlier reading gave rows and this one gives none: `readings.mark_superseded` takes it up."""
        job, path = self._job, rows_path(item.id, table, int(item.facts.get("releases", 0)))
        facts = {"parent": item.id, "version": _version_of(job, item), "rows_read": 0, "rows_landed": 0}
        child = job.ledger.items.enter(
            table_source_name(job.source.source, table), RemoteFile(path, 0, item.mtime), facts=facts
        )
        job.boundary("rows entered")
        if child.state is State.DISCOVERED and (taken := self._held.take(child.id, State.DISCOVERED)) is not None:
            self._held.advance(taken, State.LOADED, facts={"rows_loaded": 0})
            job.boundary("rows landed")

    def _refuse(self, item: WorkItem, found: Found, original: Any, reason: Reason, why: str) -> None:
        job = self._job
        detail = f"{reason.meaning} ({why}). {reason.next_step}"
        kept = quarantine.keep(job.root, item, reason, detail=detail, original=original, at=job.clock())
        job.boundary("kept in quarantine")
        log.warning("%s: %s: %s", job.source.source, item.name, detail)
        facts = {**found.facts(), "kept": kept}
        self._held.advance(item, State.QUARANTINED, reason=reason.value, detail=detail, facts=facts)

    def _batch_id(self, item: WorkItem, table: str) -> str:
        """Follows from all that the rows follow from, so that a rerun lands the same batch, and changed guides another."""
        of = [
            item.id, item.facts.get("releases", 0), item.facts["folder"], table, self._contracts[table].digest,
            self._job.source.agreement.model_dump_json(), *(guides.digest for guides in self._job.book.guides),
            airflow_provider_integrations.__version__,
        ]  # fmt: skip
        return hashlib.sha256(":".join(map(str, of)).encode()).hexdigest()[:24]

    def _manifest(
        self, item: WorkItem, document: Manifest, table: str, files: tuple[DataFile, ...], version: str
    ) -> Manifest:
        contract, rows = self._contracts[table], sum(file.rows for file in files)
        return Manifest(
            batch_id=self._batch_id(item, table),
            source=table_source_name(self._job.source.source, table),
            item_id=item.id,
            received_at=document.received_at,
            ingest_date=document.ingest_date,
            original=document.original,
            version=version,
            contract=contract.contract,
            contract_version=contract.version,
            contract_digest=contract.digest,
            ciphertext_sha256="",
            plaintext_sha256=document.files[0].sha256,
            signers=document.signers,
            rows_read=rows,
            rows_landed=rows,
            rows_rejected=0,
            files=files,
            replay_of=item.replay_of,
        )


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _insists(job: EdiJob, item: WorkItem) -> bool:
    """Whether a person released it although all of it came before."""
    if not item.facts.get("releases"):
        return False
    # What happens to it in quarantine, as when its file is moved away, has no reason.
    reasons = [
        event.reason
        for event in job.ledger.items.history(item.id)
        if event.new_state is State.QUARANTINED and event.old_state is not State.QUARANTINED
    ]
    return bool(reasons) and reasons[-1] == Reason.DUPLICATE_INTERCHANGE.value


def _version_of(job: EdiJob, item: WorkItem) -> str:
    """As of other files: business date, sequence, time of discovery. A replay or a release is newer than what it repeats."""
    first = job.ledger.items.get(item.replay_of) if item.replay_of else item
    facts = {**first.facts, **item.facts}
    day = facts.get("date") or first.discovered_at.date().isoformat()
    releases = int(item.facts.get("releases", 0))
    moment = f"{item.discovered_at:%Y%m%dT%H%M%S%f}"
    return f"{day}/{int(facts.get('sequence', 0)):018d}/{moment}/{item.id[:8]}/{releases:06d}"
