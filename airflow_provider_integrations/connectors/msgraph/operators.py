"""Changes of Microsoft Graph and Dataverse as Airflow operators; `dags/graph_delta.py` puts them in order.

read = GraphDeltaSyncOperator(task_id="read", source="entra_users", deferrable=True)
check = GraphResyncCheckOperator(task_id="check", source="entra_users", unasked="land", ask="approve")
land = GraphRoundLandOperator(task_id="land", source="entra_users")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.branch import BaseBranchOperator
from airflow.sdk import BaseOperator, conf

from airflow_provider_integrations.connectors.msgraph.triggers import GraphDeltaTrigger
from airflow_provider_integrations.core.error_data import error_from_data
from airflow_provider_integrations.dag_context import graph_job, owner_of
from airflow_provider_integrations.ledger.hook import LedgerHook
from airflow_provider_integrations.lineage import LineageDataset, openlineage_facets
from airflow_provider_integrations.links import ITEM_XCOM, LedgerItemLink
from airflow_provider_integrations.notifier import ALERTS, alerts_by
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy
from airflow_provider_integrations.system import utc_now

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = [
    "GONE_XCOM",
    "GraphDeltaSyncOperator",
    "GraphResyncCheckOperator",
    "GraphRoundLandOperator",
    "GraphSubscribeOperator",
    "GraphTokenAgeOperator",
]

GONE_XCOM = "integrations_gone"
"""XCom key of what a resync would delete: counts, a sample of ids and the digest that approves it."""


class GraphDeltaSyncOperator(BaseOperator):
    """Read the next round of changes to its end, into the landing zone; a round that waits to be loaded is asked nothing.

    Args:
        source: Name of a file under `include/sources/`, `kind: graph`.
        resync: Enumerate everything again; what the enumeration lacks is deleted, once a person approved where that is much.
        deferrable: Read in the triggerer and not in a worker; rows, report, errors and time-outs are the same.

    Returns the round's report: its number, pages, items, why it was a resync. A try after a failure goes on after the last page.
    """

    template_fields: Sequence[str] = ("source", "resync")
    operator_extra_links = (LedgerItemLink(),)

    def __init__(
        self,
        *,
        source: str,
        resync: bool | str = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.resync = resync
        self.deferrable = deferrable

    def execute(self, context: Context) -> dict[str, Any]:
        """Read, or have it read."""
        request = context["ti"].run_id
        if self.deferrable:
            self.defer(
                trigger=GraphDeltaTrigger(self.source, _true(self.resync), request, owner_of(context)),
                method_name="resume",
                timeout=self.execution_timeout,
            )
        from airflow_provider_integrations.connectors.msgraph.reading import Asked, read_round

        job = graph_job(self.source, owner_of(context))
        return self._told(context, read_round(job, Asked(resync=_true(self.resync), request=request)).to_json())

    def resume(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the triggerer has read, or raise what it met."""
        if "error" in event:
            raise error_from_data(event["error"])
        return self._told(context, dict(event["report"]))

    def _told(self, context: Context, report: dict[str, Any]) -> dict[str, Any]:
        from airflow_provider_integrations.connectors.msgraph.round_names import item_path

        item = LedgerHook().ledger().items.latest(self.source, item_path(report["round"]))
        context["ti"].xcom_push(key=ITEM_XCOM, value=[] if item is None else [item.id])
        self.log.info("%s: %s", self.source, report)
        if _true(self.resync) and not report["full"]:
            self.log.warning("%s: an earlier round is finished first; run it with `resync` again then", self.source)
        for warning in report["warnings"]:
            self.log.warning("%s: %s", self.source, warning)
        return report


class GraphResyncCheckOperator(BaseBranchOperator):
    """Say whether a person is to be asked before the round is landed: where a resync would delete more than the source allows.

    Args:
        source: Name of a file under `include/sources/`, `kind: graph`.
        unasked: Task that follows if nobody needs to be asked.
        ask: Task that follows else.
        approved: Digest that a person approved already.

    What would be deleted is the XCom `integrations_gone`.
    """

    template_fields: Sequence[str] = ("source", "approved")

    def __init__(self, *, source: str, unasked: str, ask: str, approved: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.unasked = unasked
        self.ask = ask
        self.approved = approved

    def choose_branch(self, context: Context) -> str:
        """Look at what would be deleted."""
        from airflow_provider_integrations.connectors.msgraph.rounds import judge_round

        found = judge_round(graph_job(self.source, owner_of(context)))
        if found is None:
            return self.unasked
        gone = found.to_json()
        context["ti"].xcom_push(key=GONE_XCOM, value=gone)
        if self.approved == found.digest:
            self.log.info("%s: the run was started with the approval of what it deletes: %s", self.source, gone)
            return self.unasked
        self.log.warning("%s: the resync would delete more than it may unasked: %s", self.source, gone)
        return self.ask


class GraphRoundLandOperator(BaseOperator):
    """Complete the rows of a round that was read, type them by the contract, and land them with what was deleted.

    Args:
        source: Name of a file under `include/sources/`, `kind: graph`.
        approved: Digest of what a person approved to be deleted.

    Returns counts by state, and of rows by source: the objects, and each relation. A refused batch is a result, not a failure.
    """

    template_fields: Sequence[str] = ("source", "approved")
    operator_extra_links = (LedgerItemLink(),)

    def __init__(self, *, source: str, approved: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.approved = approved
        self._lineage: tuple[list[LineageDataset], list[LineageDataset]] = ([], [])

    def execute(self, context: Context) -> dict[str, Any]:
        """Land and give the counts."""
        from airflow_provider_integrations.connectors.msgraph.rounds import land_round

        job = graph_job(self.source, owner_of(context))
        items = land_round(job, approved=self.approved)
        context["ti"].xcom_push(key=ITEM_XCOM, value=[item.id for item in items])
        landed = [item for item in items if "folder" in item.facts]
        self._lineage = (
            [LineageDataset("msgraph", f"{job.source.connection}/{job.source.resource}")],
            [
                LineageDataset("file", str(job.root / item.facts["folder"]), rows=item.facts["rows_landed"])
                for item in landed
            ],
        )
        told = {
            "states": dict(Counter(item.state.value for item in items)),
            "reasons": dict(Counter(item.reason for item in items if item.reason)),
            "rows": {item.source: item.facts.get("rows_landed", 0) for item in items},
            "deleted": {item.source: item.facts.get("keys_deleted", 0) for item in items},
        }
        self.log.info("%s: %s", self.source, told)
        return told

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The resource in, bronze out; None where Airflow's OpenLineage provider is not installed."""
        inputs, outputs = self._lineage
        return openlineage_facets(inputs=inputs, outputs=outputs)


class GraphTokenAgeOperator(BaseOperator):
    """Say how old the kept link is; alert once at five of the seven days that most live, and say when it is renewed.

    Args:
        source: Name of a file under `include/sources/`, `kind: graph`.
        conn_id: The connection of `notifier.alerts_by`; without it nothing counts as told, and a warning says so.

    Let it run whatever became of the round (`trigger_rule="all_done"`): a round that does not get through is what it tells of.
    """

    template_fields: Sequence[str] = ("source", "conn_id")

    def __init__(self, *, source: str, conn_id: str = ALERTS, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.conn_id = conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Look, tell, and give the age in days."""
        from airflow_provider_integrations.connectors.msgraph.token_age import tell_token_age

        told = tell_token_age(
            LedgerHook().ledger(), self.source, utc_now(), alerts_by(self.conn_id), owner=owner_of(context)
        )
        days = None if told.age is None else round(told.age / timedelta(days=1), 3)
        if told.alarm:
            self.log.warning("%s: the link is %s days old; most live 7 days", self.source, days)
        return {"days": days, "alarm": told.alarm, "told": told.told, "resolved": told.resolved}


class GraphSubscribeOperator(BaseOperator):
    """Have the subscription to change notifications that a source declares: a new one, or the one there is, renewed if it is due.

    Args:
        source: Name of a file under `include/sources/`, `kind: graph`, with `notify`.
        anew: Make a new one, e.g. before an old Fernet key is taken out of the deployment.

    Returns what was done (`created`, `renewed` or `kept`) and until when the subscription lives.
    """

    template_fields: Sequence[str] = ("source", "anew")

    def __init__(self, *, source: str, anew: bool | str = False, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.anew = anew

    def execute(self, context: Context) -> dict[str, Any]:
        """Look, and do what is due."""
        from airflow_provider_integrations.connectors.msgraph.subscriber import keep_subscription

        kept = keep_subscription(graph_job(self.source, owner_of(context)), anew=_true(self.anew))
        told = {"done": kept.done, "id": kept.subscription.id, "until": kept.subscription.until.isoformat()}
        self.log.info("%s: %s", self.source, told)
        return told


def _true(value: bool | str) -> bool:
    """A template renders to text."""
    return value if isinstance(value, bool) else value.strip().lower() in ("true", "1", "yes")
