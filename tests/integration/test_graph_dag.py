"""The DAG of `dags/graph_delta.py` by `dag.test()`: rounds from the Graph server into fakesnow, and a person who is asked."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.airflow_home import REPO, airflow_environment
from tests.fakes.events_api import ROUTING_KEY, events_api
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.graph_deployment import write_include
from tests.fakes.ledgers import migrated

pytestmark = pytest.mark.integration

MAIN = '''
def answer(choice):
    """As the API does with what a person says under "Required actions"."""
    import time
    from airflow._shared.timezones import timezone
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import handle_event_submit
    from airflow.triggers.base import TriggerEvent
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    for _ in range(600):
        with create_session() as session:
            waiting = select(TaskInstance).where(TaskInstance.state == TaskInstanceState.AWAITING_INPUT)
            if (found := session.scalars(waiting).first()) is not None:
                detail = session.get(HITLDetail, found.id)
                print("ASKED", json.dumps([choice, detail.subject, detail.body]))
                detail.responded_at, detail.chosen_options, detail.params_input = timezone.utcnow(), [choice], {}
                detail.responded_by = {"id": "7", "name": "ops"}
                handle_event_submit(TriggerEvent(detail.as_resume_event_payload()), task_instance=found, session=session)
                return
        time.sleep(0.1)


def main():
    from tests.fakes.graph.certificates import Authority
    from tests.fakes.graph.people import furnish
    from tests.fakes.graph.server import GraphServer, serve
    from tests.fakes.graph.things import populated_id
    from tests.fakes.graph_deployment import connection_of

    with serve(GraphServer(Authority.make(Path(os.environ["CERTIFICATES"])))) as graph:
        os.environ["AIRFLOW_CONN_MSGRAPH_ENTRA"] = connection_of(graph)
        graph.manner.page_size = 15
        furnish(graph.world, users=40, groups=2)
        some = [populated_id(number) for number in range(40)]

        def run(dag, conf, choice=None):
            thread = threading.Thread(target=answer, args=(choice,))
            if choice:
                thread.start()
            print("STATE", dag.test(run_conf=conf).state)
            if choice:
                thread.join()

        users, groups = graph_delta__entra_users, graph_delta__entra_groups
        run(users, {})
        run(groups, {})
        graph.world.change("users", some[0], displayName="Renamed")
        graph.world.soft_delete("users", some[1])
        run(users, {})
        for user in some[2:17]:
            graph.world.hard_delete("users", user)
        graph.rounds.expire()  # The removals are lost with the link: a resync finds them.
        run(users, {}, "Reject")
        run(users, {"approve": "0123456789abcdef"}, "Approve")  # The answer counts, and not an old digest.
        graph.world.restore("users", some[1])
        for user in some[17:27]:
            graph.world.hard_delete("users", user)
        run(users, {"resync": True, "approve": os.environ["DIGEST"]})
        graph.world.join(sorted(graph.world.truth("groups"))[0], some[30])
        run(groups, {}, "Approve")  # Most of the relations ended with those users.
        members = {each: sorted(graph.world.linked("groups", each, "members")) for each in graph.world.truth("groups")}
        print("TRUTH", json.dumps([sorted(graph.world.truth("users")), members]))
        print("SECRETS", json.dumps(list(graph.identity.given)))


if __name__ == "__main__":
    import json
    import os
    import threading
    from pathlib import Path

    main()
'''


def environment(tmp_path: Path, warehouse: Warehouse) -> dict[str, str]:
    include = write_include(tmp_path)
    for path in (include / "sources").glob("*.yaml"):
        content = yaml.safe_load(path.read_text())
        content["load"]["database"] = warehouse.database
        for relation in content.get("relations", {}).values():
            relation["load"]["database"] = warehouse.database
        path.write_text(yaml.safe_dump(content))
    options = warehouse.server.options(warehouse.database)
    extra = {key: options[key] for key in ("account", "database", "host", "port", "protocol")}
    connections = {
        "INTEGRATIONS_LEDGER": {"conn_type": "integrations_ledger", "extra": {"path": str(tmp_path / "ledger.db")}},
        "INTEGRATIONS_WAREHOUSE": {"conn_type": "snowflake", "login": "test", "password": "test", "extra": extra},
    }
    return {
        **{f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in connections.items()},
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",  # `test_graph_operators` holds both modes to the same.
        "AIRFLOW__INTEGRATIONS__GRAPH_STATE_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__INTEGRATIONS__LANDING_ROOT": str(tmp_path / "landing"),
        "AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER": str(include),
        "CERTIFICATES": str(tmp_path / "certificates"),
    }


def lines(output: str, word: str) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in output.splitlines() if line.startswith(f"{word} ")]


def test_rounds_resyncs_and_approvals(
    warehouse: Warehouse, tmp_path: Path, run_dag: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    ids = [f"{number:08x}-0000-4000-8000-{number:012x}" for number in range(40)]
    digest = hashlib.sha256("".join(f"{each}\0" for each in ids[17:27]).encode()).hexdigest()[:16]
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        migrated(ledger)
        (tmp_path / "certificates").mkdir()
        with events_api() as alerts:
            receiver = {"conn_type": "http", "host": alerts.url, "password": ROUTING_KEY}
            done = run_dag(
                (REPO / "dags" / "graph_delta.py").read_text() + MAIN,
                **environment(tmp_path, warehouse),
                DIGEST=digest,
                AIRFLOW_CONN_INTEGRATIONS_ALERTS=json.dumps(receiver),
            )
        assert lines(done.stdout, "STATE") == ["success"] * 7, done.stdout[-6000:]
        items = ledger.items.list("entra_users", limit=None)
        assert {item.state for item in items} == {State.ARCHIVED}
        watermark = ledger.watermarks.get("entra_users")
        assert watermark is not None
        assert watermark.cursor == (len(items),)
    truth, members = json.loads(lines(done.stdout, "TRUTH")[0])
    users, gone = '"{db}"."SILVER"."ENTRA_USERS"', '"_DELETED_VERSION" IS'
    current = f"SELECT id FROM {users} WHERE is_current AND {gone} NULL ORDER BY id"
    assert [row[0] for row in warehouse.rows(current)] == truth
    assert len(truth) == 15

    history = warehouse.rows(f"SELECT display_name FROM {users} WHERE id = '{ids[0]}' ORDER BY valid_from")
    assert [row[0] for row in history] == ["Ada Adeyemi", "Renamed"]
    related = warehouse.rows(
        f'SELECT owner_id, member_id FROM "{{db}}"."SILVER"."ENTRA_GROUP_MEMBERS" WHERE {gone} NULL'
    )
    assert sorted(related) == sorted((owner, member) for owner, each in members.items() for member in each)

    asked = [json.loads(line) for line in lines(done.stdout, "ASKED")]
    assert [choice for choice, _, _ in asked] == ["Reject", "Approve", "Approve"], "a rejected round is asked for again"
    subject, body = asked[0][1:]
    assert "entra_users" in subject
    assert "Of 39 that are known, **15** are gone" in body
    assert f"`{ids[2]}`" in body
    assert asked[0] == ["Reject", *asked[1][1:]]
    assert "of 9 relations **8** have ended" in asked[2][2]

    told = [(event["event_action"], event["dedup_key"].partition("/")[2]) for event in alerts.taken]
    assert told == [
        (action, name) for name in ("entra_users", "entra_users", "entra_groups") for action in ("trigger", "resolve")
    ]

    texts = [done.stdout, *(path.read_text(errors="replace") for path in (tmp_path / "logs").rglob("*.log"))]
    [tokens] = [json.loads(line) for line in lines(done.stdout, "SECRETS")]
    shown = "\n".join(texts).replace(lines(done.stdout, "SECRETS")[0], "")
    for secret in (*tokens, "graph-secret-canary", "deltatoken=", "skiptoken="):
        assert secret not in shown


LIST = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

bag = DagBag(sys.argv[1])
for dag in bag.dags.values():
    DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
found = {
    dag.dag_id: {
        "tags": sorted(dag.tags), "doc": dag.doc_md or "", "params": sorted(dag.params), "schedule": str(dag.schedule),
        "tasks": {t.task_id: [str(t.trigger_rule.value), sorted(t.upstream_task_ids)] for t in dag.tasks},
    }
    for dag in bag.dags.values()
}
print("FOUND", json.dumps({"dags": found, "errors": bag.import_errors}))
"""


def test_each_source_has_its_dag_and_a_broken_one_does_not_take_the_others_away(tmp_path: Path) -> None:
    include = tmp_path / "include"
    shutil.copytree(REPO / "include", include)
    content = yaml.safe_load((include / "sources" / "entra_users.yaml").read_text())
    hourly = content | {"source": "entra_hourly", "schedule": "15 * * * *"}
    watched = content | {"source": "entra_watched", "schedule": "changes"}
    broken = content | {"source": "entra_broken", "selct": ["x"]}
    late = content | {"source": "entra_late", "schedule": "61 * * * *"}
    for source in (hourly, watched, broken, late):
        (include / "sources" / f"{source['source']}.yaml").write_text(yaml.safe_dump(source))
    env = airflow_environment(tmp_path, AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER=str(include))
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(REPO / "dags" / "graph_delta.py")],
        env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(lines(done.stdout, "FOUND")[0])
    assert found["errors"] == {}
    dags = {name.removeprefix("graph_delta__"): dag for name, dag in found["dags"].items()}
    assert sorted(dags) == [
        "entra_broken",
        "entra_groups",
        "entra_hourly",
        "entra_late",
        "entra_users",
        "entra_watched",
    ]
    assert dags["entra_broken"]["tags"] == dags["entra_late"]["tags"] == ["broken-source"]
    assert "selct" in dags["entra_broken"]["doc"]
    assert dags["entra_hourly"]["schedule"] == "15 * * * *"
    assert "GraphChangesTrigger" in dags["entra_watched"]["schedule"]
    assert dags["entra_users"]["params"] == ["approve", "resync"]
    assert dags["entra_groups"]["tasks"] == {
        "read": ["all_success", []],
        "check": ["all_success", ["read"]],
        "approve": ["all_success", ["check"]],
        "land": ["none_failed_min_one_success", ["approve", "check"]],
        "gate": ["all_done", ["land"]],
        "load": ["all_done", ["gate"]],
        "relations.members.gate": ["all_done", ["land"]],
        "relations.members.load": ["all_done", ["relations.members.gate"]],
        "token_age": ["all_done", ["load", "relations.members.load"]],
        "settled": ["none_failed", ["check", "land", "load", "read", "relations.members.load", "token_age"]],
    }
