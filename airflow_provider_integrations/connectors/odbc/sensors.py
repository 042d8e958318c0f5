"""Waits until a table has something to extract.

new = OdbcWatermarkSensor(task_id="anything_new", source="erp_orders", deferrable=True)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, conf

from airflow_provider_integrations.connectors.odbc.operators import run_job
from airflow_provider_integrations.connectors.odbc.triggers import OdbcWatermarkTrigger
from airflow_provider_integrations.dag_context import owner_of
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["OdbcWatermarkSensor"]


class OdbcWatermarkSensor(BaseSensorOperator):
    """True when rows lie above the source's watermark, or were committed behind it.

    Args:
        source: Name of a file under `include/sources/`.
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
        from airflow_provider_integrations.connectors.odbc.probe import anything_new

        return anything_new(run_job(self.source, owner_of(context)))

    def resume(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Look again after the trigger has seen something, and defer again if it is gone."""
        if not self.poke(context):
            self.defer(
                trigger=OdbcWatermarkTrigger(source=self.source, poll_interval=self.poke_interval),
                method_name="resume",
                timeout=timedelta(seconds=self.timeout),
            )
