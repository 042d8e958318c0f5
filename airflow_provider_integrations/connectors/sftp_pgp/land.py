"""Open, decode and land one original: from ciphertext to a batch in bronze, with nothing unproved in between.

Plaintext goes from GnuPG's pipe straight into the decoder. What the decoder writes stays in the job's private folder
until the status lines have proved integrity and signers; only then is it promoted. A source without a contract has its
documents landed whole; whether one came before is for those to say who read them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from airflow_provider_integrations.connectors.sftp_pgp.document import DOCUMENT, DOCUMENT_CONTRACT, write_document
from airflow_provider_integrations.connectors.sftp_pgp.gnupg import GnuPgEngine
from airflow_provider_integrations.connectors.sftp_pgp.job import IntakeJob
from airflow_provider_integrations.connectors.sftp_pgp.names import check_digest, facts_of_name
from airflow_provider_integrations.connectors.sftp_pgp.openpgp import OpenMessage, Proof
from airflow_provider_integrations.connectors.sftp_pgp.original import NAME, Original
from airflow_provider_integrations.core.contract import Reference
from airflow_provider_integrations.core.digest import Digests
from airflow_provider_integrations.core.errors import RejectedError, TransientError
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.formats.delimited import Decoded, decode
from airflow_provider_integrations.landing.bronze import batch_key, promote
from airflow_provider_integrations.landing.references import published_rows

__all__ = ["DECODED", "Landed", "UndecidedError", "batch_id_of", "land", "version_of"]

DECODED = "decoded"
"""Folder within an item's scratch folder that holds what was decoded and is not proved."""


class UndecidedError(TransientError):
    """Whether an item is a duplicate depends on another one that may still be refused."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A batch in bronze, and its folder below the landing root."""

    manifest: Manifest
    folder: str


def land(
    job: IntakeJob, engine: GnuPgEngine, item: WorkItem, original: Original, folder: Path, facts: dict[str, Any]
) -> Landed:
    """Open, decode and promote; `facts` gains what was found out, also when this raises.

    Raises:
        RejectedError: with what opening, decoding or the duplicate checks found.
        UndecidedError: try again when the other item of the same bytes, content or name is settled.
    """
    if job.contract is not None:
        _register(job, item, "ciphertext", original.digests["sha256"], Reason.DUPLICATE_BYTES)
    first = _first(job, item)
    batch_id = batch_id_of(item, _promised(job)[2])
    version = version_of(first)
    stage = folder / DECODED
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(mode=0o700)
    try:
        decoded, proof, digests = _open_and_decode(job, engine, original, stage, batch_id, version)
        job.boundary("decoded")
        facts |= _found(decoded, proof)
        for algorithm in _plaintext_algorithms(job):
            check_digest(algorithm, str(item.facts["checksum"]), digests.hex(algorithm))
        if job.contract is not None:
            _register(job, item, "plaintext", proof.plaintext_sha256, Reason.DUPLICATE_CONTENT)
        _register_name(job, item, proof.plaintext_sha256)
        manifest = _manifest(job, item, first, original, decoded, proof, batch_id, version)
        _link(original.path, stage / NAME)
        promote(stage, job.root, manifest)
    except RejectedError:
        # The masked rejects are for quarantine; the typed rows or the document of a refused file must not stay.
        for part in (*stage.glob("*.parquet"), *stage.glob(DOCUMENT)):
            part.unlink()
        raise
    facts |= {"batch_id": batch_id, "folder": batch_key(manifest), "version": version}
    return Landed(manifest, batch_key(manifest))


def _promised(job: IntakeJob) -> tuple[str, str, str]:
    """Name, version and digest of what a batch is landed by."""
    contract = job.contract
    return (contract.contract, contract.version, contract.digest) if contract is not None else DOCUMENT_CONTRACT


def _first(job: IntakeJob, item: WorkItem) -> WorkItem:
    """The item that the bytes came with; what its name says now, where it said nothing then."""
    if not item.replay_of:
        return item
    first = job.ledger.items.get(item.replay_of)
    return replace(first, facts={**facts_of_name(job.source.names, first.name), **first.facts})


def batch_id_of(item: WorkItem, contract_digest: str) -> str:
    """24 hexadecimal digits that follow from the item, its releases and the contract.

    A rerun after a crash gives the same id, so that landing and load apply it once; a release or another contract
    version gives another one.
    """
    text = f"{item.id}:{item.facts.get('releases', 0)}:{contract_digest}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def version_of(item: WorkItem) -> str:
    """Sorts the batches of a source by age, and is that of one file alone: business date, sequence, time of discovery.

    Files without a number that one listing showed go by name. Two files of one version would be told apart by the line
    of a row in its file, which says nothing about age.
    """
    day = item.facts.get("date") or item.discovered_at.date().isoformat()
    last = item.id[:8] if "sequence" in item.facts else item.name
    return f"{day}/{int(item.facts.get('sequence', 0)):018d}/{item.discovered_at:%Y%m%dT%H%M%S%f}/{last}"


def _open_and_decode(
    job: IntakeJob, engine: GnuPgEngine, original: Original, stage: Path, batch_id: str, version: str
) -> tuple[Decoded, Proof, Digests]:
    with engine.open(original.path, job.source.openpgp) as message:
        content = _Digesting(message, _plaintext_algorithms(job))
        try:
            if job.contract is None:
                decoded = write_document(content, stage)
            else:
                lookup = partial(_published, job)
                decoded = decode(content, job.contract, stage, batch_id=batch_id, version=version, lookup=lookup)
        except RejectedError:
            # A message that was tampered with breaks the contract too: what is wrong with the message counts first.
            message.verify()
            raise
        return decoded, message.verify(), content.digests


def _published(job: IntakeJob, reference: Reference) -> pa.Table | None:
    """By convention a source is named like the entity that it delivers."""
    loaded = job.ledger.items.list(reference.to, (State.LOADED, State.ARCHIVED), limit=None)
    return published_rows(job.root, reference, (item.facts for item in loaded))


class _Digesting:
    """Passes content on and digests it, for a partner whose checksum is of the content."""

    def __init__(self, message: OpenMessage, algorithms: tuple[str, ...]) -> None:
        self._message = message
        self.digests = Digests(algorithms)

    def read(self, size: int, /) -> bytes:
        data = self._message.read(size)
        if data:
            self.digests.update(data)
        return data


def _plaintext_algorithms(job: IntakeJob) -> tuple[str, ...]:
    names = job.source.names
    return (names.checksum,) if names.checksum and names.checksum_of == "plaintext" else ()


def _register(
    job: IntakeJob, item: WorkItem, kind: str, digest: str, reason: Reason, *, content: str | None = None
) -> None:
    owner = job.ledger.items.register_digest(job.source.source, kind, digest, item.id)
    if owner == item.id:
        return
    other = job.ledger.items.get(owner)
    if other.state in (State.DISCOVERED, State.QUARANTINED):
        raise UndecidedError(
            "another item has the same and is not settled",
            file=item.name,
            same=kind,
            other=owner,
            next_step="It is tried again; the other one must be taken in or refused first.",
        )
    if content is None or other.facts.get("plaintext_sha256") != content:
        raise RejectedError(reason, duplicate_of=owner, file=item.name)


def _register_name(job: IntakeJob, item: WorkItem, content: str) -> None:
    """A name, and a sequence number on a date, stand for one content unless the partner may send new versions.

    The same content under its name is no reuse: of rows it is a duplicate by then, a document is judged by its reader.
    """
    if job.source.names.reuse == "new_version":
        return
    _register(job, item, "name", item.name, Reason.NAME_REUSED, content=content)
    if "sequence" in item.facts:
        number = f"{item.facts.get('date', '')}/{item.facts['sequence']}"
        _register(job, item, "sequence", number, Reason.SEQUENCE_REUSED, content=content)


def _found(decoded: Decoded, proof: Proof) -> dict[str, Any]:
    return {
        "plaintext_sha256": proof.plaintext_sha256,
        "signers": list(proof.signers),
        "rows_read": decoded.rows_read,
        "rows_landed": decoded.rows_landed,
        "rows_rejected": decoded.rows_rejected,
        "rejects_by_rule": dict(decoded.rejects_by_rule),
        "drift": dict(decoded.drift),
    }


def _manifest(
    job: IntakeJob,
    item: WorkItem,
    first: WorkItem,
    original: Original,
    decoded: Decoded,
    proof: Proof,
    batch_id: str,
    version: str,
) -> Manifest:
    contract, contract_version, contract_digest = _promised(job)
    return Manifest(
        batch_id=batch_id,
        source=job.source.source,
        item_id=item.id,
        received_at=first.discovered_at.isoformat(),
        ingest_date=item.discovered_at.date().isoformat(),
        original=item.name,
        version=version,
        contract=contract,
        contract_version=contract_version,
        contract_digest=contract_digest,
        ciphertext_sha256=original.digests["sha256"],
        plaintext_sha256=proof.plaintext_sha256,
        signers=tuple(proof.signers),
        rows_read=decoded.rows_read,
        rows_landed=decoded.rows_landed,
        rows_rejected=decoded.rows_rejected,
        rejects_by_rule=dict(decoded.rejects_by_rule),
        drift=dict(decoded.drift),
        files=decoded.files,
        replay_of=item.replay_of,
    )


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # Some file systems have no hard links.
        shutil.copyfile(source, target)
