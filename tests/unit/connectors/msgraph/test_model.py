"""The table equals the server at the end, whatever happened: by seeds, each of which is a whole life."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from airflow_provider_integrations.connectors.msgraph.changes import Change, Op
from airflow_provider_integrations.connectors.msgraph.replay import Target
from airflow_provider_integrations.connectors.msgraph.state import DeltaState
from tests.unit.connectors.msgraph.model_world import World, differences_of, differing_objects, live_through

FEW, MANY = 150, 2_000
"""Lives of each run of the unit tests, and of each run of the integration tests; one takes some milliseconds."""


@cache
def life(seed: int) -> World:
    return live_through(seed)


def wrong_with(world: World) -> list[str]:
    """What is wrong at the end of a life: `wrong_with(live_through(4711))` replays one."""
    again = Target()
    for change in world.written:
        again.apply(change)
    plain: dict[str, Mapping[str, Any]] = {}
    for row in world.rows:
        if isinstance(row, Change):
            # As one would who knows nothing of deltas: the row is what the line says, or is gone.
            plain.pop(row.id, None)
            if row.op is Op.UPSERT:
                plain[row.id] = row.properties
    order = [(change.round, change.seq) for change in world.written]
    wrong = differences_of(world, world.target)
    wrong += [f"applied to an empty table: {each}" for each in differences_of(world, again)]
    wrong += [f"line by line: {each}" for each in differing_objects(world, plain)]
    return wrong + (["changes are out of order"] if order != sorted(order) else [])


def test_lives_end_with_the_servers_state() -> None:
    assert {seed: wrong for seed in range(FEW) if (wrong := wrong_with(life(seed)))} == {}


@pytest.mark.integration
def test_thousands_of_lives_end_with_the_servers_state() -> None:
    assert {seed: wrong for seed in range(FEW, MANY) if (wrong := wrong_with(live_through(seed)))} == {}


def test_a_life_replays_from_its_number() -> None:
    for seed in range(20):
        one, two = life(seed), live_through(seed)
        assert (one.written, one.state, one.now) == (two.written, two.state, two.now)


def test_the_lives_meet_everything_that_may_happen() -> None:
    met = {each for seed in range(FEW) for each in life(seed).seen | life(seed).server.met}
    wanted = {
        *("429", "503", "504", "500", "410", "location", "empty location", "expired", "cut"),
        *("never told of", "told in part"),
        *("killed", "restart", "other options", "resync", "gone", "approval", "loaded before", "ConnectionLostError"),
        *(f"killed when {where}" for where in ("request", "response", "landed", "saved", "ended", "applied", "loaded")),
    }
    assert wanted - met == set()


class Rounds(RuleBasedStateMachine):
    """The same by hypothesis, which chooses what comes when, and makes a failure small."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.world = World(seed)

    @rule(times=st.integers(1, 8))
    def change(self, times: int) -> None:
        for _ in range(times):
            self.world.server.change()

    @rule(faults=st.sampled_from([0.0, 0.1, 0.4]), deaths=st.sampled_from([0.0, 0.05, 0.3]))
    def run_with(self, faults: float, deaths: float) -> None:
        self.world.server.faults, self.world.deaths = faults, deaths
        self.world.attempt()

    @rule()
    def lose_all_tokens(self) -> None:
        self.world.server.tokens.clear()

    @rule()
    def settle(self) -> None:
        self.world.settle()
        assert differences_of(self.world, self.world.target) == []

    @invariant()
    def the_token_is_never_ahead_of_what_is_loaded(self) -> None:
        if hasattr(self, "world") and self.world.state:
            assert DeltaState.from_json(self.world.state).rounds <= len(self.world.loaded)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.settle()


Rounds.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestRounds = Rounds.TestCase
