"""Published batches for tests of the warehouse: small contract, rows as dictionaries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.source import LoadPolicy
from airflow_provider_integrations.formats.schema import arrow_type
from airflow_provider_integrations.warehouse.loader import PublishedBatch

COLUMNS = [
    {"name": "customer_id", "type": "integer", "nullable": False},
    {"name": "name", "type": "string", "max_length": 40},
    {"name": "balance", "type": "decimal(18,2)"},
    {"name": "signed_up", "type": "date"},
    {"name": "updated_at", "type": "timestamp"},
]


def contract(*more: dict[str, Any], keys: Sequence[str] = ("customer_id",)) -> Contract:
    return Contract.from_mapping(
        {"contract": "customers", "version": "1.0.0", "keys": list(keys), "columns": [*COLUMNS, *more]}
    )


def policy(database: str, scd: int = 1) -> LoadPolicy:
    return LoadPolicy.model_validate({"database": database, "table": "customers", "scd": scd})


def customer(number: int, name: str | None = "Anna", **values: Any) -> dict[str, Any]:
    return {
        "customer_id": number,
        "name": name,
        "balance": Decimal("12.50"),
        "signed_up": date(2020, 2, 29),
        "updated_at": datetime(2025, 11, 1, 2, 3, 4, 567891),
        **values,
    }


def batch(
    folder: Path,
    batch_id: str,
    version: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    of: Contract | None = None,
    files: int = 1,
    rename: Mapping[str, str] | None = None,
) -> PublishedBatch:
    """Write the rows as the landing would, over `files` files."""
    of = of or contract()
    target = folder / batch_id
    target.mkdir(parents=True, exist_ok=True)
    columns = {
        column.name: pa.array([row.get(column.name) for row in rows], arrow_type(column)) for column in of.columns
    }
    columns |= {
        "_batch_id": pa.array([batch_id] * len(rows), pa.string()),
        "_line": pa.array(range(2, len(rows) + 2), pa.int64()),
        "_version": pa.array([version] * len(rows), pa.string()),
        "_dq_valid": pa.array([row.get("_dq_valid", True) for row in rows], pa.bool_()),
        "_dq_flags": pa.array([row.get("_dq_flags") for row in rows], pa.string()),
    }
    table = pa.table(columns).rename_columns([(rename or {}).get(name, name) for name in columns])
    paths, size = [], -(-len(rows) // files) or 1
    for number in range(files):
        path = target / f"part-{number:05d}.parquet"
        pq.write_table(table.slice(number * size, size), path)
        paths.append(path)
    digests = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    return PublishedBatch(batch_id, "customers", version, tuple(paths), digests, len(rows))
