"""The load into Snowflake as an Airflow operator.

load = SnowflakeLoadOperator(task_id="load", source="acme_customers", outlets=[loaded_asset("acme_customers")])
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_integrations.assets import announce, loaded_asset
from airflow_provider_integrations.dag_context import batch_job, owner_of
from airflow_provider_integrations.ledger.mirror import mirror
from airflow_provider_integrations.lineage import LineageDataset, openlineage_facets
from airflow_provider_integrations.links import ITEM_XCOM, LedgerItemLink
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["SnowflakeLoadOperator"]


class SnowflakeLoadOperator(BaseOperator):
    """Load every gated batch of a source, once, and bring the source's watermark after it.

    Args:
        source: Name of a file under `include/sources/`; its `load` names connection, database and table.
        allow_gone: Of a historian: mark samples as gone also where they are more than the source's `gone_share`.

    It drains the ledger: whatever is gated is loaded, whichever run gated it. The asset event carries the manifests;
    the watermark and the counts are mirrored to the asset state store.
    """

    template_fields: Sequence[str] = ("source", "allow_gone")
    operator_extra_links = (LedgerItemLink(),)

    def __init__(self, *, source: str, allow_gone: bool | str = False, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.allow_gone = allow_gone
        self._lineage: tuple[list[LineageDataset], list[LineageDataset]] = ([], [])

    def execute(self, context: Context) -> dict[str, Any]:
        """Load and give the counts."""
        from airflow_provider_integrations.warehouse.hook import WarehouseHook
        from airflow_provider_integrations.warehouse.step import load_items

        allow = str(self.allow_gone).strip().lower() in ("true", "1", "yes")  # A template renders to text.
        job = batch_job(self.source, owner_of(context), allow_gone=allow)
        with closing(WarehouseHook(job.load.connection).get_conn()) as connection:
            loaded = load_items(job, connection)
        rows = {
            "batches": len(loaded),
            "loaded": sum(result.staged for _, result, _ in loaded),
            "inserted": sum(result.inserted for _, result, _ in loaded),
            "updated": sum(result.updated for _, result, _ in loaded),
            "unchanged": sum(result.unchanged for _, result, _ in loaded),
        }
        context["ti"].xcom_push(key=ITEM_XCOM, value=[item.id for item, _, _ in loaded])
        if loaded and (asset := loaded_asset(self.source)) in self.outlets:
            announce(context, asset, [manifest for _, _, manifest in loaded])
            watermark = job.ledger.watermarks.get(self.source)
            mirror(context, asset, watermark=watermark.to_json() if watermark else None, rows=rows)
        table = f"{job.load.database}.SILVER.{job.load.table}"
        self._lineage = (
            [
                LineageDataset("file", str(job.root / item.facts["folder"]), rows=result.staged)
                for item, result, _ in loaded
            ],
            [LineageDataset("snowflake", table, rows=rows["loaded"])] if loaded else [],
        )
        return rows

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Bronze folders in, the table out; None where Airflow's OpenLineage provider is not installed."""
        inputs, outputs = self._lineage
        return openlineage_facets(inputs=inputs, outputs=outputs)
