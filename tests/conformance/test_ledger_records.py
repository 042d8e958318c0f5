"""Batches, verdicts, expected deliveries and the audit trail, on every engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from airflow_provider_integrations.core.errors import ConfigError, StateConflictError
from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.core.verdict import GateMode, GateResult, Verdict
from airflow_provider_integrations.core.work_item import RemoteFile
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.ledger.tables import APPEND_ONLY
from tests.fakes.postgres import SteppedClock


@pytest.fixture
def item_id(ledger: Ledger, ledger_clock: SteppedClock) -> str:
    [item] = ledger.items.discover("acme", [RemoteFile("/a", 1, 1)], listed_at=ledger_clock())
    return item.id


def manifest_of(item_id: str) -> Manifest:
    return Manifest(
        batch_id="b1",
        source="acme",
        item_id=item_id,
        received_at="2025-11-05T00:45:00+00:00",
        ingest_date="2025-11-05",
        original="a\x00.gpg",
        version="2025-11-05/0000000001/0001",
        contract="acme",
        contract_version="1.0.0",
        contract_digest="c",
        ciphertext_sha256="x",
        plaintext_sha256="y",
        signers=("F" * 40,),
        rows_read=3,
        rows_landed=2,
        rows_rejected=1,
        files=(DataFile("part-00000.parquet", "s", 10, 2),),
    )


def test_a_batch_is_recorded_once_and_never_with_other_content(ledger: Ledger, item_id: str) -> None:
    manifest = manifest_of(item_id)
    first = ledger.records.batch(manifest, "bronze/a\x00")
    assert ledger.records.batch(manifest, "bronze/a\x00") == first
    assert ledger.records.batches(item_id) == [first]
    assert (first.manifest, first.folder) == (manifest, "bronze/a\x00")
    with pytest.raises(StateConflictError, match="other content"):
        ledger.records.batch(replace(manifest, rows_read=4), "bronze/a")


def test_a_batch_of_no_item_is_refused(ledger: Ledger) -> None:
    with pytest.raises(StateConflictError, match="does not fit"):
        ledger.records.batch(manifest_of("nope"), "bronze/a")


def test_a_verdict_is_stored_whatever_its_expectations_hold(ledger: Ledger, item_id: str) -> None:
    odd = {"type": "between", "min": float("-inf"), "day": datetime(2025, 11, 5), "columns": ("a", "b"), "ok": True}
    result = GateResult("b1", Verdict.FAILED, GateMode.BLOCK, "suite", "d", 2**40, 1, (odd,), "docs/1.html")
    ledger.records.gate(item_id, result)
    ledger.records.gate(item_id, replace(result, verdict=Verdict.PASSED, expectations=()))
    first, second = ledger.records.gates(item_id)
    kept = {"type": "between", "min": "-inf", "day": "2025-11-05 00:00:00", "columns": ["a", "b"], "ok": True}
    assert first == replace(result, expectations=(kept,))
    assert second.verdict is Verdict.PASSED


def test_the_next_delivery_takes_the_place_of_the_last(ledger: Ledger) -> None:
    assert ledger.records.expected_delivery("acme") is None
    zone = ZoneInfo("America/New_York")
    fall_back = datetime(2025, 11, 2, 1, 30, fold=1, tzinfo=zone)
    ledger.records.expect_delivery("acme", datetime(2025, 11, 1, 6, tzinfo=zone), "America/New_York")
    ledger.records.expect_delivery("acme", fall_back, "America/New_York")
    due = ledger.records.expected_delivery("acme")
    assert due
    assert due.due_at.isoformat() == "2025-11-02T06:30:00+00:00"
    assert due.zone == "America/New_York"
    with pytest.raises(ConfigError, match="no time zone"):
        ledger.records.expect_delivery("acme", datetime(2025, 11, 1), "UTC")


def test_the_audit_trail_is_read_in_order(ledger: Ledger) -> None:
    ledger.records.audit(who="ann", action="look", subject="a", detail={"n": 1})
    ledger.records.audit(who="bob\x00", action="look", subject="b", why="curious")
    assert [entry.who for entry in ledger.records.audit_trail()] == ["ann", "bob\x00"]
    assert [entry.detail for entry in ledger.records.audit_trail(subject="a")] == [{"n": 1}]
    assert [entry.who for entry in ledger.records.audit_trail(action="look", limit=1, offset=1)] == ["bob\x00"]
    with pytest.raises(ConfigError, match="who did what"):
        ledger.records.audit(who="", action="look", subject="b")


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
def test_history_cannot_be_changed_even_by_sql(ledger: Ledger, item_id: str, table: str, verb: str) -> None:
    from airflow_provider_integrations.core.watermark import Watermark

    ledger.watermarks.begin("acme", Watermark((1,)))
    ledger.records.audit(who="ann", action="look", subject="a")
    statement = f"DELETE FROM {table}" if verb == "DELETE" else f"UPDATE {table} SET at = at"
    with pytest.raises(StateConflictError, match=f"{table} is append-only"), ledger._database.write() as connection:
        connection.execute(text(statement))
