"""The steps of the EDI DAGs as plain functions, in their order: each drains what waits.

`python -m tests.fakes.edi_run` is the warm parent of a `Killer` for the run of what comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tests.fakes.chain import Chain, serve

Boundary = Callable[[str], None]


def _go_on(_name: str) -> None:
    """Nobody is killed."""


@dataclass(frozen=True)
class EdiRun:
    """Our side of one partner, as plain values that go through JSON to a child process.

    Args:
        chain: The fields of a `Chain` whose source is `acme_edi`.
        include: Folder of sources, guides and SQL.
    """

    chain: dict[str, Any]
    include: str

    @property
    def folder(self) -> str:
        return str(self.chain["folder"])

    def run(self, boundary: Boundary = _go_on, *, replay: tuple[str, str, str] | None = None) -> None:
        """One run of `edi_inbound__acme_edi`; `replay` is first and last business date, and the name of the request."""
        from airflow_provider_integrations.connectors.edi.answers import answer_items
        from airflow_provider_integrations.connectors.edi.inbound import parse_items
        from airflow_provider_integrations.connectors.sftp_pgp.archive import archive
        from airflow_provider_integrations.connectors.sftp_pgp.discover import group_items, look_once
        from airflow_provider_integrations.connectors.sftp_pgp.intake import take_in

        intake = self._intake(_named("intake", boundary))
        if replay:
            first, last, request = replay
            pending = intake.ledger.items.replay(
                "acme_edi", date.fromisoformat(first), date.fromisoformat(last), request=request, who="test"
            )
        else:
            pending = asyncio.run(look_once(intake)).pending
        for group in group_items(pending, files=intake.source.files_per_task):
            asyncio.run(take_in(intake, group))
        parse_items(self._job(intake, _named("parse", boundary)))
        answer_items(self._job(intake, _named("acknowledge", boundary)))
        self._send_off("acme_edi", intake, boundary)
        self._load_rows(intake, boundary)
        asyncio.run(archive(self._intake(_named("archive", boundary))))

    def run_outbound(self, boundary: Boundary = _go_on) -> None:
        """One run of `edi_outbound__acme_orders_out`."""
        from airflow_provider_integrations.connectors.edi.outbound import write_documents
        from airflow_provider_integrations.include_outbound import outbound_job

        intake = self._intake(_go_on)
        with Chain(**self.chain).connection() as connection:
            write_documents(outbound_job(Path(self.include), "acme_orders_out", intake.ledger, intake.root), connection)
        self._send_off("acme_orders_out", intake, boundary)

    def _intake(self, boundary: Boundary) -> Any:
        return Chain(**self.chain).jobs(boundary)[0]

    def _job(self, intake: Any, boundary: Boundary) -> Any:
        from airflow_provider_integrations.connectors.edi.job import EdiJob
        from airflow_provider_integrations.include import guide_book, read_edi_source

        source = read_edi_source(Path(self.include), "acme_edi")
        return EdiJob(
            source=source,
            book=guide_book(Path(self.include), source.agreement),
            ledger=intake.ledger,
            root=intake.root,
            scratch=Path(self.folder) / "documents",
            owner=intake.owner,
            lease=intake.lease,
            boundary=boundary,
        )

    def _send_off(self, source: str, intake: Any, boundary: Boundary) -> None:
        from airflow_provider_integrations.connectors.edi.settle_outbox import settle_outbox
        from airflow_provider_integrations.connectors.sftp_pgp.deliver import deliver
        from airflow_provider_integrations.connectors.sftp_pgp.job import DeliverJob

        job = DeliverJob(
            source=source,
            settings=intake.settings,
            ledger=intake.ledger,
            root=intake.root,
            scratch=Path(self.folder) / f"outbox-{source}",
            owner=intake.owner,
            lease=intake.lease,
            boundary=_named("deliver", boundary),
        )
        asyncio.run(deliver(job))
        settle_outbox(intake.ledger, source, intake.owner, lease=intake.lease, boundary=_named("settle", boundary))

    def _load_rows(self, intake: Any, boundary: Boundary) -> None:
        from airflow_provider_integrations.batch_job import BatchJob
        from airflow_provider_integrations.connectors.edi.readings import mark_superseded
        from airflow_provider_integrations.connectors.edi.settle_rows import settle_rows
        from airflow_provider_integrations.connectors.edi.under_way import tables_under_way
        from airflow_provider_integrations.core.work_item import State
        from airflow_provider_integrations.expectations.step import gate_items
        from airflow_provider_integrations.include import read_edi_source
        from airflow_provider_integrations.include_edi import edi_table_sources
        from airflow_provider_integrations.warehouse.step import load_items

        include = Path(self.include)
        tables = edi_table_sources(include, read_edi_source(include, "acme_edi"))
        for table in tables_under_way(intake.ledger, "acme_edi", tables):
            source = tables[table]
            job = BatchJob(
                source=source.source,
                contract=source.contract,
                gate=source.gate,
                load=source.load,
                ledger=intake.ledger,
                root=intake.root,
                owner=intake.owner,
                lease=intake.lease,
                settle=settle_rows,
                mark_deletions=mark_superseded,
                boundary=_named("rows", boundary),
            )
            gate_items(job, [], [item.id for item in job.ledger.items.list(job.source, [State.LANDED], limit=None)])
            with Chain(**self.chain).connection() as connection:
                load_items(job, connection)


def _named(step: str, boundary: Boundary) -> Boundary:
    return lambda name: boundary(f"{step}: {name}")


if __name__ == "__main__":
    import great_expectations  # noqa: F401 nine seconds, once

    import airflow_provider_integrations.connectors.edi.answers
    import airflow_provider_integrations.connectors.edi.inbound
    import airflow_provider_integrations.connectors.edi.settle_outbox
    import airflow_provider_integrations.connectors.sftp_pgp.deliver
    import airflow_provider_integrations.connectors.sftp_pgp.intake
    import airflow_provider_integrations.expectations.step
    import airflow_provider_integrations.warehouse.step  # noqa: F401

    serve(EdiRun)
