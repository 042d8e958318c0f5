"""The glue inside real task runs: retries, links, asset events, asset state and the schedule, from the database."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

DAG_FILE = """
import datetime as dt
from airflow.sdk import DAG, BaseOperator
from partner_calendar import PartnerCalendarTimetable
from airflow_provider_integrations import links, lineage
from airflow_provider_integrations.assets import announce, loaded_asset
from airflow_provider_integrations.core import errors
from airflow_provider_integrations.core.backoff import Backoff
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.ledger.mirror import mirror
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

POLICY = IntegrationRetryPolicy(Backoff(first=0.1, factor=1, longest=1, jitter=0))
ASSET = loaded_asset("acme")
MANIFEST = Manifest(
    batch_id="b1", source="acme", item_id="i1", received_at="2025-11-05T06:00:00+00:00", ingest_date="2025-11-05",
    original="a.csv.gpg", version="2025-11-05/00023/1", contract="c", contract_version="1.0.0", contract_digest="d",
    ciphertext_sha256="e", plaintext_sha256="f", signers=("S",), rows_read=10, rows_landed=9, rows_rejected=1)


class Step(BaseOperator):
    template_fields = ("items",)
    operator_extra_links = (links.LedgerItemLink(), links.DataDocsLink())

    def __init__(self, *, fails: str = "", items=(), **kwargs):
        super().__init__(**kwargs)
        self.fails, self.items = fails, items

    def execute(self, context):
        ti = context["ti"]
        ti.xcom_push(key=links.ITEM_XCOM, value=list(self.items))
        ti.xcom_push(key=links.DOCS_XCOM, value="b1/index.html")
        if self.fails == "transient" and ti.try_number == 1:
            raise errors.StalledError("no bytes")
        if self.fails == "permanent":
            raise errors.RejectedError(Reason.NOT_SIGNED)
        if self.outlets:
            announce(context, ASSET, [MANIFEST])
            assert mirror(context, ASSET, watermark=(dt.date(2025, 11, 5), 23), rows={"loaded": 9}, missing=None)
        else:
            assert mirror(context, ASSET, watermark=1) is False, "not an outlet: logged, never raised"

    def get_openlineage_facets_on_complete(self, task_instance):
        return lineage.openlineage_facets(inputs=[lineage.LineageDataset("sftp://h:22", "/in/a")])


SCHEDULE = PartnerCalendarTimetable(country="US", cut_off="06:00", zone="America/New_York")
with DAG("glue", schedule=SCHEDULE, start_date=dt.datetime(2025, 1, 1, tzinfo=dt.UTC), catchup=False,
         default_args={"retries": 2, "retry_policy": POLICY}) as dag:
    Step.partial(task_id="transient", fails="transient").expand(items=[["i1"], ["i2", "i3"]])
    Step(task_id="permanent", fails="permanent", items=["i4"])
    Step(task_id="load", outlets=[ASSET])

if __name__ == "__main__":
    dag.test()
"""


def rows(home: Path, query: str) -> list[Any]:
    with sqlite3.connect(home / "airflow.db") as connection:
        return connection.execute(query).fetchall()


def test_retries_links_events_and_state(
    tmp_path: Path, run_dag: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = run_dag(DAG_FILE)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]

    tries = {(task, index): (state, number) for task, index, state, number in rows(
        tmp_path, "SELECT task_id, map_index, state, try_number FROM task_instance")}  # fmt: skip
    assert tries == {
        ("transient", 0): ("success", 2),
        ("transient", 1): ("success", 2),
        ("permanent", -1): ("failed", 1),
        ("load", -1): ("success", 1),
    }, "transient errors are tried again, permanent ones are not"

    linked = {(task, index): json.loads(value) for task, index, value in rows(
        tmp_path, "SELECT task_id, map_index, value FROM xcom WHERE key = '_link_LedgerItemLink'")}  # fmt: skip
    assert linked == {
        ("transient", 0): "/integrations/items/i1",
        ("transient", 1): "/integrations/items?id=i2&id=i3",
        ("permanent", -1): "/integrations/items/i4",
        ("load", -1): "",
    }, "a task that failed is linked too"
    docs = rows(tmp_path, "SELECT DISTINCT value FROM xcom WHERE key = '_link_DataDocsLink'")
    assert docs == [('"/integrations/docs/b1/index.html"',)]

    [(extra,)] = rows(tmp_path, "SELECT extra FROM asset_event")
    event = json.loads(extra)
    assert (event["batches"], event["rows_landed"], event["rows_rejected"]) == (1, 9, 1)
    assert event["manifests"][0]["batch_id"] == "b1"

    state = dict(rows(tmp_path, "SELECT key, value FROM asset_state_store"))
    assert {key: json.loads(value) for key, value in state.items()} == {
        "watermark": ["2025-11-05", 23],
        "rows": {"loaded": 9},
    }

    [(summary, due)] = rows(tmp_path, "SELECT timetable_summary, next_dagrun_create_after FROM dag")
    assert summary == "US working days 06:00"
    assert due[11:16] in ("10:00", "11:00"), "06:00 in New York, as the scheduler read the timetable back"
