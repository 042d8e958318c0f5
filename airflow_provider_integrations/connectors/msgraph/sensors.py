"""Waits until a source of Graph or Dataverse has something to read.

new = GraphDeltaSensor(task_id="anything_new", source="entra_users", deferrable=True)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, conf

from airflow_provider_integrations.connectors.msgraph.triggers import GraphChangesTrigger
from airflow_provider_integrations.dag_context import graph_job, owner_of
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["GraphDeltaSensor"]


class GraphDeltaSensor(BaseSensorOperator):
    """True when the kept link leads to changes, or there is anything else for a run to do.

    Args:
        source: Name of a file under `include/sources/`, `kind: graph`.
        deferrable: Wait in the triggerer and not in a worker.
    """

    template_fields: Sequence[str] = ("source",)

    def __init__(
        self,
        *,
        source: str,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Look at once; then poke, or defer until there may be something."""
        if not self.deferrable:
            return super().execute(context)
        return self.resume(context)

    def poke(self, context: Context) -> bool:
        """One look."""
        from airflow_provider_integrations.connectors.msgraph.probe import look

        return look(graph_job(self.source, owner_of(context))).new

    def resume(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Look again after the trigger has seen something, and defer again if it is gone."""
        if not self.poke(context):
            self.defer(
                trigger=GraphChangesTrigger(self.source, self.poke_interval),
                method_name="resume",
                timeout=timedelta(seconds=self.timeout),
            )
