"""The Arrow schema of a guide's tables: types come from the guide and are never inferred from a set.

What `to_rows` gives fits it always, since a value that would not is null and a finding there.

    >>> from airflow_provider_integrations.connectors.edi.guide_rules import Column, Place
    >>> amount = Column("amount", Place(1, 1, None, None, None), "decimal", 2)
    >>> table_schema(Table("invoices", None, None, (amount,))).field("amount").type
    Decimal128Type(decimal128(38, 12))
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from airflow_provider_integrations.connectors.edi.guide_rules import Table
from airflow_provider_integrations.connectors.edi.row_values import PRECISION, SCALE

__all__ = ["SEGMENTS", "table_schema"]

_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "decimal": pa.decimal128(PRECISION, SCALE),
    "date": pa.date32(),
    "edifact_date": pa.date32(),
    "time": pa.time64("us"),
}

_SEGMENT_FIELDS: list[pa.Field[Any]] = [
    pa.field("position", pa.int64(), nullable=False),
    pa.field("tag", pa.string(), nullable=False),
    pa.field("elements", pa.list_(pa.string()), nullable=False),
]
SEGMENTS = pa.schema(_SEGMENT_FIELDS)
"""Of `segment_rows`: a set without a guide."""


def table_schema(table: Table) -> pa.Schema:
    """Number of the row, number of the row that it belongs to, then the columns in the guide's order."""
    keys = [pa.field("row", pa.int64(), nullable=False), pa.field("parent", pa.int64())]
    return pa.schema([*keys, *(pa.field(column.name, _TYPES[column.kind]) for column in table.columns)])
