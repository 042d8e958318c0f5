"""The pages over a real ledger and a real folder; names, details and paths are attacker data."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from upath import UPath

from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.work_item import RemoteFile, State, WorkItem
from airflow_provider_integrations.ledger.ledger import Ledger
from airflow_provider_integrations.ui.app import make_app
from airflow_provider_integrations.ui.docs_folder import read_page
from tests.fakes.airflow_home import airflow_environment
from tests.fakes.ledgers import migrated

HOSTILE = "<script>alert(1)</script>.csv.gpg"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path / 'ledger.db'}") as made:
        migrated(made)
        yield made


@pytest.fixture
def item(ledger: Ledger) -> WorkItem:
    [found] = ledger.items.discover("acme", [RemoteFile(f"/in/{HOSTILE}", 5, 1)], listed_at=datetime.now(UTC))
    taken = ledger.items.claim(found.id, "me", states=[State.DISCOVERED], lease=timedelta(minutes=1))
    assert taken is not None
    return ledger.items.advance(
        taken[1], State.QUARANTINED, reason=Reason.NOT_SIGNED, detail="<b>bad</b>", facts={"docs": "b1/index.html"}
    )


@pytest.fixture
def client(ledger: Ledger, tmp_path: Path) -> TestClient:
    docs = tmp_path / "docs" / "b1"
    docs.mkdir(parents=True)
    (docs / "index.html").write_text("<script>1</script>")
    (docs / "result.json").write_text("{}")
    (tmp_path / "secret.html").write_text("secret")
    (docs / "link.html").symlink_to(tmp_path / "secret.html")
    app = make_app(may_read=lambda: None, items=lambda: ledger.items, docs=lambda: UPath(tmp_path / "docs"))
    return TestClient(app, root_path="/integrations")


def test_an_item_is_shown_with_its_history_and_everything_is_escaped(client: TestClient, item: WorkItem) -> None:
    page = client.get(f"/integrations/items/{item.id}")
    assert page.status_code == 200
    assert "<script>" not in page.text
    assert "<b>bad" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "not_signed" in page.text
    assert 'href="/integrations/docs/b1/index.html"' in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_an_item_is_given_as_json(client: TestClient, item: WorkItem) -> None:
    given = client.get(f"/integrations/items/{item.id}", headers={"Accept": "application/json"}).json()
    assert given["item"]["state"] == "quarantined"
    assert [entry["new_state"] for entry in given["history"]][-1] == "quarantined"


def test_several_items_are_listed_with_links(client: TestClient, item: WorkItem) -> None:
    page = client.get("/integrations/items", params={"id": [item.id]})
    assert f'href="/integrations/items/{item.id}"' in page.text
    assert client.get("/integrations/items", params={"id": ["x"] * 51}).status_code == 422


def test_an_unknown_item_is_not_found(client: TestClient) -> None:
    assert client.get("/integrations/items/none").status_code == 404


def test_a_docs_page_runs_in_a_sandbox_of_its_own(client: TestClient) -> None:
    page = client.get("/integrations/docs/b1/index.html")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize(
    "page",
    [
        "b1/result.json",
        "b1/link.html",
        "../secret.html",
        "b1/../../secret.html",
        "/etc/passwd.html",
        "b1//index.html",
        "b1/.hidden.html",
        "b1\\..\\index.html",
        "C:/x.html",
        "file:///x.html",
        "b1/x\x00.html",
        "b1",
        "",
        "b1/absent.html",
    ],
)
def test_no_page_leaves_the_folder_of_the_data_docs(client: TestClient, tmp_path: Path, page: str) -> None:
    assert read_page(UPath(tmp_path / "docs"), page) is None
    quoted = page.replace("/", "%2F").replace("\\", "%5C").replace("\0", "%00")
    assert client.get(f"/integrations/docs/{quoted}").status_code in (404, 422)


def test_who_may_not_read_sees_nothing(ledger: Ledger, item: WorkItem, tmp_path: Path) -> None:
    def nobody() -> None:
        raise HTTPException(403)

    app = make_app(may_read=nobody, items=lambda: ledger.items, docs=lambda: UPath(tmp_path))
    for path in (f"/items/{item.id}", "/items?id=x", "/docs/a.html", "/docs?page=a", "/openapi.json", "/docs"):
        assert TestClient(app).get(path).status_code in (403, 404, 422), path
        assert item.name not in TestClient(app).get(path).text


def test_a_ledger_that_is_not_there_is_said_and_is_no_traceback(tmp_path: Path) -> None:
    empty = Ledger.connect(f"sqlite:///{tmp_path / 'empty.db'}")
    app = make_app(may_read=lambda: None, items=lambda: empty.items, docs=lambda: UPath(tmp_path))
    answer = TestClient(app).get("/items/x")
    assert answer.status_code in (404, 503)
    assert answer.json()["detail"]


INSIDE_AIRFLOW = """
from fastapi.testclient import TestClient
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser as User
client = TestClient(create_app(apps="core"), raise_server_exceptions=False)
def ask(role):
    token = get_auth_manager().generate_jwt(User(username="u", role=role))
    return client.get("/integrations/docs/b1/index.html", headers={"Authorization": "Bearer " + token}).status_code
print("STATUS", client.get("/integrations/docs/b1/index.html").status_code, ask(None), ask("viewer"))
"""


@pytest.mark.integration
def test_airflow_mounts_it_behind_its_login(tmp_path: Path, migrated_database: Path) -> None:
    page = tmp_path / "landing" / "docs" / "b1" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("ok")
    env = airflow_environment(tmp_path, AIRFLOW__INTEGRATIONS__LANDING_ROOT=str(tmp_path / "landing"))
    # The API asks the database whether a token was revoked.
    shutil.copy(migrated_database, tmp_path / "airflow.db")
    done = subprocess.run([sys.executable, "-c", INSIDE_AIRFLOW], env=env, capture_output=True, text=True, timeout=200)
    assert "STATUS 401 403 200" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
