"""The demo's second source: orders of an ERP in SQLite, read over ODBC where the driver is installed."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from airflow_provider_integrations.connectors.odbc.position import position_of
from airflow_provider_integrations.ledger.ledger import Ledger
from demo.airflow_api import AirflowApi
from demo.environment import warehouse_options
from demo.home import DemoError, Home

__all__ = ["DAG_ID", "INSTALL", "ErpRun", "driver", "prepare_erp", "records", "run_erp", "runs_table", "show"]

SOURCE = "erp_orders"
DAG_ID = f"odbc_extract__{SOURCE}"
INSTALL = "apt-get install unixodbc libsqliteodbc"
ORDERS = 5_000
CHANGED = 40
RUN_SECONDS = 300
_TABLE = "INTEGRATIONS.SILVER.ORDERS"


@dataclass(frozen=True, slots=True)
class ErpRun:
    """One run of the DAG: what it read and promised, and what source and warehouse hold after it."""

    title: str
    rows_read: int
    rows_late: int
    guarantee: str
    bookmark: str
    source: tuple[int, str]
    warehouse: tuple[int, str]

    @property
    def agrees(self) -> bool:
        """Whether counts and sums are the same on both sides."""
        return self.source == self.warehouse


def driver() -> str | None:
    """The name of SQLite's ODBC driver; None where it or the driver manager is missing."""
    try:
        import pyodbc
    except ImportError:
        return None
    return "SQLite3" if "SQLite3" in pyodbc.drivers() else None


def prepare_erp(home: Home) -> None:
    """Make the ERP's database, once; its first orders are always the same."""
    with closing(sqlite3.connect(home / "erp.sqlite")) as database:
        database.execute("PRAGMA journal_mode = WAL")  # A reader in its snapshot does not stop the ERP.
        database.execute(
            "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, updated_at TIMESTAMP, customer TEXT NOT NULL,"
            " status TEXT NOT NULL, amount NUMERIC(18,4) NOT NULL, ordered_on DATE NOT NULL, note TEXT,"
            " is_express BOOLEAN NOT NULL)"
        )
        database.execute("CREATE INDEX IF NOT EXISTS orders_order ON orders (updated_at, id)")
        if database.execute("SELECT count(*) FROM orders").fetchone() == (0,):
            database.executemany(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_order, range(1, ORDERS + 1))
            )
        database.commit()


def run_erp(home: Home, api: AirflowApi, ledger: Ledger, progress: Progress) -> list[ErpRun]:
    """Run the DAG on the orders as they are, change some, and run it again."""
    for run_id in api.active_runs(DAG_ID):
        api.end_run(DAG_ID, run_id)
    api.unpause(DAG_ID)
    first = _run(home, api, ledger, progress, "ERP orders, as they are")
    _change(home)
    return [first, _run(home, api, ledger, progress, f"ERP orders, {CHANGED} changed")]


def runs_table(runs: list[ErpRun]) -> Table:
    """The runs, and whether both sides agree."""
    table = Table(title="ERP orders over ODBC", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("run", "read", "guarantee", "bookmark", "source = warehouse"):
        table.add_column(name)
    for run in runs:
        there, held = (f"{count:,} orders, {total}" for count, total in (run.source, run.warehouse))
        both = there if run.agrees else f"[bold red]{there} is not {held}[/]"
        read = f"{run.rows_read:,}, {run.rows_late:,} of them behind the mark"
        table.add_row(run.title, read, run.guarantee, run.bookmark, both)
    return table


def show(console: Console, runs: list[ErpRun]) -> None:
    """The table, or what to install for it."""
    console.print()
    if runs:
        console.print(runs_table(runs))
    else:
        console.print(f"No table was read over ODBC, since SQLite's driver is not installed. As root: {INSTALL}")


def records(runs: list[ErpRun]) -> list[dict[str, Any]]:
    """For the result file."""
    return [asdict(run) for run in runs]


def _run(home: Home, api: AirflowApi, ledger: Ledger, progress: Progress, title: str) -> ErpRun:
    run_id = f"demo__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    known = {item.id for item in ledger.items.list(SOURCE, limit=None)}
    bar = progress.add_task(title, total=100, note="")
    api.trigger(DAG_ID, {}, run_id)
    deadline = time.monotonic() + RUN_SECONDS
    while (state := api.run_state(DAG_ID, run_id)) not in ("success", "failed"):
        tasks = api.tasks(DAG_ID, run_id)
        progress.update(bar, completed=100 * sum(task.ended for task in tasks) / max(len(tasks), 1), note=state)
        if time.monotonic() > deadline:
            raise DemoError(f"the run {run_id} of {DAG_ID} is still {state} after {RUN_SECONDS} s.")
        time.sleep(0.7)
    progress.update(bar, completed=100, note=state)
    if state != "success":
        raise DemoError(f"the run {run_id} failed. Look at {api.url}/dags/{DAG_ID}/runs/{run_id}")
    items = [item for item in ledger.items.list(SOURCE, limit=None) if item.id not in known]
    watermark = ledger.watermarks.get(SOURCE)
    bookmark = position_of(watermark, watermark.engine)[0].bookmark if watermark is not None else None
    return ErpRun(
        title=title,
        rows_read=sum(item.facts.get("rows_read", 0) for item in items),
        rows_late=sum(item.facts.get("rows_late", 0) for item in items),
        guarantee=", ".join(sorted({str(item.facts.get("guarantee")) for item in items})),
        bookmark=", ".join(bookmark or ()),
        source=_source_totals(home),
        warehouse=_warehouse_totals(home),
    )


def _order(number: int) -> tuple[object, ...]:
    at = datetime(2025, 11, 1, 8) + timedelta(seconds=number * 3)
    status = ("open", "shipped", "paid", "cancelled")[number % 4]
    note = f"Straße {number} 📦" if number % 3 else None
    amount = f"{number % 997}.{number % 100:02d}50"
    return (
        number,
        f"{at:%Y-%m-%d %H:%M:%S}",
        f"Customer {number % 211}",
        status,
        amount,
        "2025-11-01",
        note,
        number % 2,
    )


def _change(home: Home) -> None:
    """Some orders go on, and one is committed a little behind the newest, within the lag."""
    with closing(sqlite3.connect(home / "erp.sqlite")) as database:
        newest = datetime.fromisoformat(database.execute("SELECT max(updated_at) FROM orders").fetchone()[0])
        stamps = [newest + timedelta(minutes=1), newest - timedelta(minutes=5)]
        for at in range(CHANGED):
            stamp = f"{stamps[at == 0]:%Y-%m-%d %H:%M:%S}"
            database.execute(
                "UPDATE orders SET updated_at = ?, status = 'paid', note = ? WHERE id = ?",
                (stamp, f"changed {stamp}", at * 17 + 1),
            )
        database.commit()


def _source_totals(home: Home) -> tuple[int, str]:
    with closing(sqlite3.connect(home / "erp.sqlite")) as database:
        count, total = database.execute("SELECT count(*), sum(amount) FROM orders").fetchone()
    return int(count), f"{float(total):.2f}"


def _warehouse_totals(home: Home) -> tuple[int, str]:
    import snowflake.connector

    with snowflake.connector.connect(**warehouse_options(home)) as connection, connection.cursor() as cursor:
        found = cursor.execute(f"SELECT COUNT(*), SUM(amount) FROM {_TABLE}").fetchone()  # noqa: S608
    return int(found[0]), f"{float(found[1]):.2f}"
