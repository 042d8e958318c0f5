"""The Arrow schema that a contract stands for; types are never inferred."""

from __future__ import annotations

import pyarrow as pa

from airflow_provider_integrations.core.contract import Column, Contract

__all__ = ["arrow_schema", "arrow_type", "later_fields"]

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


def later_fields(found: pa.Schema, contract: Contract) -> list[pa.Field[pa.DataType]]:
    """What a contract has gained since a file was landed under an earlier version: nullable columns, null in its rows.

    A column that is there in another case is none of them: that is a mistake, and not an earlier version.
    """
    have = {name.upper() for name in found.names}
    gained = [column for column in contract.columns if column.nullable and column.name.upper() not in have]
    return [pa.field(column.name, arrow_type(column)) for column in gained]
