"""The rows that references may point at, over the history of an entity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from airflow_provider_integrations.core.contract import Reference
from airflow_provider_integrations.landing.references import published_rows

REFERENCE = Reference(columns=("customer",), to="customers", to_columns=("external_id",))


def published(root: Path, batch: str, **columns: list[Any]) -> dict[str, Any]:
    (root / batch).mkdir()
    pq.write_table(pa.table(columns), root / batch / "part-00000.parquet")
    return {"folder": batch, "publish": [{"name": "part-00000.parquet"}]}


def test_each_value_counts_once_and_files_from_before_the_column_count_not(tmp_path: Path) -> None:
    """The contract that is pointed at gained the column later."""
    batches = [
        published(tmp_path, "old", id=[1, 2]),
        published(tmp_path, "new", id=[1, 2], external_id=["a", "b"]),
        published(tmp_path, "newer", external_id=["b", "c"], id=[2, 3]),
    ]
    found = published_rows(UPath(tmp_path), REFERENCE, batches)
    assert found is not None
    assert sorted(found["external_id"].to_pylist()) == ["a", "b", "c"]
    assert published_rows(UPath(tmp_path), REFERENCE, batches[:1]) is None
    assert published_rows(UPath(tmp_path), REFERENCE, []) is None
