"""Waits until a historian's source has gaps that are worth a backfill.

gaps = HistorianGapSensor(task_id="any_gaps", source="plant1", deferrable=True)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, conf

from airflow_provider_integrations.connectors.historian.triggers import HistorianGapTrigger
from airflow_provider_integrations.dag_context import historian_job, owner_of
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["HistorianGapSensor"]


class HistorianGapSensor(BaseSensorOperator):
    """True when samples are missing that the historian was not asked for in vain too often; it writes nothing.

    Args:
        source: Name of a file under `include/sources/`, `kind: historian`.
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
        """Look at once; then poke, or defer until there may be gaps."""
        if not self.deferrable:
            return super().execute(context)
        return self.resume(context)

    def poke(self, context: Context) -> bool:
        """One look."""
        from airflow_provider_integrations.connectors.historian.gap_scan import due_gaps

        gaps = due_gaps(historian_job(self.source, owner_of(context)))
        if gaps:
            self.log.info("%s: %d gaps are worth a backfill, the first one of %s", self.source, len(gaps), gaps[0].gap)
        return bool(gaps)

    def resume(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Look again after the trigger has seen something, and defer again if it is gone."""
        if not self.poke(context):
            self.defer(
                trigger=HistorianGapTrigger(self.source, self.poke_interval),
                method_name="resume",
                timeout=timedelta(seconds=self.timeout),
            )
