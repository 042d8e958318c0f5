"""Alerts in the ledger, on every engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_integrations.core.alert import Alert, Severity
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.ledger.alerts import AlertClaim
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.postgres import SteppedClock

LEASE = timedelta(minutes=5)


def alert(clock: SteppedClock, key: str = "k") -> Alert:
    details = {"partner": "ZZ:ACME\x00\ud800", "count": 3}
    return Alert(key, "It is late", "ZZ:ACME", clock(), Severity.WARNING, "late", details)


def claimed(ledger: Ledger, key: str = "k", owner: str = "w") -> AlertClaim:
    held = ledger.alerts.claim(key, owner, lease=LEASE)
    assert held
    return held


def test_an_alert_is_entered_once_and_comes_back_whole(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    one = alert(ledger_clock)
    ledger.alerts.raise_all([one, alert(ledger_clock, "other")])
    ledger_clock.step(hours=1)
    ledger.alerts.raise_all([replace(one, summary="It is later")])
    ledger.alerts.raise_all([])
    [record, other] = ledger.alerts.unresolved("late")
    assert (record.alert, other.alert.key) == (one, "other")
    assert (record.told_at, record.over_at, record.resolved_at) == (None, None, None)
    assert ledger.alerts.unresolved("else") == []
    assert ledger.alerts.get("nothing") is None


def test_details_that_json_cannot_hold_are_refused(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    with pytest.raises(ConfigError, match="JSON"):
        ledger.alerts.raise_all([replace(alert(ledger_clock), details={"at": object()})])


def test_one_claims_until_its_lease_is_over(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    ledger.alerts.raise_all([alert(ledger_clock)])
    first = claimed(ledger)
    assert ledger.alerts.claim("k", "other", lease=LEASE) is None
    assert claimed(ledger).token == first.token + 1
    ledger_clock.step(minutes=6)
    assert claimed(ledger, owner="other").token == first.token + 2


def test_its_way_from_raised_to_resolved(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    ledger.alerts.raise_all([alert(ledger_clock)])
    ledger.alerts.told(claimed(ledger))
    assert ledger.alerts.claim("k", "w", lease=LEASE) is None
    at = ledger_clock()
    ledger_clock.step(hours=1)
    ledger.alerts.over(["k", "nothing"])
    held = claimed(ledger)
    assert (held.record.told_at, held.record.over_at) == (at, ledger_clock())
    ledger.alerts.resolved(held)
    record = ledger.alerts.get("k")
    assert record
    assert record.resolved_at == ledger_clock()
    assert ledger.alerts.unresolved("late") == []
    assert ledger.alerts.claim("k", "w", lease=LEASE) is None


@pytest.mark.parametrize("sent", [False, True])
def test_what_is_over_before_a_sending_was_begun_needs_no_word(
    ledger: Ledger, ledger_clock: SteppedClock, sent: bool
) -> None:
    ledger.alerts.raise_all([alert(ledger_clock)])
    ledger.alerts.let_go(claimed(ledger), sent=sent)
    ledger.alerts.over(["k"])
    assert (ledger.alerts.claim("k", "w", lease=LEASE) is not None) is sent


def test_whoever_lost_its_claim_closes_nothing_and_what_it_sent_is_ended(
    ledger: Ledger, ledger_clock: SteppedClock
) -> None:
    ledger.alerts.raise_all([alert(ledger_clock)])
    slow = claimed(ledger, owner="slow")
    ledger_clock.step(minutes=6)
    ledger.alerts.told(claimed(ledger))
    ledger.alerts.over(["k"])
    last = claimed(ledger)
    ledger.alerts.resolved(slow)
    ledger.alerts.let_go(slow, sent=False)
    assert len(ledger.alerts.unresolved("late")) == 1
    ledger.alerts.resolved(last)
    ledger.alerts.told(slow)
    assert claimed(ledger).record.over_at is not None


def test_two_at_once_get_one_claim(ledger: Ledger, ledger_clock: SteppedClock) -> None:
    ledger.alerts.raise_all([alert(ledger_clock)])
    with ThreadPoolExecutor(4) as pool:
        taken = pool.map(lambda owner: ledger.alerts.claim("k", owner, lease=LEASE), "abcd")
    assert sum(held is not None for held in taken) == 1
