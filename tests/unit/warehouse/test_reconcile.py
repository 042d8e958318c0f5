"""Counts from the source to the MERGE, and the warning on an unusual run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import update

from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.core.verdict import Verdict
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.ledger.tables import work_item
from airflow_provider_integrations.warehouse.batches import LoadResult
from airflow_provider_integrations.warehouse.control_sums import add, exact_sum
from airflow_provider_integrations.warehouse.packing import pack
from airflow_provider_integrations.warehouse.reconcile import ROW_COUNT, RowCounts, note_row_counts, reconcile
from tests.fakes.ledgers import migrated
from tests.fakes.warehouse_batches import batch, contract, customer

MANIFEST = Manifest(
    batch_id="b1", source="orders", item_id="i1", received_at="2026-01-02T00:00:00+00:00", ingest_date="2026-01-02",
    original="odbc/1/shard-0001", version="2026-01-02T03:04:05.000000Z/1", contract="orders", contract_version="1.0.0",
    contract_digest="x", ciphertext_sha256="", plaintext_sha256="", signers=(), rows_read=10, rows_landed=9,
    rows_rejected=1,
)  # fmt: skip
FACTS: dict[str, Any] = {
    "rows_source": 10,
    "verdict": "passed_with_quarantine",
    "rows_failed": 2,
    "publish": [{"name": "a", "rows": 4}, {"name": "b", "rows": 3}],
}
RESULT = LoadResult("b1", staged=7, inserted=4, updated=1, unchanged=2)


def test_counts_that_agree_are_given_back() -> None:
    counts = RowCounts(source=10, landed=9, rejected=1, published=7, quarantined=2, staged=7, merged=7)
    assert reconcile(FACTS, MANIFEST, RESULT) == counts
    files = {key: value for key, value in FACTS.items() if key != "rows_source"}
    assert reconcile(files, MANIFEST, RESULT) == replace(counts, source=None)
    warned = {**FACTS, "verdict": "passed_with_warnings", "publish": [{"rows": 9}]}
    assert reconcile(warned, MANIFEST, LoadResult("b1", staged=9, inserted=9, updated=0, unchanged=0)).quarantined == 0


@pytest.mark.parametrize(
    ("facts", "manifest", "result", "said"),
    [
        ({"rows_source": 11}, {}, {}, "at the source and landed or rejected differ: 11 and 10"),
        ({"rows_source": 0}, {}, {}, "at the source"),
        ({}, {"rows_read": 11}, {}, "read and landed or rejected differ: 11 and 10"),
        ({"rows_failed": 1}, {}, {}, "landed and published or quarantined differ: 9 and 8"),
        ({"verdict": "passed"}, {}, {}, "landed and published or quarantined differ: 9 and 7"),
        ({}, {}, {"staged": 6, "unchanged": 1}, "published and staged differ: 7 and 6"),
        ({}, {}, {"inserted": 5}, "staged and merged differ: 7 and 8"),
        ({}, {}, {"inserted": 8, "unchanged": -2}, "below zero"),
    ],
)
def test_a_difference_anywhere_names_every_count(
    facts: dict[str, Any], manifest: dict[str, Any], result: dict[str, Any], said: str
) -> None:
    with pytest.raises(ReconciliationError, match=said) as caught:
        reconcile({**FACTS, **facts}, replace(MANIFEST, **manifest), replace(RESULT, **result))
    stations = {"rows_source", "rows_landed", "rows_rejected", "rows_published", "rows_staged", "rows_merged"}
    assert stations <= set(caught.value.values)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path / 'ledger.db'}") as made:
        migrated(made)
        yield made


def _loaded(ledger: Ledger, run: str, *rows: int) -> list[WorkItem]:
    """One run of the source, a shard for each number of rows."""
    items = []
    for shard, count in enumerate(rows, 1):
        file = RemoteFile(f"odbc/{run}/shard-{shard:04d}", 0, 0)
        told = {file.path: {"run": run, "shards": len(rows)}}
        [found] = ledger.items.discover("orders", [file], listed_at=datetime.now(UTC), facts=told)
        taken = ledger.items.claim(found.id, "me", states=[State.DISCOVERED], lease=timedelta(minutes=1))
        assert taken is not None
        facts = {"batch_id": f"b-{run}-{shard}", "rows_landed": count}
        items.append(ledger.items.advance(taken[1], State.LOADED, facts=facts))
    return items


def test_an_unusual_run_is_a_warning_on_its_first_shard_once_and_blocks_nothing(ledger: Ledger) -> None:
    for number in range(7):
        _loaded(ledger, f"{number:08d}.0", 600, 400 + number)
        assert note_row_counts(ledger, "orders", [f"{number:08d}.0"]) == {}
    _loaded(ledger, "span-abc", 5)
    items = _loaded(ledger, "00000007.0", 3, 2)
    found = note_row_counts(ledger, "orders", ["00000007.0", "never"])
    assert found["00000007.0"].rows == 5
    assert note_row_counts(ledger, "orders", ["00000007.0"]) == found
    [verdict] = ledger.records.gates(items[0].id)
    assert (verdict.suite, verdict.verdict, verdict.rows) == (ROW_COUNT, Verdict.PASSED_WITH_WARNINGS, 5)
    assert verdict.expectations[0]["kwargs"]["median"] == 1003
    assert ledger.records.gates(items[1].id) == []
    assert ledger.items.get(items[0].id).state is State.LOADED


def test_a_run_of_nothing_after_runs_of_thousands_is_unusual(ledger: Ledger) -> None:
    for number, rows in enumerate([1000, 5000, 2000, 8000, 3000, 1000, 9000]):
        _loaded(ledger, f"{number:08d}.0", rows)
    [item] = _loaded(ledger, "00000007.0", 0)
    found = note_row_counts(ledger, "orders", ["00000007.0"])
    assert (found["00000007.0"].rows, found["00000007.0"].low) == (0, 1)
    assert [each.verdict for each in ledger.records.gates(item.id)] == [Verdict.PASSED_WITH_WARNINGS]


def test_a_run_is_judged_when_its_last_shard_is_done(ledger: Ledger) -> None:
    for number in range(4):
        _loaded(ledger, f"{number:08d}.0", 1000)
    [item] = _loaded(ledger, "00000004.0", 400)
    file = RemoteFile("odbc/00000004.0/shard-0002", 0, 0)
    ledger.items.discover("orders", [file], listed_at=datetime.now(UTC), facts={file.path: {"run": "00000004.0"}})
    # As the planner says from the beginning.
    with ledger.items._parts.database.write() as connection:
        facts = {**item.facts, "shards": 2}
        connection.execute(update(work_item).where(work_item.c.id == item.id).values(facts=facts))
    assert note_row_counts(ledger, "orders", ["00000004.0"]) == {}
    assert ledger.records.gates(item.id) == []


def test_a_backfill_is_not_compared_with_the_daily_runs(ledger: Ledger) -> None:
    for number in range(5):
        _loaded(ledger, f"{number:08d}.0", 1000)
    items = _loaded(ledger, "span-xyz", 9_000_000)
    assert note_row_counts(ledger, "orders", ["span-xyz"]) == {}
    assert ledger.records.gates(items[0].id) == []
    usual = _loaded(ledger, "00000005.0", 1001)
    assert note_row_counts(ledger, "orders", ["00000005.0"]) == {}
    assert [each.verdict for each in ledger.records.gates(usual[0].id)] == [Verdict.PASSED]
    assert note_row_counts(ledger, "orders", []) == {}


def test_control_sums_of_files_are_exact_beyond_38_digits(tmp_path: Path) -> None:
    widest, wide = Decimal("9" * 28 + "." + "9" * 10), pa.decimal128(38, 10)
    column = pa.chunked_array([pa.array([widest, None], wide), pa.array([widest, Decimal("0.0000000001")], wide)])
    assert str(exact_sum(column)) == "1" + "9" * 28 + "." + "9" * 10, "39 digits"
    assert str(add(exact_sum(column), widest)) == "2" + "9" * 28 + "." + "9" * 9 + "8"
    assert exact_sum(pa.chunked_array([pa.array([2**63 - 1, 2**63 - 1], pa.int64())])) == 2 * (2**63 - 1)
    assert exact_sum(pa.chunked_array([pa.array([None], pa.int64())])) == 0
    with pytest.raises(ConfigError, match="whole or decimal"):
        exact_sum(pa.chunked_array([pa.array([0.1])]))
    rows = [customer(1), customer(2, balance=None)]
    given = replace(batch(tmp_path, "b1", "2025-11-05/1", rows), control=("balance",))
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match="not in the contract"):
        pack([replace(given, control=("other",))], contract(), tmp_path / "out", load_id="l", history=False)
    packed = pack([given], contract(), tmp_path / "out", load_id="l", history=False)
    assert packed.sums == {"b1": {"BALANCE": Decimal("12.50")}}
