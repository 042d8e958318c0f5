"""The notifier over a real connection and a server that follows the Events API v2."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_integrations.core.alert import Alert, AlertAction
from airflow_provider_integrations.core.errors import ConfigError, PermanentError
from airflow_provider_integrations.notifier import ALERTS, AlertNotifier, alerts_by
from tests.fakes.events_api import ROUTING_KEY, EventsApi, events_api

TRIGGER, RESOLVE = AlertAction.TRIGGER, AlertAction.RESOLVE
ALERT = Alert("k", "It is late", "ZZ:ACME", datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture
def api() -> Iterator[EventsApi]:
    with events_api() as server:
        yield server


@pytest.fixture
def receiver(api: EventsApi, monkeypatch: pytest.MonkeyPatch) -> EventsApi:
    connect(monkeypatch, host=api.url, password=ROUTING_KEY)
    return api


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{ALERTS.upper()}", json.dumps({"conn_type": "http", **fields}))


def context(run: int = 1) -> Any:
    from airflow.sdk import DAG

    return {"dag": DAG("edi_overdue", schedule=None), "run_id": f"scheduled__{run}"}


def test_an_alert_and_its_end_reach_the_receiver(receiver: EventsApi) -> None:
    notify = alerts_by()
    assert notify(TRIGGER, ALERT)
    assert receiver.opened == {"k"}
    assert notify(RESOLVE, ALERT)
    assert (receiver.incidents, receiver.opened) == (1, set())


def test_the_connection_is_read_once(receiver: EventsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    notify = alerts_by()
    notify(TRIGGER, ALERT)
    monkeypatch.delenv(f"AIRFLOW_CONN_{ALERTS.upper()}")
    assert notify(RESOLVE, ALERT)


def test_without_a_connection_nobody_is_told_and_a_warning_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert alerts_by()(TRIGGER, ALERT) is False
        AlertNotifier("It failed").notify(context())
    said = [record.getMessage() for record in caplog.records if record.name.endswith("notifier")]
    assert said == [
        "nobody is told, since there is no connection for alerts: trigger: It is late",
        "nobody is told, since there is no connection for alerts: trigger: It failed",
    ]


def test_a_connection_that_says_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, host="events.example.org")
    with pytest.raises(ConfigError, match="integrations_alerts"):
        alerts_by()(TRIGGER, ALERT)


def test_the_routing_key_is_masked_in_airflows_logs(receiver: EventsApi) -> None:
    from airflow.sdk.log import redact

    alerts_by()(TRIGGER, ALERT)
    assert ROUTING_KEY not in str(redact(f"a {ROUTING_KEY} b"))


def test_the_callback_renders_its_texts_and_a_run_resolves_its_own_alert(receiver: EventsApi) -> None:
    AlertNotifier(details={"run": "{{ run_id }}"}, severity="critical")(context())
    AlertNotifier(action="resolve")(context())
    [told, over] = receiver.taken
    assert told["dedup_key"] == over["dedup_key"] == "edi_overdue/scheduled__1"
    assert told["payload"]["summary"] == "edi_overdue failed in scheduled__1"
    assert told["payload"]["severity"] == "critical"
    assert told["payload"]["custom_details"] == {"run": "scheduled__1"}
    assert (receiver.incidents, receiver.opened) == (1, set())


def test_one_notifier_serves_the_callbacks_of_several_runs(receiver: EventsApi) -> None:
    notifier = AlertNotifier(details={"run": "{{ run_id }}"})
    for run in (1, 2):
        notifier(context(run))
    assert receiver.opened == {"edi_overdue/scheduled__1", "edi_overdue/scheduled__2"}
    assert [event["payload"]["custom_details"]["run"] for event in receiver.taken] == ["scheduled__1", "scheduled__2"]


def test_it_may_be_awaited(receiver: EventsApi) -> None:
    async def tell() -> None:
        await AlertNotifier("It is late", dedup_key="k", source="s")

    asyncio.run(tell())
    assert receiver.opened == {"k"}


@pytest.mark.parametrize("wrong", [{"action": "shout"}, {"severity": "awful"}])
def test_an_action_or_severity_that_is_none_is_told(receiver: EventsApi, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        AlertNotifier("x", **wrong).notify(context())  # type: ignore[arg-type]
    assert receiver.taken == []


def test_a_refusal_is_an_error_of_the_callback(receiver: EventsApi) -> None:
    receiver.answers.append((400, {}))
    with pytest.raises(PermanentError, match="refuses"):
        AlertNotifier("x", dedup_key="k")(context())
