"""A backfill of five times the samples takes no more memory: pages become parts, and parts become files, in bounded pieces."""

from __future__ import annotations

import multiprocessing
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from airflow_provider_integrations.connectors.historian.backfill import Limits, Order
from airflow_provider_integrations.connectors.historian.model import HistoryReader, Page, Span, Tag
from airflow_provider_integrations.connectors.historian.once import Request, backfill_once
from airflow_provider_integrations.connectors.historian.samples import PAGE
from tests.fakes.memory import peak_kib

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

SECOND = 1_000_000_000
FEW, MANY = 600_000, 3_000_000
GROWTH_KIB = 56 * 1024
"""28 MB were seen; what is read held besides would make it more than 100."""


class Endless:
    """A value a second, made as it is asked for, in pages of 10,000."""

    async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        for tag in tags:
            for begin in range(span.begin, span.end, 10_000 * SECOND):
                end = min(begin + 10_000 * SECOND, span.end)
                ts = np.arange(begin, end, SECOND)
                yield Page(tag.name, made(ts), end)


def made(ts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.RecordBatch:
    nothing, rows = pa.nulls(len(ts), pa.string()), len(ts)
    origins = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array(["actual"]))
    columns = [
        pa.array(ts).cast(PAGE.field("ts").type), pa.array(np.zeros(rows, np.int32)), pa.array(np.sin(ts / 1e12)),
        nothing, nothing, pa.array(np.zeros(rows, np.uint32)), origins, nothing,
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(columns, schema=PAGE)


@asynccontextmanager
async def connect() -> AsyncIterator[HistoryReader]:
    yield Endless()


def peak_of_a_backfill(folder: str, rows: int) -> tuple[int, int]:
    """Samples, and the most memory that this process held."""
    out = Path(folder)
    order = Order((Tag("a", "a"), Tag("b", "b")), Span(0, rows // 2 * SECOND))
    report = backfill_once(Request(order, "endless", out, out / ".backfill.json", Limits()), connect)
    return report["samples"], peak_kib()


def test_five_times_the_samples_take_no_more_memory(tmp_path: Path) -> None:
    peaks = {}
    for rows in (FEW, MANY):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            samples, peaks[rows] = pool.apply(peak_of_a_backfill, (str(tmp_path / str(rows)), rows))
        assert samples == rows
    assert peaks[MANY] - peaks[FEW] < GROWTH_KIB, peaks
