"""How one gets into the Graph server: azure-identity itself asks, with each kind of credential; and subscriptions."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.fakes.graph.reader import error
from tests.fakes.graph.server import GraphServer

pytestmark = pytest.mark.integration
SCOPE = "https://graph.microsoft.com/.default"


def options(graph: GraphServer) -> dict[str, Any]:
    return {
        "authority": graph.base,
        "disable_instance_discovery": True,
        "connection_verify": str(graph.authority.ca),
        "retry_total": 0,
    }


def enters(graph: GraphServer, client: httpx.Client, token: str) -> bool:
    return client.get("/v1.0/users/delta", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_secret_gets_an_access_token(graph: GraphServer, graph_client: httpx.Client) -> None:
    app = graph.identity.app
    with ClientSecretCredential(app.tenant, app.client_id, app.secret, **options(graph)) as credential:
        assert enters(graph, graph_client, credential.get_token(SCOPE).token)
    with (
        ClientSecretCredential(app.tenant, app.client_id, "wrong", **options(graph)) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        credential.get_token(SCOPE)


def test_a_certificate_gets_an_access_token(graph: GraphServer, graph_client: httpx.Client) -> None:
    app, (file, public) = graph.identity.app, graph.authority.client()
    stranger, _ = graph.authority.client()
    app.certificates.append(public)
    with CertificateCredential(app.tenant, app.client_id, str(file), **options(graph)) as credential:
        assert enters(graph, graph_client, credential.get_token(SCOPE).token)
    with (
        CertificateCredential(app.tenant, app.client_id, str(stranger), **options(graph)) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700027"),
    ):
        credential.get_token(SCOPE)


@pytest.mark.parametrize("wrong", [{}, {"aud": "https://elsewhere"}, {"exp": -60}, {"iss": "another"}, {"nbf": 3600}])
def test_an_assertion_is_checked_claim_by_claim(
    graph: GraphServer, graph_client: httpx.Client, wrong: dict[str, Any]
) -> None:
    """https://learn.microsoft.com/entra/identity-platform/certificate-credentials."""
    app, (file, public) = graph.identity.app, graph.authority.client()
    app.certificates.append(public)
    now, endpoint = graph.now().timestamp(), f"{graph.base}/{app.tenant}/oauth2/v2.0/token"
    claims = {
        "aud": endpoint,
        "iss": app.client_id,
        "sub": app.client_id,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "exp": now + 60,
    }
    claims.update({name: now + value if name in ("exp", "nbf") else value for name, value in wrong.items()})
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    thumbprint = x509.load_pem_x509_certificate(public).fingerprint(SHA256())
    header = {"x5t#S256": jwt.utils.base64url_encode(thumbprint).decode()}
    key = load_pem_private_key(Path(file).read_bytes(), None)
    form = {
        "grant_type": "client_credentials",
        "client_id": app.client_id,
        "scope": SCOPE,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(claims, key, algorithm="PS256", headers=header),  # type: ignore[arg-type]
    }
    first, again = (graph_client.post(endpoint, data=form) for _ in range(2))
    assert first.status_code == (401 if wrong else 200)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")  # A `jti` is good once.


def test_a_federated_token_gets_an_access_token(graph: GraphServer, graph_client: httpx.Client, tmp_path: Path) -> None:
    app, file = graph.identity.app, tmp_path / "token"
    file.write_text("federated-canary")
    app.federated.add("federated-canary")
    credential = WorkloadIdentityCredential(
        tenant_id=app.tenant, client_id=app.client_id, token_file_path=str(file), **options(graph)
    )
    with credential:
        assert enters(graph, graph_client, credential.get_token(SCOPE).token)


def test_a_managed_identity_gets_an_access_token(
    graph: GraphServer, graph_client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{graph.base}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", graph.identity.app.managed_secret)
    with ManagedIdentityCredential(connection_verify=str(graph.authority.ca)) as credential:
        assert enters(graph, graph_client, credential.get_token(SCOPE).token)


@pytest.mark.parametrize("header", [{"Authorization": ""}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}])
def test_nobody_enters_without_a_good_access_token(
    graph: GraphServer, graph_client: httpx.Client, header: dict[str, str]
) -> None:
    response = graph_client.get("/v1.0/users/delta", headers=header)
    assert error(response) == (401, "InvalidAuthenticationToken")
    assert response.headers["www-authenticate"].startswith("Bearer ")


def test_an_access_token_expires(graph: GraphServer, graph_client: httpx.Client) -> None:
    token = graph.identity.issue()
    assert enters(graph, graph_client, token)
    graph.advance(seconds=3600)
    assert not enters(graph, graph_client, token)
    assert enters(graph, graph_client, graph.token)
    graph.identity.expire()
    assert not enters(graph, graph_client, graph.token)


def test_who_does_not_trust_the_authority_does_not_get_in(graph: GraphServer) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{graph.url}/users/delta")
    assert graph.log == []


class Receiver:
    """A receiver of notifications; `valid` says whether it proves itself."""

    def __init__(self) -> None:
        self.valid, self.url, self.got = True, "", list[Any]()


@pytest.fixture
def receiver(graph: GraphServer) -> Iterator[Receiver]:
    import json
    import ssl

    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            token = parse_qs(urlsplit(self.path).query).get("validationToken", [""])[0]
            if not token:
                found.got += json.loads(body)["value"]
            answer = (token if found.valid else "no").encode()
            self.send_response(200 if token else 202)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(graph.authority.server())
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    found.url = f"https://127.0.0.1:{server.server_port}/notify"
    yield found
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_subscription_lives_from_its_validation_to_its_deletion(
    graph: GraphServer, graph_client: httpx.Client, receiver: Receiver
) -> None:
    """https://learn.microsoft.com/graph/change-notifications-delivery-webhooks."""

    def until(**ahead: float) -> str:
        return (graph.now() + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")

    asked = {
        "changeType": "updated,deleted",
        "notificationUrl": receiver.url,
        "resource": "users",
        "expirationDateTime": until(days=2),
        "clientState": "state-canary",
    }
    for wrong in (
        {"clientState": ""},
        {"clientState": "x" * 129},
        {"notificationUrl": "http://127.0.0.1"},
        {"changeType": "read"},
        {"expirationDateTime": until(days=30)},
        {"expirationDateTime": until(days=-1)},
    ):
        assert error(graph_client.post("/v1.0/subscriptions", json={**asked, **wrong})) == (400, "ValidationError")
    receiver.valid = False
    assert error(graph_client.post("/v1.0/subscriptions", json=asked)) == (400, "ValidationError")
    receiver.valid = True
    created = graph_client.post("/v1.0/subscriptions", json=asked)
    assert created.status_code == 201
    url = f"/v1.0/subscriptions/{created.json()['id']}"

    ada = graph.world.add("users", displayName="Ada")
    graph.world.change("users", ada, displayName="A")
    assert graph.subscriptions.deliver() == [202]
    (told,) = receiver.got
    assert (told["changeType"], told["clientState"], told["resourceData"]["id"]) == ("updated", "state-canary", ada)
    assert "displayName" not in str(told)

    graph.advance(days=1)
    assert graph_client.patch(url, json={"expirationDateTime": until(days=10)}).status_code == 200
    graph.advance(days=9)
    (listed,) = graph_client.get("/v1.0/subscriptions").json()["value"]
    assert listed["clientState"] is None
    assert graph_client.delete(url).status_code == 204
    assert error(graph_client.get(url)) == (404, "ResourceNotFound")

    graph_client.post("/v1.0/subscriptions", json={**asked, "expirationDateTime": until(days=1)})
    graph.advance(days=2)
    assert graph_client.get("/v1.0/subscriptions").json()["value"] == []  # Not renewed in time: gone.
