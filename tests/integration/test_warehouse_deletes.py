"""Keys that are gone at the source: marked once, in the order of versions; nothing is removed, nothing deletes by itself."""

from __future__ import annotations

import hashlib
import random
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.key_groups import ByHash, ByWidth, KeyGroup, differing
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.warehouse.batches import LoadResult
from airflow_provider_integrations.warehouse.loaded_keys import LoadedKeys, typed_keys
from airflow_provider_integrations.warehouse.loader import load_batches
from airflow_provider_integrations.warehouse.soft_deletes import GoneKeys, apply_deletes
from airflow_provider_integrations.warehouse.totals import describe_totals
from tests.fakes.dying_connection import DyingConnection, KilledError
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.warehouse_batches import batch, contract, customer, policy

pytestmark = pytest.mark.integration

# A NULL timestamp reaches the driver as 1970-01-01, so spans are told apart in SQL.
STATE = (
    'SELECT CUSTOMER_ID, "NAME", SUBSTR(_VERSION, 9, 2), SUBSTR(_DELETED_VERSION, 9, 2), '
    "CASE WHEN _DELETED_AT IS NULL THEN '' ELSE SUBSTR(CAST(CAST(_DELETED_AT AS DATE) AS VARCHAR), 9) END "
    "FROM {db}.SILVER.CUSTOMERS ORDER BY CUSTOMER_ID, _VERSION"
)
HISTORY = (
    'SELECT CUSTOMER_ID, "NAME", SUBSTR(CAST(CAST(VALID_FROM AS DATE) AS VARCHAR), 9), '
    "CASE WHEN VALID_TO IS NULL THEN '' ELSE SUBSTR(CAST(CAST(VALID_TO AS DATE) AS VARCHAR), 9) END, IS_CURRENT, "
    "SUBSTR(_DELETED_VERSION, 9, 2) FROM {db}.SILVER.CUSTOMERS ORDER BY CUSTOMER_ID, _VERSION"
)


def version(day: int) -> str:
    return f"2026-01-{day:02d}T03:04:05.123456Z/run-{day}"


class Target:
    """One table, loaded and swept by day."""

    def __init__(self, warehouse: Warehouse, folder: Path, scd: int) -> None:
        self.warehouse, self.folder = warehouse, folder
        self.connection, self.where = warehouse.connect(), policy(warehouse.database, scd)

    def load(self, day: int, rows: dict[int, str]) -> LoadResult:
        given = [customer(key, name) for key, name in rows.items()]
        name = f"d{day:02d}-{random.getrandbits(32):08x}"
        batches = [batch(self.folder, name, version(day), given)]
        return load_batches(self.connection, batches, contract(), self.where)[0]

    def sweep(self, day: int, *keys: int, connection: Any = None) -> LoadResult:
        gone = GoneKeys(
            f"sweep-{day}", "customers", version(day), pa.table({"customer_id": pa.array(keys, pa.int64())})
        )
        return apply_deletes(connection or self.connection, gone, contract(), self.where, attempts=10)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.rows(sql)


def test_a_sweep_marks_keys_once_and_a_newer_row_brings_one_back(warehouse: Warehouse, tmp_path: Path) -> None:
    target = Target(warehouse, tmp_path, 1)
    target.load(1, {1: "a", 2: "b", 3: "c"})
    assert target.sweep(3, 1, 2, 99) == LoadResult("sweep-3", staged=3, inserted=0, updated=2, unchanged=1)
    assert target.sweep(3, 1, 2, 99).already_loaded
    gone = [(1, "a", "01", "03", "03"), (2, "b", "01", "03", "03"), (3, "c", "01", None, "")]
    assert target.rows(STATE) == gone
    assert describe_totals(target.connection, target.where).current == 1
    late = target.load(2, {1: "a2", 2: "b"})
    assert (late.inserted, late.updated) == (0, 1), "read before the sweep and loaded after it: content, no revival"
    assert target.rows(STATE) == [(1, "a2", "02", "03", "03"), (2, "b", "02", "03", "03"), (3, "c", "01", None, "")]
    back = target.load(4, {1: "a2", 3: "c"})
    assert (back.inserted, back.updated, back.unchanged) == (0, 1, 1), "the same content again is a change all the same"
    assert target.rows(STATE) == [(1, "a2", "04", None, ""), (2, "b", "02", "03", "03"), (3, "c", "04", None, "")]
    late_sweep = target.sweep(3 + 20, 1, 2)
    assert (late_sweep.updated, late_sweep.unchanged) == (1, 1)
    ledger = (
        "SELECT BATCH_ID, ROWS_STAGED, ROWS_INSERTED, ROWS_UPDATED FROM {db}.CONTROL.LOAD_LEDGER ORDER BY LOADED_AT"
    )
    assert [row for row in target.rows(ledger) if row[0].startswith("sweep")] == [
        ("sweep-3", 3, 0, 2),
        ("sweep-23", 2, 0, 1),
    ]
    left = (
        "SELECT (SELECT COUNT(*) FROM {db}.STAGING.CUSTOMERS) + (SELECT COUNT(*) FROM {db}.STAGING.CUSTOMERS__CHANGES)"
    )
    assert target.rows(left) == [(0,)]


def test_a_sweep_that_is_applied_after_the_key_came_back_does_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    for scd in (1, 2):
        target = Target(warehouse, tmp_path, scd)
        target.where = target.where.model_copy(update={"table": f"customers_{scd}"})
        target.load(1, {1: "a"})
        target.load(5, {1: "a"})
        assert target.sweep(3, 1).updated == 0
        assert target.sweep(5, 1).already_loaded is False, "the version of the run itself is not before the run"
        current = "_DELETED_VERSION IS NULL" if scd == 1 else "IS_CURRENT"
        assert target.rows(f"SELECT COUNT(*) FROM {{db}}.SILVER.CUSTOMERS_{scd} WHERE {current}") == [(1,)]


def test_a_type_2_row_ends_at_its_deletion_and_there_is_a_gap_until_the_key_comes_back(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    target = Target(warehouse, tmp_path, 2)
    target.load(1, {1: "a", 2: "x"})
    assert target.sweep(5, 1).updated == 1
    assert target.rows(HISTORY) == [(1, "a", "01", "05", False, "05"), (2, "x", "01", "", True, None)]
    assert target.load(3, {1: "b"}).updated == 1
    assert target.rows(HISTORY)[:2] == [(1, "a", "01", "03", False, None), (1, "b", "03", "05", False, "05")]
    assert target.load(4, {1: "b"}).unchanged == 1
    assert target.load(8, {1: "b"}).updated == 1
    assert target.load(9, {1: "b"}).unchanged == 1
    after = [(1, "a", "01", "03", False, None), (1, "b", "03", "05", False, "05"), (1, "b", "08", "", True, None)]
    assert target.rows(HISTORY)[:3] == after
    target.load(2, {1: "a2"})
    after = [(1, "a", "01", "02", False, None), (1, "a2", "02", "03", False, None), *after[1:]]
    assert target.rows(HISTORY)[:4] == after
    assert target.sweep(12, 1).updated == 1
    assert target.rows(HISTORY)[3] == (1, "b", "08", "12", False, "12")
    assert target.load(4, {1: "b"}).unchanged == 1, "a replay of an old version leaves all deletions as they are"
    assert target.rows(HISTORY)[:3] == after[:3]


@pytest.mark.parametrize("seed", [1])
def test_a_random_life_of_keys_gives_the_history_that_was(seed: int, warehouse: Warehouse, tmp_path: Path) -> None:
    """Loads come late and grouped, sweeps in their order; each is what the source looked like on that day."""
    chance = random.Random(seed)
    target = Target(warehouse, tmp_path, 2)
    alive: dict[int, dict[int, str]] = {}
    for day in range(1, 6):
        alive[day] = {key: f"{key}-{chance.randint(0, 2)}" for key in range(10) if chance.random() < 0.6}
    target.load(1, alive[1])
    for day in range(2, 6):
        loaded = LoadedKeys(target.connection, contract(), target.where, before=version(day))
        gone = {int(key) for (key,) in loaded.keys(ByHash(1), 0)} - alive[day].keys()
        first, second = (target.sweep, target.load) if chance.random() < 0.5 else (target.load, target.sweep)
        for step in (first, second):
            step(day, *gone) if step == target.sweep else step(day, alive[day])  # type: ignore[arg-type]
    wanted: list[tuple[Any, ...]] = []
    for key in range(10):
        seen: list[tuple[Any, ...]] = []
        for day in range(1, 6):
            name = alive[day].get(key)
            if seen and seen[-1][4] and seen[-1][1] != name:
                deleted = f"{day:02d}" if name is None else None
                seen[-1] = (*seen[-1][:3], f"{day:02d}", False, deleted)
            if name is not None and not (seen and seen[-1][4]):
                seen.append((key, name, f"{day:02d}", "", True, None))
        wanted += seen
    assert target.rows(HISTORY) == wanted


def test_a_death_at_any_statement_of_a_sweep_then_a_rerun_applies_it_once(warehouse: Warehouse, tmp_path: Path) -> None:
    target = Target(warehouse, tmp_path, 1)
    target.load(1, dict.fromkeys(range(40), "a"))
    counting = DyingConnection(warehouse.connect())
    target.sweep(2, 0, connection=counting)
    # The others are those of a load, whose deaths are tested one by one.
    commit = counting.seen.index("COMMIT")
    for number in (commit - 1, commit):
        day = 3 + number
        with pytest.raises(KilledError):
            target.sweep(day, number, connection=DyingConnection(warehouse.connect(), at=number, after=True))
        rerun = warehouse.connect()
        target.sweep(day, number, connection=rerun)
        rerun.close()
        marked = f"SELECT COUNT(*), MIN(_DELETED_VERSION) FROM {{db}}.SILVER.CUSTOMERS WHERE CUSTOMER_ID = {number}"
        assert target.rows(marked) == [(1, version(day))]
        ledger = f"SELECT COUNT(*), MIN(ROWS_UPDATED) FROM {{db}}.CONTROL.LOAD_LEDGER WHERE BATCH_ID = 'sweep-{day}'"
        assert target.rows(ledger) == [(1, 1)]
    target.sweep(31, 1)
    assert target.rows("SELECT COUNT(*) FROM {db}.STAGING.CUSTOMERS") == [(0,)], "swept what the dead ones left"


def test_a_table_that_was_made_without_the_marker_gains_it_and_a_full_read_deletes_nothing(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    target = Target(warehouse, tmp_path, 2)
    target.load(1, {1: "a", 2: "b"})
    cursor = target.connection.cursor()
    for table in ("SILVER.CUSTOMERS", "STAGING.CUSTOMERS__CHANGES"):
        for name in ("_DELETED_VERSION", "_DELETED_AT"):
            cursor.execute(f'ALTER TABLE {warehouse.database}.{table} DROP COLUMN "{name}"')
    target.load(2, {1: "a"})
    assert target.rows(HISTORY) == [(1, "a", "01", "", True, None), (2, "b", "01", "", True, None)]
    assert target.sweep(3).staged == 0, "an empty sweep is noted and changes nothing"
    assert target.sweep(4, 2).updated == 1


KEYED = Contract.from_mapping(
    {
        "contract": "keyed",
        "version": "1.0.0",
        "keys": ["number", "code", "amount", "day", "at", "hour", "token"],
        "columns": [
            {"name": "number", "type": "integer", "nullable": False},
            {"name": "code", "type": "string", "nullable": False},
            {"name": "amount", "type": "decimal(38,10)", "nullable": False},
            {"name": "day", "type": "date", "nullable": False},
            {"name": "at", "type": "timestamp", "nullable": False},
            {"name": "hour", "type": "time", "nullable": False},
            {"name": "token", "type": "uuid", "nullable": False},
        ],
    }
)


def _keyed(number: int) -> dict[str, Any]:
    return {
        "number": number,
        "code": "é😀'\u0001 x" if number % 3 else " ",
        "amount": Decimal(number) / 8 - Decimal("0.0000000001"),
        "day": date(1999, 12, 31),
        "at": datetime(2026, 1, 2, 3, 4, 5, abs(number)),
        "hour": time(number % 24, 59, 0, abs(number)),
        "token": f"0189abcd-0000-4000-8000-{number:012d}",
    }


def _text(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(row["number"]),
        row["code"],
        f"{row['amount']:.10f}",
        row["day"].isoformat(),
        row["at"].isoformat(" ", "microseconds"),
        row["hour"].isoformat("microseconds"),
        row["token"],
    )


def _hash(key: tuple[str, ...]) -> int:
    return int(hashlib.md5("\x1f".join(key).encode()).hexdigest()[:15], 16)


@pytest.mark.parametrize("scd", [1, 2])
def test_keys_of_all_types_are_hashed_in_the_warehouse_as_anybody_would_and_listed_exactly(
    scd: int, warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = [_keyed(number) for number in range(-2, 40)]
    where = LoadPolicy.model_validate({"database": warehouse.database, "table": "keyed", "scd": scd})
    connection = warehouse.connect()
    given = batch(tmp_path, "b1", version(1), rows, of=KEYED)
    load_batches(connection, [given], KEYED, where)
    load_batches(connection, [batch(tmp_path, "b2", version(5), [_keyed(7)], of=KEYED)], KEYED, where)
    seen = [row for row in rows if row["number"] != 7]
    loaded = LoadedKeys(connection, KEYED, where, before=version(5))
    for grouping in (ByHash(5), ByWidth(3, 10)):
        expected: dict[int, list[tuple[str, ...]]] = {}
        for row in seen:
            key, number = _text(row), int(row["number"])
            above = (number - 3) // 10
            expected.setdefault(_hash(key) % 5 if isinstance(grouping, ByHash) else above, []).append(key)
        groups = {group: KeyGroup(len(keys), sum(map(_hash, keys))) for group, keys in expected.items()}
        assert loaded.groups(grouping) == groups
        for group, keys in expected.items():
            assert sorted(loaded.keys(grouping, group)) == sorted(keys)
        assert len(list(loaded.keys(grouping, *groups))) == len(seen)
        first = min(groups)
        assert differing(groups, {**groups, first: KeyGroup(1, 1)}) == [first]
    listed = list(zip(*(_text(row) for row in seen[:3]), strict=True))
    gone = typed_keys(KEYED, pa.table(listed, names=[f"k{at}" for at in range(len(listed))]))
    result = apply_deletes(connection, GoneKeys("s", "customers", version(4), gone), KEYED, where)
    assert (result.staged, result.updated) == (3, 3)
    assert sum(group.rows for group in loaded.groups(ByHash(3)).values()) == len(seen) - 3
