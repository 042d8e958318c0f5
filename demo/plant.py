"""The demo's plant: two weeks of 20 tags from its historian, with gaps that have reasons and a day of 25 hours."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

import sqlglot
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from upath import UPath

from airflow_provider_integrations.connectors.historian.gap_scan import look_for_gaps
from airflow_provider_integrations.connectors.historian.job import HistorianJob
from airflow_provider_integrations.connectors.historian.model import to_iso
from airflow_provider_integrations.core.gap import GapReason
from airflow_provider_integrations.include import read_historian_source, read_source_contract
from airflow_provider_integrations.ledger.ledger import Ledger
from demo.airflow_api import AirflowApi
from demo.environment import airflow_environment, warehouse_options
from demo.home import REPOSITORY, DemoError, Home, write_whole
from demo.keys import Keys
from demo.plant_data import BEGIN, END, catalog, points
from demo.plant_server import CORRECTED_FILE

__all__ = ["DAG_ID", "PlantRun", "prepare_plant", "record", "run_plant", "show"]

SOURCE = "plant1"
DAG_ID = f"historian_backfill__{SOURCE}"
RUN_SECONDS = 900
GAPS = {"bad_quality": 3, "compressed_ok": 2, "missing": 3}
"""What is wrong on purpose; two tags tell changes alone, so that their silence is legal."""
SHOWN = (
    "plant1.boiler1.steam_flow",
    "plant1.turbine1.power",
    "plant1.boiler2.steam_flow",
    "plant1.cooling.inlet_temperature",
)
"""Tags whose day of 25 hours is shown."""
_VIEWS = ("silver/historian_tables", "gold/historian_current", "gold/historian_periods")
_INCLUDE = REPOSITORY / "include"
_AGAIN = {"from": "2025-11-05T00:00:00Z", "to": "2025-11-08T06:00:00Z"}
_SILVER = "INTEGRATIONS.SILVER.HISTORIAN_SAMPLES"


@dataclass(frozen=True, slots=True)
class PlantRun:
    """One backfill, and what is known after it.

    Args:
        again: Not the first: three days were read again, after somebody had corrected the historian.
        command: What a person would type.
        at_source, warehouse: Samples that the historian keeps, and those that are current in the warehouse.
        revised, gone: Samples with a second version, and those that are not there any more.
        gaps: How many are open, by reason.
        missing: Where samples are missing, in words.
        days: Of 2 November for some tags: hours, samples due, completeness per cent.
        seconds: How long the run took.
    """

    again: bool
    command: str
    at_source: int
    warehouse: int
    revised: int
    gone: int
    gaps: dict[str, int]
    missing: list[str]
    days: dict[str, tuple[float, int | None, float | None]]
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether nothing was lost or doubled, and a correction is one revision."""
        hours = {hours for hours, _, _ in self.days.values()}
        # What was deleted at the source is missing from then on.
        gaps = {**GAPS, "missing": GAPS["missing"] + 1} if self.again else GAPS
        fits = self.at_source == self.warehouse and hours == {25.0} and self.gaps == gaps
        return fits and (self.revised, self.gone) == ((1, 1) if self.again else (0, 0))


def prepare_plant(home: Home) -> None:
    """The folder of its historian."""
    (home / "plant").mkdir(exist_ok=True)


def run_plant(home: Home, keys: Keys, api: AirflowApi, ledger: Ledger, progress: Progress) -> PlantRun:
    """Backfill the two weeks as a person would; the second time the last days, in which somebody has corrected values."""
    again = bool(ledger.items.list(SOURCE, limit=1)) and bool(_rows(home, f"SELECT 1 FROM {_SILVER} LIMIT 1"))  # noqa: S608
    if again:
        write_whole(home / "plant" / CORRECTED_FILE, "")
    else:
        _make_views(home)
    for run_id in api.active_runs(DAG_ID):
        api.end_run(DAG_ID, run_id)
    api.unpause(DAG_ID)
    span = _AGAIN if again else {"from": f"{BEGIN:%Y-%m-%dT%H:%M:%SZ}", "to": f"{END:%Y-%m-%dT%H:%M:%SZ}"}
    wanted = json.dumps({**span, "tags": ["*"]})
    began = time.monotonic()
    run_id = f"demo__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    _trigger(home, keys, wanted, run_id)
    _follow(api, run_id, progress, "Plant 1, three days read again" if again else "Plant 1, two weeks of 20 tags")
    took = time.monotonic() - began
    look_for_gaps(_job(home, ledger), by="demo")
    entries = catalog(_INCLUDE)
    corrected = (home / "plant" / CORRECTED_FILE).exists()
    [(current, revised, gone)] = _rows(
        home,
        f"SELECT COUNT_IF(is_current), COUNT(*) - COUNT(DISTINCT CONCAT(tag, '/', ts_ns, '/', ordinal)), "  # noqa: S608
        f"COUNT_IF(_deleted_at IS NOT NULL) FROM {_SILVER}",
    )
    return PlantRun(
        again=again,
        command=f"airflow dags trigger {DAG_ID} -c '{wanted}'",
        at_source=sum(1 for entry in entries for _ in points(entry, corrected=corrected)),
        warehouse=int(current),
        revised=int(revised),
        gone=int(gone),
        gaps={str(reason): count for reason, count in sorted(_gaps(ledger).items())},
        missing=_missing(ledger),
        days=_days(home),
        seconds=round(took, 1),
    )


def show(console: Console, run: PlantRun) -> None:
    """The command, what is there now, and what is missing."""
    table = Table(title="Plant 1: samples of its historian", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("2 November, 25 hours long", "due", "complete"):
        table.add_column(name, justify="left" if not table.columns else "right")
    for tag, (_, due, complete) in run.days.items():
        table.add_row(tag, f"{due:,}" if due is not None else "on change", f"{complete} %")
    console.print()
    console.print(run.command, soft_wrap=True)
    console.print()
    console.print(table)
    fits = "[green]as many as[/]" if run.at_source == run.warehouse else "[bold red]and not as many as[/]"
    console.print(
        f"{run.warehouse:,} samples in the warehouse, {fits} the historian keeps ({run.at_source:,}); {run.seconds} s."
    )
    if run.again:
        console.print(
            f"Corrected since the first reading: {run.revised} value. Gone since: {run.gone}. All else is unchanged."
        )
    console.print("Gaps: " + ", ".join(f"{count} {reason}" for reason, count in run.gaps.items()) + ".")
    for line in run.missing:
        console.print(f"  missing: {line}")


def record(run: PlantRun) -> dict[str, Any]:
    """For the result file."""
    return asdict(run)


def _trigger(home: Home, keys: Keys, wanted: str, run_id: str) -> None:
    command = [str(home / "bin" / "airflow"), "dags", "trigger", DAG_ID, "-c", wanted, "--run-id", run_id]
    done = subprocess.run(
        command, env=airflow_environment(home, keys), capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode:
        raise DemoError(f"`{' '.join(command)}` failed:\n{(done.stdout + done.stderr)[-2000:]}")


def _follow(api: AirflowApi, run_id: str, progress: Progress, title: str) -> None:
    bar = progress.add_task(title, total=100, note="")
    deadline = time.monotonic() + RUN_SECONDS
    while (state := api.run_state(DAG_ID, run_id)) not in ("success", "failed"):
        tasks = api.tasks(DAG_ID, run_id)
        progress.update(bar, completed=100 * sum(task.ended for task in tasks) / max(len(tasks), 1), note=state)
        if time.monotonic() > deadline:
            raise DemoError(f"the run {run_id} of {DAG_ID} takes longer than {RUN_SECONDS} s.")
        time.sleep(0.7)
    progress.update(bar, completed=100, note=state)
    if state != "success":
        raise DemoError(f"the run {run_id} failed. Look at {api.url}/dags/{DAG_ID}/runs/{run_id}")


def _make_views(home: Home) -> None:
    """Tables and views of `include/sql`, as an administrator would make them; the emulator has no functions that give tables."""
    for name in _VIEWS:
        text = (_INCLUDE / "sql" / f"{name}.sql").read_text(encoding="utf-8")
        for statement in sqlglot.parse(text, read="snowflake"):
            if statement is not None and statement.args.get("kind") != "FUNCTION":
                _rows(home, statement.sql(dialect="snowflake", comments=False))


def _job(home: Home, ledger: Ledger) -> HistorianJob:
    """What looking for gaps needs; it asks the historian nothing."""

    @asynccontextmanager
    async def nobody() -> Any:
        yield _asked()

    source = read_historian_source(_INCLUDE, SOURCE)
    return HistorianJob(
        source, read_source_contract(_INCLUDE, source), catalog(_INCLUDE), nobody, ledger, UPath(home / "landing"),
        home / "plant" / "scratch", "demo",
    )  # fmt: skip


def _asked() -> NoReturn:
    raise AssertionError("gaps are found in what was landed")


def _gaps(ledger: Ledger) -> Counter[str]:
    return Counter(known.gap.reason.value for known in ledger.historian.gaps(SOURCE))


def _missing(ledger: Ledger) -> list[str]:
    gaps = [known.gap for known in ledger.historian.gaps(SOURCE) if known.gap.reason is GapReason.MISSING]
    return [f"{gap.tag}, {gap.expected} samples, {to_iso(gap.begin)} to {to_iso(gap.end)}" for gap in gaps]


def _days(home: Home) -> dict[str, tuple[float, int | None, float | None]]:
    names = ", ".join(f"'{tag}'" for tag in SHOWN)
    found = _rows(
        home,
        "SELECT tag, hours, expected, completeness_per_cent FROM INTEGRATIONS.GOLD.HISTORIAN_DAILY "  # noqa: S608
        f"WHERE day = '2025-11-02' AND tag IN ({names}) ORDER BY tag",
    )
    return {
        str(tag): (float(hours), None if due is None else int(due), None if complete is None else float(complete))
        for tag, hours, due, complete in found
    }


def _rows(home: Home, statement: str) -> list[tuple[Any, ...]]:
    import snowflake.connector

    with snowflake.connector.connect(**warehouse_options(home)) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(statement)
        except snowflake.connector.errors.ProgrammingError as error:
            if error.errno != 2003:  # The object does not exist.
                raise
            return []
        return [tuple(row) for row in cursor.fetchall()]
