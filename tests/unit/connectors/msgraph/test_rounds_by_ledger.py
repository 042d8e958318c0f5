"""Rounds by the ledger without a socket: read, landed, loaded, settled, and seen by nobody who should not."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from upath import UPath

from airflow_provider_integrations.connectors.msgraph import reading
from airflow_provider_integrations.connectors.msgraph.job import GraphJob
from airflow_provider_integrations.connectors.msgraph.reading import Asked, read_round, read_round_async
from airflow_provider_integrations.connectors.msgraph.rounds import land_round
from airflow_provider_integrations.connectors.msgraph.settle import settle_graph
from airflow_provider_integrations.core.contract import Column
from airflow_provider_integrations.core.errors import ConfigError, StateConflictError, WatermarkLostError
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.graph_tables import graph_state
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.graph.service import GraphService
from tests.fakes.graph_source import (
    KEYS,
    USERS,
    bronze,
    by_id,
    graph_job,
    read_rows,
    run_through,
    through,
    through_async,
    truth,
)
from tests.fakes.ledgers import migrated


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> GraphService:
    service = GraphService()
    service.manner.page_size = 2
    monkeypatch.setattr(reading, "open_client", through(service))
    monkeypatch.setattr(reading, "open_async_client", through_async(service))
    return service


@pytest.fixture
def job(tmp_path: Path) -> Iterator[GraphJob]:
    with Ledger.connect("sqlite://") as ledger:
        migrated(ledger)
        yield graph_job(ledger, UPath(tmp_path / "lake"), tmp_path / "scratch")


def item_of(job: GraphJob, number: int, source: str = "entra_users") -> WorkItem:
    item = job.ledger.items.latest(source, f"graph/round-{number:08d}")
    assert item is not None
    return item


def lose_state(job: GraphJob) -> None:
    with job.ledger._database.write() as connection:
        connection.execute(graph_state.delete())


def test_rounds_give_the_servers_truth_and_move_the_watermark(graph: GraphService, job: GraphJob) -> None:
    users = [graph.world.add("users", displayName=f"u{number}", city="Oslo") for number in range(5)]
    report = run_through(job)
    assert (report.round, report.full, report.sealed, report.pages, report.items) == (1, True, True, 3, 5)
    assert by_id(bronze(job)) == truth(graph)
    graph.world.change("users", users[0], city=None)
    graph.world.soft_delete("users", users[1])
    graph.world.hard_delete("users", users[2])
    report = run_through(job)
    assert (report.round, report.full, report.resumed) == (2, False, False)
    assert by_id(bronze(job)) == truth(graph)
    watermark = job.ledger.watermarks.get("entra_users")
    assert watermark is not None
    assert (watermark.cursor, watermark.engine) == ((2,), "msgraph")
    item = item_of(job, 2)
    assert item.state is State.ARCHIVED
    assert {name: item.facts[name] for name in ("run", "upserts", "removals_soft", "removals_hard", "keys_deleted")} == {
        "run": "round-00000002", "upserts": 1, "removals_soft": 1, "removals_hard": 1, "keys_deleted": 2,
    }  # fmt: skip
    run_through(job)
    assert item_of(job, 3).state is State.ARCHIVED
    assert by_id(bronze(job)) == truth(graph)


def test_relations_are_landed_as_a_source_of_their_own(graph: GraphService, job: GraphJob) -> None:
    job = graph_job(job.ledger, job.root, job.scratch, name="entra_groups", resource="groups")
    users = [graph.world.add("users", displayName=f"u{number}") for number in range(5)]
    group = graph.world.add("groups", displayName="g")
    for user in users:
        graph.world.join(group, user)
    run_through(job)
    assert {key[1] for key in bronze(job, "members")} == {*users}
    graph.world.leave(group, users[0])
    graph.world.hard_delete("users", users[1])
    run_through(job)
    assert {key[1] for key in bronze(job, "members")} == {*users[2:]}
    assert item_of(job, 2, "entra_groups__members").facts["parent"] == "entra_groups"
    graph.world.hard_delete("groups", group)
    run_through(job)
    assert bronze(job, "members") == {}
    assert item_of(job, 3, "entra_groups__members").state is State.ARCHIVED


def test_a_round_without_changes_needs_no_load_to_be_settled(graph: GraphService, job: GraphJob) -> None:
    read_round(job, Asked())
    (item,) = land_round(job)
    assert item.state is State.ARCHIVED
    assert land_round(job) == []


def test_a_sealed_round_is_never_asked_again(graph: GraphService, job: GraphJob) -> None:
    graph.world.add("users", displayName="Ada")
    first = read_round(job, Asked())
    asked = len(graph.log)
    again = read_round(job, Asked())
    assert len(graph.log) == asked
    assert (again.round, again.items, again.resumed) == (first.round, 1, True)


def test_the_link_moves_after_the_load_and_never_before(graph: GraphService, job: GraphJob) -> None:
    ada = graph.world.add("users", displayName="Ada")
    read_round(job, Asked())
    land_round(job)
    settle_graph(job.ledger, "entra_users", keys=KEYS)
    assert job.ledger.watermarks.get("entra_users") is None
    graph.world.change("users", ada, displayName="Ada L.")
    assert read_round(job, Asked()).round == 1, "the round that is not loaded stays the next"


def test_both_drivers_give_the_same_report_and_rows(graph: GraphService, job: GraphJob) -> None:
    for number in range(5):
        graph.world.add("users", displayName=f"u{number}")
    other = graph_job(job.ledger, job.root, job.scratch, name="others")
    plain, deferred = read_round(job, Asked()), asyncio.run(read_round_async(other, Asked()))
    assert replace(plain, token_age_days=None) == replace(deferred, token_age_days=None)
    run_through(job)
    run_through(other)
    assert bronze(job) == bronze(other)
    json.dumps(plain.to_json())


def test_no_link_is_in_the_ledger_in_a_report_or_below_the_landing_root(graph: GraphService, job: GraphJob) -> None:
    graph.world.add("users", displayName="Ada")
    report = run_through(job)
    read_round(job, Asked())
    links = {each.url for each in graph.requests("token=")} | {*graph.rounds.tokens}
    assert len(links) > 2
    with job.ledger._database.read() as connection:
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        told = [str(row) for table in tables for row in connection.execute(text(f"SELECT * FROM {table}"))]
    told += [repr(report), json.dumps(report.to_json()), repr(job)]
    told += [path.read_bytes().decode("latin-1") for path in Path(str(job.root)).rglob("*") if path.is_file()]
    found = [link[:20] for link in links for text_ in told if link in text_]
    assert found == []
    assert "deltatoken" not in "".join(told)


def test_a_key_is_rotated_by_putting_the_new_one_first(graph: GraphService, job: GraphJob) -> None:
    graph.world.add("users", displayName="Ada")
    run_through(job)
    new = Fernet.generate_key().decode()
    with pytest.raises(ConfigError, match="no key opens"):
        read_round(replace(job, keys=(new,)), Asked())
    run_through(replace(job, keys=(new, *KEYS)))
    assert run_through(replace(job, keys=(new,))).round == 3


def test_a_lost_state_is_no_beginning_and_a_resync_finds_what_is_gone(graph: GraphService, job: GraphJob) -> None:
    users = [graph.world.add("users", displayName=f"u{number}") for number in range(4)]
    run_through(job)
    run_through(job)
    lose_state(job)
    graph.world.hard_delete("users", users[0])
    with pytest.raises(WatermarkLostError, match="resync"):
        read_round(job, Asked())
    report = run_through(job, Asked(resync=True))
    assert (report.round, report.full, report.resync) == (3, True, ("the link was lost",))
    assert by_id(bronze(job)) == truth(graph)
    assert not run_through(job).full


def test_a_round_that_was_landed_before_the_state_was_lost_keeps_its_number(graph: GraphService, job: GraphJob) -> None:
    graph.world.add("users", displayName="Ada")
    read_round(job, Asked())
    (item,) = land_round(job)
    lose_state(job)
    with pytest.raises(WatermarkLostError):
        read_round(job, Asked())
    assert read_round(job, Asked(resync=True)).round == 2
    assert job.ledger.items.get(item.id).state is State.LANDED, "it is loaded as it is"


def test_the_known_objects_are_there_for_a_worker_on_another_machine(
    graph: GraphService, job: GraphJob, tmp_path: Path
) -> None:
    ada = graph.world.add("users", displayName="Ada", city="Rome")
    job = graph_job(job.ledger, job.root, job.scratch, declared={"prefer": ("return=minimal",)})
    run_through(job)
    graph.world.change("users", ada, displayName="Ada L.")
    run_through(replace(job, scratch=tmp_path / "elsewhere"))
    assert by_id(bronze(job)) == {ada: {"displayName": "Ada L.", "city": "Rome"}}
    run_through(job)  # Its own copy is of round 1: it is not used.
    files = [path for path in (tmp_path / "lake" / "graph").rglob("*") if path.is_file()]
    assert [path.parent.name for path in files if "round-00000003" in path.name] == ["known"]
    kept = [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_known_objects_that_are_damaged_stop_the_round(
    graph: GraphService, job: GraphJob, tmp_path: Path, damage: str
) -> None:
    graph.world.add("users", displayName="Ada")
    run_through(job)
    (known,) = (tmp_path / "lake" / "graph" / "entra_users" / "known").iterdir()
    if damage == "missing":
        known.unlink()
    else:
        data = bytearray(known.read_bytes())
        data[len(data) // 2] ^= 1
        known.write_bytes(bytes(data))
    graph.world.add("users", displayName="Bo")
    with pytest.raises(StateConflictError, match="missing or were changed"):
        run_through(replace(job, scratch=tmp_path / "elsewhere"))


def test_pages_and_known_objects_of_settled_rounds_are_removed(
    graph: GraphService, job: GraphJob, tmp_path: Path
) -> None:
    for number in range(3):
        graph.world.add("users", displayName=f"u{number}")
        run_through(job)
    read_round(job, Asked())
    folder = tmp_path / "lake" / "graph" / "entra_users"
    assert sorted(path.name for path in folder.iterdir()) == ["known", "round-00000004"]
    assert [path.name[:14] for path in (folder / "known").iterdir()] == ["round-00000003"]


def test_versions_go_on_by_a_clock_that_was_set_back(graph: GraphService, job: GraphJob) -> None:
    ada = graph.world.add("users", displayName="Ada")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    versions = []
    for back in (0, 5, 3):
        graph.world.change("users", ada, displayName=f"Ada {back}")
        run_through(replace(job, clock=lambda back=back: at - timedelta(hours=back)))
        versions.append(item_of(job, len(versions) + 1).facts["version"])
    assert versions == sorted({*versions})
    assert versions[1] == "2026-03-01T00:00:00.000001Z/round-00000002"
    assert by_id(bronze(job))[ada]["displayName"] == "Ada 3"


def test_values_are_typed_by_the_contract_and_a_removed_key_too(graph: GraphService, job: GraphJob) -> None:
    types = {"created_at": "timestamp", "enabled": "boolean", "size": "decimal(9,2)", "phones": "string"}
    columns = (USERS.columns[0], *(Column(name=name, type=kind) for name, kind in types.items()))
    contract = USERS.model_copy(update={"columns": columns})
    sent = {"createdAt": "2026-01-02T03:04:05.1234567Z", "enabled": True, "size": 1.5, "phones": ["1", "2"]}
    ada = graph.world.add("users", **sent)
    job = graph_job(job.ledger, job.root, job.scratch, contract=contract)
    run_through(job)
    (row,) = bronze(job).values()
    assert row["created_at"] == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    assert (row["enabled"], str(row["size"]), row["phones"]) == (True, "1.50", '["1","2"]')
    graph.world.soft_delete("users", ada)
    run_through(job)
    assert bronze(job) == {}


def test_rows_have_the_reserved_columns_of_every_source(graph: GraphService, job: GraphJob) -> None:
    graph.world.add("users", displayName="Ada")
    run_through(job)
    item = item_of(job, 1)
    (row,) = read_rows(job.root / item.facts["folder"] / "part-00000.parquet")
    assert [*row] == ["id", "display_name", "city", "_batch_id", "_line", "_version", "_dq_valid", "_dq_flags"]
    assert [row[name] for name in ("_batch_id", "_line", "_version", "_dq_valid")] == [
        item.facts["batch_id"], 1, item.facts["version"], True,
    ]  # fmt: skip
