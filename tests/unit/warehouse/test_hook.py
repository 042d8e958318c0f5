"""The hook: what it adds to the provider's options, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_integrations.core.errors import ConfigError


def _options(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> dict[str, Any]:
    from airflow_provider_integrations.warehouse.hook import WarehouseHook

    connection = {"conn_type": "snowflake", "login": "u", "password": "p", "schema": "PUBLIC", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_WH", json.dumps(connection))
    return WarehouseHook("wh").connect_options()


def test_an_emulator_is_reached_by_host_port_and_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    options = _options(monkeypatch, account="a", host="127.0.0.1", port="8123", protocol="http", database="D")
    wanted = {"host": "127.0.0.1", "port": 8123, "protocol": "http", "database": "D", "network_timeout": 5}
    assert wanted.items() <= options.items()


def test_sessions_are_in_utc_with_plain_timestamps_whatever_the_connection_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = _options(monkeypatch, account="a", session_parameters={"TIMEZONE": "America/New_York", "X": 1})
    assert options["session_parameters"] == {
        "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
        "TIMEZONE": "UTC",
        "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
        "X": 1,
    }
    assert "protocol" not in options


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"protocol": "ftp"}, "http or https"),
        ({"protocol": "http", "host": "warehouse.example.com"}, "only for a host on this machine"),
        ({"port": "many"}, "`port` must be a number"),
    ],
)
def test_a_connection_that_would_leak_or_cannot_work_is_refused(
    extra: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=said):
        _options(monkeypatch, account="a", **extra)
