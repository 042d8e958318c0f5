"""Makes landed batches for the tests of the gate."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.manifest import DataFile, Manifest
from airflow_provider_integrations.expectations.gate import LandedBatch
from airflow_provider_integrations.formats.schema import arrow_schema

CONTRACT = Contract.from_mapping(
    {
        "contract": "people",
        "version": "1.0.0",
        "keys": ["id"],
        "max_reject_share": 0.5,
        "columns": [
            {"name": "id", "type": "integer", "nullable": False, "range": {"min": 1}, "unique": True},
            {"name": "full_name", "type": "string", "nullable": False, "max_length": 40, "pii": "name"},
            {"name": "email", "type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "pii": "email"},
            {"name": "segment", "type": "string", "nullable": False, "enum": ["home", "office"]},
            {"name": "balance", "type": "decimal(18,2)", "range": {"min": "-100.00", "max": "1000000"}},
            {"name": "born", "type": "date", "range": {"min": "1900-01-01"}},
            {
                "name": "seen_at",
                "type": "timestamp",
                "range": {"min": "2000-01-01T00:00:00", "max": "2100-01-01T00:00:00Z"},
            },
        ],
    }
)


def person(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "id": number,
        "full_name": f"Person {number}",
        "email": f"p{number}@example.org",
        "segment": "home" if number % 2 else "office",
        "balance": Decimal(number),
        "born": date(1980, 1, 1 + number % 28),
        "seen_at": datetime(2025, 11, 5, number % 24, tzinfo=UTC),
    }
    return {**row, **changes}


def people(rows: int, changes: Mapping[int, Mapping[str, Any]] | None = None) -> list[dict[str, Any]]:
    return [person(n, **(changes or {}).get(n, {})) for n in range(1, rows + 1)]


def land(
    folder: Path, batch_id: str, rows: Sequence[Mapping[str, Any]], *, parts: int = 1, contract: Contract = CONTRACT
) -> LandedBatch:
    folder = folder / f"batch={batch_id}"
    folder.mkdir(parents=True)
    schema = arrow_schema(contract)
    # As a lenient decoder would have written it: the gate must find a null in a column that may not have one.
    schema = pa.schema([field.with_nullable(True) for field in schema])
    full = [
        {**row, "_batch_id": batch_id, "_line": n, "_version": "v", "_dq_valid": True, "_dq_flags": None}
        for n, row in enumerate(rows, 2)
    ]
    files = []
    size = max(1, -(-len(full) // parts))
    for part, start in enumerate(range(0, len(full), size) if full else [0]):
        path = folder / f"part-{part:05d}.parquet"
        pq.write_table(pa.Table.from_pylist(full[start : start + size], schema), path, row_group_size=1000)
        data = path.read_bytes()
        files.append(DataFile(path.name, hashlib.sha256(data).hexdigest(), len(data), len(full[start : start + size])))
    return LandedBatch(manifest_of(batch_id, len(rows), tuple(files), contract), folder)


def manifest_of(batch_id: str, rows: int, files: tuple[DataFile, ...], contract: Contract = CONTRACT) -> Manifest:
    return Manifest(
        batch_id=batch_id,
        source="people",
        item_id=f"item-{batch_id}",
        received_at="2025-11-05T06:00:00+00:00",
        ingest_date="2025-11-05",
        original="people.csv.gpg",
        version="v",
        contract=contract.contract,
        contract_version=contract.version,
        contract_digest=contract.digest,
        ciphertext_sha256="0" * 64,
        plaintext_sha256="0" * 64,
        signers=(),
        rows_read=rows,
        rows_landed=rows,
        rows_rejected=0,
        files=files,
    )


def read(batch: LandedBatch, files: Sequence[DataFile]) -> list[dict[str, Any]]:
    return [row for file in files for row in pq.read_table(batch.folder / file.name).to_pylist()]
