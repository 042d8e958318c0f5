"""A document is known by what its numbers were drawn for, whatever its file is called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_integrations.core.edi_source import EdiOutbound
from airflow_provider_integrations.core.errors import StateConflictError
from airflow_provider_integrations.core.interchange import Level
from tests.unit.connectors.edi.outbound_world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    yield made
    made.ledger.close()


def renamed(world: World, **changes: str) -> EdiOutbound:
    return world.job.source.model_copy(update={"name": "new_{control}.x12", **changes})


def test_a_name_that_is_changed_sends_nothing_again(world: World) -> None:
    """Or all orders that the queries still give were doubled at the partner."""
    world.order("A-1", 10)
    world.order("B-2", 10)
    before = world.run().items
    source = renamed(world)
    assert world.run(source=source).known == ["A-1", "B-2"]
    world.warehouse.execute("UPDATE lines SET quantity = 11 WHERE n = 'A-1'")
    written = world.run(source=source)
    assert (written.known, written.changed, written.items) == (["B-2"], ["A-1"], [])
    assert world.outbox() == before
    world.order("C-3", 1)
    assert [item.path.rpartition("/")[2] for item in world.run(source=source).items] == ["new_000000003.x12"]
    assert world.run().known == ["B-2", "C-3"]


def test_after_control_numbers_began_anew_another_name_sends_only_what_is_new(world: World) -> None:
    """The way out that the error tells."""
    world.order("A-1", 10)
    world.run()
    world.ledger.control_numbers.continue_after(world.job.pair, Level.INTERCHANGE, 0, who="me", why="a test")
    world.order("B-2", 10)
    with pytest.raises(StateConflictError):
        world.run()
    written = world.run(source=renamed(world))
    assert written.known == ["A-1"]
    assert [item.facts["document"] for item in written.items] == ["B-2"]
    assert [item.facts["document"] for item in world.outbox()] == ["A-1", "B-2"]
    again = world.run(source=renamed(world))
    assert (again.known, again.items) == (["A-1", "B-2"], [])


def test_another_name_with_another_usage_sends_the_tested_ones_as_production(world: World) -> None:
    world.order("A-1", 10)
    world.run()
    written = world.run(source=renamed(world, usage="T"))
    assert [item.facts["document"] for item in written.items] == ["A-1"]
    assert len(world.outbox()) == 2
