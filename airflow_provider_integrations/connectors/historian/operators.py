"""Backfills of historians as Airflow operators; `dags/historian_backfill.py` puts them in order.

plan = HistorianPlanOperator(task_id="plan", source="plant1", begin="{{ params['from'] or '' }}")
HistorianBackfillOperator.partial(task_id="read", source="plant1", deferrable=True).expand(items=plan.output)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf

from airflow_provider_integrations.connectors.historian.triggers import HistorianReadTrigger
from airflow_provider_integrations.core.error_data import error_from_data
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.dag_context import batch_job, historian_job, owner_of
from airflow_provider_integrations.ledger.hook import LedgerHook
from airflow_provider_integrations.lineage import LineageDataset, openlineage_facets
from airflow_provider_integrations.links import ITEM_XCOM, HistorianProgressLink, LedgerItemLink
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_integrations.core.work_item import WorkItem

__all__ = [
    "PLAN_XCOM",
    "HistorianBackfillOperator",
    "HistorianGapsOperator",
    "HistorianPlanOperator",
    "HistorianPublishOperator",
]

PLAN_XCOM = "integrations_plan"
"""XCom key of what a run would read, or reads."""

_MOST_GROUPS = 1_000
"""Airflow maps a task 1,024 times at the most (`[core] max_map_length`)."""


class HistorianPlanOperator(BaseOperator):
    """Plan what a run reads and give its work items in groups, of one unless they are very many: `list[list[item id]]`.

    A run with params reads their span, one of `airflow backfill create` its data interval; neither moves the watermark. Any other
    reads on from the watermark to the end of its data interval, with what may have been corrected since.

    Args:
        source: Name of a file under `include/sources/`, `kind: historian`.
        begin, end: ISO 8601 instants; the end is not part of it.
        tags: Names or patterns of the source's tags, or a JSON list of them.
        order: `oldest` or `newest` first; the source's own without one.
        plan_only: Log the plan and enter nothing: a dry run.
    """

    template_fields: Sequence[str] = ("source", "begin", "end", "tags", "order", "plan_only")
    operator_extra_links = (LedgerItemLink(), HistorianProgressLink())

    def __init__(
        self,
        *,
        source: str,
        begin: str | None = None,
        end: str | None = None,
        tags: Sequence[str] | str | None = None,
        order: str | None = None,
        plan_only: bool | str = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.begin = begin
        self.end = end
        self.tags = tags
        self.order = order
        self.plan_only = plan_only

    def execute(self, context: Context) -> list[list[str]]:
        """Plan, say so, and give the items."""
        from airflow_provider_integrations.connectors.historian.asking import Given, asked_of, described
        from airflow_provider_integrations.connectors.historian.runs import plan_items, plan_of

        job = historian_job(self.source, owner_of(context))
        given = Given(begin=self.begin, end=self.end, tags=self.tags, order=self.order)
        asked = asked_of(
            job, given, request=_request(context), interval=_interval(context), backfill=_is_backfill(context)
        )
        told = described(job, plan_of(job, asked))
        context["ti"].xcom_push(key=PLAN_XCOM, value=told)
        self.log.info("%s: the plan: %s", self.source, told)
        if _true(self.plan_only):
            self.log.info("%s: a dry run: nothing is entered and nothing read", self.source)
            return []
        return _entered(context, plan_items(job, asked))


class HistorianBackfillOperator(BaseOperator):
    """Read work items and land them; mapped over the groups that a plan gives, and bounded by a pool.

    Args:
        source: Name of a file under `include/sources/`, `kind: historian`.
        items: Ids of work items; those that are landed already are left alone.
        deferrable: Read in the triggerer and not in a worker; rows, counts, errors and time-outs are the same.

    Returns counts by state and of samples. A try after a failure goes on after the last page that is on this machine's disk.
    """

    template_fields: Sequence[str] = ("source", "items")
    operator_extra_links = (LedgerItemLink(), HistorianProgressLink())

    def __init__(
        self,
        *,
        source: str,
        items: Sequence[str],
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.items = items
        self.deferrable = deferrable

    def execute(self, context: Context) -> dict[str, Any]:
        """Read, or have it read."""
        context["ti"].xcom_push(key=ITEM_XCOM, value=list(self.items))
        if self.deferrable:
            self.defer(
                trigger=HistorianReadTrigger(self.source, self.items, owner_of(context)),
                method_name="resume",
                timeout=self.execution_timeout,
            )
        import asyncio

        from airflow_provider_integrations.connectors.historian.landing import outcome, read_items

        job = historian_job(self.source, owner_of(context))
        return self._told(outcome(asyncio.run(read_items(job, list(self.items)))))

    def resume(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the triggerer has read, or raise what it met."""
        if "error" in event:
            raise error_from_data(event["error"])
        return self._told(dict(event["outcome"]))

    def _told(self, told: dict[str, Any]) -> dict[str, Any]:
        self.log.info("%s: %s", self.source, told)
        return told

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The historian in, bronze out; None where Airflow's OpenLineage provider is not installed."""
        items = [LedgerHook().ledger().items.get(item_id) for item_id in self.items]
        landed = [item for item in items if item.facts.get("rows_landed")]
        return openlineage_facets(
            inputs=[LineageDataset("historian", self.source)],
            outputs=[LineageDataset("file", each.facts["folder"], rows=each.facts["rows_landed"]) for each in landed],
        )


class HistorianGapsOperator(BaseOperator):
    """Bring the ledger's gaps to what is landed, and give work items for those that are due: `list[list[item id]]`.

    Args:
        source: Name of a file under `include/sources/`, `kind: historian`.
        fill: Whether anything is to be read; without it gaps are opened and closed alone, as after a load.
    """

    template_fields: Sequence[str] = ("source",)
    operator_extra_links = (LedgerItemLink(), HistorianProgressLink())

    def __init__(self, *, source: str, fill: bool = True, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.fill = fill

    def execute(self, context: Context) -> list[list[str]]:
        """Look, and plan."""
        from airflow_provider_integrations.connectors.historian.gap_scan import look_for_gaps, plan_fill

        job = historian_job(self.source, owner_of(context))
        changes = look_for_gaps(job, by=_request(context))
        self.log.info(
            "%s: %d gaps opened, %d changed, %d closed; open by reason: %s", self.source, len(changes.opened),
            len(changes.changed), len(changes.closed), job.ledger.historian.count_open(self.source),
        )  # fmt: skip
        return _entered(context, plan_fill(job, request=_request(context)) if self.fill else [])


class HistorianPublishOperator(BaseOperator):
    """Publish loaded samples to the topic that the source's `publish` names, each batch at least once; gives how many.

    Args:
        source: Name of a file under `include/sources/`, `kind: historian`, with `publish`.

    It drains the ledger: whatever is loaded and not published is, whichever run loaded it.
    """

    template_fields: Sequence[str] = ("source",)

    def __init__(self, *, source: str, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source

    def execute(self, context: Context) -> int:
        """Publish what waits."""
        from airflow_provider_integrations.connectors.historian.hook import idempotent_producer
        from airflow_provider_integrations.connectors.historian.publish import publish_batches

        owner = owner_of(context)
        policy = historian_job(self.source, owner).source.publish
        if policy is None:
            raise ConfigError(
                "the source is published nowhere",
                source=self.source,
                next_step="Give it `publish: {connection, topic}`.",
            )
        return publish_batches(batch_job(self.source, owner), idempotent_producer(policy.connection), policy.topic)


def _entered(context: Context, items: Sequence[WorkItem]) -> list[list[str]]:
    ids = [item.id for item in items]
    context["ti"].xcom_push(key=ITEM_XCOM, value=ids)
    # What other runs have left comes on top of a run's own: groups grow before there are too many of them.
    size = -(-len(ids) // _MOST_GROUPS) or 1
    return [ids[first : first + size] for first in range(0, len(ids), size)]


def _request(context: Context) -> str:
    """Two DAGs may have runs of one name."""
    return f"{context['ti'].dag_id}/{context['ti'].run_id}"


def _interval(context: Context) -> tuple[datetime, datetime] | None:
    begin, end = context.get("data_interval_start"), context.get("data_interval_end")
    return None if begin is None or end is None else (begin, end)


def _is_backfill(context: Context) -> bool:
    return str(getattr(context.get("dag_run"), "run_type", "")).rsplit(".", 1)[-1].lower() in (
        "backfill",
        "backfill_job",
    )


def _true(value: bool | str) -> bool:
    """A template renders to text."""
    return value if isinstance(value, bool) else value.strip().lower() in ("true", "1", "yes")
