"""Tables over ODBC, end to end: one DAG for each table source under `include/sources/`.

    plan ─> extract[] ─> gate[] ─> load ─> sweep ─> settled

`plan` takes what an earlier run left behind first; `load` brings the watermark after the shards that are in the warehouse, when
all of a run are. `sweep` is there where the source has `deletes`: it marks rows that are gone at the source, when it is asked for
(`{"sweep": true}`), and by a schedule of its own in `odbc_sweep__<source>`.

Tasks of one system share the pool that its source names, which says how many may read it at once. Make it before the first run
(`airflow pools set erp 4 "reads of the ERP"`): Airflow schedules no task of a pool that is not there, and warns of it on the
DAG's page.

Backfill a span of the first cursor column, which never moves the watermark:

    airflow dags trigger odbc_extract__erp_orders -c '{"backfill": {"from": "2025-01-01", "to": "2025-02-01"}}'
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, TriggerRule

from airflow_provider_integrations.assets import loaded_asset
from airflow_provider_integrations.connectors.odbc.operators import (
    OdbcDeletesSweepOperator,
    OdbcKeysetExtractOperator,
    OdbcPlanShardsOperator,
)
from airflow_provider_integrations.core.table_source import TableSource
from airflow_provider_integrations.dag_sources import source_dags
from airflow_provider_integrations.expectations.operators import QualityGateOperator
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy
from airflow_provider_integrations.warehouse.operators import SnowflakeLoadOperator

PARAMS = {
    "mode": Param(
        None,
        type=["null", "string"],
        enum=[None, "incremental", "full"],
        title="Mode",
        description="The source's own if empty; `full` reads all rows and moves no watermark.",
    ),
    "backfill": Param(
        None,
        type=["null", "object"],
        title="Backfill",
        description_md='A span of the first cursor column: `{"from": "2025-01-01", "to": "2025-02-01"}`, without its end.',
        properties={"from": {"type": "string"}, "to": {"type": "string"}},
        required=["from"],
        additionalProperties=False,
    ),
    "guarantee": Param(
        None,
        type=["null", "string"],
        enum=[None, "strongest", "safe_upper_bound", "lag", "strict", "best_effort"],
        title="Guarantee",
        description="The source's own if empty.",
    ),
}
SWEEP = Param(
    False, type="boolean", title="Sweep", description="Mark rows that are gone at the source, after the load."
)
ALLOW = Param(
    False,
    type="boolean",
    title="Allow many deletions",
    description="Also if the source has no rows, or many of them are gone.",
)


def odbc_extract(source: TableSource) -> DAG:
    """The DAG of one table."""
    with DAG(
        f"odbc_extract__{source.source}",
        description=source.description,
        schedule=source.schedule,
        start_date=datetime(2025, 1, 1),
        catchup=False,
        auto_register=False,  # What is broken is left out, see `source_dags`.
        max_active_runs=1,
        params={**PARAMS, "sweep": SWEEP, "allow": ALLOW} if source.deletes else PARAMS,
        doc_md=__doc__,
        tags=["odbc-extract", source.source],
        default_args=default_args(source),
    ) as dag:
        plan = OdbcPlanShardsOperator(
            task_id="plan",
            source=source.source,
            mode="{{ params.mode or '' }}",
            backfill="{{ params.backfill | tojson }}",
            guarantee="{{ params.guarantee or '' }}",
            pool=source.pool,
        )
        extract = OdbcKeysetExtractOperator.partial(task_id="extract", source=source.source, pool=source.pool).expand(
            items=plan.output
        )
        gate = QualityGateOperator.partial(
            task_id="gate", source=source.source, trigger_rule=TriggerRule.ALL_DONE
        ).expand(items=plan.output)
        load = SnowflakeLoadOperator(
            task_id="load",
            source=source.source,
            outlets=[loaded_asset(source.source)],
            trigger_rule=TriggerRule.ALL_DONE,
        )
        settled = EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
        plan >> extract >> gate >> load
        [plan, extract, gate, load] >> settled
        if source.deletes:
            sweep = OdbcDeletesSweepOperator(
                task_id="sweep",
                source=source.source,
                wanted="{{ params.sweep }}",
                allow="{{ params.allow }}",
                pool=source.pool,
            )
            load >> sweep >> settled
    return dag


def odbc_sweep(source: TableSource) -> DAG | None:
    """The DAG that sweeps one table by the schedule of its `deletes`."""
    if source.deletes is None:
        return None
    with DAG(
        f"odbc_sweep__{source.source}",
        description=f"Rows of {source.source} that are gone at the source.",
        schedule=source.deletes.schedule,
        start_date=datetime(2025, 1, 1),
        catchup=False,
        auto_register=False,  # What is broken is left out, see `source_dags`.
        max_active_runs=1,
        params={"allow": ALLOW},
        doc_md=__doc__,
        tags=["odbc-sweep", source.source],
        default_args=default_args(source),
    ) as dag:
        OdbcDeletesSweepOperator(task_id="sweep", source=source.source, allow="{{ params.allow }}", pool=source.pool)
    return dag


def default_args(source: TableSource) -> dict[str, object]:
    """Of every task of a source."""
    return {
        "owner": source.owner,
        "retries": 4,
        "retry_delay": timedelta(seconds=30),
        "retry_policy": IntegrationRetryPolicy(),
    }


for _id, _dag in source_dags("odbc_extract", "odbc", odbc_extract, odbc_sweep):
    globals()[_id] = _dag
