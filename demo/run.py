"""The demo from end to end: bring everything up, let the partner send, run the DAG, show what happened."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from rich.console import Console
from rich.progress import Progress

from airflow_provider_integrations.core.work_item import END_STATES, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from demo import edi, erp, graph, plant, servers
from demo.airflow_api import AirflowApi
from demo.environment import airflow_password
from demo.home import REPOSITORY, DemoError, Home, write_whole
from demo.keys import make_keys
from demo.partner import INBOX, Sent, deliver, prepare
from demo.processes import log_tail, running
from demo.progress import follow, stages
from demo.report import Line, files_table, lines, totals_table
from demo.warehouse import TABLE, Totals, read_totals

__all__ = ["up"]

SOURCE = "acme_customers"
DAG_ID = f"partner_intake__{SOURCE}"
START_SECONDS = 240
RUN_SECONDS = 900


def up(home: Home) -> int:
    """Run the demo; 0 if every file got the verdict that it must get."""
    console = Console(highlight=False)
    began = time.monotonic()
    console.print(f"[bold]The demo[/] keeps its state in {_shown(home)}")
    with stages(console) as progress:
        api, sent = _start(home, progress)
        ledger = Ledger.connect(f"sqlite:///{home / 'ledger.sqlite'}")
        ledger.migrate()
        again = not _unsettled(sent, ledger)
        before = read_totals(home) if again else None
        for title, files in _deliveries(sent, ledger, again=again):
            _take_in(home, api, ledger, progress, title, files)
        orders = erp.run_erp(home, api, ledger, progress) if erp.driver() else []
        documents = edi.run_edi(home, make_keys(home), api, ledger, progress)
        rounds = graph.run_graph(home, api, ledger, progress)
        measured = plant.run_plant(home, make_keys(home), api, ledger, progress)
    found = lines(sent, ledger.items.list(source=SOURCE, limit=10_000))
    after = read_totals(home)
    erp.show(console, orders)
    edi.show(console, documents)
    graph.show(console, rounds)
    plant.show(console, measured)
    _show(console, home, ledger, found, before, after, seconds=time.monotonic() - began)
    fine = all(line.as_expected for line in found) and before in (None, after) and all(run.agrees for run in orders)
    fine = fine and documents.as_expected and all(run.as_expected for run in rounds) and measured.as_expected
    result = {
        "again": again,
        "files": [asdict(line) for line in found],
        "before": asdict(before) if before else None,
        "totals": asdict(after),
        "orders": erp.records(orders),
        "edi": edi.record(documents),
        "graph": graph.records(rounds),
        "plant": plant.record(measured),
        "seconds": round(time.monotonic() - began, 1),
        "url": api.url,
    }
    write_whole(home / "result.json", json.dumps(result, indent=2))
    return 0 if fine else 1


def _start(home: Home, progress: Progress) -> tuple[AirflowApi, list[Sent]]:
    """Keys, servers and the partner's files; Airflow takes the longest, so the rest is done while it starts."""
    bar = progress.add_task("servers", total=4, note="keys")
    keys = make_keys(home)
    (home / "partner" / "site").mkdir(parents=True, exist_ok=True)
    progress.update(bar, advance=1, note="starting")
    started = servers.start_all(home, keys)
    sent = prepare(home, keys)
    erp.prepare_erp(home)
    edi.prepare_edi(home, keys)
    plant.prepare_plant(home)
    progress.update(bar, advance=1, note=f"started {', '.join(started)}" if started else "all run already")
    for name in ("sftp", "warehouse", "graph", "plant"):
        servers.wait_until(home, name, partial(servers.listens, home.port(name)), seconds=60)
    progress.update(bar, advance=1, note="Airflow is starting" if "airflow" in started else "looking at Airflow")
    api = AirflowApi(f"http://127.0.0.1:{home.port('airflow')}", partial(airflow_password, home))
    servers.wait_until(home, "airflow", api.is_up, seconds=START_SECONDS)
    progress.update(bar, note="waiting for the DAGs")
    servers.wait_until(home, "airflow", partial(_dags_are_there, api), seconds=START_SECONDS)
    for run_id in api.active_runs(DAG_ID):  # Of a demo that was interrupted; the ledger knows what is left to do.
        api.end_run(DAG_ID, run_id)
    api.unpause(DAG_ID)
    progress.update(bar, advance=1, note="SFTP, warehouse, tenant, plant and Airflow are up")
    return api, sent


def _dags_are_there(api: AirflowApi) -> bool:
    if all(api.dag(dag_id) is not None for dag_id in (DAG_ID, edi.DAG_ID, *graph.DAG_IDS, plant.DAG_ID)):
        return True
    if errors := api.import_errors():
        raise DemoError("Airflow cannot read the DAGs:\n" + "\n".join(errors))
    return False


def _unsettled(sent: list[Sent], ledger: Ledger) -> list[Sent]:
    """Files that have no verdict yet; an upload under way never has one."""
    items = ledger.items.list(source=SOURCE, limit=10_000)
    settled = {item.name for item in items if item.state in END_STATES}
    return [entry for entry in sent if entry.state and entry.name not in settled]


def _deliveries(sent: list[Sent], ledger: Ledger, *, again: bool) -> list[tuple[str, list[Sent]]]:
    """What the partner sends now: what is missing, delivery by delivery; or, if nothing is, everything once more."""
    if again:
        return [("everything, sent again", sent)]
    missing = set(_unsettled(sent, ledger))
    plan = []
    for number, title in ((1, "first delivery"), (2, "second delivery")):
        files = [entry for entry in sent if entry.delivery == number]
        if missing & set(files):
            plan.append((title, [entry for entry in files if entry in missing or not entry.state]))
    return plan


def _take_in(home: Home, api: AirflowApi, ledger: Ledger, progress: Progress, title: str, files: list[Sent]) -> None:
    deliver(home, files)
    inbox = home / "partner" / "site" / INBOX
    expected = sum(1 for path in inbox.iterdir() if path.suffix != ".part")
    run_id = f"demo__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    api.trigger(DAG_ID, {"wait": False}, run_id)

    def items() -> list[WorkItem]:
        return list(ledger.items.list(source=SOURCE, limit=10_000))

    state = follow(
        api,
        DAG_ID,
        run_id,
        progress=progress,
        title=title,
        items=items,
        expected=expected,
        alive=lambda: running(home, "airflow") is not None,
        seconds=RUN_SECONDS,
    )
    if state != "success":
        failed = [f"{task.name}[{task.index}] {task.state}" for task in api.tasks(DAG_ID, run_id) if task.ended_badly]
        raise DemoError(
            f"the run {run_id} failed: {', '.join(failed)}. Look at {api.url}/dags/{DAG_ID}/runs/{run_id}\n"
            f"{_task_errors(home, run_id)}"
        )


def _task_errors(home: Home, run_id: str) -> str:
    """The last error in each log of a failed run's tasks, without its frames."""
    folder = home / "airflow" / "logs" / f"dag_id={DAG_ID}" / f"run_id={run_id}"
    said = []
    for path in sorted(folder.rglob("*.log"), key=lambda path: path.stat().st_mtime):
        errors = [entry for line in path.read_text(encoding="utf-8").splitlines() if (entry := _error(line))]
        said += [f"{path.relative_to(folder)}: {error}" for error in errors[-1:]]
    return "\n".join(said) or log_tail(home, "airflow")


def _error(line: str) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if entry.get("level") not in ("error", "critical"):
        return None
    causes = [f"{detail['exc_type']}: {detail['exc_value']}" for detail in entry.get("error_detail") or ()]
    return " / ".join([str(entry.get("event")), *causes])


def _show(
    console: Console,
    home: Home,
    ledger: Ledger,
    found: list[Line],
    before: Totals | None,
    after: Totals,
    *,
    seconds: float,
) -> None:
    console.print()
    console.print(files_table(found, width=console.width))
    for number in _gaps(ledger):
        console.print(f"Sequence {number} never came, though later ones did: ask the partner.")
    console.print()
    console.print(totals_table(after, table_name=TABLE))
    if before is not None:
        same = before == after
        words = "[green]unchanged[/]" if same else "[bold red]CHANGED[/]"
        console.print(f"Everything was sent again, byte for byte: the warehouse is {words}.")
        if not same:
            console.print(f"before: {before}\nafter:  {after}")
    wrong = [line.name for line in found if not line.as_expected]
    if wrong:
        console.print(f"[bold red]{len(wrong)} files did not get the verdict that they must get.[/]")
    password = airflow_password(home)
    console.print()
    console.print(f"Airflow:  http://127.0.0.1:{home.port('airflow')}/dags/{DAG_ID}")
    console.print(f"Login:    [bold]admin[/], password [bold]{password}[/]")
    console.print(f"Kept:     {_shown(home)}/landing (bronze and quarantine), {_shown(home)}/ledger.sqlite")
    console.print(
        f"Took {seconds:.0f} s. `make demo` again changes nothing in the warehouse; `make demo-stop` ends what was started."
    )


def _gaps(ledger: Ledger) -> tuple[int, ...]:
    from airflow_provider_integrations.connectors.sftp_pgp.discover import missing_sequences

    return missing_sequences(ledger, SOURCE)


def _shown(home: Home) -> str:
    """The folder as a reader would type it."""
    try:
        return str(home.root.relative_to(REPOSITORY))
    except ValueError:
        return str(home.root)
