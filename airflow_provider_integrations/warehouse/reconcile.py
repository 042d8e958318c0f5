"""Rows counted at the source, landed, published, staged and merged: they agree, or the run stops and says all of them.

    reconcile(item.facts, manifest, result)
    note_row_counts(ledger, source, runs)

A disagreement is found after the MERGE and before the item moves on: the item and the watermark stay where they are, and a
rerun finds the same. An unusual number of rows is a warning among the item's verdicts, and blocks nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_integrations.core.anomaly import LEAST_RUNS, LOOK_BACK, RowCountAnomaly, row_count_anomaly
from airflow_provider_integrations.core.errors import ReconciliationError
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.verdict import GateMode, GateResult, Verdict
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.ledger.runs import RunRows
from airflow_provider_integrations.warehouse.batches import LoadResult

__all__ = ["ROW_COUNT", "RowCounts", "note_row_counts", "reconcile"]

ROW_COUNT = "row_count"
"""Name of the suite under which an unusual number of rows is noted."""

_LOOKED_AT = 2 * LOOK_BACK  # Some have nothing that is loaded.
_DIGEST = hashlib.sha256(f"row_count_anomaly/2/{LEAST_RUNS}/{LOOK_BACK}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RowCounts:
    """One batch's rows at each station.

    Args:
        source: What the source counted in the snapshot that was read; None if nobody asked it.
        landed, rejected: In bronze, and in its file of rejects.
        published, quarantined: What the gate let through, and what it kept.
        staged, merged: What the warehouse has counted: rows that COPY brought, and rows that the load ledger accounts for.
    """

    source: int | None
    landed: int
    rejected: int
    published: int
    quarantined: int
    staged: int
    merged: int


def reconcile(facts: Mapping[str, Any], manifest: Manifest, result: LoadResult) -> RowCounts:
    """Compare all counts of one batch.

    Args:
        facts: Of the work item: `rows_source` if the source was asked, `publish`, `rows_failed` and `verdict` of the gate.
        manifest: What was landed.
        result: What the load said.

    Raises:
        ReconciliationError: that names every count, and each pair that differs.
    """
    published = sum(int(entry["rows"]) for entry in facts["publish"])
    keeps_rows = facts.get("verdict") == Verdict.PASSED_WITH_QUARANTINE.value
    counts = RowCounts(
        source=int(facts["rows_source"]) if facts.get("rows_source") is not None else None,
        landed=manifest.rows_landed,
        rejected=manifest.rows_rejected,
        published=published,
        quarantined=int(facts.get("rows_failed") or 0) if keeps_rows else 0,
        staged=result.staged,
        merged=result.inserted + result.updated + result.unchanged,
    )
    pairs = {
        "read and landed or rejected": (manifest.rows_read, counts.landed + counts.rejected),
        "landed and published or quarantined": (counts.landed, counts.published + counts.quarantined),
        "published and staged": (counts.published, counts.staged),
        "staged and merged": (counts.staged, counts.merged),
    }
    if counts.source is not None:
        pairs["at the source and landed or rejected"] = (counts.source, counts.landed + counts.rejected)
    negative = [name for name, value in asdict(counts).items() if value is not None and value < 0]
    wrong = [f"rows {name} differ: {one} and {other}" for name, (one, other) in pairs.items() if one != other]
    if wrong or negative or min(result.inserted, result.updated, result.unchanged) < 0:
        raise ReconciliationError(
            f"a batch's counts disagree: {'; '.join(wrong) or 'one is below zero'}",
            batch_id=manifest.batch_id,
            **{f"rows_{name}": value for name, value in asdict(counts).items()},
            next_step="The item and the watermark stay where they are. Compare the stations with the files of the batch.",
        )
    return counts


def note_row_counts(ledger: Ledger, source: str, runs: Iterable[str]) -> dict[str, RowCountAnomaly]:
    """Compare the rows of runs with those of the runs before them; gives what is unusual, by run.

    Each run that has a verdict gets it on its first item, once: again is harmless. A run whose shards are not all done is
    left to the load that brings its last. Backfills and full reads are compared with their like.
    """
    unusual = {}
    for run in runs:
        (asked, *before) = ledger.items.rows_of_runs(source, run, limit=1 + _LOOKED_AT) or (None,)
        if asked is None or asked.run != run or asked.open or not asked.loaded:
            continue
        found = row_count_anomaly(asked.rows, [each.rows for each in before if each.loaded])
        if found is None:
            continue
        _note(ledger, asked, found)
        if found.unusual:
            unusual[run] = found
    return unusual


def _note(ledger: Ledger, run: RunRows, found: RowCountAnomaly) -> None:
    if any(result.suite == ROW_COUNT for result in ledger.records.gates(run.item_id)):
        return
    ledger.records.gate(
        run.item_id,
        GateResult(
            batch_id=run.batch_id,
            verdict=Verdict.PASSED_WITH_WARNINGS if found.unusual else Verdict.PASSED,
            mode=GateMode.WARN,
            suite=ROW_COUNT,
            suite_digest=_DIGEST,
            rows=found.rows,
            expectations=(
                {
                    "type": "row_count_is_usual",
                    "column": None,
                    "kwargs": {"low": found.low, "high": found.high, "median": found.median, "runs": found.runs},
                    "success": not found.unusual,
                },
            ),
        ),
    )
