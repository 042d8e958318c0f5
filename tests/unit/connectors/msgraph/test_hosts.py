"""Where requests may go."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.msgraph.hosts import CLOUDS, cloud_named, endpoint
from airflow_provider_integrations.core.errors import ConfigError, SystemicError


def test_the_clouds_are_those_of_microsofts_page() -> None:
    assert {cloud.name: cloud.graph for cloud in CLOUDS} == {
        "global": "graph.microsoft.com",
        "gcc_high": "graph.microsoft.us",
        "dod": "dod-graph.microsoft.us",
        "china": "microsoftgraph.chinacloudapi.cn",
    }
    assert cloud_named("dod").login == "login.microsoftonline.us"
    with pytest.raises(ConfigError, match="unknown cloud"):
        cloud_named("gcc")


@pytest.mark.parametrize(
    ("url", "cloud"),
    [
        ("https://graph.microsoft.com/v1.0", "global"),
        ("https://graph.microsoft.com/beta/", "global"),
        ("https://GRAPH.microsoft.com:443/v1.0", "global"),
        ("https://graph.microsoft.us/v1.0", "gcc_high"),
        ("https://dod-graph.microsoft.us/v1.0", "dod"),
        ("https://microsoftgraph.chinacloudapi.cn/v1.0", "china"),
        ("https://contoso.crm4.dynamics.com/api/data/v9.2", "global"),
        ("https://contoso.api.crm9.dynamics.com/api/data/v9.2", "global"),
        ("https://contoso.crm.microsoftdynamics.us/api/data/v9.2", "gcc_high"),
        ("https://127.0.0.1:8443/v1.0", "global"),
        ("http://127.0.0.1:8080/v1.0", "global"),
        ("http://localhost:8080", "global"),
        ("http://[::1]:8080/v1.0", "china"),
    ],
)
def test_a_service_root_of_the_cloud_or_of_this_machine(url: str, cloud: str) -> None:
    root = endpoint(url, cloud=cloud)
    assert root.url == url.rstrip("/")
    assert root.check(f"{root.url}/users/delta?$skiptoken=a")


@pytest.mark.parametrize(
    ("url", "cloud"),
    [
        ("https://graph.microsoft.com/v1.0", "gcc_high"),
        ("https://graph.microsoft.us/v1.0", "global"),
        ("https://evil.example/v1.0", "global"),
        ("https://graph.microsoft.com.evil.example/", "global"),
        ("https://evilgraph.microsoft.com/v1.0", "global"),
        ("https://x.evil.crm.dynamics.com/api", "global"),
        ("https://crm.dynamics.com/api", "global"),
        ("http://graph.microsoft.com/v1.0", "global"),
        ("http://169.254.169.254/", "global"),
        ("https://169.254.169.254/", "global"),
        ("https://2130706433/", "global"),
        ("https://0.0.0.0/", "global"),
        ("https://user:secret@graph.microsoft.com/v1.0", "global"),
        ("https://graph.microsoft.com/v1.0?x=1", "global"),
        ("https://graph.microsoft.com/v1.0#x", "global"),
        ("https://graph.microsoft.com/v1.0 ", "global"),
        ("https://graph.microsoft.com/v1.0/../..", "global"),
        ("ftp://127.0.0.1/", "global"),
        ("file:///etc/passwd", "global"),
        ("graph.microsoft.com/v1.0", "global"),
        ("https://graph.microsoft.com:0/", "global"),
        ("https://graph.microsoft.com:99999/", "global"),
        ("", "global"),
    ],
)
def test_no_other_service_root(url: str, cloud: str) -> None:
    with pytest.raises(ConfigError) as caught:
        endpoint(url, cloud=cloud)
    assert "secret" not in str(caught.value)


def test_a_person_may_name_a_gateway_and_never_plain_http() -> None:
    assert endpoint("https://gateway.example/graph", named=("Gateway.example",))
    with pytest.raises(ConfigError, match="plain HTTP"):
        endpoint("http://gateway.example/graph", named=("gateway.example",))


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.microsoft.com/v1.0/users/delta?$skiptoken=a",
        "https://graph.microsoft.com:443/x",
        "HTTPS://Graph.Microsoft.COM/x",
        "https://graph.microsoft.com",
        "https://graph.microsoft.com?$skiptoken=a",
        "https://graph.microsoft.com/v1.0/me/drive/root/delta(token='a b')?$filter=id eq 'x'",
        "https://graph.microsoft.com/x?to=https://evil.example/@",
    ],
)
def test_a_link_of_the_same_origin_is_followed_as_it_is(link: str) -> None:
    assert endpoint("https://graph.microsoft.com/v1.0").check(link) == link


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/",
        "https://evil.example#@graph.microsoft.com/",
        "https://graph.microsoft.com@evil.example/",
        "https://graph.microsoft.com:443@evil.example/",
        "https://graph.microsoft.com\\@evil.example/",
        "https://evil.example\\.graph.microsoft.com/",
        "https://graph.microsoft.com\t.evil.example/",
        "https://graph.microsoft.com\n/x",
        "https://graph.microsoft.com/x\r\nHost: evil.example",
        " https://graph.microsoft.com/x",
        "https://graph.microsoft.com./x",
        "https://.graph.microsoft.com/x",
        "https://graph.microsoft.com%2eevil.example/",
        "https://gr\N{LATIN SMALL LETTER A WITH GRAVE}ph.microsoft.com/",
        "https://graph\N{FULLWIDTH FULL STOP}microsoft.com/",
        "https://graph.microsoft.com/\N{SNOWMAN}",
        "https://graph.microsoft.com:8443/x",
        "https:///graph.microsoft.com/x",
        "https:graph.microsoft.com/x",
        "https:/\\graph.microsoft.com/x",
        "http://graph.microsoft.com/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//graph.microsoft.com/x",
        "/v1.0/users/delta",
        "https://[::ffff:1.2.3.4]/x",
        "https://graph.microsoft.com/x#fragment\\",
        "",
    ],
)
def test_any_other_link_is_refused(link: str) -> None:
    with pytest.raises(SystemicError) as caught:
        endpoint("https://graph.microsoft.com/v1.0").check(link)
    assert "passwd" not in str(caught.value)


@pytest.mark.parametrize("location", ["//evil.example/x", "\\\\evil.example\\x", "/\\evil.example", "\t//evil.example"])
def test_a_relative_location_does_not_lead_away(location: str) -> None:
    with pytest.raises(SystemicError):
        endpoint("https://graph.microsoft.com/v1.0").check(
            location, base="https://graph.microsoft.com/v1.0/users/delta"
        )


def test_another_port_of_this_machine_is_another_place() -> None:
    root = endpoint("https://127.0.0.1:8443/v1.0")
    for link in ("https://127.0.0.1:8444/v1.0", "http://127.0.0.1:8443/v1.0", "https://localhost:8443/v1.0"):
        with pytest.raises(SystemicError, match="another place"):
            root.check(link)
