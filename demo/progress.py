"""Follows one DAG run: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from airflow_provider_integrations.core.work_item import END_STATES, WorkItem
from demo.airflow_api import AirflowApi, Task
from demo.home import DemoError

__all__ = ["follow", "stages"]

_POLL = 0.7


def stages(console: Console) -> Progress:
    """Bars that vanish neither on success nor on failure."""
    return Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
        transient=False,
    )


def follow(
    api: AirflowApi,
    dag_id: str,
    run_id: str,
    *,
    progress: Progress,
    title: str,
    items: Callable[[], Sequence[WorkItem]],
    expected: int,
    alive: Callable[[], bool],
    seconds: float,
) -> str:
    """Show the run until it ends, and give its state.

    Half of the bar is the files that have their verdict in the ledger, half the tasks that have ended.

    Raises:
        DemoError: if Airflow dies meanwhile or the run takes more than `seconds`.
    """
    known = {item.id for item in items() if item.state in END_STATES}
    bar = progress.add_task(title, total=100, note="")
    deadline = time.monotonic() + seconds
    said = ""
    while True:
        state = api.run_state(dag_id, run_id)
        tasks = api.tasks(dag_id, run_id)
        done = sum(1 for item in items() if item.state in END_STATES and item.id not in known)
        note = f"{min(done, expected)}/{expected} files · {_at_work(tasks)}"
        share = sum(task.ended for task in tasks) / max(len(tasks), 1)
        progress.update(bar, completed=50 * min(done / max(expected, 1), 1) + 50 * share, note=note)
        if not progress.console.is_terminal and note != said:
            progress.console.print(f"  {title}: {note}", highlight=False)
            said = note
        if state in ("success", "failed"):
            progress.update(bar, completed=100, note=f"{done}/{expected} files · {state}")
            return state
        if not alive():
            raise DemoError("Airflow has ended while the DAG was running.")
        if time.monotonic() > deadline:
            raise DemoError(f"the run {run_id} is still {state} after {seconds:.0f} s ({_at_work(tasks)}).")
        time.sleep(_POLL)


def _at_work(tasks: Sequence[Task]) -> str:
    """The tasks that are neither waiting nor done, such as `intake 2, gate`."""
    at_work = [task for task in tasks if not task.ended and task.state != "waiting"]
    names = Counter(f"{task.name} (to be tried again)" if task.retrying else task.name for task in at_work)
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in names.items()) or "scheduling"
