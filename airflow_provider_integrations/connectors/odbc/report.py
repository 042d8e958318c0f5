"""What a run says of itself: what it promised, what it read, and what the source said that there was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_integrations.connectors.odbc.model import Bookmark, Guarantee, TableQuery
from airflow_provider_integrations.core.manifest import DataFile

__all__ = ["PROMISES", "ShardReport", "ahead_warning", "rejects_of", "too_many_rejects", "unproved_warning"]

PROMISES = {
    Guarantee.SAFE_UPPER_BOUND: (
        "No committed row is lost, however late it was committed: the next run reads what was written by transactions"
        " that were open when this one began."
    ),
    Guarantee.LAG: "A row that commits late is found if its cursor lies within the lag behind the bookmark; else it is lost.",
    Guarantee.BEST_EFFORT: "A row that commits behind the bookmark after this run is LOST; deletes and such rows need a sweep.",
}


@dataclass(frozen=True, slots=True)
class ShardReport:
    """One shard, read to its end.

    Args:
        rows_read, rows_landed, rows_rejected: `rows_read == rows_landed + rows_rejected`.
        rejects_by_rule: Rejected rows by the rule that they broke.
        late: Rows that were read again or late, behind the bookmark.
        nulls: Rows with a NULL cursor: read, or only counted, as the policy says.
        ahead, ahead_rejected: Rows stamped ahead of the source's clock, which every run reads; and rejects of them.
        source_rows: What the source counted in the snapshots that were read.
        sums: Sums of the control columns at the source, as text.
        pages, size: Files of pages and their bytes.
        seconds: In this attempt.
        bookmark: The last row's tuple; None if there was no row.
        files: The Parquet files, in order.
        anew: Whether pages of an earlier attempt were not on this machine, so that it was read from its beginning.
    """

    rows_read: int
    rows_landed: int
    rows_rejected: int
    rejects_by_rule: dict[str, int]
    late: int
    nulls: int
    source_rows: int
    sums: dict[str, str | None]
    pages: int
    size: int
    seconds: float
    bookmark: Bookmark | None
    files: tuple[DataFile, ...] = field(default_factory=tuple)
    anew: bool = False
    ahead: int = 0
    ahead_rejected: int = 0


def ahead_warning(rows: int, rejected: int = 0) -> tuple[str, ...]:
    """What is told of rows that are stamped ahead of the source's clock."""
    if not rows:
        return ()
    kept = f", {rejected} of them rejects" if rejected else ""
    return (
        f"{rows} rows are stamped ahead of the source's clock{kept}: every run reads them, and they hide no others",
    )


def rejects_of(reports: Sequence[ShardReport]) -> dict[str, int]:
    """Rejected rows of all shards by the rule that they broke."""
    found: Counter[str] = Counter()
    for report in reports:
        found.update(report.rejects_by_rule)
    return dict(found)


def too_many_rejects(report: ShardReport, share: float) -> bool:
    """Whether a shard has more rejects than the contract lets through.

    Rows ahead of the clock come in every run, and in a run of few others they would be too many for ever.
    """
    return report.rows_rejected - report.ahead_rejected > share * (report.rows_read - report.ahead)


def unproved_warning(query: TableQuery) -> tuple[str, ...]:
    """What is told of a key that no primary key stands behind."""
    if not query.unproved:
        return ()
    names = ", ".join(column.name for column in query.keyset.key)
    return (
        f"nothing proves the key ({names}) unique, since no primary key is declared: of two rows with one key the merge"
        " keeps one",
    )
