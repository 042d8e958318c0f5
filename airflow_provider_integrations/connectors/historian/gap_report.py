"""What a folder of samples lacks, tag by tag, by the catalog of the tags: `integrations historian gaps`.

>>> report(Path("samples"), Path("include/tags/plant1.yaml"), now=now)["tags"][0]["completeness_percent"]  # doctest: +SKIP
99.8611
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.catalog_file import read_catalog
from airflow_provider_integrations.connectors.historian.gap_files import SampleFiles
from airflow_provider_integrations.connectors.historian.gaps import TagGaps, find_gaps
from airflow_provider_integrations.connectors.historian.model import Span, from_iso, to_iso
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.gap import Gap, GapReason

__all__ = ["report", "span_of"]

STATE = ".backfill.json"
"""Where a backfill keeps what it was asked for, beside its files."""


def report(folder: Path, catalog: Path, *, now: int, span: Span | None = None, limit: int = 10_000) -> dict[str, Any]:
    """The gaps of each tag of the catalog, as JSON values.

    Args:
        folder: With Parquet files in the schema `SAMPLES`, in any number.
        catalog: YAML or CSV.
        now: In nanoseconds since 1970.
        span: Where to look; without one what the folder's backfill was asked for, or else from the first of all samples to the
            last one.
        limit: Gaps of a tag that are listed; all of them are counted.

    Raises:
        ConfigError: the catalog or a file is not valid, or nothing says where to look.
    """
    entries = read_catalog(catalog).tags
    files = SampleFiles(folder)
    looked = span or span_of(folder, files)
    tags, counts = [], Counter[GapReason]()
    for entry in entries:
        found = find_gaps(entry, files.samples({entry.name, entry.address}, looked), looked, now=now)
        counts.update(gap.reason for gap in found.gaps)
        tags.append(_told(entry, found, limit))
    known = {name for entry in entries for name in (entry.name, entry.address)}
    return {
        "from": to_iso(looked.begin),
        "to": to_iso(looked.end),
        "now": to_iso(now),
        "files": len(files.paths),
        "gaps": {reason.value: counts[reason] for reason in GapReason},
        "tags": tags,
        "not_in_catalog": [tag for tag in files.tags if tag not in known],
    }


def span_of(folder: Path, files: SampleFiles) -> Span:
    """Where to look: what the folder's backfill was asked for, or else from the first of all samples to the last one.

    Raises:
        ConfigError: neither is known.
    """
    looked = _asked(folder / STATE) or files.span
    if looked is None:
        raise ConfigError(
            "a folder without samples, and nothing says where to look",
            folder=str(folder),
            next_step="Give --from and --to, or the folder of a backfill.",
        )
    return looked


def _told(entry: TagEntry, found: TagGaps, limit: int) -> dict[str, Any]:
    return {
        "tag": entry.name,
        "unit": entry.unit,
        "asset": entry.asset,
        "expected": found.expected,
        "readings": found.readings,
        "uncertain": found.uncertain,
        "out_of_limits": found.out_of_limits,
        "completeness_percent": found.completeness,
        "gaps": [_gap(gap) for gap in found.gaps[:limit]],
        "gaps_not_listed": max(0, len(found.gaps) - limit),
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "from": to_iso(gap.begin),
        "to": to_iso(gap.end),
        "reason": gap.reason.value,
        "expected": gap.expected,
        "found": gap.found,
    }


def _asked(state: Path) -> Span | None:
    """The span that the folder's backfill was asked for; what its state says besides is its own."""
    try:
        kept = json.loads(state.read_bytes())
        return Span(from_iso(kept["begin"]), from_iso(kept["end"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, ConfigError):
        step = "Give --from and --to, or restore it."
        raise ConfigError("the state of the backfill cannot be read", path=str(state), next_step=step) from None
