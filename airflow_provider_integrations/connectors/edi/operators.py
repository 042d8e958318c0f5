"""EDI documents as Airflow operators: parse, acknowledge, write, settle what was delivered, and tell what is overdue or refused.

parse = X12ParseOperator(task_id="parse", source="acme_edi")
parse >> X12AcknowledgeOperator(task_id="acknowledge", source="acme_edi")

They take X12 and EDIFACT alike. Each one but the parse operator with `items` drains: it takes whatever the ledger says is
pending, whichever run left it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_integrations.core.work_item import WorkItem
from airflow_provider_integrations.dag_context import edi_job, include_folder, landing_root, owner_of
from airflow_provider_integrations.ledger.hook import LedgerHook
from airflow_provider_integrations.lineage import LineageDataset, openlineage_facets
from airflow_provider_integrations.links import ITEM_XCOM, LedgerItemLink
from airflow_provider_integrations.notifier import ALERTS, alerts_by
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy
from airflow_provider_integrations.system import utc_now

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = [
    "EdiOverdueOperator",
    "EdiReconcileOperator",
    "EdiWriteOperator",
    "X12AcknowledgeOperator",
    "X12ParseOperator",
]


class _EdiOperator(BaseOperator):
    """What the operators of one partner's documents have in common: the source, and what they tell of its items."""

    template_fields: Sequence[str] = ("source",)
    operator_extra_links = (LedgerItemLink(),)

    def __init__(self, *, source: str, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source

    def _tell(self, context: Context, items: Sequence[WorkItem]) -> dict[str, Any]:
        """Link to the items, and count them by state and reason."""
        context["ti"].xcom_push(key=ITEM_XCOM, value=[item.id for item in items])
        return {
            "states": dict(Counter(item.state.value for item in items)),
            "reasons": dict(Counter(item.reason for item in items if item.reason)),
        }


class X12ParseOperator(_EdiOperator):
    """Judge landed documents by agreement and guides, enter their interchanges, and land the rows of what is accepted.

    Args:
        source: Name of a file under `include/sources/`, `kind: edi`.
        items: Ids of work items; all that are landed without it. Those that are parsed already are left alone.

    Rows that were released from quarantine go back to the gate. Returns counts by state and reason, and of rows by table; a
    refused document is a result, not a failure.
    """

    template_fields: Sequence[str] = ("source", "items")

    def __init__(self, *, source: str, items: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(source=source, **kwargs)
        self.items = items
        self._lineage: tuple[list[LineageDataset], list[LineageDataset]] = ([], [])

    def execute(self, context: Context) -> dict[str, Any]:
        """Parse and give the counts."""
        from airflow_provider_integrations.connectors.edi.inbound import parse_items

        job = edi_job(self.source, owner_of(context))
        parsed = parse_items(job, None if self.items is None else list(self.items))
        batches = [batch for item in parsed for batch in item.facts.get("parsed", {}).get("batches", {}).values()]
        self._lineage = (
            [LineageDataset("file", str(job.root / item.facts["folder"])) for item in parsed if "folder" in item.facts],
            [LineageDataset("file", str(job.root / batch["folder"]), rows=batch["rows"]) for batch in batches],
        )
        rows: Counter[str] = Counter()
        for item in parsed:
            rows.update(item.facts.get("tables", {}))
        return {**self._tell(context, parsed), "rows": dict(rows)}

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Documents in, the folders of their rows out; None where Airflow's OpenLineage provider is not installed."""
        inputs, outputs = self._lineage
        return openlineage_facets(inputs=inputs, outputs=outputs)


class X12AcknowledgeOperator(_EdiOperator):
    """Put the acknowledgements that we owe into the outbox: TA1, 997, 999 or CONTRL, as agreed.

    Args:
        source: Name of a file under `include/sources/`, `kind: edi`.

    It drains: every parsed document is answered, whichever run parsed it; again it gives the same bytes.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Acknowledge and give the counts of documents by state and reason."""
        from airflow_provider_integrations.connectors.edi.answers import answer_items

        return self._tell(context, answer_items(edi_job(self.source, owner_of(context)), None))


class EdiWriteOperator(_EdiOperator):
    """Write the documents that the queries of a source give into its outbox, each once.

    Args:
        source: Name of a file under `include/sources/`, `kind: edi_outbound`.

    Returns how many were written, were known, and came with other content than what was sent. It fails at the end if a document
    was refused, when all others are in the outbox: let the delivery run all the same (`trigger_rule="all_done"`).
    """

    def execute(self, context: Context) -> dict[str, int]:
        """Write and give the counts."""
        from airflow_provider_integrations.connectors.edi.outbound import write_documents
        from airflow_provider_integrations.include_outbound import outbound_job
        from airflow_provider_integrations.warehouse.hook import WarehouseHook

        job = outbound_job(include_folder(), self.source, LedgerHook().ledger(), landing_root())
        with closing(WarehouseHook(job.source.load.connection).get_conn()) as connection:
            written = write_documents(job, connection)
        context["ti"].xcom_push(key=ITEM_XCOM, value=[item.id for item in written.items])
        return {"written": len(written.items), "known": len(written.known), "changed": len(written.changed)}


class EdiReconcileOperator(_EdiOperator):
    """Enter into the account what was delivered: answers as given, interchanges of ours as sent.

    Args:
        source: Name of a file under `include/sources/`, `kind: edi` or `kind: edi_outbound`.

    It drains the source's outbox. From here on an acknowledgement of ours may become overdue.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Settle and give the number of answers and of interchanges."""
        from airflow_provider_integrations.connectors.edi.settle_outbox import settle_outbox

        settled = settle_outbox(LedgerHook().ledger(), self.source, owner_of(context))
        context["ti"].xcom_push(key=ITEM_XCOM, value=[item.id for item in settled])
        answered = sum("answers" in item.facts for item in settled)
        return {"answered": answered, "sent": len(settled) - answered}


class EdiOverdueOperator(BaseOperator):
    """Alert once to each acknowledgement that is overdue, theirs and ours, and to each refusal; say of each when it is settled.

    Args:
        conn_id: The connection of `notifier.alerts_by`; without it nothing counts as told, and a warning says so.

    It looks at all partners. Let one run at a time do it (`max_active_runs=1`).
    """

    template_fields: Sequence[str] = ("conn_id",)

    def __init__(self, *, conn_id: str = ALERTS, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.conn_id = conn_id

    def execute(self, context: Context) -> dict[str, int]:
        """Look at the account, tell, and give the counts."""
        from airflow_provider_integrations.connectors.edi.telling import tell_account

        told = tell_account(LedgerHook().ledger(), utc_now(), alerts_by(self.conn_id), owner=owner_of(context))
        return {
            "became_overdue": told.became_overdue,
            "told": len(told.told),
            "resolved": len(told.resolved),
            "untold": told.untold,
        }
