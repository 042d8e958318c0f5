"""EDI documents of a partner, end to end: one DAG for each source of `kind: edi` under `include/sources/`.

    discover ─> intake[] ─> parse ─> acknowledge ─> deliver ─> settle ─> settled
                              │           └─> archive
                              └─> choose ─> rows: gate ─> load, for each table of the guides

`parse` lands the rows of what is accepted, table by table; `choose` skips the tables that have nothing to do. `acknowledge`
writes TA1, 997, 999 or CONTRL as agreed, `deliver` brings them to the partner, `settle` enters that they are there. None of
this waits for the warehouse, and the warehouse not for this.

Every task drains the ledger, so that whatever an earlier run left behind is taken on by the next, which waits for no file
then. All of them run also when one before them failed, for the documents that did get through; `settled` then fails the run.

Read kept originals again; their senders are told nothing twice, and the warehouse ends with the rows of the new reading:

    airflow dags trigger edi_inbound__acme_edi -c '{"replay": {"from": "2025-11-01", "to": "2025-11-05"}}'
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator
from airflow.sdk import DAG, Param, TaskGroup, TriggerRule
from partner_calendar import PartnerCalendarTimetable

from airflow_provider_integrations.assets import loaded_asset
from airflow_provider_integrations.connectors.edi.operators import (
    EdiReconcileOperator,
    X12AcknowledgeOperator,
    X12ParseOperator,
)
from airflow_provider_integrations.connectors.sftp_pgp.operators import (
    SftpPgpArchiveOperator,
    SftpPgpDeliverOperator,
    SftpPgpIntakeOperator,
)
from airflow_provider_integrations.connectors.sftp_pgp.sensors import SftpPgpIntakeSensor
from airflow_provider_integrations.core.edi_source import EdiSource, outbox_name, table_source_name
from airflow_provider_integrations.dag_context import include_folder
from airflow_provider_integrations.dag_sources import source_dags
from airflow_provider_integrations.expectations.operators import QualityGateOperator
from airflow_provider_integrations.include_edi import edi_tables
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy
from airflow_provider_integrations.warehouse.operators import SnowflakeLoadOperator

PARAMS = {
    "wait": Param(True, type="boolean", title="Wait for files", description="Else take what is there and end."),
    "replay": Param(
        None,
        type=["null", "object"],
        title="Replay",
        description_md='Read kept originals again, by business date: `{"from": "2025-11-01", "to": "2025-11-05"}`.',
        properties={"from": {"type": "string", "format": "date"}, "to": {"type": "string", "format": "date"}},
        required=["from", "to"],
        additionalProperties=False,
    ),
}
ROWS = "rows"


def edi_inbound(source: EdiSource) -> DAG:
    """The DAG of one source."""
    name, tables = source.source, edi_tables(include_folder(), source)
    schedule = PartnerCalendarTimetable(**source.schedule.model_dump()) if source.schedule else None
    with DAG(
        f"edi_inbound__{name}",
        description=source.description,
        schedule=schedule,
        start_date=datetime(2025, 1, 1),
        catchup=False,
        auto_register=False,  # What is broken is left out, see `source_dags`.
        max_active_runs=1,
        params=PARAMS,
        doc_md=__doc__,
        tags=["edi-inbound", name],
        default_args={
            "owner": source.owner,
            "retries": 4,
            "retry_delay": timedelta(seconds=30),
            "retry_policy": IntegrationRetryPolicy(),
            "trigger_rule": TriggerRule.ALL_DONE,
        },
    ) as dag:
        discover = SftpPgpIntakeSensor(
            task_id="discover",
            source=name,
            wait="{{ params.wait }}",
            replay="{{ params.replay | tojson }}",
            drains=[outbox_name(name), *(table_source_name(name, table) for table in tables)],
            deferrable=True,
            poke_interval=60,
            timeout=timedelta(hours=12).total_seconds(),
        )
        intake = SftpPgpIntakeOperator.partial(
            task_id="intake", source=name, trigger_rule=TriggerRule.ALL_SUCCESS
        ).expand(items=discover.output)
        parse = X12ParseOperator(task_id="parse", source=name)
        acknowledge = X12AcknowledgeOperator(task_id="acknowledge", source=name)
        deliver = SftpPgpDeliverOperator(task_id="deliver", source=name)
        settle = EdiReconcileOperator(task_id="settle", source=name)
        archive = SftpPgpArchiveOperator(task_id="archive", source=name)
        choose = BranchPythonOperator(task_id="choose", python_callable=tasks_to_run, op_args=[name, tables])
        settled = EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
        with TaskGroup(ROWS, tooltip="Each table that comes out of the documents"):
            for table in tables:
                table_source = table_source_name(name, table)
                with TaskGroup(table):
                    gate = QualityGateOperator(task_id="gate", source=table_source)
                    load = SnowflakeLoadOperator(
                        task_id="load", source=table_source, outlets=[loaded_asset(table_source)]
                    )
                    gate >> load
                choose >> [gate, load] >> settled
        discover >> intake >> parse >> acknowledge >> deliver >> settle
        acknowledge >> archive
        parse >> choose
        [discover, intake, parse, acknowledge, deliver, settle, archive, choose] >> settled
    return dag


def tasks_to_run(source: str, tables: Sequence[str]) -> list[str]:
    """The tasks of those tables that have rows on their way, whichever run brought them, and the last one, which always runs."""
    from airflow_provider_integrations.connectors.edi.under_way import tables_under_way
    from airflow_provider_integrations.ledger.hook import LedgerHook

    chosen = tables_under_way(LedgerHook().ledger(), source, tables)
    return [*(f"{ROWS}.{table}.{task}" for table in chosen for task in ("gate", "load")), "settled"]


for _id, _dag in source_dags("edi_inbound", "edi", edi_inbound):
    globals()[_id] = _dag
