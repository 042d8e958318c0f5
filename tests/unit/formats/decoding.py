"""What the decoding tests share: contracts from a few words, and one call that decodes bytes and reads all back."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.formats.delimited import Decoded, Tuning, decode_all
from airflow_provider_integrations.formats.schema import arrow_schema


@dataclass(frozen=True)
class Result:
    decoded: Decoded
    table: pa.Table
    rejects: list[dict[str, Any]]

    def column(self, name: str) -> list[Any]:
        return self.table.column(name).to_pylist()

    @property
    def broken(self) -> list[tuple[int, str | None, str]]:
        return [(reject["line"], reject["column"], reject["rule"]) for reject in self.rejects]


def contract(*columns: dict[str, Any], **settings: Any) -> Contract:
    """A contract whose first column is the key."""
    first, *others = columns
    columns = ({"nullable": False, **first}, *others)
    settings = {"keys": [first["name"]], "max_reject_share": 1, **settings}
    return Contract.from_mapping({"contract": "probe", "version": "1.0.0", "columns": list(columns), **settings})


def read_back(
    data: bytes, by: Contract, folder: Path, *, block: int = 1 << 20, lookup: Any = None, **tuning: Any
) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    decoded = decode_all(
        io.BytesIO(data), by, folder, batch_id="b1", version="v1", lookup=lookup,
        tuning=Tuning(block_bytes=block, **tuning),
    )  # fmt: skip
    schema = arrow_schema(by)
    parts = [pq.read_table(folder / file.name) for file in decoded.files]
    for part in parts:
        assert part.schema == schema
    table = pa.concat_tables(parts) if parts else schema.empty_table()
    rejects = [json.loads(line) for line in decoded.rejects.read_text().splitlines()] if decoded.rejects else []
    assert decoded.rows_read == decoded.rows_landed + decoded.rows_rejected
    assert decoded.rows_landed == table.num_rows == sum(file.rows for file in decoded.files)
    assert decoded.rows_rejected == len(rejects) == sum(decoded.rejects_by_rule.values())
    seen = [*table.column("_line").to_pylist(), *(reject["line"] for reject in rejects)]
    assert len(seen) == len(set(seen)), "a line is in two records"
    return Result(decoded, table, rejects)
