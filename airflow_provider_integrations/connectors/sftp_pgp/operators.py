"""Intake, archive and delivery of partner files as Airflow operators.

landed = SftpPgpIntakeOperator.partial(task_id="intake", source="acme_customers").expand(items=found.output)
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_integrations.connectors.sftp_pgp.hook import SftpPgpHook
from airflow_provider_integrations.core.edi_source import outbox_name
from airflow_provider_integrations.core.source import FileSource
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.dag_context import include_folder, landing_root, owner_of, scratch_folder
from airflow_provider_integrations.include import read_delivery, read_outbox_source, read_source_contract
from airflow_provider_integrations.ledger.hook import LedgerHook
from airflow_provider_integrations.lineage import LineageDataset, openlineage_facets
from airflow_provider_integrations.links import ITEM_XCOM, LedgerItemLink
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_integrations.connectors.sftp_pgp.job import DeliverJob, IntakeJob

__all__ = ["SftpPgpArchiveOperator", "SftpPgpDeliverOperator", "SftpPgpIntakeOperator", "deliver_job", "intake_job"]


def intake_job(source_name: str, owner: str) -> IntakeJob:
    """The job of one source from the deployment's settings: `[integrations]`, the connection and `include/`."""
    from airflow_provider_integrations.connectors.sftp_pgp.job import IntakeJob

    source = read_delivery(include_folder(), source_name)
    return IntakeJob(
        source=source,
        contract=read_source_contract(include_folder(), source) if isinstance(source, FileSource) else None,
        settings=SftpPgpHook(source.connection).settings(),
        ledger=LedgerHook().ledger(),
        root=landing_root(),
        scratch=scratch_folder(source_name),
        owner=owner,
    )


def deliver_job(source_name: str, owner: str) -> DeliverJob:
    """The job of one source's outbox from the deployment's settings; its scratch folder is its own."""
    from airflow_provider_integrations.connectors.sftp_pgp.job import DeliverJob

    source = read_outbox_source(include_folder(), source_name)
    return DeliverJob(
        source=source.source,
        settings=SftpPgpHook(source.connection).settings(),
        ledger=LedgerHook().ledger(),
        root=landing_root(),
        scratch=scratch_folder(outbox_name(source.source)),
        owner=owner,
    )


class SftpPgpIntakeOperator(BaseOperator):
    """Fetch, open, decode and land work items; mapped over the groups that `SftpPgpIntakeSensor` gives.

    Args:
        source: Name of a file under `include/sources/`.
        items: Ids of work items; those that are landed already are left alone.

    Returns counts by state and of rows. A refused file is a result, not a failure: it is in quarantine with its
    reason. A fault that may pass fails the try and is retried for the items that are not done.
    """

    template_fields: Sequence[str] = ("source", "items")
    operator_extra_links = (LedgerItemLink(),)

    def __init__(self, *, source: str, items: Sequence[str], **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self.items = items
        self._lineage: tuple[list[LineageDataset], list[LineageDataset]] = ([], [])

    def execute(self, context: Context) -> dict[str, Any]:
        """Take in the items and give the counts."""
        from airflow_provider_integrations.connectors.sftp_pgp.intake import take_in

        job = intake_job(self.source, owner_of(context))
        outcomes = asyncio.run(take_in(job, list(self.items)))
        context["ti"].xcom_push(key=ITEM_XCOM, value=[outcome.item_id for outcome in outcomes])
        landed = [job.ledger.items.get(outcome.item_id) for outcome in outcomes if outcome.state is State.LANDED]
        server = f"sftp://{job.settings.host}:{job.settings.port}"
        self._lineage = (
            [LineageDataset(server, item.path, size=item.size) for item in landed],
            [
                LineageDataset("file", str(job.root / item.facts["folder"]), rows=item.facts["rows_landed"])
                for item in landed
            ],
        )
        return {
            "states": dict(Counter(outcome.state.value for outcome in outcomes)),
            "reasons": dict(Counter(outcome.reason for outcome in outcomes if outcome.reason)),
            "rows_landed": sum(outcome.rows_landed for outcome in outcomes),
            "rows_rejected": sum(outcome.rows_rejected for outcome in outcomes),
        }

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The partner's files in, bronze out; None where Airflow's OpenLineage provider is not installed."""
        inputs, outputs = self._lineage
        return openlineage_facets(inputs=inputs, outputs=outputs)


class SftpPgpArchiveOperator(BaseOperator):
    """Move finished files out of the partner's inbox: loaded and duplicate ones to the archive, refused ones aside.

    Args:
        source: Name of a file under `include/sources/`.

    It drains the ledger: whatever is finished and still lies in the inbox is moved, whichever run finished it.
    """

    template_fields: Sequence[str] = ("source",)

    def __init__(self, *, source: str, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source

    def execute(self, context: Context) -> dict[str, int]:
        """Archive and give the number of files by state."""
        from airflow_provider_integrations.connectors.sftp_pgp.archive import archive

        done = asyncio.run(archive(intake_job(self.source, owner_of(context))))
        return dict(Counter(item.state.value for item in done))


class SftpPgpDeliverOperator(BaseOperator):
    """Bring what waits in a source's outbox to the partner: sealed where agreed, each file under its name and whole.

    Args:
        source: Name of a file under `include/sources/` that has an outbox.

    It drains the outbox, whichever run filled it. One file that cannot be delivered never stops the others; it fails the
    task when they are done.
    """

    template_fields: Sequence[str] = ("source",)
    operator_extra_links = (LedgerItemLink(),)

    def __init__(self, *, source: str, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", IntegrationRetryPolicy())
        super().__init__(**kwargs)
        self.source = source
        self._lineage: tuple[list[LineageDataset], list[LineageDataset]] = ([], [])

    def execute(self, context: Context) -> dict[str, int]:
        """Deliver and give the number of files and their bytes before sealing."""
        from airflow_provider_integrations.connectors.sftp_pgp.deliver import deliver

        job = deliver_job(self.source, owner_of(context))
        done = asyncio.run(deliver(job))
        context["ti"].xcom_push(key=ITEM_XCOM, value=[item.id for item in done])
        server = f"sftp://{job.settings.host}:{job.settings.port}"
        self._lineage = (
            [LineageDataset("file", str(job.root / item.facts["kept"]), size=item.size) for item in done],
            [LineageDataset(server, item.facts["delivered_to"]) for item in done],
        )
        return {"delivered": len(done), "bytes": sum(item.size for item in done)}

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """What was kept in, the partner's files out; None where Airflow's OpenLineage provider is not installed."""
        inputs, outputs = self._lineage
        return openlineage_facets(inputs=inputs, outputs=outputs)
