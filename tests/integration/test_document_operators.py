"""Documents of a partner in Airflow: discovered and landed, and what waits in the outboxes of both kinds is delivered."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_integrations.core.edi_source import Outbox
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.outbox import Outgoing, enqueue
from tests.fakes.chain import ROOT, Chain
from tests.fakes.gnupg import PgpWorld
from tests.integration.test_dag import RunDag, environment

pytestmark = pytest.mark.integration

DOCUMENTS = """
from airflow.sdk import DAG
from airflow_provider_integrations.connectors.sftp_pgp.operators import (
    SftpPgpArchiveOperator, SftpPgpDeliverOperator, SftpPgpIntakeOperator,
)
from airflow_provider_integrations.connectors.sftp_pgp.sensors import SftpPgpIntakeSensor

with DAG("documents") as dag:
    found = SftpPgpIntakeSensor(task_id="discover", source="acme_edi", poke_interval=1, timeout=20, deferrable=True)
    landed = SftpPgpIntakeOperator.partial(task_id="intake", source="acme_edi").expand(items=found.output)
    landed >> SftpPgpArchiveOperator(task_id="archive", source="acme_edi")
    SftpPgpDeliverOperator(task_id="deliver_answers", source="acme_edi")
    SftpPgpDeliverOperator(task_id="deliver_documents", source="acme_orders_out")
    SftpPgpDeliverOperator(task_id="deliver_customers", source="acme_customers")

if __name__ == "__main__":
    print("STATE", dag.test().state)
"""


def returned(home: Path) -> dict[str, Any]:
    with sqlite3.connect(home / "airflow.db") as connection:
        rows = connection.execute("SELECT task_id, value FROM xcom WHERE key = 'return_value'").fetchall()
    return {task: json.loads(value) for task, value in rows}


def test_documents_come_in_and_go_out(
    make_chain: Callable[..., Chain], pgp: PgpWorld, tmp_path: Path, run_dag: RunDag
) -> None:
    chain = make_chain()
    settings = environment(chain, tmp_path)
    shutil.copytree(ROOT / "include/edi", tmp_path / "include/edi")
    shutil.copytree(ROOT / "include/sql", tmp_path / "include/sql")
    for name in ("acme_edi", "acme_orders_out"):
        source = yaml.safe_load((ROOT / f"include/sources/{name}.yaml").read_text())
        source |= {"folders": chain.source["folders"]} if name == "acme_edi" else {}
        (tmp_path / f"include/sources/{name}.yaml").write_text(yaml.safe_dump(source))
    document = f"acme_edi_{datetime.now(UTC).date()}_seq-00001.edi.gpg"
    chain.drop(pgp.partner, pgp.own, 1, b"ISA*00*canary-4711~", day="", name=document)
    place = Outbox(folder="/inbound/edi")
    for source, name in (("acme_edi", "997.edi"), ("acme_orders_out", "850.edi")):
        root = Path(chain.folder) / "landing"
        enqueue(chain.ledger(), root, source, place, Outgoing(name, b"ISA*canary"), at=datetime.now(UTC))

    done = run_dag(DOCUMENTS, **settings)
    values = returned(tmp_path)
    assert values["intake"] == {"states": {"landed": 1}, "reasons": {}, "rows_landed": 1, "rows_rejected": 0}, (
        done.stdout[-3000:]
    )
    assert values["deliver_answers"] == values["deliver_documents"] == {"delivered": 1, "bytes": 10}
    assert values["archive"] == {}
    assert "deliver_customers" not in values
    assert "the source is of another kind" in done.stdout
    assert "canary" not in done.stdout
    inbound = Path(chain.sftp["extras"]["root"]) / "inbound/edi"
    assert sorted(path.name for path in inbound.iterdir()) == ["850.edi", "997.edi"]
    states = {item.name: item.state for item in chain.ledger().items.list()}
    assert states == {document: State.LANDED, "997.edi": State.LOADED, "850.edi": State.LOADED}
