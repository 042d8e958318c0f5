"""What a person sees in Airflow's UI after the demo: the DAG, its mapped tasks, our links and pages, our forms."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from airflow_provider_integrations.get_provider_info import get_provider_info
from demo.environment import airflow_password
from tests.fakes.chromium import Browser, chromium
from tests.system.demo_runs import Demo

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("gpg") is None, reason="the demo needs the Debian package gnupg"),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the Debian package chromium"),
]

REPOSITORY = Path(__file__).resolve().parents[2]
DAG = "/dags/partner_intake__acme_customers"
EDI = "/dags/edi_inbound__acme_edi"
SLOW = 90.0
"""Seconds to wait for a page: the first one compiles the whole UI on a machine that may be busy."""


@dataclass(frozen=True)
class Ui:
    """A browser that is logged in, and what there is to look at."""

    browser: Browser
    base: str
    run_id: str
    item_id: str

    def open(self, path: str, *shows: str) -> str:
        """Go to a page of Airflow, wait until it shows all of the texts, and give its text."""
        self.browser.open(self.base + path)
        wanted = json.dumps(shows)
        self.browser.wait_for(
            f"location.pathname !== '/' && {wanted}.every(x => document.body.innerText.includes(x))", SLOW
        )
        return self.browser.text

    def task(self, task_id: str) -> str:
        """Path of the details of a task's first mapped instance in the first run: where Airflow shows its links."""
        return f"{DAG}/runs/{quote(self.run_id)}/tasks/{task_id}/mapped/0/details"


@pytest.fixture(scope="module")
def ui(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    home = demo.home
    with sqlite3.connect(home / "airflow" / "airflow.db") as database:
        [run_id] = database.execute("SELECT run_id FROM dag_run ORDER BY id LIMIT 1").fetchone()
    with sqlite3.connect(home / "ledger.sqlite") as database:
        [item_id] = database.execute("SELECT id FROM work_item WHERE path LIKE '%seq-00020%'").fetchone()
    base = f"http://127.0.0.1:{home.port('airflow')}"
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        browser.open(base + DAG)
        browser.click("document.querySelector('input[name=username]')")
        browser.write("admin")
        browser.click("document.querySelector('input[type=password]')")
        browser.write(str(airflow_password(home)))
        browser.click("document.querySelector('button[type=submit]')")
        browser.wait_for(f"location.pathname.startsWith('{DAG}')", SLOW)
        yield Ui(browser, base, run_id, item_id)


def test_the_dag_is_there_with_its_schedule_and_its_tasks(ui: Ui) -> None:
    ui.open(f"{DAG}/tasks", "discover", "intake", "gate", "load", "archive", "SftpPgpIntakeSensor")
    assert "US working days 06:00" in ui.browser.text


def test_the_edi_dag_is_there_with_its_tables(ui: Ui) -> None:
    text = ui.open(f"{EDI}/tasks", "discover", "parse", "acknowledge", "deliver", "settle", "X12ParseOperator")
    assert "rows" in text


def test_mapped_tasks_are_listed(ui: Ui) -> None:
    text = ui.open(f"{DAG}/runs/{quote(ui.run_id)}/tasks/intake/mapped", "Task Instances [", "SftpPgpIntakeOperator")
    assert "Success" in text


@pytest.mark.parametrize(("task_id", "link"), [("intake", "Ledger item"), ("gate", "Data docs")])
def test_a_mapped_task_links_to_our_pages(ui: Ui, task_id: str, link: str) -> None:
    ui.open(ui.task(task_id), link)
    address = ui.browser.value(f"[...document.querySelectorAll('a')].find(x => x.innerText.trim() === '{link}').href")
    assert address.startswith(f"{ui.base}/integrations/")
    ui.browser.open(address)
    title = "Work items" if link == "Ledger item" else "Data docs"
    ui.browser.wait_for(f"document.title === '{title}'", SLOW)
    ui.browser.click("document.querySelector('a')")
    ui.browser.wait_for("document.body.innerText.length > 200", SLOW)


def test_an_item_tells_its_history_and_leads_to_its_data_docs(ui: Ui) -> None:
    text = ui.open(f"/integrations/items/{ui.item_id}", "History")
    for state in ("discovered", "landed", "gated", "loaded", "archived"):
        assert state in text
    ui.browser.click("[...document.querySelectorAll('a')].find(x => x.innerText === 'Data docs')")
    ui.browser.wait_for("location.pathname.startsWith('/integrations/docs/')", SLOW)
    ui.browser.wait_for("document.body.innerText.includes('Evaluated Expectations')", SLOW)


def test_data_docs_cannot_act_as_the_airflow_user(ui: Ui) -> None:
    ui.open(f"/integrations/items/{ui.item_id}", "History")
    ui.browser.click("[...document.querySelectorAll('a')].find(x => x.innerText === 'Data docs')")
    ui.browser.wait_for("location.pathname.startsWith('/integrations/docs/')", SLOW)
    assert ui.browser.value("self.origin") == "null"
    assert ui.browser.value("(() => { try { return document.cookie } catch { return 'refused' } })()") == "refused"


@pytest.mark.parametrize("form", get_provider_info()["connection-types"], ids=lambda form: form["connection-type"])
def test_every_connection_form_renders(ui: Ui, form: dict[str, object]) -> None:
    ui.open("/connections", "Add Connection")
    ui.browser.click("[...document.querySelectorAll('button')].find(x => x.innerText.includes('Add Connection'))")
    ui.browser.click("document.querySelector('[role=dialog] input[role=combobox]')")
    ui.browser.write(str(form["hook-name"]))
    ui.browser.wait_for("document.querySelector('[role=option]') !== null")
    ui.browser.press("Enter")
    ui.browser.click(
        "[...document.querySelectorAll('[role=dialog] button')].find(x => x.innerText.trim() === 'Extra Fields')"
    )
    fields = form["conn-fields"]
    assert isinstance(fields, dict)
    for name, field in fields.items():
        ui.browser.wait_for(f"document.getElementsByName('element_{name}').length === 1")
        element = f"document.getElementsByName('element_{name}')[0]"
        kinds = {"multiline": "TEXTAREA textarea", "password": "INPUT password", None: "INPUT text"}
        shown = ui.browser.value(f"{element}.tagName + ' ' + {element}.type")
        wanted = "INPUT checkbox" if "boolean" in field["schema"]["type"] else kinds[field["schema"].get("format")]
        assert shown == wanted, f"{name} is shown as {shown}"
        assert field["label"] in ui.browser.text
        assert field["description"] in ui.browser.text


def test_a_run_is_started_with_typed_parameters(ui: Ui) -> None:
    ui.open(f"{DAG}/tasks", "Trigger")
    ui.browser.click("[...document.querySelectorAll('button')].find(x => x.innerText.trim() === 'Trigger')")
    ui.browser.wait_for("document.body.innerText.includes('Decode kept originals again')", SLOW)
    kinds = "Object.fromEntries(['wait', 'replay'].map(x => [x, document.getElementsByName('element_' + x).length]))"
    assert "Wait for files" in ui.browser.text
    assert ui.browser.value(kinds)["wait"] == 1, "a switch, as its type says"
