"""Whether a table has anything that the next run would read: index probes, no rows.

What a look costs the source, in this order, and it ends with the first that finds something:

- rows above the bookmark: one probe of the keyset's index, whatever the table's size;
- rows without a cursor, only where the policy is that they are an error: one probe of the same index;
- `safe_upper_bound`: two numbers of the server. Only if something was written since the last run, in whatever table, the rows
  behind the bookmark are looked through for late ones up to the first: no index knows which transaction wrote a row, so with
  none it reads the table once. On a busy server let the sensor look as often as you would let it read the table.
- `lag`: nothing. The window is read again by every run and always holds rows, so rows that come late wake nobody: they are
  found with the next row above the bookmark. Where that may take long, run by a schedule beside the sensor.

Rows without a cursor, and those stamped ahead of the source's clock, are read in every run that has something else to do;
they alone are nothing new.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.clock_bound import ceiling_of
from airflow_provider_integrations.connectors.odbc.emptied import BEGINS_ANEW
from airflow_provider_integrations.connectors.odbc.model import (
    Edge,
    NullPolicy,
    ReadColumn,
    Statement,
    TableFacts,
    TableQuery,
)
from airflow_provider_integrations.connectors.odbc.plan import Policy, plan_run
from airflow_provider_integrations.connectors.odbc.position import Position, position_of
from airflow_provider_integrations.connectors.odbc.run import RunJob, connected
from airflow_provider_integrations.connectors.odbc.selection import compare, selection_of
from airflow_provider_integrations.connectors.odbc.session import OdbcSession
from airflow_provider_integrations.connectors.odbc.tracked_run import anything_changed
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["anything_new", "anything_since"]


def anything_new(job: RunJob) -> bool:
    """True when there is no watermark yet, a row above it, or one behind it that was written since.

    Raises:
        StateConflictError: a run would be refused, as with another filter than the watermark's: who waits must hear of it.
    """
    source = job.source
    watermark = job.ledger.watermarks.get(source.source)
    if watermark is None:
        return True
    with connected(job) as (session, query, facts):
        position, _ = position_of(watermark, session.engine)
        compare(position.selection, selection_of(query, job.contract, source.begin))
        if source.mode == "change_tracking":
            return anything_changed(session, query, position)
        policy = Policy(source.guarantee, source.lag, source.begin)
        return anything_since(session, query, facts, policy, position, NullPolicy(source.nulls))


def anything_since(
    session: OdbcSession, query: TableQuery, facts: TableFacts, policy: Policy, position: Position, nulls: NullPolicy
) -> bool:
    """Whether a run from a position would read a row that the runs before it have not.

    Args:
        session: Of the source.
        query: What is read of the table.
        facts: What its catalogue says.
        policy: Guarantee, lag, and where the source begins.
        position: Where the next run starts.
        nulls: Rows without a cursor are something where they are an error: the run that tells of it must come.

    Raises:
        StateConflictError: the position is not one of this source; a run would be refused as well.
    """
    slim = replace(query, columns=(ReadColumn("found", "1", None, pa.int64()),))
    if position.bookmark is not None:
        low: Edge | None = Edge(position.bookmark, Bound.OPEN)
    else:
        low = Edge((policy.begin,), Bound.CLOSED) if policy.begin != "beginning" else None
    if session.rows(statements.any_above(session.dialect, slim, low, ceiling_of(session, slim))):
        return True
    if nulls is NullPolicy.ERROR and _any(session, statements.nulls(session.dialect, slim)):
        return True
    if position.bookmark is None:
        return False
    plan = plan_run(session, query, facts, policy, position)
    if plan.bookmark_check in BEGINS_ANEW:
        return True
    late = plan.late
    # The window of a lag holds rows at all times.
    if late is None or late.since is not None:
        return False
    return _any(session, statements.late(session.dialect, slim, late))


def _any(session: OdbcSession, rows: Statement | None) -> bool:
    if rows is None:
        return False
    return bool(session.rows(Statement(session.dialect.first_rows(rows.sql, 1), rows.parameters)))
