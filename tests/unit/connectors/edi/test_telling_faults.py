"""An alert that cannot be sent keeps no other: whatever goes wrong, and however often."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_integrations.connectors.edi.telling import tell_account
from airflow_provider_integrations.core.alert import Alert, AlertAction
from airflow_provider_integrations.core.errors import (
    ConnectionLostError,
    PermanentError,
    RateLimitedError,
    TransientError,
)
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated
from tests.fakes.pager import Pager
from tests.fakes.postgres import SteppedClock
from tests.unit.connectors.edi.test_telling import send


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: SteppedClock) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db", clock=clock) as made:
        migrated(made)
        yield made


@pytest.fixture
def pager() -> Pager:
    return Pager()


def late(ledger: Ledger, clock: SteppedClock, *controls: str) -> None:
    for control in controls:
        send(ledger, clock, control)
    clock.step(hours=25)


@pytest.mark.parametrize(
    "fault",
    [TransientError("500"), ConnectionLostError("away"), RuntimeError("?")],
    ids=lambda fault: type(fault).__name__,
)
def test_one_that_fails_whatever_it_is_does_not_keep_those_behind_it(
    ledger: Ledger, clock: SteppedClock, pager: Pager, fault: Exception
) -> None:
    late(ledger, clock, "17", "18", "19")

    def picky(action: AlertAction, alert: Alert) -> bool:
        if alert.details["control"] == "17":
            raise fault
        return pager(action, alert)

    with pytest.raises(type(fault)):
        tell_account(ledger, clock(), picky, owner="w")
    assert [alert.details["control"] for _, alert in pager.events] == ["18", "19"]


def test_what_a_retry_mends_is_raised_before_what_it_does_not(
    ledger: Ledger, clock: SteppedClock, pager: Pager
) -> None:
    late(ledger, clock, "17", "18", "19")
    faults: dict[str, Exception] = {"17": PermanentError("refused"), "18": TransientError("500")}

    def picky(action: AlertAction, alert: Alert) -> bool:
        if fault := faults.get(alert.details["control"]):
            raise fault
        return pager(action, alert)

    with pytest.raises(TransientError):
        tell_account(ledger, clock(), picky, owner="w")
    assert len(pager.events) == 1


def test_a_receiver_that_is_away_is_not_asked_once_for_each(ledger: Ledger, clock: SteppedClock, pager: Pager) -> None:
    """And those that were not tried come first the next time, so that three that fail for ever keep none."""
    late(ledger, clock, "11", "12", "13", "14", "15")
    asked: list[str] = []

    def picky(action: AlertAction, alert: Alert) -> bool:
        asked.append(alert.details["control"])
        if alert.details["control"] < "14":
            raise TransientError("500")
        return pager(action, alert)

    for wanted in (["11", "12", "13"], ["14", "15", "11", "12", "13"]):
        asked.clear()
        with pytest.raises(TransientError):
            tell_account(ledger, clock(), picky, owner="w")
        assert asked == wanted
    assert len(pager.events) == 2


def test_a_receiver_that_asks_for_a_pause_is_left_alone(ledger: Ledger, clock: SteppedClock) -> None:
    late(ledger, clock, "17", "18")
    asked: list[str] = []

    def busy(action: AlertAction, alert: Alert) -> bool:
        asked.append(alert.key)
        raise RateLimitedError("429", retry_after=120)

    with pytest.raises(RateLimitedError):
        tell_account(ledger, clock(), busy, owner="w")
    assert len(asked) == 1
