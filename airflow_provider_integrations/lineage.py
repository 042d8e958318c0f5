"""OpenLineage facets of a task, where Airflow's OpenLineage provider is installed; nothing where it is not.

def get_openlineage_facets_on_complete(self, task_instance):
    return openlineage_facets(inputs=[...], outputs=[LineageDataset("snowflake://acme", "DB.SILVER.CUSTOMERS")])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

__all__ = ["LineageDataset", "openlineage_facets"]


@dataclass(frozen=True, slots=True)
class LineageDataset:
    """One dataset as OpenLineage names it (https://openlineage.io/docs/spec/naming).

    Args:
        namespace: Where it is, e.g. `sftp://host:22` or `snowflake://organization-account`.
        name: What it is there, e.g. a path or `DATABASE.SCHEMA.TABLE`.
        columns: Names and types of its columns, when known.
        rows: Rows that this task wrote to it.
        size: Bytes that this task wrote to it.
    """

    namespace: str
    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    size: int | None = None


def openlineage_facets(
    *, inputs: Sequence[LineageDataset] = (), outputs: Sequence[LineageDataset] = ()
) -> OperatorLineage[Any, Any] | None:
    """What `get_openlineage_facets_on_complete` returns; None when the provider is not installed."""
    try:
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
        from openlineage.client.generated.output_statistics_output_dataset import OutputStatisticsOutputDatasetFacet
        from openlineage.client.generated.schema_dataset import SchemaDatasetFacet, SchemaDatasetFacetFields
    except ImportError:
        return None

    def facets(dataset: LineageDataset) -> dict[str, SchemaDatasetFacet]:
        fields = [SchemaDatasetFacetFields(name=name, type=kind) for name, kind in dataset.columns.items()]
        return {"schema": SchemaDatasetFacet(fields=fields)} if fields else {}

    def statistics(dataset: LineageDataset) -> dict[str, OutputStatisticsOutputDatasetFacet]:
        if dataset.rows is None and dataset.size is None:
            return {}
        return {"outputStatistics": OutputStatisticsOutputDatasetFacet(rowCount=dataset.rows, size=dataset.size)}

    taken: list[Dataset] = [
        InputDataset(namespace=entry.namespace, name=entry.name, facets=dict(facets(entry))) for entry in inputs
    ]
    made: list[Dataset] = [
        OutputDataset(
            namespace=entry.namespace, name=entry.name, facets=dict(facets(entry)), outputFacets=dict(statistics(entry))
        )
        for entry in outputs
    ]
    return OperatorLineage(inputs=taken, outputs=made)
