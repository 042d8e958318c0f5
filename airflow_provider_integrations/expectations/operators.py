"""The quality gate as an Airflow operator.

gated = QualityGateOperator.partial(task_id="gate", source="acme_customers").expand(items=found.output)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.dag_context import batch_job, include_folder, owner_of
from airflow_provider_integrations.links import DOCS_XCOM, ITEM_XCOM, DataDocsLink, LedgerItemLink
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["QualityGateOperator"]


class QualityGateOperator(BaseOperator):
    """Run the Great Expectations checkpoint of a source over landed work items.

    Args:
        source: Name of a file under `include/sources/`; its `gate` says which suites and which mode.
        items: Ids of work items; those that are not `landed` are left alone. All that are landed without it.

    Returns counts by state and verdict. A batch that fails is a result, not a failure: it is in quarantine with its
    reason, its verdict in the ledger and its page in the data docs.
    """

    template_fields: Sequence[str] = ("source", "items")
    operator_extra_links = (DataDocsLink(), LedgerItemLink())

    def __init__(self, *, source: str, items: Sequence[str] | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.items = items

    def execute(self, context: Context) -> dict[str, Any]:
        """Gate the items and give the counts."""
        from airflow_provider_integrations.expectations.step import gate_items
        from airflow_provider_integrations.expectations.suites import read_suites

        job = batch_job(self.source, owner_of(context))
        suites = read_suites(include_folder(), job.gate.suites)
        wanted = self.items
        if wanted is None:
            wanted = [item.id for item in reversed(job.ledger.items.list(job.source, [State.LANDED], limit=None))]
        items = gate_items(job, suites, list(wanted))
        context["ti"].xcom_push(key=ITEM_XCOM, value=[item.id for item in items])
        context["ti"].xcom_push(key=DOCS_XCOM, value=[item.facts["docs"] for item in items if item.facts.get("docs")])
        return {
            "states": dict(Counter(item.state.value for item in items)),
            "verdicts": dict(Counter(item.facts["verdict"] for item in items if "verdict" in item.facts)),
            "rows_gated": sum(item.facts.get("rows_gated", 0) for item in items),
            "rows_failed": sum(item.facts.get("rows_failed", 0) for item in items),
        }
