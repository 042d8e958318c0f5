"""What a connection to PI Web API may say, and what is refused."""

from __future__ import annotations

import pytest

from airflow_provider_integrations.connectors.historian.pi_auth import Anonymous, Basic, Bearer, Kerberos
from airflow_provider_integrations.connectors.historian.pi_model import Way
from airflow_provider_integrations.connectors.historian.pi_settings import PiSettings
from airflow_provider_integrations.core.errors import ConfigError

CANARY = "canary-S3cret"


def test_a_host_alone_gets_https_and_the_usual_path() -> None:
    assert PiSettings.from_connection("PI.example.com", None, None, None).root == "https://pi.example.com/piwebapi"
    assert PiSettings.from_connection("pi.example.com", 8443, None, None).root == "https://pi.example.com:8443/piwebapi"
    assert PiSettings.from_connection("https://pi.example.com", None, None, None).root == "https://pi.example.com"
    settings = PiSettings.from_connection("https://pi.example.com/other/piwebapi/", 443, None, None, {"path": "x"})
    assert settings.root == "https://pi.example.com:443/other/piwebapi"


def test_a_url_is_the_root_as_it_is_typed() -> None:
    assert PiSettings.from_url("https://pi.example.com").root == "https://pi.example.com"
    assert PiSettings.from_url("http://127.0.0.1:8080/piwebapi/").root == "http://127.0.0.1:8080/piwebapi"
    assert PiSettings.from_url("http://[::1]/piwebapi").limits.root == "http://[::1]/piwebapi"


@pytest.mark.parametrize(
    ("login", "password", "extras", "auth"),
    [
        (None, None, {}, Anonymous()),
        ("DOMAIN\\anna", CANARY, {}, Basic("DOMAIN\\anna", CANARY)),
        (None, None, {"token": CANARY}, Bearer(CANARY)),
        (None, CANARY, {"auth": "bearer"}, Bearer(CANARY)),
        (None, None, {"token-file": "/run/token"}, Bearer("", "/run/token")),
        ("anna", "", {"auth": "kerberos", "delegate": True}, Kerberos(True)),
        ("anna", CANARY, {"auth": "anonymous"}, Anonymous()),
    ],
)
def test_each_way_to_authenticate_is_one_class(
    login: str | None, password: str | None, extras: dict[str, object], auth: object
) -> None:
    settings = PiSettings.from_connection("pi.example.com", None, login, password, extras)
    assert settings.auth == auth
    assert CANARY not in repr(settings)
    assert (CANARY in settings.secrets) == (CANARY in vars_of(auth))


def vars_of(auth: object) -> list[object]:
    """What the fields of a class hold."""
    return [getattr(auth, name) for name in getattr(auth, "__slots__", ())]


@pytest.mark.parametrize(
    ("host", "extras", "said"),
    [
        ("", {}, "lacks host"),
        ("http://pi.example.com", {}, "plain HTTP"),
        (f"https://anna:{CANARY}@pi.example.com/piwebapi", {}, "not the host"),
        ("pi.example.com/piwebapi?x=1", {}, "not the host"),
        ("pi.example.com", {"trusted-hosts": "other.example.com"}, "not among the trusted"),
        ("pi.example.com", {"tokn": CANARY}, "did you mean token"),
        ("pi.example.com", {"auth": "basic"}, "lacks a user or a password"),
        ("pi.example.com", {"token": CANARY, "token_file": "/x"}, "needs one token"),
        ("pi.example.com", {"token": f"{CANARY}\r\nX: y"}, "not an access token"),
        ("pi.example.com:99999", {}, "not a port"),
        ("pi.example.com", {"requests_at_once": CANARY}, "requests_at_once"),
    ],
)
def test_what_is_wrong_is_named_and_no_value_is_shown(host: str, extras: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PiSettings.from_connection(host, None, None, None, extras)
    assert said in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "pi.example.com",
        "https://pi.example.com/piwebapi?x=1",
        "ftp://pi.example.com",
        "https://a@b@c/",
        f"https://{CANARY}:x@",
    ],
)
def test_what_is_no_url_is_refused_unseen(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PiSettings.from_url(url)
    assert CANARY not in str(caught.value)


def test_how_much_is_asked_for_at_once_may_be_said() -> None:
    extras = {"read-by": "streamset", "page-size": "5000", "values-at-once": 10_000, "streams-at-once": "", "ca": None}
    settings = PiSettings.from_connection("pi.example.com", None, None, None, extras)
    assert (settings.way, settings.limits.largest, settings.limits.at_once) == (Way.STREAMSET, 5_000, 10_000)
    assert settings.limits.streams == 100
