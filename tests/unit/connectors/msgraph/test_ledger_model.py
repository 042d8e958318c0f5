"""Whatever happens to a tenant and to the workers, bronze replayed in order is the server's truth; a seed repeats its life."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.unit.connectors.msgraph.ledger_world import live_through

FEW, MANY = 12, 1_000


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger.connect("sqlite://") as found:
        migrated(found)
        yield found


def lives(seeds: range, ledger: Ledger, folder: Path, patch: pytest.MonkeyPatch) -> set[str]:
    seen, wrong = set[str](), {}
    for seed in seeds:
        world = live_through(seed, ledger, folder, patch)
        seen |= world.seen
        if found := world.wrong():
            wrong[seed] = found
    assert wrong == {}
    return seen


def test_lives_end_with_the_servers_truth(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lives(range(FEW), ledger, tmp_path, monkeypatch)


@pytest.mark.integration
@pytest.mark.parametrize("block", range(10))
def test_a_thousand_lives_end_with_the_servers_truth(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    seen = lives(range(FEW + block * MANY // 10, FEW + (block + 1) * MANY // 10), ledger, tmp_path, monkeypatch)
    # What is rarer than these, as a state that is lost, not every hundred meets.
    wanted = {"killed", "resumed", "refused", "gate", "resync: asked for", "killed: written"}
    assert wanted - seen == set()
