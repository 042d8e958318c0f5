"""The hook gets in by each way to authenticate, over its own authority, proxy and HTTP/2, and no secret comes out."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

from airflow_provider_integrations.connectors.msgraph.asking import ask, ask_async, open_async_client, open_client
from airflow_provider_integrations.connectors.msgraph.hook import MSGraphDeltaHook
from airflow_provider_integrations.connectors.msgraph.model import Request, Response
from airflow_provider_integrations.connectors.msgraph.reach import Reach
from airflow_provider_integrations.connectors.msgraph.settings import GraphSettings
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    RateLimitedError,
    SystemicError,
    TransientError,
)
from airflow_provider_integrations.system import utc_now
from tests.fakes.graph.certificates import Authority
from tests.fakes.graph.faults import Answer
from tests.fakes.graph.http2 import serve_http2
from tests.fakes.graph.messages import Response as Answered
from tests.fakes.graph.proxy import tunnelling
from tests.fakes.graph.server import GraphServer
from tests.fakes.graph.service import GraphService

pytestmark = pytest.mark.integration
SECRET = "graph-secret-canary"


def settings(
    graph: GraphServer, *, password: str | None = SECRET, login: str | None = None, **extras: Any
) -> GraphSettings:
    app = graph.identity.app
    given = {"tenant_id": app.tenant, "authority": graph.base, "ca": str(graph.authority.ca), "timeout": 10, **extras}
    return GraphSettings.from_connection(graph.base, None, login or app.client_id, password, given)


def users(graph: GraphServer) -> Request:
    return Request(f"{graph.url}/users/delta", {})


def asked(graph: GraphServer, found: GraphSettings) -> Response:
    with open_client(found.reach) as client:
        return ask(client, users(graph), found.token(), utc_now)


def refused(found: GraphSettings) -> IntegrationError:
    with pytest.raises(IntegrationError) as caught:
        found.token()(False)
    assert "canary" not in f"{caught.value!r} {caught.value.values}"
    # An error that is chained would show the driver's text, whatever it holds.
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    return caught.value


def test_a_secret_gets_in_and_its_token_is_cached_until_it_is_refused(graph: GraphServer) -> None:
    found = settings(graph)
    token = found.token()
    with open_client(found.reach) as client:
        assert [ask(client, users(graph), token, utc_now).status for _ in range(3)] == [200] * 3
        assert len(graph.requests("/oauth2/v2.0/token")) == 1
        graph.identity.expire()
        assert ask(client, users(graph), token, utc_now).status == 200
    assert len(graph.requests("/oauth2/v2.0/token")) == 2


def test_one_process_asks_for_one_token_of_an_app_however_often_its_settings_are_read(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        assert asked(graph, hooked(graph, monkeypatch).settings()).status == 200
    assert len(graph.requests("/oauth2/v2.0/token")) == 1
    refused(hooked(graph, monkeypatch, password="wrong-canary").settings())  # Another secret is another app's cache.


@pytest.mark.parametrize("form", ["text", "path", "pfx", "encrypted_pfx"])
def test_a_certificate_gets_in(graph: GraphServer, tmp_path: Path, form: str) -> None:
    import base64

    file, public = graph.authority.client()
    graph.identity.app.certificates.append(public)
    pem = file.read_bytes()
    if form == "text":
        found = settings(graph, password=None, private_key=pem.decode())
    elif form == "path":
        found = settings(graph, password=None, certificate_path=str(file))
    else:
        from cryptography.hazmat.primitives.serialization import NoEncryption

        locked = form == "encrypted_pfx"
        hidden = BestAvailableEncryption(b"pfx-canary") if locked else NoEncryption()
        key, certificate = load_pem_private_key(pem, None), x509.load_pem_x509_certificate(public)
        pfx = pkcs12.serialize_key_and_certificates(b"app", key, certificate, None, hidden)  # type: ignore[arg-type]
        text = base64.encodebytes(pfx).decode()
        found = settings(graph, password="pfx-canary" if locked else None, private_key=text)
        if locked:
            wrong = settings(graph, password="wrong-canary", private_key=text)
            assert "password of the key" in str(refused(wrong))
    assert asked(graph, found).status == 200


def test_a_workload_identity_gets_in_with_the_token_that_lies_there_now(graph: GraphServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    found = settings(graph, password=None, auth="workload_identity", token_file=str(file))
    assert "federated token" in str(refused(found))
    file.write_text("federated-canary")
    assert refused(found).values["code"] == "AADSTS700027"
    graph.identity.app.federated.add("federated-canary")
    assert asked(graph, found).status == 200


def test_a_managed_identity_gets_in(graph: GraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{graph.base}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", graph.identity.app.managed_secret)
    assert asked(graph, settings(graph, password=None, auth="managed_identity")).status == 200


def test_a_machine_without_an_identity_is_a_setting_and_a_busy_one_is_not(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{graph.base}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "wrong-canary")
    found = settings(graph, password=None, auth="managed_identity")
    assert isinstance(refused(found), ConfigError)
    monkeypatch.setattr(graph.identity, "_managed", lambda request: Answered(503, {}, {"Retry-After": "0"}))
    assert isinstance(refused(found), TransientError)


def test_tokens_are_asked_for_with_the_authorities_that_the_service_is_trusted_by(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file both take the system's, which SSL_CERT_FILE names; `requests` alone would not."""
    monkeypatch.setenv("SSL_CERT_FILE", str(graph.authority.ca))
    assert asked(graph, settings(graph, ca="")).status == 200


def test_a_wrong_secret_is_a_setting_told_by_its_code(graph: GraphServer) -> None:
    error = refused(settings(graph, password="wrong-canary"))
    assert isinstance(error, ConfigError)
    assert error.values["code"] == "AADSTS7000215"
    assert "not its id" in str(error)


def test_an_unknown_app_and_a_wrong_tenant_are_settings(graph: GraphServer) -> None:
    assert refused(settings(graph, login="another")).values["code"] == "AADSTS700016"
    assert refused(settings(graph, tenant_id="another.com")).values["code"] == "AADSTS90002"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (503, 0, TransientError),
        (429, 0, RateLimitedError),
        (400, 90033, TransientError),
        (400, 90055, RateLimitedError),
    ],
)
def test_a_busy_token_endpoint_is_transient(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch, status: int, code: int, kind: type[IntegrationError]
) -> None:
    body = {"error": "temporarily_unavailable", "error_description": f"AADSTS{code}: canary.", "error_codes": [code]}
    sent = Answered(status, body if code else b"{}", {"Retry-After": "90"})
    monkeypatch.setattr(graph.identity, "_token", lambda form, endpoint: sent)
    began, token = time.monotonic(), settings(graph).token()
    for _ in range(2):  # The second answer is MSAL's own memory of the first.
        with pytest.raises(TransientError) as caught:
            token(False)
        assert type(caught.value) is kind
        assert caught.value.values.get("retry_after", 90.0) == 90.0
    assert time.monotonic() - began < 20, "the pause is slept by us, within the budget, and by no driver"


def test_a_token_endpoint_that_is_not_there_is_transient_and_an_untrusted_one_a_setting(
    graph: GraphServer, tmp_path: Path
) -> None:
    assert isinstance(refused(settings(graph, authority="127.0.0.1:1")), ConnectionLostError)
    stranger = Authority.make(tmp_path / "stranger")
    error = refused(settings(graph, ca=str(stranger.ca)))
    assert isinstance(error, ConfigError)
    assert "not trusted" in str(error)


def test_the_proxy_of_the_connection_leads_to_both_and_its_password_is_not_shown(graph: GraphServer) -> None:
    place = graph.base.removeprefix("https://")
    with tunnelling("user:canary-of-a-proxy") as proxy:
        assert asked(graph, settings(graph, proxy=proxy.url)).status == 200
        assert set(proxy.asked) == {place}
        assert len(proxy.asked) == 2  # One for the token, one for the service.
        assert asked(graph, settings(graph, proxy=proxy.url, no_proxy="127.0.0.1")).status == 200
        assert len(proxy.asked) == 2
        wrong = settings(graph, proxy=f"http://user:wrong-canary@127.0.0.1:{proxy.port}")
        with pytest.raises(ConfigError, match="the proxy refuses us") as caught, open_client(wrong.reach) as client:
            ask(client, users(graph), lambda fresh: graph.token, utc_now)
        assert "canary" not in str(caught.value)
        refused(wrong)


def test_the_proxies_of_the_environment_are_used_unless_they_are_switched_off(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with tunnelling() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("https_proxy", raising=False)
        assert asked(graph, settings(graph)).status == 200
        assert len(proxy.asked) == 2
        assert asked(graph, settings(graph, environment_proxies=False)).status == 200
        assert len(proxy.asked) == 2


@pytest.mark.parametrize("deferred", [False, True])
def test_requests_go_by_http2_over_one_connection(graph_authority: Authority, *, deferred: bool) -> None:
    graph = GraphService()
    graph.manner.page_size = 2_000
    for number in range(2_000):  # Larger than a window of HTTP/2.
        graph.world.add("users", displayName=f"user {number} of many, with a name that is long")
    reach, request = Reach(ca=graph_authority.ca, timeout=10), "users/delta?$select=displayName"

    async def apart() -> list[Response]:
        async with open_async_client(reach) as client:
            wanted = Request(f"{graph.base}/v1.0/{request}", {})
            return [await ask_async(client, wanted, lambda fresh: graph.token, utc_now) for _ in range(3)]

    with serve_http2(graph, graph_authority) as server:
        if deferred:
            answers = asyncio.run(apart())
        else:
            with open_client(reach) as client:
                wanted = Request(f"{graph.base}/v1.0/{request}", {})
                answers = [ask(client, wanted, lambda fresh: graph.token, utc_now) for _ in range(3)]
    assert [len(json.loads(answer.body)["value"]) for answer in answers] == [2_000] * 3
    assert server.connections == ["h2"]


@pytest.mark.parametrize("deferred", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_beyond_the_limit_ends_the_run_even_if_it_was_small_on_the_line(
    graph: GraphServer, *, deferred: bool, packed: bool
) -> None:
    import gzip

    bomb = b'{"value":[' + b" " * 3_000_000 + b"]}"
    headers = {"Content-Encoding": "gzip"} if packed else {}
    graph.faults.add(Answer(Answered(200, gzip.compress(bomb) if packed else bomb, headers)))
    small = Reach(ca=graph.authority.ca, timeout=10, largest=2_000_000)

    async def apart() -> Response:
        async with open_async_client(small) as client:
            return await ask_async(client, users(graph), lambda fresh: graph.token, utc_now)

    def plain() -> Response:
        with open_client(small) as client:
            return ask(client, users(graph), lambda fresh: graph.token, utc_now)

    with pytest.raises(SystemicError, match="larger than it may be"):
        _ = asyncio.run(apart()) if deferred else plain()


def hooked(graph: GraphServer, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> MSGraphDeltaHook:
    app = graph.identity.app
    extra = {"tenant_id": app.tenant, "authority": graph.base, "ca": str(graph.authority.ca)}
    given = {"conn_type": "msgraph_delta", "host": graph.base, "login": app.client_id, "password": SECRET}
    given["extra"] = extra | fields.pop("extra", {})
    monkeypatch.setenv("AIRFLOW_CONN_ENTRA", json.dumps(given | fields))
    return MSGraphDeltaHook("entra")


def test_the_connection_test_says_who_takes_the_token(graph: GraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    works, message = hooked(graph, monkeypatch).test_connection()
    assert works, message
    assert f"{graph.url} takes the token of {graph.identity.app.client_id}" in message
    monkeypatch.setattr(graph.identity, "admit", lambda request: Answered(401, {}))
    works, message = hooked(graph, monkeypatch).test_connection()
    assert not works
    assert "does not take the app's token" in message
    monkeypatch.setattr(graph.identity, "admit", lambda request: Answered(302, {}, {"Location": "/login"}))
    works, message = hooked(graph, monkeypatch).test_connection()
    assert not works
    assert "redirects" in message


def test_the_connection_test_says_what_is_wrong_without_the_secret(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    works, message = hooked(graph, monkeypatch, password="wrong-canary").test_connection()
    assert not works
    assert "AADSTS7000215" in message
    assert "canary" not in message


def test_a_connection_of_the_microsoft_provider_gets_in(graph: GraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _, port = graph.base.removeprefix("https://").partition(":")
    extra = {"ca": None, "verify": str(graph.authority.ca), "scopes": "https://graph.microsoft.com/.default"}
    hook = hooked(graph, monkeypatch, conn_type="msgraph", schema="https", host=host, port=int(port), extra=extra)
    assert asked(graph, hook.settings()).status == 200


def test_no_secret_token_or_link_is_logged_at_any_level(
    graph: GraphServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file, public = graph.authority.client()
    graph.identity.app.certificates.append(public)
    with caplog.at_level(logging.DEBUG):
        for found in (
            hooked(graph, monkeypatch).settings(),
            settings(graph, password="wrong-canary"),
            settings(graph, password=None, private_key=file.read_text()),
        ):
            with open_client(found.reach) as client:
                link = Request(f"{graph.url}/users/delta?$deltatoken=canary-of-a-link", {})
                try:
                    ask(client, link, found.token(), utc_now)
                except ConfigError as error:
                    logging.getLogger("task").exception("failed", exc_info=error)
    secrets = [SECRET, "canary", *graph.identity.given, file.read_text().splitlines()[2]]
    assert caplog.records, "nothing was logged: the test would see no secret"
    assert [secret for secret in secrets if secret in caplog.text] == []
