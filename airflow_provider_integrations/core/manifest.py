"""The manifest of a landed batch: what came, from whom, when, and what became of it.

Written as `_manifest.json`, last, so that its presence is the proof that the landing is whole. It is JSON with sorted
keys, so that the same landing gives the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["DataFile", "Manifest"]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a batch: name within the batch's folder, SHA-256, bytes and rows."""

    name: str
    sha256: str
    size: int
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a batch is made of.

    Args:
        batch_id: Unique for each landing.
        source, item_id: Which source and work item it came from.
        received_at, ingest_date: Instant (ISO 8601, UTC) of discovery and its date.
        original: Name the partner gave the file.
        version: Sorts batches of one source by age (`YYYY-MM-DD/sequence/generation`); the higher one wins in a MERGE.
        contract, contract_version, contract_digest: What it was decoded by.
        ciphertext_sha256, plaintext_sha256: Digests of what came and of what was in it; empty for rows that were asked for.
        signers: Full fingerprints of the keys whose signatures were verified.
        rows_read, rows_landed, rows_rejected: `rows_read == rows_landed + rows_rejected`, always.
        rejects_by_rule: Rejected rows by the first rule that they broke.
        drift: What differs from the contract's columns: new, missing, reordered.
        files: The Parquet files.
        replay_of: The item whose original was decoded again, if this is a replay.
    """

    batch_id: str
    source: str
    item_id: str
    received_at: str
    ingest_date: str
    original: str
    version: str
    contract: str
    contract_version: str
    contract_digest: str
    ciphertext_sha256: str
    plaintext_sha256: str
    signers: tuple[str, ...]
    rows_read: int
    rows_landed: int
    rows_rejected: int
    rejects_by_rule: dict[str, int] = field(default_factory=dict)
    drift: dict[str, list[str]] = field(default_factory=dict)
    files: tuple[DataFile, ...] = ()
    replay_of: str | None = None

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, two spaces, a final newline."""
        return json.dumps(asdict(self), sort_keys=True, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read what `to_json` wrote."""
        raw: dict[str, Any] = json.loads(text)
        raw["files"] = tuple(DataFile(**entry) for entry in raw["files"])
        raw["signers"] = tuple(raw["signers"])
        return cls(**raw)
