"""Keeps the subscriptions to Microsoft Graph's change notifications alive: one task for each source that declares `notify`.

A subscription is renewed when half of its longest life is left (users and groups: of 29 days, messages: of 7), and made anew
if it is gone. A notification is a hint that a round is worth while; what changed is always read by the source's delta link, so
that nothing is lost while a subscription is not there.

Before an old Fernet key is taken out of the deployment, have subscriptions with a secret of the new one:

    airflow dags trigger graph_subscriptions -c '{"anew": true}'
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import DAG, Param

from airflow_provider_integrations.connectors.msgraph.operators import GraphSubscribeOperator
from airflow_provider_integrations.core.graph_source import GraphSource
from airflow_provider_integrations.dag_context import include_folder
from airflow_provider_integrations.include import read_sources
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

# A source that is broken says so in its own DAG.
SOURCES = [
    source
    for _, source in read_sources(include_folder(), "graph")
    if isinstance(source, GraphSource) and source.notify is not None
]

if SOURCES:
    with DAG(
        "graph_subscriptions",
        description="Subscriptions to Microsoft Graph's change notifications, renewed before they end.",
        schedule="@daily",
        start_date=datetime(2025, 1, 1),
        catchup=False,
        max_active_runs=1,
        params={"anew": Param(False, type="boolean", title="Anew", description="Make new subscriptions.")},
        doc_md=__doc__,
        tags=["graph-subscriptions"],
        default_args={
            "owner": "data-engineering",
            "retries": 4,
            "retry_delay": timedelta(minutes=1),
            "retry_policy": IntegrationRetryPolicy(),
        },
    ) as dag:
        for source in SOURCES:
            GraphSubscribeOperator(
                task_id=source.source, source=source.source, anew="{{ params.anew }}", pool=source.pool
            )
