"""Settings: an allow-list, the right host, scope and authority for each cloud, and secrets that are never shown."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from airflow_provider_integrations.connectors.msgraph.auth import (
    Certificate,
    ClientSecret,
    ManagedIdentity,
    WorkloadIdentity,
)
from airflow_provider_integrations.connectors.msgraph.settings import GraphSettings
from airflow_provider_integrations.core.errors import ConfigError

SECRET = "s3cret-canary"
PEM = "-----BEGIN PRIVATE KEY-----\ncanary-of-a-key\n-----END PRIVATE KEY-----\n"


def read(
    extras: dict[str, Any] | None = None,
    host: str | None = None,
    *,
    port: int | None = None,
    login: str | None = "app",
    password: str | None = SECRET,
    conn_type: str = "msgraph_delta",
    schema: str | None = None,
) -> GraphSettings:
    given = {"tenant_id": "contoso.com", **(extras or {})}
    return GraphSettings.from_connection(host, port, login, password, given, conn_type, schema)


@pytest.mark.parametrize(
    ("host", "extras", "root", "scope", "authority"),
    [
        (None, {}, "https://graph.microsoft.com/v1.0", "https://graph.microsoft.com", "login.microsoftonline.com"),
        (
            None,
            {"cloud": "gcc_high"},
            "https://graph.microsoft.us/v1.0",
            "https://graph.microsoft.us",
            "login.microsoftonline.us",
        ),
        (
            None,
            {"cloud": "dod", "api-version": "beta"},
            "https://dod-graph.microsoft.us/beta",
            "https://dod-graph.microsoft.us",
            "login.microsoftonline.us",
        ),
        (
            "microsoftgraph.chinacloudapi.cn",
            {},
            "https://microsoftgraph.chinacloudapi.cn/v1.0",
            "https://microsoftgraph.chinacloudapi.cn",
            "login.chinacloudapi.cn",
        ),
        (
            "https://org.crm4.dynamics.com/",
            {},
            "https://org.crm4.dynamics.com/api/data/v9.2",
            "https://org.crm4.dynamics.com",
            "login.microsoftonline.com",
        ),
        (
            "org.crm.microsoftdynamics.us",
            {"api_version": "v9.1"},
            "https://org.crm.microsoftdynamics.us/api/data/v9.1",
            "https://org.crm.microsoftdynamics.us",
            "login.microsoftonline.us",
        ),
        (
            "https://gate.test:444/graph/v1.0",
            {"trusted_hosts": "gate.test"},
            "https://gate.test:444/graph/v1.0",
            "https://graph.microsoft.com",
            "login.microsoftonline.com",
        ),
        (
            "127.0.0.1",
            {"service": "dataverse", "authority": "https://127.0.0.1:9/"},
            "https://127.0.0.1/api/data/v9.2",
            "https://127.0.0.1",
            "127.0.0.1:9",
        ),
    ],
    ids=["global", "gcc_high", "dod", "china", "dataverse", "dataverse_gcc_high", "gateway", "named_service"],
)
def test_host_scope_and_authority_follow_from_the_cloud_and_the_service(
    host: str | None, extras: dict[str, Any], root: str, scope: str, authority: str
) -> None:
    settings = read(extras, host)
    assert (settings.endpoint.url, settings.resource_scope) == (root, f"{scope}/.default")
    assert settings.registration.authority == authority
    # An authority of no cloud cannot be validated by Microsoft's.
    assert settings.registration.known is not authority.startswith("127.")


@pytest.mark.parametrize(
    ("extras", "host", "said"),
    [
        ({"tenant": "t"}, None, "unknown: tenant \\(did you mean tenant_id"),
        ({"tenant_id": ""}, None, "missing: tenant_id"),
        ({"tenant_id": "a/b"}, None, "tenant_id"),
        ({"cloud": "mars"}, None, "cloud"),
        ({"cloud": "china"}, "graph.microsoft.com", "host that the cloud does not have"),
        ({}, "evil.test", "host that the cloud does not have"),
        ({}, "http://graph.microsoft.com", "plain HTTP"),
        ({"service": "dataverse"}, None, "host of its own"),
        ({"authority": "http://login.test"}, None, "authority"),
        ({"authority": "login.test/evil"}, None, "authority"),
        ({"tenant_id": ".."}, None, "tenant_id"),
        ({"api_version": "../.."}, None, "not a service root"),
        ({"proxy": "file:///x"}, None, "proxy"),
        ({"proxy": "http://u:canary/x@proxy.test:3128"}, None, "not the URL of a proxy"),
        ({"proxy": "http://[canary"}, None, "not the URL of a proxy"),
        ({"auth": "certificate"}, None, "private_key or certificate_path"),
        ({"private_key": PEM, "certificate_path": "/a"}, None, "two certificates"),
        ({"private_key": "canary, no base64"}, None, "neither PEM nor base64"),
        ({"largest_answer": 0}, None, "largest_answer"),
    ],
)
def test_what_cannot_be_used_is_told_without_its_value(extras: dict[str, Any], host: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read(extras, host)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("extras", "login", "password", "lacking"),
    [
        ({}, None, None, "login .* and auth"),
        ({}, None, SECRET, "login"),
        ({"auth": "secret"}, "app", "", "client secret"),
    ],
)
def test_all_that_is_missing_is_told_at_once(
    extras: dict[str, Any], login: str | None, password: str | None, lacking: str
) -> None:
    with pytest.raises(ConfigError, match=lacking):
        read(extras, login=login, password=password)


def test_each_way_to_authenticate_is_read() -> None:
    pfx = b"\x30\x82bytes-of-a-pfx"
    assert read().auth == ClientSecret(SECRET)
    assert read({"private_key": PEM}).auth == Certificate(PEM.encode(), "", SECRET)
    assert read({"private-key": base64.encodebytes(pfx).decode()}, password=None).auth == Certificate(pfx)
    assert read({"certificate_path": "/certs/app.pfx"}).auth == Certificate(b"", "/certs/app.pfx", SECRET)
    assert read({"auth": "workload_identity", "token_file": "/t"}, login=None, password=None).auth == WorkloadIdentity(
        "/t"
    )
    assert read({"auth": "managed_identity"}, login=None, password=None).auth == ManagedIdentity()


def test_secrets_are_named_and_never_shown() -> None:
    settings = read({"private_key": PEM, "proxy": "http://u:canary%40of-a-proxy@proxy.test:3128"})
    assert {SECRET, PEM, "canary%40of-a-proxy", "canary@of-a-proxy"} <= set(settings.secrets)
    for shown in (repr(settings), str(settings), repr(settings.token()), repr(read())):
        assert "canary" not in shown


def test_the_limits_of_an_app_are_shared_by_tenant_and_client() -> None:
    assert read().scope == read({"cloud": "global", "auth": "secret"}).scope
    assert read().scope != read(login="other").scope
    assert read({"auth": "managed_identity"}, login=None).scope.client_id == "ManagedIdentity"


def test_a_host_that_needs_no_proxy_gets_none_of_the_environment_either() -> None:
    extras = {"proxy": "http://proxy.test:3128", "no_proxy": "localhost, .microsoft.com", "ca": "/ca.pem", "timeout": 5}
    settings = read(extras)
    assert (settings.reach.proxy, settings.reach.trusts_environment) == ("", False)
    assert settings.registration.reach.proxy == "http://proxy.test:3128"
    assert (str(settings.reach.ca), settings.reach.timeout) == ("/ca.pem", 5.0)
    assert read({**extras, "no_proxy": "*"}).registration.reach.proxy == ""
    assert read({"environment_proxies": False}).reach.trusts_environment is False


def test_a_connection_of_the_microsoft_provider_is_read_as_it_reads_it() -> None:
    extras = {
        "tenantId": "other.com",
        "certificate_data": PEM,
        "proxies": '{"https": "http://proxy.test:3128", "no": "login.microsoftonline.com"}',
        "scopes": "https://graph.microsoft.com/.default",
        "disable_instance_discovery": False,
        "drive_id": "d",
        "verify": "/ca.pem",
        "trust_env": False,
        "allowed_hosts": "",
    }
    del (given := dict(extras))["tenantId"]
    settings = GraphSettings.from_connection(
        "graph.microsoft.us", 443, "app", "pw", {**given, "tenantId": "other.com"}, "msgraph", "https"
    )
    assert (settings.endpoint.url, settings.cloud, settings.tenant) == (
        "https://graph.microsoft.us/v1.0", "gcc_high", "other.com",
    )  # fmt: skip
    assert settings.auth == Certificate(PEM.encode(), "", "pw")
    assert (settings.reach.proxy, settings.registration.reach.proxy) == (
        "http://proxy.test:3128",
        "http://proxy.test:3128",
    )
    assert str(settings.reach.ca) == "/ca.pem"
    # The form's own default is a whole URL as the host.
    assert read({}, "https://graph.microsoft.com", conn_type="msgraph", schema="https").cloud == "global"
    assert read(
        {"base_url": "https://gate.test/beta", "allowed_hosts": "gate.test"}, conn_type="msgraph"
    ).endpoint.url == ("https://gate.test/beta")


@pytest.mark.parametrize(
    ("extras", "said"),
    [
        ({"verify": False}, "certificates must be checked"),
        ({"scopes": "a,b"}, "one scope"),
        ({"scopes": 5}, "scopes is no list"),
        ({"proxies": "canary"}, "no mapping"),
        ({"base_url": "https://gate.test/beta"}, "host that the cloud does not have"),
        ({"unheard_of": "canary"}, "unheard_of"),
    ],
)
def test_what_the_microsoft_provider_allows_and_we_do_not_is_told(extras: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read(extras, conn_type="msgraph")
    assert "canary" not in str(caught.value)
