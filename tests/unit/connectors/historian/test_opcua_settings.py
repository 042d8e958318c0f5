"""What a connection to an OPC UA server may say, and that no secret of it is ever shown."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings
from airflow_provider_integrations.core.errors import ConfigError

SECURED = {
    "security-policy": "Basic256Sha256",
    "certificate-path": "/keys/client.der",
    "private-key-path": "/keys/client.pem",
    "server-certificate-path": "/keys/server.der",
}


@pytest.mark.parametrize(
    ("host", "port", "schema", "url"),
    [
        ("plant1", None, None, "opc.tcp://plant1:4840"),
        ("plant1", 48_010, None, "opc.tcp://plant1:48010"),
        ("plant1", None, "historian", "opc.tcp://plant1:4840/historian"),
        ("opc.tcp://plant1:1/a/b", 2, None, "opc.tcp://plant1:1/a/b"),
        ("opc.tcp://[::1]:1", None, None, "opc.tcp://[::1]:1"),
    ],
)
def test_the_endpoint(host: str, port: int | None, schema: str | None, url: str) -> None:
    assert OpcUaSettings.from_connection(host, port, None, None, schema=schema).url == url


NO_ENDPOINTS = [None, "", "http://plant1", "opc.tcp://", "opc.tcp://plant1:port", "opc.tcp://a b", "opc.tcp://a?x=1"]


@pytest.mark.parametrize("host", NO_ENDPOINTS)
def test_what_is_no_endpoint_is_refused(host: str | None) -> None:
    with pytest.raises(ConfigError, match="endpoint"):
        OpcUaSettings.from_connection(host, None, None, None)


def test_user_and_password_of_a_url_leave_it() -> None:
    settings = OpcUaSettings.from_url("opc.tcp://reader:p%40ss-canary@plant1:1")
    assert (settings.url, settings.user, settings.password) == ("opc.tcp://plant1:1", "reader", "p@ss-canary")
    assert "canary" not in repr(settings)
    assert settings.secrets == ["p@ss-canary"]


def test_unknown_and_wrong_extras_are_named_without_their_values() -> None:
    with pytest.raises(ConfigError) as caught:
        OpcUaSettings.from_connection("plant1", None, None, None, {"securty_policy": "canary", "timeout": "canary"})
    assert "security_policy" in str(caught.value)
    assert "timeout" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_empty_values_of_a_form_count_as_not_given() -> None:
    assert OpcUaSettings.from_connection("plant1", None, "", "", {"timeout": "", "security-policy": ""}).timeout == 60


@pytest.mark.parametrize("lacking", ["certificate-path", "private-key-path", "server-certificate-path"])
def test_a_secured_channel_needs_both_certificates_and_the_key(lacking: str) -> None:
    extras = {name: value for name, value in SECURED.items() if name != lacking}
    with pytest.raises(ConfigError, match=lacking.replace("-", "_")):
        OpcUaSettings.from_connection("plant1", None, None, None, extras)


def test_sign_and_encrypt_unless_it_is_said_otherwise() -> None:
    assert OpcUaSettings.from_connection("plant1", None, None, None, SECURED).mode == "SignAndEncrypt"
    with pytest.raises(ConfigError, match="mode"):
        OpcUaSettings.from_connection("plant1", None, None, None, {"security_mode": "Sign"})


def test_one_key_and_no_weak_policy() -> None:
    with pytest.raises(ConfigError, match="two keys"):
        OpcUaSettings.from_connection("plant1", None, None, None, {**SECURED, "private-key": "canary"})
    with pytest.raises(ConfigError, match="security_policy"):
        OpcUaSettings.from_connection("plant1", None, None, None, {**SECURED, "security-policy": "Basic128Rsa15"})


def test_every_secret_is_told_to_whoever_masks_it() -> None:
    extras = {
        **SECURED, "private-key-password": "canary-1", "user-certificate-path": "/u", "user-private-key-path": "/k",
        "user-private-key-password": "canary-2",
    }  # fmt: skip
    settings = OpcUaSettings.from_connection("plant1", None, "reader", "canary-3", extras)
    assert sorted(settings.secrets) == ["canary-1", "canary-2", "canary-3"]
    assert "canary" not in repr(settings)
