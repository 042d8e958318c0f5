"""Partner files, end to end: one DAG for each file source under `include/sources/`.

    discover ─> intake[] ─> gate[] ─> load ─> archive ─> settled

Every task drains the ledger, so that whatever an earlier run left behind is taken on by the next, which waits for no file
then. `load` and `archive` run also when a group failed, for the files that did get through; `settled` then fails the run.

Backfill from kept originals:

    airflow dags trigger partner_intake__acme_customers -c '{"replay": {"from": "2025-11-01", "to": "2025-11-05"}}'
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, TriggerRule
from partner_calendar import PartnerCalendarTimetable

from airflow_provider_integrations.assets import loaded_asset
from airflow_provider_integrations.connectors.sftp_pgp.operators import SftpPgpArchiveOperator, SftpPgpIntakeOperator
from airflow_provider_integrations.connectors.sftp_pgp.sensors import SftpPgpIntakeSensor
from airflow_provider_integrations.core.source import FileSource
from airflow_provider_integrations.dag_sources import source_dags
from airflow_provider_integrations.expectations.operators import QualityGateOperator
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy
from airflow_provider_integrations.warehouse.operators import SnowflakeLoadOperator

PARAMS = {
    "wait": Param(True, type="boolean", title="Wait for files", description="Else take what is there and end."),
    "replay": Param(
        None,
        type=["null", "object"],
        title="Replay",
        description_md='Decode kept originals again, by business date: `{"from": "2025-11-01", "to": "2025-11-05"}`.',
        properties={"from": {"type": "string", "format": "date"}, "to": {"type": "string", "format": "date"}},
        required=["from", "to"],
        additionalProperties=False,
    ),
}


def partner_intake(source: FileSource) -> DAG:
    """The DAG of one source."""
    schedule = PartnerCalendarTimetable(**source.schedule.model_dump()) if source.schedule else None
    with DAG(
        f"partner_intake__{source.source}",
        description=source.description,
        schedule=schedule,
        start_date=datetime(2025, 1, 1),
        catchup=False,
        auto_register=False,  # What is broken is left out, see `source_dags`.
        max_active_runs=1,
        params=PARAMS,
        doc_md=__doc__,
        tags=["partner-intake", source.source],
        default_args={
            "owner": source.owner,
            "retries": 4,
            "retry_delay": timedelta(seconds=30),
            "retry_policy": IntegrationRetryPolicy(),
        },
    ) as dag:
        discover = SftpPgpIntakeSensor(
            task_id="discover",
            source=source.source,
            wait="{{ params.wait }}",
            replay="{{ params.replay | tojson }}",
            deferrable=True,
            poke_interval=60,
            timeout=timedelta(hours=12).total_seconds(),
        )
        intake = SftpPgpIntakeOperator.partial(task_id="intake", source=source.source).expand(items=discover.output)
        gate = QualityGateOperator.partial(
            task_id="gate", source=source.source, trigger_rule=TriggerRule.ALL_DONE
        ).expand(items=discover.output)
        load = SnowflakeLoadOperator(
            task_id="load",
            source=source.source,
            outlets=[loaded_asset(source.source)],
            trigger_rule=TriggerRule.ALL_DONE,
        )
        archive = SftpPgpArchiveOperator(task_id="archive", source=source.source, trigger_rule=TriggerRule.ALL_DONE)
        settled = EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
        discover >> intake >> gate >> load >> archive
        [discover, intake, gate, load, archive] >> settled
    return dag


for _id, _dag in source_dags("partner_intake", "sftp_pgp", partner_intake):
    globals()[_id] = _dag
