"""The rows that a contract's reference may point at: what the referenced entity has published so far."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from airflow_provider_integrations.core.contract import Reference

__all__ = ["published_rows"]

log = logging.getLogger(__name__)


def published_rows(root: UPath, reference: Reference, batches: Iterable[Mapping[str, Any]]) -> pa.Table | None:
    """The distinct values of `reference.to_columns` in the batches, for the decoder's lookup.

    Args:
        root: Landing root.
        reference: Of a contract.
        batches: Facts of the referenced entity's loaded work items: `folder` and `publish`.

    Returns:
        None if nothing was published yet: then the reference cannot be checked, and the log says so.
    """
    columns = list(reference.to_columns)
    known: pa.Table | None = None
    for facts in batches:
        for file in facts.get("publish", ()):
            with (root / facts["folder"] / file["name"]).open("rb") as opened:
                parquet = pq.ParquetFile(opened)
                if not set(columns) <= set(parquet.schema_arrow.names):
                    continue  # Landed before the entity's contract had the column: there is nothing to point at.
                rows = parquet.read(columns=columns)
            # Distinct at every step, so that the history of an entity does not pile up in memory.
            known = pa.concat_tables([known, rows] if known is not None else [rows]).group_by(columns).aggregate([])
    if known is None:
        log.warning("reference to %s is not checked: nothing of it was published yet", reference.to)
    return known
