"""EDI documents that go to a partner: one DAG for each source of `kind: edi_outbound` under `include/sources/`.

    write ─> deliver ─> settle ─> settled

`write` makes a document of the rows of queries, each once, and puts it into the outbox; `deliver` brings what waits there to
the partner; `settle` enters what is there, from when on its acknowledgement may become overdue (`edi_overdue`). That
acknowledgement comes with the partner's other documents, by `edi_inbound__<source>`.

`deliver` and `settle` run also when `write` refused a document, for the others; `settled` then fails the run.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule

from airflow_provider_integrations.connectors.edi.operators import EdiReconcileOperator, EdiWriteOperator
from airflow_provider_integrations.connectors.sftp_pgp.operators import SftpPgpDeliverOperator
from airflow_provider_integrations.core.edi_source import EdiOutbound
from airflow_provider_integrations.dag_sources import source_dags
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy


def edi_outbound(source: EdiOutbound) -> DAG:
    """The DAG of one source."""
    with DAG(
        f"edi_outbound__{source.source}",
        description=source.description,
        schedule=source.schedule,
        start_date=datetime(2025, 1, 1),
        catchup=False,
        auto_register=False,  # What is broken is left out, see `source_dags`.
        max_active_runs=1,
        doc_md=__doc__,
        tags=["edi-outbound", source.source],
        default_args={
            "owner": source.owner,
            "retries": 4,
            "retry_delay": timedelta(seconds=30),
            "retry_policy": IntegrationRetryPolicy(),
        },
    ) as dag:
        write = EdiWriteOperator(task_id="write", source=source.source)
        deliver = SftpPgpDeliverOperator(task_id="deliver", source=source.source, trigger_rule=TriggerRule.ALL_DONE)
        settle = EdiReconcileOperator(task_id="settle", source=source.source, trigger_rule=TriggerRule.ALL_DONE)
        settled = EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
        write >> deliver >> settle
        [write, deliver, settle] >> settled
    return dag


for _id, _dag in source_dags("edi_outbound", "edi_outbound", edi_outbound):
    globals()[_id] = _dag
