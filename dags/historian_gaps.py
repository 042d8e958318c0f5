"""Gaps in the samples of plant historians: found, filled by what is missing alone, and closed. One DAG for each source.

    look ─> read[] ─> gate[] ─> load ─> close ─> settled

`look` compares what was landed with the cadence of the tag catalog and enters the gaps in the ledger, each with its reason. Those
that are due are read, and nothing besides; `close` looks again. What the historian does not have is asked for ever more seldom
(`gaps.wait` of the source, doubled each time), and left to people after `gaps.attempts`.

`integrations historian gaps` says the same of a folder of files.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule

from airflow_provider_integrations.assets import loaded_asset
from airflow_provider_integrations.connectors.historian.operators import (
    HistorianBackfillOperator,
    HistorianGapsOperator,
)
from airflow_provider_integrations.core.historian_source import HistorianSource
from airflow_provider_integrations.dag_sources import source_dags
from airflow_provider_integrations.expectations.operators import QualityGateOperator
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy
from airflow_provider_integrations.warehouse.operators import SnowflakeLoadOperator


def historian_gaps(source: HistorianSource) -> DAG:
    """The DAG of one source."""
    name = source.source
    with DAG(
        f"historian_gaps__{name}",
        description=f"Gaps in the samples of {name}.",
        schedule=source.gaps.schedule,
        start_date=datetime(2025, 1, 1),
        catchup=False,
        max_active_runs=1,
        doc_md=__doc__,
        tags=["historian-gaps", name],
        default_args={
            "owner": source.owner,
            "retries": 4,
            "retry_delay": timedelta(seconds=30),
            "retry_policy": IntegrationRetryPolicy(),
        },
        auto_register=False,  # What is broken is left out, see `source_dags`.
    ) as dag:
        look = HistorianGapsOperator(task_id="look", source=name)
        read = HistorianBackfillOperator.partial(task_id="read", source=name, pool=source.pool).expand(
            items=look.output
        )
        gate = QualityGateOperator.partial(task_id="gate", source=name, trigger_rule=TriggerRule.ALL_DONE).expand(
            items=look.output
        )
        load = SnowflakeLoadOperator(
            task_id="load", source=name, outlets=[loaded_asset(name)], trigger_rule=TriggerRule.ALL_DONE
        )
        close = HistorianGapsOperator(task_id="close", source=name, fill=False, trigger_rule=TriggerRule.ALL_DONE)
        settled = EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
        look >> read >> gate >> load >> close
        [look, read, gate, load, close] >> settled
    return dag


for _id, _dag in source_dags("historian_gaps", "historian", historian_gaps):
    globals()[_id] = _dag
