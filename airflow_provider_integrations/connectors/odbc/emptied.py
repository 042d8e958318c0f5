"""A table that ends below its bookmark: was its newest row deleted, or was it emptied and filled again with keys that begin anew?

Both look alike, and in the second case every row that is there is unread. Where rows show their transactions they are found by
those. Elsewhere a table in the order of numbers is read from its beginning once, which doubles nothing, and the bookmark then
stands at its highest row: an everyday deletion stops nothing and costs a full read. Stamps do not begin anew: a table
in the order of times goes on, with a warning. A table without rows has no bookmark: whatever comes into it is new.
"""

from __future__ import annotations

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.clock_bound import has_instants
from airflow_provider_integrations.connectors.odbc.model import Bookmark, Edge, Guarantee, TableQuery
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["BEGINS_ANEW", "look_below"]

BEGINS_ANEW = ("anew", "emptied")
"""What became of a bookmark from which no run goes on."""


def look_below(
    session: OdbcSession, query: TableQuery, bookmark: Bookmark, guarantee: Guarantee
) -> tuple[str, tuple[str, ...]]:
    """What a bookmark whose row is gone means for the run, and what is told of it.

    Gives:
        `deleted`: the run goes on from it. `anew`: all rows are to be read. `emptied`: there are none.
    """
    if session.rows(statements.any_above(session.dialect, query, Edge(bookmark, Bound.OPEN))):
        return "deleted", ()
    there = bool(session.rows(statements.any_above(session.dialect, query, None)))
    if not there:
        told = "the table, or what the filter lets through of it, is empty, and was not: whatever comes into it is read as new"
        return ("deleted" if guarantee is Guarantee.SAFE_UPPER_BOUND else "emptied"), (told,)
    if guarantee is Guarantee.SAFE_UPPER_BOUND:
        return "deleted", ()
    seen = "the bookmark's row is gone and the table ends below it: its newest rows were deleted, or it was emptied or restored"
    if has_instants(session.dialect, query.keyset.columns[0].type) is not None:
        return "deleted", (f"{seen}: rows that came with earlier stamps since are not read; if there are such, rewind",)
    return "anew", (f"{seen}, or its keys begin anew: it is read from its beginning",)
