"""The command's rounds over HTTPS: killed at each boundary, the files applied in order give the server's truth."""

from __future__ import annotations

import json
import logging
import multiprocessing
import random
import stat
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.connectors.msgraph.client import Reach
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.once import Order, delta_once
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.state_file import StateFile
from airflow_provider_integrations.core.errors import (
    ConfigError,
    IntegrationError,
    ReconciliationError,
    StateConflictError,
    SystemicError,
)
from tests.fakes.graph.faults import Cut, Links, gone, sync_state_not_found, throttled
from tests.fakes.graph.server import Elsewhere, GraphServer
from tests.fakes.graph_killed import delta_until

pytestmark = pytest.mark.integration

BOUNDARIES = ("begun", "page landed", "page kept", "restarted", "sealed", "applied", "published", "link moved")


def copy(out: Path) -> dict[str, dict[str, Any]]:
    """What a reader has who applies all rows in order, and knows nothing but `_op`."""
    rows = [row for path in out.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert len({(row["_round"], row["_seq"]) for row in rows}) == len(rows), "a row came twice"
    table: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["_round"], row["_seq"])):
        table.pop(row["id"], None)
        if row["_op"] == "upsert":
            table[row["id"]] = {name: row[name] for name in ("displayName", "city") if row[name] is not None}
    return table


def truth(graph: GraphServer) -> dict[str, dict[str, Any]]:
    living = graph.world.truth("users", ("displayName", "city"))
    return {each: {name: row[name] for name in row if row[name] is not None} for each, row in living.items()}


def run(graph: GraphServer, folder: Path) -> dict[str, Any]:
    return delta_until(graph.url, graph.token, str(graph.authority.ca), str(folder))


def live(graph: GraphServer, dice: random.Random) -> None:
    for _ in range(8):
        users = sorted(graph.world.truth("users"))
        match dice.randrange(4) if len(users) > 5 else 0:
            case 0:
                graph.world.add("users", displayName=f"u{graph.world.version}", city="Oslo")
            case 1:
                graph.world.change("users", dice.choice(users), city=dice.choice([None, f"c{graph.world.version}"]))
            case 2:
                graph.world.soft_delete("users", dice.choice(users))
            case 3:
                graph.world.hard_delete("users", dice.choice(users))


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_kill_at_any_boundary_loses_no_change_and_doubles_none(
    graph: GraphServer, tmp_path: Path, boundary: str
) -> None:
    processes, dice = multiprocessing.get_context("forkserver"), random.Random(boundary)
    processes.set_forkserver_preload(["tests.fakes.graph_killed"])
    graph.manner.page_size = 3
    arguments = (graph.url, graph.token, str(graph.authority.ca), str(tmp_path), boundary)
    for number in range(3):
        live(graph, dice)
        if boundary == "restarted" and number:
            graph.faults.add(gone(), at=2 if number == 2 else 1)
        elif boundary == "restarted":
            graph.faults.add(sync_state_not_found(), at=2)
        process = processes.Process(target=delta_until, args=arguments)
        process.start()
        process.join(60)
        assert process.exitcode == -9, "it was to die there"
        live(graph, dice)
        report = run(graph, tmp_path)
        assert report["resumed"] == (boundary != "link moved")
    run(graph, tmp_path)
    assert copy(tmp_path / "out") == truth(graph)
    assert list((tmp_path / "state.json.pages").iterdir()) == []


def test_rounds_with_faults_and_a_resync_give_the_servers_truth(graph: GraphServer, tmp_path: Path) -> None:
    dice = random.Random(7)
    graph.manner.page_size, graph.manner.repeat, graph.manner.empty_pages = 3, 2, 1
    for fault in (
        throttled(1),
        Cut(after=20),
        gone(),
        sync_state_not_found(),
        gone(code="resyncChangesApplyDifferences"),
    ):
        live(graph, dice)
        graph.faults.add(fault, at=2)
        run(graph, tmp_path)
        graph.faults.clear()
        assert copy(tmp_path / "out") == truth(graph)


def test_missing_is_told_from_null(graph: GraphServer, tmp_path: Path) -> None:
    """With return=minimal a change names one property: the row is whole nevertheless, and a null clears."""
    ada = graph.world.add("users", displayName="Ada", city="Rome")
    query = Query(endpoint(graph.url), "users", select=("displayName", "city"), prefer=("return=minimal",))
    order, kept = Order(query, tmp_path / "out"), StateFile(tmp_path / "state.json")

    def once() -> None:
        delta_once(order, kept, Reach(ca=graph.authority.ca), lambda fresh: graph.token)

    once()
    graph.world.change("users", ada, displayName="Ada L.")
    once()
    assert copy(tmp_path / "out") == {ada: {"displayName": "Ada L.", "city": "Rome"}}
    graph.world.change("users", ada, city=None)
    once()
    assert copy(tmp_path / "out") == {ada: {"displayName": "Ada L."}}


def test_a_resync_that_would_delete_much_waits_for_a_person(graph: GraphServer, tmp_path: Path) -> None:
    users = [graph.world.add("users", displayName=f"u{number}") for number in range(4)]
    query = Query(endpoint(graph.url), "users", select=("displayName",))
    kept, reach = StateFile(tmp_path / "state.json"), Reach(ca=graph.authority.ca)
    delta_once(Order(query, tmp_path / "out"), kept, reach, lambda fresh: graph.token)
    for user in users[1:]:
        graph.world.hard_delete("users", user)
    with pytest.raises(ReconciliationError) as refused:
        delta_once(Order(query, tmp_path / "out", resync=True), kept, reach, lambda fresh: graph.token)
    assert len(list((tmp_path / "out").iterdir())) == 1, "nothing of it was published"
    approved = Order(query, tmp_path / "out", approved=refused.value.values["digest"])
    report = delta_once(approved, kept, reach, lambda fresh: graph.token)
    assert (report["resync"], report["upserts"], report["removals"]) == (True, 1, 3)


def test_two_at_once_are_locked_out(graph: GraphServer, tmp_path: Path) -> None:
    with StateFile(tmp_path / "state.json").locked(), pytest.raises(StateConflictError, match="another run"):
        run(graph, tmp_path)
    assert graph.log == [] or "delta" not in str(graph.log)


def test_a_lost_file_is_no_beginning(graph: GraphServer, tmp_path: Path) -> None:
    graph.world.add("users", displayName="Ada")
    run(graph, tmp_path)
    (tmp_path / "state.json.known").unlink()
    with pytest.raises(StateConflictError, match="different rounds"):
        run(graph, tmp_path)
    (tmp_path / "state.json").unlink()
    with pytest.raises(StateConflictError, match="files and no state"):
        run(graph, tmp_path)


def test_a_host_outside_is_never_contacted(graph: GraphServer, graph_elsewhere: Elsewhere, tmp_path: Path) -> None:
    graph.faults.add(Links(base=graph_elsewhere.base), times=9)
    with pytest.raises(SystemicError, match="another place"):
        run(graph, tmp_path)
    assert graph_elsewhere.calls == []


def test_an_access_token_is_refreshed_once(graph: GraphServer, tmp_path: Path) -> None:
    asked: list[bool] = []

    def token(fresh: bool) -> str:
        asked.append(fresh)
        return graph.token if fresh else "stale"

    query = Query(endpoint(graph.url), "users", select=("displayName",))
    kept = StateFile(tmp_path / "state.json")
    delta_once(Order(query, tmp_path / "out"), kept, Reach(ca=graph.authority.ca), token)
    assert asked == [False, True]
    with pytest.raises(ConfigError, match="denied"):
        delta_once(Order(query, tmp_path / "out"), kept, Reach(ca=graph.authority.ca), lambda fresh: "stale")


def test_no_link_and_no_token_is_in_a_log_or_an_error(
    graph: GraphServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for logger in ("httpx", "httpcore.http11", "httpcore.connection"):
        caplog.set_level(logging.DEBUG, logger=logger)
    graph.manner.page_size = 1
    for name in "abc":
        graph.world.add("users", displayName=name)
    run(graph, tmp_path)
    state = json.loads((tmp_path / "state.json").read_text())
    graph.faults.add(Cut(), times=99)
    query = Query(endpoint(graph.url), "users", select=("id", "displayName", "city"))
    with pytest.raises(IntegrationError) as failed:
        delta_once(
            Order(query, tmp_path / "out", budget=1),
            StateFile(tmp_path / "state.json"),
            Reach(ca=graph.authority.ca),
            lambda fresh: graph.token,
        )
    told = caplog.text + str(failed.getrepr(style="long"))
    assert graph.token not in caplog.text
    assert state["link"].split("=")[-1] not in told
    assert "token=" not in caplog.text


@pytest.mark.parametrize("key", ["", Fernet.generate_key().decode()], ids=["plain", "encrypted"])
def test_the_command_gives_a_summary_and_keeps_its_links_to_itself(
    graph: GraphServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    graph.world.add("users", displayName="Ada", city="Rome")
    monkeypatch.setenv("GRAPH_TOKEN", graph.token)
    monkeypatch.setenv("INTEGRATIONS_GRAPH_STATE_KEY", key)
    state = tmp_path / "state"
    words = ["graph", "delta", "--base-url", graph.url, "--resource", "users", "--select", "id,displayName"]
    words += ["--state", str(state), "--out", str(tmp_path / "out"), "--ca", str(graph.authority.ca)]
    result = CliRunner().invoke(app, [*words, "--token-env", "GRAPH_TOKEN"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["pages"], report["upserts"], report["removals"], report["resync"]) == (1, 1, 0, False)
    (file,) = (tmp_path / "out").iterdir()
    assert pq.read_schema(file).names == ["id", "_op", "_round", "_seq", "displayName"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("state*") if path.is_file()} == {0o600}
    assert (b"deltatoken" in state.read_bytes()) == (not key)
    refused = CliRunner().invoke(app, [*words[:7], "id,city", *words[8:], "--token-env", "GRAPH_TOKEN"])
    assert refused.exit_code == 1
    assert "select" in refused.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://graph.test/v1.0", "plain HTTP"), ("ftp://graph.test", "service root"), ("http://[", "service root")],
)
def test_a_url_that_may_not_be_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("GRAPH_TOKEN", "canary")
    words = ["graph", "delta", "--base-url", url, "--resource", "users", "--select", "id", "--token-env", "GRAPH_TOKEN"]
    result = CliRunner().invoke(app, [*words, "--state", str(tmp_path / "state"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert said in json.loads(result.stderr)["message"]
    assert list(tmp_path.iterdir()) == []


def test_a_token_that_is_not_there_is_told_by_the_name_of_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAPH_TOKEN", raising=False)
    words = ["graph", "delta", "--base-url", "http://127.0.0.1:9/v1.0", "--resource", "users", "--select", "id"]
    words += ["--token-env", "GRAPH_TOKEN", "--state", str(tmp_path / "state"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "GRAPH_TOKEN" in result.stderr
