"""Batches of many page files and without an original, as tables give them: landed, gated, loaded, every value the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ReconciliationError
from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.core.verdict import GateMode, Verdict
from airflow_provider_integrations.expectations.gate import LandedBatch, run_gate
from airflow_provider_integrations.formats.schema import arrow_schema
from airflow_provider_integrations.landing.bronze import promote, read_manifest
from airflow_provider_integrations.landing.parquet import PartWriter
from airflow_provider_integrations.warehouse.loader import PublishedBatch, load_batches
from airflow_provider_integrations.warehouse.reconcile import reconcile
from tests.fakes.dying_connection import DyingConnection
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.warehouse_batches import batch, contract, customer, policy

pytestmark = pytest.mark.integration

ALL_TYPES = Contract.from_mapping(
    {
        "contract": "everything",
        "version": "1.0.0",
        "keys": ["id"],
        "max_reject_share": 0.1,
        "columns": [
            {"name": "id", "type": "integer", "nullable": False},
            {"name": "note", "type": "string"},
            {"name": "exact", "type": "decimal(38,10)"},
            {"name": "price", "type": "decimal(18,4)", "range": {"min": "-1000000"}},
            {"name": "ratio", "type": "float"},
            {"name": "done", "type": "boolean"},
            {"name": "day", "type": "date"},
            {"name": "hour", "type": "time"},
            {"name": "at", "type": "timestamp"},
            {"name": "token", "type": "uuid"},
        ],
    }
)
WIDEST = Decimal("9" * 28 + "." + "9" * 10)
ODD: list[dict[str, Any]] = [
    {
        "note": "a\x00b",
        "exact": WIDEST,
        "ratio": 1.7976931348623157e308,
        "at": datetime(9999, 12, 31, 23, 59, 59, 999999),
    },
    {"note": "😀 é é \u2028 ' \" \\ \t", "exact": WIDEST.copy_negate(), "ratio": 5e-324, "at": datetime(1, 1, 1)},
    {"note": "", "exact": Decimal("0.0000000001"), "ratio": -0.1, "at": datetime(1969, 12, 31, 23, 59, 59, 1)},
    {"note": " padded ", "exact": Decimal("-0.0000000001"), "ratio": 0.1 + 0.2, "hour": time(23, 59, 59, 999999)},
    {"note": "NULL", "day": date(1, 1, 1), "done": False, "token": "ffffffff-ffff-ffff-ffff-ffffffffffff"},
    {"note": "x" * 70_000, "day": date(9999, 12, 31), "done": True, "hour": time(0, 0)},
    {},
]


def _row(number: int) -> dict[str, Any]:
    row: dict[str, Any] = {column.name: None for column in ALL_TYPES.columns}
    return row | {"id": number - 3, "price": Decimal(number) / 10000} | ODD[number % len(ODD)]


def _manifest(batch_id: str, files: tuple[DataFile, ...], rows: int) -> Manifest:
    return Manifest(
        batch_id=batch_id, source="everything", item_id="i", received_at="2026-01-02T00:00:00+00:00",
        ingest_date="2026-01-02", original="odbc/00000001.0/shard-0001", version="2026-01-02T03:04:05.123456Z/00000001.0",
        contract=ALL_TYPES.contract, contract_version=ALL_TYPES.version, contract_digest=ALL_TYPES.digest,
        ciphertext_sha256="", plaintext_sha256="", signers=(), rows_read=rows, rows_landed=rows, rows_rejected=0,
        files=files,
    )  # fmt: skip


def _land(root: Path, stage: Path, pages: Iterator[list[dict[str, Any]]]) -> LandedBatch:
    """Pages as the extraction writes them: one file each, lines counted on."""
    stage.mkdir()
    schema, files, line = arrow_schema(ALL_TYPES), [], 0
    for number, rows in enumerate(pages):
        own = [
            {**row, "_batch_id": "b1", "_line": line + n, "_version": "2026-01-02T03:04:05.123456Z/00000001.0",
             "_dq_valid": True, "_dq_flags": None}
            for n, row in enumerate(rows, 1)
        ]  # fmt: skip
        with PartWriter(stage, schema, stem=f"page-{number:05d}") as writer:
            writer.write(pa.Table.from_pylist(own, schema=schema))
        files.append(writer.files[0])
        line += len(rows)
    folder = promote(stage, root, _manifest("b1", tuple(files), line))
    return LandedBatch(read_manifest(folder), Path(folder.path))


def _published(landed: LandedBatch, files: tuple[DataFile, ...]) -> PublishedBatch:
    return PublishedBatch(
        "b1", "everything", landed.manifest.version, tuple(landed.folder / file.name for file in files),
        tuple(file.sha256 for file in files), sum(file.rows for file in files), landed.manifest,
        control=("price", "id"),
    )  # fmt: skip


def _text(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)


def test_sixty_pages_without_an_original_are_gated_and_loaded_with_every_value_as_it_was(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = [_row(number) for number in range(600)]
    bad = {17, 250, 599}
    rows = [{**row, "price": Decimal("-1000000.0001")} if n in bad else row for n, row in enumerate(rows)]
    landed = _land(tmp_path / "root", tmp_path / "stage", (rows[n : n + 10] for n in range(0, 600, 10)))
    assert len(landed.manifest.files) == 60
    assert not (landed.folder / "original.pgp").exists()
    [outcome] = run_gate([landed], ALL_TYPES, [], GateMode.QUARANTINE_ROWS, docs=None)
    assert (outcome.result.verdict, outcome.result.rows_failed) == (Verdict.PASSED_WITH_QUARANTINE, 3)

    where = LoadPolicy.model_validate({"database": warehouse.database, "table": "everything", "scd": 1})
    connection = warehouse.connect()
    [result] = load_batches(connection, [_published(landed, outcome.publish)], ALL_TYPES, where)
    facts = {"rows_source": 600, "verdict": "passed_with_quarantine", "rows_failed": 3,
             "publish": [{"rows": file.rows} for file in outcome.publish]}  # fmt: skip
    counts = reconcile(facts, landed.manifest, result)
    assert (counts.landed, counts.published, counts.quarantined, counts.merged) == (600, 597, 3, 597)
    with pytest.raises(ReconciliationError, match="601 and 600"):
        reconcile({**facts, "rows_source": 601}, landed.manifest, result)

    kept = [row for number, row in enumerate(rows) if number not in bad]
    # As texts: the driver makes of a NULL timestamp 1970, and of numbers and years at the edge what Python can hold.
    texts = ", ".join(
        f'CAST("{column.name.upper()}" AS VARCHAR)' for column in ALL_TYPES.columns if column.type != "float"
    )
    found = warehouse.rows(f"SELECT {texts} FROM {{db}}.SILVER.EVERYTHING ORDER BY ID")
    names = [column.name for column in ALL_TYPES.columns if column.type != "float"]
    scales = {"exact": Decimal("1e-10"), "price": Decimal("1e-4")}
    for row, loaded in zip(kept, found, strict=True):
        for name, text in zip(names, loaded, strict=True):
            value = row[name]
            if value is not None and name in scales:
                assert Decimal(str(text)) == value, name
            elif name in ("hour", "at") and value is not None:
                assert type(value).fromisoformat(str(text)) == value, name
            else:
                assert text == _text(value), name
    ratios = warehouse.rows('SELECT "RATIO" FROM {db}.SILVER.EVERYTHING ORDER BY ID')
    assert [ratio for (ratio,) in ratios] == [row["ratio"] for row in kept]
    bare = warehouse.rows("SELECT NOTE, EXACT, DONE, TOKEN FROM {db}.SILVER.EVERYTHING WHERE ID = -3")
    assert bare == [("a\x00b", WIDEST, None, None)]


def test_eight_shards_of_20000_rows_are_one_copy_and_one_merge(warehouse: Warehouse, tmp_path: Path) -> None:
    version, each = "2026-01-02T03:04:05.123456Z/00000001.0", 20_000
    shards = [
        batch(tmp_path, f"shard-{n}", version, [customer(key) for key in range(n * each, (n + 1) * each)], files=3)
        for n in range(8)
    ]
    counting = DyingConnection(warehouse.connect())
    results = load_batches(counting, shards, contract(), policy(warehouse.database))
    assert [(result.staged, result.inserted) for result in results] == [(each, each)] * 8
    begins = [text.split()[0] for text in counting.seen]
    # The second PUT and COPY are those of the plan; the emulator answers a FILES list with an error first.
    assert (begins.count("PUT"), begins.count("MERGE"), begins.count("COMMIT")) == (2, 1, 1)
    assert begins.count("COPY") <= 3
    assert warehouse.rows("SELECT COUNT(*), COUNT(DISTINCT CUSTOMER_ID) FROM {db}.SILVER.CUSTOMERS") == [
        (8 * each,) * 2
    ]


def test_a_control_sum_that_copy_changes_stops_the_load_before_the_merge(warehouse: Warehouse, tmp_path: Path) -> None:
    given = batch(tmp_path, "b1", "2026-01-02/1", [customer(1), customer(2)])
    wanted = PublishedBatch(**{name: getattr(given, name) for name in given.__slots__} | {"control": ("balance",)})
    load_batches(
        warehouse.connect(),
        [batch(tmp_path, "b0", "2026-01-01/1", [customer(9)])],
        contract(),
        policy(warehouse.database),
    )

    class _Meddling(DyingConnection):
        """Changes a staged value before it is counted, as a wrong reading of the files would."""

        def call(self, what: str, action: Any) -> Any:
            if what.startswith('SELECT "_BATCH_ID", COUNT(*)'):
                sql = f'UPDATE {warehouse.database}.STAGING.CUSTOMERS SET "BALANCE" = 0.01 WHERE CUSTOMER_ID = 1'
                warehouse.rows(sql)
            return super().call(what, action)

    with pytest.raises(ReconciliationError, match="control sums"):
        load_batches(_Meddling(warehouse.connect()), [wanted], contract(), policy(warehouse.database))
    assert warehouse.rows("SELECT COUNT(*) FROM {db}.SILVER.CUSTOMERS") == [(1,)]


_GATE = """
import json, sys
from pathlib import Path
from airflow_provider_integrations.core.verdict import GateMode
from airflow_provider_integrations.expectations.gate import LandedBatch, run_gate
from airflow_provider_integrations.landing.bronze import read_manifest
from tests.fakes.memory import peak_kib
from tests.integration.test_warehouse_pages import ALL_TYPES
folder = Path(sys.argv[1])
[found] = run_gate([LandedBatch(read_manifest(folder), folder)], ALL_TYPES, [], GateMode.QUARANTINE_ROWS, docs=None)
print(json.dumps([found.result.verdict, found.result.rows, found.result.rows_failed, len(found.publish), peak_kib()]))
"""


def test_the_pages_of_a_large_batch_are_not_all_in_memory_at_once(tmp_path: Path) -> None:
    """Sixty pages of 18,000 rows with 400 signs of text each: 430 MB, twice as much in tables, if they were read together."""
    stage, schema, rows = tmp_path / "stage", arrow_schema(ALL_TYPES), 18_000
    stage.mkdir()
    files: list[DataFile] = []
    for page in range(60):
        ids = pa.array(range(page * rows, (page + 1) * rows), pa.int64())
        columns: dict[str, Any] = {
            "id": ids,
            "note": pa.array([f"{page:05d}{n:05d}" * 40 for n in range(rows)]),
            "price": pa.repeat(pa.scalar(Decimal("1.0000"), pa.decimal128(18, 4)), rows),
            "_batch_id": pa.repeat("b1", rows),
            "_line": ids,
            "_version": pa.repeat("2026-01-02T03:04:05.123456Z/00000001.0", rows),
            "_dq_valid": pa.repeat(True, rows),
        }
        table = pa.table({f.name: columns.get(f.name, pa.nulls(rows, f.type)) for f in schema}).cast(schema)
        with PartWriter(stage, schema, stem=f"page-{page:05d}") as writer:
            writer.write(table)
        files += writer.files
    folder = promote(stage, tmp_path / "root", _manifest("b1", tuple(files), 60 * rows))
    done = subprocess.run(
        [sys.executable, "-c", _GATE, folder.path], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    verdict, gated, failed, published, peak = json.loads(done.stdout.splitlines()[-1])
    assert (verdict, gated, failed, published) == ("passed", 60 * rows, 0, 60)
    assert peak < 800 * 1024, f"{peak // 1024} MiB"
