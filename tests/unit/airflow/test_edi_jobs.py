"""The jobs that tasks make of an EDI source: of its documents, and of each of its tables from the gate on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.edi.readings import mark_superseded
from airflow_provider_integrations.connectors.edi.settle_rows import settle_rows
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.dag_context import batch_job, edi_job, scratch_folder

OURS = Path(__file__).parents[3] / "include"


@pytest.fixture(autouse=True)
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A deployment with the shipped include folder and a ledger in a file."""
    shutil.copytree(OURS, tmp_path / "include")
    extra = {"path": str(tmp_path / "ledger.db")}
    monkeypatch.setenv(
        "AIRFLOW_CONN_INTEGRATIONS_LEDGER", json.dumps({"conn_type": "integrations_ledger", "extra": extra})
    )
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER", str(tmp_path / "include"))
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__LANDING_ROOT", str(tmp_path / "landing"))
    return tmp_path


def test_a_table_of_documents_is_gated_and_loaded_as_any_other_and_settled_by_its_own(deployment: Path) -> None:
    job = batch_job("acme_edi__order_lines", "me")
    assert (job.source, job.contract.contract, job.owner) == ("acme_edi__order_lines", "order_lines", "me")
    assert (job.load.table, job.load.scd, job.contract.keys) == (
        "EDI_ORDER_LINES",
        1,
        ("document", "set_number", "row"),
    )
    assert job.settle is settle_rows
    assert job.mark_deletions is mark_superseded
    assert job.root.path == str(deployment / "landing")


@pytest.mark.parametrize("name", ["acme_edi", "acme_edi__outbox"])
def test_documents_and_outboxes_have_no_rows_to_gate(name: str) -> None:
    with pytest.raises(ConfigError):
        batch_job(name, "me")


def test_the_job_of_documents_has_the_guides_of_their_agreement(deployment: Path) -> None:
    job = edi_job("acme_edi", "me")
    assert [each.name for each in job.book.guides] == list(job.source.agreement.guides)
    assert (job.owner, job.root.path) == ("me", str(deployment / "landing"))


def test_the_intake_does_not_clear_away_what_is_being_parsed() -> None:
    """It clears its scratch folder of whatever it does not know."""
    mine, intakes = edi_job("acme_edi", "me").scratch, scratch_folder("acme_edi")
    assert mine != intakes
    assert intakes not in mine.parents


@pytest.mark.parametrize("name", ["acme_customers", "erp_orders", "acme_edi__orders"])
def test_a_source_of_another_kind_is_no_source_of_documents(name: str) -> None:
    with pytest.raises(ConfigError, match="another kind"):
        edi_job(name, "me")
