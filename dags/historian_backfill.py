"""Tags of a plant historian, end to end: one DAG for each source of `kind: historian` under `include/sources/`.

    plan ─> read[] ─> gate[] ─> load (─> publish) ─> settled

On its schedule a run reads from where the last one ended to the end of its data interval, and a while before that again, for
values that came late or were corrected. Read a span instead, which moves nothing:

    airflow dags trigger historian_backfill__plant1 -c '{"from": "2025-10-25", "to": "2025-11-08", "tags": ["*"]}'

With `"dry_run": true` the plan is logged and nothing is read. Airflow's own backfill reads its data intervals, in either order:

    airflow backfill create --dag-id historian_backfill__plant1 --from-date 2025-10-25 --to-date 2025-11-08

Tasks of one historian share the pool that the source names, which says how many read it at once. Make it before the first run,
and count those that wait in the triggerer too, where `read` is where Airflow's `default_deferrable` is set:

    airflow pools set plant1 2 "reads of plant 1" --include-deferred

How far it is stands under "Backfill progress" of its tasks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, TriggerRule
from airflow.sdk.definitions.timetables.interval import CronDataIntervalTimetable

from airflow_provider_integrations.assets import loaded_asset
from airflow_provider_integrations.connectors.historian.operators import (
    HistorianBackfillOperator,
    HistorianPlanOperator,
    HistorianPublishOperator,
)
from airflow_provider_integrations.core.historian_source import HistorianSource
from airflow_provider_integrations.dag_sources import source_dags
from airflow_provider_integrations.expectations.operators import QualityGateOperator
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy
from airflow_provider_integrations.warehouse.operators import SnowflakeLoadOperator

INSTANT = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?)?([Zz]|[+-]\d\d:?\d\d)?$"
PARAMS = {
    "from": Param(
        None,
        type=["null", "string"],
        pattern=INSTANT,
        title="From",
        description="ISO 8601, in UTC without an offset; the source's beginning if only the end or tags are given.",
    ),
    "to": Param(
        None,
        type=["null", "string"],
        pattern=INSTANT,
        title="To",
        description="Likewise, and not part of it; the end of the data interval if empty.",
    ),
    "tags": Param(
        ["*"],
        type="array",
        items={"type": "string", "minLength": 1},
        title="Tags",
        description="Names of the catalog, or patterns with * and ?.",
    ),
    "order": Param(
        None, type=["null", "string"], enum=[None, "oldest", "newest"], title="Order", description="What is read first."
    ),
    "allow_gone": Param(
        False,
        type="boolean",
        title="Allow gone",
        description="Mark samples as gone that a window, read again, has not, also where they are more than `gone_share`.",
    ),
    "dry_run": Param(
        False, type="boolean", title="Dry run", description="Log the plan, and read nothing; what waits is loaded."
    ),
}


def historian_backfill(source: HistorianSource) -> DAG:
    """The DAG of one source."""
    name = source.source
    with DAG(
        f"historian_backfill__{name}",
        description=source.description,
        schedule=schedule_of(source),
        start_date=max(source.begin, datetime(2000, 1, 1, tzinfo=source.begin.tzinfo)),
        catchup=False,
        max_active_runs=1,
        params=PARAMS,
        doc_md=__doc__,
        tags=["historian-backfill", name],
        default_args=default_args(source),
        auto_register=False,  # What is broken is left out, see `source_dags`.
    ) as dag:
        plan = HistorianPlanOperator(
            task_id="plan",
            source=name,
            begin="{{ params['from'] or '' }}",
            end="{{ params['to'] or '' }}",
            tags="{{ params['tags'] | tojson }}",
            order="{{ params['order'] or '' }}",
            plan_only="{{ params['dry_run'] }}",
        )
        read = HistorianBackfillOperator.partial(task_id="read", source=name, pool=source.pool).expand(
            items=plan.output
        )
        gate = QualityGateOperator.partial(task_id="gate", source=name, trigger_rule=TriggerRule.ALL_DONE).expand(
            items=plan.output
        )
        load = SnowflakeLoadOperator(
            task_id="load",
            source=name,
            allow_gone="{{ params['allow_gone'] }}",
            outlets=[loaded_asset(name)],
            trigger_rule=TriggerRule.ALL_DONE,
        )
        settled = EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
        plan >> read >> gate >> load
        [plan, read, gate, load] >> settled
        if source.publish is not None:
            load >> HistorianPublishOperator(task_id="publish", source=name) >> settled
    return dag


def schedule_of(source: HistorianSource) -> Any:
    """A timetable that has data intervals: a plain cron text is a moment in Airflow 3, and leaves a backfill nothing to read."""
    return CronDataIntervalTimetable(source.schedule, timezone=source.zone) if source.schedule else None


def default_args(source: HistorianSource) -> dict[str, object]:
    """Of every task of a source."""
    return {
        "owner": source.owner,
        "retries": 4,
        "retry_delay": timedelta(seconds=30),
        "retry_policy": IntegrationRetryPolicy(),
    }


for _id, _dag in source_dags("historian_backfill", "historian", historian_backfill):
    globals()[_id] = _dag
