"""Changes of Microsoft Graph or Dataverse, end to end: one DAG for each source of `kind: graph` under `include/sources/`.

    read ─> check ─> [approve] ─> land ─> gate ─> load ─> token_age ─> settled
                                   └─> relations: gate ─> load, for each

`read` brings the pages of the next round into the landing zone, or the rest of one that was begun; the link moves when all of the
round is in the warehouse, objects and relations, with what was deleted marked. Whatever a run leaves behind is finished by the
next one before anything new is read.

Read everything again, e.g. after the contract got a column; what is gone at the source is then found by what is known:

    airflow dags trigger graph_delta__entra_users -c '{"resync": true}'

A resync that would delete more than the source's `gone_share` waits at `approve` for a person, under "Required actions", and
alerts by the connection `integrations_alerts`; if it is rejected, the round stays as it is, and the next run asks again. The
digest that `check` logs approves it beforehand:

    airflow dags trigger graph_delta__entra_users -c '{"approve": "6f4516c2e30191f0"}'

Where the connections' pool bounds who asks a tenant at once, make it first (`airflow pools set entra 2 "reads of Entra"`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Asset, AssetWatcher, Param, TaskGroup, TriggerRule

from airflow_provider_integrations.assets import loaded_asset
from airflow_provider_integrations.connectors.msgraph.operators import (
    GONE_XCOM,
    GraphDeltaSyncOperator,
    GraphResyncCheckOperator,
    GraphRoundLandOperator,
    GraphTokenAgeOperator,
)
from airflow_provider_integrations.connectors.msgraph.triggers import GraphChangesTrigger
from airflow_provider_integrations.core.graph_source import GraphSource, relation_source_name
from airflow_provider_integrations.dag_sources import source_dags
from airflow_provider_integrations.expectations.operators import QualityGateOperator
from airflow_provider_integrations.notifier import AlertNotifier
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy
from airflow_provider_integrations.warehouse.operators import SnowflakeLoadOperator

PARAMS = {
    "resync": Param(False, type="boolean", title="Resync", description="Read everything again."),
    "approve": Param(
        None,
        type=["null", "string"],
        title="Approve",
        description="Digest of what a resync may delete, as `check` has logged it.",
    ),
}
GONE = f"ti.xcom_pull(task_ids='check', key='{GONE_XCOM}')"
ANSWER = "(ti.xcom_pull(task_ids='approve') or {}).get('chosen_options')"
# The answer goes first: a digest that was given beforehand may be of an earlier round.
APPROVED = f"{{{{ {GONE}['digest'] if {ANSWER} == ['{ApprovalOperator.APPROVE}'] else params.approve or '' }}}}"
QUESTION = (
    f"{{% set gone = {GONE} %}}"
    """The enumeration of **SOURCE** has {{ gone.enumerated }} objects.
Of {{ gone.known }} that are known, **{{ gone.gone }}** are gone
{%- if gone.related %}, and of {{ gone.related }} relations **{{ gone.ended }}** have ended{% endif %}.
That is {{ '%.1f' | format(100 * gone.share) }} %; all of it would be marked as deleted.

Some of them: {% for id in gone['sample'] %}`{{ id }}` {% endfor %}

Approve if they are really gone. Reject if the enumeration is wrong, e.g. by a lost permission: nothing of it is loaded then, the
next run asks again, and a run with `resync` reads anew. The approval holds for the digest `{{ gone.digest }}` alone.
"""
)
ANSWER_WITHIN = timedelta(days=3)
"""Most links live seven days, the one that waits for the answer too."""


def graph_delta(source: GraphSource) -> DAG:
    """The DAG of one source."""
    name = source.source
    with DAG(
        f"graph_delta__{name}",
        description=source.description,
        schedule=schedule_of(source),
        start_date=datetime(2025, 1, 1),
        catchup=False,
        max_active_runs=1,
        params=PARAMS,
        doc_md=__doc__,
        tags=["graph-delta", name],
        default_args={
            "owner": source.owner,
            "retries": 4,
            "retry_delay": timedelta(seconds=30),
            "retry_policy": IntegrationRetryPolicy(),
        },
        auto_register=False,  # What is broken is left out, see `source_dags`.
    ) as dag:
        read = GraphDeltaSyncOperator(task_id="read", source=name, resync="{{ params.resync }}", pool=source.pool)
        check = GraphResyncCheckOperator(
            task_id="check", source=name, unasked="land", ask="approve", approved="{{ params.approve or '' }}"
        )
        question = f"The resync of {name} would delete more than it may"
        key = f"graph-approval/{name}"
        approve = ApprovalOperator(
            task_id="approve",
            subject=question,
            body=QUESTION.replace("SOURCE", name),
            response_timeout=ANSWER_WITHIN,
            retries=0,  # The next run asks again.
            notifiers=AlertNotifier(f"{question}: see Required actions", dedup_key=key, severity="warning"),
            on_success_callback=AlertNotifier(f"{question}: it was answered", dedup_key=key, action="resolve"),
        )
        land = GraphRoundLandOperator(
            task_id="land", source=name, approved=APPROVED, trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
        )
        token_age = GraphTokenAgeOperator(task_id="token_age", source=name, trigger_rule=TriggerRule.ALL_DONE)
        settled = EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
        read >> check >> [approve, land]
        approve >> land
        loads = [gated_and_loaded(name, land)]
        if source.relations:
            with TaskGroup("relations", tooltip="Each relation that is followed"):
                for relation in source.relations:
                    with TaskGroup(relation):
                        loads.append(gated_and_loaded(relation_source_name(name, relation), land))
        for load in loads:
            load >> token_age
        # Not behind `approve`, which skips what follows it where it is rejected.
        [read, check, land, *loads, token_age] >> settled
    return dag


def gated_and_loaded(name: str, land: GraphRoundLandOperator) -> SnowflakeLoadOperator:
    """The steps from the gate on; they drain the ledger, whatever became of the round, for what an earlier run left."""
    gate = QualityGateOperator(task_id="gate", source=name, trigger_rule=TriggerRule.ALL_DONE)
    load = SnowflakeLoadOperator(
        task_id="load", source=name, outlets=[loaded_asset(name)], trigger_rule=TriggerRule.ALL_DONE
    )
    land >> gate >> load
    return load


def schedule_of(source: GraphSource) -> Any:
    """A cron text, or whenever the source has changes."""
    if source.schedule != "changes":
        return source.schedule
    watcher = AssetWatcher(name=f"changes.{source.source}", trigger=GraphChangesTrigger(source.source))
    return [Asset(name=f"changes.{source.source}", uri=f"x-integrations://changes/{source.source}", watchers=[watcher])]


for _id, _dag in source_dags("graph_delta", "graph", graph_delta):
    globals()[_id] = _dag
