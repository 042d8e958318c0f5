"""What goes into a load and what comes out of it, as plain values.

>>> business_instant("2025-11-05/00000000000000000023/0001", None)
datetime.datetime(2025, 11, 5, 0, 0)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.manifest import Manifest

__all__ = ["LoadResult", "PublishedBatch", "batch_digest", "business_instant", "check_batches"]

_DATED = re.compile(r"^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)Z)?(?:/|$)")
_PLAIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")


@dataclass(frozen=True, slots=True)
class PublishedBatch:
    """One batch that passed the gate.

    Args:
        batch_id: Unique for each landing; a batch is applied to a table once, whatever happens.
        source: Name of the source.
        version: Sorts batches of one source by age (`YYYY-MM-DD/sequence/generation`, `YYYY-MM-DDTHH:MM:SS.ffffffZ/run`).
        files: The Parquet files that the gate lets through.
        digests: Their SHA-256, in the same order; checked when the files are read. Empty if nobody knows them.
        rows: Rows that all files hold together.
        manifest: Of the landing, if there is one.
        control: Columns of exact numbers whose sums over the files must be those over the staged rows;
            the warehouse adds up to 38 digits.
    """

    batch_id: str
    source: str
    version: str
    files: tuple[Path, ...]
    digests: tuple[str, ...]
    rows: int
    manifest: Manifest | None = None
    control: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of one batch.

    Args:
        batch_id: Which.
        staged: Rows that were staged.
        inserted: Rows whose key the table did not have.
        updated: Rows that changed a key: in place (type 1) or as a new version of it (type 2).
        unchanged: The rest: same content, or older than what the table has.
        already_loaded: The load ledger had the batch; nothing was done, the counts are those of then.
    """

    batch_id: str
    staged: int
    inserted: int
    updated: int
    unchanged: int
    already_loaded: bool = False

    @classmethod
    def of(cls, row: Mapping[str, Any], load_id: str) -> LoadResult:
        """From a row of the load ledger; one that another attempt wrote was there already."""
        return cls(
            str(row["batch_id"]),
            staged=int(row["rows_staged"]),
            inserted=int(row["rows_inserted"]),
            updated=int(row["rows_updated"]),
            unchanged=int(row["rows_unchanged"]),
            already_loaded=row["load_id"] != load_id,
        )


def check_batches(batches: Sequence[PublishedBatch]) -> None:
    """Refuse what would be ambiguous later.

    Raises:
        ConfigError: when batches are of several sources, an id comes twice or cannot stand in a stage path, or the
            digests do not go with the files.
    """
    sources = sorted({batch.source for batch in batches})
    ids = [batch.batch_id for batch in batches]
    twice = sorted({each for each in ids if ids.count(each) > 1}) if len(set(ids)) != len(ids) else []
    odd = sorted(text[:80] for text in {*ids, *sources} if not _PLAIN.match(text))
    unequal = [batch.batch_id for batch in batches if batch.digests and len(batch.digests) != len(batch.files)]
    if len(sources) > 1 or twice or odd or unequal:
        raise ConfigError(
            "these batches cannot be loaded together",
            sources=sources,
            twice=twice,
            unusable_names=odd,
            digests_missing=unequal,
            next_step="Load the batches of one source at a time, each once, with a digest for each file or none.",
        )


def batch_digest(digests: Sequence[str]) -> str:
    """One SHA-256 for a batch: that of its file, or of the digests of its files joined by line feeds."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def business_instant(version: str, manifest: Manifest | None) -> datetime:
    """From when the rows of a batch are valid: the version's instant, or midnight UTC of its date; naive.

    It is part of the version, so a replay gives the same instant. A version without a date falls back to when the file
    was first seen.

    Raises:
        ConfigError: when neither is known.
    """
    if match := _DATED.match(version):
        try:
            return datetime.fromisoformat(f"{match[1]}T{match[2]}" if match[2] else match[1])
        except ValueError:
            pass
    if manifest is not None:
        seen = datetime.fromisoformat(manifest.received_at)
        return seen.astimezone(UTC).replace(tzinfo=None) if seen.tzinfo else seen
    raise ConfigError(
        "the version holds no date and there is no manifest to say when the batch was received",
        version=version,
        next_step="Give versions as YYYY-MM-DD/sequence/generation.",
    )
