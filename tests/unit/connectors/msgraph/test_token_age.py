"""A link that grows old is told of once, and once more when it is renewed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_integrations.connectors.msgraph.token_age import TOKEN_AGE, tell_token_age
from airflow_provider_integrations.core.alert import Alert, AlertAction
from airflow_provider_integrations.core.errors import TransientError
from airflow_provider_integrations.ledger.graph import GraphRecord
from airflow_provider_integrations.ledger.ledger import Ledger
from tests.fakes.ledgers import migrated

NOW = datetime(2026, 1, 20, tzinfo=UTC)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger.connect("sqlite://") as made:
        migrated(made)
        yield made


class Told:
    """Somebody who receives alerts."""

    def __init__(self, *, there: bool = True) -> None:
        self.there = there
        self.heard: list[tuple[str, str]] = []

    def __call__(self, action: AlertAction, alert: Alert) -> bool:
        if self.there:
            self.heard.append((action.value, alert.source))
        return self.there


def kept(ledger: Ledger, obtained_at: datetime | None, source: str = "entra_users") -> None:
    before = ledger.graph.get(source)
    record = GraphRecord(source, "canary-link", 1, obtained_at)
    ledger.graph.save(record, expected=before.revision if before else 0)


def look(ledger: Ledger, notify: Told, days: float = 0, source: str = "entra_users") -> tuple[bool, int, int, int]:
    told = tell_token_age(ledger, source, NOW + timedelta(days=days), notify, owner="me")
    return told.alarm, told.told, told.resolved, told.untold


def test_token_age_of_seven_days_alarms_at_five_once_and_is_over_with_the_next_link(ledger: Ledger) -> None:
    notify = Told()
    assert look(ledger, notify) == (False, 0, 0, 0), "a source that never ran"
    kept(ledger, NOW)
    assert look(ledger, notify, days=4.99) == (False, 0, 0, 0)
    assert look(ledger, notify, days=5) == (True, 1, 0, 0)
    assert look(ledger, notify, days=6) == (True, 0, 0, 0), "told once"
    kept(ledger, NOW + timedelta(days=6))
    assert look(ledger, notify, days=6) == (False, 0, 1, 0)
    assert look(ledger, notify, days=11) == (True, 1, 0, 0), "another link, another alert"
    assert [action for action, _ in notify.heard] == ["trigger", "resolve", "trigger"]


def test_each_source_has_alerts_of_its_own(ledger: Ledger) -> None:
    notify = Told()
    kept(ledger, NOW)
    kept(ledger, NOW + timedelta(days=3), "entra_groups")
    look(ledger, notify, days=5)
    assert look(ledger, notify, days=5, source="entra_groups") == (False, 0, 0, 0)
    assert [record.alert.source for record in ledger.alerts.unresolved(TOKEN_AGE)] == ["entra_users"]


def test_what_nobody_receives_is_told_again_and_what_is_over_by_then_never(ledger: Ledger) -> None:
    kept(ledger, NOW)
    assert look(ledger, Told(there=False), days=5) == (True, 0, 0, 1)
    assert look(ledger, notify := Told(), days=5) == (True, 1, 0, 0)
    assert notify.heard == [("trigger", "entra_users")]
    kept(ledger, NOW + timedelta(days=5))
    look(ledger, Told(), days=5)
    kept(ledger, NOW + timedelta(days=6))
    assert look(ledger, Told(there=False), days=11) == (True, 0, 0, 1)
    kept(ledger, NOW + timedelta(days=11))
    assert look(ledger, notify, days=11) == (False, 0, 0, 0)
    assert not ledger.alerts.unresolved(TOKEN_AGE)


def test_a_sending_that_failed_is_tried_again_and_its_end_is_sent(ledger: Ledger) -> None:
    def fails(action: AlertAction, alert: Alert) -> bool:
        raise TransientError("away")

    kept(ledger, NOW)
    with pytest.raises(TransientError, match="away"):
        tell_token_age(ledger, "entra_users", NOW + timedelta(days=5), fails, owner="me")
    kept(ledger, NOW + timedelta(days=5))
    assert look(ledger, Told(), days=5) == (False, 0, 1, 0), "it may have arrived"


def test_an_alert_holds_dates_and_no_link(ledger: Ledger) -> None:
    kept(ledger, NOW)
    look(ledger, Told(), days=5)
    [record] = ledger.alerts.unresolved(TOKEN_AGE)
    assert "canary" not in repr(record)
    assert record.alert.details == {
        "obtained_at": NOW.isoformat(),
        "runs_out_at": (NOW + timedelta(days=7)).isoformat(),
    }
