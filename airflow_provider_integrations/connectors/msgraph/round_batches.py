"""One batch of a round: the rows of the source's objects or of one relation, and the keys that are gone, in bronze."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.net_changes import NetChanges
from airflow_provider_integrations.connectors.msgraph.round_rows import Columns, LandedRows, typed_keys, write_rows
from airflow_provider_integrations.connectors.msgraph.state import Progress
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.landing import quarantine
from airflow_provider_integrations.landing.bronze import MANIFEST, batch_key, promote
from airflow_provider_integrations.landing.deletions import keep_deletions
from airflow_provider_integrations.ledger.holding import Holder

__all__ = ["KNOWN", "Batch", "land_batch", "landed_before"]

KNOWN = "known.sqlite"
"""The known objects in the private folder of a landing."""


@dataclass(slots=True)
class Batch:
    """What is landed of a round under one item, and what became of it.

    Args:
        item: Of the source, or of one of its relations.
        relation: Property of the relation; empty for the objects.
        contract: Of its rows.
        batch_id: The same at every try; another after a release, by another contract, and of a round that was read again.
        version: Of every row.
        facts: What every item of the round says of it.
    """

    item: WorkItem
    relation: str
    contract: Contract
    batch_id: str
    version: str
    facts: dict[str, Any]
    refused: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, job: GraphJob, item: WorkItem, relation: str, progress: Progress, *, session: str, version: str
    ) -> Batch:
        """The batch of an item, before anything is landed of it; `session` is the one that read the round to its end."""
        contract = job.relations[relation] if relation else job.contract
        start = progress.start
        parts = (item.id, str(item.facts.get("releases", 0)), session, contract.digest)
        facts = {
            "attempt": start.attempt,
            "full": start.full,
            "pages": start.pages,
            "items": start.items,
            "resync": list(progress.resync),
            "restarts": list(progress.restarts),
        }
        batch_id = hashlib.sha256(":".join(parts).encode()).hexdigest()[:24]
        return cls(item, relation, contract, batch_id, version, facts)

    def advance(self, job: GraphJob, held: Holder) -> None:
        """Bring the item to its next state, when all that it needs is durable."""
        if self.refused:
            held.advance(self.item, State.QUARANTINED, **self.refused)
            return
        facts = job.ledger.items.get(self.item.id).facts
        if facts["rows_landed"]:
            held.advance(self.item, State.LANDED)
        else:  # Nothing to load: no row, or rejects or deletions alone, which are kept in bronze.
            held.advance(self.item, State.LOADED, facts={"rows_loaded": 0})


def landed_before(job: GraphJob, batch: Batch) -> bool:
    """Whether the process died between the landing of a batch and the next state of its item."""
    facts = job.ledger.items.get(batch.item.id).facts
    if facts.get("batch_id") != batch.batch_id or "manifest" not in facts:
        return False
    if not facts["rows_read"] and not facts["keys_deleted"]:
        return True
    return bool((job.root / facts["folder"] / MANIFEST).exists())


def land_batch(job: GraphJob, held: Holder, batch: Batch, net: NetChanges, work: Path) -> None:
    """Write the batch and put it into bronze; again is harmless.

    Args:
        job: The source.
        held: Who holds the item.
        batch: What is landed.
        net: What the round comes to.
        work: Private folder, with the known objects after the round.
    """
    if landed_before(job, batch):
        return
    folder = work / batch.batch_id
    folder.mkdir(mode=0o700)
    chunks = _pairs(net, batch.relation) if batch.relation else _objects(job, net, work)
    written = write_rows(folder, batch.contract, chunks, batch_id=batch.batch_id, version=batch.version)
    if written.rows_rejected > batch.contract.max_reject_share * written.rows_read:
        batch.refused = _refused(job, batch, written, folder)
        net.forget_removals(work / KNOWN, batch.relation)
    else:
        deleted = keep_deletions(folder, typed_keys(batch.contract, net.removed(batch.relation)))
        manifest = _manifest(batch, written)
        counts = net.counts(batch.relation)
        held.note(batch.item, {**batch.facts, **_facts(batch, manifest, counts), **deleted})
        job.boundary("rows noted")
        if written.rows_read or deleted["keys_deleted"]:
            promote(folder, job.root, manifest)
            job.boundary("promoted")
    shutil.rmtree(folder)


def _objects(job: GraphJob, net: NetChanges, work: Path) -> Iterator[Columns]:
    names = [job.source.property_of(column.name).split("/")[0] for column in job.contract.columns]
    for rows in net.objects(work / KNOWN):
        yield [
            [identity if name == job.source.key else properties.get(name) for identity, properties in rows]
            for name in names
        ]


def _pairs(net: NetChanges, relation: str) -> Iterable[Columns]:
    return (list(zip(*rows, strict=True)) for rows in net.pairs(relation))


def _refused(job: GraphJob, batch: Batch, written: LandedRows, folder: Path) -> dict[str, Any]:
    reason = Reason.TOO_MANY_REJECTS
    detail = (
        f"{reason.meaning} (rows_read={written.rows_read}, rows_rejected={written.rows_rejected},"
        f" by_rule={written.rejects}). Correct the contract and release the item; or correct the source and run it with"
        " `resync`: until then the link stays."
    )
    kept = quarantine.keep(
        job.root, batch.item, reason, detail=detail, at=job.clock(), rejects=folder / "rejects.jsonl"
    )
    facts = {**batch.facts, "kept": kept, "rows_read": written.rows_read, "rows_rejected": written.rows_rejected}
    facts |= {"version": batch.version}
    return {"reason": reason.value, "detail": detail, "facts": facts}


def _manifest(batch: Batch, written: LandedRows) -> Manifest:
    item = batch.item
    return Manifest(
        batch_id=batch.batch_id,
        source=item.source,
        item_id=item.id,
        received_at=item.discovered_at.isoformat(),
        ingest_date=item.discovered_at.date().isoformat(),
        original=item.path,
        version=batch.version,
        contract=batch.contract.contract,
        contract_version=batch.contract.version,
        contract_digest=batch.contract.digest,
        ciphertext_sha256="",
        plaintext_sha256="",
        signers=(),
        rows_read=written.rows_read,
        rows_landed=written.rows_landed,
        rows_rejected=written.rows_rejected,
        rejects_by_rule=written.rejects,
        files=written.files,
    )


def _facts(batch: Batch, manifest: Manifest, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "batch_id": batch.batch_id,
        "folder": batch_key(manifest),
        "manifest": manifest.to_json(),
        "version": batch.version,
        "rows_read": manifest.rows_read,
        "rows_landed": manifest.rows_landed,
        "rows_rejected": manifest.rows_rejected,
        "upserts": counts["upsert"],
        "removals_soft": counts["remove_soft"],
        "removals_hard": counts["remove_hard"],
    }
