"""Whatever is killed, and however many work at once, each document goes out once, under one number and with the same bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_integrations.connectors.edi.outbound import Written, write_documents
from airflow_provider_integrations.connectors.edi.settle_outbox import sending_of
from airflow_provider_integrations.core.edi_source import Outbox
from airflow_provider_integrations.core.errors import PermanentError, StateConflictError
from airflow_provider_integrations.core.interchange import Level
from airflow_provider_integrations.outbox import destination
from tests.unit.connectors.edi.outbound_world import (
    QUERIES,
    START,
    World,
    make_world,
)

BOUNDARIES = ["read", "interchange number drawn", "group number drawn", "enqueued"]


class Killed(BaseException):
    """Nothing but the test catches it."""


def killed_at(name: str, time: int = 1) -> Any:
    count = 0

    def boundary(reached: str) -> None:
        nonlocal count
        count += reached == name
        if reached == name and count == time:
            raise Killed(name)

    return boundary


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    yield made
    made.ledger.close()


@pytest.mark.parametrize(
    ("boundary", "time"), [("read", 1), *((boundary, time) for boundary in BOUNDARIES[1:] for time in (1, 2))]
)
def test_killed_anywhere_each_document_is_there_once_with_one_number(world: World, boundary: str, time: int) -> None:
    world.order("A-1", 10)
    world.order("B-2", 1)
    with pytest.raises(Killed):
        world.run(boundary=killed_at(boundary, time))
    world.run()
    items = world.outbox()
    assert [item.facts["document"] for item in items] == ["A-1", "B-2"]
    assert [item.facts["sending"]["control"] for item in items] == ["1", "2"]
    assert len(world.kept()) == 2
    for level in Level:
        assert world.ledger.control_numbers.last(world.job.pair, level) == 2
    assert world.run().known == ["A-1", "B-2"]


def test_killed_after_the_bytes_were_kept_the_same_bytes_go_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.order("A-1", 10)
    killed_while_entering(world, monkeypatch)
    [kept] = world.kept()
    data = (world.job.root / kept).read_bytes()
    [item] = world.run().items
    assert (item.facts["kept"], world.data(item)) == (kept, data)


def test_killed_after_the_bytes_were_kept_and_changed_since_the_first_bytes_go_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the document would be stuck for ever: its name is taken by its own first bytes."""
    world.order("A-1", 10)
    killed_while_entering(world, monkeypatch)
    world.warehouse.execute("UPDATE lines SET quantity = 11")
    written = world.run()
    assert ([item.facts["document"] for item in written.items], written.changed) == (["A-1"], ["A-1"])
    assert b"PO1*1*10*EA" in world.data(written.items[0])
    assert sending_of(written.items[0].facts, START).sha256 == written.items[0].facts["sha256"]
    assert world.run().changed == ["A-1"]


def test_a_folder_that_is_changed_sends_nothing_again(world: World) -> None:
    world.order("A-1", 10)
    [item] = world.run().items
    source = world.job.source.model_copy(update={"outbox": Outbox(folder="/elsewhere")})
    assert world.run(source=source).known == ["A-1"]
    assert world.outbox() == [item]
    world.order("B-2", 1)
    assert [destination(one) for one in world.run(source=source).items] == ["/elsewhere/acme_850_000000002.x12"]


def killed_while_entering(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def enter(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(world.ledger.items, "enter_once", enter)
        with pytest.raises(Killed):
            world.run()
    assert world.outbox() == []


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_database"))
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.mark.parametrize("names", ["alike", "otherwise"])
def test_several_at_once_write_each_document_once_and_count_it_once(tmp_path: Path, url: str, names: str) -> None:
    """Also where two deployments call the files otherwise: a control number must not go out under two names."""
    world = make_world(tmp_path, url)
    documents = [f"A-{number:02}" for number in range(12)]
    for number, document in enumerate(documents):
        world.order(document, number + 1)
    start = threading.Barrier(4)

    def work(place: int) -> Written:
        update = {"name": f"of_{place}_{{control}}.x12"} if names == "otherwise" else {}
        source = world.job.source.model_copy(update=update)
        connection = world.warehouse.cursor()

        def together(reached: str) -> None:
            if reached == "read":
                start.wait(60)

        return write_documents(replace(world.job, source=source, boundary=together), connection)

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(work, range(4)))
    items = world.outbox()
    assert sorted(item.facts["document"] for item in items) == documents
    assert sorted(int(item.facts["sending"]["control"]) for item in items) == list(range(1, 13))
    assert {item.id for one in written for item in one.items} == {item.id for item in items}
    assert sum(len(one.items) for one in written) == 12
    assert [len(one.items) + len(one.known) for one in written] == [12] * 4
    assert sum(len(one.changed) for one in written) == 0
    world.ledger.close()


def test_two_at_once_of_which_one_read_other_rows_send_one_of_both(world: World) -> None:
    world.order("A-1", 10)
    other = make_like(world)

    def overtaken(reached: str) -> None:
        if reached == "group number drawn":
            write_documents(world.job, other)

    written = world.run(boundary=overtaken)
    assert (written.changed, written.known, written.items) == (["A-1"], [], [])
    [item] = world.outbox()
    assert b"PO1*1*77*EA" in world.data(item)


def make_like(world: World) -> Any:
    """The same warehouse a moment later."""
    import duckdb

    later = duckdb.connect()
    later.execute("CREATE TABLE orders AS SELECT 'A-1' AS n, DATE '2026-01-02' AS ordered_on")
    later.execute("CREATE TABLE lines AS SELECT 'A-1' AS n, 1 AS line, 77 AS quantity, 9.95 AS price")
    return later


def test_a_name_that_another_interchange_has_is_no_document_s_end(world: World) -> None:
    """Test and production count apart: under one name the second would be taken for sent."""
    world.order("A-1", 10)
    world.run()
    production = replace(world.job, source=world.job.source.model_copy(update={"usage": "T"}))
    with pytest.raises(StateConflictError, match=r"name of a document's file|other bytes") as raised:
        write_documents(production, world.warehouse)
    assert raised.value.next_step
    assert len(world.outbox()) == 1


def test_bytes_of_another_interchange_that_were_kept_and_not_entered_are_not_taken_for_ours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.order("A-1", 10)
    killed_while_entering(world, monkeypatch)
    test = replace(world.job, source=world.job.source.model_copy(update={"usage": "T"}))
    with pytest.raises(StateConflictError, match="other bytes"):
        write_documents(test, world.warehouse)
    assert world.outbox() == []


def test_numbers_that_began_anew_are_no_document_s_end(world: World) -> None:
    world.order("A-1", 10)
    world.run()
    world.ledger.control_numbers.continue_after(world.job.pair, Level.INTERCHANGE, 0, who="me", why="a test")
    world.order("B-2", 10)
    world.order("C-3", 10)
    for _ in range(2):
        with pytest.raises(StateConflictError):
            world.run()
        assert [item.facts["document"] for item in world.outbox()] == ["A-1", "C-3"]


def test_the_head_table_is_read_first(world: World) -> None:
    """An order that arrives between two queries must not go out without a part of it."""
    world.order("A-1", 10)
    asked: list[str] = []

    class Cursor:
        def __init__(self) -> None:
            self.inner = world.warehouse.cursor()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def execute(self, query: str) -> None:
            if asked:
                world.order("B-2", 1)
            asked.append(query)
            self.inner.execute(query)

    class Connection:
        cursor = Cursor

    backwards = dict(reversed(QUERIES.items()))
    with pytest.raises(PermanentError, match="belong to no document"):
        write_documents(replace(world.job, queries=backwards), Connection())
    assert asked == list(QUERIES.values())
    assert [item.facts["document"] for item in world.outbox()] == ["A-1"]
    assert [item.facts["document"] for item in world.run().items] == ["B-2"]
