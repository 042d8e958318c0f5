"""The deletes sweep: keys that were loaded and are gone at the source.

Keys are put into groups, and each group is counted and hashed on both sides; only groups that differ are listed, key by key.
A group is a span of whole numbers where the key is one and has no large holes (new rows then differ in the last spans alone, and
the source lists a span by its index), else the rest of the key's MD5, so that no two engines need to agree on an order of texts.

    with session.snapshot():
        found = sweep(session, query, facts, contract, loaded)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc.key_lists import KeyLists
from airflow_provider_integrations.connectors.odbc.model import TableFacts, TableQuery
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.sweep_source import Extent, SourceKeys
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ReconciliationError
from airflow_provider_integrations.core.key_groups import ByHash, ByWidth, Grouping, KeyGroup, differing

__all__ = ["LoadedKeys", "Sweep", "choose_grouping", "sweep"]

GONE_SHARE = 0.2
"""Share of the loaded keys that may be gone before a person is asked."""

_SPAN_ROOM = 10  # Values to each row beyond which spans are mostly holes.
_WIDEST = 500_000  # Beyond it a quotient needs more decimals than Snowflake's division keeps (six).
_LARGEST = 4  # Times the rows wanted of a group.
_SAMPLE = 20


class LoadedKeys(Protocol):
    """What was loaded of a table: only keys that are not deleted yet, and were last seen before the sweep."""

    def groups(self, grouping: Grouping) -> dict[int, KeyGroup]:
        """Count and hash sum of each group that has keys."""

    def keys(self, grouping: Grouping, group: int, *more: int) -> Iterator[tuple[str, ...]]:
        """The keys of one group or of several as texts, one for each key column."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep found.

    Args:
        gone: Keys that were loaded and are not at the source, as texts `k1`, `k2`, ..., one for each key column.
        missing_in_target: Keys at the source that were not loaded before: new since the last run, rejected, or lost.
        missing_sample: Some of them.
        ranges, ranges_differing: Groups that were compared, and those that were listed.
        rows_source, rows_target: Keys on each side.
        grouping: `spans` or `hashes`.
        hashed_at_server: False where the keys were read and hashed here.
    """

    gone: pa.Table
    missing_in_target: int
    missing_sample: tuple[tuple[str, ...], ...]
    ranges: int
    ranges_differing: int
    rows_source: int
    rows_target: int
    grouping: str
    hashed_at_server: bool

    def to_json(self) -> dict[str, Any]:
        """Counts alone: keys may be personal data."""
        return {
            "gone": self.gone.num_rows,
            "missing_in_target": self.missing_in_target,
            "ranges": self.ranges,
            "ranges_differing": self.ranges_differing,
            "rows_source": self.rows_source,
            "rows_target": self.rows_target,
            "grouping": self.grouping,
            "hashed_at_server": self.hashed_at_server,
        }


def sweep(
    session: OdbcSession,
    query: TableQuery,
    facts: TableFacts,
    contract: Contract,
    loaded: LoadedKeys,
    *,
    range_rows: int = 50_000,
    gone_share: float = GONE_SHARE,
    allow: bool = False,
    at_server: bool = True,
) -> Sweep:
    """Compare the source's keys with those that were loaded. Only the gone keys are held in memory.

    Args:
        session: In a snapshot, which must have begun after the version that `loaded` is before was made (`sweep_stamp`).
        query: What is extracted of the table; rows that its filter leaves out are gone.
        facts: The table's columns.
        contract: Whose keys are compared.
        loaded: What was loaded before the sweep.
        range_rows: About how many keys a group has.
        gone_share: Share of the loaded keys that may be gone.
        allow: Accept a larger share, and a source without rows.
        at_server: Hash at the server where it can.

    Raises:
        ReconciliationError: a source without rows, or too many keys gone: nothing may be marked as deleted.
    """
    source = SourceKeys(session, query, facts, contract, at_server=at_server)
    extent = source.extent()
    grouping = choose_grouping(extent, range_rows)
    here = source.groups(grouping)
    if isinstance(grouping, ByWidth) and max((each.rows for each in here.values()), default=0) > _LARGEST * range_rows:
        grouping = _by_hash(extent.rows, range_rows)  # Most rows lie in few spans.
        here = source.groups(grouping)
    there = loaded.groups(grouping)
    rows_source, rows_target = _rows(here), _rows(there)
    if not allow:
        _refuse(rows_target - rows_source, rows_source, rows_target, gone_share, query)
    apart = differing(here, there)
    with KeyLists(len(contract.keys)) as lists:
        # Groups that have no keys at the source need not be looked for there.
        for batch in source.texts(grouping, [group for group in apart if group in here], extent):
            lists.add_source(batch)
        if listed := [group for group in apart if group in there]:
            lists.add_loaded(loaded.keys(grouping, *listed))
        gone = lists.gone()
        if not allow:
            _refuse(gone.num_rows, rows_source, rows_target, gone_share, query)
        return Sweep(
            gone=gone,
            missing_in_target=lists.count_missing(),
            missing_sample=lists.missing(_SAMPLE),
            ranges=len({*here, *there}),
            ranges_differing=len(apart),
            rows_source=rows_source,
            rows_target=rows_target,
            grouping="spans" if isinstance(grouping, ByWidth) else "hashes",
            hashed_at_server=source.hashed_at_server,
        )


def choose_grouping(extent: Extent, range_rows: int) -> Grouping:
    """Spans of the first key where it is a whole number without large holes; hashes for all other keys."""
    if extent.low is not None and extent.high is not None and extent.rows:
        values = extent.high - extent.low + 1
        width = max(1, values * range_rows // extent.rows)
        if values <= _SPAN_ROOM * max(extent.rows, range_rows) and width <= _WIDEST:
            return ByWidth(extent.low, width)
    return _by_hash(extent.rows, range_rows)


def _by_hash(rows: int, range_rows: int) -> ByHash:
    return ByHash(max(1, -(-rows // range_rows)))


def _rows(groups: Mapping[int, KeyGroup]) -> int:
    return sum(group.rows for group in groups.values())


def _refuse(gone: int, rows_source: int, rows_target: int, share: float, query: TableQuery) -> None:
    """More loaded keys than keys at the source are gone for sure, so this is asked before anything is listed, too."""
    if rows_target and not rows_source:
        raise ReconciliationError(
            "the source has no rows at all, so nothing is marked as deleted",
            table=query.table,
            loaded=rows_target,
            next_step="See whether the table was emptied, renamed or hidden by its grants; if it is right, allow the sweep.",
        )
    if gone > share * rows_target:
        raise ReconciliationError(
            "more keys are gone at the source than a sweep may mark as deleted by itself",
            table=query.table,
            gone_at_least=gone,
            loaded=rows_target,
            share_allowed=share,
            next_step="See what happened at the source; if it is right, allow the sweep or raise its share.",
        )
