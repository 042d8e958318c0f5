"""The Arrow schema that a contract stands for; types are never inferred."""

from __future__ import annotations

import pyarrow as pa

from airflow_provider_integrations.core.contract import Column, Contract

__all__ = ["arrow_schema", "arrow_type"]

_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "uuid": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us", "UTC"),
}


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type of a column: `decimal(p,s)` is exact, a timestamp is UTC microseconds, a uuid is its text."""
    if column.decimal:
        return pa.decimal128(*column.decimal)
    return _TYPES[column.type]


def arrow_schema(contract: Contract) -> pa.Schema:
    """The schema of every landed file of this contract: its columns in its order, then the reserved ones."""
    fields = [pa.field(column.name, arrow_type(column), nullable=column.nullable) for column in contract.columns]
    return pa.schema(
        [
            *fields,
            pa.field("_batch_id", pa.string(), nullable=False),
            pa.field("_line", pa.int64(), nullable=False),
            pa.field("_version", pa.string(), nullable=False),
            pa.field("_dq_valid", pa.bool_(), nullable=False),
            pa.field("_dq_flags", pa.string()),
        ]
    )
