"""Extraction of tables as Airflow operators.

shards = OdbcPlanShardsOperator(task_id="plan", source="erp_orders")
OdbcKeysetExtractOperator.partial(task_id="extract", source="erp_orders").expand(items=shards.output)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_integrations.connectors.odbc.cancelling import OpenSessions, apart
from airflow_provider_integrations.connectors.odbc.hook import OdbcKeysetHook
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.dag_context import include_folder, landing_root, owner_of, scratch_folder
from airflow_provider_integrations.include import read_source_contract, read_table_source, read_template
from airflow_provider_integrations.ledger.hook import LedgerHook
from airflow_provider_integrations.lineage import LineageDataset, openlineage_facets
from airflow_provider_integrations.links import ITEM_XCOM, LedgerItemLink
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_integrations.connectors.odbc.plan import RunPlan
    from airflow_provider_integrations.connectors.odbc.run import RunJob

__all__ = [
    "RUNS_XCOM",
    "OdbcDeletesSweepOperator",
    "OdbcKeysetExtractOperator",
    "OdbcPlanShardsOperator",
    "run_job",
]

RUNS_XCOM = "integrations_runs"
"""XCom key of what each planned run promises."""


def run_job(source_name: str, owner: str, **more: Any) -> RunJob:
    """The job of one source from the deployment's settings: `[integrations]`, the connection and `include/`."""
    from airflow_provider_integrations.connectors.odbc.run import RunJob

    source = read_table_source(include_folder(), source_name)
    return RunJob(
        source=source,
        contract=read_source_contract(include_folder(), source),
        settings=OdbcKeysetHook(source.connection).settings(),
        ledger=LedgerHook().ledger(),
        root=landing_root(),
        scratch=scratch_folder(source_name),
        owner=owner,
        template=read_template(include_folder(), source),
        **more,
    )


class OdbcPlanShardsOperator(BaseOperator):
    """Plan a run of a table and give its shards in groups of one: `list[list[item id]]`.

    Shards that an earlier run left unfinished come first; a new run is planned from the position that they lead to. What each run
    promises is logged, and kept as the XCom `integrations_runs`.

    Args:
        source: Name of a file under `include/sources/`.
        mode: `incremental` or `full`; None for the source's own.
        backfill: A mapping, or its JSON, with `from` and `to`, values of the first cursor column: from the first to before
            the second. A backfill never moves the watermark.
        guarantee: Another guarantee than the source's.
    """

    template_fields: Sequence[str] = ("source", "mode", "backfill", "guarantee")
    operator_extra_links = (LedgerItemLink(),)

    def __init__(
        self,
        *,
        source: str,
        mode: str | None = None,
        backfill: dict[str, str] | str | None = None,
        guarantee: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.mode = mode
        self.backfill = backfill
        self.guarantee = guarantee
        self._sessions = OpenSessions()

    def execute(self, context: Context) -> list[list[str]]:
        """Plan, say which guarantee holds, and give the shards."""
        from airflow_provider_integrations.connectors.odbc.plan import RunPlan
        from airflow_provider_integrations.connectors.odbc.run import Asked, plan_items

        asked = Asked(
            request=context["ti"].run_id,
            whole=_mode(self.mode) == "full",
            span=_span(self.backfill),
            guarantee=_given(self.guarantee),
        )
        job = run_job(self.source, owner_of(context), opened=self._sessions.add)
        items = apart(lambda: plan_items(job, asked), name="planning")
        context["ti"].xcom_push(key=ITEM_XCOM, value=[item.id for item in items])
        plans = {item.facts["run"]: (RunPlan.from_json(item.facts["plan"]), item.facts["shards"]) for item in items}
        context["ti"].xcom_push(key=RUNS_XCOM, value={run: _promised(*plan) for run, plan in plans.items()})
        for run, (plan, _) in plans.items():
            self.log.info("run %s: guarantee %s. %s", run, plan.guarantee.value, plan.promise)
            for warning in plan.warnings:
                self.log.warning("%s: %s", self.source, warning)
        if not plans:
            self.log.info("%s: nothing is to be read; what this run was asked for was read before", self.source)
        return [[item.id] for item in items]

    def on_kill(self) -> None:
        """End the running statement at the source; nothing was entered."""
        self._sessions.cancel()


class OdbcKeysetExtractOperator(BaseOperator):
    """Read shards and land them; mapped over the groups that `OdbcPlanShardsOperator` gives.

    Args:
        source: Name of a file under `include/sources/`.
        items: Ids of work items; those that are landed already are left alone.

    Returns counts by state and of rows, and the guarantees that were given. A task that is tried again goes on after the last
    page that is on this machine's disk. Ending the task ends its statement at the source.
    """

    template_fields: Sequence[str] = ("source", "items")
    operator_extra_links = (LedgerItemLink(),)

    def __init__(self, *, source: str, items: Sequence[str], **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.items = items
        self._sessions = OpenSessions()
        self._lineage: tuple[list[LineageDataset], list[LineageDataset]] = ([], [])

    def execute(self, context: Context) -> dict[str, Any]:
        """Extract the shards and give the counts."""
        from airflow_provider_integrations.connectors.odbc.land_shards import extract_items, outcome
        from airflow_provider_integrations.connectors.odbc.report import ahead_warning

        job = run_job(self.source, owner_of(context), opened=self._sessions.add)
        items = apart(lambda: extract_items(job, list(self.items)), name="extracting")
        context["ti"].xcom_push(key=ITEM_XCOM, value=[item.id for item in items])
        landed = [item for item in items if "folder" in item.facts]
        self._lineage = (
            [LineageDataset("odbc", f"{job.source.connection}/{job.source.table or job.source.template}")],
            [
                LineageDataset("file", str(job.root / item.facts["folder"]), rows=item.facts["rows_landed"])
                for item in landed
            ],
        )
        told = outcome(items)
        self.log.info("%s: %s", self.source, told)
        for warning in ahead_warning(told["rows_ahead"]):
            self.log.warning("%s: %s", self.source, warning)
        return told

    def on_kill(self) -> None:
        """End the running statement at the source; what was landed stays."""
        self._sessions.cancel()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The table in, bronze out; None where Airflow's OpenLineage provider is not installed."""
        inputs, outputs = self._lineage
        return openlineage_facets(inputs=inputs, outputs=outputs)


class OdbcDeletesSweepOperator(BaseOperator):
    """Find rows that are gone at the source, by hashes of key ranges, and mark them as deleted in the warehouse.

    Args:
        source: Name of a file under `include/sources/`; its `deletes` says how large a range is.
        wanted: Whether to sweep in this run; skipped if not.
        allow: Mark also when the source has no rows, or many of them are gone: without it that is an error.

    Returns counts. A sweep never moves the watermark.
    """

    template_fields: Sequence[str] = ("source", "wanted", "allow")

    def __init__(self, *, source: str, wanted: bool | str = True, allow: bool | str = False, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.wanted = wanted
        self.allow = allow
        self._sessions = OpenSessions()

    def execute(self, context: Context) -> dict[str, Any]:
        """Sweep and give the counts."""
        if not _true(self.wanted):
            raise AirflowSkipException("no sweep was asked for")
        from airflow_provider_integrations.connectors.odbc.sweep_run import sweep_source
        from airflow_provider_integrations.warehouse.hook import WarehouseHook

        job = run_job(self.source, owner_of(context), opened=self._sessions.add)
        with closing(WarehouseHook(job.source.load.connection).get_conn()) as connection:
            told = apart(
                lambda: sweep_source(job, connection, context["ti"].run_id, allow=_true(self.allow)), name="sweeping"
            )
        self.log.info("%s: %s", self.source, told)
        return told

    def on_kill(self) -> None:
        """End the running statement at the source; nothing was marked."""
        self._sessions.cancel()


def _true(value: bool | str) -> bool:
    """A template renders to text."""
    return value if isinstance(value, bool) else value.strip().lower() in ("true", "1", "yes")


def _promised(plan: RunPlan, shards: int) -> dict[str, Any]:
    return {
        "guarantee": plan.guarantee.value,
        "promise": plan.promise,
        "bookmark_check": plan.bookmark_check,
        "shards": shards,
        "moves_the_watermark": plan.advances,
        "warnings": list(plan.warnings),
    }


def _given(value: str | None) -> str | None:
    """A template renders nothing to an empty text or to the word None."""
    return None if value is None or value.strip() in ("", "None", "null") else value.strip()


def _mode(value: str | None) -> str | None:
    mode = _given(value)
    if mode not in (None, "incremental", "full"):
        raise ConfigError("no such mode", mode=mode, next_step="There are incremental and full.")
    return mode


def _span(value: dict[str, str] | str | None) -> tuple[str | None, str | None] | None:
    try:
        span = json.loads(_given(value) or "null") if isinstance(value, str) else value
    except ValueError:
        span = value
    if not span:
        return None
    if not isinstance(span, dict) or set(span) - {"from", "to"} or not all(isinstance(v, str) for v in span.values()):
        raise ConfigError(
            "the backfill is no span", backfill=span, next_step='Write {"from": "2025-01-01", "to": "2025-02-01"}.'
        )
    return span.get("from"), span.get("to")
