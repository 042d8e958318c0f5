"""Tells of EDI acknowledgements that are overdue, of all partners: those that they owe us, and those that we owe them.

Each is told of once, when it is overdue, and once more when it is settled. Alerts go by the connection `integrations_alerts`,
see `notifier.alerts_by`; without it nothing counts as told, and a warning in the log says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_integrations.connectors.edi.operators import EdiOverdueOperator
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

with DAG(
    "edi_overdue",
    description="EDI acknowledgements that are overdue, one alert each.",
    schedule="@hourly",
    start_date=datetime(2025, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["edi-overdue"],
    default_args={
        "owner": "data-engineering",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": IntegrationRetryPolicy(),
    },
) as dag:
    EdiOverdueOperator(task_id="tell")
