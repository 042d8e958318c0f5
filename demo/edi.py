"""The demo's EDI partner: two orders in one sealed document, of which one is wrong, and the answer that lies there for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from airflow_provider_integrations.core.work_item import END_STATES, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from demo.airflow_api import AirflowApi
from demo.environment import warehouse_options
from demo.home import DemoError, Home, write_whole
from demo.keys import GnuPg, Keys
from demo.processes import running
from demo.progress import follow

__all__ = ["DAG_ID", "EdiRun", "prepare_edi", "record", "run_edi", "show"]

SOURCE = "acme_edi"
DAG_ID = f"edi_inbound__{SOURCE}"
NAME = "acme_edi_2025-11-12_seq-00001.edi.gpg"
INBOX, ANSWERS = "outbound/edi", "inbound/edi"
RUN_SECONDS = 600
_TABLES = "INTEGRATIONS.SILVER.EDI_"
_DOCUMENT = (
    f"ISA*00*{'':10}*00*{'':10}*ZZ*{'ACME':15}*ZZ*{'HUB':15}*251112*0304*U*00401*000000001*0*P*>",
    "GS*PO*ACME*HUB*20251112*0304*1*X*004010",
    *("ST*850*0001", "BEG*00*SA*4500012345**20251112", "PO1*1*12*EA*9.25**VP*A-100", "PO1*2*1.5*LB*0.5**VP*B-7"),
    *("CTT*2", "SE*6*0001"),
    # Wrong are the purpose of the order, and the quantity: a letter for its zero.
    *("ST*850*0002", "BEG*99*SA*4500012346**20251112", "PO1*1*1O*EA*3**VP*C-1", "CTT*1", "SE*5*0002"),
    *("GE*2*1", "IEA*1*000000001"),
)


@dataclass(frozen=True, slots=True)
class EdiRun:
    """What became of the document, and what ACME finds on its server, opened with its own key.

    Args:
        again: It came before, byte for byte.
        state, reason: Of the document in the ledger.
        sets: What the warehouse says of each set: control number, verdict, findings.
        answer: The segments of the acknowledgement.
        orders, lines: Rows in the warehouse.
        owed: Acknowledgements that we still owe.
    """

    again: bool
    state: str
    reason: str
    sets: list[tuple[str, str, str]]
    answer: list[str]
    orders: int
    lines: int
    owed: int

    @property
    def as_expected(self) -> bool:
        """Whether verdict, answer and rows are what they must be."""
        if self.again:
            answered = any(one.startswith("TA1*") and one.endswith("*R*025") for one in self.answer)
            fits = answered and (self.state, self.reason) == ("quarantined", "duplicate_interchange")
        else:
            told = [one for one in self.answer if one.startswith(("AK3*", "AK9*"))]
            fits = len(told) == 3 and told[-1] == "AK9*P*2*2*1" and (self.state, self.reason) == ("archived", "")
        verdicts = [(control, verdict) for control, verdict, _ in self.sets]
        held = (verdicts, self.orders, self.lines, self.owed)
        return fits and held == ([("0001", "accepted"), ("0002", "rejected")], 1, 2, 0)


def prepare_edi(home: Home, keys: Keys) -> None:
    """ACME's document, sealed once, and the folders of ACME's server."""
    site = home / "partner" / "site"
    for folder in (INBOX, ANSWERS, "outbound/archive_edi", "outbound/quarantine_edi"):
        (site / folder).mkdir(parents=True, exist_ok=True)
    sealed = home / "partner" / "outbox" / NAME
    if not sealed.exists():
        with GnuPg.opened() as gnupg:
            gnupg.take(keys.partner_secret)
            gnupg.take(keys.our_certificate)
            content = "".join(f"{segment}~\n" for segment in _DOCUMENT).encode()
            message = gnupg.seal(content, sign_with=keys.partner_fingerprint, encrypt_to=[keys.our_fingerprint])
        write_whole(sealed, message)


def run_edi(home: Home, keys: Keys, api: AirflowApi, ledger: Ledger, progress: Progress) -> EdiRun:
    """ACME sends its document, the DAG takes it in and answers."""
    for run_id in api.active_runs(DAG_ID):
        api.end_run(DAG_ID, run_id)
    api.unpause(DAG_ID)
    came = _documents(ledger)
    again = bool(came) and all(item.state in END_STATES for item in came)
    _send(home)
    run_id = f"demo__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    api.trigger(DAG_ID, {"wait": False}, run_id)
    state = follow(
        api,
        DAG_ID,
        run_id,
        progress=progress,
        title="EDI orders, sent again" if again else "EDI orders, one of two wrong",
        items=partial(_documents, ledger),
        expected=1,
        alive=lambda: running(home, "airflow") is not None,
        seconds=RUN_SECONDS,
    )
    if state != "success":
        failed = [f"{task.name} {task.state}" for task in api.tasks(DAG_ID, run_id) if task.ended_badly]
        raise DemoError(f"the run {run_id} failed: {', '.join(failed)}. Look at {api.url}/dags/{DAG_ID}/runs/{run_id}")
    newest = max(_documents(ledger), key=lambda item: item.generation)
    sets, orders, lines = _rows(home)
    return EdiRun(
        again=newest.generation > 1,
        state=newest.state.value,
        reason=newest.reason or "",
        sets=sets,
        answer=_answer(home, keys, newest),
        orders=orders,
        lines=lines,
        owed=len(ledger.interchanges.owed_by_us()),
    )


def show(console: Console, run: EdiRun) -> None:
    """The sets with their verdicts, and the answer as ACME reads it."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("set", "verdict", "why"):
        table.add_column(name)
    for control, verdict, why in run.sets:
        table.add_row(control, f"[{'green' if verdict == 'accepted' else 'red'}]{verdict}[/]", why)
    console.print()
    console.print(f"EDI: two orders (X12 850) in {NAME}", style="italic")
    console.print(table)
    came = "It was sent again. " if run.again else ""
    console.print(f"{came}What ACME finds on its server for it, opened with its own key:")
    for segment in run.answer:
        console.print(f"  {segment}", markup=False)
    console.print(
        f"{_TABLES}ORDERS holds {run.orders} order, {_TABLES}ORDER_LINES {run.lines} lines; {run.owed} answers are owed."
    )
    if not run.as_expected:
        console.print("[bold red]That is not what must become of it.[/]")


def record(run: EdiRun) -> dict[str, Any]:
    """For the result file."""
    return asdict(run)


def _documents(ledger: Ledger) -> Sequence[WorkItem]:
    return [item for item in ledger.items.list(SOURCE, limit=None) if item.replay_of is None]


def _send(home: Home) -> None:
    """As a client does: under a temporary name, then renamed; what lies there already is left alone."""
    target = home / "partner" / "site" / INBOX / NAME
    if not target.exists():
        part = target.with_name(f"{NAME}.part")
        part.write_bytes((home / "partner" / "outbox" / NAME).read_bytes())
        part.replace(target)


def _answer(home: Home, keys: Keys, item: WorkItem) -> list[str]:
    """The segments of what was answered to a document: the file on ACME's server, not what we think that we sent."""
    segments: list[str] = []
    for told in item.facts.get("answered_by", ()):
        path = home / "partner" / "site" / ANSWERS / f"{told['file']}.gpg"  # It goes out sealed.
        content = _open(keys, path)
        segments += [segment for segment in content.replace("\r", "").replace("\n", "").split("~") if segment]
    return segments


def _open(keys: Keys, path: Path) -> str:
    if not path.exists():
        raise DemoError(f"ACME has no {path.name} on its server.")
    with GnuPg.opened() as gnupg:
        gnupg.take(keys.partner_secret)
        gnupg.take(keys.our_certificate)
        return gnupg.open(path.read_bytes(), signed_by=keys.our_fingerprint).decode()


def _rows(home: Home) -> tuple[list[tuple[str, str, str]], int, int]:
    import snowflake.connector

    with snowflake.connector.connect(**warehouse_options(home)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT set_control, verdict, findings FROM {_TABLES}SETS ORDER BY set_number")  # noqa: S608
        sets = [(str(control), str(verdict), _why(findings)) for control, verdict, findings in cursor.fetchall()]
        counts = []
        for table in ("ORDERS", "ORDER_LINES"):
            cursor.execute(f"SELECT COUNT(*) FROM {_TABLES}{table}")  # noqa: S608
            counts += [int(count) for (count,) in cursor.fetchall()]
    return sets, counts[0], counts[1]


def _why(findings: str | None) -> str:
    """Such as `BEG01 invalid code`, without a value."""
    told = []
    for finding in json.loads(findings or "[]"):
        place = f"{finding['element']:02d}" if "element" in finding else ""
        told.append(f"{finding.get('segment', '')}{place} {str(finding['code']).replace('_', ' ')}".strip())
    return ", ".join(told)
