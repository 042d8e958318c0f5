"""The shipped example of outbound orders: its tables, queries and operator, with a warehouse behind the real driver."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlglot

from airflow_provider_integrations.connectors.edi.documents import GuideBook, Outcome, outcome, read_documents
from airflow_provider_integrations.connectors.edi.operators import EdiWriteOperator
from airflow_provider_integrations.connectors.edi.parsing import parsed_sets
from airflow_provider_integrations.core.edi_source import outbox_name
from airflow_provider_integrations.core.errors import ConfigError, PermanentError
from airflow_provider_integrations.core.work_item import State
from airflow_provider_integrations.include_edi import read_guides
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.links import ITEM_XCOM
from tests.fakes.fakesnow_server import Warehouse
from tests.fakes.ledgers import migrated

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
ORDER = (
    "INSERT INTO {db}.GOLD.ORDERS_TO_SEND VALUES ('ACME', %s, '2026-01-02', 'USD', '2026-02-01', 'Store 42', "
    "'0042420000042', '1 Main Street', 'Springfield', 'IL', '62701', 'US', %s)"
)
LINE = "INSERT INTO {db}.GOLD.ORDER_LINES_TO_SEND VALUES (%s, %s, %s, 'EA', 9.25, NULL, 'A-100', 'Widget, blue')"


@dataclass
class TaskInstance:
    """What the operators ask of Airflow's task instance."""

    dag_id: str = "edi_outbound"
    run_id: str = "manual"
    task_id: str = "write"
    map_index: int = -1
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.loads(json.dumps(value))


@dataclass
class Deployment:
    """A warehouse with the tables of the example, a ledger and a landing root."""

    warehouse: Warehouse
    ledger: Ledger
    landing: Path

    def order(self, number: str, *quantities: str, released: str | None = "2026-01-02 03:04:05") -> None:
        connection = self.warehouse.connect()
        database = self.warehouse.database
        connection.cursor().execute(ORDER.replace("{db}", database), (number, released))
        for line, quantity in enumerate(quantities, 1):
            connection.cursor().execute(LINE.replace("{db}", database), (number, line, quantity))

    def write(self) -> tuple[dict[str, int], list[str]]:
        """What the operator returns and pushes."""
        instance = TaskInstance()
        context: Any = {"ti": instance}
        told = EdiWriteOperator(task_id="write", source="acme_orders_out").execute(context)
        return told, instance.pushed[ITEM_XCOM]


@pytest.fixture
def deployment(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    include = tmp_path / "include"
    for folder in ("edi", "sql", "sources"):
        shutil.copytree(REPOSITORY / "include" / folder, include / folder)
    for path in (*(include / "sql").rglob("*.sql"),):
        path.write_text(path.read_text().replace("INTEGRATIONS.", f"{warehouse.database}."))
    connection = warehouse.connect()
    for statement in sqlglot.parse((include / "sql/gold/orders_to_send.sql").read_text(), read="snowflake"):
        assert statement is not None
        connection.cursor().execute(statement.sql(dialect="snowflake", comments=False))
    options = warehouse.server.options(warehouse.database)
    extra = {
        "account": "test",
        "database": warehouse.database,
        **{name: options[name] for name in ("host", "port", "protocol")},
    }
    fields = {"conn_type": "snowflake", "login": "test", "password": "test", "schema": "PUBLIC", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATIONS_WAREHOUSE", json.dumps(fields))
    path = tmp_path / "ledger.db"
    monkeypatch.setenv(
        "AIRFLOW_CONN_INTEGRATIONS_LEDGER",
        json.dumps({"conn_type": "integrations_ledger", "extra": {"path": str(path)}}),
    )
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__INCLUDE_FOLDER", str(include))
    monkeypatch.setenv("AIRFLOW__INTEGRATIONS__LANDING_ROOT", str(tmp_path / "landing"))
    with Ledger.connect(f"sqlite:///{path}") as ledger:
        migrated(ledger)
        yield Deployment(warehouse, ledger, tmp_path / "landing")


def test_released_orders_go_into_the_outbox_once_and_read_as_what_the_tables_say(deployment: Deployment) -> None:
    deployment.order("4500012345", "12", "1.5")
    deployment.order("4500012346", "7")
    deployment.order("4500012347", "7", released=None)
    told, pushed = deployment.write()
    assert told == {"written": 2, "known": 0, "changed": 0}
    items = [deployment.ledger.items.get(item) for item in pushed]
    assert [(item.facts["to"], item.state) for item in items] == [
        ("/inbound/edi/acme_850_000000001.x12.gpg", State.DISCOVERED),
        ("/inbound/edi/acme_850_000000002.x12.gpg", State.DISCOVERED),
    ]
    data = (deployment.landing / items[0].facts["kept"]).read_bytes()
    book = GuideBook((read_guides(REPOSITORY / "include", "x12_850"),))
    assert [outcome(document) for document in read_documents([data], book)] == [Outcome.ACCEPTED]
    [found] = parsed_sets([data])
    assert found["segments"] == [
        ["ST", "850", "0001"],
        ["BEG", "00", "SA", "4500012345", "", "20260102"],
        ["CUR", "BY", "USD"],
        ["DTM", "002", "20260201"],
        ["N1", "ST", "Store 42", "UL", "0042420000042"],
        ["N3", "1 Main Street"],
        ["N4", "Springfield", "IL", "62701", "US"],
        ["PO1", "1", "12", "EA", "9.25", "", "VP", "A-100"],
        ["PID", "F", "", "", "", "Widget, blue"],
        ["PO1", "2", "1.5", "EA", "9.25", "", "VP", "A-100"],
        ["PID", "F", "", "", "", "Widget, blue"],
        ["CTT", "2"],
        ["SE", "13", "0001"],
    ]
    assert deployment.write() == ({"written": 0, "known": 2, "changed": 0}, [])
    deployment.warehouse.rows("UPDATE {db}.GOLD.ORDER_LINES_TO_SEND SET QUANTITY = 8 WHERE ORDER_NUMBER = '4500012346'")
    assert deployment.write()[0] == {"written": 0, "known": 1, "changed": 1}


def test_an_order_without_lines_is_refused_and_the_others_are_in_the_outbox(deployment: Deployment) -> None:
    deployment.order("4500012345")
    deployment.order("4500012346", "7")
    with pytest.raises(PermanentError, match="documents were refused") as raised:
        deployment.write()
    assert "'4500012345'" in raised.value.values["documents"][0]
    [item] = deployment.ledger.items.list(outbox_name("acme_orders_out"))
    assert item.facts["document"] == "4500012346"


def test_a_warehouse_without_the_tables_is_a_clear_error(deployment: Deployment) -> None:
    deployment.warehouse.rows("DROP TABLE {db}.GOLD.ORDER_LINES_TO_SEND")
    with pytest.raises(ConfigError, match="does not exist"):
        deployment.write()
