"""What a sweep's keys and their texts must be, before anything is sent."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError
from airflow_provider_integrations.core.key_groups import ByWidth, KeyGroup, differing
from airflow_provider_integrations.warehouse.batches import business_instant
from airflow_provider_integrations.warehouse.ddl import plan_columns
from airflow_provider_integrations.warehouse.loaded_keys import LoadedKeys, render_groups
from airflow_provider_integrations.warehouse.loaded_keys import typed_keys as typed
from airflow_provider_integrations.warehouse.soft_deletes import GoneKeys, apply_deletes
from airflow_provider_integrations.warehouse.tables import Tables, table_specs
from tests.fakes.warehouse_batches import contract, policy

VERSION = "2026-01-02T03:04:05.123456Z/00000003.0"


class _NoWarehouse:
    """Fails the test when anything is sent."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def _apply(version: str = VERSION, batch_id: str = "sweep-1", **keys: list[Any]) -> None:
    apply_deletes(_NoWarehouse(), GoneKeys(batch_id, "customers", version, pa.table(keys)), contract(), policy("D"))


def test_a_version_with_an_instant_says_from_when_a_row_is_valid() -> None:
    assert business_instant(VERSION, None) == datetime(2026, 1, 2, 3, 4, 5, 123456)
    assert business_instant("2026-01-02T03:04:05Z/1", None) == datetime(2026, 1, 2, 3, 4, 5)
    for odd in ("2026-01-02T25:04:05Z/1", "2026-01-02T03:04:05/1", "2026-01-02 03:04:05Z/1"):
        with pytest.raises(ConfigError):
            business_instant(odd, None)


def test_keys_that_are_not_the_contracts_or_stand_twice_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigError, match="not the contract's"):
        _apply(other=[1])
    with pytest.raises(ConfigError, match="not of its type"):
        _apply(customer_id=["x"])
    with pytest.raises(ConfigError, match="is null"):
        _apply(customer_id=[1, None])
    with pytest.raises(ReconciliationError, match="twice"):
        _apply(customer_id=[1, 1])
    with pytest.raises(ConfigError, match="no date"):
        _apply("17", customer_id=[1])
    with pytest.raises(ConfigError, match="cannot be loaded"):
        _apply(batch_id="../x", customer_id=[1])


def test_the_same_sweep_has_the_same_digest_and_another_one_another() -> None:
    table = pa.table({"customer_id": pa.array([1, 2, 3], pa.int64())})
    split = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    digests = {GoneKeys("s", "c", VERSION, each).digest for each in (table, split)}
    assert len(digests) == 1
    assert GoneKeys("s", "c", VERSION, table.slice(1)).digest not in digests
    assert GoneKeys("s", "c", "2026-01-03T00:00:00Z/1", table).digest not in digests


def test_a_key_without_an_exact_text_cannot_be_swept() -> None:
    exact = contract({"name": "k", "type": "float", "nullable": False}, keys=["k"])
    with pytest.raises(ConfigError, match="no exact key"):
        LoadedKeys(_NoWarehouse(), exact, policy("D"), before=VERSION)
    keyed = contract({"name": "code", "type": "string", "nullable": False}, keys=["code"])
    with pytest.raises(ConfigError, match="whole numbers"):
        render_groups(Tables.from_policy(policy("D")), keyed, policy("D"), ByWidth(0, 10))


def test_texts_of_keys_become_the_contracts_types_exactly() -> None:
    more = [
        {"name": "amount", "type": "decimal(38,10)", "nullable": False},
        {"name": "at", "type": "timestamp", "nullable": False},
        {"name": "hour", "type": "time", "nullable": False},
    ]
    wide = Decimal("9999999999999999999999999999.9999999999")
    table = typed(
        contract(*more, keys=["amount", "at", "customer_id", "hour"]),
        pa.table(
            [
                [str(wide), "-0.0000000001"],
                ["2026-01-02 03:04:05.000001", "0001-01-01 00:00:00.000000"],
                ["-9223372036854775808", "1"],
                ["23:59:59.999999", "00:00:00.000000"],
            ],
            names=["k1", "k2", "k3", "k4"],
        ),
    )
    assert table["amount"].to_pylist() == [wide, Decimal("-0.0000000001")]
    assert table["at"].cast(pa.timestamp("us")).to_pylist() == [datetime(2026, 1, 2, 3, 4, 5, 1), datetime(1, 1, 1)]
    assert table["customer_id"].to_pylist() == [-(2**63), 1]
    assert table["hour"].to_pylist() == [time(23, 59, 59, 999_999), time(0)]


def test_groups_differ_by_count_by_hash_and_by_being_there() -> None:
    here = {1: KeyGroup(1, 5), 2: KeyGroup(2, 5), 3: KeyGroup(1, 1)}
    there = {1: KeyGroup(1, 5), 2: KeyGroup(1, 5), 4: KeyGroup(1, 1)}
    assert differing(here, there) == [2, 3, 4]


@pytest.mark.parametrize("scd", [1, 2])
def test_tables_that_were_made_without_the_marker_gain_it_by_two_additions(scd: int) -> None:
    for spec in table_specs(contract(), policy("D", scd))[-2:]:
        old = [column for column in spec.columns.items() if not column[0].startswith("_DELETED")]
        assert [sql.split(" ADD COLUMN IF NOT EXISTS ")[1] for sql in plan_columns("D", spec, old)] == [
            '"_DELETED_VERSION" VARCHAR',
            '"_DELETED_AT" TIMESTAMP_NTZ(6)',
        ]
