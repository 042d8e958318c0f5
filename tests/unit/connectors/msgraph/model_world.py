"""A driver of delta rounds that dies anywhere, over a server that changes all the time; everything follows from one seed.

What survives a death is what would be durable: the state as its JSON, the landed pages, the table, and which rounds it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from airflow_provider_integrations.connectors.msgraph.changes import Change, RelationChange, changes_of_page
from airflow_provider_integrations.connectors.msgraph.delta import run_round
from airflow_provider_integrations.connectors.msgraph.fingerprint import fingerprint_of
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.model import (
    Answer,
    AskPause,
    Page,
    Pause,
    Request,
    Restart,
    RoundEnd,
    SharePause,
    Step,
    Wait,
)
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.replay import Target, completed
from airflow_provider_integrations.connectors.msgraph.resync import (
    check_gone,
    gone,
    relation_removals,
    removals,
    report_gone,
)
from airflow_provider_integrations.connectors.msgraph.state import DeltaState, Progress
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope, Pace, paced
from airflow_provider_integrations.core.errors import ReconciliationError, StateConflictError, TransientError
from tests.unit.connectors.msgraph.model_server import PROPERTIES, Server

QUERY = Query(endpoint("https://graph.microsoft.com/v1.0"), "groups")
SELECTIONS = ((), ("id", *PROPERTIES), ("id", *PROPERTIES[:2]), ("id", PROPERTIES[2]))
SCOPE = AppScope("global", "contoso", "app")


class Killed(BaseException):
    """The process is gone; nobody catches it."""


@dataclass
class World:
    seed: int
    deaths: float = 0.0
    """Share of the boundaries at which the process dies."""
    now: datetime = datetime(2025, 11, 5, 12, tzinfo=UTC)
    state: str = ""
    files: dict[tuple[int, int, int], list[Change | RelationChange]] = field(default_factory=dict)
    written: list[Change | RelationChange] = field(default_factory=list)
    """All changes of loaded rounds, in their order: what a user could apply to an empty table."""
    rows: list[Change | RelationChange] = field(default_factory=list)
    """The same with whole rows."""
    target: Target = field(default_factory=Target)
    loaded: set[int] = field(default_factory=set)
    pauses: dict[str, datetime] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    """What happened, so that a test can see that it did."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.server = Server(Random(self.random.getrandbits(64)))
        prefer = self.random.choice(((), ("return=minimal",)))
        self.query = self.former = replace(QUERY, prefer=prefer, select=self.random.choice(SELECTIONS))
        self.planned = False

    def run(self) -> None:
        """One task: it begins or goes on with a round, loads it, and moves the token; or it dies."""
        state = self._save(self._begin(DeltaState.from_json(self.state) if self.state else DeltaState()))
        assert state.progress is not None
        if not state.progress.end_link:
            state = self._read(state)
        assert state.progress is not None
        self._load(state.progress)
        self._boundary("loaded")
        # What was planned holds until a round with it is loaded.
        self.planned = self.planned and state.progress.fingerprint != fingerprint_of(self.query)
        self._save(state.committed())

    def attempt(self) -> None:
        """A task that may die or fail, as a scheduler sees it: it will be run again."""
        try:
            self.run()
        except Killed:
            self.seen.add("killed")
        except TransientError as error:
            self.seen.add(type(error).__name__)

    def settle(self) -> None:
        """Faults and deaths end, nothing changes any more, and two rounds end whole: the first may have begun long ago."""
        self.deaths = self.server.faults = 0.0
        for _ in range(2):
            self.run()

    def _begin(self, state: DeltaState) -> DeltaState:
        """Now and then a person changes what is selected, and plans a resync; a round that is sealed goes first, as it is."""
        restless = bool(self.server.faults)
        if restless and not self.planned and self.random.random() < 0.04:
            self.former, self.planned = self.query, True
            self.query = replace(self.query, select=self.random.choice(SELECTIONS))
        try:
            return state.begin(self.query, resync=self.planned or (restless and self.random.random() < 0.04))
        except StateConflictError:
            self.seen.add("other options")
            return state.begin(self.former)

    def _read(self, state: DeltaState) -> DeltaState:
        assert state.progress is not None
        # Refusals of a whole hour would end a task: here it waits a day, so that most rounds end.
        conversation = paced(
            run_round(state.progress.start, self.query, restarts=20),
            SCOPE,
            random=self.random.random,
            pace=Pace(budget=86_400.0),
        )
        step, answer = next(conversation), None
        while True:
            state, answer = self._step(state, step)
            try:
                step = conversation.send(answer)
            except StopIteration as end:
                return self._save(state.sealed(self._ended(end.value), at=self.now))

    def _step(self, state: DeltaState, step: Step) -> tuple[DeltaState, Answer]:
        answer: Answer = None
        if isinstance(step, Request):
            self._boundary("request")
            self._meanwhile()
            answer = self.server.respond(step.url, step.headers.get("Prefer", ""), self.now)
            self._boundary("response")
        elif isinstance(step, Page):
            self.files[step.round, step.attempt, step.number] = list(changes_of_page(step, self.query))
            self._boundary("landed")
            state = self._save(state.landed(step))
        elif isinstance(step, Restart):
            self.seen.add("resync" if step.full else "restart")
            state = self._save(state.restarted(step))
        elif isinstance(step, Wait):
            assert step.seconds >= 0
            self.now += timedelta(seconds=step.seconds)
            self._meanwhile()
        elif isinstance(step, AskPause):
            answer = Pause(self.pauses.get(step.scope), self.now)
        elif isinstance(step, SharePause):
            self.pauses[step.scope] = max(step.until, self.pauses.get(step.scope, step.until))
        return state, answer

    def _load(self, progress: Progress) -> None:
        """Apply a sealed round once, all of it or nothing, by its number."""
        start = progress.start
        if start.round in self.loaded:
            self.seen.add("loaded before")
            return
        changes = [
            change for number in range(1, start.pages + 1) for change in self.files[start.round, start.attempt, number]
        ]
        if start.full:
            changes += self._gone(changes, start.round, start.items)
        target, whole = deepcopy(self.target), deepcopy(self.target)
        for change in changes:
            target.apply(change)
        rows = [*completed(changes, whole)]
        self._boundary("applied")
        # One transaction of the warehouse: the rows and the load ledger.
        self.target, self.written, self.rows = target, [*self.written, *changes], [*self.rows, *rows]
        self.loaded.add(start.round)

    def _gone(self, changes: list[Change | RelationChange], round: int, after: int) -> list[Change | RelationChange]:
        staged = Target()
        for change in changes:
            staged.apply(change)
        known, seen = (sorted(name for name, _ in each.live()) for each in (self.target, staged))
        report = report_gone(known, seen)
        try:
            check_gone(report, share=0.3)
        except ReconciliationError as refused:
            self.seen.add("approval")
            check_gone(report, share=0.3, approved=refused.values["digest"])
        lost: list[Change | RelationChange] = [*removals(gone(known, seen), round=round, after=after)]
        self.seen |= {"gone"} if lost else set()
        parted = gone(sorted(self.target.relations), sorted(staged.relations))
        return [*lost, *relation_removals(parted, round=round, after=after + len(lost))]

    def _ended(self, end: RoundEnd) -> RoundEnd:
        self._boundary("ended")
        return end

    def _save(self, state: DeltaState) -> DeltaState:
        self.state = state.to_json()
        self._boundary("saved")
        return state

    def _meanwhile(self) -> None:
        """Time goes on, and the server's people work; nobody does once faults have ended."""
        self.now += timedelta(seconds=self.random.randint(0, 3))
        for _ in range(self.random.choice((0, 0, 1, 3)) if self.server.faults else 0):
            self.server.change()

    def _boundary(self, where: str) -> None:
        if self.random.random() < self.deaths:
            self.seen.add(f"killed when {where}")
            raise Killed(where)


def differences_of(world: World, target: Target) -> list[str]:
    """What a table has that the server has not, and the other way round; empty properties are as good as none."""
    found = differing_objects(world, dict(target.live()))
    there = world.server.objects()
    pairs = {(owner, member) for _, owner, member in target.relations if owner in there}
    return found + [f"{pair}" for pair in sorted(pairs ^ world.server.relations())]


def differing_objects(world: World, objects: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The same of objects alone, by what is selected now; what was removed before may have older columns still."""
    selected = world.query.select or PROPERTIES
    here, there = (
        {
            name: {each: value for each, value in properties.items() if value is not None and each in selected}
            for name, properties in side.items()
        }
        for side in (objects, world.server.objects())
    )
    names = [name for name in sorted({*here, *there}) if here.get(name) != there.get(name)]
    return [f"{name}: {here.get(name)} != {there.get(name)}" for name in names]


def live_through(seed: int, kind: type[World] = World) -> World:
    """A whole life by its number: changes, faults and deaths, then peace."""
    world = kind(seed)
    random = Random(seed)
    world.deaths, world.server.faults = random.choice((0.0, 0.02, 0.1)), random.choice((0.05, 0.2, 0.4))
    for _ in range(random.randint(2, 20)):
        for _ in range(random.randint(0, 6)):
            world.server.change()
        world.attempt()
    world.settle()
    return world
