"""Delta rounds against the Graph server, which was written from the documentation and not from them: the copy is the truth.

Users, a group's members, a drive and a Dataverse table live on while they are read, with every fault that the server knows.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_integrations.connectors.msgraph.changes import Change, RelationChange, changes_of_page
from airflow_provider_integrations.connectors.msgraph.delta import run_round
from airflow_provider_integrations.connectors.msgraph.hosts import endpoint
from airflow_provider_integrations.connectors.msgraph.known_rows import KnownRows
from airflow_provider_integrations.connectors.msgraph.model import (
    AskPause,
    Page,
    Pause,
    Protocol,
    Request,
    Response,
    Restart,
    RoundEnd,
    Step,
    Wait,
)
from airflow_provider_integrations.connectors.msgraph.page_files import page_bytes, text_of
from airflow_provider_integrations.connectors.msgraph.query import Query
from airflow_provider_integrations.connectors.msgraph.replay import Target
from airflow_provider_integrations.connectors.msgraph.resync import gone, relation_removals, removals
from airflow_provider_integrations.connectors.msgraph.state import DeltaState
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope, Pace, paced
from airflow_provider_integrations.core.errors import ConnectionLostError, SystemicError
from tests.fakes.graph.faults import Call, Cut, Fault, Links, badly_formed, sync_state_not_found, throttled
from tests.fakes.graph.faults import gone as resync
from tests.fakes.graph.messages import Request as Asked
from tests.fakes.graph.service import GraphService
from tests.integration.test_graph_server_model import behave, happen

pytestmark = pytest.mark.integration

GRAPH = endpoint("https://graph.test/v1.0", named=("graph.test",))
DATAVERSE = endpoint("https://graph.test/api/data/v9.2", named=("graph.test",))
QUERIES = {
    "users": Query(GRAPH, "users", select=("displayName", "city")),
    "groups": Query(GRAPH, "groups", select=("displayName", "members")),
    "drives/d1/root": Query(GRAPH, "drives/d1/root"),
    "dataverse/accounts": Query(
        DATAVERSE, "accounts", select=("name", "city"), protocol=Protocol.DATAVERSE, key="accountid"
    ),
}


@dataclass
class Reader:
    """Runs rounds as a source does, with a table in memory."""

    graph: GraphService
    query: Query
    dice: random.Random
    known: KnownRows | None = None
    state: DeltaState = field(default_factory=DeltaState)
    target: Target = field(default_factory=Target)

    def round(self) -> RoundEnd:
        self.state = self.state.begin(self.query)
        assert self.state.progress is not None
        conversation = paced(
            run_round(self.state.progress.start, self.query, restarts=20),
            AppScope("global", "t", "c"),
            random=self.dice.random,
            pace=Pace(budget=86_400),
        )
        landed: list[Change | RelationChange] = []
        pages: list[bytes] = []
        step: Step = next(conversation)
        while True:
            answer: Any = None
            if isinstance(step, Request):
                answer = self._ask(step)
            elif isinstance(step, Page):
                landed += changes_of_page(step, self.query)
                pages.append(page_bytes(step, self.query))
                self.state = self.state.landed(step)
            elif isinstance(step, Restart):
                landed.clear()
                pages.clear()
                self.state = self.state.restarted(step)
            elif isinstance(step, Wait):
                self.graph.advance(seconds=step.seconds)
            elif isinstance(step, AskPause):
                answer = Pause(None, self.graph.now())
            try:
                lost = isinstance(answer, ConnectionLostError)
                step = conversation.throw(answer) if lost else conversation.send(answer)
            except StopIteration as stop:
                end: RoundEnd = stop.value
                break
        self.state = self.state.sealed(end, at=self.graph.now())
        if self.known is None:
            self._load(landed, end)
        else:
            self._apply(self.known, pages)
        self.state = self.state.committed()
        return end

    def _ask(self, step: Request) -> Response | ConnectionLostError:
        headers = {name.lower(): value for name, value in step.headers.items()}
        answer = self.graph.answer(Asked("GET", step.url, {**headers, "authorization": f"Bearer {self.graph.token}"}))
        if answer.cut is not None:
            return ConnectionLostError("cut", next_step="Try again.")
        return Response(answer.status, answer.headers, answer.content(), self.graph.now())

    def _load(self, landed: list[Change | RelationChange], end: RoundEnd) -> None:
        staged = Target()
        for change in landed:
            staged.apply(change)
            self.target.apply(change)
        if end.full:
            known, seen = (sorted(name for name, _ in each.live()) for each in (self.target, staged))
            parted = sorted(gone(sorted(self.target.relations), sorted(staged.relations)))
            for removal in removals(sorted(gone(known, seen)), round=end.round, after=end.items):
                self.target.apply(removal)
            for left in relation_removals(parted, round=end.round, after=end.items):
                self.target.apply(left)

    def _apply(self, known: KnownRows, pages: list[bytes]) -> None:
        """The same by the known rows: what they give is applied line by line, as one would who knows nothing of deltas."""
        assert self.state.progress is not None
        start = self.state.progress.start
        report = known.judge(start, pages)
        with known.applying(start, pages, share=0.0, approved=report.digest if report is not None else "") as changes:
            for change in changes:
                if isinstance(change, Change):
                    self.target.rows.pop(change.id, None)
                self.target.apply(change)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Living rows without empty properties, which a copy need not tell from those never set."""
        return {name: _set(row) for name, row in self.target.live()}

    def members(self, path: str) -> dict[str, set[str]]:
        held: dict[str, set[str]] = {each: set() for each in self.graph.world.truth(path)}
        for _, owner, member in self.target.relations:
            held.get(owner, set()).add(member)
        return held


def _set(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def fault(graph: GraphService, path: str, dice: random.Random) -> Fault:
    query = QUERIES[path]
    location = graph.location(path, select=query.select or None) if dice.random() < 0.5 else graph.location(path)
    faults: list[Fault] = [
        throttled(dice.randint(1, 300), status=dice.choice([429, 503, 504])),
        throttled(60, at=graph.now()),
        throttled(None),
        Cut(),
        sync_state_not_found(),
        resync(code=dice.choice(["resyncRequired", "resyncChangesApplyDifferences"])),
        *([] if path.startswith("dataverse") else [resync(location)]),
        Call(graph.rounds.expire),
        Call(lambda: happen(graph, dice)),
        Call(lambda: graph.advance(days=8)),
    ]
    return dice.choice(faults)


def account(graph: GraphService, dice: random.Random) -> None:
    world, path = graph.world, "dataverse/accounts"
    living = sorted(world.truth(path))
    if len(living) < 3 or dice.random() < 0.4:
        world.add(path, name=f"a{world.version}")
    elif dice.random() < 0.6:
        world.change(path, dice.choice(living), city=dice.choice([None, f"c{world.version}"]))
    else:
        world.hard_delete(path, dice.choice(living))


@pytest.mark.parametrize("block", range(5))
def test_rounds_end_with_the_servers_state_whatever_it_answers(block: int) -> None:
    """200 lives in each block; the seed is in the message, and repeats one."""
    for seed in range(block * 200, block * 200 + 200):
        dice, graph = random.Random(seed), GraphService(seed=str(seed))
        graph.manner.page_life = timedelta(days=1)
        graph.world.drive("d1")
        graph.world.table("accounts", "accountid")
        prefer = dice.choice([(), ("return=minimal",)])
        readers = {
            path: Reader(
                graph,
                Query(**{**_fields(query), "prefer": prefer}) if path == "users" else query,
                dice,
                # A few: a page as a file takes as long as all else of it.
                KnownRows(sqlite3.connect(":memory:", isolation_level=None)) if seed % 4 == 0 else None,
            )
            for path, query in QUERIES.items()
        }
        for _ in range(dice.randint(1, 4)):
            for _ in range(dice.randrange(20)):
                dice.choice([happen, account])(graph, dice)
            for path, reader in readers.items():
                behave(graph, dice)
                graph.manner.bare = dice.random() < 0.5
                for _ in range(dice.randrange(4)):
                    graph.faults.add(fault(graph, path, dice), at=dice.randint(1, 6))
                reader.round()
                graph.faults.clear()
        for reader in readers.values():
            reader.round()
        for path, reader in readers.items():
            truth = graph.world.truth(path, reader.query.select or None)
            wanted = {name: _set(row) for name, row in truth.items()}
            if reader.known is not None:
                wanted = {id: {name: text_of(row[name]) for name in row} for id, row in wanted.items()}
            assert reader.rows() == wanted, (seed, path)
        held = {each: graph.world.linked("groups", each, "members") for each in graph.world.truth("groups")}
        assert readers["groups"].members("groups") == held, seed


def _fields(query: Query) -> dict[str, Any]:
    return {name: getattr(query, name) for name in query.__slots__}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (badly_formed(), "400"),
        (Links(base="https://elsewhere.test"), "elsewhere"),
        (Links(absent=True), "neither"),
        (Links(both=True), "both"),
        (Links(same=True), "comes again"),
    ],
)
def test_what_breaks_the_protocol_ends_the_round_with_a_clear_error(wrong: Fault, said: str) -> None:
    graph = GraphService()
    graph.manner.page_size = 1
    for name in "abc":
        graph.world.add("users", displayName=name)
    graph.faults.add(wrong, times=100)
    reader = Reader(graph, QUERIES["users"], random.Random(1))
    with pytest.raises(SystemicError, match=said):
        reader.round()
    assert reader.target.rows == {}
