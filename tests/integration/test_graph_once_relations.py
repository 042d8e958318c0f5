"""The command's files of relations, rows of Dataverse, and what it does about pages that were lost."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from airflow_provider_integrations.cli import app
from airflow_provider_integrations.connectors.msgraph.client import Reach
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.once import Order, delta_once
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.state_file import StateFile
from airflow_provider_integrations.core.errors import ConfigError, ReconciliationError, StateConflictError
from tests.fakes.graph.faults import Cut, gone, sync_state_not_found
from tests.fakes.graph.server import GraphServer

pytestmark = pytest.mark.integration


class Stop(Exception):
    """The run ends here."""


def run(graph: GraphServer, folder: Path, *, until: str = "", **how: Any) -> dict[str, Any]:
    query = Query(endpoint(graph.url), "groups", select=("displayName", "members"))
    order = Order(query, folder / "out", **{"share": 1.0, "relations": ("members",), **how})

    def at(name: str) -> None:
        if name == until:
            raise Stop

    kept = StateFile(folder / "state")
    return delta_once(order, kept, Reach(ca=graph.authority.ca), lambda fresh: graph.token, boundary=at)


def copy(out: Path, keys: tuple[str, ...], kind: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """What a reader has who applies the rows of one kind of file in order, and knows nothing but `_op`."""
    paths = [path for path in out.glob("*.parquet") if ("-members-" in path.name) == (kind == "members")]
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    table: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["_round"], row["_seq"])):
        table.pop(key := tuple(row[name] for name in keys), None)
        if row["_op"] == "upsert":
            table[key] = row
    return table


def live(graph: GraphServer, dice: random.Random) -> None:
    world = graph.world
    for _ in range(12):
        users, groups = sorted(world.truth("users")), sorted(world.truth("groups"))
        kind = dice.randrange(7)
        if kind == 0 or len(users) < 4:
            world.add("users", displayName="u")
        elif kind == 1 or len(groups) < 3:
            world.add("groups", displayName=f"g{world.version}")
        elif kind <= 3:
            world.join(dice.choice(groups), dice.choice(users))
        elif kind == 4:
            group = dice.choice(groups)
            held = sorted(world.linked("groups", group, "members"))
            world.leave(group, dice.choice(held)) if held else world.soft_delete("groups", group)
        elif kind == 5:
            dice.choice([world.soft_delete, world.hard_delete])("users", dice.choice(users))
        else:
            dice.choice([world.soft_delete, world.hard_delete])("groups", dice.choice(groups))


def check(graph: GraphServer, out: Path) -> None:
    groups = graph.world.truth("groups")
    assert copy(out, ("id",), "").keys() == {(each,) for each in groups}
    held = {pair for pair in copy(out, ("owner_id", "member_id"), "members") if pair[0] in groups}
    assert held == {(each, member) for each in groups for member in graph.world.linked("groups", each, "members")}


@pytest.mark.parametrize("seed", range(5))
def test_the_files_of_members_applied_in_order_give_the_servers_truth(
    graph: GraphServer, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    graph.manner.page_size, graph.manner.part_size, graph.manner.repeat = 2, 2, 2
    for fault in (None, gone(), None, sync_state_not_found(), None):
        live(graph, dice)
        if fault is not None:
            graph.faults.add(fault, at=1)
        run(graph, tmp_path)
        graph.faults.clear()
        check(graph, tmp_path / "out")


def test_a_resync_without_members_ends_them_once_a_person_agrees(graph: GraphServer, tmp_path: Path) -> None:
    furnished(graph)
    run(graph, tmp_path)
    query = Query(endpoint(graph.url), "groups", select=("displayName",))

    def once(**how: Any) -> dict[str, Any]:
        order = Order(query, tmp_path / "out", resync=True, **how)
        kept = StateFile(tmp_path / "state")
        return delta_once(order, kept, Reach(ca=graph.authority.ca), lambda fresh: graph.token)

    with pytest.raises(ReconciliationError) as refused:
        once()
    assert (refused.value.values["gone"], refused.value.values["ended"]) == (0, 3)
    report = once(approved=refused.value.values["digest"])
    assert report["relations"]["members"]["removals"] == 3
    assert copy(tmp_path / "out", ("owner_id", "member_id"), "members") == {}


@pytest.mark.parametrize("until", ["begun", "page landed", "page kept", "sealed", "applied", "published", "link moved"])
def test_a_stop_at_any_boundary_loses_no_member_and_doubles_none(
    graph: GraphServer, tmp_path: Path, until: str
) -> None:
    dice = random.Random(until)
    graph.manner.page_size, graph.manner.part_size = 2, 2
    for _ in range(3):
        live(graph, dice)
        with pytest.raises(Stop):
            run(graph, tmp_path, until=until)
        live(graph, dice)
        run(graph, tmp_path)
    run(graph, tmp_path)
    check(graph, tmp_path / "out")


def test_a_relation_that_is_not_declared_is_refused_by_name(graph: GraphServer, tmp_path: Path) -> None:
    group, user = graph.world.add("groups", displayName="g"), graph.world.add("users", displayName="u")
    graph.world.join(group, user)
    with pytest.raises(ConfigError, match="members"):
        run(graph, tmp_path, relations=())


def test_the_command_takes_members_for_a_relation(
    graph: GraphServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, user = graph.world.add("groups", displayName="g"), graph.world.add("users", displayName="u")
    graph.world.join(group, user)
    monkeypatch.setenv("GRAPH_TOKEN", graph.token)
    words = ["graph", "delta", "--base-url", graph.url, "--resource", "groups", "--select", "id,displayName,members"]
    words += ["--state", str(tmp_path / "state"), "--out", str(tmp_path / "out"), "--ca", str(graph.authority.ca)]
    result = CliRunner().invoke(app, [*words, "--token-env", "GRAPH_TOKEN"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["files"] == ["groups-round-000001.parquet", "groups-members-round-000001.parquet"]
    assert report["relations"] == {"members": {"upserts": 1, "removals": 0, "removals_soft": 0, "removals_hard": 0}}
    names = [pq.read_schema(tmp_path / "out" / file).names for file in report["files"]]
    assert names == [
        ["id", "_op", "_round", "_seq", "displayName"],
        ["owner_id", "member_id", "member_type", "_op", "_round", "_seq"],
    ]


def furnished(graph: GraphServer) -> None:
    graph.manner.page_size = 1
    users = [graph.world.add("users", displayName="u") for _ in range(3)]
    for user in users:
        graph.world.join(graph.world.add("groups", displayName="g"), user)


@pytest.mark.parametrize("until", ["page kept", "sealed"])
@pytest.mark.parametrize("rounds", [0, 1])
def test_a_round_whose_pages_are_lost_begins_anew(graph: GraphServer, tmp_path: Path, until: str, rounds: int) -> None:
    for _ in range(rounds):
        furnished(graph)
        run(graph, tmp_path)
    furnished(graph)
    with pytest.raises(Stop):
        run(graph, tmp_path, until=until)
    shutil.rmtree(tmp_path / "state.pages")
    report = run(graph, tmp_path)
    assert (report["full"], report["upserts"]) == (not rounds, 3)
    assert "lost" in report["warnings"][0]
    check(graph, tmp_path / "out")


def test_a_round_that_was_applied_and_whose_file_is_lost_is_told(graph: GraphServer, tmp_path: Path) -> None:
    furnished(graph)
    with pytest.raises(Stop):
        run(graph, tmp_path, until="applied")
    shutil.rmtree(tmp_path / "state.pages")
    with pytest.raises(StateConflictError, match="its file is lost"):
        run(graph, tmp_path)


def test_a_round_whose_files_have_their_place_needs_its_pages_no_more(graph: GraphServer, tmp_path: Path) -> None:
    furnished(graph)
    with pytest.raises(Stop):
        run(graph, tmp_path, until="published")
    shutil.rmtree(tmp_path / "state.pages")
    assert run(graph, tmp_path)["files"] == ["groups-round-000001.parquet", "groups-members-round-000001.parquet"]
    check(graph, tmp_path / "out")


def test_a_run_that_fails_keeps_what_it_has_landed(graph: GraphServer, tmp_path: Path) -> None:
    furnished(graph)
    graph.faults.add(Cut(), at=3, times=1_000)
    with pytest.raises(Exception, match=r"budget|connection|answer"):
        run(graph, tmp_path, budget=1.0)
    graph.faults.clear()
    before = len(graph.log)
    assert run(graph, tmp_path)["pages"] == 3
    assert len(graph.log) - before == 1


def test_the_command_follows_a_table_of_dataverse_past_an_expired_version_stamp(
    graph: GraphServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, world = "dataverse/accounts", graph.world
    world.table("accounts", "accountid")
    accounts = [world.add(path, name=name) for name in "abc"]
    monkeypatch.setenv("GRAPH_TOKEN", graph.token)
    words = [
        "graph",
        "delta",
        "--base-url",
        f"{graph.base}/api/data/v9.2",
        "--resource",
        "accounts",
        "--select",
        "name",
    ]
    words += ["--key", "accountid", "--state", str(tmp_path / "state"), "--out", str(tmp_path / "out"), "--share", "1"]
    words += ["--ca", str(graph.authority.ca), "--token-env", "GRAPH_TOKEN"]

    def once() -> dict[str, Any]:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        report: dict[str, Any] = json.loads(result.stdout)
        table = copy(tmp_path / "out", ("id",), "")
        assert {key[0]: row["name"] for key, row in table.items()} == {
            each: row["name"] for each, row in world.truth(path).items()
        }
        return report

    assert once()["upserts"] == 3
    world.change(path, accounts[0], name="A")
    world.hard_delete(path, accounts[1])
    report = once()
    assert (report["full"], report["upserts"], report["removals"]) == (False, 1, 1)
    world.hard_delete(path, accounts[2])
    graph.rounds.expire()
    report = once()
    assert (report["full"], report["resync_reasons"], report["removals"]) == (True, ["0x80044352"], 1)
