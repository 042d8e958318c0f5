"""A table, its warehouse and its ledger for tests of runs and sweeps, here or in a process that kills itself.

What a process needs of them are texts, so that a child can be told; the functions are at the top of a module, so that a fork
server can have them loaded. The gate lets everything through: it has tests of its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import snowflake.connector
from upath import UPath

from airflow_provider_integrations.batch_job import BatchJob
from airflow_provider_integrations.connectors.odbc.land_shards import extract_items
from airflow_provider_integrations.connectors.odbc.run import Asked, RunJob, plan_items
from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings
from airflow_provider_integrations.connectors.odbc.settle import settle
from airflow_provider_integrations.connectors.odbc.sweep_run import sweep_source
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.table_source import TableSource
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.landing.bronze import read_manifest
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import utc_now
from airflow_provider_integrations.warehouse.step import load_items
from tests.fakes.ledgers import migrated

__all__ = ["Place", "die"]

CONTRACT = {
    "contract": "erp_orders",
    "version": "1.0.0",
    "columns": [{"name": "id", "type": "integer", "nullable": False}, {"name": "updated_at", "type": "timestamp"}],
    "keys": ["id"],
}
Boundary = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """How to reach a source, a warehouse and a ledger.

    Args:
        connection_string: Of the source.
        warehouse: Options of the Snowflake connector.
        folder: Of the landing and the ledger.
    """

    connection_string: str
    warehouse: dict[str, Any]
    folder: str

    def run(self, request: str, boundary: Boundary = lambda _: None, *, slow: timedelta = timedelta(0)) -> None:
        """Plan, extract, let through, load and settle; `slow` is how far the worker's clock is behind."""
        with self._job(boundary, slow) as job:
            items = plan_items(job, Asked(request=request))
            extract_items(job, [item.id for item in items])
            self._let_through(job)
            boundary("gated")
            batch = BatchJob(
                source=job.source.source, contract=job.contract, gate=job.source.gate, load=job.source.load,
                ledger=job.ledger, root=job.root, owner=job.owner, settle=settle, boundary=boundary,
            )  # fmt: skip
            with self._warehouse(boundary) as connection:
                load_items(batch, connection)

    def sweep(self, request: str, boundary: Boundary = lambda _: None) -> dict[str, Any]:
        """Sweep; gives its counts."""
        with self._job(boundary) as job, self._warehouse(boundary) as connection:
            return sweep_source(job, connection, request, allow=True)

    @contextmanager
    def _job(self, boundary: Boundary, slow: timedelta = timedelta(0)) -> Iterator[RunJob]:
        source = TableSource.from_mapping(
            {
                "source": "erp_orders", "kind": "odbc", "connection": "erp", "contract": "erp_orders",
                "table": "orders", "cursor": ["updated_at"], "page_rows": 20, "deletes": {"range_rows": 100},
                "load": {"table": "ORDERS", "database": self.warehouse["database"]},
            }
        )  # fmt: skip
        with Ledger.connect(f"sqlite:///{self.folder}/ledger.db") as ledger:
            migrated(ledger)
            yield RunJob(
                source=source,
                contract=Contract.from_mapping(CONTRACT),
                settings=OdbcSettings.from_string(self.connection_string),
                ledger=_moving(ledger, boundary),
                root=UPath(f"{self.folder}/landing"),
                scratch=Path(self.folder) / "scratch",
                owner="dag/run/task/0",
                clock=lambda: utc_now() - slow,
                boundary=boundary,
            )

    @contextmanager
    def _warehouse(self, boundary: Boundary) -> Iterator[Any]:
        with closing(snowflake.connector.connect(**self.warehouse)) as real:
            yield _Telling(real, boundary)

    def _let_through(self, job: RunJob) -> None:
        landed = job.ledger.items.list(job.source.source, [State.LANDED], limit=None)
        with holding(job.ledger, job.owner) as held:
            for item in held.take_all([item.id for item in landed], State.LANDED):
                manifest = read_manifest(job.root / item.facts["folder"])
                facts = {"publish": [asdict(file) for file in manifest.files], "verdict": "passed", "rows_failed": 0}
                held.advance(item, State.GATED, facts=facts)


@dataclass(frozen=True)
class _Telling:
    """A connection that says when it has committed."""

    real: Any
    tells: Boundary

    def cursor(self) -> Any:
        return self.real.cursor()

    def autocommit(self, mode: bool) -> None:
        self.real.autocommit(mode)

    def commit(self) -> None:
        self.real.commit()
        self.tells("after the commit")

    def rollback(self) -> None:
        self.real.rollback()


def _moving(ledger: Ledger, boundary: Boundary) -> Ledger:
    """The same, which says when a watermark was moved and its items are not closed yet."""
    begin, advance = ledger.watermarks.begin, ledger.watermarks.advance

    def moved(result: Any) -> Any:
        boundary("watermark written")
        return result

    setattr(ledger.watermarks, "begin", lambda *given: moved(begin(*given)))  # noqa: B010
    setattr(ledger.watermarks, "advance", lambda *given: moved(advance(*given)))  # noqa: B010
    return ledger


def die(place: Place, step: str, request: str, point: str) -> None:
    """A run or a sweep that kills itself when it comes to a point."""

    def at(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    (place.run if step == "run" else place.sweep)(request, at)
