"""Lives of a delta source by the ledger: a tenant that changes, workers that die anywhere, and what bronze comes to.

A worker dies before or after any transaction of the ledger, at any boundary of a step, and before or after any request; what
it held stays claimed or is given back. Everything follows from one seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from upath import UPath

from airflow_provider_integrations.connectors.msgraph import reading
from airflow_provider_integrations.connectors.msgraph.client import drive
from airflow_provider_integrations.connectors.msgraph.reading import Asked, read_round
from airflow_provider_integrations.connectors.msgraph.rounds import judge_round, land_round
from airflow_provider_integrations.connectors.msgraph.settle import settle_graph
from airflow_provider_integrations.connectors.msgraph.throttle import AppScope
from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import StateConflictError, TransientError, WatermarkLostError
from airflow_provider_integrations.core.graph_source import relation_source_name
from airflow_provider_integrations.core.work_item import State, WorkItem
from airflow_provider_integrations.ledger.graph_tables import graph_state
from airflow_provider_integrations.ledger.holding import holding
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.graph.faults import Call, Cut, gone, sync_state_not_found, throttled
from tests.fakes.graph.service import GraphService
from tests.fakes.graph_source import bronze, by_id, graph_job, load_all, through, truth
from tests.integration.test_graph_server_model import behave, happen

__all__ = ["Killed", "LedgerWorld", "live_through", "mortal"]


class Killed(BaseException):
    """The process is gone; nobody catches it."""


@contextmanager
def mortal(ledger: Ledger, boundary: Any) -> Iterator[None]:
    """Call `boundary` before and after each transaction that writes."""
    database = ledger._database
    write = database.write

    @contextmanager
    def dying() -> Iterator[Any]:
        boundary("write begins")
        with write() as connection:
            yield connection
        boundary("written")

    database.write = dying  # type: ignore[method-assign]
    try:
        yield
    finally:
        database.write = write  # type: ignore[method-assign]


class LedgerWorld:
    """One source's life."""

    def __init__(self, seed: int, ledger: Ledger, folder: Path) -> None:
        self.dice = random.Random(seed)
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.graph = GraphService(seed=str(seed), clock=lambda: self.now)
        self.graph.world.drive("d1")
        self.resource = self.dice.choice(["users", "groups"])
        prefer = self.dice.choice([(), ("return=minimal",)])
        self.deaths, self.seen = 0.0, set[str]()
        self.job = graph_job(
            ledger,
            UPath(f"memory://lake-{seed}"),
            folder,
            name=f"s{seed}",
            resource=self.resource,
            declared={"gone_share": 0.3, "prefer": prefer},
            scope=AppScope("global", "contoso", str(seed)),
            clock=lambda: self.now,
            boundary=self.boundary,
        )

    def boundary(self, name: str) -> None:
        if self.dice.random() < self.deaths:
            self.seen.add(f"killed: {name}")
            raise Killed(name)

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def live(self) -> None:
        """Changes, faults, and a run that may die; a scheduler runs it again."""
        for _ in range(self.dice.randrange(12)):
            happen(self.graph, self.dice)
        behave(self.graph, self.dice)
        self.now += timedelta(hours=self.dice.choice([-1, 0, 1, 24]))
        at = self.dice.randint(1, 4)
        fault = self.dice.choice(
            [
                None,
                Call(lambda: happen(self.graph, self.dice)),
                Cut(),
                throttled(5),
                gone(),
                gone(location=self.graph.location(self.resource, select=("id", *self.job.query.select[1:]))),
                sync_state_not_found(),
            ]
        )
        if fault is not None:
            self.graph.faults.add(fault, at=at)
        if self.dice.random() < 0.06:
            self.lose()
        asked = Asked(resync=self.dice.random() < 0.15, request=str(self.dice.random()))
        self.deaths = self.dice.choice([0.0, 0.02, 0.1])
        for _ in range(self.dice.randint(1, 3)):
            try:
                with mortal(self.job.ledger, self.boundary):
                    self.run(asked)
                break
            except Killed:
                self.seen.add("killed")
            except TransientError as error:
                self.seen.add(type(error).__name__)
            except WatermarkLostError:
                self.seen.add("lost")
                asked = replace(asked, resync=True)
            except StateConflictError as error:
                if "refused batch" not in str(error):
                    raise
                self.seen.add("refused")
                if self.dice.random() < 0.5:
                    asked = replace(asked, resync=True, request=str(self.dice.random()))
                else:
                    self.release()
        self.deaths = 0.0
        self.graph.faults.clear()

    def run(self, asked: Asked) -> None:
        report = read_round(self.job, asked)
        self.seen |= {f"resync: {each}" for each in report.resync} | ({"resumed"} if report.resumed else set())
        gone_report = judge_round(self.job)
        if gone_report is not None:
            self.seen.add("approval")
            if self.dice.random() < 0.3:
                return  # Nobody approves; a later run asks again, or reads again.
        strict = self.dice.random() < 0.1
        job = replace(self.job, contract=_strict(self.job.contract)) if strict else self.job
        items = land_round(job, gone_report.digest if gone_report is not None else "")
        if self.dice.random() < 0.1:
            self.refuse(items)
        load_all(self.job.ledger, items, self.settle)

    def refuse(self, items: list[WorkItem]) -> None:
        """What the gate does."""
        with holding(self.job.ledger, "gate") as held:
            for item in items:
                if self.dice.random() < 0.5 and held.take(item.id, State.LANDED):
                    held.advance(item, State.QUARANTINED, reason="gate_failed", detail="by the gate")
                    self.seen.add("gate")

    def release(self) -> None:
        """A person takes back what was refused."""
        name = self.job.source.source
        for source in (name, *(relation_source_name(name, relation) for relation in self.job.relations)):
            for item in self.job.ledger.items.list(source, [State.QUARANTINED], limit=None):
                self.job.ledger.items.release(item.id, who="ann", why="it is corrected")

    def settle(self, ledger: Ledger, name: str) -> None:
        settle_graph(ledger, name, keys=self.job.keys)

    def lose(self) -> None:
        """Somebody deletes the state."""
        with self.job.ledger._database.write() as connection:
            connection.execute(graph_state.delete().where(graph_state.c.source == self.job.source.source))

    def end(self) -> None:
        """No faults and no deaths: what was begun is finished, and what came after it is read."""
        self.now += timedelta(days=1)  # No pause is left.
        self.release()
        resync = self.job.ledger.graph.get(self.job.source.source) is None
        for _ in range(2):
            report = read_round(self.job, Asked(resync=resync, request="end"))
            gone_report = judge_round(self.job)
            items = land_round(self.job, gone_report.digest if gone_report is not None else "")
            load_all(self.job.ledger, items, self.settle)
            assert report.sealed
        state = self.job.ledger.graph.get(self.job.source.source)
        assert state is not None
        assert state.sealed_at is None, "all that was read is settled"

    def wrong(self) -> list[str]:
        """What bronze has that the server has not, and the other way round."""
        here = by_id(bronze(self.job))
        names = ("displayName", "city") if self.resource == "users" else ("displayName",)
        there = truth(self.graph, self.resource, names)
        found = [
            f"{each}: {here.get(each)} != {there.get(each)}"
            for each in sorted({*here, *there})
            if here.get(each) != there.get(each)
        ]
        if self.resource == "groups":
            pairs = {key for key in bronze(self.job, "members") if key[0] in there}
            held = {(each, member) for each in there for member in self.graph.world.linked("groups", each, "members")}
            found += [f"member {pair}" for pair in sorted(pairs ^ held)]
        return found


def _strict(contract: Contract) -> Contract:
    """By which every row is refused that has a name."""
    columns = tuple(
        each.model_copy(update={"max_length": 1}) if each.name == "display_name" else each for each in contract.columns
    )
    return contract.model_copy(update={"columns": columns, "max_reject_share": 0.0})


def live_through(seed: int, ledger: Ledger, folder: Path, patch: Any) -> LedgerWorld:
    """A whole life by its number."""
    world = LedgerWorld(seed, ledger, folder)
    patch.setattr(reading, "open_client", through(world.graph))
    patch.setattr(reading, "drive", partial(drive, sleep=world.sleep))
    for _ in range(world.dice.randint(1, 4)):
        world.live()
    world.end()
    return world
