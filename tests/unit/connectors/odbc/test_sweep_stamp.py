"""A sweep and a run at the same time, in every order of their steps: no key that is at the source is ever marked for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest

from airflow_provider_integrations.connectors.odbc.sweep_stamp import (
    open_versions,
    read_version,
    stamp_sweep,
    step_back,
)
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.core.watermark import Watermark
from airflow_provider_integrations.core.work_item import RemoteFile, State
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated

NOW = datetime(2025, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST = "2025-01-01T00:00:00.000000Z/00000000.0"
BEFORE = "2025-05-31T23:00:00.000000Z/00000007.0"
ORDERS = tuple(combinations(range(10), 5))
"""At which of ten turns the sweep makes its five steps; the run makes its own at the others."""


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    with Ledger.connect("sqlite://") as made:
        migrated(made)
        yield made


@dataclass
class Race:
    """One key: whether it is at the source, and what the target holds of it by the rules of the MERGE."""

    ledger: Ledger
    source: str
    skew: timedelta
    there: bool
    version: str | None = FIRST
    deleted: str | None = None
    turn: int = 0
    seen: list[bool] = field(default_factory=list)

    def clock(self) -> datetime:
        self.turn += 1
        return NOW + timedelta(seconds=self.turn)

    def sweep(self, name: str) -> Iterator[None]:
        mark = stamp_sweep(self.ledger, self.source, self.clock())
        yield
        version = step_back(mark, name, open_versions(self.ledger, self.source))
        yield
        # What happens at the source at the worst moment: just after the snapshot it comes, just before it goes.
        found, self.there = False, not self.there
        yield
        gone = self.version is not None and self.version < version and self.deleted is None and not found
        yield
        if gone and self.version is not None and self.version < version and self.deleted is None:
            self.deleted = version
        yield

    def run(self, name: str) -> Iterator[None]:
        # The planner took its stamp long before its entry.
        entered = f"{NOW + self.skew:%Y-%m-%dT%H:%M:%S.%fZ}/{name}"
        file = RemoteFile(f"odbc/{name}/shard-0001", 0, 0)
        facts = {file.path: {"run_version": entered}}
        [item] = self.ledger.items.discover(self.source, [file], listed_at=NOW, facts=facts)
        yield
        version = read_version(self.ledger, self.source, self.clock() + self.skew, run=name, entered=entered)
        yield
        seen = self.there
        self.seen.append(seen)
        yield
        if seen and (self.version is None or version > self.version):
            self.version = version
            self.deleted = self.deleted if self.deleted is not None and version < self.deleted else None
        yield
        taken = self.ledger.items.claim(item.id, "me", states=[State.DISCOVERED], lease=HOUR)
        assert taken is not None
        self.ledger.items.advance(taken[1], State.LOADED)
        yield


@pytest.mark.parametrize("skew", [-HOUR, timedelta(0)])
@pytest.mark.parametrize("there", [False, True])
def test_in_every_order_of_steps_what_a_run_has_seen_after_the_snapshot_stays(
    ledger: Ledger, skew: timedelta, there: bool
) -> None:
    for number, turns in enumerate(ORDERS):
        race = Race(ledger, f"s{number}_{skew.days}_{int(there)}", skew, there)
        sweep, run = race.sweep("sweep-1"), race.run("00000001.0")
        for turn in range(10):
            next(sweep if turn in turns else run)
        if race.there:
            assert not race.seen[0] or race.deleted is None, f"a key that is there was marked: {turns}"
            for _ in race.run("00000002.0"):
                pass
            assert race.deleted is None, f"the next run does not bring it back: {turns}"
        else:
            race.there = True  # It goes just before the second sweep's snapshot; nothing brings it back.
            for _ in race.sweep("sweep-2"):
                pass
            assert race.deleted is not None, f"the next sweep does not mark it: {turns}"


def test_a_sweep_steps_back_behind_runs_that_are_not_loaded_yet() -> None:
    stamp = "2025-06-01T00:00:00.000000Z"
    assert step_back(NOW, "s") == f"{stamp}/s"
    assert step_back(NOW, "s", [BEFORE, "2025-06-01T00:00:01.000000Z/x"]) == BEFORE


def test_a_sweep_mark_never_goes_back_whatever_the_clocks_say(ledger: Ledger) -> None:
    first = stamp_sweep(ledger, "clocks", NOW)
    assert stamp_sweep(ledger, "clocks", NOW - HOUR) == first + timedelta(microseconds=1)
    assert stamp_sweep(ledger, "clocks", NOW + HOUR) == NOW + HOUR
    behind = read_version(ledger, "clocks", NOW - HOUR, run="00000001.0", entered=BEFORE)
    assert behind > step_back(NOW + HOUR, "sweep-zzz")
    assert read_version(ledger, "clocks", NOW, run="r", entered="2026") == "2026"
    assert ledger.watermarks.get("clocks") is None, "the source's own position is another"


def test_a_sweep_that_never_gets_its_turn_says_so(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp_sweep(ledger, "busy", NOW)
    real, later = ledger.watermarks.get, [NOW]

    def overtaken(source: str) -> Watermark | None:
        found = real(source)
        assert found is not None
        later[0] += HOUR
        ledger.watermarks.advance(source, found, Watermark((later[0],)))
        return found

    monkeypatch.setattr(ledger.watermarks, "get", overtaken)
    with pytest.raises(TransientError, match="other sweeps"):
        stamp_sweep(ledger, "busy", NOW + 1000 * HOUR)
