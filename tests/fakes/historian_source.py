"""A source of a historian as its steps see it: a model server in place of a socket, and a ledger of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from airflow_provider_integrations.connectors.historian.catalog import TagEntry
from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.landing import read_items
from airflow_provider_integrations.connectors.historian.model import HistoryReader, Span, from_iso
from airflow_provider_integrations.connectors.historian.runs import Asked, plan_items
from airflow_provider_integrations.connectors.historian.samples import PAGE, Origin, ordinals_of
from airflow_provider_integrations.connectors.historian.settle import settle_historian
from airflow_provider_integrations.core.historian_source import HistorianSource
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.include import read_contract
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.system import go_on
from tests.fakes.airflow_home import REPO
from tests.fakes.model_historian import ModelHistorian

__all__ = [
    "BEGIN",
    "HOUR",
    "bronze",
    "historian_job",
    "load",
    "minutes",
    "read",
    "run_through",
    "series",
    "span_of",
]

BEGIN = from_iso("2026-01-05T00:00:00Z")
HOUR = 3_600_000_000_000
MINUTE = HOUR // 60


def series(values: Mapping[int, float]) -> pa.RecordBatch:
    """Good samples of one tag at instants in nanoseconds."""
    ts = sorted(values)
    rows = len(ts)
    instants = pa.array(ts, pa.int64())
    nothing = pa.nulls(rows, pa.string())
    origins = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()), pa.array([Origin.ACTUAL], pa.string()))
    columns: list[Any] = [
        instants.cast(PAGE.field("ts").type),
        pa.array(ordinals_of(instants.to_numpy())),
        pa.array([values[each] for each in ts], pa.float64()),
        nothing,
        nothing,
        pa.array([0] * rows, pa.uint32()),
        origins,
        nothing,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PAGE)


def minutes(count: int, *, begin: int = BEGIN, without: range = range(0), base: float = 0.0) -> pa.RecordBatch:
    """A sample each minute, but for some."""
    return series({begin + at * MINUTE: base + at for at in range(count) if at not in without})


def span_of(first: float, last: float) -> Span:
    """Hours from the beginning."""
    return Span(BEGIN + int(first * HOUR), BEGIN + int(last * HOUR))


def historian_job(
    ledger: Ledger,
    folder: Path,
    tags: Mapping[str, pa.RecordBatch],
    *,
    boundary: Callable[[str], None] = go_on,
    reader: HistoryReader | None = None,
    clock: Callable[[], datetime] | None = None,
    owner: str = "worker-1",
    lease: timedelta = timedelta(minutes=2),
    **policy: Any,
) -> HistorianJob:
    """A source of these tags; the clock stands at a noon long after them."""
    source = HistorianSource.from_mapping(
        {
            "source": "plant1",
            "kind": "historian",
            "connection": "plant1",
            "contract": "historian_samples",
            "catalog": "plant1",
            "begin": "2026-01-05T00:00:00Z",
            "load": {"table": "HISTORIAN_SAMPLES", "scd": 2},
            **policy,
        }
    )

    @asynccontextmanager
    async def connect() -> AsyncIterator[HistoryReader]:
        yield reader or ModelHistorian(dict(tags), cap=50)

    return HistorianJob(
        source=source,
        contract=read_contract(REPO / "include" / "contracts" / "historian_samples.yaml"),
        entries=tuple(TagEntry(name=name, address=name, cadence=timedelta(minutes=1)) for name in tags),
        connect=connect,
        ledger=ledger,
        root=UPath(folder / "lake"),
        scratch=folder / "scratch",
        owner=owner,
        lease=lease,
        clock=clock or (lambda: datetime(2026, 2, 1, 12, tzinfo=UTC)),
        boundary=boundary,
    )


def read(job: HistorianJob, items: list[WorkItem]) -> list[WorkItem]:
    """Read and land, as the operator does."""
    return asyncio.run(read_items(job, [item.id for item in items]))


def load(job: HistorianJob, *, settles: bool = True) -> None:
    """As the gate and the load do, as far as the ledger goes."""
    for item in job.ledger.items.list("plant1", [State.LANDED], limit=None):
        [(_, claim)] = job.ledger.items.claim_all([item.id], "load", states=[State.LANDED], lease=job.lease)
        job.ledger.items.advance(claim, State.GATED)
        [(_, claim)] = job.ledger.items.claim_all([item.id], "load", states=[State.GATED], lease=job.lease)
        job.ledger.items.advance(claim, State.LOADED, facts={"rows_loaded": item.facts["rows_landed"]})
    if settles:
        settle_historian(job.ledger, "plant1")


def run_through(job: HistorianJob, asked: Asked) -> list[WorkItem]:
    """A whole run."""
    items = read(job, plan_items(job, asked))
    load(job)
    return items


def bronze(job: HistorianJob) -> list[dict[str, Any]]:
    """All landed rows, in the order of files."""
    files = sorted(Path(str(job.root)).glob("bronze/plant1/*/batch=*/part-*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
