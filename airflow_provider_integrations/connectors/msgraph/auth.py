"""The ways to authenticate an app, one small class each, over azure-identity, which caches and renews the access tokens.

    token = token_source(registration, ClientSecret(secret), "https://graph.microsoft.com/.default")
    token(False)

Sources: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
learn.microsoft.com/python/api/overview/azure/identity-readme.
"""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_provider_integrations.connectors.msgraph.reach import Reach
from airflow_provider_integrations.connectors.msgraph.token_errors import token_error
from airflow_provider_integrations.core.backoff import retry_after
from airflow_provider_integrations.core.errors import IntegrationError
from airflow_provider_integrations.system import utc_now

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["Auth", "Certificate", "ClientSecret", "ManagedIdentity", "Registration", "WorkloadIdentity", "token_source"]

Heard = Callable[[Any], None]

_LONGEST = 3600.0
_KEPT = 32


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

    def options(self, heard: Heard) -> dict[str, Any]:
        """What every credential of azure-identity is given that asks this authority."""
        from azure.core.pipeline.transport import RequestsTransport

        given: dict[str, Any] = {
            "authority": self.authority,
            "disable_instance_discovery": not self.known,
            # Without the environment's proxies there are none of `requests` either.
            "transport": RequestsTransport(use_env_settings=self.reach.trusts_environment, **self.line(heard)),
            **self.line(heard),
            # Its own retries would sleep as long as a server says, beyond the budget of the run.
            "retry_total": 0,
        }
        if self.reach.proxy:
            given["proxies"] = {"https": self.reach.proxy}
        return given

    def line(self, heard: Heard) -> dict[str, Any]:
        """Patience and trust; `heard` is told of every answer, since not every error says which it was."""
        return {
            "connection_verify": str(self.reach.ca) if self.reach.ca is not None else _system_trust(),
            "connection_timeout": self.reach.timeout,
            "read_timeout": self.reach.timeout,
            "raw_response_hook": heard,
        }


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """By a secret of the app registration."""

    secret: str = field(repr=False)

    @property
    def secrets(self) -> list[str]:
        """What no log may show."""
        return [self.secret]

    def credential(self, app: Registration, heard: Heard) -> TokenCredential:
        """Of azure-identity."""
        from azure.identity import ClientSecretCredential

        return ClientSecretCredential(app.tenant, app.client_id, self.secret, **app.options(heard))


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

    def credential(self, app: Registration, heard: Heard) -> TokenCredential:
        """Of azure-identity."""
        from azure.identity import CertificateCredential

        return CertificateCredential(
            app.tenant,
            app.client_id,
            self.path or None,
            certificate_data=self.content or None,
            password=self.password or None,
            send_certificate_chain=True,  # Subject name and issuer may be what is registered.
            **app.options(heard),
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

    def credential(self, app: Registration, heard: Heard) -> TokenCredential:
        """Of azure-identity."""
        from azure.identity import WorkloadIdentityCredential

        return WorkloadIdentityCredential(
            tenant_id=app.tenant,
            client_id=app.client_id or None,
            token_file_path=self.token_file or None,
            **app.options(heard),
        )


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """By the identity of the Azure machine that the worker runs on; the client id names one that a user assigned."""

    @property
    def secrets(self) -> list[str]:
        """None of ours."""
        return []

    def credential(self, app: Registration, heard: Heard) -> TokenCredential:
        """Of azure-identity."""
        from azure.identity import ManagedIdentityCredential

        # The machine's own endpoint is asked and no authority: it is near, and no proxy leads to it.
        return ManagedIdentityCredential(client_id=app.client_id or None, **app.line(heard))


Auth = ClientSecret | Certificate | WorkloadIdentity | ManagedIdentity


@lru_cache(maxsize=_KEPT)
def token_source(app: Registration, auth: Auth, scope: str) -> Callable[[bool], str]:
    """Gives an access token of the scope; one from the cache, or a fresh one where True is passed.

    Safe to be called by several threads. One process has one for each app, so that a trigger which looks every minute does
    not ask for a token every minute.

    Raises:
        ConfigError: (when called) the app is refused, or what it authenticates with cannot be used.
        TransientError: (when called) the authority cannot be reached or is busy.
    """
    return _Tokens(app, auth, scope)


def _system_trust() -> str | bool:
    """The system's authorities, as for the service itself: `requests` would take those of a package of its own."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True


class _Tokens:
    """One credential with its cache."""

    def __init__(self, app: Registration, auth: Auth, scope: str) -> None:
        self._app, self._auth, self._scope = app, auth, scope
        self._lock = threading.Lock()
        self._credential: TokenCredential | None = None
        self._status, self._pause = 0, 0.0

    def __call__(self, fresh: bool) -> str:
        try:
            with self._lock:
                if self._credential is None or fresh:  # A new credential has an empty cache.
                    self._credential = self._auth.credential(self._app, self._hear)
                return self._credential.get_token(self._scope).token
        except IntegrationError:
            raise
        except Exception as error:
            failed = token_error(error, self._status, self._pause, self._how())
        raise failed  # Out here, so that the driver's error, whose frames hold secrets, is not its context.

    def _how(self) -> dict[str, str]:
        file = getattr(self._auth, "path", "") or getattr(self._auth, "token_file", "")
        how = {"authority": self._app.authority, "by": type(self._auth).__name__}
        return {**how, "file": file} if file else how

    def _hear(self, answer: Any) -> None:
        """Keep what the last answer was; an answer that MSAL gives again from its cache comes by no line."""
        response = answer.http_response
        self._status = response.status_code
        asked = response.headers.get("Retry-After")
        self._pause = retry_after(asked, now=utc_now(), longest=_LONGEST).seconds or 0.0
