"""Cuts a range of a table into shards of about equal numbers of rows, whatever the skew of its values.

The cuts are whole bookmarks of rows that exist, taken in the server's own order from a sample of rows, so that no value is
ever compared here and any number of rows may share a cursor value.
"""

from __future__ import annotations

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.model import Bookmark, Edge, KeyRange, TableQuery
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["join_cuts", "plan_ranges"]

LEAST_ROWS = 10_000
"""Rows that a shard is worth having its own connection for."""

_SAMPLE = 20_000  # Rows for each shard: quantiles then stand within a few parts in a hundred.


def plan_ranges(
    session: OdbcSession, query: TableQuery, key_range: KeyRange, shards: int, estimate: int | None
) -> list[KeyRange]:
    """Ranges that cover `key_range` without gap or overlap; at most `shards` of them, fewer for a small table.

    Args:
        session: Whose server orders the rows.
        query: The table.
        key_range: What is to be cut.
        shards: How many are wanted.
        estimate: The catalogue's number of rows, None if it has none.
    """
    if estimate is not None:
        shards = min(shards, max(1, estimate // LEAST_ROWS))
    if shards <= 1:
        return [key_range]
    share = min(1.0, _SAMPLE * shards / estimate) if estimate else 1.0
    found = session.rows(statements.sample(session.dialect, query, key_range, shards, share))
    cuts = [tuple(str(value) for value in row) for row in found if None not in row]
    return join_cuts(key_range, list(dict.fromkeys(cuts)))


def join_cuts(key_range: KeyRange, cuts: list[Bookmark]) -> list[KeyRange]:
    """The ranges between cuts: a cut belongs to the range below it."""
    lows = [key_range.low, *(Edge(cut, Bound.OPEN) for cut in cuts)]
    highs = [*(Edge(cut, Bound.CLOSED) for cut in cuts), key_range.high]
    return [KeyRange(low, high) for low, high in zip(lows, highs, strict=True)]
