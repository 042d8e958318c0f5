"""Gating one batch of many rows, and many batches of few: time, and the peak of the resident set.

The rows are made in one process and gated in another, so that the peak is the gate's alone; it includes Great Expectations
itself, some 340 MB. One row in a thousand breaks a rule and goes to quarantine: the whole of the gate is at work, with
the rewriting and the second look.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.core.verdict import GateMode
from airflow_provider_integrations.expectations.gate import LandedBatch, run_gate
from airflow_provider_integrations.expectations.suites import Suite
from airflow_provider_integrations.formats.schema import arrow_schema
from airflow_provider_integrations.landing.parquet import PartWriter
from benchmarks.machine import Goal, Options, apart, clock, medians, save
from benchmarks.machine import main as command_line

__all__ = ["benchmark", "measure"]

GOAL_MB = 1024
"""Peak for ten million rows."""

FULL = {"rows": 10_000_000, "batches": 100, "batch_rows": 1000}
QUICK = {"rows": 1_000_000, "batches": 20, "batch_rows": 1000}

CONTRACT = Contract.from_mapping(
    {
        "contract": "bench_customers",
        "version": "1.0.0",
        "keys": ["customer_id"],
        "columns": [
            {"name": "customer_id", "type": "integer", "nullable": False, "range": {"min": 1}, "unique": True},
            {"name": "full_name", "type": "string", "nullable": False, "max_length": 200, "pii": "name"},
            {"name": "email", "type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "pii": "email"},
            {"name": "segment", "type": "string", "nullable": False, "enum": ["residential", "business", "public"]},
            {"name": "balance", "type": "float", "nullable": False, "range": {"min": 0}},
        ],
    }
)
SUITE = Suite.from_mapping(
    {
        "suite": "bench",
        "expectations": [
            {"type": "expect_column_values_to_not_be_null", "column": "email", "mostly": 0.8},
            {"type": "expect_table_row_count_to_be_between", "min_value": 1},
        ],
    }
)
_CHUNK = 1_000_000


def make(folder: Path, batches: int, rows: int) -> dict[str, Any]:
    """Write landed batches; a manifest beside each."""
    schema = arrow_schema(CONTRACT)
    for number in range(batches):
        batch_id = f"b{number:05d}"
        target = folder / batch_id
        target.mkdir(parents=True)
        with PartWriter(target, schema) as writer:
            for first in range(0, rows, _CHUNK):
                writer.write(_people(first, min(_CHUNK, rows - first), batch_id, schema))
        manifest = _manifest(batch_id, rows, writer.files)
        (target / "_manifest.json").write_text(manifest.to_json())
    return {}


def measure(batches: int, rows: int) -> dict[str, Any]:
    """Make them in one process and gate them in another."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        apart(make, Path(name) / "landed", batches, rows)
        return apart(_gate, Path(name) / "landed")


def benchmark(options: Options) -> dict[str, Any]:
    """One large batch, then many small ones."""
    large = measure(1, options["rows"])
    small = measure(options["batches"], options["batch_rows"])
    goals = [Goal(f"MB at the most for {options['rows']} rows", large["peak_mb"], most=GOAL_MB)]
    figures = {way: medians([run]) | {"verdicts": run["verdicts"]} for way, run in (("one", large), ("many", small))}
    return save("gate", goals, figures, options)


def _gate(folder: Path) -> dict[str, Any]:
    batches = [
        LandedBatch(Manifest.from_json((path / "_manifest.json").read_text()), path)
        for path in sorted(folder.iterdir())
    ]
    began = time.perf_counter()
    import airflow_provider_integrations.expectations.runner  # noqa: F401 seconds, once for a process

    imported = time.perf_counter() - began
    with clock() as spent:
        outcomes = run_gate(batches, CONTRACT, [SUITE], GateMode.QUARANTINE_ROWS, docs=folder.parent / "docs")
    return {
        "batches": len(batches),
        "rows": sum(batch.manifest.rows_landed for batch in batches),
        "rows_failed": sum(outcome.result.rows_failed for outcome in outcomes),
        "verdicts": sorted({outcome.result.verdict.value for outcome in outcomes}),
        "import_s": imported,
        "ms_per_batch": spent["seconds"] * 1000 / len(batches),
        **spent,
    }


def _people(first: int, rows: int, batch_id: str, schema: pa.Schema) -> pa.Table:
    numbers = np.arange(first + 1, first + rows + 1, dtype=np.int64)
    text: Any = pc.cast(pa.array(numbers), pa.string())
    one = pa.scalar("", pa.string())
    segments = np.where(numbers % 1000 == 7, "boat", np.array(["residential", "business", "public"])[numbers % 3])
    email: Any = pc.binary_join_element_wise("user", text, "@example.org", one)
    columns = {
        "customer_id": pa.array(numbers),
        "full_name": pc.binary_join_element_wise("Customer", text, " "),
        "email": pc.if_else(pa.array(numbers % 10 == 0), pa.scalar(None, pa.string()), email),
        "segment": pa.array(segments, pa.string()),
        "balance": pa.array(numbers % 1000 / 4),
        "_batch_id": pa.array([batch_id] * rows, pa.string()),
        "_line": pa.array(numbers + 1),
        "_version": pa.array(["v"] * rows, pa.string()),
        "_dq_valid": pa.array(np.ones(rows, dtype=bool)),
        "_dq_flags": pa.nulls(rows, pa.string()),
    }
    return pa.table(columns, schema=schema)


def _manifest(batch_id: str, rows: int, files: tuple[DataFile, ...]) -> Manifest:
    return Manifest(
        batch_id=batch_id,
        source="bench",
        item_id=hashlib.sha256(batch_id.encode()).hexdigest()[:32],
        received_at="2025-11-05T06:00:00+00:00",
        ingest_date="2025-11-05",
        original="bench.csv.gpg",
        version="v",
        contract=CONTRACT.contract,
        contract_version=CONTRACT.version,
        contract_digest=CONTRACT.digest,
        ciphertext_sha256="0" * 64,
        plaintext_sha256="0" * 64,
        signers=(),
        rows_read=rows,
        rows_landed=rows,
        rows_rejected=0,
        files=files,
    )


if __name__ == "__main__":
    command_line(benchmark, full=FULL, quick=QUICK, doc=__doc__)
