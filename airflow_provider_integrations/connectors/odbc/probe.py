"""Whether a table has anything that the next run would read: index probes, no rows."""

from __future__ import annotations

from airflow_provider_integrations.connectors.odbc import statements
from airflow_provider_integrations.connectors.odbc.model import Edge
from airflow_provider_integrations.connectors.odbc.plan import Policy, plan_run
from airflow_provider_integrations.connectors.odbc.position import position_of
from airflow_provider_integrations.connectors.odbc.run import RunJob, connected
from airflow_provider_integrations.core.watermark import Bound

__all__ = ["anything_new"]


def anything_new(job: RunJob) -> bool:
    """True when there is no watermark yet, a row above it, or one behind it that was written since.

    Rows without a cursor are read in every run that has something else to do; they alone are nothing new.
    """
    watermark = job.ledger.watermarks.get(job.source.source)
    if watermark is None:
        return True
    with connected(job) as (session, query, facts):
        position, _ = position_of(watermark, session.engine)
        if position.bookmark is None:
            return bool(session.rows(statements.any_above(session.dialect, query, None)))
        edge = Edge(position.bookmark, Bound.OPEN)
        if session.rows(statements.any_above(session.dialect, query, edge)):
            return True
        policy = Policy(job.source.guarantee, job.source.lag, job.source.begin)
        plan = plan_run(session, query, facts, policy, position)
        if plan.late is None or plan.late.horizon is None:
            return False
        late = statements.late_conditions(session.dialect, query, plan.late)
        return session.rows(statements.count(session.dialect, query, late))[0][0] != "0"
