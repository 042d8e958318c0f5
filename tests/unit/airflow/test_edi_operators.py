"""The operators of EDI: what they make of the ledger, what they tell, and how they run in a DAG."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from airflow_provider_integrations.connectors.edi import operators
from airflow_provider_integrations.connectors.edi.operators import (
    EdiOverdueOperator,
    EdiReconcileOperator,
    X12AcknowledgeOperator,
    X12ParseOperator,
)
from airflow_provider_integrations.connectors.edi.settle_outbox import answer_facts, sending_facts
from airflow_provider_integrations.core.edi_source import outbox_name
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.interchange import (
    Level,
    Pair,
    Received,
    Sending,
    SendingGroup,
    SentStatus,
    Statement,
)
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.links import ITEM_XCOM, LedgerItemLink
from airflow_provider_integrations.retry_policy import IntegrationRetryPolicy
from airflow_provider_integrations.system import utc_now
from tests.fakes.edi_documents import Documents
from tests.fakes.events_api import ROUTING_KEY, EventsApi, events_api
from tests.fakes.ledgers import migrated

PAIR = Pair("x12", "ZZ:HUB", "ZZ:ACME")
SHA = "ab" * 32
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class TaskInstance:
    """What the operators ask of Airflow's task instance."""

    dag_id: str = "edi"
    run_id: str = "manual"
    task_id: str = "t"
    map_index: int = -1
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.loads(json.dumps(value))


def context() -> Any:
    return {"ti": TaskInstance()}


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    path = str(tmp_path / "ledger.db")
    fields = {"conn_type": "integrations_ledger", "extra": {"path": path}}
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATIONS_LEDGER", json.dumps(fields))
    with Ledger.connect(f"sqlite:///{path}") as made:
        migrated(made)
        yield made


@pytest.fixture
def api() -> Iterator[EventsApi]:
    with events_api() as server:
        yield server


def alerts(api: EventsApi) -> str:
    return json.dumps({"conn_type": "http", "host": api.url, "password": ROUTING_KEY})


def received(ledger: Ledger, control: str, *, due_in: timedelta = DAY) -> Received:
    [item] = ledger.items.discover("acme", [RemoteFile(f"/in/{control}", 1, 1)], listed_at=utc_now())
    due = utc_now() + due_in
    return ledger.interchanges.received(
        PAIR, control, sha256=SHA, item_id=item.id, verdict="accepted", answer_due_at=due
    )


def delivered(ledger: Ledger, name: str, facts: dict[str, Any]) -> WorkItem:
    path = f"/out/{name}"
    [item] = ledger.items.discover(
        outbox_name("acme"), [RemoteFile(path, 1, 1)], listed_at=utc_now(), facts={path: facts}
    )
    taken = ledger.items.claim(item.id, "deliver", states=[State.DISCOVERED], lease=HOUR)
    assert taken
    return ledger.items.advance(taken[1], State.LOADED)


def overdue(ledger: Ledger, control: str = "17") -> None:
    group = SendingGroup(control, "PO", utc_now() - HOUR)
    ledger.interchanges.sent(Sending(PAIR, control, f"batch-{control}", SHA, (group,)))


REPO = Path(__file__).parents[3]
SECRET = "CANARYPRODUCT"
BEG = "BEG*00*SA*PO{}**20260102~PO1*1*10*EA*9.25**VP*" + SECRET + "~CTT*1~"
GOOD = f"ST*850*0001~{BEG.format(1)}SE*5*0001~"
BAD = f"ST*850*0002~{BEG.format(2)}SE*9*0002~"


def interchange(control: int, *sets: str) -> bytes:
    parties = f"ZZ*{'ACME':15}*ZZ*{'HUB':15}"
    head = f"ISA*00*{'':10}*00*{'':10}*{parties}*260102*0304*U*00401*{control:09d}*0*P*>~"
    group = f"GS*PO*ACMEAPP*HUBAPP*20260102*0304*12*X*004010~{''.join(sets)}GE*{len(sets)}*12~"
    return f"{head}{group}IEA*1*{control:09d}~".encode()


@pytest.fixture
def documents(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Documents:
    """A deployment of the shipped sources, into which documents come."""
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER", str(REPO / "include"))
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__LANDING_ROOT", str(tmp_path / "landing"))
    return Documents(tmp_path)


def test_a_document_is_parsed_acknowledged_and_settled(documents: Documents) -> None:
    ids = [
        documents.land(interchange(7, GOOD, BAD), "one.edi.gpg"),
        documents.land(b"no EDI at all", "two.edi.gpg"),
        documents.land(interchange(7, GOOD, BAD), "three.edi.gpg"),
    ]
    parse = X12ParseOperator(task_id="parse", source="acme_edi")
    here = context()
    told = parse.execute(here)
    assert told["states"] == {"gated": 2, "quarantined": 1}
    assert told["reasons"] == {"not_edi": 1}
    assert told["rows"]["sets"] >= 2
    assert here["ti"].pushed == {ITEM_XCOM: ids}
    lineage = parse.get_openlineage_facets_on_complete(None)
    assert len(lineage.inputs) == 3
    assert {dataset.name.rsplit("landing/", 1)[1].split("/")[1] for dataset in lineage.outputs} >= {"acme_edi__sets"}

    acknowledged = X12AcknowledgeOperator(task_id="acknowledge", source="acme_edi").execute(context())
    assert acknowledged == {
        "states": {"loaded": 1, "quarantined": 1},
        "reasons": {"duplicate_interchange": 1},
    }
    documents.deliver()
    assert EdiReconcileOperator(task_id="settle", source="acme_edi").execute(context()) == {"answered": 2, "sent": 0}
    assert documents.ledger.interchanges.owed_by_us() == []
    assert SECRET not in f"{told}{acknowledged}{here['ti'].pushed}"


def test_parse_takes_the_items_that_it_is_given_and_leaves_those_that_are_done(documents: Documents) -> None:
    first, second = (documents.land(interchange(control, GOOD), f"{control}.edi.gpg") for control in (7, 8))
    parse = X12ParseOperator(task_id="parse", source="acme_edi", items=[second])
    assert parse.execute(context())["states"] == {"gated": 1}
    assert parse.execute(context())["states"] == {"gated": 1}
    assert documents.ledger.items.get(first).state is State.LANDED
    nothing = X12ParseOperator(task_id="parse", source="acme_edi", items=[])
    assert nothing.execute(context()) == {"states": {}, "reasons": {}, "rows": {}}
    assert documents.ledger.items.get(first).state is State.LANDED


OPERATORS = [getattr(operators, name) for name in operators.__all__]


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_is_thin(operator: type) -> None:
    lines = inspect.getsource(operator.execute).splitlines()  # type: ignore[attr-defined]
    assert len(lines) <= 25
    made = operator(task_id="t") if operator is EdiOverdueOperator else operator(task_id="t", source="{{ 1 }}")
    assert isinstance(made.retry_policy, IntegrationRetryPolicy)
    assert all(hasattr(made, name) for name in made.template_fields)
    if operator is not EdiOverdueOperator:
        assert any(isinstance(link, LedgerItemLink) for link in made.operator_extra_links)


def test_reconcile_enters_what_was_delivered_and_tells_how_much(ledger: Ledger) -> None:
    answer = delivered(ledger, "a.edi", answer_facts(received(ledger, "7").number, "12"))
    sending = Sending(PAIR, "17", "orders:1", SHA, (SendingGroup("5", "PO"),))
    order = delivered(ledger, "o.edi", sending_facts(sending, acknowledged_within=DAY))
    here = context()
    operator = EdiReconcileOperator(task_id="reconcile", source="acme")
    assert operator.execute(here) == {"answered": 1, "sent": 1}
    assert here["ti"].pushed == {ITEM_XCOM: [answer.id, order.id]}
    assert operator.execute(context()) == {"answered": 0, "sent": 0}


def test_reconcile_fails_with_what_cannot_be_settled(ledger: Ledger) -> None:
    delivered(ledger, "a.edi", {"answers": received(ledger, "7").number, "control": "12"})
    delivered(ledger, "b.edi", {"something": "else"})
    with pytest.raises(StateConflictError, match="which interchange was sent"):
        EdiReconcileOperator(task_id="reconcile", source="acme").execute(context())
    assert ledger.interchanges.owed_by_us() == []


def test_overdue_tells_once_and_says_when_nobody_is_there(
    ledger: Ledger, api: EventsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    overdue(ledger)
    owed = received(ledger, "7", due_in=-HOUR)
    operator = EdiOverdueOperator(task_id="tell")
    nothing = {"became_overdue": 0, "told": 0, "resolved": 0, "untold": 0}
    assert operator.execute(context()) == {**nothing, "became_overdue": 1, "untold": 2}
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATIONS_ALERTS", alerts(api))
    assert operator.execute(context()) == {**nothing, "told": 2}
    assert operator.execute(context()) == nothing
    ledger.interchanges.answered(owed.number, "1")
    assert operator.execute(context()) == {**nothing, "resolved": 1}
    assert [event["event_action"] for event in api.taken] == ["trigger", "trigger", "resolve"]
    assert (api.incidents, len(api.opened)) == (2, 1)


def test_what_a_partner_refused_is_told_by_the_same_task(
    ledger: Ledger, api: EventsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    overdue(ledger)
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATIONS_ALERTS", alerts(api))
    [item] = ledger.items.discover("acme", [RemoteFile("/in/997", 1, 1)], listed_at=utc_now())
    ledger.interchanges.acknowledged([Statement(PAIR, "997", Level.GROUP, "17", SentStatus.REJECTED)], item.id)
    operator = EdiOverdueOperator(task_id="tell")
    nothing = {"became_overdue": 0, "told": 0, "resolved": 0, "untold": 0}
    assert operator.execute(context()) == {**nothing, "told": 1}
    assert operator.execute(context()) == nothing
    [event] = api.taken
    assert (event["payload"]["class"], event["payload"]["severity"]) == ("edi-refused", "error")


DAG_FILE = """
import datetime as dt
from airflow.sdk import DAG
from airflow_provider_integrations.connectors.edi.operators import (
    EdiOverdueOperator,
    EdiReconcileOperator,
    X12AcknowledgeOperator,
    X12ParseOperator,
)
from airflow_provider_integrations.notifier import AlertNotifier

with DAG("edi_overdue", schedule="@hourly", start_date=dt.datetime(2025, 1, 1, tzinfo=dt.UTC), catchup=False,
         max_active_runs=1, on_failure_callback=AlertNotifier(), on_success_callback=AlertNotifier(action="resolve")) as dag:
    EdiReconcileOperator(task_id="reconcile", source="acme") >> EdiOverdueOperator(task_id="tell")

if __name__ == "__main__":
    for at in (1, 2):
        run = dag.test(logical_date=dt.datetime(2025, 11, at, tzinfo=dt.UTC))
        tasks = {task.task_id: task.xcom_pull(task_ids=task.task_id) for task in run.get_task_instances()}
        print("RUN", run.state.value, tasks)
"""


@pytest.mark.integration
def test_two_scheduled_runs_send_one_alert(
    ledger: Ledger, api: EventsApi, tmp_path: Path, run_dag: Callable[..., CompletedProcess[str]]
) -> None:
    overdue(ledger)
    delivered(ledger, "a.edi", answer_facts(received(ledger, "7").number, "12"))
    path = {"conn_type": "integrations_ledger", "extra": {"path": str(tmp_path / "ledger.db")}}
    done = run_dag(
        textwrap.dedent(DAG_FILE),
        AIRFLOW_CONN_INTEGRATIONS_LEDGER=json.dumps(path),
        AIRFLOW_CONN_INTEGRATIONS_ALERTS=alerts(api),
    )
    assert done.returncode == 0, done.stdout
    runs = [line for line in done.stdout.splitlines() if line.startswith("RUN")]
    assert [line.split()[1] for line in runs] == ["success", "success"], done.stdout
    triggers = [event for event in api.taken if event["event_action"] == "trigger"]
    assert [event["payload"]["source"] for event in triggers] == ["ZZ:ACME"]
    assert ledger.interchanges.owed_by_us() == []
    assert ROUTING_KEY not in done.stdout
