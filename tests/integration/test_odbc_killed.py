"""SIGKILL at a hundred random places of one extraction whose 10,000 rows all share one timestamp."""

from __future__ import annotations

import multiprocessing
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.fakes.odbc_killed import extract_until
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

ROWS, PAGE, SEEDS = 10_000, 7, 100
PAGES = -(-ROWS // PAGE)


def _death(seed: int) -> dict[str, Any]:
    """Where this one dies: two in three between two steps, the others wherever they are when their time is over."""
    chance = random.Random(seed)
    if chance.random() < 1 / 3:
        return {"seconds": chance.uniform(0, 0.2)}
    return {"boundary": chance.choice(("page written", "page saved")), "after": chance.randint(1, 20)}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a thing: what a killed process wrote needs no disk, and the disk takes most of the time."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as name:
        yield Path(name)


def test_a_hundred_deaths_lose_no_row_double_none_and_read_one_page_again_each(
    odbc_postgres: OdbcDatabase, folder: Path
) -> None:
    odbc_postgres.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL)",
        "CREATE INDEX ON orders (updated_at, id)",
        f"INSERT INTO orders SELECT i, '2025-01-01 10:00:00.123456' FROM generate_series(1, {ROWS}) i",
        "ANALYZE orders",
    )
    out, told = folder / "out", folder / "told"
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.fakes.odbc_killed", "pyarrow.parquet", "arrow_odbc"])

    def live(**death: Any) -> int | None:
        arguments = (odbc_postgres.connection_string, str(out), PAGE, str(told))
        process = processes.Process(target=extract_until, args=arguments, kwargs=death)
        process.start()
        process.join(120)
        return process.exitcode

    assert [live(**_death(seed)) for seed in range(SEEDS)] == [-9] * SEEDS
    assert not list(out.glob("*.parquet")), "the last page is far behind the last death"
    assert live() == 0
    found = duckdb.sql(f"SELECT count(*), count(DISTINCT id), min(id), max(id) FROM '{out}/*.parquet'").fetchall()
    assert found == [(ROWS, ROWS, 1, ROWS)]
    assert len(told.read_text()) <= PAGES + 1 + SEEDS, "one page again for each death, and the late rows' own"
