"""Access tokens: what an app registration gets from the token endpoint, and whether a request may enter with it.

Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (secret, certificate and
federated credential; error answers), https://learn.microsoft.com/entra/identity-platform/certificate-credentials (the
assertion), https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference (managed
identity), https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.fakes.graph.messages import Request, Response, graph_error

__all__ = ["App", "Identity"]

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class App:
    """An app registration.

    Args:
        certificates: PEM certificates that its assertions may be signed with.
        federated: Assertions of another issuer that are taken as they are (workload identity).
        managed_secret: What a managed identity sends as `X-IDENTITY-HEADER`.
    """

    tenant: str = "11111111-2222-4333-8444-555555555555"
    client_id: str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
    secret: str = "graph-secret-canary"
    certificates: list[bytes] = field(default_factory=list)
    federated: set[str] = field(default_factory=set)
    managed_secret: str = "managed-canary"


@dataclass
class Identity:
    """The tenant's token endpoint; `lifetime` is what the next access token gets."""

    now: Callable[[], datetime]
    opaque: Callable[[str], str]
    app: App = field(default_factory=App)
    lifetime: timedelta = timedelta(seconds=3599)
    given: dict[str, datetime] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)

    def issue(self) -> str:
        """An access token, as text that says nothing."""
        token = "eyJ" + self.opaque(f"access:{len(self.given)}")
        self.given[token] = self.now() + self.lifetime
        return token

    def expire(self) -> None:
        """No access token given so far is good any more."""
        self.given = dict.fromkeys(self.given, self.now() - timedelta(seconds=1))

    def admit(self, request: Request) -> Response | None:
        """Nothing if the request may enter, and otherwise 401 as https://learn.microsoft.com/graph/errors says."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        challenge = {
            "WWW_Authenticate": 'Bearer realm="", authorization_uri="https://login.test/common/oauth2/authorize"'
        }
        if scheme.lower() != "bearer" or not token:
            return graph_error(401, "InvalidAuthenticationToken", "Access token is empty.", **challenge)
        if token not in self.given:
            return graph_error(401, "InvalidAuthenticationToken", "CompactToken validation failed.", **challenge)
        if self.given[token] <= self.now():
            said = "Lifetime validation failed, the token is expired."
            return graph_error(401, "InvalidAuthenticationToken", said, **challenge)
        return None

    def answer(self, request: Request, base: str) -> Response:
        """The endpoints of the login host: token, OpenID configuration, managed identity."""
        authority = f"{base}/{self.app.tenant}"
        if request.path == "/msi/token":
            return self._managed(request)
        if request.path == f"/{self.app.tenant}/v2.0/.well-known/openid-configuration":
            return Response(body={
                "issuer": f"{authority}/v2.0",
                "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
                "token_endpoint": f"{authority}/oauth2/v2.0/token",
            })  # fmt: skip
        if request.path != f"/{self.app.tenant}/oauth2/v2.0/token":
            return _refuse(400, "invalid_tenant", 90002, "Tenant not found.")
        return self._token(dict(parse_qsl(request.body.decode())), f"{authority}/oauth2/v2.0/token")

    def _token(self, form: dict[str, str], endpoint: str) -> Response:
        if form.get("grant_type") != "client_credentials":
            return _refuse(400, "unsupported_grant_type", 70003, "The grant type is not client_credentials.")
        if form.get("client_id") != self.app.client_id:
            return _refuse(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if not form.get("scope", "").endswith("/.default"):
            return _refuse(400, "invalid_scope", 70011, "The provided value for 'scope' is not valid.")
        if "client_assertion" in form:
            wrong = self._assertion(form, endpoint)
            if wrong:
                return _refuse(401, "invalid_client", 700027, wrong)
        elif form.get("client_secret") != self.app.secret:
            return _refuse(401, "invalid_client", 7000215, "Invalid client secret provided.")
        seconds = int(self.lifetime.total_seconds())
        token = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": self.issue()}
        return Response(body=token, headers={"Cache-Control": "no-store"})

    def _assertion(self, form: dict[str, str], endpoint: str) -> str:
        """What is wrong with a client assertion, or nothing."""
        assertion = form["client_assertion"]
        if form.get("client_assertion_type") != _JWT_BEARER:
            return "client_assertion_type is not jwt-bearer."
        if assertion in self.app.federated:
            return ""
        try:
            header = jwt.get_unverified_header(assertion)
            certificate = next((each for each in self.app.certificates if _thumbprint(each, header)), None)
            if certificate is None:
                return "The certificate with the given thumbprint is not registered."
            claims: dict[str, Any] = jwt.decode(
                assertion,
                x509.load_pem_x509_certificate(certificate).public_key(),  # type: ignore[arg-type]
                algorithms=["RS256", "PS256"],
                audience=endpoint,
                options={
                    "require": ["aud", "exp", "iss", "jti", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                },
            )
        except jwt.PyJWTError as error:
            return f"Client assertion is not valid: {error}."
        if not claims.get("nbf", 0) - 300 <= self.now().timestamp() < claims["exp"]:
            return "Client assertion is not within its valid time range."
        if claims["iss"] != self.app.client_id or claims["sub"] != self.app.client_id:
            return "The issuer and the subject are not the client."
        if claims["jti"] in self.spent:
            return "Client assertion was sent before."
        self.spent.add(claims["jti"])
        return ""

    def _managed(self, request: Request) -> Response:
        options = request.options()
        if request.headers.get("x-identity-header") != self.app.managed_secret or "resource" not in options:
            return Response(400, {"statusCode": 400, "message": "Bad header or resource."})
        until = self.now() + self.lifetime
        return Response(body={
            "access_token": self.issue(), "expires_on": str(int(until.timestamp())), "token_type": "Bearer",
            "resource": options["resource"], "client_id": self.app.client_id,
        })  # fmt: skip


def _thumbprint(certificate: bytes, header: dict[str, Any]) -> bool:
    der = x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER)
    digests = {"x5t#S256": hashlib.sha256(der), "x5t": hashlib.sha1(der, usedforsecurity=False)}
    told = {name: base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=") for name, digest in digests.items()}
    return any(header.get(name, "").rstrip("=") == value for name, value in told.items())


def _refuse(status: int, error: str, number: int, description: str) -> Response:
    return Response(status, {
        "error": error, "error_description": f"AADSTS{number}: {description}", "error_codes": [number],
        "timestamp": "2026-01-01 00:00:00Z", "trace_id": "0", "correlation_id": "0",
    })  # fmt: skip
