"""What the hooks of historians make of Airflow connections, what they refuse, and what of it no log shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_integrations.connectors.historian.hook import OpcUaHistoryHook, PIWebApiHook, open_history
from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaExtras
from airflow_provider_integrations.connectors.historian.pi_settings import PiExtras
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.get_provider_info import get_provider_info

HOOKS: dict[str, Any] = {"pi_web_api": PIWebApiHook, "opcua_ha": OpcUaHistoryHook}


def connection(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PLANT1", json.dumps(fields))


@pytest.mark.parametrize(("kind", "model"), [("pi_web_api", PiExtras), ("opcua_ha", OpcUaExtras)])
def test_the_form_has_each_extra_that_the_settings_know(kind: str, model: Any) -> None:
    [form] = [each for each in get_provider_info()["connection-types"] if each["connection-type"] == kind]
    assert sorted(form["conn-fields"]) == sorted(model.model_fields)


def test_settings_come_from_a_connection_and_their_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.log import redact

    connection(monkeypatch, conn_type="pi_web_api", host="https://pi.test/piwebapi", login="u", password="canary-of-pi")
    assert PIWebApiHook("plant1").settings().root == "https://pi.test/piwebapi"
    connection(monkeypatch, conn_type="opcua_ha", host="plant.test", login="u", password="canary-of-opcua")
    settings = OpcUaHistoryHook("plant1").get_conn()
    assert settings.url == "opc.tcp://plant.test:4840"
    assert "canary" not in str(redact("a canary-of-pi b canary-of-opcua"))
    assert "canary" not in repr(settings)


@pytest.mark.parametrize("kind", sorted(HOOKS))
def test_an_unknown_extra_is_refused_by_name_and_without_its_value(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch, conn_type=kind, host="plant.test", extra={"cap": "canary-value"})
    with pytest.raises(ConfigError, match="cap") as caught:
        HOOKS[kind]("plant1").settings()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "host", "why"),
    [("pi_web_api", "http://127.0.0.1:1/piwebapi", "ConnectError"), ("opcua_ha", "127.0.0.1:1", "127.0.0.1:1")],
)
def test_the_test_of_a_connection_says_what_is_wrong(
    kind: str, host: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"reconnect_for": 0, "timeout": 2} if kind == "opcua_ha" else {"timeout": 2, "budget": 0.01}
    connection(monkeypatch, conn_type=kind, host=host, extra=extra)
    done, said = HOOKS[kind]("plant1").test_connection()
    assert not done
    assert why in said


def test_a_connection_of_another_type_leads_to_no_historian(monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch, conn_type="http", host="plant.test")
    with pytest.raises(ConfigError, match="no historian") as told:
        open_history("plant1")
    assert told.value.values == {"connection": "plant1", "type": "http"}


@pytest.mark.parametrize("kind", sorted(HOOKS))
def test_the_type_of_a_connection_says_the_protocol(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch, conn_type=kind, host="plant.test")
    assert hasattr(open_history("plant1")(), "__aenter__")
