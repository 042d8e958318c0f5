"""Samples as rows of a batch: the contract's columns, and those that every landed file has beside them.

The same parts always give the same bytes: tags in the order of the work item, samples in that of time, row groups of one size.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from airflow_provider_integrations.connectors.historian.samples import SAMPLES
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.manifest import DataFile
from airflow_provider_integrations.formats.arrow import Table, pa, pc
from airflow_provider_integrations.formats.schema import arrow_schema
from airflow_provider_integrations.landing.parquet import PartWriter

__all__ = ["landed_table", "write_batch"]


def write_batch(
    folder: Path, contract: Contract, tables: Iterable[Table], *, batch_id: str, version: str
) -> tuple[tuple[DataFile, ...], int]:
    """Write samples into an empty folder; gives its files and how many rows they have.

    Args:
        folder: Private, of the batch.
        contract: Of samples, see `include_historian`.
        tables: In the schema `SAMPLES`, in order.
        batch_id, version: Of every row.
    """
    rows = 0
    with PartWriter(folder, arrow_schema(contract), durable=False) as out:
        for table in tables:
            out.write(landed_table(table, contract, first=rows + 1, batch_id=batch_id, version=version))
            rows += table.num_rows
    return out.files, rows


def landed_table(table: Table, contract: Contract, *, first: int, batch_id: str, version: str) -> Table:
    """Rows of a batch; `first` is the number of the first one, from 1."""
    assert table.schema.names == SAMPLES.names, "samples as files have them"
    ts_ns = table.column("ts").cast(pa.int64())
    schema = arrow_schema(contract)
    columns = {
        **{name: table.column(name) for name in SAMPLES.names},
        # Down and not to the nearest: no sample may come before its own instant's neighbours.
        "ts": pc.floor_temporal(table.column("ts"), unit="microsecond"),
        "ts_ns": ts_ns,
    }
    rows = table.num_rows
    same = pa.array(np.zeros(rows, np.int8))
    reserved = [
        pa.DictionaryArray.from_arrays(same, pa.array([batch_id])),
        pa.array(np.arange(first, first + rows, dtype=np.int64)),
        pa.DictionaryArray.from_arrays(same, pa.array([version])),
        pa.array(np.ones(rows, np.bool_)),
        pa.nulls(rows, pa.string()),
    ]
    values = [columns[column.name].cast(schema.field(column.name).type) for column in contract.columns]
    arrays = [*values, *reserved]
    fields = [field.with_type(array.type) for field, array in zip(schema, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
