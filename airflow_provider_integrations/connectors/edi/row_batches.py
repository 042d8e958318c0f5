"""Accepted sets and messages to Arrow batches by table: the columns of the envelope, then those of the guide.

A set without a guide, or whose guide has no `rows`, goes to the table `segments`. Every table of a guide that was used is
there, if need be without rows. `set_number` and `row` together are the key of a row in its stream, `set_number` and
`parent` that of the row it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import pyarrow as pa

from airflow_provider_integrations.connectors.edi.accepted import AcceptedSet, Envelope
from airflow_provider_integrations.connectors.edi.guide_rules import Guide
from airflow_provider_integrations.connectors.edi.model import Finding
from airflow_provider_integrations.connectors.edi.row_contract import SEGMENT_TABLE
from airflow_provider_integrations.connectors.edi.row_schema import SEGMENTS, table_schema
from airflow_provider_integrations.connectors.edi.rows import segment_rows, to_rows
from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["ENVELOPE", "SEGMENT_TABLE", "RowBatches"]

_ENVELOPE_FIELDS: list[pa.Field[Any]] = [
    pa.field("sender", pa.string(), nullable=False),
    pa.field("receiver", pa.string(), nullable=False),
    pa.field("usage", pa.string(), nullable=False),
    pa.field("interchange_control", pa.string(), nullable=False),
    pa.field("group_control", pa.string()),
    pa.field("set_control", pa.string(), nullable=False),
    pa.field("set_number", pa.int64(), nullable=False),
]
ENVELOPE = pa.schema(_ENVELOPE_FIELDS)
"""The first columns of every table; only EDIFACT has sets without a group."""

_ROWS = 8_192
_BYTES = 1 << 20
"""Of the stream: with these a batch is full, so that sets of few long segments fill no memory either."""


@dataclass(slots=True)
class _Pending:
    schema: pa.Schema
    names: list[str]
    envelopes: list[Envelope] = field(default_factory=list)
    columns: list[list[Any]] = field(default_factory=list)


class RowBatches:
    """Gathers rows and gives them on as batches.

    Args:
        write: Takes the name of a table and a batch of it; the first batch of a table has no rows.
    """

    def __init__(self, write: Callable[[str, pa.RecordBatch], None]) -> None:
        self._write = write
        self._tables: dict[str, _Pending] = {}
        self._guides: set[Guide] = set()
        self._bytes = 0

    def add(self, one: AcceptedSet) -> list[Finding]:
        """The rows of one more set.

        Returns:
            Findings on values that are not of their column's kind, and are null.

        Raises:
            ConfigError: when two guides fill one table with different columns, or one has a column of the envelope's.
        """
        findings: list[Finding] = []
        if one.guide is not None and one.guide.tables:
            if one.guide not in self._guides:  # Once: schemas cost more than the rows of a set.
                for table in one.guide.tables:
                    self._open(table.name, table_schema(table))
                self._guides.add(one.guide)
            found = to_rows(one.guide, one.segments, one.delimiters, encoding=one.encoding)
            findings = found.findings
            for name, rows in found.tables.items():
                self._append(name, one.envelope, rows)
        else:
            self._open(SEGMENT_TABLE, SEGMENTS)
            self._append(SEGMENT_TABLE, one.envelope, segment_rows(one.segments, one.delimiters, encoding=one.encoding))
        self._bytes += one.size
        if self._bytes >= _BYTES:
            self.flush()
        return findings

    def flush(self) -> None:
        """Give on whatever is gathered."""
        for name in self._tables:
            self._give(name)
        self._bytes = 0

    def _open(self, name: str, own: pa.Schema) -> None:
        pending = self._tables.get(name)
        if pending is None:
            twice = sorted({*own.names} & {*ENVELOPE.names})
            if twice:
                raise ConfigError(
                    "a table has columns of the envelope", table=name, columns=twice,
                    next_step="Give them other names in `rows` of the guide.",
                )  # fmt: skip
            schema = pa.schema([*ENVELOPE, *own])
            self._tables[name] = _Pending(schema, own.names, [], [[] for _ in own.names])
            self._write(name, pa.RecordBatch.from_arrays([pa.array([], of.type) for of in schema], schema=schema))
        elif pending.names != own.names or pending.schema != pa.schema([*ENVELOPE, *own]):
            raise ConfigError(
                "two guides fill one table with different columns", table=name,
                next_step="Name one of them with --guide, or give the table another name in one of them.",
            )  # fmt: skip

    def _append(self, name: str, envelope: Envelope, rows: Iterable[Mapping[str, Any]]) -> None:
        pending = self._tables[name]
        for row in rows:
            pending.envelopes.append(envelope)
            for column, values in zip(pending.names, pending.columns, strict=True):
                values.append(row[column])
            if len(pending.envelopes) >= _ROWS:
                self._give(name)

    def _give(self, name: str) -> None:
        pending = self._tables[name]
        if not pending.envelopes:
            return
        around = [[getattr(one, of.name) for one in pending.envelopes] for of in fields(Envelope)]
        columns = [*around, *pending.columns]
        arrays = [pa.array(values, of.type) for values, of in zip(columns, pending.schema, strict=True)]
        self._write(name, pa.RecordBatch.from_arrays(arrays, schema=pending.schema))
        pending.envelopes, pending.columns = [], [[] for _ in pending.names]
