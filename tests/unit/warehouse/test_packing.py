"""Many small files into few: rows, digests and types stay provable."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError, StateConflictError
from airflow_provider_integrations.core.manifest import Manifest
from airflow_provider_integrations.warehouse.batches import PublishedBatch, business_instant, check_batches
from airflow_provider_integrations.warehouse.packing import pack, staged_schema, write_plan
from tests.fakes.warehouse_batches import batch, contract, customer


def _out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_batches_are_packed_into_one_file_with_attempt_and_validity(tmp_path: Path) -> None:
    batches = [batch(tmp_path, f"b{n}", f"2025-11-0{n}/1", [customer(n), customer(n + 10)]) for n in (1, 2, 3)]
    packed = pack(batches, contract(), _out(tmp_path), load_id="abc", history=True)
    assert [(path.name, rows) for path, rows in packed.files.items()] == [("abc-0000.parquet", 6)]
    table = pq.read_table(next(iter(packed.files)))
    assert table.schema.names == staged_schema(contract()).names
    assert all(name == name.upper() for name in table.schema.names)
    assert table["_BATCH_ID"].to_pylist() == ["b1", "b1", "b2", "b2", "b3", "b3"]
    assert set(table["_LOAD_ID"].to_pylist()) == {"abc"}
    assert table["_VALID_FROM"].to_pylist()[-1] == datetime(2025, 11, 3)
    assert table["UPDATED_AT"].to_pylist()[0] == datetime(2025, 11, 1, 2, 3, 4, 567891)
    assert packed.digests == {each.batch_id: each.digests[0] for each in batches}


def test_large_batches_are_split_into_several_files(tmp_path: Path) -> None:
    batches = [batch(tmp_path, f"b{n}", "2025-11-01/1", [customer(n)]) for n in range(3)]
    packed = pack(batches, contract(), _out(tmp_path), load_id="abc", history=False, rows_at_once=1, file_bytes=1)
    assert [path.name for path in packed.files] == ["abc-0000.parquet", "abc-0001.parquet", "abc-0002.parquet"]
    assert sum(pq.read_metadata(path).num_rows for path in packed.files) == 3


def test_the_digest_of_a_group_changes_with_any_file(tmp_path: Path) -> None:
    one = [batch(tmp_path / "x", "b1", "2025-11-01/1", [customer(1)])]
    two = [batch(tmp_path / "y", "b1", "2025-11-01/1", [customer(1, "x")])]
    (tmp_path / "o1").mkdir()
    (tmp_path / "o2").mkdir()
    first = pack(one, contract(), tmp_path / "o1", load_id="a", history=False)
    second = pack(two, contract(), tmp_path / "o2", load_id="a", history=False)
    assert first.digest != second.digest


def test_a_file_that_is_not_the_gated_one_is_refused_before_its_rows_are_read(tmp_path: Path) -> None:
    given = batch(tmp_path, "b1", "2025-11-01/1", [customer(1)])
    given.files[0].write_bytes(b"no parquet at all")
    with pytest.raises(StateConflictError, match="passed the gate"):
        pack([given], contract(), _out(tmp_path), load_id="a", history=False)


def test_rows_that_differ_from_the_published_count_are_refused(tmp_path: Path) -> None:
    given = batch(tmp_path, "b1", "2025-11-01/1", [customer(1)])
    wrong = PublishedBatch(given.batch_id, given.source, given.version, given.files, given.digests, rows=2)
    with pytest.raises(ReconciliationError, match="not the rows that were published"):
        pack([wrong], contract(), _out(tmp_path), load_id="a", history=False)


def test_rows_of_another_batch_are_refused(tmp_path: Path) -> None:
    given = batch(tmp_path, "b1", "2025-11-01/1", [customer(1)])
    wrong = PublishedBatch("b2", given.source, given.version, given.files, given.digests, rows=1)
    with pytest.raises(ReconciliationError, match="another batch"):
        pack([wrong], contract(), _out(tmp_path), load_id="a", history=False)


def test_a_type_that_loses_something_is_refused_without_showing_values(tmp_path: Path) -> None:
    given = batch(tmp_path, "b1", "2025-11-01/1", [customer(1, "secret-name")])
    columns = [{"name": "customer_id", "type": "integer", "nullable": False}, {"name": "name", "type": "integer"}]
    other = contract().model_validate(
        {"contract": "customers", "version": "1.0.0", "keys": ["customer_id"], "columns": columns}
    )
    with pytest.raises(ConfigError, match="NAME") as caught:
        pack([given], other, _out(tmp_path), load_id="a", history=False)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("number", "fits"), [("7353725080602449530634781439934402259", False), ("12345", True)])
def test_a_decimal_of_another_scale_is_the_same_number_or_refused(tmp_path: Path, number: str, fits: bool) -> None:
    whole = contract({"name": "amount", "type": "decimal(38,0)"})
    given = batch(tmp_path, "b1", "2025-11-01/1", [customer(1, amount=Decimal(number))], of=whole)
    later = contract({"name": "amount", "type": "decimal(38,10)"})
    if not fits:
        with pytest.raises(ConfigError, match="AMOUNT"):
            pack([given], later, _out(tmp_path), load_id="a", history=False)
        return
    packed = pack([given], later, _out(tmp_path), load_id="a", history=False)
    assert pq.read_table(next(iter(packed.files)))["AMOUNT"].to_pylist() == [Decimal(number)]


def test_the_plan_has_a_row_for_each_batch_also_for_one_without_rows(tmp_path: Path) -> None:
    batches = [batch(tmp_path, "b1", "2025-11-01/1", []), batch(tmp_path, "b2", "2025-11-01/2", [customer(1)])]
    packed = pack(batches, contract(), _out(tmp_path), load_id="abc", history=True)
    write_plan(batches, packed, tmp_path / "plan.parquet", load_id="abc", target="SILVER.CUSTOMERS")
    rows = pq.read_table(tmp_path / "plan.parquet").to_pylist()
    assert [(row["BATCH_ID"], row["ROWS_PUBLISHED"]) for row in rows] == [("b1", 0), ("b2", 1)]


def test_validity_begins_with_the_date_of_the_version_else_with_the_first_sight() -> None:
    manifest = Manifest(
        *("b", "s", "i", "2025-11-05T23:30:00-02:00", "2025-11-06", "o", "v", "c", "1.0.0", "d", "e", "f"),
        signers=(),
        rows_read=0,
        rows_landed=0,
        rows_rejected=0,
    )
    assert business_instant("2025-11-05/000001/1", manifest) == datetime(2025, 11, 5)
    assert business_instant("17", manifest) == datetime(2025, 11, 6, 1, 30)
    assert business_instant("2025-13-45/1", manifest) == datetime(2025, 11, 6, 1, 30)
    with pytest.raises(ConfigError, match="no date"):
        business_instant("17", None)


@pytest.mark.parametrize("name", ["../x", "a b", "a'b", "", "a/b", "-x"])
def test_ids_that_could_leave_the_stage_folder_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded together"):
        check_batches([PublishedBatch(name, "s", "v", (), (), 0)])


def test_batches_of_two_sources_or_twice_the_same_are_refused() -> None:
    one, two = PublishedBatch("a", "s", "v", (), (), 0), PublishedBatch("b", "t", "v", (), (), 0)
    for given in ([one, one], [one, two]):
        with pytest.raises(ConfigError, match="cannot be loaded together"):
            check_batches(given)
