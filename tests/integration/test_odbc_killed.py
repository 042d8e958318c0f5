"""SIGKILL at forty random places of one extraction whose rows all share one timestamp."""

from __future__ import annotations

import multiprocessing
import random
from pathlib import Path

import duckdb
import pytest

from tests.fakes.odbc_killed import extract_until
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration

ROWS, PAGE, KILLS = 1_400, 7, 40
BOUNDARIES = ("page written", "page saved")


def test_forty_deaths_lose_no_row_double_none_and_read_one_page_again_each(
    odbc_postgres: OdbcDatabase, tmp_path: Path
) -> None:
    odbc_postgres.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL)",
        "CREATE INDEX ON orders (updated_at, id)",
        f"INSERT INTO orders SELECT i, '2025-01-01 10:00:00.123456' FROM generate_series(1, {ROWS}) i",
    )
    out, told = tmp_path / "out", tmp_path / "told"
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.fakes.odbc_killed", "pyarrow.parquet", "arrow_odbc"])
    deaths = 0
    for seed in range(KILLS + 1):
        chance = random.Random(seed)
        # The last one is left alive; the others die long before the end.
        after = chance.randint(1, 5) if seed < KILLS else ROWS
        arguments = (odbc_postgres.connection_string, str(out), PAGE, chance.choice(BOUNDARIES), after, str(told))
        process = processes.Process(target=extract_until, args=arguments)
        process.start()
        process.join(120)
        deaths += process.exitcode == -9
    assert process.exitcode == 0
    assert deaths == KILLS
    found = duckdb.sql(f"SELECT count(*), count(DISTINCT id), min(id), max(id) FROM '{out}/*.parquet'").fetchall()
    assert found == [(ROWS, ROWS, 1, ROWS)]
    pages = -(-ROWS // PAGE)
    assert len(told.read_text()) <= pages + 1 + deaths, "one page again for each death, and the late rows' own"
