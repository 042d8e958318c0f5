"""The ways to authenticate an app, one small class each, over azure-identity, which caches and renews the access tokens.

    token = token_source(registration, ClientSecret(secret), "https://graph.microsoft.com/.default")
    token(False)

azure-identity's errors become ours in one place; none of them keeps a secret, and none is kept as a cause.

Sources: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
learn.microsoft.com/entra/identity-platform/reference-error-codes, learn.microsoft.com/python/api/azure-identity.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_integrations.connectors.msgraph.reach import Reach
from airflow_provider_integrations.core.errors import (
    ConfigError,
    ConnectionLostError,
    IntegrationError,
    RateLimitedError,
    TransientError,
)

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["Auth", "Certificate", "ClientSecret", "ManagedIdentity", "Registration", "WorkloadIdentity", "token_source"]

_PAUSE = 30.0
_SAID = {
    16000: "The account or the app is not of this tenant.",
    53003: "A conditional access policy keeps the app out: have it let in.",
    70011: "Correct the scope.",
    90002: "Correct the tenant, or the cloud.",
    500011: "The service is not in this tenant: correct the scope, or add its application.",
    700016: "Correct the client id, or the tenant.",
    700027: "Register this certificate's public part with the app, or give the one that is registered.",
    700213: "No federated credential of the app fits the token's subject: correct one of them.",
    7000112: "The app is disabled: enable it.",
    7000215: "Give the secret's value, and not its id.",
    7000222: "The secret has expired: make a new one.",
}
_BUSY = {90024, 90033, 90055, 90090, 90091}
"""Codes that the page of error codes calls transient or throttling."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The app, and where and how its tokens are asked for.

    Args:
        tenant: Directory that the app is registered in.
        client_id: Application id; empty leaves it to the machine's environment (workload and managed identity).
        authority: Host of the token endpoint.
        known: Whether the authority is one of Microsoft's clouds, so that it can be validated by them.
        reach: As for the service; the proxy is the authority's.
    """

    tenant: str
    client_id: str
    authority: str
    known: bool = True
    reach: Reach = field(default_factory=Reach)

    def options(self) -> dict[str, Any]:
        """What every credential of azure-identity is given that asks this authority."""
        from azure.core.pipeline.transport import RequestsTransport

        given: dict[str, Any] = {
            "authority": self.authority,
            "disable_instance_discovery": not self.known,
            # Without the environment's proxies there are none of `requests` either.
            "transport": RequestsTransport(use_env_settings=self.reach.trusts_environment, **self.line()),
            **self.line(),
        }
        if self.reach.proxy:
            given["proxies"] = {"https": self.reach.proxy}
        return given

    def line(self) -> dict[str, Any]:
        """Patience and trust; azure-identity tries three times, our own pace the rest."""
        return {
            "connection_verify": str(self.reach.ca) if self.reach.ca is not None else True,
            "connection_timeout": self.reach.timeout,
            "read_timeout": self.reach.timeout,
            "retry_total": 2,
            "retry_backoff_factor": 0.2,
        }


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """By a secret of the app registration."""

    secret: str = field(repr=False)

    @property
    def secrets(self) -> list[str]:
        """What no log may show."""
        return [self.secret]

    def credential(self, app: Registration) -> TokenCredential:
        """Of azure-identity."""
        from azure.identity import ClientSecretCredential

        return ClientSecretCredential(app.tenant, app.client_id, self.secret, **app.options())


@dataclass(frozen=True, slots=True)
class Certificate:
    """By a certificate of the app registration, with its private RSA key.

    Args:
        content: PEM text of key and certificate, or the bytes of a PFX file.
        path: File on the worker instead.
        password: Of the key; empty if it has none.
    """

    content: bytes = field(default=b"", repr=False)
    path: str = ""
    password: str = field(default="", repr=False)

    @property
    def secrets(self) -> list[str]:
        """What no log may show."""
        pem = b"-----BEGIN" in self.content
        text = self.content.decode("utf-8", "ignore") if pem else base64.b64encode(self.content).decode()
        return [each for each in (self.password, text) if each]

    def credential(self, app: Registration) -> TokenCredential:
        """Of azure-identity."""
        from azure.identity import CertificateCredential

        return CertificateCredential(
            app.tenant,
            app.client_id,
            self.path or None,
            certificate_data=self.content or None,
            password=self.password or None,
            send_certificate_chain=True,  # Subject name and issuer may be what is registered.
            **app.options(),
        )


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """By the token of another issuer, e.g. of a Kubernetes service account, that the app trusts.

    Args:
        token_file: Where the token is renewed; empty leaves it to `AZURE_FEDERATED_TOKEN_FILE`.
    """

    token_file: str = ""

    @property
    def secrets(self) -> list[str]:
        """None of ours."""
        return []

    def credential(self, app: Registration) -> TokenCredential:
        """Of azure-identity."""
        from azure.identity import WorkloadIdentityCredential

        return WorkloadIdentityCredential(
            tenant_id=app.tenant,
            client_id=app.client_id or None,
            token_file_path=self.token_file or None,
            **app.options(),
        )


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """By the identity of the Azure machine that the worker runs on; the client id names one that a user assigned."""

    @property
    def secrets(self) -> list[str]:
        """None of ours."""
        return []

    def credential(self, app: Registration) -> TokenCredential:
        """Of azure-identity."""
        from azure.identity import ManagedIdentityCredential

        # The machine's own endpoint is asked and no authority: it is near, and no proxy leads to it.
        return ManagedIdentityCredential(client_id=app.client_id or None, **app.line())


Auth = ClientSecret | Certificate | WorkloadIdentity | ManagedIdentity


def token_source(app: Registration, auth: Auth, scope: str) -> Callable[[bool], str]:
    """Gives an access token of the scope; one from the cache, or a fresh one where True is passed.

    Safe to be called by several threads.

    Raises:
        ConfigError: (when called) the app is refused, or what it authenticates with cannot be used.
        TransientError: (when called) the authority cannot be reached or is busy.
    """
    return _Tokens(app, auth, scope)


class _Tokens:
    """One credential with its cache."""

    def __init__(self, app: Registration, auth: Auth, scope: str) -> None:
        self._app, self._auth, self._scope = app, auth, scope
        self._lock = threading.Lock()
        self._credential: TokenCredential | None = None

    def __call__(self, fresh: bool) -> str:
        try:
            with self._lock:
                if self._credential is None or fresh:  # A new credential has an empty cache.
                    self._credential = self._auth.credential(self._app)
                return self._credential.get_token(self._scope).token
        except IntegrationError:
            raise
        except Exception as error:
            failed = _error_of(error, self._app, self._auth)
        raise failed  # Out here, so that the driver's error, whose frames hold secrets, is not its context.


def _error_of(error: Exception, app: Registration, auth: Auth) -> IntegrationError:
    """The one place where errors of azure-identity become ours: codes and statuses alone go over."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError, ServiceResponseError
    from azure.identity import CredentialUnavailableError

    how = {"authority": app.authority, "by": type(auth).__name__}
    chain = _chain(error)
    if lost := next((each for each in chain if isinstance(each, ServiceRequestError | ServiceResponseError)), None):
        if any("CERTIFICATE_VERIFY_FAILED" in str(each) for each in chain):
            return ConfigError(
                "the certificate of the token endpoint is not trusted", **how,
                next_step="Name the certificates of its authority, or correct the host.",
            )  # fmt: skip
        return ConnectionLostError(
            "the token endpoint cannot be reached", error=type(lost).__name__, **how,
            next_step="Check the network, the proxy and the host, and try again.",
        )  # fmt: skip
    if isinstance(error, CredentialUnavailableError):
        return ConfigError(
            "this machine has no such identity", **how,
            next_step="Assign the identity to it, or authenticate in another way.",
        )  # fmt: skip
    response = next((found for each in chain if (found := getattr(each, "response", None)) is not None), None)
    status = getattr(response, "status_code", None)
    found_code = re.search(r"AADSTS([0-9]{4,9})", str(error)) if isinstance(error, ClientAuthenticationError) else None
    code = int(found_code[1]) if found_code else None
    told = {name: value for name, value in (("code", code and f"AADSTS{code}"), ("status", status)) if value}
    if status == 429 or code == 90055:
        return RateLimitedError("the token endpoint asks for a pause", retry_after=_PAUSE, **told, **how)
    if code in _BUSY or (isinstance(status, int) and status >= 500):
        return TransientError("the token endpoint is busy", **told, **how, next_step="Try again later.")
    if code is not None or isinstance(error, ClientAuthenticationError):
        hint = _SAID.get(
            code or 0, "Look the code up in Microsoft's list of AADSTS codes, or in the app's sign-in logs."
        )
        return ConfigError("the app is refused an access token", **told, **how, next_step=hint)
    if isinstance(error, AzureError):
        return TransientError("no access token was given", error=type(error).__name__, **told, **how)
    return _unusable(error, auth, how)


def _unusable(error: Exception, auth: Auth, how: dict[str, str]) -> ConfigError:
    """What azure-identity could not even begin with; its own text may quote a key."""
    file = next((Path(each) for each in (getattr(auth, "path", ""), getattr(auth, "token_file", "")) if each), None)
    step = "Give what this way to authenticate needs."
    if isinstance(auth, Certificate):
        step = "Give a certificate with its private RSA key, as PEM or PFX, and the password of the key."
    if isinstance(auth, WorkloadIdentity):
        step = "Name the file with the federated token, and the client id, here or in the environment of the worker."
    shown = {"file": str(file)} if file is not None else {}
    return ConfigError("no access token can be asked for", error=type(error).__name__, **shown, **how, next_step=step)


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found
