"""A PostgreSQL of the benchmark's own with a table of ERP orders, and the ways to read it that are compared."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.machine import clock

__all__ = ["COLUMNS", "airflow_frame", "arrow_odbc_floor", "copy_floor", "database", "fill", "offset_pages", "ours",
    "page_costs",
           "pandas_chunks", "peer", "pyodbc_pages", "touch"]  # fmt: skip

COLUMNS = ("id", "updated_at", "customer", "status", "city", "net", "tax", "gross", "cost", "freight", "rebate",
           "ordered_on", "due_on", "note", "is_express", "token")  # fmt: skip
_TABLE = """
CREATE UNLOGGED TABLE orders (
  id bigint NOT NULL, updated_at timestamptz NOT NULL, customer varchar(60) NOT NULL, status varchar(12) NOT NULL,
  city varchar(40) NOT NULL, net numeric(18,4), tax numeric(18,4), gross numeric(18,4), cost numeric(18,4),
  freight numeric(18,4), rebate numeric(18,4), ordered_on date, due_on date, note text, is_express boolean, token uuid
)
"""
_FILL = """
INSERT INTO orders
SELECT i, timestamptz '2025-01-01 00:00:00+00' + (i / 50) * interval '1 second',
  'Customer number ' || i %% 50000, (ARRAY['open', 'shipped', 'paid', 'cancelled'])[1 + i %% 4], 'City ' || i %% 977,
  i * 1.0931, i * 0.19, i * 1.2831, i * 0.7, (i %% 1000) / 7.0, (i %% 300) / 9.0,
  date '2025-01-01' + (i / 8000)::int, date '2025-02-01' + (i / 8000)::int,
  CASE WHEN i %% 3 > 0 THEN 'Bemerkung zur Bestellung \u00e4\u00f6\u00fc ' || i END, i %% 2 = 0, md5(i::text)::uuid
FROM generate_series(%d::bigint, %d::bigint) AS i
"""


@contextmanager
def database(folder: Path) -> Iterator[int]:
    """A running server's port; ended by its own process id."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)[0]
    home = Path(tempfile.mkdtemp(prefix="odbc-bench-", dir=folder))
    before = []
    if os.geteuid() == 0:
        shutil.chown(home, "postgres", "postgres")
        for parent in (home, *home.parents):
            if parent.owner() == "root" and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        before = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    data = home / "data"
    subprocess.run([*before, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                    "--no-sync", "--locale=C"], check=True, capture_output=True, cwd="/")  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = subprocess.Popen([*before, programs / "postgres", "-D", data, "-p", str(port), "-c", "fsync=off", "-c",
                               "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c",
                               "max_wal_size=4GB"], cwd="/", stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        time.sleep(0.5)
        yield port
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
        shutil.rmtree(home, ignore_errors=True)


def fill(port: int, rows: int, *, first: int = 0) -> None:
    """Make the table with its key and index, or add rows to it."""
    with _psycopg(port) as connection:
        if not first:
            connection.execute("DROP TABLE IF EXISTS orders")
            connection.execute(_TABLE)
        connection.execute(_FILL % (first + 1, rows))
        if not first:
            connection.execute("ALTER TABLE orders ADD PRIMARY KEY (id)")
            connection.execute("CREATE INDEX orders_order ON orders (updated_at, id)")
    vacuum(port)


def vacuum(port: int) -> None:
    """Hint bits and statistics, as a table in use has them."""
    with _psycopg(port) as connection:
        connection.execute("VACUUM ANALYZE orders")


def touch(port: int, share: float) -> None:
    """Change that share of the rows, as an application does."""
    with _psycopg(port) as connection:
        changed = f"rebate = rebate + 1 WHERE id % {int(1 / share)} = 0"
        connection.execute(f"UPDATE orders SET updated_at = clock_timestamp(), {changed}")


def connection_string(port: int) -> str:
    """For psqlodbc."""
    return f"Driver={{PostgreSQL Unicode}};Server=127.0.0.1;Port={port};Database=postgres;UID=postgres;PWD=x"


def ours(port: int, folder: str, shards: int, page_rows: int, guarantee: str = "strongest") -> dict[str, Any]:
    """What the command line does, with its state; the files are on disk and synced."""
    from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
    from airflow_provider_integrations.connectors.odbc.plan import Policy
    from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings

    _warm()
    out = Path(folder)
    policy = Policy(guarantee=guarantee, shards=shards)
    request = Request("orders", ("updated_at", "id"), out, out / "_state.json", policy, page_rows=page_rows)
    with clock() as spent:
        report = extract_once(OdbcSettings.from_string(connection_string(port)), request)
    return {**spent, "rows": report["rows"]}


def page_costs(port: int, folder: str, page_rows: int) -> dict[str, Any]:
    """Seconds between the marks of an extraction: the middle of the first three full pages, and of the last three."""
    import statistics
    import time

    from airflow_provider_integrations.connectors.odbc.once import Request, extract_once
    from airflow_provider_integrations.connectors.odbc.settings import OdbcSettings

    _warm()
    marks: list[float] = []

    def saved(boundary: str) -> None:
        if boundary == "page saved":
            marks.append(time.perf_counter())

    out = Path(folder)
    request = Request("orders", ("updated_at", "id"), out, out / "_state.json", page_rows=page_rows)
    with clock() as spent:
        extract_once(OdbcSettings.from_string(connection_string(port)), request, boundary=saved)
    pages = [after - before for before, after in pairwise(marks)]
    first, last = statistics.median(pages[1:4]), statistics.median(pages[-4:-1])
    return {**spent, "pages": len(pages), "first_page": first, "last_page": last, "last_to_first": last / first}


def _warm() -> None:
    """What a worker has imported long before: the same for every way."""
    import arrow_odbc
    import pandas
    import pyarrow.parquet
    import pyodbc

    from airflow_provider_integrations.connectors.odbc import once  # noqa: F401

    assert all((arrow_odbc, pandas, pyarrow, pyodbc))


def copy_floor(port: int) -> dict[str, Any]:
    """The server's floor: binary COPY to nowhere."""
    with clock() as spent:
        subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-qc",
                        "COPY orders TO STDOUT (FORMAT binary)"], check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    return {**spent}


def arrow_odbc_floor(port: int) -> dict[str, Any]:
    """The driver's floor: the best settings that are known, fetched and dropped."""
    import arrow_odbc

    _warm()
    text = (
        connection_string(port)
        + ";UseDeclareFetch=1;Fetch=10000;BoolsAsChar=0;MaxVarcharSize=1024;MaxLongVarcharSize=1024"
    )
    with clock() as spent:
        connection = arrow_odbc.connect(text, autocommit=False)
        reader = connection.read_arrow_batches(
            f"SELECT {', '.join(COLUMNS)} FROM orders ORDER BY updated_at, id", batch_size=10_000, max_text_size=1024
        )
        rows = sum(batch.num_rows for batch in reader)
    return {**spent, "rows": rows}


def pyodbc_pages(port: int, folder: str) -> dict[str, Any]:
    """What a careful engineer writes with pyodbc: keyset pages of 50,000 rows to Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import pyodbc

    _warm()
    rows, mark, writer = 0, ("0001-01-01", 0), None
    with clock() as spent:
        connection = pyodbc.connect(connection_string(port) + ";UseDeclareFetch=1;Fetch=10000;BoolsAsChar=0")
        while True:
            page = connection.execute(
                f"SELECT {', '.join(COLUMNS)} FROM orders WHERE updated_at >= CAST(? AS timestamptz) AND"
                " (updated_at > CAST(? AS timestamptz) OR id > ?) ORDER BY updated_at, id LIMIT 50000",
                str(mark[0]), str(mark[0]), mark[1],
            ).fetchmany(50_000)  # fmt: skip
            if not page:
                break
            table = pa.table(
                [_array(name, [row[at] for row in page]) for at, name in enumerate(COLUMNS)], names=COLUMNS
            )
            if writer is None:
                writer = pq.ParquetWriter(Path(folder) / "pages.parquet", table.schema, compression="zstd")
            writer.write_table(table)
            rows, mark = rows + len(page), (page[-1][1], page[-1][0])
        if writer is not None:
            writer.close()
    return {**spent, "rows": rows}


def pandas_chunks(port: int, folder: str) -> dict[str, Any]:
    """`pandas.read_sql` in chunks of 100,000 rows, each a Parquet file."""
    import pandas
    import sqlalchemy

    _warm()
    rows = 0
    with clock() as spent:
        engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres")
        with engine.connect().execution_options(stream_results=True) as connection:
            for at, frame in enumerate(pandas.read_sql("SELECT * FROM orders", connection, chunksize=100_000)):
                frame.assign(token=frame["token"].astype(str)).to_parquet(
                    Path(folder) / f"{at}.parquet", compression="zstd"
                )
                rows += len(frame)
    return {**spent, "rows": rows}


def airflow_frame(port: int, folder: str) -> dict[str, Any]:
    """Airflow's ODBC hook: `get_df`, to one Parquet file."""
    os.environ["AIRFLOW_CONN_BENCH"] = f"odbc://postgres:x@127.0.0.1:{port}/postgres?Driver=PostgreSQL+Unicode"
    from airflow.providers.odbc.hooks.odbc import OdbcHook

    _warm()
    with clock() as spent:
        hook = OdbcHook(odbc_conn_id="bench", driver="PostgreSQL Unicode")
        frame = hook.get_df("SELECT * FROM orders")
        for name in ("net", "tax", "gross", "cost", "freight", "rebate"):
            frame[name] = frame[name].astype(str)
        frame.to_parquet(Path(folder) / "frame.parquet", compression="zstd")
    return {**spent, "rows": len(frame)}


def offset_pages(port: int, folder: str) -> dict[str, Any]:
    """Airflow's own paging (`GenericTransfer` with a page size): LIMIT and OFFSET, by pyodbc."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import pyodbc

    _warm()
    rows, writer = 0, None
    with clock() as spent:
        connection = pyodbc.connect(connection_string(port) + ";UseDeclareFetch=1;Fetch=10000;BoolsAsChar=0")
        while page := connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM orders ORDER BY updated_at, id LIMIT 100000 OFFSET {rows}"
        ).fetchall():
            table = pa.table(
                [_array(name, [row[at] for row in page]) for at, name in enumerate(COLUMNS)], names=COLUMNS
            )
            if writer is None:
                writer = pq.ParquetWriter(Path(folder) / "pages.parquet", table.schema, compression="zstd")
            writer.write_table(table)
            rows += len(page)
        if writer is not None:
            writer.close()
    return {**spent, "rows": rows}


def _array(name: str, values: list[Any]) -> Any:
    import pyarrow as pa

    numbers = ("net", "tax", "gross", "cost", "freight", "rebate")
    return pa.array(values, pa.decimal128(18, 4) if name in numbers else None)


def peer(python: str, way: str, port: int, folder: str) -> dict[str, Any]:
    """A way of another package, by that package's own Python; it tells its seconds, rows and memory itself."""
    import json

    script = Path(__file__).with_name("odbc_peers.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([python, script, way, str(port), folder], check=True, capture_output=True, text=True,
                          env={**environment, "RUNTIME__DLTHUB_TELEMETRY": "false"})  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _psycopg(port: int) -> Any:
    import psycopg

    return psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", autocommit=True)
